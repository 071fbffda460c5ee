"""The ids that a text may mean, without asking the graph. Pure.

    7D…64 hex…, SHA-256:7d…, sha256-7d…, sha256-fQ==, repo@sha256:7d…  ──►  sha256:7d…
    40 hex, git:…                                ──►  gitCommit:…
    pkg:NPM/%40angular/core@1                    ──►  pkg:npm/%40angular/core@1
    1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed         ──►  run:1b9d…
    s3://bucket:raw/orders, prod orders          ──►  dataset:…, job:…

Sizes:  at most SPLITS_MAX ways to cut a namespace from a name
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from wherefrom.errors import Error
from wherefrom.formats import digests, names, purl

SPLITS_MAX: Final = 16
PREFIX_HEX_MIN: Final = 4

_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TYPED: Final = re.compile(r"([A-Za-z][A-Za-z0-9_]*(?:-?[0-9]+)?(?:_[0-9]+)?)[:-](.+)", re.DOTALL)


def exact_ids(text: str) -> list[str]:
    """Ids that ``text`` spells in full, the likeliest first; ``text`` itself is one."""
    found = [text]
    if text.lower().startswith("pkg:"):
        found += _purl_ids(text)
    digest = text.rpartition("@")[2]
    found += _digest_ids(digest)
    if _UUID.fullmatch(text.lower()):
        found.append(names.run_id(text))
    return list(dict.fromkeys(found))


def named_ids(text: str) -> list[str]:
    """Datasets and jobs that ``text`` may mean, cut at each ``:``, ``/`` or space in turn."""
    kind, colon, rest = text.partition(":")
    if colon and kind in ("dataset", "job"):
        text = rest
        kinds = [kind]
    else:
        kinds = ["dataset", "job"]
    found = []
    places = [i for i, c in enumerate(text) if c in ":/ " and 0 < i < len(text) - 1]
    for place in reversed(places[-SPLITS_MAX:]):
        namespace, name = text[:place], text[place + 1 :]
        for made in kinds:
            make = names.dataset_id if made == "dataset" else names.job_id
            found.append(make(namespace, name))
    return list(dict.fromkeys(found))


def prefixes(text: str) -> list[str]:
    """Beginnings of ids that ``text`` may be: digests, commits, runs, versions of a package."""
    found: list[str] = []
    if text.lower().startswith("pkg:"):
        for id in _purl_ids(text):
            found += [id + "@"] if "@" not in id.rpartition("/")[2] else [id + "?", id + "#"]
        return found
    algorithm, hexadecimal = _typed_hex(text.rpartition("@")[2])
    if hexadecimal is not None and len(hexadecimal) >= PREFIX_HEX_MIN:
        if algorithm is not None:
            return [f"{algorithm}:{hexadecimal}"]
        found += [f"{name}:{hexadecimal}" for name in ("sha256", "gitCommit", *digests.STRONG)]
    if re.fullmatch(r"[0-9a-f-]{4,36}", text.lower()):
        found.append(names.run_id(text))
    return list(dict.fromkeys(found))


def _purl_ids(text: str) -> list[str]:
    try:
        read = purl.canonical(text)
    except Error:
        return []
    return list(dict.fromkeys([read.id, read.text]))


def _digest_ids(text: str) -> list[str]:
    algorithm, hexadecimal = _typed_hex(text)
    if hexadecimal is None:
        return _integrity_id(text)
    if algorithm == "gitCommit":
        return [i] if (i := digests.commit_id(hexadecimal)) else []
    algorithms = [algorithm] if algorithm is not None else list(digests.STRONG)
    found = [i for name in algorithms if (i := digests.strong_id(name, hexadecimal))]
    if algorithm is None and (commit := digests.commit_id(hexadecimal)):
        found.append(commit)
    return found


def _typed_hex(text: str) -> tuple[str | None, str | None]:
    """(algorithm or None, lower-case hex or None) of ``sha256:ab``, ``SHA-256:ab``, ``ab``."""
    if _HEX.fullmatch(text):
        return None, text.lower()
    typed = _TYPED.fullmatch(text)
    if typed is None or not _HEX.fullmatch(typed[2]):
        return None, None
    if typed[1].lower() in ("gitcommit", "git", "commit"):
        return "gitCommit", typed[2].lower()
    name = digests.algorithm(typed[1])
    return (name, typed[2].lower()) if name in digests.STRONG else (None, None)


def _integrity_id(text: str) -> list[str]:
    """``sha512-`` and base64, as package locks and browsers write digests."""
    typed = _TYPED.fullmatch(text)
    if typed is None:
        return []
    try:
        raw = base64.b64decode(typed[2], validate=True)
    except (binascii.Error, ValueError):
        return []
    made = digests.strong_id(typed[1], raw.hex())
    return [made] if made else []

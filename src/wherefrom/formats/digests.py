"""Digests and commits as node ids: one spelling for each.

    {"sha256": "AB…"} (in-toto)   ──►  sha256:ab…
    "SHA-256" / "SHA256" (SBOMs)  ──►  sha256:…
    {"gitCommit": "…"}            ──►  gitCommit:…

Only digests that can carry identity become ids: weak ones (md5, sha1 outside git) are kept as
properties by the formats, because two things may share them.

Source: in-toto attestation spec v1, digest_set.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# algorithm → hex digits. The order is the order of preference for the id of a thing.
STRONG: Final[Mapping[str, int]] = {
    "sha256": 64,
    "sha512": 128,
    "sha384": 96,
    "sha3_256": 64,
    "sha3_384": 96,
    "sha3_512": 128,
    "sha512_256": 64,
    "blake2b": 128,
    "blake2s": 64,
    "blake3": 64,
    "sm3": 64,
}
WEAK: Final = frozenset({"md5", "sha1", "sha224", "ripemd160", "md2", "md4", "md6", "adler32"})
_HEX = re.compile(r"[0-9a-f]+")
_GIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def algorithm(spelling: str) -> str:
    """One name for an algorithm: ``SHA-256``, ``SHA256`` and ``sha256`` are ``sha256``."""
    plain = spelling.lower().replace("-", "_")
    if plain.startswith("sha_"):
        plain = "sha" + plain[4:]
    return plain


def strong_id(spelling: str, value: str) -> str | None:
    """``sha256:ab…`` when the pair is a well-formed strong digest, else None."""
    name, hexadecimal = algorithm(spelling), value.lower()
    if STRONG.get(name) == len(hexadecimal) and _HEX.fullmatch(hexadecimal):
        return f"{name}:{hexadecimal}"
    return None


def commit_id(value: str) -> str | None:
    """``gitCommit:…`` for 40 or 64 hex digits, else None."""
    value = value.lower()
    return f"gitCommit:{value}" if _GIT.fullmatch(value) else None


def ids_of(digest_set: Mapping[str, str]) -> list[str]:
    """Every identity in an in-toto DigestSet, the preferred one first; weak ones left out."""
    found = [strong_id(k, v) for k, v in digest_set.items() if isinstance(v, str)]
    order = list(STRONG)
    ids = sorted((i for i in found if i), key=lambda i: order.index(i.partition(":")[0]))
    commits = (commit_id(digest_set[k]) for k in ("gitCommit",) if k in digest_set)
    return [*(c for c in commits if c), *ids]

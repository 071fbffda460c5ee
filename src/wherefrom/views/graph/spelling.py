"""The texts under which a node can be found, besides its id: all in lower case.

    pkg:golang/github.com/antlr/antlr4@v1   ──►  github.com/antlr/antlr4, antlr4
    dataset:postgres://db:shop.orders       ──►  shop.orders, orders
    https://github.com/octo/app@refs/heads  ──►  octo/app, app
    a name, bin/linux/kubectl               ──►  bin/linux/kubectl, kubectl

    nginx:1.25  ──►  docker.io/library/nginx:1.25      the one spelling of a tag

Digests, commits and runs have no words in them: they are found by id and by prefix.
A change here is a change of the schema (``SCHEMA_VERSION``): a tombstone takes back the texts
that these rules give.

Sizes:  a text is at most 200 characters; longer ones are cut, here and in the question
Source: the defaults of a tag are those of the Docker reference grammar (distribution/reference)
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

from wherefrom.formats import names

TEXT_CHARS_MAX: Final = 200

_TAIL = re.compile(r"[?#].*\Z", re.DOTALL)


def fold_text(text: str) -> str:
    """The spelling that ``names`` holds and a question is asked in."""
    return text.strip().lower()[:TEXT_CHARS_MAX]


def texts_of_id(id: str) -> list[str]:
    """The texts that the id of a node gives by itself."""
    if id.startswith("pkg:"):
        path = _before_version(_TAIL.sub("", id[4:]).partition("/")[2])
        return _unique([unquote(path), unquote(path.rpartition("/")[2])])
    if id.startswith(("dataset:", "job:")):
        try:
            _, _, name = names.split(id)
        except ValueError:
            return []
        return _unique([name, re.split(r"[/.]", name.rstrip("/."))[-1]])
    if "://" in id:
        path = _before_version(_TAIL.sub("", id.partition("://")[2])).strip("/")
        parts = path.split("/")
        return _unique(["/".join(parts[-2:]) if len(parts) > 2 else "", parts[-1]])
    return []


def texts_of_name(name: str) -> list[str]:
    """The texts that a name gives: the whole of it, and what follows its last slash."""
    return _unique([name, name.rstrip("/").rpartition("/")[2]])


def _before_version(path: str) -> str:
    """``path`` up to the version; the ``@`` of an npm scope begins a segment and stays."""
    at = path.rfind("@")
    return path[:at] if at > 0 and path[at - 1] != "/" else path


def _unique(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(folded for t in texts if (folded := fold_text(t))))


def tag_key(name: str) -> str:
    """The one spelling of ``name:tag``: the registry's defaults filled in, the tag as written."""
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        repository, colon, tag = name, "", ""
    repository = repository.lower()
    first, slash, rest = repository.partition("/")
    if not slash:
        repository = f"docker.io/library/{repository}"
    elif first in ("index.docker.io", "docker.io", "registry-1.docker.io"):
        repository = f"docker.io/{rest}" if "/" in rest else f"docker.io/library/{rest}"
    elif "." not in first and ":" not in first and first != "localhost":
        repository = f"docker.io/{repository}"
    return f"{repository}{colon}{tag}"

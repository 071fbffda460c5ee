"""Node ids as PROV's qualified names: ``prefix:local``, where the prefix stands for a namespace.

    sha256:7d…                  sha256:7d…              sha256 is <sha256:>
    pkg:npm/left-pad@1.3.0      pkg:npm/left-pad@1.3.0  pkg is <pkg:>
    git+https://host/owner/r    git_https:host/owner/r  git_https is <git+https://>
    dataset:s3://bucket:raw     wfid:dataset%3As3%3A%2F%2Fbucket%3Araw

An id that is a URI of harmless characters is named by itself: its namespace and local part
together are the id. Any other is percent-encoded below ``urn:wherefrom:id:``. So no two ids share
a name, none needs an escape in any notation of PROV, and no tool can take a ``//`` for a comment.

Source: PROV-N §3.7.1 (QUALIFIED_NAME), §3.2 (comments); RFC 3986 §3.1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

TERMS: Final = "wf"
PROPERTIES: Final = "wfp"
IDS: Final = "wfid"
NAMESPACES: Final[Mapping[str, str]] = {
    TERMS: "urn:wherefrom:term:",
    PROPERTIES: "urn:wherefrom:property:",
    IDS: "urn:wherefrom:id:",
}
# What PROV has bound already, and ``default``, which its JSON keeps for a namespace.
_RESERVED: Final = frozenset({*NAMESPACES, "prov", "xsd", "xsi", "rdf", "rdfs", "default", "_"})
_URI: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9]*(?:\+[A-Za-z0-9]+)*):(?P<slashes>//)?"
    r"(?P<local>(?:[A-Za-z0-9_@~&+*?#$!]|%[0-9A-Fa-f]{2})"
    r"(?:(?:[A-Za-z0-9_@~&+?#$!.-]|%[0-9A-Fa-f]{2}|/(?![/*])|(?<!/)\*)*"
    r"(?:[A-Za-z0-9_@~&+?#$!/-]|%[0-9A-Fa-f]{2}))?)"
)
_SAFE: Final = "@~+$!"


class Names:
    """Qualified names for ids, and the prefixes they need so far."""

    def __init__(self) -> None:
        self.prefixes: dict[str, str] = dict(NAMESPACES)
        self._by_namespace: dict[str, str] = {}

    def of(self, id: str) -> str:
        """The name of a node id."""
        match = _URI.fullmatch(id)
        if match is None or match["scheme"].lower() in _RESERVED or id.startswith("urn:wherefrom:"):
            return f"{IDS}:{encoded(id)}"
        namespace = f"{match['scheme']}:{match['slashes'] or ''}"
        return f"{self._prefix(namespace, match['scheme'])}:{match['local']}"

    def _prefix(self, namespace: str, scheme: str) -> str:
        prefix = self._by_namespace.get(namespace)
        if prefix is None:
            prefix = scheme.replace("+", "_")
            while prefix in self.prefixes:
                prefix += "_"
            self._by_namespace[namespace] = prefix
            self.prefixes[prefix] = namespace
        return prefix


def term(name: str) -> str:
    """The name of a word of ours, such as ``wf:entry``."""
    return f"{TERMS}:{name}"


def property_name(key: str) -> str:
    """The name of an attribute for a property that a record gives."""
    return f"{PROPERTIES}:{encoded(key)}"


def encoded(text: str) -> str:
    """Text as a local part, whatever is in it; never empty."""
    local = quote(text, safe=_SAFE)
    if local[-1:] == ".":
        local = local[:-1] + "%2E"
    if local[:1] in ("-", "."):
        local = f"%{ord(local[0]):02X}{local[1:]}"
    return local or "%5F"  # an underscore is never encoded, so this is nothing else's name

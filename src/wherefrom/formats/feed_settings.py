"""Which feeds of advisories an operator follows: a file in YAML or JSON.

    feeds:
      - {name: ghsa, from: /srv/advisory-database/advisories}
      - {name: pypi, from: "https://osv.example/PyPI/all.zip", every: 1h, ecosystems: [PyPI]}

*from* is a directory, or the address of a file: JSON (a document, an array of them, or an index),
ZIP, or tar. An *index* lists ``id`` and ``modified``; each of its documents is at ``document``, the
same folder's ``{id}.json`` if that is not said. Unknown fields are refused.

Sizes:  FEEDS_MAX feeds · the file 256 KiB
Source: docs/formats/feeds.md
"""

from __future__ import annotations

from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from wherefrom.errors import LimitPassed, Malformed, NotFound
from wherefrom.formats import feed, statement_shape, strict_json, timestamps, yaml_text
from wherefrom.formats.ecosystems import ECOSYSTEMS

FEEDS_MAX: Final = 100
BYTES_MAX: Final = 256 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Feed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feed.

    every       how often to look, for ``--due``
    ecosystems  only advisories about these, by the names that OSV gives them; all if empty
    all         record all advisories, not only those about packages that the log names
    document    where an index has its documents, with ``{id}`` in it
    """

    name: str
    from_: str = msgspec.field(name="from")
    every: str = "1h"
    ecosystems: tuple[str, ...] = ()
    format: Literal["auto", "osv", "csaf", "openvex", "cyclonedx"] = "auto"
    all: bool = False
    document: str = ""

    @property
    def url(self) -> str | None:
        """The address, of a feed that is not a directory."""
        return self.from_ if "://" in self.from_ else None

    @property
    def every_s(self) -> int:
        """``every`` in seconds."""
        return timestamps.duration_s(self.every, where="every")


class Feeds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that are followed."""

    feeds: tuple[Feed, ...] = ()

    def of(self, names: tuple[str, ...]) -> list[Feed]:
        """Those of these names, all if none is given. Raises NotFound."""
        known = {one.name: one for one in self.feeds}
        if missing := [name for name in names if name not in known]:
            raise NotFound(
                "no feed of this name",
                got=missing[0],
                expected=" ".join(known),
                do="Name one of these, or add it to feeds.json",
            )
        return [known[name] for name in names] if names else list(self.feeds)


def parse(content: bytes, *, where: str) -> Feeds:
    """What a file says. Raises Malformed, LimitPassed."""
    if len(content) > BYTES_MAX:
        raise LimitPassed("a file of feeds is too long", where=where, expected=f"{BYTES_MAX} bytes")
    document: Any = strict_json.as_object(yaml_text.decode(content, where=where), where=where)
    do = "docs/formats/feeds.md has every field"
    said = statement_shape.convert(document, Feeds, "feeds", where, do=do)
    if len(said.feeds) > FEEDS_MAX:
        raise LimitPassed("too many feeds", where=where, expected=f"{FEEDS_MAX} at most")
    names = [one.name for one in said.feeds]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Malformed("two feeds with one name", where=where, got=min(twice))
    for at, one in enumerate(said.feeds):
        _check(one, f"{where}.feeds[{at}]")
    return said


def need_safe(url: str, *, where: str) -> None:
    """Raises Malformed for an address that is not ``https``, but for this machine's own."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise Malformed("not an address", where=where, got=url) from error
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        raise Malformed(
            "an address that anybody on the way could change", where=where, expected="https://…",
            got=url,
        )  # fmt: skip


def _check(one: Feed, where: str) -> None:
    if not feed.is_name(one.name):
        raise Malformed("not the name of a feed", where=f"{where}.name", got=one.name)
    timestamps.duration_s(one.every, where=f"{where}.every")
    if unknown := [name for name in one.ecosystems if name not in ECOSYSTEMS]:
        raise Malformed(
            "not an ecosystem", where=f"{where}.ecosystems", got=unknown[0],
            expected="a name that OSV gives one, without its release",
        )  # fmt: skip
    if not one.from_.strip():
        raise Malformed("a feed from nowhere", where=f"{where}.from")
    if one.url is not None:
        need_safe(one.url, where=f"{where}.from")
    if one.document:
        need_safe(one.document.replace("{id}", "x"), where=f"{where}.document")
        if "{id}" not in one.document:
            raise Malformed("an address without {id}", where=f"{where}.document", got=one.document)

"""That a feed of advisories was looked at: which, when, and how much of it the log was given.

    {"feed", "at", "documents", "unread", "recorded", "newest", "covers", "size", "complete"}
        subject: the digest of all documents that it held, so that two looks can be compared

A policy that rests on advisories has to know that none is missing: ``covers`` are the types of
package URLs that the feed speaks of, and ``size`` is up to where the log was searched for packages,
for only advisories about those were recorded, unless ``complete``.

Sizes:  a name 128 characters · TYPES_MAX types
Source: docs/formats/feeds.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import statement_shape, timestamps
from wherefrom.formats.facts import FactsBuilder

PREDICATE_TYPE: Final = "urn:wherefrom:feed:v1"
TYPES_MAX: Final = 200
NODE: Final = "feed:"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Looked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One look at a feed.

    documents  how many it held, after the operator's choice of ecosystems
    unread     how many more there are that are broken; what they say, nobody knows
    recorded   how many of the documents are in the log
    newest     when the newest of them was changed; empty where none says
    covers     what it speaks of, as ``ecosystems.family_of``: ``npm``, ``deb/debian``; sorted
    size       the log's size up to which packages were looked for
    complete   every document was recorded, whatever it is about
    """

    feed: str
    at: str
    documents: int
    recorded: int
    unread: int = 0
    newest: str = ""
    covers: tuple[str, ...] = ()
    size: int = 0
    complete: bool = False


def parse(predicate: Mapping[str, Any], *, where: str = "predicate") -> Looked:
    """Read a predicate. Raises Malformed, LimitPassed."""
    said = statement_shape.convert(predicate, Looked, "a look at a feed", where)
    if not _NAME.fullmatch(said.feed):
        raise Malformed("not the name of a feed", where=f"{where}.feed", got=said.feed)
    if not 0 <= said.recorded <= said.documents or min(said.size, said.unread) < 0:
        raise Malformed("numbers that cannot be", where=where)
    if len(said.covers) > TYPES_MAX:
        raise LimitPassed("too many types", where=f"{where}.covers", expected=str(TYPES_MAX))
    at = timestamps.canonical(said.at, where=f"{where}.at")
    newest = said.newest and timestamps.canonical(said.newest, where=f"{where}.newest")
    return msgspec.structs.replace(said, at=at, newest=newest)


def is_name(text: str) -> bool:
    """Whether a feed may be called so."""
    return _NAME.fullmatch(text) is not None


def to_statement(said: Looked, digest: str) -> bytes:
    """The in-toto statement, canonical; ``digest`` is of all that the feed held."""
    return statement_shape.written(said, PREDICATE_TYPE, {digest: said.feed}, parse)


def add(
    builder: FactsBuilder, predicate: Mapping[str, Any], *, document_id: str, where: str
) -> str:
    """Add what it says to the attestation ``document_id``; when the feed was looked at."""
    said = parse(predicate, where=where)
    builder.node(
        document_id,
        "attestation",
        f"feed {said.feed}",
        {
            "feed": said.feed,
            "documents": said.documents,
            "recorded": said.recorded,
            "unread": said.unread or None,
            "newest": said.newest or None,
            "covers": list(said.covers) or None,
            "searched": said.size,
            "complete": said.complete or None,
        },
    )
    builder.edge(document_id, "describes", builder.node(NODE + said.feed, "resource", said.feed))
    return said.at

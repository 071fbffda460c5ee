"""What a config bundle holds, out of the record that the log has of it.

    digest ──graph──► entries that describe it ──► content ──► the bundle with that digest

Which record says it does not matter: contents that have another digest are no bundle at all.

Sizes:  ENTRIES_MAX records are tried
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from wherefrom.errors import Refused
from wherefrom.formats import config_bundle
from wherefrom.formats.config_bundle import PREDICATE_TYPE, Bundle, SettingChange
from wherefrom.query.statements import predicate_in
from wherefrom.views.graph import Lens, Snapshot

ENTRIES_MAX: Final = 50


def bundle_in(content: bytes) -> Bundle | None:
    """The bundle that a record packs, None for other records. Raises what refuses a bundle."""
    predicate = predicate_in(content, PREDICATE_TYPE)
    return None if predicate is None else config_bundle.parse(predicate)


class Held(NamedTuple):
    """A bundle, and the entry of the record that says what it holds."""

    bundle: Bundle
    entry: int


def recorded(
    graph: Snapshot, lens: Lens, digest: str, content: Callable[[int], bytes | None]
) -> Held | None:
    """The bundle with this digest; None if nobody recorded it, or it is erased.

    content  gives the content of an entry, None if it is erased
    """
    numbers = graph.numbers([digest])
    if digest not in numbers:
        return None
    entries = graph.entries_of(numbers[digest], lens, ENTRIES_MAX)
    judged = graph.judgements(entries, lens)
    for entry in entries:
        if entry not in judged or judged[entry].kind == "event":  # of its activation, most of all
            continue
        written = content(entry)
        if written is not None and (found := _read(written)) and found.digest == digest:
            return Held(found, entry)
    return None


def _read(written: bytes) -> Bundle | None:
    try:
        return bundle_in(written)
    except Refused:  # a newer program took what this one does not
        return None


def keys_apart(a: Iterable[Held | None], b: Iterable[Held | None]) -> list[SettingChange]:
    """How the settings of two sides differ; nothing unless each has one bundle, and it is known."""
    mine, theirs = list(a), list(b)
    if len(mine) != 1 or len(theirs) != 1 or mine[0] is None or theirs[0] is None:
        return []
    return config_bundle.difference(mine[0].bundle, theirs[0].bundle)

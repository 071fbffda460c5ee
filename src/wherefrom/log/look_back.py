"""What intake rules say of records that the log holds: before they bite, and after.

    rules ──┐
    log ────┴──► walk, record by record ──► simulate: how many would get in, rule by rule
                                        └─► marks:    what a rule that only marks was not kept by

A record is asked as it stands now: its content, its sender, and its effective trust, so that a
key which became known since counts. What Wherefrom itself decided is asked nothing.

Sizes:  EXAMPLES_MAX examples a rule · MARKS_MAX marks
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import Entry, Trust
from wherefrom.formats.intake import IntakeRule, digest_of
from wherefrom.formats.own import IntakeRules
from wherefrom.formats.recognise import facts_of
from wherefrom.storage.contracts import Record
from wherefrom.verify.intake import Asked, failing, is_about

LAST_DEFAULT: Final = 1_000
EXAMPLES_MAX: Final = 5
MARKS_MAX: Final = 1_000


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A record that does not keep a rule, as its entry names it; ``trust`` is its trust now."""

    entry: int
    type: str
    producer: str
    trust: str
    says: str


class RuleTold(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: how many records it is about, and how many of them do not keep it."""

    rule: str
    effect: str
    about: int
    failed: int
    examples: list[Example]


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """What records ``first`` to before ``end`` would have got.

    records  how many were asked; ``let_in`` and ``refused`` of them, ``marked`` of those let in
    erased   how many could not be asked: their content is gone
    unread   how many this version cannot read any more
    digest   of the rules
    """

    first: int
    end: int
    records: int
    let_in: int
    refused: int
    marked: int
    erased: int
    unread: int
    digest: str
    rules: list[RuleTold]


class MarkedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A record in the log that does not keep a rule with the effect ``mark``."""

    rule: str
    version: int
    example: Example


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """The marks of records ``first`` to before ``end``; ``truncated`` if there are more."""

    first: int
    end: int
    marks: list[MarkedEntry]
    truncated: bool


class StoredLog(Protocol):
    """The little of a log that is read here."""

    @property
    def size(self) -> int: ...

    def entries(self, first: int, limit: int) -> Iterator[bytes]: ...

    def record(self, index: int) -> Record: ...


class _Heard(NamedTuple):
    """The record at index ``at``, from outside; if it is gone or unread, nothing is ``asked``."""

    at: int
    entry: Entry
    asked: Asked | None
    unread: bool


class Range(NamedTuple):
    """Entries ``first`` to before ``end``."""

    first: int
    end: int


class Over(NamedTuple):
    """Which entries: those received from ``since`` on, or the ``last``, by default LAST_DEFAULT."""

    since: str | None = None
    last: int | None = None
    entries_max: int | None = None


def chosen(log: StoredLog, over: Over) -> Range:
    """The entries that are meant. Raises Malformed for two beginnings or a negative number,
    LimitPassed for more than ``entries_max``."""
    size, (since, last, entries_max) = log.size, over
    if since is not None and last is not None:
        raise Malformed("two beginnings", where="since, last", expected="one of them")
    if last is not None and last < 0:
        raise Malformed("not a number of entries", where="last", expected="0 or more", got=last)
    if since is None:
        first = max(0, size - (LAST_DEFAULT if last is None else last))
    else:
        first = bisect_left(range(size), since, key=lambda index: _received(log, index))
    if entries_max is not None and size - first > entries_max:
        raise LimitPassed(
            "too far back to look at here",
            where="since, last", expected=f"{entries_max} entries", got=size - first,
            do="On the server's own machine, with --data, there is no limit",
        )  # fmt: skip
    return Range(first, size)


def _received(log: StoredLog, index: int) -> str:
    return entries.read_stored(next(iter(log.entries(index, index + 1)))).received


def simulate(
    rules: Sequence[IntakeRule],
    log: StoredLog,
    over: Range,
    *,
    verdicts: Mapping[int, Trust],
) -> Simulated:
    """What the records of ``over`` would have got under ``rules``."""
    about = dict.fromkeys((rule.name for rule in rules), 0)
    failed = dict(about)
    examples: dict[str, list[Example]] = {rule.name: [] for rule in rules}
    records = refused = marked = erased = unread = 0
    for heard in _walk(log, over, verdicts):
        if heard.asked is None:
            unread += heard.unread
            erased += not heard.unread
            continue
        records += 1
        for rule in rules:
            about[rule.name] += is_about(rule, heard.asked)
        effects = set()
        for rule, example in _failing(rules, heard.asked, heard):
            effects.add(rule.effect)
            failed[rule.name] += 1
            if len(examples[rule.name]) < EXAMPLES_MAX:
                examples[rule.name].append(example)
        refused += "refuse" in effects
        marked += effects == {"mark"}
    return Simulated(
        first=over.first,
        end=over.end,
        records=records,
        let_in=records - refused,
        refused=refused,
        marked=marked,
        erased=erased,
        unread=unread,
        digest=digest_of(rules),
        rules=[
            RuleTold(
                rule=rule.name,
                effect=rule.effect,
                about=about[rule.name],
                failed=failed[rule.name],
                examples=examples[rule.name],
            )
            for rule in rules
        ],
    )


def marks(
    history: Sequence[tuple[int, IntakeRules]],
    log: StoredLog,
    over: Range,
    *,
    verdicts: Mapping[int, Trust],
) -> Marked:
    """What of ``over`` does not keep the rules that only mark, as they were when it came.

    history  every rule set, and the entry that said it, oldest first
    """
    found: list[MarkedEntry] = []
    for heard in _walk(log, over, verdicts):
        before = bisect_left(history, heard.at, key=lambda said: said[0])
        if heard.asked is None or before == 0:
            continue
        said = history[before - 1][1]
        marking = [rule for rule in said.rules if rule.effect == "mark"]
        for rule, example in _failing(marking, heard.asked, heard):
            if len(found) == MARKS_MAX:
                return Marked(first=over.first, end=over.end, marks=found, truncated=True)
            found.append(MarkedEntry(rule=rule.name, version=said.version, example=example))
    return Marked(first=over.first, end=over.end, marks=found, truncated=False)


def _failing(
    rules: Sequence[IntakeRule], asked: Asked, heard: _Heard
) -> Iterator[tuple[IntakeRule, Example]]:
    for rule, why in failing(rules, asked):
        yield (
            rule,
            Example(
                entry=heard.at,
                type=heard.entry.type,
                producer=asked.producer,
                trust=asked.trust.level,
                says=str(why),
            ),
        )


def _walk(log: StoredLog, over: Range, verdicts: Mapping[int, Trust]) -> Iterator[_Heard]:
    for index, written in enumerate(log.entries(over.first, over.end), start=over.first):
        entry = entries.read_stored(written, where=f"entry {index}")
        if entry.trust.level == "self":
            continue
        content = log.record(index).content
        asked, unread = None, False
        if content is not None:
            try:
                trust = verdicts.get(index) or entry.trust
                asked = Asked(facts=facts_of(content), trust=trust, producer=entry.producer)
            except Refused:
                unread = True
        yield _Heard(index, entry, asked, unread)

"""Which entries a report is about: a question and a log below a size, nothing else.

    scope ──► ids: what a trace up and down rests on · key:… · kind:… · none: everything
      └─► of those, received from ``since`` to before ``until``
      └─► and what they cannot be judged without: entry 0, every change of keys and rules, and the
          verdicts and erasures that speak of them

No clock, no random, no bound in seconds: asked again of the same log, it is the same answer.

Source: docs/formats/audit-report.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from wherefrom.errors import Error, Malformed, NotFound, Unavailable
from wherefrom.formats import dsse, own, strict_json
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import Entry
from wherefrom.formats.own import Decision, Tombstone, Verdict
from wherefrom.log.reader import LogReader
from wherefrom.query.answers import MissingLink
from wherefrom.query.desk import Desk, TraceOptions
from wherefrom.query.walk import DEPTH_MAX

# What every judgement rests on, so a report holds all of it.
_RULES: Final = frozenset({"genesis", "key", "policy"})


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is about.

    scope         ids, ``key:ID`` or ``kind:KIND``; none: everything
    since, until  by when the log took it, as entries write times; None: no bound
    """

    scope: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None


class Selected(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    entries    every entry of the report, by index; ``asked`` are those the question is about
    decisions  what Wherefrom's own records among them say
    found      id → the ids that the scope meant by it, for those that are ids
    cut        ids whose trace reached a bound, and which
    missing    links that ought to be in the traces up of those ids, and are not
    unseen     erased entries that the traces may have led to, had they still said what they said
    """

    entries: dict[int, Entry]
    asked: frozenset[int]
    decisions: dict[int, Decision]
    found: dict[str, list[str]]
    cut: dict[str, str]
    missing: list[MissingLink]
    unseen: list[int]


def select(log: LogReader, desk: Desk, question: Question, *, size: int) -> Selected:
    """The entries below ``size`` that the report holds. Raises NotFound, Ambiguous for a scope that
    the log does not know, Malformed for times in the wrong order."""
    if question.since and question.until and question.since >= question.until:
        raise Malformed(
            "no time lies between these",
            where="--since, --until",
            expected="since before until",
            got=f"{question.since}, {question.until}",
        )
    missing: dict[tuple[str, str], MissingLink] = {}
    erased: set[int] = set()
    traced, found, cut = _traced(desk, question, missing, erased, size=size)
    asked: set[int] = set()
    rules: dict[int, Entry] = {}
    later: dict[int, tuple[Entry, Decision]] = {}
    kept: dict[int, Entry] = {}
    for index, written in enumerate(log.entries(0, size)):
        read = entries.read_stored(written, where=f"entry {index}")
        if read.trust.level == "self":
            if read.kind in _RULES:
                rules[index] = read
            elif read.kind in ("verdict", "tombstone"):
                decision = decision_of(log, index)
                if decision is not None:
                    later[index] = read, decision
            elif not question.scope and _in_time(read, question):
                asked.add(index)
                kept[index] = read
        elif _in_time(read, question) and _in_scope(index, read, question, traced):
            asked.add(index)
            kept[index] = read
    kept |= rules
    for index, (read, said) in later.items():
        if isinstance(said, Verdict | Tombstone) and said.entry in kept:
            kept[index] = read
    made = {i: d for i in kept if kept[i].trust.level == "self" and (d := decision_of(log, i))}
    return Selected(
        entries=dict(sorted(kept.items())),
        asked=frozenset(asked),
        decisions=dict(sorted(made.items())),
        found=found,
        cut=cut,
        missing=[missing[key] for key in sorted(missing)],
        unseen=sorted(erased - kept.keys()),
    )


def decision_of(log: LogReader, index: int) -> Decision | None:
    """What a record of Wherefrom's own says; None if it is gone or of a later version."""
    content = log.record(index).content
    if content is None:
        return None
    try:
        envelope = dsse.parse(strict_json.as_object(strict_json.decode(content), where=""))
        return own.parse_payload(envelope.payload_type, envelope.payload)
    except Error:
        return None


def _in_time(read: Entry, question: Question) -> bool:
    return (question.since is None or read.received >= question.since) and (
        question.until is None or read.received < question.until
    )


def _in_scope(index: int, read: Entry, question: Question, traced: set[int]) -> bool:
    if not question.scope or index in traced:
        return True
    return any(
        (kind == "kind" and read.kind == value)
        or (kind == "key" and any(s.startswith(value) for s in read.trust.signers))
        for kind, _, value in (scope.partition(":") for scope in question.scope)
    )


def _traced(
    desk: Desk,
    question: Question,
    missing: dict[tuple[str, str], MissingLink],
    erased: set[int],
    *,
    size: int,
) -> tuple[set[int], dict[str, list[str]], dict[str, str]]:
    """Entries on which the traces of the ids rest, both ways, and what each id meant."""
    found: dict[str, list[str]] = {}
    traced: set[int] = set()
    cut: dict[str, str] = {}
    for scope in question.scope:
        if is_filter(scope):
            continue
        ids: Sequence[str] = ()
        for direction in ("up", "down"):
            options = TraceOptions(direction=direction, depth=DEPTH_MAX, as_of=size, own=True)
            answer = desk.trace(scope, options)
            ids = answer.starts
            if answer.reason == "time":  # how far it came depends on the machine
                raise Unavailable(
                    "the trace of this takes too long to be the same another time",
                    where=scope,
                    do="Ask about something nearer: --scope of one of its parts",
                )
            if answer.reason is not None:
                cut[scope] = f"{direction}, at the bound of {answer.reason}"
            erased.update(answer.erased)
            if direction == "up":
                missing |= {(gap.node, gap.missing): gap for gap in answer.gaps}
            for edge in answer.edges:
                traced.update(edge.entries)
        shown = desk.show(scope, TraceOptions(as_of=size))
        traced.update(record.entry for match in shown.matches for record in match.records)
        found[scope] = list(ids)
    if question.scope and not found and not any(map(is_filter, question.scope)):
        raise NotFound(
            "nothing of this scope is in the log",
            got=" ".join(question.scope),
            do="wherefrom find looks for its parts",
        )
    return traced, found, cut


def is_filter(scope: str) -> bool:
    """Is this ``key:k:…`` or ``kind:…``, and no id?"""
    return scope.startswith(("kind:", "key:k:"))

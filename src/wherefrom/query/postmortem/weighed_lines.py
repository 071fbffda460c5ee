"""What was judged of what ran, as a report tells it: lines, and what let the cause in.

    Weighed ─┬─► canary · exception: asked for, answered, used, over ──► lines of the timeline
             ├─► the exceptions by which what is held for the cause came in
             └─► how its canary went

Sizes:  LINES_MAX lines, those of the known first, then the newest
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from wherefrom.formats.canary import FAIL, PASS
from wherefrom.formats.shown import cut
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.clocks import happened
from wherefrom.query.postmortem.timeline import CANARY, EXCEPTION
from wherefrom.query.postmortem.weighed import Excepted, Tested, Used, Weighed, let_in, worst
from wherefrom.query.postmortem_answers import Happened, LetIn, Tried
from wherefrom.query.same import TRUSTED
from wherefrom.views.graph import Judgement

LINES_MAX: Final = 100
_REASON_CHARS: Final = 200
_RULES_MAX: Final = 5
_MICROS: Final = 1_000_000
_WENT: Final = {PASS: "passed", FAIL: "failed"}


class Culprit(NamedTuple):
    """What is held for the cause: its digest, how it is called, where and when it came."""

    thing: str
    called: str
    service: str
    began: int


class Frame(NamedTuple):
    """What of it is told; times in microseconds.

    since, until  the window of the timeline; ``now`` when the newest record came
    called        how a thing is called, and of which service it is
    culprits      what is held for the cause, the likeliest first: their canaries are told if they
                  were before
    """

    environment: str
    since: int
    until: int
    now: int
    called: Callable[[str], tuple[str, str]]
    culprits: Sequence[Culprit]


def lines(found: Weighed, frame: Frame) -> list[Happened]:
    """The lines, in no order that matters."""
    rows = [row for one in found.tested for row in _of_canary(one, frame)]
    for one in found.excepted:
        if one.began <= frame.until and one.ends >= frame.since:
            rows += [row for row in _of_exception(one, frame) if micros(row.at) <= frame.until]
    rows.sort(key=lambda row: (row.trust in TRUSTED, row.at, row.entry), reverse=True)
    return rows[:LINES_MAX]


def told(found: Weighed, frame: Frame) -> list[LetIn]:
    """The exceptions that let in what is held for the cause: each once, with all its rules."""
    return [
        _let_in(one, uses, it, found.held)
        for it in frame.culprits
        for one, uses in let_in(found, it.thing, it.began)
    ]


def tried(found: Weighed, frame: Frame, *, detected: int) -> Tried | None:
    """How the canary of what is held for the cause went last; a stranger's word if no other."""
    some = [
        one
        for one in found.tested
        if any(_is_of(one, it) for it in frame.culprits[:1])
        and micros(happened(one.by)) <= detected
    ]
    last = max(
        some,
        key=lambda one: (one.by.level in TRUSTED, happened(one.by), one.by.entry),
        default=None,
    )
    if last is None:
        return None
    return Tried(
        verdict=last.said.verdict, at=happened(last.by), says="; ".join(worst(last.said)),
        entry=last.by.entry, trust=last.by.level, signers=last.by.signers,
    )  # fmt: skip


def _is_of(one: Tested, it: Culprit) -> bool:
    return it.thing in (one.said.canary.artifact, *(apart.value for apart in one.said.apart))


def _of_canary(one: Tested, frame: Frame) -> Iterator[Happened]:
    at = micros(happened(one.by))
    before = any(_is_of(one, it) for it in frame.culprits)
    if at > frame.until or (at < frame.since and not before):
        return
    went = _WENT.get(one.said.verdict, "is undecided")
    because = "; ".join(worst(one.said))
    yield _row(
        one.by, CANARY, f"canary of {cut(one.said.service, 40)} {went}"
        + (f": {because}" if because else "") + f" ({cut(one.said.canary.where, 60)})",
        frame, service=one.said.service, after=one.said.verdict,
    )  # fmt: skip


def _of_exception(one: Excepted, frame: Frame) -> Iterator[Happened]:
    """One exception from its beginning to its end."""
    things = [frame.called(thing) for thing in one.things]
    service = things[0][1] if things else ""
    what = ", ".join(cut(name, 60) for name, _ in things[:3]) or "all that the policy judges"
    reason = cut(one.said.reason, _REASON_CHARS)
    until = f"until {one.said.until[:19]}Z"
    glass = one.said.stage == "break_glass"
    how = "glass broken" if glass else "exception asked for"
    yield _row(
        one.by, EXCEPTION, f"{how}: {_rules(one.said.rules)} need not hold for {what} {until}: "
        f"{reason}", frame, service=service,
    )  # fmt: skip
    for answer in one.answers:
        why = cut(answer.said.reason, _REASON_CHARS)
        yield _row(
            answer.by, EXCEPTION, f"exception of entry {one.by.entry} {answer.said.stage}"
            + (f": {why}" if why else ""), frame, service=service,
        )  # fmt: skip
    for use in one.uses:
        yield _row(
            use.by, EXCEPTION, f"{cut(frame.called(use.thing)[0], 60)} was let in by the exception "
            f"of entry {one.by.entry}: {_rules((use.rule,))} did not hold", frame, service=service,
        )  # fmt: skip
    ends = micros(one.said.until)
    if one.ends == ends and one.began < ends <= frame.now:
        answered = glass or any(a.said.stage in ("approved", "refused") for a in one.answers)
        says = f"exception of entry {one.by.entry} is over" + ("" if answered else ", unanswered")
        row = _row(one.by, EXCEPTION, says, frame, service=service)
        yield msgspec.structs.replace(row, at=of_micros(ends), late_s=0.0)


def _rules(rules: Sequence[str]) -> str:
    named = ", ".join(cut(rule, 40) for rule in rules[:_RULES_MAX])
    more = f" and {len(rules) - _RULES_MAX} more" if len(rules) > _RULES_MAX else ""
    return f"rule{'s' * (len(rules) > 1)} {named}{more}"


def _row(
    by: Judgement, what: str, says: str, frame: Frame, *, service: str, after: str | None = None
) -> Happened:
    at = happened(by)
    return Happened(
        at=at, known=by.received, late_s=(micros(by.received) - micros(at)) / _MICROS, what=what,
        says=says, environment=frame.environment, service=service, after=after, entry=by.entry,
        trust=by.level, signers=by.signers,
    )  # fmt: skip


def _let_in(
    one: Excepted, uses: Sequence[Used], it: Culprit, held: Collection[tuple[str, str]]
) -> LetIn:
    asked = [rule for rule in one.said.rules if (it.thing, rule) not in held]
    rules = [use.rule for use in uses] or asked
    approving = one.approving
    entries = [one.by.entry, *(a.by.entry for a in approving), *(u.by.entry for u in uses)]
    return LetIn(
        what=it.called, service=it.service, since=of_micros(it.began),
        rules=list(dict.fromkeys(rules)),
        remedy="; ".join(dict.fromkeys(filter(None, (use.remedy for use in uses)))),
        entry=one.by.entry, asked=happened(one.by), until=one.said.until, reason=one.said.reason,
        by=tuple(sorted({signer for a in approving for signer in a.by.signers})),
        break_glass=one.said.stage == "break_glass",
        verdict=uses[0].by.entry if uses else None, entries=sorted(set(entries)),
    )  # fmt: skip

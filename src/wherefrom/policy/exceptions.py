"""Whether somebody may be let in although a rule does not hold: asked for, and granted by others.

    request ◄── answers of those whom the policy names ──► Excused until …, or nothing

An exception counts for the rules, the place and the time it was asked for, and no longer than the
policy lets one last. Whoever asks does not answer. Of each who answers the last word counts; who
asked, and each who may answer, can end it. Broken glass needs nobody else's word, and is told with
every answer that it touched.

Source: docs/formats/exception.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wherefrom.errors import Refused
from wherefrom.formats.exception import EVERYWHERE, Exceptional, parse
from wherefrom.formats.policy import Exceptions, Policy, Signer
from wherefrom.formats.timestamps import duration_s, micros
from wherefrom.policy.checks import Case
from wherefrom.policy.counting import is_by, who
from wherefrom.policy.verdict import Excused
from wherefrom.query.dossier import Evidence
from wherefrom.query.same import TRUSTED

_SECOND = 1_000_000


class Word(NamedTuple):
    """One record about an exception, and what it says."""

    one: Evidence
    said: Exceptional


class Granted(NamedTuple):
    """An exception that counts, and the records that make it count."""

    excused: Excused
    entries: tuple[int, ...]


def words_of(evidence: Iterable[Evidence]) -> list[Word]:
    """What is said of exceptions by anybody known, oldest first."""
    found = []
    for one in evidence:
        if one.kind != "exception" or one.trust not in TRUSTED or one.predicate is None:
            continue
        try:
            found.append(Word(one, parse(one.predicate)))
        except Refused:  # a newer program's: it excepts nobody here
            continue
    return sorted(found, key=lambda word: (word.one.said, word.one.entry))


def granted(rule: str, policy: Policy, case: Case, words: list[Word]) -> Granted | None:
    """The exception from ``rule`` that ends last, if one counts."""
    terms = policy.exceptions
    if terms is None or rule in terms.never:
        return None
    found = [
        one
        for word in words
        if _is_for(word.said, rule, policy, case)
        if (one := _counts(word, terms, case, words)) is not None
    ]
    return max(found, key=lambda one: (one.excused.until, one.excused.entry), default=None)


def _is_for(said: Exceptional, rule: str, policy: Policy, case: Case) -> bool:
    return (
        rule in said.rules
        and said.environment in (EVERYWHERE, case.environment)
        and said.policy in ("", policy.name)
    )


def _counts(word: Word, terms: Exceptions, case: Case, words: list[Word]) -> Granted | None:
    one, said = word
    ends = micros(said.until)
    if not micros(one.said) <= case.at < ends:
        return None
    answers = [other for other in words if other.said.request == one.document]
    if any(
        other.said.stage == "withdrawn"
        and (set(who(other.one)) & set(who(one)) or is_by(other.one, terms.by))
        for other in answers
    ):
        return None
    lasts_s = (ends - micros(one.said)) / _SECOND
    if said.stage == "break_glass":
        glass = terms.break_glass
        if glass is None or not is_by(one, glass.by):
            return None
        if lasts_s > duration_s(glass.longest, where="break_glass.longest"):
            return None
        return _granted(word, who(one), [], break_glass=True)
    if lasts_s > duration_s(terms.longest, where="longest"):
        return None
    yes = dict(_approving(one, answers, terms.by))
    if len(yes) < terms.approvals:
        return None
    return _granted(word, list(yes), [*yes.values()], break_glass=False)


def _approving(
    asked: Evidence, answers: list[Word], by: tuple[Signer, ...]
) -> Iterator[tuple[str, Evidence]]:
    """Who approves, with the record of it, by the last word of each; never who asked."""
    last: dict[str, Word] = {}
    for word in answers:
        if word.said.stage in ("approved", "refused") and is_by(word.one, by):
            for name in who(word.one, by):
                # As with approvals: a no is taken back by what is later by clock and by log.
                before = last.get(name)
                if (
                    before is None
                    or before.said.stage == "approved"
                    or word.one.entry > before.one.entry
                ):
                    last[name] = word
    for name, word in last.items():
        if word.said.stage == "approved" and not set(who(word.one)) & set(who(asked)):
            yield name, word.one


def _granted(word: Word, by: list[str], answers: list[Evidence], *, break_glass: bool) -> Granted:
    used = [word.one, *answers]
    excused = Excused(
        entry=word.one.entry,
        until=word.said.until,
        reason=word.said.reason,
        by=tuple(sorted(by)),
        break_glass=break_glass,
    )
    return Granted(excused, tuple(e for one in used for e in (one.entry, *one.links)))

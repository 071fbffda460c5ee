"""May this come in? Every rule that is about a record must hold.

    rule: about this record?  ──no──► nothing to say
              └yes─► least, only hold? ──no──► refuse: NotAllowed · mark: let in, and told later

``need_let_in`` is asked at the door, by the recorder and by every judge; ``failing`` by whoever
looks back: a simulation, or the list of marks.

Source: docs/formats/intake-rules.md
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from wherefrom.errors import NotAllowed
from wherefrom.formats.entry import LEVELS, Trust
from wherefrom.formats.facts import Facts, environments, subjects
from wherefrom.formats.intake import IntakeRule
from wherefrom.formats.patterns import any_matches

_RANK: Final = {level: rank for rank, level in enumerate(LEVELS)}


class Asked:
    """What rules ask of one record, each looked up once and only if a rule asks.

    producer  who brings it, as the entry says or will say
    """

    def __init__(self, *, facts: Facts, trust: Trust, producer: str) -> None:
        self.facts = facts
        self.trust = trust
        self.producer = producer

    @cached_property
    def environments(self) -> tuple[str, ...]:
        return environments(self.facts) or ("",)

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """Of everything that it describes."""
        return tuple(text for thing in subjects(self.facts) for text in thing)


def need_let_in(rules: Sequence[IntakeRule], asked: Asked) -> None:
    """Return if no rule refuses this record. Raises NotAllowed, which names the first that does."""
    for rule in rules:
        # Whether it holds comes first: that is the cheaper half, and of most records it is all.
        if rule.effect == "refuse" and not holds(rule, asked) and is_about(rule, asked):
            raise _why(rule, asked)


def failing(rules: Sequence[IntakeRule], asked: Asked) -> Iterator[tuple[IntakeRule, NotAllowed]]:
    """Each rule that is about this record and does not hold, and why."""
    for rule in rules:
        if not holds(rule, asked) and is_about(rule, asked):
            yield rule, _why(rule, asked)


def holds(rule: IntakeRule, asked: Asked) -> bool:
    """Is what this rule demands so?"""
    if rule.least is not None and _RANK[asked.trust.level] < _RANK[rule.least]:
        return False
    return _is_its_sender(rule, asked)


def _is_its_sender(rule: IntakeRule, asked: Asked) -> bool:
    return rule.only is None or any_matches(rule.only, (asked.producer,))


def is_about(rule: IntakeRule, asked: Asked) -> bool:
    """Is this rule about this record?"""
    facts, sender = asked.facts, (asked.producer,)
    return not (
        (rule.senders and not any_matches(rule.senders, sender))
        or (rule.except_senders and any_matches(rule.except_senders, sender))
        or (rule.kinds and not any_matches(rule.kinds, (facts.kind, facts.type)))
        or (rule.namespaces and not any_matches(rule.namespaces, facts.namespaces or ("",)))
        or (rule.environments and not any_matches(rule.environments, asked.environments))
        or (rule.subjects and not any_matches(rule.subjects, asked.spellings))
    )


def _why(rule: IntakeRule, asked: Asked) -> NotAllowed:
    if not _is_its_sender(rule, asked):
        return NotAllowed(
            f"the intake rule {rule.name!r} lets in no such record from this sender",
            where="intake",
            expected="one of the senders that the rule names" if rule.only else "no such record",
            got=asked.producer,
            do="Send it with a token that the rule names: wherefrom intake show",
        )
    return NotAllowed(
        f"the intake rule {rule.name!r} demands more trust",
        where="intake",
        expected=f"{rule.least} at least",
        got=asked.trust.level,
        do="Sign it with a key that this log trusts: wherefrom sign, wherefrom keys list",
    )

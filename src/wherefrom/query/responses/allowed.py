"""Whether a plan may be carried out now: every reason why not.

    off · another rule · too late · begun before · not tried · not approved · too often · too soon
    · something else is under way for the service

An approver is somebody else than who asked. Who signed with a key that is believed is that key;
anybody else is the principal that sent the record. Two are others if they share no key and, unless
both signed, no principal: one person with a token and no key is one person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from wherefrom.formats.remedy_rules import RemedyRules, Rule
from wherefrom.formats.response import APPROVED, ASKED, DRY_RUN, ENDED, STARTED, Plan
from wherefrom.formats.timestamps import micros
from wherefrom.query.reality_answers import Change
from wherefrom.query.response_answers import ResponseShown, ResponseStage

HOUR_S: Final = 3_600
_SECOND: Final = 1_000_000
_SIGNED: Final = ("signed", "keyless", "batch")


class Who(NamedTuple):
    """Somebody, by the keys that signed, if they are believed, and the principal."""

    keys: frozenset[str]
    producer: str

    def is_other(self, other: Who) -> bool:
        """Whether this is surely somebody else."""
        if self.keys & other.keys:
            return False
        return bool(self.keys and other.keys) or self.producer != other.producer

    def is_one_of(self, names: Sequence[str]) -> bool:
        """Whether a rule names them; empty: it names everybody."""
        mine = self.keys or {self.producer}
        return not names or any(name in names for name in mine)


class Begun(NamedTuple):
    """Something that was done: for which service where, when, by which record; ``ended`` or not."""

    digest: str
    service: str
    environment: str
    at: str
    entry: int
    ended: str | None


def who(stage: ResponseStage) -> Who:
    """Who says a stage."""
    keys = frozenset(stage.signers) if stage.trust in _SIGNED else frozenset()
    return Who(keys, stage.producer)


def approvers(shown: ResponseShown, of: Sequence[str] = ()) -> dict[int, Who]:
    """Those who approved and may, by their records: none of whom asked, and no two of whom may be
    one.

    of  who may, as a rule names them; empty: anybody else
    """
    askers = [who(one) for one in shown.stages if one.stage == ASKED]
    found: dict[int, Who] = {}
    for stage in shown.stages:
        one = who(stage)
        if (
            stage.stage == APPROVED
            and one.is_one_of(of)
            and all(one.is_other(other) for other in (*askers, *found.values()))
        ):
            found[stage.entry] = one
    return found


def begun(changes: Iterable[Change]) -> list[Begun]:
    """What was done, by the changes of the slot ``response``; newest last."""
    found: dict[str, Begun] = {}
    for one in sorted(changes, key=lambda change: (change.at, change.entry)):
        before = found.get(one.name)
        if one.after == STARTED:
            found[one.name] = Begun(one.name, one.service, one.environment, one.at, one.entry, None)
        elif before is not None:
            found[one.name] = before._replace(ended=one.at)
        else:  # it began before what is looked at
            found[one.name] = Begun(
                one.name, one.service, one.environment, one.at, one.entry, one.at
            )
    return sorted(found.values(), key=lambda one: (one.at, one.entry))


def refusals(
    planned: Plan,
    shown: ResponseShown,
    rules: RemedyRules,
    done: Sequence[Begun],
    *,
    now: str,
) -> list[str]:
    """Why a plan may not be carried out now; nothing if it may.

    shown  the plan's records
    done   what else was done, of as long as the longest cool-down
    """
    rule = rules.rule(planned.rule)
    found = [] if rules.enabled else ["remediation is off: the file of rules says enabled false"]
    if rule is None or rule.digest != planned.rule_digest:
        return [*found, f"the rule {planned.rule} is not the one that it was planned under"]
    if now > planned.until:
        found.append(f"the plan is too old: it was to begin by {planned.until[:19]}Z")
    if any(one.stage in (STARTED, ENDED) for one in shown.stages):
        found.append("it was carried out before, or begun")
    askers = [who(one) for one in shown.stages if one.stage == ASKED]
    # Whoever asks tries it: a word of somebody else's that it went well is none.
    tried = [
        one
        for one in shown.stages
        if one.stage == DRY_RUN and not all(who(one).is_other(asker) for asker in askers)
    ]
    if not tried or tried[-1].outcome != "done":
        found.append("its dry run is not recorded, or did not end well")
    agreed = len(approvers(shown, rule.approval.of))
    if agreed < rule.approval.need:
        found.append(
            f"{agreed} of {rule.approval.need} approvals, by others than who asked, are recorded"
        )
    return [*found, *_too_much(planned, rule, rules, done, now=now)]


def _too_much(
    planned: Plan, rule: Rule, rules: RemedyRules, done: Sequence[Begun], *, now: str
) -> list[str]:
    others = [one for one in done if one.digest != planned.digest]
    mine = [
        one
        for one in others
        if (one.service, one.environment) == (planned.service, planned.environment)
    ]
    found = []
    if any(one.ended is None for one in mine):
        found.append("something else is under way for this service")
    if len(_within(others, now, HOUR_S)) >= rules.per_hour:
        found.append(f"{rules.per_hour} in an hour is all that may be done for all services")
    if len(_within(mine, now, HOUR_S)) >= rule.per_hour:
        found.append(f"{rule.per_hour} in an hour is all that may be done for this service")
    if _within(mine, now, rule.cool_down_s):
        found.append(f"something was done in the last {rule.cool_down_s} s: it is cooling down")
    return found


def _within(done: Iterable[Begun], now: str, seconds: int) -> list[Begun]:
    since = micros(now) - seconds * _SECOND
    return [one for one in done if micros(one.ended or one.at) > since]

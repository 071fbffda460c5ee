"""What a rule would do about a service's trouble: every word of it, before anything is done.

    rule + where the service can go back to ──► changes ──each by the rule's command──► Plan

A plan is made from the rule and the log alone, so that whoever carries it out makes it again and
compares: what another wrote into a record of a plan is never run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wherefrom.errors import NotAllowed
from wherefrom.formats.patterns import matches
from wherefrom.formats.remedy_rules import Rule
from wherefrom.formats.response import Plan, PlannedChange, PlannedStep
from wherefrom.formats.rollback_settings import filled
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.query.rollback.commands import image_of
from wherefrom.query.rollback_answers import SAFE, Ground, Rollback

BY_HAND = "by_hand"
_Key = tuple[str, str, str, str]


def troubles(rule: Rule, answer: Rollback) -> list[Ground]:
    """What is wrong with a service that the rule is for."""
    names = rule.when.names
    return [
        one
        for one in answer.trouble
        if one.code in rule.when.troubles
        and (
            one.code != "incident"
            or not names
            or any(matches(pattern, one.name) for pattern in names)
        )
    ]


def plan(rule: Rule, answer: Rollback, *, made: str, by_hand: bool = False) -> Plan:
    """What the rule does about the service's trouble now.

    by_hand  though nothing is known to be wrong

    Raises NotAllowed if the rule is not for it, if nothing that it is for is wrong, if going back
    is not safe, or if the rule has no command for a part; Malformed for a value that no command
    may be given.
    """
    found = troubles(rule, answer)
    if not found and not (by_hand and BY_HAND in rule.when.troubles):
        wanted = ", ".join(rule.when.troubles)
        raise NotAllowed(
            "nothing that this rule is for is wrong",
            where=rule.name,
            expected=wanted,
            do="wherefrom canary, why and running tell what is; or plan it by hand: --by-hand",
        )
    trouble = found[0].code if found else BY_HAND
    because = sorted({entry for one in found for entry in one.entries})[:100]
    return again(rule, answer, made=made, trouble=trouble, because=because)


def again(
    rule: Rule, answer: Rollback, *, made: str, trouble: str, because: Sequence[int]
) -> Plan:  # fmt: skip
    """The plan for a trouble that is known. Raises as ``plan``."""
    if not rule.covers(service=answer.service, environment=answer.environment):
        raise NotAllowed(
            "the rule is not for this service there", where=rule.name,
            got=f"{answer.service} in {answer.environment}",
            do="Add the service to the rule in remediation.json, or name another rule",
        )  # fmt: skip
    if rule.action == "rollback":
        if answer.verdict != SAFE or answer.to is None:
            raise NotAllowed(
                "going back is not safe", where=answer.service, got="; ".join(answer.obstacles),
                do="See: wherefrom rollback",
            )  # fmt: skip
        changes = _back(answer)
    else:
        changes = _of_what_runs(answer)
    if not changes:
        raise NotAllowed(
            "there is nothing to do",
            where=answer.service,
            do="wherefrom rollback tells why",
        )
    return Plan(
        rule=rule.name,
        rule_digest=rule.digest,
        action=rule.action,
        service=answer.service,
        environment=answer.environment,
        made=made,
        until=of_micros(micros(made) + rule.plan_s * 1_000_000),
        trouble=trouble,
        because=list(because),
        changes=[change for change, _ in changes],
        steps=[] if rule.webhook is not None else _steps(rule, answer, changes, trouble),
        url=None if rule.webhook is None else rule.webhook.url,
        reality=answer.to.id if rule.action == "rollback" and answer.to else None,
    )


# A change, and what people call what is set.
_Changes = list[tuple[PlannedChange, str | None]]


def _back(answer: Rollback) -> _Changes:
    """From what is now to what was then; secrets stay as they are."""
    now: Mapping[_Key, str] = {
        (one.slot, one.region, one.pool, one.name): one.value for one in answer.now.values
    }
    then = {(one.slot, one.region, one.pool, one.name): one for one in answer.parts}
    found: _Changes = []
    for key in sorted(now.keys() | then.keys()):
        slot, region, pool, name = key
        part = then.get(key)
        after = None if part is None else part.value
        if slot != "secret" and now.get(key) != after:
            change = PlannedChange(
                slot=slot, region=region, pool=pool, name=name, before=now.get(key), after=after
            )
            found.append((change, None if part is None else part.says))
    return found


def _of_what_runs(answer: Rollback) -> _Changes:
    """Each artifact that runs now: what is blocked, built again, or signed again."""
    found: _Changes = []
    for one in answer.now.values:
        if one.slot == "artifact":
            change = PlannedChange(
                slot=one.slot, region=one.region, pool=one.pool, name=one.name, before=one.value,
                after=one.value,
            )  # fmt: skip
            found.append((change, one.says))
    return found


def _steps(rule: Rule, answer: Rollback, changes: _Changes, trouble: str) -> list[PlannedStep]:
    steps: list[PlannedStep] = []
    for change, says in changes:
        template = rule.step(change.slot)
        what = " ".join(filter(None, (change.slot, change.name)))
        if template is None:
            raise NotAllowed(
                "the rule has no command for a part",
                where=rule.name,
                got=what,
                do="Add one to the rule in remediation.json",
            )
        after = change.after or ""
        values = {
            "service": answer.service, "environment": answer.environment,
            "region": change.region, "pool": change.pool, "slot": change.slot,
            "name": change.name, "value": after, "says": says or after,
            "image": image_of(after, says) if after else "", "before": change.before or "",
            "rule": rule.name, "trouble": trouble,
        }  # fmt: skip
        step = PlannedStep(
            argv=filled(template.argv, values), dry_run=filled(template.dry_run, values),
            slot=change.slot, name=change.name,
        )  # fmt: skip
        if not any(one.argv == step.argv for one in steps):
            steps.append(step)
    return steps

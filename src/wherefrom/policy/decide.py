"""The decision of one policy about one artifact.

    Policy × Dossier ──each rule──► Reason ──or an exception──► all hold ──► Verdict

It is the same function for the gate, the cluster and a question about the past: nothing but its
arguments goes in. Where no rule is for the environment, and where something recorded had to be left
out, the answer is no, and no exception changes that.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wherefrom.formats import digests
from wherefrom.formats.policy import AnyRule, Cel, Policy, Provenance, Rego
from wherefrom.formats.timestamps import micros
from wherefrom.policy import conditions
from wherefrom.policy.checks import CHECKS, Case, later, reason
from wherefrom.policy.exceptions import Word, granted, words_of
from wherefrom.policy.verdict import Reason, Verdict
from wherefrom.query.dossier import Dossier

_LISTED = 5


def decide(policy: Policy, dossier: Dossier, *, environment: str, at: str) -> Verdict:
    """What ``policy`` says of an artifact that is to go to ``environment`` at a time, RFC 3339.

    Raises SettingError if a condition needs a language that is not installed.
    """
    reasons, level = reasons_of(policy, dossier, environment=environment, at=at)
    ends = [later(micros(at), policy.valid_s)]
    ends += [one.until for one in reasons if one.until is not None]
    return Verdict(
        allowed=all(one.ok for one in reasons),
        artifact=dossier.artifact,
        name=dossier.name,
        subject=subject_of(dossier.artifact, dossier.digests),
        names=dossier.names,
        environment=environment,
        policy=policy.name,
        version=policy.version,
        digest=policy.digest,
        at=at,
        until=min(ends),
        log=dossier.log,
        as_of=dossier.as_of,
        reasons=reasons,
        level=level,
        inputs=sorted({entry for one in reasons for entry in one.entries}),
    )


def reasons_of(
    policy: Policy, dossier: Dossier, *, environment: str, at: str
) -> tuple[list[Reason], int]:
    """What each rule finds, and what else speaks against it; the SLSA level that was reached.

    Raises as ``decide``.
    """
    case = Case(dossier, environment, micros(at))
    rules = policy.in_environment(environment)
    words = words_of(dossier.evidence) if policy.exceptions is not None else []
    asking = conditions.Asking(case)
    reasons = [_excused(_reason(rule, policy, case, asking), policy, case, words) for rule in rules]
    levels = [
        rule.level
        for rule, one in zip(rules, reasons, strict=True)
        if isinstance(rule, Provenance) and one.ok and one.excused is None
    ]
    if not rules:
        nowhere = f"the policy has no rule for {environment or 'no environment'}"
        reasons.append(_no(nowhere, "Say what holds there in the policy"))
    if dossier.truncated or (dossier.strangers_cut and any(map(_hears_strangers, rules))):
        reasons.append(
            _no(
                "there is more recorded of it than can be looked at",
                "Let the log take less about it: wherefrom intake has rules for that",
            )
        )
    if subject_of(dossier.artifact, dossier.digests) is None and len(dossier.digests) > 1:
        several = ", ".join(sorted(dossier.digests)[:_LISTED])
        reasons.append(
            _no(f"its name is of several things: {several}", "Ask about one of them by its digest")
        )
    return reasons, max(levels, default=0)


def _hears_strangers(rule: AnyRule) -> bool:
    return isinstance(rule, Cel | Rego) or rule.trust == "channel"


def _reason(rule: AnyRule, policy: Policy, case: Case, asking: conditions.Asking) -> Reason:
    if isinstance(rule, Cel):
        said = conditions.cel(rule, case, asking)
    elif isinstance(rule, Rego):
        said = conditions.rego(rule, case, asking, policy.modules)
    else:
        said = CHECKS[type(rule)](rule, case)
    return reason(rule, said, str(rule.__struct_config__.tag), case)


def _excused(found: Reason, policy: Policy, case: Case, words: list[Word]) -> Reason:
    """A rule that does not hold, by an exception if one counts."""
    grant = None if found.ok else granted(found.rule, policy, case, words)
    if grant is None:
        return found
    excused = grant.excused
    how = "BREAK GLASS" if excused.break_glass else "exception"
    return msgspec.structs.replace(
        found,
        ok=True,
        says=f"{how} until {excused.until[:19]}Z ({excused.reason}), though {found.says}",
        entries=sorted({*found.entries, *grant.entries}),
        until=excused.until,
        excused=excused,
    )


def subject_of(artifact: str, called: Iterable[str]) -> str | None:
    """The digest that names an artifact; None where none does, or its name is of several things.

    called  what else it is called
    """
    if _algorithm_of(artifact):
        return artifact
    by_algorithm: dict[str, set[str]] = {}
    for id in called:
        if algorithm := _algorithm_of(id):
            by_algorithm.setdefault(algorithm, set()).add(id)
    if not by_algorithm or any(len(found) > 1 for found in by_algorithm.values()):
        return None
    (found,) = by_algorithm.get("sha256") or by_algorithm[min(by_algorithm)]
    return found


def _algorithm_of(id: str) -> str | None:
    return id.partition(":")[0] if digests.strong_id_in(id) == id else None


def _no(says: str, remedy: str) -> Reason:
    return Reason(rule="complete", needs="complete", ok=False, says=says, entries=[], remedy=remedy)

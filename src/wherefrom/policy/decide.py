"""The decision of one policy about one artifact.

    Policy × Dossier ──each rule──► Reason ──all hold──► Verdict

It is the same function for the gate, the cluster and a question about the past: nothing but its
arguments goes in. Where no rule is for the environment, and where something recorded had to be left
out, the answer is no.
"""

from __future__ import annotations

from wherefrom.formats.policy import Cel, Policy, Provenance, Rego
from wherefrom.formats.timestamps import micros
from wherefrom.policy import conditions
from wherefrom.policy.checks import CHECKS, Case, Said, reason
from wherefrom.policy.verdict import Reason, Verdict
from wherefrom.query.dossier import Dossier


def decide(policy: Policy, dossier: Dossier, *, environment: str, at: str) -> Verdict:
    """What ``policy`` says of an artifact that is to go to ``environment`` at a time, RFC 3339.

    Raises SettingError if a condition needs a language that is not installed.
    """
    case = Case(dossier, environment, micros(at))
    found = policy.in_environment(environment)
    reasons = []
    for rule in found:
        needs = rule.__struct_config__.tag
        if isinstance(rule, Cel):
            said = conditions.cel(rule, case)
        elif isinstance(rule, Rego):
            said = conditions.rego(rule, case, policy.modules)
        else:
            said = CHECKS[type(rule)](rule, case)
        reasons.append(reason(rule, said, str(needs)))
    if not found:
        reasons.append(_no(f"the policy has no rule for {environment or 'no environment'}"))
    if dossier.truncated:
        reasons.append(_no("there is more recorded of it than can be looked at"))
    return Verdict(
        allowed=all(one.ok for one in reasons),
        artifact=dossier.artifact,
        names=dossier.names,
        environment=environment,
        policy=policy.name,
        version=policy.version,
        digest=policy.digest,
        at=at,
        log=dossier.log,
        as_of=dossier.as_of,
        reasons=reasons,
        level=max(
            (
                rule.level
                for rule, one in zip(found, reasons, strict=False)
                if isinstance(rule, Provenance) and one.ok
            ),
            default=0,
        ),
        inputs=sorted({entry for one in reasons for entry in one.entries}),
    )


def _no(says: str) -> Reason:
    said = Said(False, says, remedy="Say what holds there in the policy")
    return Reason(
        rule="complete", needs="complete", ok=False, says=said.says, entries=[], remedy=said.remedy
    )

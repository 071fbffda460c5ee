"""Calls of a cloud's API, as its audit log tells them: what each changed, and whether it may.

    CloudTrail, Google, Azure ──► Call ──┬─ took effect: change:<cloud>:<id>, who, what it changed
                                         │     └ out of band: observed, at each thing: this change
                                         └─ failed: an activity that used what it would have changed

A change is *out of band* if it came by no pipeline: from a console, a command line, a person.
Where pipelines are declared, only they and the cloud itself are in band. Where none are, programs
that are known to apply what is declared are in band by their user agent, and CI by its identity;
of a program that is neither, nothing is said. A user agent is the caller's own word: ``how`` tells
what was gone by, so that whoever wants more declares pipelines by their principals.

What an out-of-band change left is not known, but that it is another thing than was declared: the
value that is observed is the change itself.

Sizes:  10,000 calls a record · 20 things a call · 32 patterns of pipelines
Source: docs/formats/out-of-band.md
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from wherefrom.errors import LimitPassed
from wherefrom.formats import changes
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import OBSERVED, Scope, State

CALLS_MAX: Final = 10_000
THINGS_MAX: Final = 20
PATTERNS_MAX: Final = 32
PIPELINES_CHARS_MAX: Final = 4096

# Programs that apply what is declared elsewhere, by a word of their user agents.
_APPLIERS: Final = (
    (re.compile(r"\b(?:Open[Tt]ofu|opentofu)/"), "OpenTofu"),
    (re.compile(r"\bTerraform/|\bterraform-provider-|\bHashiCorp Terraform\b"), "Terraform"),
    (re.compile(r"\bPulumi", re.I), "Pulumi"),
    (re.compile(r"\bcrossplane", re.I), "Crossplane"),
    (re.compile(r"\bkcc/|config-connector", re.I), "Config Connector"),
    (re.compile(r"\bcloudformation\.amazonaws\.com\b"), "CloudFormation"),
    (re.compile(r"\bAnsible\b"), "Ansible"),
)
# Command lines, by theirs.
_COMMAND_LINES: Final = (
    (re.compile(r"\baws-cli/"), "aws-cli"),
    (re.compile(r"\bAWSPowerShell|\bAWS-?Tools-?for-?PowerShell", re.I), "AWS PowerShell"),
    (re.compile(r"\bgcloud/|\bgcloud\.|\bgsutil/"), "gcloud"),
    (re.compile(r"\bAZURECLI/|\bazure-cli/", re.I), "azure-cli"),
    (re.compile(r"\bAzurePowerShell/", re.I), "Azure PowerShell"),
)  # fmt: skip


class Caller(NamedTuple):
    """Who called, and by what.

    names    what the cloud calls the principal, and then each for whom it acted
    also     what else a pattern may know it by
    agent    the user agent, in the caller's own words
    ci       the CI that the cloud saw the identity of
    itself   the service of the cloud that did it by itself
    console  how it is known that it was done in a console
    """

    names: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    agent: str = ""
    ci: str | None = None
    itself: str | None = None
    console: str | None = None
    is_person: bool = False


class Band(NamedTuple):
    """``out`` of band or not, None if nothing is known of it; and how that is known."""

    out: bool | None
    how: str


class Thing(NamedTuple):
    """What a call changed; ``is_gone`` if it removed it."""

    id: str
    is_gone: bool = False


class Call(NamedTuple):
    """One call.

    id       what the cloud calls it; all that is told of one request has one
    what     the service and operation, such as ``rds ModifyDBInstance``
    failed   why it changed nothing
    pending  it was only begun: what comes of it is told later
    told     what else is worth a look
    """

    id: str
    what: str
    at: str | None
    caller: Caller
    things: tuple[Thing, ...] = ()
    failed: str | None = None
    pending: bool = False
    told: Mapping[str, Any] = {}


def patterns(said: object) -> tuple[str, ...]:
    """The pipelines that are declared: patterns with ``*`` and ``?``, blanks between them.

    Raises LimitPassed.
    """
    if not isinstance(said, str):
        return ()
    found = tuple(said.split())
    if len(found) > PATTERNS_MAX or len(said) > PIPELINES_CHARS_MAX:
        raise LimitPassed(
            "too many pipelines", where="pipelines", expected=f"patterns_max {PATTERNS_MAX}",
            got=len(found),
        )  # fmt: skip
    return found


def band_of(caller: Caller, pipelines: Sequence[str] = ()) -> Band:
    """Whether a change by this caller is out of band."""
    for pattern in pipelines:
        if any(
            _is_like(text, pattern) for text in (*caller.names, *caller.also, caller.agent) if text
        ):
            return Band(False, f"a declared pipeline: {pattern}")
    if caller.itself is not None:
        return Band(False, f"the cloud itself: {caller.itself}")
    if not pipelines:
        if applier := _named(caller.agent, _APPLIERS):
            return Band(False, f"{applier}, by its user agent")
        if caller.ci is not None:
            return Band(False, f"{caller.ci}, by its identity")
    if caller.console is not None:
        return Band(True, f"the console: {caller.console}")
    if line := _named(caller.agent, _COMMAND_LINES):
        return Band(True, f"a command line: {line}")
    if caller.is_person:
        return Band(True, "a person")
    if pipelines:
        return Band(True, "none of the declared pipelines")
    return Band(None, "a program, and no pipeline is declared")


def _is_like(text: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(text.lower(), pattern.lower())


def _named(agent: str, table: Sequence[tuple[re.Pattern[str], str]]) -> str | None:
    return next((name for pattern, name in table if pattern.search(agent)), None)


def facts_of(
    builder: FactsBuilder,
    calls: Iterable[tuple[str | None, Call | None]],
    *,
    cloud: str,
    type: str,
    given: Scope = ANYWHERE,
    pipelines: Sequence[str] = (),
) -> Facts:
    """What all calls of a record changed; it occurred when the last of them did.

    calls  when each was, and the call if it is one that changes things, or was to
    """
    times: list[str] = []
    changed = False
    for at, call in calls:
        if at is not None:
            times.append(at)
        if call is not None:
            add(builder, call, cloud=cloud, given=given, pipelines=pipelines)
            changed = changed or call.failed is None
    return builder.build(
        kind="change" if changed else "event", type=type, occurred=max(times, default=None)
    )


def add(
    builder: FactsBuilder,
    call: Call,
    *,
    cloud: str,
    given: Scope = ANYWHERE,
    pipelines: Sequence[str] = (),
) -> None:
    """Add what a call says that changes things, or was to."""
    call = _without_addresses(call)
    band = band_of(call.caller, pipelines)
    who = add_caller(builder, call.caller, cloud=cloud)
    names = ", ".join(thing.id for thing in call.things[:3])
    id = changes.change_id(cloud, call.id)
    properties = {
        **call.told, "time": call.at, "out_of_band": band.out, "how": band.how,
        "agent": changes.shown(call.caller.agent) or None, "failed": call.failed,
    }  # fmt: skip
    for thing in call.things:
        builder.node(thing.id, "resource")
    if call.failed is not None or call.pending:
        name = changes.shown(f"{call.what} {names}".strip())
        builder.node(id, "activity" if call.failed else "change", name, properties)
        builder.edge(builder.document, "describes", id)
        for thing in call.things:
            builder.edge(id, "used", thing.id)
        if who is not None:
            builder.edge(id, "associated_with", who)
        return
    changes.add_change(
        builder, id, f"{call.what} {names}".strip(), where=given, by=who,
        things=[thing.id for thing in call.things], properties=properties,
    )  # fmt: skip
    if band.out:
        builder.state(*_observed(call, id, band, given, who))


def _without_addresses(call: Call) -> Call:
    """As it is told: a user of a cloud, whom a call may change, is often called by an address."""
    things = (thing._replace(id=changes.public_name(thing.id)) for thing in call.things)
    return call._replace(id=changes.public_name(call.id), things=tuple(things))


def add_caller(builder: FactsBuilder, caller: Caller, *, cloud: str) -> str | None:
    """Add who called, and whom they acted for; returns their id."""
    if not caller.names:
        return None
    who, *whom = caller.names
    id = changes.add_who(builder, who, system=cloud, is_software=not caller.is_person)
    if id is None:
        return None
    for name in whom:
        other = changes.add_who(builder, name, system=cloud, is_software=True)
        if other is not None and other != id:
            builder.edge(id, "acted_for", other)
    return id


def _observed(call: Call, id: str, band: Band, given: Scope, who: str | None) -> list[State]:
    """That each thing is as this change left it."""
    operation = call.what.rpartition(" ")[2]
    said = {"out_of_band": True, "how": band.how, "by": who}
    kept = {key: value for key, value in said.items() if value is not None}
    return [
        State(
            OBSERVED, given, "resource", changes.short_name(thing.id), id,
            changes.shown(f"{operation}, {band.how}"),
            {**kept, "gone": True} if thing.is_gone else kept, call.at,
        )
        for thing in call.things
    ]  # fmt: skip

"""AWS CloudTrail: who changed what in an account, and whether a pipeline did.

    {"Records": […]}            a file of a trail     ┐
    {"detail-type", "detail"}   an event of EventBridge├─► each call that changes ──► cloud_calls
    {"Type": "Notification"}    either, through SNS   │     └ one that reads: nothing
    {"eventVersion", …}         one event             ┘
    {"Type": "SubscriptionConfirmation"} ──► what to do, and nothing is fetched

What a call changed is an ARN: the one that the event names, or the one that its service makes of
the names in it (``arns``). Calls that only read, sign in or write data are told of by no fact.

Source: AWS CloudTrail record contents 1.11; Amazon EventBridge; Amazon SNS, message formats;
docs/formats/cloudtrail.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wherefrom.errors import LimitPassed, Unsupported
from wherefrom.formats import aws_arns, cloud_calls, strict_json, timestamps
from wherefrom.formats.changes import ANYWHERE
from wherefrom.formats.cloud_calls import CALLS_MAX, Call, Caller
from wherefrom.formats.facts import Facts, FactsBuilder
from wherefrom.formats.states import Scope
from wherefrom.formats.strict_json import (
    as_object,
    get_object,
    get_string,
    need_array,
    need_object,
    need_string,
)

_SNS: Final = frozenset({"Type", "MessageId", "TopicArn", "Message"})
_CONFIRMATIONS: Final = ("SubscriptionConfirmation", "UnsubscribeConfirmation")
_CALLS: Final = frozenset({"AwsApiCall", "AwsServiceEvent", "AwsConsoleAction"})
# Where an event is too old to say so itself.
_READS: Final = re.compile(
    r"(?:Get|List|Describe|Head|Lookup|Search|Batch(?:Get|Check)|Query|Scan|Select|Check|Verify|"
    r"Validate|Simulate|Preview|Estimate|Test|Decode|Detect|View|Download|Discover)(?![a-z])"
)
# It says that it writes, and changes nothing that is provisioned.
_USES: Final = re.compile(
    r"Assume(?!d).*|GenerateDataKey.*|Decrypt|Encrypt|ReEncrypt|Sign|CreateLogStream|PutLogEvents|"
    r"StartQuery|ConsoleLogin|SwitchRole|GetFederationToken|CreateGrant|RetireGrant|"
    r"OpenDataChannel|OpenControlChannel|UpdateInstanceInformation|CreateToken|CreateOAuth2Token"
)
_DRY_RUN: Final = "Client.DryRunOperation"
_SERVICE: Final = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?")
_CONSOLES: Final = re.compile(
    r"(?:console|signin)\.amazonaws\.com|S3Console/|CloudShell|aws-console|AWSCloudTrail-Console"
)
_CI: Final = (
    ("token.actions.githubusercontent.com", "GitHub Actions"), ("gitlab", "GitLab CI"),
    ("circleci.com", "CircleCI"), ("buildkite.com", "Buildkite"), ("bitbucket.org", "Bitbucket"),
    ("app.terraform.io", "HCP Terraform"), ("spacelift.io", "Spacelift"),
    ("vstoken.dev.azure.com", "Azure Pipelines"),
)  # fmt: skip
_PEOPLE: Final = frozenset({"Root", "IAMUser", "SAMLUser", "IdentityCenterUser", "WebIdentityUser"})
_SSO_ROLE: Final = "assumed-role/AWSReservedSSO_"


def recognises(document: Mapping[str, Any]) -> bool:
    """Whether this means to be of CloudTrail, in whatever wrapping."""
    if document.keys() >= _SNS:
        return document["Type"] in ("Notification", *_CONFIRMATIONS)
    found: object = document
    if "Records" in document:
        records = document["Records"]
        found = records[0] if isinstance(records, list) and records else None
    elif "detail-type" in document:
        found = document.get("detail")
    # Events of S3 and queues have such keys too, and sources such as ``aws:s3``.
    return (
        isinstance(found, dict)
        and found.keys() >= {"eventVersion", "eventSource", "eventName"}
        and _SERVICE.fullmatch(str(found["eventSource"])) is not None
    )


def facts(
    document: Mapping[str, Any],
    *,
    document_id: str,
    given: Scope = ANYWHERE,
    pipelines: tuple[str, ...] = (),
) -> Facts:
    """What the calls changed.

    given      where the account is of
    pipelines  as ``cloud_calls.patterns`` reads them

    Raises Malformed for an event without its id, name, source or time; Unsupported for a
    notification of something else; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    builder.node(document_id, "event", "audit", {"format": "CloudTrail"})
    if document.keys() >= _SNS and document["Type"] in _CONFIRMATIONS:
        _confirmation(builder, document)
        return builder.build(kind="event", type=f"aws.sns.{document['Type']}")
    return cloud_calls.facts_of(
        builder,
        _calls(document),
        cloud="aws",
        type="aws.cloudtrail",
        given=given,
        pipelines=pipelines,
    )


def _calls(document: Mapping[str, Any]) -> Iterator[tuple[str | None, Call | None]]:
    """When each event was, and the call that it tells of."""
    for where, event in _events(document):
        at = timestamps.canonical(
            need_string(event, "eventTime", where=where), where=f"{where}.eventTime".lstrip(".")
        )
        yield at, _call(event, where, at)


def event_id(document: Mapping[str, Any]) -> str | None:
    """The id of the one event in it, if it is one."""
    detail = document.get("detail")
    found = (detail if isinstance(detail, dict) else document).get("eventID")
    return found if isinstance(found, str) and found else None


def _confirmation(builder: FactsBuilder, document: Mapping[str, Any]) -> None:
    """What an operator has to do: an address that a stranger may have written is never fetched."""
    topic = need_string(document, "TopicArn")
    token = get_string(document, "Token")
    do = f"aws sns confirm-subscription --topic-arn {topic} --token {token}"
    said = {"topic": topic, "do": do if document["Type"] == _CONFIRMATIONS[0] else None}
    builder.node(builder.document, "event", str(document["Type"]), said)


def _events(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each event, and where it stands."""
    if document.keys() >= _SNS:
        document = _notified(document)
    if "Records" in document:
        records = need_array(document, "Records")
        if len(records) > CALLS_MAX:
            raise LimitPassed(
                "a file of too many events", where="Records", expected=f"calls_max {CALLS_MAX}",
                got=len(records),
            )  # fmt: skip
        for at, one in enumerate(records):
            yield f"Records[{at}]", as_object(one, where=f"Records[{at}]")
    elif "detail" in document:
        yield "detail", need_object(document, "detail")
    else:
        yield "", document


def _notified(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a notification of SNS carries. Raises Unsupported for what is nothing of CloudTrail."""
    inner = strict_json.decode(need_string(document, "Message").encode("utf-8", "surrogatepass"))
    if isinstance(inner, dict) and not inner.keys() >= _SNS and recognises(inner):
        return inner
    is_place = isinstance(inner, dict) and "s3ObjectKey" in inner
    raise Unsupported(
        "a notification of something else", where="Message", expected="an event of CloudTrail",
        do="It says where files lie: record those" if is_place else None,
    )  # fmt: skip


def _call(event: Mapping[str, Any], where: str, at: str) -> Call | None:
    """A call that changes what is provisioned, or was to; None for all else."""
    name = need_string(event, "eventName", where=where)
    source = need_string(event, "eventSource", where=where)
    id = need_string(event, "eventID", where=where)
    error = get_string(event, "errorCode", where=where)
    if not _changes(event, name) or error == _DRY_RUN:
        return None
    service = source.removesuffix(".cn").removesuffix(".amazonaws.com")
    region = get_string(event, "awsRegion", where=where)
    account = get_string(event, "recipientAccountId", where=where)
    return Call(
        id, f"{service} {aws_arns.without_version(name)}", at, _caller(event, where),
        things=aws_arns.changed(event, service, name),
        failed=error,
        told={
            "operation": f"{service}:{name}", "region": region, "account": account,
            "from": get_string(event, "sourceIPAddress", where=where),
        },
    )  # fmt: skip


def _changes(event: Mapping[str, Any], name: str) -> bool:
    if str(event.get("eventType", "AwsApiCall")) not in _CALLS or _USES.fullmatch(name):
        return False
    if event.get("eventCategory", "Management") != "Management":
        return False
    reads = event.get("readOnly")
    if isinstance(reads, str):  # Athena and older tools write it so
        reads = reads.lower() == "true"
    return not reads if isinstance(reads, bool) else _READS.match(name) is None


def _caller(event: Mapping[str, Any], where: str) -> Caller:
    who = get_object(event, "userIdentity", where=where)
    inside = f"{where}.userIdentity".strip(".")
    agent = get_string(event, "userAgent", where=where) or ""
    source = get_string(event, "sourceIPAddress", where=where) or ""
    by = get_string(who, "invokedBy", where=inside) or ""
    kind = get_string(who, "type", where=inside) or ""
    session = get_object(who, "sessionContext", where=inside)
    issuer = get_object(session, "sessionIssuer", where=f"{inside}.sessionContext")
    federation = get_object(session, "webIdFederationData", where=f"{inside}.sessionContext")
    arn = get_string(who, "arn", where=inside)
    names = (
        arn or get_string(who, "userName", where=inside)
        or get_string(who, "principalId", where=inside) or by or None,
        get_string(issuer, "arn", where=f"{inside}.sessionContext.sessionIssuer"),
    )  # fmt: skip
    itself = next((said for said in (by, source) if _SERVICE.fullmatch(said)), None)
    if itself is None and kind == "AWSService":
        itself = by or "a service"
    from_console = str(event.get("sessionCredentialFromConsole", "")).lower() == "true"
    console = "sessionCredentialFromConsole" if from_console else None
    if console is None and _CONSOLES.search(agent):
        console = "its user agent"
    provider = str(federation.get("federatedProvider") or "")
    return Caller(
        names=tuple(filter(None, names)), agent=agent,
        ci=next((ci for host, ci in _CI if host in provider), None),
        # A service that acts for somebody does what it was asked to: CloudFormation applies.
        itself=None if from_console and itself != "cloudformation.amazonaws.com" else itself,
        console=console, is_person=kind in _PEOPLE or _SSO_ROLE in (arn or ""),
    )  # fmt: skip

"""CloudTrail: which calls are changes, of what, by whom, and whether a pipeline made them."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats.change_samples import CHANGES
from tests.unit.formats.told import alone, format_of, links, node, of_kind, only, told
from wherefrom.errors import Error, LimitPassed, Malformed, Unsupported
from wherefrom.formats import cloud_names, cloudtrail
from wherefrom.formats.states import OBSERVED, Scope

AT = "2026-01-01T10:00:00.000000Z"
ACCOUNT = "111122223333"
BUCKET = "arn:aws:s3:::logs"
TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io)"


def event(**changes: Any) -> dict[str, Any]:
    return {**CHANGES["cloudtrail"], **changes}


def call(service: str, name: str, *, request: Any = None, answer: Any = None, **more: Any) -> Any:
    return event(
        eventSource=f"{service}.amazonaws.com", eventName=name, requestParameters=request,
        responseElements=answer, **more,
    )  # fmt: skip


def role(**session: Any) -> dict[str, Any]:
    issuer = {"type": "Role", "arn": f"arn:aws:iam::{ACCOUNT}:role/deploy"}
    return {
        "type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/run-7",
        "sessionContext": {"sessionIssuer": issuer, **session},
    }  # fmt: skip


def changed(document: Any) -> Any:
    (change,) = of_kind(told(document), "change")
    return change


# -- what counts


def test_a_change_in_the_console_is_seen_as_drift_of_the_thing_by_whom_and_from_where() -> None:
    found = told(event(sourceIPAddress="192.0.2.7"))
    state = only(found)
    assert (state.mode, state.scope, state.slot, state.name) == (
        OBSERVED, Scope("prod"), "resource", BUCKET,
    )  # fmt: skip
    assert (state.value, state.at) == ("change:aws:e1", AT)
    assert state.says == "PutBucketPolicy, the console: its user agent"
    who = f"arn:aws:iam::{ACCOUNT}:user/jane"
    assert state.properties == {
        "out_of_band": True, "how": "the console: its user agent", "by": who,
    }  # fmt: skip
    assert links(found) >= {
        ("change:aws:e1", "changes", BUCKET), ("change:aws:e1", "associated_with", who),
    }  # fmt: skip
    change = node(found, "change:aws:e1")
    said = change.properties or {}
    assert (said["operation"], said["from"], said["out_of_band"]) == (
        "s3:PutBucketPolicy", "192.0.2.7", True,
    )  # fmt: skip
    assert node(found, who).kind == "person"
    assert (alone(event()).kind, alone(event()).occurred) == ("change", AT)


@pytest.mark.parametrize(
    "changes",
    [
        {"readOnly": True},
        {"readOnly": "true"},
        {"readOnly": None, "eventName": "DescribeDBInstances"},
        {"readOnly": None, "eventName": "BatchGetItem"},
        {"eventType": "AwsConsoleSignIn", "eventName": "ConsoleLogin"},
        {"eventCategory": "Data", "eventName": "PutObject"},
        {"eventCategory": "Insight"},
        {"eventName": "AssumeRoleWithWebIdentity"},
        {"eventName": "GenerateDataKey"},
        {"eventName": "CreateLogStream"},
        {"errorCode": "Client.DryRunOperation"},
    ],
)
def test_what_reads_signs_in_or_only_tries_changes_nothing(changes: dict[str, Any]) -> None:
    document = event(**changes)
    found = alone({k: v for k, v in document.items() if v is not None})
    assert (found.kind, found.states, of_kind(found, "change")) == ("event", (), [])


@pytest.mark.parametrize("name", ["Getaway", "ListenerUpdated", "ModifyDBInstance", "TagResource"])
def test_without_read_only_an_operation_counts_by_its_name(name: str) -> None:
    document = event(eventName=name)
    del document["readOnly"]
    assert alone(document).kind == "change"


def test_a_call_that_failed_is_told_and_states_nothing() -> None:
    found = told(event(errorCode="AccessDenied", errorMessage="no"))
    assert (found.states, of_kind(found, "change")) == ((), [])
    (tried,) = of_kind(found, "activity")
    assert (tried.properties or {})["failed"] == "AccessDenied"
    assert ("change:aws:e1", "used", BUCKET) in links(found)
    assert alone(event(errorCode="AccessDenied")).kind == "event"


# -- whose it was


@pytest.mark.parametrize(
    ("changes", "out", "how"),
    [
        ({"userAgent": TERRAFORM}, False, "Terraform, by its user agent"),
        ({"userAgent": TERRAFORM, "sessionCredentialFromConsole": "true"}, False, "Terraform"),
        ({"userAgent": "AWS Internal", "sourceIPAddress": "AWS Internal",
          "sessionCredentialFromConsole": "true"}, True, "sessionCredentialFromConsole"),
        ({"userAgent": "cloudfront.amazonaws.com", "sourceIPAddress": "cloudfront.amazonaws.com",
          "sessionCredentialFromConsole": "true"}, True, "sessionCredentialFromConsole"),
        ({"userAgent": "signin.amazonaws.com"}, True, "the console: its user agent"),
        ({"userAgent": "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11]"}, True, "the console"),
        ({"userAgent": "aws-cli/2.15 Python/3.11 exec-env/CloudShell"}, True, "the console"),
        ({"userAgent": "aws-cli/2.15 Python/3.11"}, True, "a command line: aws-cli"),
        ({"userAgent": "Boto3/1.34"}, True, "a person"),
        ({"userAgent": "x", "userIdentity": {"type": "Root"}}, True, "a person"),
        ({"userAgent": "x", "userIdentity": {
            "type": "AssumedRole",
            "arn": "arn:aws:sts::1:assumed-role/AWSReservedSSO_Admin_1/jane@example.org"}},
         True, "a person"),
        ({"userAgent": "Boto3/1.34", "userIdentity": role()}, None, "no pipeline is declared"),
        ({"userAgent": "aws-cli/2", "userIdentity": role(webIdFederationData={
            "federatedProvider": "arn:aws:iam::1:oidc-provider/token.actions.githubusercontent.com"
        })}, False, "GitHub Actions, by its identity"),
        ({"userAgent": "autoscaling.amazonaws.com", "userIdentity": {
            "type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}},
         False, "the cloud itself: autoscaling.amazonaws.com"),
        ({"userAgent": "cloudformation.amazonaws.com", "userIdentity": {
            **role(), "invokedBy": "cloudformation.amazonaws.com"}},
         False, "the cloud itself: cloudformation.amazonaws.com"),
    ],
)  # fmt: skip
def test_how_a_change_came_decides_whether_it_is_out_of_band(
    changes: dict[str, Any], out: bool | None, how: str
) -> None:
    said = changed(event(**changes)).properties
    assert said.get("out_of_band") is out
    assert how in said["how"]
    assert len(told(event(**changes)).states) == (out is True)


def test_declared_pipelines_are_known_by_the_event_around() -> None:
    deployed = event(userAgent="Boto3/1.34", userIdentity=role())
    declared = f"*:assumed-role/deploy/* arn:aws:iam::{ACCOUNT}:role/other"
    assert told(deployed, pipelines=declared).states == ()
    assert only(told(deployed, pipelines="*:role/other")).value == "change:aws:e1"
    assert only(told(event(userAgent=TERRAFORM), pipelines="*:role/other")) is not None


def test_people_stand_nowhere_by_their_addresses() -> None:
    arn = "arn:aws:sts::1:assumed-role/AWSReservedSSO_Admin_1/jane@example.org"
    found = told(event(userIdentity={"type": "AssumedRole", "arn": arn}))
    written = json.dumps([list(map(str, found.nodes)), list(map(str, found.states))])
    assert "jane@example.org" not in written
    assert "person:" in written


def test_a_user_called_by_an_address_is_changed_under_its_hash_as_terraform_has_it() -> None:
    found = told(call("iam", "CreateAccessKey", request={"userName": "jane@example.org"}))
    written = json.dumps([list(map(str, part)) for part in (found.nodes, found.edges)])
    assert "jane@example.org" not in written
    state = only(found)
    arn = f"arn:aws:iam::{ACCOUNT}:user/jane@example.org"
    assert list(cloud_names.of_settings({"arn": arn})) == [state.name]
    assert state.name.startswith(f"arn:aws:iam::{ACCOUNT}:user/person:")
    assert "jane@example.org" not in str(state)


def test_a_session_acted_for_its_role() -> None:
    found = told(event(userIdentity=role()))
    session, its_role = role()["arn"], f"arn:aws:iam::{ACCOUNT}:role/deploy"
    assert (session, "acted_for", its_role) in links(found)
    assert {node(found, id).kind for id in (session, its_role)} == {"software"}


# -- what was changed

HERE = f"eu-west-1:{ACCOUNT}"


@pytest.mark.parametrize(
    ("document", "arns"),
    [
        (call("rds", "ModifyDBInstance", request={"dBInstanceIdentifier": "shop"}),
         [f"arn:aws:rds:{HERE}:db:shop"]),
        (call("ec2", "RunInstances", request={"instancesSet": {"items": [{"imageId": "ami-1"}]}},
              answer={"instancesSet": {"items": [{"instanceId": "i-1", "subnetId": "subnet-1"},
                                                 {"instanceId": "i-2"}]}}),
         [f"arn:aws:ec2:{HERE}:instance/i-1", f"arn:aws:ec2:{HERE}:instance/i-2"]),
        (call("ec2", "AuthorizeSecurityGroupIngress", request={"groupId": "sg-1"},
              answer={"_return": True}), [f"arn:aws:ec2:{HERE}:security-group/sg-1"]),
        (call("ec2", "CreateTags", request={"resourcesSet": {"items": [
            {"resourceId": "vol-1"}, {"resourceId": "odd"}]}}),
         [f"arn:aws:ec2:{HERE}:volume/vol-1"]),
        (call("ec2", "CreateVpc", answer={"vpc": {"vpcId": "vpc-1", "dhcpOptionsId": "dopt-1"}}),
         [f"arn:aws:ec2:{HERE}:vpc/vpc-1"]),
        (call("lambda", "UpdateFunctionCode20150331v2", request={"functionName": "f"}),
         [f"arn:aws:lambda:{HERE}:function:f"]),
        (call("iam", "CreateRole", request={"roleName": "r"}),
         [f"arn:aws:iam::{ACCOUNT}:role/r"]),
        (call("iam", "AttachRolePolicy", request={"roleName": "r", "policyArn": "arn:aws:iam::x"}),
         [f"arn:aws:iam::{ACCOUNT}:role/r"]),
        (call("sqs", "SetQueueAttributes",
              request={"queueUrl": f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/q"}),
         [f"arn:aws:sqs:{HERE}:q"]),
        (call("ecs", "UpdateService", request={"service": "s", "cluster": "c"}, answer={
            "service": {"serviceArn": "arn:aws:ecs:x:service/c/s",
                        "taskDefinitionArn": "arn:aws:ecs:x:task/1", "roleArn": "arn:aws:iam::r"}}),
         ["arn:aws:ecs:x:service/c/s"]),
        (call("tagging", "TagResources", request={"resourceARN": "arn:aws:x:y"}), ["arn:aws:x:y"]),
        (call("odd", "DoIt", request={"roleArn": "arn:aws:iam::r"},
              resources=[{"ARN": "arn:aws:odd:it", "type": "AWS::Odd"}]), ["arn:aws:odd:it"]),
        (call("odd", "DoIt", request={"roleArn": "arn:aws:iam::r"}), []),
        (call("s3", "CreateBucket", request={"bucketName": "b"}, awsRegion="cn-north-1"),
         ["arn:aws-cn:s3:::b"]),
        (call("s3", "CreateBucket", request="<xml/>", answer=[1, None, {"a": {}}]), []),
    ],
)  # fmt: skip
def test_what_a_call_changed_has_the_name_that_terraform_knows(
    document: Any, arns: list[str]
) -> None:
    found = told(document)
    assert [state.name for state in found.states] == arns
    changed = {target for source, relation, target in links(found) if relation == "changes"}
    assert changed == set(arns)


@pytest.mark.parametrize(
    ("document", "is_gone"),
    [
        (call("s3", "DeleteBucket", request={"bucketName": "b"}), True),
        (call("s3", "DeleteBucketPolicy", request={"bucketName": "b"}), False),
        (call("ec2", "TerminateInstances", request={"items": [{"instanceId": "i-1"}]}), True),
        (call("ec2", "DeleteTags", request={"items": [{"resourceId": "i-1"}]}), False),
        (call("dynamodb", "DeleteTable", request={"tableName": "t"}), True),
        (call("elasticloadbalancing", "DeleteLoadBalancer",
              request={"loadBalancerArn": "arn:aws:elasticloadbalancing:x"}), True),
        (call("elasticloadbalancing", "ModifyLoadBalancerAttributes",
              request={"loadBalancerArn": "arn:aws:elasticloadbalancing:x"}), False),
    ],
)  # fmt: skip
def test_what_a_call_removed_is_gone(document: Any, is_gone: bool) -> None:
    assert (only(told(document)).properties or {}).get("gone", False) is is_gone


# -- wrappings


def bridge(detail: Any) -> dict[str, Any]:
    return {
        "version": "0", "id": "b1", "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.s3", "account": ACCOUNT, "time": "2026-01-01T10:00:05Z", "detail": detail,
    }  # fmt: skip


def notification(message: Any, kind: str = "Notification") -> dict[str, Any]:
    return {
        "Type": kind, "MessageId": "m1", "TopicArn": "arn:aws:sns:eu-west-1:1:audit",
        "Message": json.dumps(message), "Timestamp": "2026-01-01T10:00:09Z", "Token": "t0ken",
        "SubscribeURL": "https://sns.example.org/?Action=ConfirmSubscription",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrapped",
    [event(), bridge(event()), {"Records": [event()]}, notification({"Records": [event()]}),
     notification(bridge(event()))],
    ids=["event", "bridge", "file", "notified file", "notified event"],
)  # fmt: skip
def test_every_wrapping_says_the_same(wrapped: Any) -> None:
    assert format_of(wrapped) == "cloudtrail"
    found = alone(wrapped)
    assert (only(found).value, found.kind, found.occurred) == ("change:aws:e1", "change", AT)


def test_a_subscription_says_what_to_do_and_carries_no_fact() -> None:
    found = alone(notification("x", "SubscriptionConfirmation"))
    said = node(found, found.document).properties or {}
    assert said["do"] == (
        "aws sns confirm-subscription --topic-arn arn:aws:sns:eu-west-1:1:audit --token t0ken"
    )
    assert (found.kind, found.states) == ("event", ())


@pytest.mark.parametrize(
    ("document", "error", "says"),
    [
        (event(eventTime="soon"), Malformed, "not an RFC 3339 time"),
        (event(eventID=""), Malformed, "eventID"),
        ({"Records": [event(), event(eventName=None)]}, Malformed, r"Records\[1\].eventName"),
        ({"Records": [event()] * 10_001}, LimitPassed, "calls_max 10000"),
        (notification({"s3Bucket": "b", "s3ObjectKey": ["k"]}), Unsupported, "record those"),
        (notification(notification(event())), Unsupported, "something else"),
        (notification("text"), Unsupported, "something else"),
        (event(userIdentity="jane"), Malformed, "userIdentity"),
    ],
)
def test_what_is_broken_or_of_something_else_is_refused(
    document: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        alone(document)


def test_events_of_a_bucket_are_not_of_the_trail() -> None:
    of_bucket = {"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "x"}]}
    assert not cloudtrail.recognises(of_bucket)
    assert not cloudtrail.recognises({"Records": []})


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from(["arn:aws:s3:::a", "true", "RunInstances", "i-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["instanceId", "arn", "items", "sessionContext", "sessionIssuer", "type",
                         "webIdFederationData", "invokedBy", "bucketName", "ARN"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*CHANGES["cloudtrail"], "responseElements", "resources",
       "errorCode", "sourceIPAddress", "eventType", "sessionCredentialFromConsole"]), ANY),
       st.sampled_from(["s3", "ec2", "iam", "x"]))  # fmt: skip
def test_no_event_however_odd_gives_anything_but_an_error_of_ours(
    changes: Any, service: str
) -> None:
    document = {
        **event(eventSource=f"{service}.amazonaws.com", eventName="RunInstances"),
        **changes,
    }
    for wrapped in (document, bridge(document), {"Records": [document, changes]}):
        with contextlib.suppress(Error):
            cloudtrail.facts(wrapped, document_id="sha256:" + "0" * 64)
        with contextlib.suppress(Error):
            alone(wrapped)

"""Which resource a call of AWS changed: its ARN, as Terraform knows it.

    service + operation ──row──► the key that names it ──► in the answer, else in the request
                                     "dBInstanceIdentifier": "shop" ──► arn:aws:rds:…:db:shop
    no row ──► ARNs under a key that the operation names: UpdateService, "serviceArn"
           └─► else those that the event lists (``resources``)

The first row whose noun stands in the operation counts. A call that removes just the noun
(DeleteBucket, not DeleteBucketPolicy) removed the resource.

Sizes:  parameters are looked through 8 deep · 20 resources a call
Source: AWS, "Actions, resources, and condition keys"; CloudTrail record contents
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from wherefrom.formats.cloud_calls import THINGS_MAX, Thing
from wherefrom.formats.facts import ID_BYTES_MAX

DEPTH_MAX: Final = 8
_VERSION: Final = re.compile(r"_?20\d{6}(?:v\d+)?$")  # of Lambda and CloudFront: a date of the API
_REMOVES: Final = r"(?:Delete|Terminate|Release|Deregister|Destroy)"
_TAGS: Final = "Tags"
_NAMES_ARNS: Final = frozenset({"resourcearn", "resourcename", "resource", "arn"})


class _Row(NamedTuple):
    """``noun`` in the operation: ``key`` names the resource, ``made`` is its ARN."""

    noun: str
    key: str
    made: str


_HERE: Final = "arn:{partition}:{service}:{region}:{account}:"


def _rows(service: str, *rows: tuple[str, str, str]) -> tuple[_Row, ...]:
    here = _HERE.replace("{service}", service)
    return tuple(
        _Row(noun, key, made if made.startswith("arn:") else here + made)
        for noun, key, made in rows
    )


# Before the noun that it begins with: SecurityGroupRule before SecurityGroup.
_SERVICES: Final[Mapping[str, tuple[_Row, ...]]] = {
    "s3": _rows("s3", ("Bucket", "bucketName", "arn:{partition}:s3:::{id}")),
    "ec2": _rows(
        "ec2",
        (_TAGS, "resourceId", "{typed}"),
        ("Instance", "instanceId", "instance/{id}"),
        ("SecurityGroup", "groupId", "security-group/{id}"),
        ("Subnet", "subnetId", "subnet/{id}"),
        ("VpcEndpoint", "vpcEndpointId", "vpc-endpoint/{id}"),
        ("VpcPeeringConnection", "vpcPeeringConnectionId", "vpc-peering-connection/{id}"),
        ("InternetGateway", "internetGatewayId", "internet-gateway/{id}"),
        ("NatGateway", "natGatewayId", "natgateway/{id}"),
        ("TransitGateway", "transitGatewayId", "transit-gateway/{id}"),
        ("NetworkInterface", "networkInterfaceId", "network-interface/{id}"),
        ("NetworkAcl", "networkAclId", "network-acl/{id}"),
        ("LaunchTemplate", "launchTemplateId", "launch-template/{id}"),
        ("Route", "routeTableId", "route-table/{id}"),
        ("Volume", "volumeId", "volume/{id}"),
        ("Snapshot", "snapshotId", "snapshot/{id}"),
        ("Image", "imageId", "image/{id}"),
        ("Address", "allocationId", "elastic-ip/{id}"),
        ("Vpc", "vpcId", "vpc/{id}"),
    ),
    "rds": _rows(
        "rds",
        ("DBInstance", "dBInstanceIdentifier", "db:{id}"),
        ("DBClusterParameterGroup", "dBClusterParameterGroupName", "cluster-pg:{id}"),
        ("DBCluster", "dBClusterIdentifier", "cluster:{id}"),
        ("DBParameterGroup", "dBParameterGroupName", "pg:{id}"),
        ("DBSubnetGroup", "dBSubnetGroupName", "subgrp:{id}"),
    ),
    "lambda": _rows("lambda", ("Function", "functionName", "function:{id}")),
    "dynamodb": _rows("dynamodb", ("", "tableName", "table/{id}")),
    "iam": _rows(
        "iam",
        ("InstanceProfile", "instanceProfileName",
         "arn:{partition}:iam::{account}:instance-profile/{id}"),
        ("Role", "roleName", "arn:{partition}:iam::{account}:role/{id}"),
        ("User", "userName", "arn:{partition}:iam::{account}:user/{id}"),
        ("AccessKey", "userName", "arn:{partition}:iam::{account}:user/{id}"),
        ("LoginProfile", "userName", "arn:{partition}:iam::{account}:user/{id}"),
        ("Group", "groupName", "arn:{partition}:iam::{account}:group/{id}"),
        ("Policy", "policyArn", "arn:{partition}:iam::{account}:policy/{id}"),
    ),
    "sqs": _rows("sqs", ("", "queueUrl", "{last}")),
    "sns": _rows("sns", ("", "topicArn", "{id}")),
    "kms": _rows("kms", ("Key", "keyId", "key/{id}")),
    "secretsmanager": _rows("secretsmanager", ("", "aRN", "{id}"), ("", "secretId", "{arn}")),
    "ssm": _rows("ssm", ("Parameter", "name", "parameter/{path}")),
    "eks": _rows("eks", ("", "clusterName", "cluster/{id}"), ("Cluster", "name", "cluster/{id}")),
    "route53": _rows(
        "route53",
        ("HostedZone", "id", "arn:{partition}:route53:::hostedzone/{last}"),
        ("", "hostedZoneId", "arn:{partition}:route53:::hostedzone/{last}"),
    ),
    "logs": _rows(
        "logs",
        ("LogGroup", "logGroupName", "log-group:{id}"),
        ("", "logGroupName", "log-group:{id}"),
    ),
    "monitoring": _rows("cloudwatch", ("Alarm", "alarmName", "alarm:{id}")),
    "events": _rows("events", ("Rule", "name", "rule/{id}"), ("Targets", "rule", "rule/{id}")),
    "ecr": _rows("ecr", ("", "repositoryName", "repository/{id}")),
    "kinesis": _rows("kinesis", ("Stream", "streamName", "stream/{id}")),
    "elasticache": _rows(
        "elasticache",
        ("ReplicationGroup", "replicationGroupId", "replicationgroup:{id}"),
        ("CacheCluster", "cacheClusterId", "cluster:{id}"),
    ),
}  # fmt: skip
# What begins an id of EC2, and what it is then.
_TYPED: Final[Mapping[str, str]] = {
    "i": "instance", "sg": "security-group", "subnet": "subnet", "vpc": "vpc", "vol": "volume",
    "ami": "image", "rtb": "route-table", "igw": "internet-gateway", "nat": "natgateway",
    "eni": "network-interface", "snap": "snapshot", "eipalloc": "elastic-ip",
    "lt": "launch-template", "acl": "network-acl", "vpce": "vpc-endpoint",
    "tgw": "transit-gateway", "pcx": "vpc-peering-connection",
}  # fmt: skip


def without_version(operation: str) -> str:
    """``UpdateFunctionCode20150331v2`` as it is called."""
    return _VERSION.sub("", operation)


def changed(event: Mapping[str, Any], service: str, operation: str) -> tuple[Thing, ...]:
    """The resources that a call changed, as far as its event says."""
    operation = without_version(operation)
    names = _by_row(event, service, operation) or _by_key(event, operation) or _listed(event)
    found: dict[str, None] = {}
    noun = None
    for name, its_noun in names:
        if len(name.encode("utf-8", "surrogatepass")) <= ID_BYTES_MAX:
            found.setdefault(name)
            noun = its_noun if its_noun is not None else noun
    pattern = rf"{_REMOVES}{re.escape(noun)}s?" if noun else rf"{_REMOVES}(?-i:[A-Z][a-z]+)"
    is_gone = noun != _TAGS and re.fullmatch(pattern, operation, re.I) is not None
    return tuple(Thing(name, is_gone) for name in list(found)[:THINGS_MAX])


_Named = list[tuple[str, str | None]]  # a name, and the noun it was found by


def _by_row(event: Mapping[str, Any], service: str, operation: str) -> _Named:
    for row in _SERVICES.get(service, ()):
        if row.noun not in operation:
            continue
        for side in ("responseElements", "requestParameters"):
            ids = dict.fromkeys(_values(event.get(side), row.key))
            made = [_made(event, row, id) for id in ids]
            if found := [(arn, row.noun or None) for arn in made if arn is not None]:
                return found
    return []


def _made(event: Mapping[str, Any], row: _Row, id: str) -> str | None:
    if id.startswith("arn:"):
        return id
    region = event.get("awsRegion")
    region = region if isinstance(region, str) else ""
    account = event.get("recipientAccountId")
    type = _TYPED.get(id.partition("-")[0])
    if "{arn}" in row.made or ("{typed}" in row.made and type is None):
        return None
    return row.made.format(
        partition=_partition(region), region=region,
        account=account if isinstance(account, str) else "", id=id, typed=f"{type}/{id}",
        last=id.rstrip("/").rpartition("/")[2], path=id.lstrip("/"),
    )  # fmt: skip


def _partition(region: str) -> str:
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _by_key(event: Mapping[str, Any], operation: str) -> _Named:
    """ARNs under keys that the operation names: what it is about, not what it refers to."""
    low = operation.lower()
    for side in ("responseElements", "requestParameters"):
        found: _Named = [
            (value, key[: -len("arn")] or None)
            for key, value in _pairs(event.get(side))
            if value.startswith("arn:") and _is_about(key.lower(), low)
        ]
        if found:
            return found
    return []


def _is_about(key: str, operation: str) -> bool:
    return key in _NAMES_ARNS or (key.endswith("arn") and key.removesuffix("arn") in operation)


def _listed(event: Mapping[str, Any]) -> _Named:
    listed = event.get("resources")
    found = [one.get("ARN") for one in listed if isinstance(one, dict)] if isinstance(
        listed, list
    ) else []  # fmt: skip
    return [(arn, None) for arn in found if isinstance(arn, str) and arn.startswith("arn:")]


def _values(parameters: object, key: str) -> Iterator[str]:
    return (value for name, value in _pairs(parameters) if name == key)


def _pairs(parameters: object) -> Iterator[tuple[str, str]]:
    """Each text with its key, the outer ones first."""
    level = [parameters]
    for _ in range(DEPTH_MAX):
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                yield from (
                    (key, value) for key, value in one.items() if isinstance(value, str) and value
                )
                inner += [value for value in one.values() if isinstance(value, dict | list)]
            elif isinstance(one, list):
                inner += one
        level = inner

"""A change of a cloud is out of band if it came by no pipeline, and says how that is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed
from wherefrom.formats.cloud_calls import Caller, band_of, patterns

TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 (+https://www.terraform.io) terraform-provider-aws/5.1"
)
ROLE = "arn:aws:sts::1:assumed-role/deploy/run-7"


@pytest.mark.parametrize(
    ("caller", "out", "how"),
    [
        (Caller(agent=TERRAFORM, is_person=True), False, "Terraform, by its user agent"),
        (Caller(agent="APN/1.0 OpenTofu/1.0 OpenTofu/1.6 Terraform/1.6"), False, "OpenTofu, by"),
        (Caller(agent="pulumi-aws/6"), False, "Pulumi, by its user agent"),
        (Caller(ci="GitHub Actions", agent="aws-cli/2.15"), False, "GitHub Actions, by its"),
        (Caller(itself="autoscaling.amazonaws.com"), False, "the cloud itself: autoscaling"),
        (Caller(console="its user agent"), True, "the console: its user agent"),
        (Caller(agent="aws-cli/2.15.0 md/Botocore#2"), True, "a command line: aws-cli"),
        (Caller(agent="google-cloud-sdk gcloud/460.0.0 command/gcloud.x"), True, "gcloud"),
        (Caller(is_person=True, agent="curl/8"), True, "a person"),
        (Caller(names=(ROLE,), agent="Boto3/1.34"), None, "no pipeline is declared"),
        (Caller(agent="notTerraform2"), None, "no pipeline is declared"),
    ],
)
def test_where_no_pipeline_is_declared_what_is_known_decides(
    caller: Caller, out: bool | None, how: str
) -> None:
    band = band_of(caller)
    assert band.out is out
    assert how in band.how


@pytest.mark.parametrize(
    ("caller", "out", "how"),
    [
        (Caller(names=(ROLE,), agent="aws-cli/2"), False, "a declared pipeline: *role/DEPLOY/*"),
        (Caller(names=("x",), also=(ROLE,)), False, "a declared pipeline"),
        (Caller(agent="my-deployer/3 (x)"), False, "a declared pipeline: my-deployer/*"),
        (Caller(itself="autoscaling.amazonaws.com"), False, "the cloud itself"),
        (Caller(agent=TERRAFORM, names=("jane",)), True, "none of the declared pipelines"),
        (Caller(ci="GitHub Actions"), True, "none of the declared pipelines"),
        (Caller(agent=TERRAFORM, is_person=True), True, "a person"),
    ],
)
def test_where_pipelines_are_declared_only_they_and_the_cloud_are_in_band(
    caller: Caller, out: bool, how: str
) -> None:
    band = band_of(caller, patterns("*role/DEPLOY/* my-deployer/*"))
    assert band.out is out
    assert how in band.how


def test_too_many_patterns_are_refused() -> None:
    with pytest.raises(LimitPassed, match="too many pipelines"):
        patterns("a " * 33)
    assert patterns(None) == patterns(5) == patterns("  ") == ()


@given(st.lists(st.text(max_size=20), max_size=3), st.text(max_size=200), st.text(max_size=60))
def test_any_caller_is_judged(names: list[str], agent: str, said: str) -> None:
    try:
        declared = patterns(said)
    except LimitPassed:
        return
    band = band_of(Caller(names=tuple(names), agent=agent), declared)
    assert band.out in (True, False, None)
    assert band.how

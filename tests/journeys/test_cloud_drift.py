"""What Terraform applied, what somebody did beside it in a cloud, and what Terraform put right."""

import gzip
import json

import pytest

from tests.unit.cli.running import run
from tests.unit.formats.change_samples import CHANGES

AZURE_ID = "/subscriptions/S/resourceGroups/R/providers/Microsoft.Storage/storageAccounts/A"
CLOUDS = {
    "aws": ("aws_s3_bucket.it", {"arn": "arn:aws:s3:::logs"}, "cloudtrail"),
    "google": (
        "google_compute_instance.it",
        {"self_link": "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i"},
        "google_audit",
    ),
    "azure": ("azurerm_storage_account.it", {"id": AZURE_ID}, "azure_activity"),
}
BEFORE, BETWEEN, AFTER, LATER = (f"2026-01-01T{hour}:00:00Z" for hour in ("09", "10", "11", "12"))
TERRAFORM = "Terraform/1.9.5 (+https://www.terraform.io)"


class Prod:
    """A log, and what is recorded in it of production."""

    def __init__(self, folder, values, address):
        self.data, self._folder = folder / "data", folder
        self._values, self._address = values, address

    def apply(self, at, **settings):
        values = {**self._values, **settings}
        state = {
            "format_version": "1.0",
            "values": {"root_module": {"resources": [
                {"address": self._address, "mode": "managed", "type": "t", "name": "it",
                 "values": values, "sensitive_values": {}},
            ]}},
        }  # fmt: skip
        self._ok(run(
            "change", "terraform", "-", "-e", "prod", "--source", "/terraform/prod", "--at", at,
            stdin=json.dumps(state).encode(), data=self.data,
        ))  # fmt: skip

    def record(self, document, **attributes):
        event = {
            "specversion": "1.0", "id": "1", "source": "/audit", "type": "audit",
            "environment": "prod", **attributes, "data": document,
        }  # fmt: skip
        self._ok(run("record", "-", stdin=json.dumps(event).encode(), data=self.data))

    def drift(self, at):
        ran = run("drift", "prod", "--at", at, "--json", data=self.data)
        said = ran.json
        assert ran.code == bool(said["drifting"])
        return said["places"]

    def _ok(self, ran):
        assert ran.code == 0, ran.err


@pytest.fixture(params=CLOUDS)
def cloud(request, tmp_path):
    address, values, sample = CLOUDS[request.param]
    return Prod(tmp_path, values, address), address, CHANGES[sample]


def test_a_change_beside_terraform_drifts_until_terraform_is_asked_again(cloud):
    prod, address, event = cloud
    prod.apply(BEFORE, size=1)
    assert prod.drift(BETWEEN) == []
    prod.record(event)
    (place,) = prod.drift(BETWEEN)
    assert (place["name"], place["drift"]) == (address, "differs")
    (seen,) = place["observed"]
    assert seen["marks"] == ["out_of_band"]
    assert seen["value"].startswith("change:")
    shown = run("drift", "prod", "--at", BETWEEN, data=prod.data)
    assert f"! resource {address}" in shown.out
    assert "out of band" in shown.out
    told = run("changes", "prod", "--since", BETWEEN, "--until", LATER, data=prod.data)
    assert event["time" if "time" in event else "timestamp" if "timestamp" in event else
                 "eventTime"][11:16] in told.out  # fmt: skip
    prod.apply(AFTER, size=1)
    assert prod.drift(LATER) == []
    assert [place["drift"] for place in prod.drift(BETWEEN)] == ["differs"]


def test_what_a_pipeline_does_is_no_drift(tmp_path):
    address, values, sample = CLOUDS["aws"]
    prod = Prod(tmp_path, values, address)
    prod.apply(BEFORE)
    prod.record({**CHANGES[sample], "userAgent": TERRAFORM})
    assert prod.drift(BETWEEN) == []
    prod.record({**CHANGES[sample], "userAgent": "Boto3/1"}, id="2", pipelines="*:user/jane")
    assert prod.drift(BETWEEN) == []
    prod.record({**CHANGES[sample], "userAgent": TERRAFORM}, id="3", pipelines="*:role/deploy")
    assert [place["drift"] for place in prod.drift(BETWEEN)] == ["differs"]


def test_a_file_of_the_trail_is_recorded_as_it_lies_in_its_bucket(tmp_path):
    file = tmp_path / "111122223333_CloudTrail_eu-west-1.json.gz"
    file.write_bytes(gzip.compress(json.dumps({"Records": [CHANGES["cloudtrail"]] * 2}).encode()))
    assert run("record", file, data=tmp_path / "data").code == 0
    (place,) = run("drift", "--json", data=tmp_path / "data").json["places"]
    assert (place["environment"], place["name"]) == ("", "arn:aws:s3:::logs")


def test_what_nobody_declared_is_undeclared_until_it_is_removed(tmp_path):
    prod = Prod(tmp_path, {}, "x.y")
    prod.record(CHANGES["cloudtrail"])
    assert [place["drift"] for place in prod.drift(AFTER)] == ["undeclared"]
    removed = {**CHANGES["cloudtrail"], "eventName": "DeleteBucket", "eventID": "e2"}
    prod.record({**removed, "eventTime": AFTER}, id="2")
    assert prod.drift(LATER) == []

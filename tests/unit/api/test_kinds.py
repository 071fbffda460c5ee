"""Every kind of evidence comes through the door, alone and in any wrapping, and can be traced."""

import gzip
import json

import pytest
import zstandard

from tests.unit.formats import test_csaf, test_openvex, test_sarif, test_spdx3

JUNIT = b'<testsuites name="n"><testsuite><testcase name="%d"/></testsuite></testsuites>'
# kind: a document that holds the number, and the kind of its entry
JSON_KINDS = {
    "openvex": (lambda n: test_openvex.vex(version=n), "attestation"),
    "csaf": (lambda n: test_csaf.tracked(id=f"EX-{n}"), "attestation"),
    "sarif": (lambda n: test_sarif.report(automationDetails={"id": str(n)}), "observation"),
    "spdx3": (lambda n: test_spdx3.spdx(test_spdx3.package("app", summary=str(n))), "sbom"),
}


def statuses(answer):
    return [item["status"] for item in answer.json()["items"]]


@pytest.mark.parametrize("kind", JSON_KINDS)
def test_a_kind_in_json_is_taken_alone_in_arrays_in_lines_and_compressed(client, number, kind):
    make, entry_kind = JSON_KINDS[kind]
    one, two, three = (json.dumps(make(number())).encode() for _ in range(3))
    alone = client.post("/v1/records", content=one)
    assert alone.status_code == 201, alone.text
    index = alone.json()["items"][0]["index"]
    entry = client.get(f"/v1/records/{index}").json()
    assert entry["entry"]["kind"] == entry_kind if "entry" in entry else entry["kind"] == entry_kind
    assert client.get(f"/v1/records/{index}/content").content == one
    array = client.post("/v1/records", content=b"[" + one + b"," + two + b"]")
    assert statuses(array) == ["known", "recorded"]
    lines = client.post("/v1/records", content=gzip.compress(two + b"\n" + three + b"\n"))
    assert statuses(lines) == ["known", "recorded"]


def test_a_junit_report_is_taken_alone_and_compressed(client, number):
    report = JUNIT % number()
    assert client.post("/v1/records", content=report).status_code == 201
    packed = zstandard.ZstdCompressor().compress(report)
    again = client.post("/v1/records", content=packed)
    assert (again.status_code, statuses(again)) == (200, ["known"])
    index = again.json()["items"][0]["index"]
    assert client.get(f"/v1/records/{index}/content").content == report


def test_a_broken_junit_report_is_refused_with_its_reason(client):
    answer = client.post("/v1/records", content=b"<!DOCTYPE testsuites><testsuites/>")
    assert answer.status_code == 400
    (item,) = answer.json()["items"]
    assert item["code"] == "malformed"
    assert "a document type in XML" in item["reason"]

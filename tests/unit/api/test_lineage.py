"""The endpoints that OpenLineage and CloudEvents clients speak."""

import base64
import gzip
import json

import pytest
import zstandard

from tests.served import event_bytes

SBOM = b'{"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}'


def cloud_event(number, **changes):
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "https://example.com/deployer",
        "type": "com.example.deployed",
        "time": "2026-01-01T00:00:00Z",
        "data": {"n": number},
        **changes,
    }


# -- one OpenLineage event


def test_an_event_is_201_when_new_and_200_when_retried_with_the_same_index(client, number):
    body = event_bytes(number())
    first, again = (client.post("/api/v1/lineage", content=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "status": "known"}


def test_several_events_are_refused_and_none_of_them_is_recorded(server, client, number):
    size = server.recorder.writer.size
    events = [event_bytes(number()) for _ in range(3)]
    for body in (b"[" + b",".join(events) + b"]", b"\n".join(events)):
        answer = client.post("/api/v1/lineage", content=body)
        assert answer.status_code == 422
        assert "/api/v1/lineage/batch" in answer.json()["do"]
    large = b"[" + b",".join(event_bytes(number()) for _ in range(3000)) + b"]"
    assert client.post("/api/v1/lineage", content=large).status_code == 422
    assert server.recorder.writer.size == size


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (SBOM, 415, "unsupported"),
        (json.dumps(cloud_event(1)).encode(), 415, "unsupported"),
        (b'{"eventTime": "yesterday", "run": {}, "job": {}}', 400, "malformed"),
        (b"", 400, "malformed"),
        (b"[]", 415, "unsupported"),
    ],
)
def test_only_openlineage_is_taken(server, client, body, status, code):
    size = server.recorder.writer.size
    answer = client.post("/api/v1/lineage", content=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert server.recorder.writer.size == size


def test_an_event_larger_than_a_mebibyte_is_one_event(client, number):
    event = json.loads(event_bytes(number()))
    event["job"]["facets"] = {"sql": {"_producer": "p", "_schemaURL": "s", "query": "x" * 2**21}}
    answer = client.post("/api/v1/lineage", content=json.dumps(event).encode())
    assert answer.status_code == 201, answer.text


# -- batches


def test_a_batch_that_was_all_taken_is_204_also_the_second_time(server, client, number):
    body = b"[" + b",".join(event_bytes(number()) for _ in range(30)) + b"]"
    size = server.recorder.writer.size
    for _ in range(2):
        answer = client.post("/api/v1/lineage/batch", content=body)
        assert (answer.status_code, answer.content) == (204, b"")
        assert server.recorder.writer.size == size + 30


def test_an_empty_batch_is_204_and_a_broken_body_is_a_failure(client):
    assert client.post("/api/v1/lineage/batch", content=b"[]").status_code == 204
    assert client.post("/api/v1/lineage/batch", content=b" [ ]\n").status_code == 204
    answer = client.post("/api/v1/lineage/batch", content=b"[")
    assert answer.json()["summary"]["failed"] == 1


def test_a_batch_with_failures_says_which_and_that_trying_again_is_no_use(client, number):
    good = [event_bytes(number()) for _ in range(2)]
    body = b"[" + good[0] + b"," + SBOM + b"," + good[1] + b',{"run":{}}]'
    answer = client.post("/api/v1/lineage/batch", content=body)
    assert answer.status_code == 200
    said = answer.json()
    assert said["status"] == "partial_success"
    assert said["summary"] == {
        "received": 4,
        "successful": 2,
        "failed": 2,
        "retriable": 0,
        "non_retriable": 2,
    }
    assert [(f["index"], f["retriable"]) for f in said["failed_events"]] == [(1, False), (3, False)]
    assert all(f["reason"] for f in said["failed_events"])


# -- CloudEvents


def test_a_structured_cloudevent_and_a_batch_of_them_are_recorded(client, number):
    one = cloud_event(number())
    headers = {"Content-Type": "application/cloudevents+json"}
    assert client.post("/v1/events", json=one, headers=headers).status_code == 201
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    answer = client.post("/v1/events", json=[one, cloud_event(number())], headers=headers)
    assert answer.status_code == 207
    assert [i["status"] for i in answer.json()["items"]] == ["known", "recorded"]


@pytest.mark.parametrize("change", [{"specversion": "2.0"}, {"source": ""}, {"time": "soon"}])
def test_a_cloudevent_that_breaks_the_spec_is_refused_by_its_field(client, number, change):
    answer = client.post("/v1/events", json=cloud_event(number(), **change))
    assert answer.status_code in (400, 415)
    assert next(iter(change)) in answer.json()["items"][0]["reason"]


def binary(number, **headers):
    """The headers of an event in binary mode."""
    event = {"specversion": "1.0", "id": f"b-{number}", "source": "https://ci.example",
             "type": "org.example.ran", **headers}  # fmt: skip
    return {f"ce-{name}": value for name, value in event.items() if value is not None}


def test_a_cloudevent_in_binary_mode_is_recorded_as_a_structured_one_and_once(client, number):
    headers = {**binary(number(), subject="Euro%20%E2%82%AC"), "Content-Type": "application/json"}
    first = client.post("/v1/events", content=b'{"passed": 7}', headers=headers)
    again = client.post("/v1/events", content=b'{"passed": 7}', headers=headers)
    assert [first.status_code, again.status_code] == [201, 200]
    index = first.json()["items"][0]["index"]
    kept = client.get(f"/v1/records/{index}/content").content
    assert kept.endswith(b',"data":{"passed": 7}}')
    assert json.loads(kept) == {
        "specversion": "1.0", "id": headers["ce-id"], "source": "https://ci.example",
        "type": "org.example.ran", "subject": "Euro €", "datacontenttype": "application/json",
        "data": {"passed": 7},
    }  # fmt: skip
    assert client.post("/v1/events", content=kept).json()["items"][0]["index"] == index


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_the_body_of_an_event_in_binary_mode_may_be_compressed(client, number, encoding):
    data = event_bytes(number())
    pack = gzip.compress if encoding == "gzip" else zstandard.compress
    headers = {**binary(number()), "Content-Type": "application/json"}
    plain = client.post("/v1/events", content=data, headers=headers)
    packed = client.post(
        "/v1/events", content=pack(data), headers={**headers, "Content-Encoding": encoding}
    )
    assert [plain.status_code, packed.status_code] == [201, 200]


def test_data_that_is_an_archive_stays_one(client, number):
    archive = gzip.compress(b"many words" * 50, mtime=0)
    headers = {**binary(number()), "Content-Type": "application/gzip"}
    answer = client.post("/v1/events", content=archive, headers=headers)
    index = answer.json()["items"][0]["index"]
    kept = json.loads(client.get(f"/v1/records/{index}/content").content)
    assert base64.b64decode(kept["data_base64"]) == archive


def test_a_large_body_in_binary_mode_is_read_from_the_disk(client, number):
    data = json.dumps({"words": "x" * (2 * 1024 * 1024)}).encode()
    headers = {**binary(number()), "Content-Type": "application/json"}
    answer = client.post("/v1/events", content=data, headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("headers", "body", "says"),
    [
        ({"source": None}, b"", "source"),
        ({"specversion": "0.3"}, b"", "specversion"),
        ({"time": "soon"}, b"", "time"),
        ({"datacontenttype": "text/plain"}, b"", "ce-datacontenttype"),
        ({"subject": "%ff"}, b"", "ce-subject"),
        ({}, b'{"a": 1, "a": 2}', "names one key twice"),
        ({}, b"{", "not JSON"),
    ],
)
def test_an_event_in_binary_mode_that_breaks_the_spec_is_refused_by_its_field(
    client, number, headers, body, says
):
    sent = {**binary(number(), **headers), "Content-Type": "application/json"}
    answer = client.post("/v1/events", content=body, headers=sent)
    assert answer.status_code in (400, 415)
    assert says in answer.json()["items"][0]["reason"]


def test_only_cloudevents_are_taken(client, number):
    answer = client.post("/v1/events", content=event_bytes(number()))
    assert answer.status_code == 415
    assert "cloudevents" in answer.json()["items"][0]["reason"]

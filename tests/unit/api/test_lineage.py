"""The endpoints that OpenLineage and CloudEvents clients speak."""

import gzip
import json
from unittest.mock import ANY

import pytest

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


def test_only_cloudevents_are_taken(client, number):
    answer = client.post("/v1/events", content=event_bytes(number()))
    assert answer.status_code == 415
    assert "cloudevents" in answer.json()["items"][0]["reason"]


def binary(number, **changes):
    headers = {
        "ce-specversion": "1.0", "ce-id": str(number), "ce-source": "https://example.com/deployer",
        "ce-type": "com.example.deployed", "Content-Type": "application/json", **changes,
    }  # fmt: skip
    return {name: value for name, value in headers.items() if value is not None}


def test_a_binary_cloudevent_is_recorded_as_the_document_it_stands_for(client, number):
    n = number()
    body = b'{"n": %d,  "caf\\u00e9": 1}' % n
    headers = binary(n, **{"ce-subject": "caf%C3%A9%20%22x%22", "ce-region": '"a b"'})
    answer = client.post("/v1/events", content=body, headers=headers)
    assert answer.status_code == 201
    (item,) = answer.json()["items"]
    recorded = client.get(f"/v1/records/{item['index']}/content").content
    assert recorded == (
        b'{"specversion":"1.0","id":"%d","source":"https://example.com/deployer",'
        b'"type":"com.example.deployed","region":"a b","subject":"caf\xc3\xa9 \\"x\\"",'
        b'"datacontenttype":"application/json","data":%b}' % (n, body)
    )
    again = client.post("/v1/events", content=body, headers=headers)
    assert again.json()["items"][0] == {**item, "status": "known"}


@pytest.mark.parametrize(
    ("type", "body", "data"),
    [
        ("text/plain; charset=utf-8", "é".encode(), {"data": "é"}),
        ("text/plain", b"\xff", {"data_base64": "/w=="}),
        ("application/soap+xml", b"<a/>", {"data": "<a/>"}),
        ("application/octet-stream", b"{}", {"data_base64": "e30="}),
        ("application/gzip", gzip.compress(b"x", mtime=0), {"data_base64": ANY}),
        ("application/vnd.x+json", b" [1] ", {"data": [1]}),
        ("application/json", b"", {}),
        (None, b"null", {"data": None}),
    ],
)
def test_the_data_of_a_binary_event_is_kept_as_its_type_says(client, number, type, body, data):
    headers = binary(number(), **{"Content-Type": type})
    answer = client.post("/v1/events", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    index = answer.json()["items"][0]["index"]
    recorded = client.get(f"/v1/records/{index}/content").json()
    assert {
        k: v for k, v in recorded.items() if k.startswith("data") and k != "datacontenttype"
    } == data
    assert recorded.get("datacontenttype") == type


def test_a_binary_event_may_be_compressed_on_its_way(client, number):
    headers = binary(number(), **{"Content-Encoding": "gzip"})
    answer = client.post("/v1/events", content=gzip.compress(b'{"a": 1}'), headers=headers)
    index = answer.json()["items"][0]["index"]
    assert client.get(f"/v1/records/{index}/content").json()["data"] == {"a": 1}


@pytest.mark.parametrize(
    ("change", "body", "says"),
    [
        ({}, b'1,"id":"another"', "the data"),
        ({}, b'{"a":1,"a":2}', "the data"),
        ({"ce-subject": "%FF"}, b"1", "ce-subject"),
        ({"ce-datacontenttype": "text/plain"}, b"1", "ce-datacontenttype"),
        ({"ce-data": "x"}, b"1", "ce-data"),
        ({"ce-Type": None, "ce-type": None}, b"1", "type"),
        ({"ce-not-a-name": "x"}, b"1", "not a name for an attribute"),
        ({"ce-source": None}, b"1", "source"),
    ],
)
def test_a_binary_event_that_breaks_the_spec_is_refused_with_the_reason(
    client, number, change, body, says
):
    answer = client.post("/v1/events", content=body, headers=binary(number(), **change))
    assert answer.status_code == 400
    assert says in answer.text

"""``POST /v1/records``: what is sent, in any wrapping, and what becomes of each record."""

import bz2
import gzip
import json
import threading
from uuid import UUID

import pytest
import zstandard

from tests.folders import BUILDER
from tests.links import layout, link, wrapped
from tests.served import event_bytes, ndjson
from wherefrom.formats import checkpoint, note, tlog_proof
from wherefrom.keys.ed25519 import check_note
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_inclusion

SBOM = {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1}


def statuses(answer):
    return [item["status"] for item in answer.json()["items"]]


def check_receipt(server, written, *, index):
    """What a verifier does with a receipt, knowing the log's key: returns the entry."""
    proof = tlog_proof.parse(written.encode())
    assert proof.index == index
    signed = checkpoint.parse(check_note(note.parse(proof.checkpoint), [server.folder.log_vkey()]))
    verify_inclusion(
        leaf_hash=hash_leaf(proof.extra),
        index=proof.index,
        tree_size=signed.size,
        path=proof.path,
        root=signed.root,
    )
    return json.loads(proof.extra)


# -- what the status says


def test_all_new_is_201_all_known_200_some_of_each_207(client, number):
    a, b = event_bytes(number()), event_bytes(number())
    first = client.post("/v1/records", content=a)
    again = client.post("/v1/records", content=a)
    mixed = client.post("/v1/records", content=b"[" + a + b"," + b + b"]")
    assert [x.status_code for x in (first, again, mixed)] == [201, 200, 207]
    assert statuses(mixed) == ["known", "recorded"]
    index = first.json()["items"][0]["index"]
    assert again.json()["items"][0] == {**first.json()["items"][0], "status": "known"}
    assert [item["index"] for item in mixed.json()["items"]] == [index, index + 1]
    assert mixed.json()["log"]["size"] == index + 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"  \n ", 400, "malformed"),
        (b"{", 400, "malformed"),
        (b"[]", 415, "unsupported"),
        (b'{"hello": "world"}', 415, "unsupported"),
        (b"<xml/>", 415, "unsupported"),
        (b'{"payloadType": "x", "payload": "", "signatures": []}', 400, "malformed"),
        (gzip.compress(b"{}" * 10_000, mtime=0)[:-9], 400, "malformed"),
    ],
)
def test_a_body_of_refusals_alone_has_the_status_of_the_first(client, body, status, code):
    answer = client.post("/v1/records", content=body)
    assert answer.status_code == status
    item = answer.json()["items"][0]
    assert (item["status"], item["code"]) == ("refused", code)
    assert item["reason"]
    assert item["index"] is None


def test_a_broken_element_costs_its_neighbours_nothing(client, number):
    good = [event_bytes(number()) for _ in range(3)]
    array = b"[" + good[0] + b', {"run": {}}, ' + good[1] + b', {"a": "\\ud800"}, ' + good[2] + b"]"
    answer = client.post("/v1/records", content=array)
    assert answer.status_code == 207
    assert statuses(answer) == ["recorded", "refused", "recorded", "refused", "recorded"]


def test_a_broken_line_costs_its_neighbours_nothing(client, number):
    good = [event_bytes(number()) for _ in range(3)]
    answer = client.post("/v1/records", content=b"\n".join([good[0], b"{oops", good[1], good[2]]))
    assert answer.status_code == 207
    assert statuses(answer) == ["recorded", "refused", "recorded", "recorded"]


def test_a_duplicate_inside_one_body_has_the_index_of_the_first(client, number):
    a = event_bytes(number())
    answer = client.post("/v1/records", content=b"[" + a + b"," + a + b"]")
    assert answer.status_code == 207
    assert len({item["index"] for item in answer.json()["items"]}) == 1


def test_the_same_record_sent_by_many_at_once_is_one_entry(server, number):
    body, answers = event_bytes(number()), []
    with server.as_("admin") as client:
        client.get("/healthz")
        senders = [
            threading.Thread(
                target=lambda: answers.append(client.post("/v1/records", content=body))
            )
            for _ in range(12)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert sorted(a.status_code for a in answers) == [200] * 11 + [201]
    assert len({a.json()["items"][0]["index"] for a in answers}) == 1


# -- receipts


def test_wait_proof_gives_every_record_a_receipt_that_verifies(server, client, number):
    numbers = [number() for _ in range(5)]
    client.post("/v1/records", content=event_bytes(numbers[2]))
    answer = client.post("/v1/records?wait=proof", content=ndjson(numbers))
    assert answer.status_code == 207
    for item in answer.json()["items"]:
        entry = check_receipt(server, item["receipt"], index=item["index"])
        assert entry["content"] == item["content"]
        assert entry["kind"] == "event"


def test_without_wait_there_is_no_receipt(client, number):
    answer = client.post("/v1/records", content=event_bytes(number()))
    assert set(answer.json()["items"][0]) == {"status", "index", "content", "code", "reason"}


def test_waiting_for_anything_else_is_refused_and_records_nothing(server, client, number):
    size = server.recorder.writer.size
    answer = client.post("/v1/records?wait=prof", content=event_bytes(number()))
    assert answer.status_code == 400
    assert answer.json()["expected"] == "proof"
    assert server.recorder.writer.size == size


# -- wrappings

PACKERS = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "bzip2": bz2.compress,
}


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("says_so", [True, False])
def test_a_compressed_body_is_read_whether_or_not_its_header_says_so(
    client, number, packer, says_so
):
    numbers = [number() for _ in range(40)]
    client.post("/v1/records", content=ndjson(numbers[:20]))
    headers = {"Content-Encoding": packer} if says_so else {}
    body = PACKERS[packer](ndjson(numbers))
    answer = client.post("/v1/records", content=body, headers=headers)
    assert answer.status_code == 207
    assert statuses(answer) == ["known"] * 20 + ["recorded"] * 20


def test_a_header_that_claims_a_compression_that_is_not_there_is_overlooked(client, number):
    body = event_bytes(number())
    answer = client.post("/v1/records", content=body, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 201


def test_another_encoding_is_415_and_says_what_is_read(client, number):
    body = event_bytes(number())
    answer = client.post("/v1/records", content=body, headers={"Content-Encoding": "br"})
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "gzip, zstd"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_lone_line_sent_as_ndjson_is_the_same_record_without_its_line_end(client, number):
    body = event_bytes(number())
    first = client.post("/v1/records", content=body)
    headers = {"Content-Type": "application/x-ndjson"}
    again = client.post("/v1/records", content=body + b"\n", headers=headers)
    assert again.status_code == 200
    assert again.json()["items"][0]["index"] == first.json()["items"][0]["index"]


def test_a_body_over_a_mebibyte_goes_through_the_spool_to_the_same_answer(client, number):
    numbers = [number() for _ in range(3000)]
    body = ndjson(numbers[:1500]) + b"{broken\n" + ndjson(numbers[1500:])
    assert len(body) > 1024 * 1024
    answer = client.post("/v1/records", content=body)
    assert answer.status_code == 207
    assert statuses(answer) == ["recorded"] * 1500 + ["refused"] + ["recorded"] * 1500
    indexes = [i["index"] for i in answer.json()["items"] if i["index"] is not None]
    assert indexes == list(range(indexes[0], indexes[0] + 3000))
    again = client.post("/v1/records?wait=proof", content=body)
    assert [i["index"] for i in again.json()["items"] if i["index"] is not None] == indexes


def test_a_chunked_body_without_a_length_is_the_same_body(client, number):
    numbers = [number() for _ in range(5)]
    lines = (event_bytes(n) + b"\n" for n in numbers)
    answer = client.post("/v1/records", content=lines)
    assert answer.status_code == 201
    assert len(answer.json()["items"]) == 5


# -- who may


@pytest.mark.parametrize("path", ["/v1/records", "/api/v1/lineage", "/v1/events"])
def test_nobody_without_a_token_records_anything(server, path):
    for headers in ({}, {"Authorization": "Bearer wf_guess"}, {"Authorization": "Basic YTpi"}):
        with server.as_() as nobody:
            answer = nobody.post(path, content=event_bytes(1), headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize(
    ("who", "method", "path", "role"),
    [
        ("reader", "POST", "/v1/records", "record"),
        ("sender", "GET", "/v1/log", "read"),
        ("sender", "GET", "/v1/find?q=a", "read"),
        ("sender", "POST", "/v1/keys", "admin"),
        ("reader", "POST", "/v1/records/1/erase", "admin"),
        ("sender", "POST", "/v1/records/1/erase", "admin"),
    ],
)
def test_a_token_without_the_role_is_403_and_says_which_role(server, who, method, path, role):
    with server.as_(who) as client:
        answer = client.request(method, path)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_allowed"
    assert f"the role {role}" in answer.json()["expected"]


@pytest.mark.parametrize(
    ("who", "change", "field"),
    [
        ("sboms", {}, "kind"),
        ("one producer", {"producer": "https://elsewhere.example/etl"}, "producer"),
        ("one namespace", {"namespace": "jobs2"}, "namespace"),
    ],
)
def test_a_scoped_token_is_refused_what_its_scope_does_not_cover(
    server, number, who, change, field
):
    size = server.recorder.writer.size
    with server.as_(who) as client:
        answer = client.post("/v1/records", content=event_bytes(number(), **change))
    assert answer.status_code == 403
    item = answer.json()["items"][0]
    assert item["code"] == "not_allowed"
    assert f"does not cover this {field}" in item["reason"]
    assert server.recorder.writer.size == size


@pytest.mark.parametrize("who", ["events", "one producer", "one namespace"])
def test_a_scoped_token_records_what_its_scope_covers(server, number, who):
    with server.as_(who) as client:
        answer = client.post("/v1/records", content=event_bytes(number()))
    assert answer.status_code == 201


def test_a_scope_refuses_record_by_record_also_in_a_batch_for_the_judges(server, number):
    others = {"producer": "https://elsewhere.example/etl"}
    bodies = [event_bytes(number(), **(others if n % 3 else {})) for n in range(60)]
    with server.as_("one producer") as client:
        answer = client.post("/v1/records", content=b"\n".join(bodies))
    assert answer.status_code == 207
    assert statuses(answer) == ["refused" if n % 3 else "recorded" for n in range(60)]
    assert {i["code"] for i in answer.json()["items"] if i["code"]} == {"not_allowed"}


def test_a_sbom_is_recorded_under_the_token_for_sboms(server, number):
    body = json.dumps({**SBOM, "serialNumber": UUID(int=number()).urn}).encode()
    with server.as_("sboms") as client:
        answer = client.post("/v1/records", content=body)
    assert answer.status_code == 201, answer.text


# -- kinds that came later


def test_steps_of_in_toto_and_witness_come_in_compressed_lines_like_any_other(client, number):
    build = f"build {number()}"
    collection = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": build, "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://witness.testifysec.com/attestation-collection/v0.1",
        "predicate": {"name": build, "attestations": []},
    }
    wrapped_link = json.loads(wrapped(link(name=build), BUILDER))
    documents = [link(name=build), wrapped_link, {"signed": layout(readme=build)}, collection]
    lines = b"\n".join(json.dumps(document).encode() for document in documents)
    answer = client.post("/v1/records", content=gzip.compress(lines))
    assert answer.status_code == 201
    assert statuses(answer) == ["recorded"] * 4

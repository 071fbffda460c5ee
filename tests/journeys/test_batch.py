"""Records signed together, the road once: signed, sent, believed, proved, and checked elsewhere."""

import hashlib
import json
import re

import pytest
from cryptography.exceptions import InvalidSignature

from tests.folders import BUILDER, public
from tests.paths import REPOSITORY
from tests.served import ServerProcess, event_bytes
from tests.unit.cli.running import run
from wherefrom.formats import base64_strict, batch
from wherefrom.keys.batches import sign_batch

PAGE = (REPOSITORY / "docs/formats/batch.md").read_text(encoding="utf-8")
(BY_HAND,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
(SHOWN,) = re.findall(r"```json\n(.*?)```", PAGE, re.S)
MANY = 300


@pytest.fixture
def by_hand():
    names = {}
    exec(compile(BY_HAND, "docs/formats/batch.md", "exec"), names)
    return names["checked"]


def test_the_line_on_the_page_is_what_is_written():
    records = [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    first, *_ = sign_batch(records, BUILDER)
    assert SHOWN.replace("\n", "").encode() == first
    assert f"`{batch.parse(first).batch.envelope.payload.decode()}`" in PAGE


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8, 21])
def test_each_line_is_checked_alone_with_the_page_and_the_producers_key(by_hand, count):
    assert "import wherefrom" not in BY_HAND
    assert "from wherefrom" not in BY_HAND
    records = [event_bytes(number) for number in range(count)]
    pem = public(BUILDER).to_pem().encode()
    lines = list(sign_batch(records, BUILDER))
    assert [by_hand(line, pem) for line in lines] == records
    read = json.loads(lines[-1])
    longer = base64_strict.encode(base64_strict.decode(read["path"], where="path") + bytes(32))
    for name, value in (("index", count), ("record", "e30="), ("path", longer)):
        with pytest.raises((AssertionError, InvalidSignature, ValueError)):
            by_hand(json.dumps(read | {name: value}), pem)


def test_from_a_producers_key_to_evidence_that_is_checked_without_the_server(tmp_path):
    made = run("keys", "new", "producer", "-o", tmp_path, "--json").json
    events, signed = tmp_path / "events.ndjson", tmp_path / "signed.ndjson"
    events.write_bytes(b"".join(event_bytes(number) + b"\n" for number in range(MANY)))
    told = run("sign", "--batch", events, "--key", tmp_path / "producer.key", "-o", signed)
    assert told.out.startswith(f"{signed}: {MANY} records signed by {made['id']}")
    document = "sha256:" + hashlib.sha256(event_bytes(7)).hexdigest()
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        # Each on its own way, some of them before anybody knows the key.
        lines = signed.read_bytes().splitlines()
        ndjson = {"content-type": "application/x-ndjson"}
        early = client.post("/v1/records", content=b"\n".join(lines[:100]), headers=ndjson)
        assert early.status_code == 201
        pem = (tmp_path / "producer.pub").read_text()
        changed = client.post("/v1/keys", json={"action": "trust", "pem": pem}).json()
        assert changed["judged_again"] == 100
        rest = client.post("/v1/records", content=b"[" + b",".join(lines[100:-1]) + b"]")
        assert rest.status_code == 201
        assert client.post("/v1/records", content=lines[-1]).status_code == 201
        tampered = lines[3].replace(b'"index":3,', b'"index":4,')
        (item,) = client.post("/v1/records", content=tampered).json()["items"]
        assert (item["status"], item["code"]) == ("refused", "bad_signature")
        (last,) = client.post("/v1/records", content=lines[-1]).json()["items"]
        assert last["status"] == "known"
        entry = client.get(f"/v1/records/{last['index']}").json()["entry"]
        assert entry["trust"] == {"level": "batch", "signers": [made["id"]]}
        assert entry["kind"] == "event"
        vkey = client.get("/v1/log").json()["vkey"]
        said = run("prove", document, "--content", "-o", tmp_path / "seventh.zip", "--server",
                   server.url, data=None)  # fmt: skip
        assert said.code != 0  # nobody without a token
        evidence = client.get(f"/v1/prove/{document}", params={"content": 1})
        (tmp_path / "seventh.zip").write_bytes(evidence.content)
    checked = run("verify", tmp_path / "seventh.zip", "--offline", "--log-key", vkey, "--json")
    assert (checked.code, checked.json["result"]) == (0, "proven")
    steps = {step["name"]: step["says"] for step in checked.json["steps"]}
    assert steps["batches"] == "1 record leads to the root of 1 signed batch"

"""The Rekor door: what it takes and what it answers. A client is in journeys/test_rekor_client."""

import base64
import json

import pytest

from tests.rekords import KEYS, body_of, request_of, spki_of
from wherefrom.formats import base64_strict, checkpoint, note
from wherefrom.formats.tiles import decode_bundle
from wherefrom.keys.ed25519 import check_note, key_id
from wherefrom.keys.public import PublicKey
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_inclusion
from wherefrom.views.rekor.view import log_id, rekor_origin

ENTRIES = "/api/v2/log/entries"


def sent(client, content, kind="p256", **changes):
    return client.post(ENTRIES, json=request_of(content, kind, **changes))


def rekor_key(server):
    """The log's key, under the name it has for Rekor's clients."""
    vkey = server.folder.log_vkey()
    return server.folder.log_key().verifier_key(rekor_origin(vkey.name))


def b64(text):
    return base64_strict.decode(text, where="answer")


@pytest.mark.parametrize("kind", KEYS)
def test_an_answer_is_proven_by_the_checkpoint_in_it(server, client, kind):
    answer = sent(client, b"proven", kind)
    assert answer.status_code == 201
    said = answer.json()
    proof, body = said["inclusionProof"], b64(said["canonicalizedBody"])
    key = rekor_key(server)
    signed = checkpoint.parse(
        check_note(note.parse(proof["checkpoint"]["envelope"].encode()), [key])
    )
    assert (str(signed.size), signed.root) == (proof["treeSize"], b64(proof["rootHash"]))
    assert said["logIndex"] == proof["logIndex"]
    assert b64(said["logId"]["keyId"]) == log_id(key.name, key.public_key)
    assert said["kindVersion"] == {"kind": "hashedrekord", "version": "0.0.2"}
    assert (said["integratedTime"], said["inclusionPromise"]) == ("0", None)
    verify_inclusion(
        leaf_hash=hash_leaf(body), index=int(said["logIndex"]), tree_size=signed.size,
        path=[b64(h) for h in proof["hashes"]], root=signed.root,
    )  # fmt: skip


def test_the_same_request_again_gets_the_same_index_and_no_second_leaf(client):
    asked = request_of(b"twice")
    first = client.post(ENTRIES, json=asked)
    again = client.post(ENTRIES, json=asked)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["logIndex"] == again.json()["logIndex"]
    assert first.json()["inclusionProof"]["treeSize"] == again.json()["inclusionProof"]["treeSize"]


def test_a_body_sent_as_a_record_is_a_leaf_all_the_same(client):
    asked = request_of(b"as a record")
    content = body_from(asked)
    assert client.post("/v1/records", content=content).status_code == 201
    answer = client.post(ENTRIES, json=asked)
    assert answer.status_code == 200
    assert b64(answer.json()["canonicalizedBody"]) == content


def body_from(asked):
    from wherefrom.formats import hashedrekord

    return hashedrekord.to_body(hashedrekord.parse_request(asked))


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"hashedRekordRequestV002": {}}, "digest"),
        ({"dsseRequestV002": {}}, "another kind of Rekor entry"),
        ([], "an object"),
        (request_of(b"a", signed=b"b"), "not over this digest"),
    ],
)
def test_what_is_wrong_with_a_request_is_told_as_rekor_tells_it(server, client, asked, says):
    size = server.recorder.writer.size
    answer = client.post(ENTRIES, json=asked)
    assert answer.status_code == 400
    said = answer.json()
    assert (said["code"], said["details"]) == (3, [])
    assert says in said["message"]
    assert server.recorder.writer.size == size


def test_a_body_that_fails_its_own_signature_is_refused_as_a_record_too(client):
    answer = client.post("/v1/records", content=body_of(b"a", signed=b"b"))
    assert answer.json()["items"][0]["code"] == "bad_signature"


def test_what_is_no_json_or_too_large_is_refused(client):
    assert client.post(ENTRIES, content=b"{").json()["code"] == 3
    large = client.post(ENTRIES, content=b" " * (256 * 1024 + 1))
    assert (large.status_code, large.json()["code"]) == (400, 3)
    assert "too large" in large.json()["message"]


def test_a_token_is_needed_and_may_be_the_password_of_the_url(server):
    asked = request_of(b"who")
    with server.as_() as nobody:
        refused = nobody.post(ENTRIES, json=asked)
        assert (refused.status_code, refused.json()["code"]) == (401, 16)
        wrong = nobody.post(ENTRIES, json=asked, auth=("any", "wrong"))
        assert wrong.status_code == 401
        broken = nobody.post(ENTRIES, json=asked, headers={"Authorization": "Basic %%%"})
        assert broken.status_code == 401
        right = nobody.post(ENTRIES, json=asked, auth=("any", server.token["sender"]))
        assert right.status_code == 201
        reader = nobody.post(ENTRIES, json=asked, auth=("any", server.token["reader"]))
        assert (reader.status_code, reader.json()["code"]) == (403, 7)


def test_a_password_opens_no_other_door(server):
    with server.as_() as nobody:
        auth = ("any", server.token["admin"])
        assert nobody.get("/v1/log", auth=auth).status_code == 401
        assert nobody.post("/v1/records", content=b"{}", auth=auth).status_code == 401


def test_a_key_that_the_log_knows_makes_it_signed(server, client):
    pem = PublicKey(spki_of("p521")).to_pem()
    before = sent(client, b"by a stranger", "p521")
    client.post("/v1/keys", json={"action": "trust", "pem": pem}).raise_for_status()
    sent(client, b"by one we know", "p521")
    entries = [server.recorder.writer.entry(i) for i in range(server.recorder.writer.size)]
    of_bodies = [json.loads(e) for e in entries if b"hashedrekord" in e]
    newest = of_bodies[-1]["trust"]
    assert newest == {"level": "signed", "signers": [key_id(spki_of("p521"))]}
    assert before.status_code == 201
    changed = client.post("/v1/keys", json={"action": "revoke", "key": key_id(spki_of("p521"))})
    changed.raise_for_status()
    refused = sent(client, b"too late", "p521")
    assert refused.status_code == 400


def test_the_tree_is_read_by_whoever_likes_as_tiles(server, client):
    sent(client, b"one more")
    with server.as_() as anybody:
        signed = anybody.get("/api/v2/checkpoint")
        size = checkpoint.parse(note.parse(signed.content).text).size
        assert signed.headers["cache-control"] == "no-cache"
        bundle = anybody.get(f"/api/v2/tile/entries/000.p/{size}")
        tile = anybody.get(f"/api/v2/tile/0/000.p/{size}")
        leaves = b"".join(hash_leaf(body) for body in decode_bundle(bundle.content))
        assert tile.content == leaves
        missing = anybody.get("/api/v2/tile/0/009")
        assert (missing.status_code, missing.json()["code"]) == (404, 5)
        assert anybody.get("/api/v2/tile/zero").status_code == 404


def test_base64_of_a_url_is_taken_as_protobuf_does(client):
    asked = request_of(b"url safe, with luck 10")
    signature = asked["hashedRekordRequestV002"]["signature"]
    raw = base64.b64decode(signature["content"])
    signature["content"] = base64.urlsafe_b64encode(raw).decode()
    assert client.post(ENTRIES, json=asked).status_code == 201

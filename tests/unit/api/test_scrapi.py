"""The SCRAPI door, as a client of other libraries sees it: cbor2 reads, cwt signs and checks."""

import hashlib
import json
from base64 import urlsafe_b64encode

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cwt import COSE, COSEKey

from tests.served import event_bytes
from tests.unit.formats.test_scitt import KEYS, statement
from wherefrom.api.openapi import openapi
from wherefrom.errors import Unavailable
from wherefrom.formats import scitt
from wherefrom.verify.cose_receipt import check, signer

COSE_TYPE = {"content-type": "application/cose"}
PROBLEM = "application/concise-problem-details+cbor"


def sent(client, content, **headers):
    return client.post("/entries", content=content, headers={**COSE_TYPE, **headers})


def numbered(number, **changes):
    return statement(payload=json.dumps({"number": number}).encode(), **changes)


def pem_of(kind):
    return KEYS[kind][1].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()  # fmt: skip


def problem_of(answer, status):
    """Title and detail of a problem, as RFC 9290 has them."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    said = cbor2.loads(answer.content)
    assert set(said) == {-1, -2}
    return said[-1], said[-2]


def root_of(leaf, index, size, path):
    """RFC 9162 §2.1.3.2, as it stands there."""
    node, at, last = hashlib.sha256(b"\0" + leaf).digest(), index, size - 1
    for sibling in path:
        assert last > 0
        if at & 1 or at == last:
            node = hashlib.sha256(b"\1" + sibling + node).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + sibling).digest()
        at, last = at >> 1, last >> 1
    assert last == 0
    return node


def checked_by_others(receipt, content, key_set):
    """A receipt and its statement, with none of our code; returns the index and tree size."""
    tag = cbor2.loads(receipt)
    protected, unprotected, payload, signature = tag.value
    headers = cbor2.loads(protected)
    assert (tag.tag, payload, headers[395]) == (18, None, 1)
    (key,) = [k for k in key_set if k[2] == headers[4]]
    assert (key[1], key[-1], key[3], headers[1]) == (1, 6, -8, -8)
    size, index, path = cbor2.loads(unprotected[396][-1][0])
    entry, nonce = unprotected["wherefrom.entry"], unprotected["wherefrom.nonce"]
    root = root_of(entry, index, size, path)
    message = cbor2.dumps(["Signature1", protected, b"", root])
    Ed25519PublicKey.from_public_bytes(key[-2]).verify(signature, message)
    # And with a COSE library, which is given the detached payload.
    COSE.new().decode(receipt, COSEKey.new(key), detached_payload=root)
    said = json.loads(entry)
    assert said["content"] == "sha256:" + hashlib.sha256(nonce + content).hexdigest()
    return index, size


def test_a_statement_is_registered_and_its_receipt_is_checked_by_other_libraries(client):
    content = numbered(1)
    answer = sent(client, content)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/cose"
    key_set = cbor2.loads(client.get("/.well-known/scitt-keys").content)
    index, size = checked_by_others(answer.content, content, key_set)
    assert answer.headers["location"] == f"/entries/{index}"
    assert index == size - 1
    assert client.get(f"/v1/records/{index}/content").content == content
    again = sent(client, content, **{"content-type": "application/scitt-statement+cose"})
    assert (again.status_code, again.headers["location"]) == (200, f"/entries/{index}")
    assert checked_by_others(again.content, content, key_set)[0] == index


def test_a_fresh_receipt_is_of_the_log_as_it_has_grown(client, server):
    content = numbered(2)
    location = sent(client, content).headers["location"]
    client.post("/v1/records", content=event_bytes(7001))
    answer = client.get(location)
    assert (answer.status_code, answer.headers["location"]) == (200, location)
    key_set = cbor2.loads(client.get("/.well-known/scitt-keys").content)
    index, size = checked_by_others(answer.content, content, key_set)
    assert size > index + 1
    assert check(answer.content, log_key=server.folder.log_vkey()).result == "proven"


def test_the_transparent_statement_is_still_signed_by_its_issuer_and_proves_itself(client, server):
    content = numbered(3)
    location = sent(client, content).headers["location"]
    answer = client.get(location + "/statement")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/cose")
    key = COSEKey.from_pem(pem_of("ES256"), kid=b"builder", alg="ES256")
    payload = COSE.new().decode(answer.content, key)
    assert json.loads(payload) == {"number": 3}
    (receipt,) = cbor2.loads(answer.content).value[1][394]
    assert scitt.without_receipt(answer.content, receipt) == content
    report = check(answer.content, log_key=server.folder.log_vkey())
    assert report.result == "proven"
    assert [s.name for s in report.steps] == [
        "statement", "receipt", "entry", "inclusion", "signature", "content",
    ]  # fmt: skip


def test_a_receipt_put_into_another_statement_proves_nothing(client, server):
    location = sent(client, numbered(4)).headers["location"]
    receipt = client.get(location).content
    vkey = server.folder.log_vkey()
    assert check(scitt.transparent(numbered(5), receipt), log_key=vkey).result == "failed"
    forged = check(scitt.transparent(numbered(5), receipt), log_key=vkey).steps[-1]
    assert (forged.name, forged.ok) == ("content", False)
    twice = scitt.transparent(scitt.transparent(numbered(4), receipt), receipt)
    assert "does not carry one receipt" in check(twice, log_key=vkey).steps[-1].says
    assert check(numbered(4), log_key=vkey).result == "failed"


def test_receipts_of_other_services_are_kept_and_passed_over(client, server):
    content = scitt.transparent(numbered(6), b"of another service")
    location = sent(client, content).headers["location"]
    written = client.get(location + "/statement").content
    held = cbor2.loads(written).value[1][394]
    assert held[0] == b"of another service"
    assert len(held) == 2
    assert check(written, log_key=server.folder.log_vkey()).result == "proven"


def test_the_key_is_found_by_the_kid_of_a_receipt_and_another_is_not(client, server):
    (key,) = cbor2.loads(client.get("/.well-known/scitt-keys").content)
    kid = urlsafe_b64encode(key[2]).decode().rstrip("=")
    with server.as_() as anybody:
        answer = anybody.get(f"/.well-known/scitt-keys/{kid}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/cbor")
        assert cbor2.loads(answer.content) == key
        assert "max-age" in answer.headers["cache-control"]
        for wrong in (kid + "=", kid[:-1], "x", key[2].hex()):
            title, _ = problem_of(anybody.get(f"/.well-known/scitt-keys/{wrong}"), 404)
            assert title == "Not Found"
        said = cbor2.loads(anybody.get("/.well-known/transparency-configuration").content)
        assert said == {"issuer": "log.example/http", "cose_keys_uri": "/.well-known/scitt-keys"}
    # RFC 9679: the thumbprint is of these three alone, in their one spelling.
    bare = {k: key[k] for k in (1, -1, -2)}
    assert key[2] == hashlib.sha256(cbor2.dumps(bare, canonical=True)).digest()


def unknown_algorithm():
    tag = cbor2.loads(numbered(7))
    headers = cbor2.loads(tag.value[0]) | {1: -7777}
    tag.value[0] = cbor2.dumps(headers)
    return cbor2.dumps(tag)


def detached():
    tag = cbor2.loads(numbered(8))
    tag.value[2] = None
    return cbor2.dumps(tag)


@pytest.mark.parametrize(("content", "status", "title"), [
    (b"", 400, "Malformed request"),
    (b"\xd2\x84", 400, "Malformed request"),
    (b"{}", 400, "Malformed request"),
    (statement(claims=None), 400, "Malformed request"),
    (statement(claims={1: "me"}), 400, "Malformed request"),
    (detached(), 400, "Payload Missing"),
    (unknown_algorithm(), 400, "Bad Signature Algorithm"),
    (bytes(1024 * 1024 + 1), 413, None),
])  # fmt: skip
def test_what_cannot_be_registered_is_told_in_concise_problem_details(
    client, content, status, title
):
    size = client.get("/v1/log").json()["size"]
    said, detail = problem_of(sent(client, content), status)
    assert title in (None, said)
    assert detail
    assert client.get("/v1/log").json()["size"] == size


def test_another_content_type_and_a_receipt_are_no_statement(client):
    for kind in ("application/json", "application/cbor", ""):
        answer = client.post("/entries", content=numbered(9), headers={"content-type": kind})
        assert "Content-Type" in problem_of(answer, 400)[1]
    receipt = sent(client, numbered(9)).content
    assert "is not a record" in problem_of(sent(client, receipt), 400)[1]


def test_a_wrong_signature_of_a_known_key_and_a_rule_are_rejections(client, server):
    wish = {"action": "trust", "pem": pem_of("ES512"), "names": ["scitt-builder"]}
    assert client.post("/v1/keys", json=wish).status_code == 201
    good = numbered(10, kind="ES512", kid=b"scitt-builder")
    index = sent(client, good).headers["location"].rpartition("/")[2]
    assert client.get(f"/v1/records/{index}").json()["entry"]["trust"]["level"] == "signed"
    tag = cbor2.loads(numbered(11, kind="ES512", kid=b"scitt-builder"))
    tag.value[3] = tag.value[3][:-1] + bytes([tag.value[3][-1] ^ 1])
    title, _ = problem_of(sent(client, cbor2.dumps(tag)), 400)
    assert title == "Rejected"
    with server.as_("sboms") as narrow:  # its scope is kinds: sbom
        assert problem_of(sent(narrow, numbered(12)), 403)[0] == "Rejected"


def test_tokens_are_needed_and_may_stand_in_the_address(client, server):
    content = numbered(13)
    with server.as_() as anybody:
        answer = sent(anybody, content)
        assert problem_of(answer, 401)[0] == "Unauthorized"
        assert "Basic" in answer.headers["www-authenticate"]
        assert problem_of(anybody.get("/entries/0"), 401)[0] == "Unauthorized"
        token = ("any", server.token["sender"])
        answer = anybody.post("/entries", content=content, headers=COSE_TYPE, auth=token)
        assert answer.status_code == 201
        location = answer.headers["location"]
        assert problem_of(anybody.get(location, auth=token), 403)
        reader = ("any", server.token["reader"])
        assert anybody.get(location, auth=reader).status_code == 200
    with server.as_("reader") as reading:
        assert problem_of(sent(reading, content), 403)


def test_a_locator_that_is_none_and_an_entry_that_is_none_are_told_apart(client, server):
    for wrong in ("x", "-1", "1e3", "9" * 30):
        assert problem_of(client.get(f"/entries/{wrong}"), 400)[0] == "Invalid locator"
    for path in ("/entries/999999", "/entries/999999/statement"):
        assert problem_of(client.get(path), 404)[0] == "Not Found"
    # Any entry has a receipt; only a statement has a transparent one.
    assert client.get("/entries/0").status_code == 200
    assert "no signed statement that" in problem_of(client.get("/entries/0/statement"), 404)[1]


@pytest.mark.parametrize("unprotected", [{99: 1.5}, {394: 7}, {394: [7]}])
def test_a_statement_that_takes_no_receipt_is_registered_and_says_so(client, unprotected):
    tag = cbor2.loads(numbered(20))
    tag.value[1] = unprotected
    answer = sent(client, cbor2.dumps(tag))
    assert answer.status_code == 201
    location = answer.headers["location"]
    assert client.get(location).status_code == 200
    _, detail = problem_of(client.get(location + "/statement"), 404)
    assert "no signed statement that a receipt can be put into" in detail


def test_an_erased_statement_has_a_receipt_without_its_nonce_and_no_statement(client):
    content = numbered(14)
    location = sent(client, content).headers["location"]
    index = location.rpartition("/")[2]
    assert client.post(f"/v1/records/{index}/erase", json={"reason": "asked"}).status_code == 200
    held = cbor2.loads(client.get(location).content).value[1]
    assert "wherefrom.nonce" not in held
    assert "wherefrom.entry" in held
    assert "erased" in problem_of(client.get(location + "/statement"), 404)[1]


def test_a_reader_that_does_not_answer_is_told_in_cbor_too(client, server):
    server.proxy.fails = Unavailable("the reader process does not answer")
    try:
        answer = client.get("/entries/0")
        assert problem_of(answer, 503)[0] == "Service Unavailable"
        assert answer.headers["retry-after"] == "1"
        # What is registered has its receipt all the same: the writer signs it.
        assert sent(client, numbered(15)).status_code == 201
    finally:
        server.proxy.fails = None


def test_every_error_of_this_door_is_described_as_concise():
    for path, item in openapi()["paths"].items():
        if path.startswith(("/entries", "/.well-known")):
            for operation in item.values():
                for status, answer in operation["responses"].items():
                    assert status[0] in "23" or list(answer["content"]) == [PROBLEM], path


def test_after_the_log_has_another_key_receipts_of_before_and_after_are_checked(client, server):
    content = numbered(40)
    before = sent(client, content)
    assert client.post("/v1/log/keys", json={"to": "ed25519"}).status_code == 201
    after = client.get(before.headers["location"])
    key_set = cbor2.loads(client.get("/.well-known/scitt-keys").content)
    kids = [cbor2.loads(cbor2.loads(one.content).value[0])[4] for one in (before, after)]
    assert kids[0] != kids[1]
    for receipt in (before.content, after.content):
        checked_by_others(receipt, content, key_set)
    written = client.get(before.headers["location"] + "/statement").content
    known = server.folder.own_keys.known()
    for keys in (known, known[::-1]):
        assert check(written, log_key=signer(written, keys)).result == "proven"

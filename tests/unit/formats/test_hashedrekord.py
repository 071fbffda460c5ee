"""hashedrekord: a request becomes one body, a body is read in its one spelling."""

import base64
import copy
import json

import pytest

from tests.paths import REPOSITORY
from tests.rekords import KEYS, body_of, request_of
from wherefrom.errors import LimitPassed, Malformed, Unsupported
from wherefrom.formats import hashedrekord
from wherefrom.formats.recognise import read
from wherefrom.merkle.hashing import hash_leaf

PAGE = (REPOSITORY / "docs/formats/hashedrekord.md").read_text()


def changed(document, path, value):
    made = copy.deepcopy(document)
    *way, last = path
    held = made
    for step in way:
        held = held[step]
    if value is None:
        del held[last]
    else:
        held[last] = value
    return made


@pytest.mark.parametrize("kind", KEYS)
def test_a_request_and_its_body_say_the_same(kind):
    rekord = hashedrekord.parse_request(request_of(b"content", kind))
    body = hashedrekord.to_body(rekord)
    assert hashedrekord.parse_body(body, json.loads(body)) == rekord


def test_a_body_is_canonical_json():
    import rfc8785

    body = body_of(b"content")
    assert rfc8785.dumps(json.loads(body)) == body


def test_the_body_has_the_shape_of_the_example_of_rekor():
    # CLIENTS.md of rekor-tiles, whose one difference is an older name for the version.
    example = (
        '{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV0_0_2":{"data":'
        '{"algorithm":"SHA2_256","digest":"…"},"signature":{"content":"…","verifier":{"keyDetails":'
        '"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"…"}}}}}}'
    )
    read = hashedrekord.parse_request(request_of(b"content"))
    body = json.loads(hashedrekord.to_body(read))
    inner = body["spec"]["hashedRekordV002"]
    inner["data"]["digest"] = inner["signature"]["content"] = "…"
    inner["signature"]["verifier"]["publicKey"]["rawBytes"] = "…"
    body["spec"] = {"hashedRekordV0_0_2": inner}
    assert json.dumps(body, ensure_ascii=False, separators=(",", ":")) == example


def test_an_entry_of_a_body_says_its_leaf_hash():
    body = body_of(b"content")
    facts = read(body).facts
    assert (facts.kind, facts.type) == ("attestation", hashedrekord.type_of(body))
    assert hashedrekord.leaf_of(facts.type) == hash_leaf(body)
    assert len(facts.type) < 256
    assert hashedrekord.leaf_of("application/json") is None


def test_the_file_that_was_signed_is_found_by_its_digest():
    facts = read(body_of(b"content", "p384")).facts
    (edge,) = facts.edges
    assert edge.relation == "describes"
    assert edge.target.startswith("sha384:")


def test_no_other_record_can_have_the_type_that_makes_a_leaf():
    payload_type = hashedrekord.type_of(b"forged")
    forged = {"payload": "e30=", "payloadType": payload_type, "signatures": [{"sig": "AAAA"}]}
    with pytest.raises(Malformed, match="a type that only a hashedrekord has"):
        read(json.dumps(forged).encode())


@pytest.mark.parametrize(
    "respelled",
    [
        lambda body: body.replace(b'"kind":', b'"kind": '),
        lambda body: body + b"\n",
        lambda body: body.replace(b'{"apiVersion":"0.0.2",', b'{"a":1,"apiVersion":"0.0.2",'),
        lambda body: body.replace(b'"SHA2_256"', b'"SHA2_512"'),
    ],
)
def test_another_spelling_of_a_body_is_no_leaf(respelled):
    with pytest.raises(Malformed, match="one spelling"):
        read(respelled(body_of(b"content")))


ASKED = "hashedRekordRequestV002"
VERIFIER = (ASKED, "signature", "verifier")


@pytest.mark.parametrize(
    ("path", "value", "error", "says"),
    [
        ((ASKED,), None, Unsupported, "another kind of Rekor entry"),
        ((ASKED, "digest"), None, Malformed, f"{ASKED}.digest"),
        ((ASKED, "digest"), "", Malformed, "is missing"),
        ((ASKED, "digest"), "%", Malformed, "not base64"),
        ((ASKED, "digest"), base64.b64encode(bytes(20)).decode(), Malformed, "another length"),
        ((ASKED, "signature"), None, Malformed, "signature"),
        ((*VERIFIER, "keyDetails"), "PKIX_ED25519", Unsupported, "signs no digest"),
        ((*VERIFIER, "keyDetails"), None, Malformed, "keyDetails"),
        ((*VERIFIER, "publicKey"), None, Malformed, "one key is expected"),
        ((*VERIFIER, "x509Certificate"), {"rawBytes": "AAAA"}, Malformed, "one key is expected"),
        ((*VERIFIER, "publicKey"), {"rawBytes": ""}, Malformed, "is missing"),
    ],
)
def test_a_broken_request_is_refused_and_told_where(path, value, error, says):
    with pytest.raises(error, match=says):
        hashedrekord.parse_request(changed(request_of(b"content"), path, value))


@pytest.mark.parametrize("version", ["0.0.1", "0.0.3"])
def test_another_version_of_a_body_is_not_read(version):
    with pytest.raises(Unsupported, match="another version"):
        read(body_of(b"content").replace(b'"0.0.2"', f'"{version}"'.encode()))


def test_the_example_of_the_page_is_a_body_and_its_leaf():
    body = PAGE.split("```json\n")[1].split("```")[0].replace("\n", "").encode()
    facts = read(body).facts
    assert facts.type in PAGE
    with pytest.raises((Malformed, LimitPassed)):
        read(body.replace(b"hashedRekordV002", b"hashedRekordV0_0_2"))

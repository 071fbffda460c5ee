"""DSSE envelopes: what is read, what is refused, and where a message points."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import dsse, own, strict_json

ID = "sha256:" + "0" * 64
STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "app", "digest": {"sha256": "ab" * 32}}],
    "predicateType": "https://example.com/p/v1",
}


def envelope(payload: bytes = b"hello", payload_type: str = "text/plain", **fields) -> dict:
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"sig": "c2ln", "keyid": "k"}],
    } | fields


def in_toto(statement: dict, payload_type: str = dsse.IN_TOTO_TYPE) -> dict:
    return envelope(json.dumps(statement).encode(), payload_type)


def test_the_published_vector_of_the_pre_authentication_encoding_holds():
    written = dsse.pae("http://example.com/HelloWorld", b"hello world")
    assert written == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_the_length_of_a_type_counts_bytes_and_not_characters():
    assert dsse.pae("application/é", b"") == "DSSEv1 14 application/é 0 ".encode()


@given(
    st.builds(
        dsse.Envelope,
        st.binary(max_size=64),
        st.text(min_size=1, max_size=64),
        st.lists(
            st.builds(
                dsse.Signature,
                st.none() | st.text(min_size=1, max_size=16),
                st.binary(min_size=1, max_size=80),
            ),
            min_size=1,
            max_size=64,
        ).map(tuple),
    )
)
def test_parse_reads_back_what_to_bytes_wrote(made):
    assert dsse.parse(strict_json.decode(dsse.to_bytes(made))) == made


@pytest.mark.parametrize(("text", "value"), [("+/8=", b"\xfb\xff"), ("-_8=", b"\xfb\xff")])
def test_both_alphabets_of_base64_are_read(text, value):
    assert dsse.parse(envelope(payload=b"") | {"payload": text}).payload == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+_8=", "base64 in two alphabets, at payload"),
        ("Zg", "not base64, at payload"),
        ("Zg=", "not base64, at payload"),
        ("Zh==", "base64 not in its one spelling, at payload"),
        ("Z g==", "not base64, at payload"),
        ("Zg==\n", "not base64, at payload"),
        ("é", "not base64, at payload"),
        (7, "wrong type, at payload: expected a string"),
        (None, "required field is missing, at payload"),
    ],
)
def test_any_other_base64_is_refused(text, message):
    with pytest.raises(Malformed, match=message):
        dsse.parse(envelope() | {"payload": text})


def test_an_empty_body_is_a_body():
    assert dsse.parse(envelope(b"")).payload == b""


@pytest.mark.parametrize(
    ("signatures", "message"),
    [
        ([], "nobody signed, at signatures: expected 1 at least"),
        (None, "required field is missing, at signatures"),
        (["c2ln"], r"at signatures\[0\]: expected an object"),
        ([{"sig": "c2ln"}, {"keyid": "k"}], r"is missing, at signatures\[1\]\.sig"),
        ([{"sig": "c2ln", "keyid": 1}], r"at signatures\[0\]\.keyid"),
    ],
)
def test_an_envelope_without_whole_signatures_is_refused(signatures, message):
    with pytest.raises(Malformed, match=message):
        dsse.parse(envelope(signatures=signatures))


def test_the_sixty_fifth_signature_is_one_too_many():
    signed = [{"sig": "c2ln"}]
    assert len(dsse.parse(envelope(signatures=signed * 64)).signatures) == 64
    with pytest.raises(LimitPassed, match="at signatures: expected 64 at most, got 65"):
        dsse.parse(envelope(signatures=signed * 65))


def test_an_empty_keyid_is_no_keyid():
    signed = dsse.parse(envelope(signatures=[{"sig": "c2ln", "keyid": ""}])).signatures
    assert signed == (dsse.Signature(None, b"sig"),)


def test_a_payload_type_longer_than_an_entry_holds_is_refused():
    assert dsse.facts(envelope(payload_type="é" * 128), document_id=ID).type == "é" * 128
    with pytest.raises(LimitPassed, match="type is too long, at payloadType: expected 256 bytes"):
        dsse.facts(envelope(payload_type="é" * 129), document_id=ID)


@pytest.mark.parametrize("kind", ["text/plain", own.PREFIX + "verdict.v1+json"])
def test_of_another_payload_only_the_record_is_known(kind):
    facts = dsse.facts(in_toto(STATEMENT, kind), document_id=ID)
    assert (facts.kind, facts.type, facts.edges) == ("attestation", kind, ())
    assert [node.id for node in facts.nodes] == [ID]


@pytest.mark.parametrize("kind", [dsse.IN_TOTO_TYPE, "application/vnd.in-toto.provenance+json"])
def test_an_in_toto_payload_gives_the_facts_of_its_statement(kind):
    facts = dsse.facts(in_toto(STATEMENT, kind), document_id=ID)
    assert facts.type == "https://example.com/p/v1"
    assert [(e.source, e.relation, e.target) for e in facts.edges] == [
        (ID, "describes", "sha256:" + "ab" * 32)
    ]


def test_a_message_about_the_statement_points_into_the_payload():
    with pytest.raises(Malformed, match=r"missing, at payload\.subject\[0\]\.digest"):
        dsse.facts(in_toto(STATEMENT | {"subject": [{"name": "app"}]}), document_id=ID)
    with pytest.raises(Malformed, match=r"no statement: not JSON, .*, at payload"):
        dsse.facts(envelope(b"This is not it", dsse.IN_TOTO_TYPE), document_id=ID)
    with pytest.raises(Malformed, match="names one key twice"):
        dsse.facts(envelope(b'{"_type":1,"_type":2}', dsse.IN_TOTO_TYPE), document_id=ID)
    with pytest.raises(LimitPassed, match="no statement: JSON nested too deeply"):
        dsse.facts(envelope(b"[" * 200 + b"]" * 200, dsse.IN_TOTO_TYPE), document_id=ID)


def test_another_document_of_in_totos_in_an_envelope_is_unsupported():
    with pytest.raises(Unsupported, match=r"at payload\._type: .* got step"):
        dsse.facts(in_toto(STATEMENT | {"_type": "step"}), document_id=ID)


def test_an_envelope_that_lost_a_field_is_still_recognised():
    for lost in ("payload", "payloadType", "signatures"):
        broken = {k: v for k, v in envelope().items() if k != lost}
        assert dsse.recognises(broken)
        with pytest.raises(Malformed, match=f"missing, at {lost}"):
            dsse.facts(broken, document_id=ID)
    assert not dsse.recognises({"signatures": [], "signed": {}})  # TUF metadata


@given(
    st.dictionaries(
        st.sampled_from(["payload", "payloadType", "signatures", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("Zg=="),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["sig", "keyid", "y"]), inner, max_size=3)
            ),
            max_leaves=8,
        ),
    )
)
def test_any_object_is_an_envelope_or_refused(document):
    try:
        facts = dsse.facts(document, document_id=ID)
    except Refused:
        return
    assert facts.document == ID


REAL = DATA / "supply/guac/internal/testing/testdata/exampledata/oci-dsse-att.json"


def test_a_real_envelope_gives_its_image_its_build_and_its_time():
    facts = dsse.facts(strict_json.decode(REAL.read_bytes()), document_id=ID)
    image = "sha256:9e183c89765d92a440f44ac7059385c778cbadad0ee8fe3208360efb07c0ba09"
    assert facts.occurred == "2022-12-20T14:09:36.000000Z"
    assert facts.producers == ("https://tekton.dev/chains/v2",)
    assert (image, "image") in [(n.id, n.kind) for n in facts.nodes]
    assert (image, "generated_by") in [(e.source, e.relation) for e in facts.edges]

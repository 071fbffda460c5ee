"""A record of a batch: its one spelling, and what is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import base64_strict, batch, dsse
from wherefrom.formats.batch import BATCH_TYPE, MEDIA_TYPE, Batched
from wherefrom.formats.dsse import Envelope, Signature

HASHES = st.binary(min_size=32, max_size=32)
ENVELOPES = st.builds(
    Envelope,
    st.binary(max_size=64),
    st.just(BATCH_TYPE),
    st.lists(
        st.builds(
            Signature,
            st.none() | st.text(min_size=1, max_size=16),
            st.binary(min_size=1, max_size=80),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)
SIGNATURES = (Signature(None, b"s"),)
ONE = Batched(b"{}", 3, (bytes(32), bytes([1] * 32)), Envelope(b"", BATCH_TYPE, SIGNATURES))
WRITTEN = batch.to_bytes(ONE)


def parse(content):
    return batch.parse(json.loads(content), content)


@given(
    st.builds(
        Batched,
        st.binary(max_size=64),
        st.integers(0, batch.SIZE_MAX - 1),
        st.lists(HASHES, max_size=batch.PATH_LENGTH_MAX).map(tuple),
        ENVELOPES,
    )
)
def test_parse_reads_back_what_to_bytes_wrote(made):
    written = batch.to_bytes(made)
    assert parse(written) == made
    assert parse(b" \n" + written + b"\r\n") == made
    assert batch.is_batched(written)
    assert batch.recognises(json.loads(written))
    assert b"\n" not in written


@given(HASHES, st.integers(1, batch.SIZE_MAX))
def test_a_root_reads_back(root, size):
    envelope = Envelope(batch.to_payload(root, size=size), BATCH_TYPE, SIGNATURES)
    assert batch.root_of(envelope) == (root, size)


@pytest.mark.parametrize(
    "spelled",
    [
        json.dumps(json.loads(WRITTEN)).encode(),
        WRITTEN.replace(b'"index":3', b'"index":3,"more":1'),
        WRITTEN.replace(b'"index":3,', b"").replace(b'"batch"', b'"index":3,"batch"'),
        WRITTEN.replace(b'"signatures":', b'"extra":0,"signatures":'),
        WRITTEN.replace(b'"mediaType"', b'"media\\u0054ype"'),
    ],
)
def test_the_same_in_other_bytes_is_refused(spelled):
    assert spelled != WRITTEN
    with pytest.raises(Malformed, match=r"not in its one spelling.*sign --batch"):
        parse(spelled)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"record": None}, Malformed, "required field is missing, at record"),
        ({"record": 7}, Malformed, "wrong type, at record"),
        ({"record": "e30"}, Malformed, "not base64, at record"),
        ({"index": -1}, Malformed, "not the index of a record in its batch"),
        ({"index": True}, Malformed, "not the index of a record in its batch"),
        ({"index": 2**32}, Malformed, "not the index of a record in its batch"),
        ({"index": 3.0}, Malformed, "not the index of a record in its batch"),
        ({"path": ["AAAA"]}, Malformed, r"not a hash, at path\[0\]: .*got 3 bytes"),
        ({"path": ["A"]}, Malformed, r"not base64, at path\[0\]"),
        ({"path": None}, Malformed, "missing, at path"),
        ({"path": ["A"] * 33}, LimitPassed, "a path is too long"),
        ({"batch": None}, Malformed, "missing, at batch"),
        ({"batch": {}}, Malformed, "missing, at batch.payloadType"),
    ],
)
def test_what_is_no_record_of_a_batch_is_refused_and_says_where(change, error, match):
    written = json.dumps(json.loads(WRITTEN) | change, separators=(",", ":")).encode()
    with pytest.raises(error, match=match):
        parse(written)


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{}", b"null", b'{"root":"AA==","size":1}', b"\xff",
        b'{"root":"' + base64_strict.encode(bytes(32)).encode() + b'","size":0}',
        b'{"root":"' + base64_strict.encode(bytes(32)).encode() + b'","size":4294967297}',
        b'{"root":"' + base64_strict.encode(bytes(32)).encode() + b'", "size":1}',
        b'{"size":1,"root":"' + base64_strict.encode(bytes(32)).encode() + b'"}',
        b'{"root":"' + base64_strict.encode(bytes(32)).encode() + b'","size":1,"more":1}',
    ],
)  # fmt: skip
def test_what_is_no_root_of_a_batch_is_refused(payload):
    with pytest.raises(Malformed, match=r"not the root of a batch, at batch\.payload"):
        batch.root_of(Envelope(payload, BATCH_TYPE, SIGNATURES))


def test_an_envelope_of_another_type_signs_no_batch():
    payload = batch.to_payload(bytes(32), size=1)
    with pytest.raises(Malformed, match=r"not the envelope of a batch, at batch\.payloadType"):
        batch.root_of(Envelope(payload, dsse.IN_TOTO_TYPE, SIGNATURES))


@pytest.mark.parametrize(("root", "size"), [(bytes(31), 1), (bytes(32), 0), (bytes(32), 2**33)])
def test_a_root_that_could_not_be_read_is_not_written(root, size):
    with pytest.raises(ValueError, match="no root of a batch"):
        batch.to_payload(root, size=size)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"mediaType":"x"}', b"\xff" * 300])
def test_what_begins_otherwise_is_not_taken_for_one(content):
    assert not batch.is_batched(content)
    assert MEDIA_TYPE.encode() not in content

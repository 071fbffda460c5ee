"""A record of a batch: its one spelling, and what is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import base64_strict, batch, dsse
from wherefrom.formats.batch import BATCH_TYPE, MEDIA_TYPE, Batched
from wherefrom.formats.dsse import Envelope, Signature
from wherefrom.formats.recognise import read

HASHES = st.binary(min_size=32, max_size=32)
SIZES = st.integers(1, batch.SIZE_MAX)
PAYLOADS = st.builds(lambda root, size: batch.to_payload(root, size=size), HASHES, SIZES)
BATCHES = st.builds(
    Envelope,
    PAYLOADS,
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
).map(batch.batch_of)
SIGNATURES = (Signature(None, b"s"),)
SEALED = Envelope(batch.to_payload(bytes(32), size=5), BATCH_TYPE, SIGNATURES)
ONE = Batched(b"{}", 3, (bytes(32), bytes([1] * 32)), batch.batch_of(SEALED))
WRITTEN = batch.to_bytes(ONE)


@given(
    st.builds(
        Batched,
        st.binary(max_size=64),
        st.integers(0, batch.SIZE_MAX - 1),
        st.lists(HASHES, max_size=batch.PATH_LENGTH_MAX).map(tuple),
        BATCHES,
    )
)
def test_parse_reads_back_what_to_bytes_wrote(made):
    written = batch.to_bytes(made)
    assert batch.parse(written) == made
    assert batch.parse(b" \n" + written + b"\r\n") == made
    assert batch.is_batched(written)
    assert batch.means_to_be(json.loads(written))
    assert b"\n" not in written


@given(HASHES, SIZES)
def test_a_root_reads_back(root, size):
    envelope = Envelope(batch.to_payload(root, size=size), BATCH_TYPE, SIGNATURES)
    assert batch.batch_of(envelope) == (root, size, envelope)


@pytest.mark.parametrize(
    "spelled",
    [
        json.dumps(json.loads(WRITTEN)).encode(),
        WRITTEN.replace(b'"index":3', b'"index":3,"more":1'),
        WRITTEN.replace(b'"index":3,', b"").replace(b'"batch"', b'"index":3,"batch"'),
        WRITTEN.replace(b'"mediaType"', b'"media\\u0054ype"'),
        WRITTEN.replace(b'"index":3', b'"index":03'),
        WRITTEN.replace(b'"index":3', b'"index":-3'),
        WRITTEN.replace(b'"index":3', b'"index":3.0'),
        WRITTEN.replace(b'"index":3', b'"index":true'),
        WRITTEN.replace(b'"record":"', b'"record":"-_'),
        WRITTEN.replace(b'"path":"', b'"path":["').replace(b'","batch"', b'"],"batch"'),
    ],
)
def test_the_same_in_another_spelling_is_refused(spelled):
    assert spelled != WRITTEN
    for reading in (batch.parse, read):
        with pytest.raises(Malformed, match=r"in its one spelling: .*sign --batch"):
            reading(spelled)


@pytest.mark.parametrize(
    ("old", "new", "error", "match"),
    [
        (b'"record":"e30="', b'"record":"e30"', Malformed, "not base64, at record"),
        (b'"record":"e30="', b'"record":"e31="', Malformed, "one spelling, at record"),
        (b'"path":"AAAA', b'"path":"', Malformed, "not a path, at path: .*got 61 bytes"),
        (b'"path":"', b'"path":"' + b"A" * 2600, Malformed, "not a path, at path"),
        (b'"signatures":', b'"extra":0,"signatures":', Malformed, "one spelling, at batch"),
        (b'"batch":{', b'"batch":{ ', Malformed, "one spelling, at batch"),
        (b'"batch":{', b'"batch":{}{', Malformed, "more after the JSON value"),
        (b'"payloadType"', b'"payloadTape"', Malformed, "missing, at batch.payloadType"),
        (b'"payload":"', b'"payload":"e30=', Malformed, "not base64, at batch.payload"),
        (b'"keyid":"', b'"keyid":"' + b"x" * 65536, LimitPassed, "envelope of a batch is too long"),
    ],
)
def test_what_is_no_record_of_a_batch_is_refused_and_says_where(old, new, error, match):
    sealed = SEALED._replace(signatures=(Signature("a", b"s"),))
    written = batch.to_bytes(Batched(ONE.record, 3, ONE.path, batch.batch_of(sealed)))
    assert written.count(old) == 1
    with pytest.raises(error, match=match):
        batch.parse(written.replace(old, new))


def test_what_is_remembered_of_an_envelope_is_not_what_another_says():
    assert batch.parse(WRITTEN).batch.size == 5
    other = Envelope(batch.to_payload(bytes(32), size=6), BATCH_TYPE, SIGNATURES)
    written = batch.to_bytes(Batched(ONE.record, 3, ONE.path, batch.batch_of(other)))
    assert batch.parse(written).batch.size == 6
    assert batch.parse(WRITTEN).batch.size == 5


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
        batch.batch_of(Envelope(payload, BATCH_TYPE, SIGNATURES))


def test_an_envelope_of_another_type_signs_no_batch():
    payload = batch.to_payload(bytes(32), size=1)
    with pytest.raises(Malformed, match=r"not the envelope of a batch, at batch\.payloadType"):
        batch.batch_of(Envelope(payload, dsse.IN_TOTO_TYPE, SIGNATURES))


@pytest.mark.parametrize(("root", "size"), [(bytes(31), 1), (bytes(32), 0), (bytes(32), 2**33)])
def test_a_root_that_could_not_be_read_is_not_written(root, size):
    with pytest.raises(ValueError, match="no root of a batch"):
        batch.to_payload(root, size=size)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"mediaType":"x"}', b"\xff" * 300])
def test_what_begins_otherwise_is_not_taken_for_one(content):
    assert not batch.is_batched(content)
    assert MEDIA_TYPE.encode() not in content

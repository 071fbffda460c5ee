"""The id of a reality follows from its parts, and from nothing else."""

import hashlib

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Malformed
from wherefrom.formats import reality_id
from wherefrom.formats.reality_id import Reality

DIGESTS = st.none() | st.binary(min_size=32, max_size=32).map(lambda b: "sha256:" + b.hex())
REALITIES = st.builds(Reality, DIGESTS, DIGESTS, DIGESTS, DIGESTS)
A = "sha256:" + "a" * 64


def test_the_worked_example():
    written = f'{{"artifact":"{A}","config":null,"flags":null,"policy":null}}'.encode()
    assert Reality(A).id == "sha256:" + hashlib.sha256(written).hexdigest()
    assert Reality(A).id == (
        "sha256:fcc865cab8067eca21859ee89cbf59d1e69fc0133f8d23256bf96e64c235dc9e"
    )
    assert Reality(A).short == "fcc865cab806"


@given(REALITIES)
def test_it_is_the_digest_of_the_four_parts_in_canonical_json(reality):
    written = rfc8785.dumps(reality._asdict())
    assert reality.id == "sha256:" + hashlib.sha256(written).hexdigest()
    assert reality_id.id_of(reality.id, where="") == reality.id
    assert reality_id.short(reality.id) == reality.short == reality.id[7:19]


@given(REALITIES, REALITIES)
def test_two_realities_have_one_id_only_if_they_are_one(a, b):
    assert (a.id == b.id) == (a == b)


def test_a_part_has_one_spelling():
    assert reality_id.part("SHA-256:" + "A" * 64, where="") == A


@pytest.mark.parametrize("text", ["", "sha256:", "latest", "sha256:" + "a" * 63, "md5:" + "a" * 32])
def test_what_is_no_strong_digest_is_no_part(text):
    with pytest.raises(Malformed, match="not a digest, at env: expected sha256: and 64"):
        reality_id.part(text, where="env")


@pytest.mark.parametrize("text", ["sha512:" + "a" * 128, "sha256:" + "A" * 64, "x", ""])
def test_a_reality_id_is_written_in_one_way(text):
    with pytest.raises(Malformed):
        reality_id.id_of(text, where="baggage")


def test_the_order_of_flags_does_not_matter_and_their_values_do():
    one = reality_id.flag_set({"a": "on", "b": 20})
    assert one == reality_id.flag_set({"b": 20, "a": "on"})
    assert one == reality_id.flag_set({"b": 20.0, "a": "on"})  # JSON has one number
    assert one != reality_id.flag_set({"a": "on", "b": "20"})

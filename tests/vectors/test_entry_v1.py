"""The entry of version 1 is frozen: the vectors hold it, byte for byte."""

import json

import msgspec
import pytest

from tests.vectors import make_entry_v1
from wherefrom.formats import entry as entries
from wherefrom.formats.entry import Entry
from wherefrom.merkle.hashing import hash_leaf

CASES = json.loads(make_entry_v1.FILE.read_text())["cases"]


@pytest.fixture(params=CASES, ids=lambda case: case["name"])
def case(request):
    return request.param


def test_an_entry_is_written_as_the_vector_says(case):
    entry = msgspec.convert(case["fields"], Entry)
    assert entries.to_bytes(entries.check(entry)).hex() == case["entry_hex"]


def test_an_entry_is_read_as_the_vector_says(case):
    written = bytes.fromhex(case["entry_hex"])
    assert entries.parse(written) == msgspec.convert(case["fields"], Entry)
    assert json.loads(written) == case["fields"]
    assert entries.content_size(written) == case["fields"]["size"]


def test_content_is_committed_to_as_the_vector_says(case):
    nonce, content = bytes.fromhex(case["nonce_hex"]), bytes.fromhex(case["content_hex"])
    assert entries.commit(nonce=nonce, content=content) == case["fields"]["content"]


def test_the_leaf_hash_is_the_vectors(case):
    assert hash_leaf(bytes.fromhex(case["entry_hex"])).hex() == case["leaf_hash_hex"]


def test_the_generator_makes_the_file_that_is_kept():
    kept = json.loads(make_entry_v1.FILE.read_text())
    assert make_entry_v1.made()["cases"] == kept["cases"]

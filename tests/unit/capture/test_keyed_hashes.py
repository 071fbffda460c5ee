"""Secrets as keyed hashes: one form, over the key, the name and the value; and the key's file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.capture.keyed_hashes import keyed_hash, read_or_make
from wherefrom.errors import SettingError, StorageError
from wherefrom.formats.keyed_hash import is_keyed, key_of

KEY = b"k" * 32
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)  # fmt: skip


def test_a_hash_is_of_its_key_its_name_and_its_value() -> None:
    hashes = {
        keyed_hash(name, value, key)
        for name in ("a", "b")
        for value in ("1", 1)
        for key in (KEY, bytes(32))
    }
    assert len(hashes) == 8
    assert len(set(map(key_of, hashes))) == 2


def test_a_hash_stays_what_it_was_when_it_was_recorded() -> None:
    assert keyed_hash("db.password", "hunter2", KEY) == (
        "hmac-sha256:a087a88c8536b8e2:"
        "386d76111c0f311574658fd25b1ddd02ee7c43ae0e5ec88639de60a9be005ec7"
    )


def test_bytes_are_their_text_and_bytes_that_are_none_are_not_the_text_of_their_digits() -> None:
    assert keyed_hash("a", b"hunter2", KEY) == keyed_hash("a", "hunter2", KEY)
    assert keyed_hash("a", b"\xff", KEY) != keyed_hash("a", "ff", KEY)


@given(st.text(st.characters()), st.integers() | st.text(st.characters()) | st.binary() | ANYTHING)
def test_every_value_that_JSON_can_carry_has_a_hash(name: str, value: Any) -> None:
    try:
        said = keyed_hash(name, value, KEY)
    except TypeError:
        assert "b'" in repr(value) or 'b"' in repr(value)  # bytes within JSON are none
        return
    assert is_keyed(said)
    assert said == keyed_hash(name, value, KEY)


@pytest.mark.parametrize(
    "said",
    ["hmac-sha256:" + "ab" * 32, "hmac-sha256:" + "A" * 16 + ":" + "ab" * 32, "hunter2", "", None,
     1, "hmac-sha256:" + "a" * 16 + ":" + "ab" * 32 + "\n"],
)  # fmt: skip
def test_what_is_spelled_otherwise_is_no_keyed_hash(said: object) -> None:
    assert not is_keyed(said)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "hash.key"
    key, is_new = read_or_make(path)
    assert (len(key), is_new) == (32, True)
    assert read_or_make(path) == (key, False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["hash.key"]
    other, _ = read_or_make(tmp_path / "other")
    assert keyed_hash("a", "x", key) != keyed_hash("a", "x", other)


@pytest.mark.parametrize("written", [b"", b"abc", b"A" * 64, b"a" * 63, b"a" * 64 + b"\n\n"])
def test_a_key_that_is_none_is_never_replaced(tmp_path: Path, written: bytes) -> None:
    path = tmp_path / "hash.key"
    path.write_bytes(written)
    with pytest.raises(SettingError, match="not a key of hashes"):
        read_or_make(path)
    assert path.read_bytes() == written


def test_a_place_where_no_key_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot be kept"):
        read_or_make(tmp_path / "file" / "hash.key")

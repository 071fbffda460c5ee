from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import entry as entries
from wherefrom.formats import watch_list
from wherefrom.formats.entry import Entry, Trust

SIGNERS = ("k:" + "a" * 32, "k:" + "b" * 32)
ENTRY = entries.to_bytes(
    Entry(
        content="sha256:" + "0" * 64, kind="attestation", occurred=None, producer="local:1000",
        received="2026-11-25T00:00:00.000000Z", size=5, trust=Trust("signed", SIGNERS),
        type="https://slsa.dev/provenance/v1",
    )
)  # fmt: skip


def lines_of(text, written=ENTRY):
    return [line.line for line in watch_list.parse(text.encode()).matches(written)]


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ("kind=attestation", True),
        ("kind=att*", True),
        ("kind=ATTESTATION", False),
        ("kind=tombstone", False),
        ("type=https://slsa.dev/provenance/*", True),
        ("type=https://slsa.dev/provenance", False),
        ("signer=k:b*", True),
        ("signer=k:c*", False),
        ("producer=local:*", True),
        ("producer='p:*'", False),
        ("contains=slsa.dev", True),
        ('contains="not there"', False),
        (f"sha256={sha256(ENTRY).hexdigest()}", True),
        (f"sha256={'0' * 64}", False),
        ("kind=attestation signer=k:a* producer=local:1000", True),
        ("kind=attestation signer=k:c*", False),
    ],
)
def test_a_line_matches_if_all_of_it_holds(line, holds):
    assert lines_of(f"# watch\n\n  {line}\n") == ([3] if holds else [])


def test_an_entry_of_another_log_has_bytes_and_a_digest_and_no_fields():
    other = b"Entry 7"
    text = (
        f"kind=*\ntype=*\nsigner=*\nproducer=*\ncontains=try\nsha256={sha256(other).hexdigest()}\n"
    )
    assert lines_of(text, other) == [5, 6]
    assert lines_of("contains=é\n", "café".encode()) == [1]
    assert lines_of("contains=x\n", b"\xff\x00") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind\n", "not something to watch for, at watch list, line 1"),
        ("# x\nkind=\n", "line 2"),
        ("colour=red\n", "expected kind=… or type=…"),
        ("sha256=AB\n", "not a SHA-256"),
        ("kind='x\n", "a quote that does not end"),
    ],
)
def test_a_wrong_line_is_named(text, message):
    with pytest.raises(Malformed, match=message):
        watch_list.parse(text.encode())


def test_what_is_too_long_or_no_text_is_refused():
    with pytest.raises(LimitPassed, match="too long"):
        watch_list.parse(b"#" * (watch_list.WATCH_LIST_BYTES_MAX + 1))
    with pytest.raises(LimitPassed, match="line 10001"):
        watch_list.parse(b"kind=x\n" * 10_001)
    with pytest.raises(Malformed, match="not UTF-8"):
        watch_list.parse(b"\xff")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.binary(max_size=100))
def test_any_bytes_are_a_watch_list_or_refused_and_any_entry_can_be_held_against_it(written, entry):
    where = "a place"
    try:
        watch_list.parse(written).matches(entry)
    except Refused as error:
        where = error.where
    assert where

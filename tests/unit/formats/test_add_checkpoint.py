import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import DATA
from tests.unit.formats.test_note import notes, signatures
from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import add_checkpoint, note
from wherefrom.formats.add_checkpoint import AddCheckpoint

EXCHANGES = json.loads((DATA / "tlog/generated/witness_add_checkpoint.json").read_text())[
    "exchanges"
]
HASH = base64.b64encode(bytes(32)).decode()
NOTE = "log\n1\n" + HASH + "\n\n— log AAAAAAE=\n"

requests = st.builds(
    AddCheckpoint,
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    notes,
)


@given(requests)
def test_what_is_written_is_read_back(request):
    assert add_checkpoint.parse(add_checkpoint.to_bytes(request)) == request


@given(st.lists(signatures, min_size=1, max_size=4).map(tuple))
def test_signature_lines_are_read_back(some):
    assert add_checkpoint.parse_signature_lines(add_checkpoint.signature_lines(some)) == some


@given(st.one_of(st.binary(max_size=200), requests.map(add_checkpoint.to_bytes)), st.data())
def test_any_bytes_are_a_request_in_its_one_spelling_or_refused(written, data):
    written = bytearray(written)
    if written and data.draw(st.booleans()):
        written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    try:
        request = add_checkpoint.parse(bytes(written))
    except Refused:
        return
    assert add_checkpoint.to_bytes(request) == bytes(written)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: e["Name"])
def test_the_bytes_of_real_exchanges_are_read_and_written_again(exchange):
    request = exchange["Request"].encode()
    assert add_checkpoint.to_bytes(add_checkpoint.parse(request)) == request
    answer = exchange["Response"].encode()
    if exchange["Status"] == 200:
        lines = add_checkpoint.parse_signature_lines(answer)
        assert add_checkpoint.signature_lines(lines) == answer
    if exchange["Status"] == 409:
        assert add_checkpoint.size_line(add_checkpoint.parse_size_line(answer)) == answer


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (f"old 1\n{NOTE}", "not base64, at add-checkpoint, line 2"),
        ("old 1\n", "no empty line before its checkpoint"),
        (f"size 1\n\n{NOTE}", "no old size, at add-checkpoint, line 1: expected old <size>"),
        (f"old 01\n\n{NOTE}", "not a number in its one spelling, at add-checkpoint, line 1"),
        (f"old +1\n\n{NOTE}", "not a number in its one spelling"),
        (f"old 1 \n\n{NOTE}", "not a number in its one spelling"),
        (f"old 9223372036854775808\n\n{NOTE}", "not a number in its one spelling"),
        (f"old 1\r\n\n{NOTE}", "not a number in its one spelling"),
        (f"old 1\n{HASH[:-4]}\n\n{NOTE}", r"no hash, at add-checkpoint, line 2.*got 3"),
        (f"old 1\n{HASH}\n{HASH[:-1]}\n\n{NOTE}", "base64, at add-checkpoint, line 3"),
        (f"old 1\né\n\n{NOTE}", "not ASCII above its checkpoint"),
        ("old 1\n\nno note", "no empty line before its signatures, at add-checkpoint, checkpoint"),
    ],
)
def test_a_malformed_request_is_refused_and_the_line_named(written, message):
    with pytest.raises(Malformed, match=message):
        add_checkpoint.parse(written.encode())


def test_a_path_of_more_than_63_hashes_and_a_body_over_the_limit_are_refused():
    most = "old 1\n" + 63 * (HASH + "\n") + "\n" + NOTE
    assert len(add_checkpoint.parse(most.encode()).path) == 63
    with pytest.raises(LimitPassed, match=r"a path is too long.*63 hashes at most.*64"):
        add_checkpoint.parse(most.replace("old 1\n", f"old 1\n{HASH}\n").encode())
    line = f"— log {base64.b64encode(bytes(2428)).decode()}\n"
    padded = ("old 1\n\n" + NOTE + 50 * line).encode()
    with pytest.raises(LimitPassed, match="a request is too long"):
        add_checkpoint.parse(padded)
    assert len(note.parse(padded.partition(b"\n\n")[2]).signatures) == 51


@pytest.mark.parametrize("written", [b"", b"7", b"07\n", b"7\n\n", b" 7\n", b"7\n8\n", b"\xff\n"])
def test_a_size_has_one_spelling(written):
    with pytest.raises(Malformed):
        add_checkpoint.parse_size_line(written)

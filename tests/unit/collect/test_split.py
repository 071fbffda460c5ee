"""What came in is cut into records, each exactly, and one bad one costs no other."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import REPOSITORY
from wherefrom.collect.split import Piece, split
from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats.recognise import facts_of


def contents(source: bytes, **limits: Any) -> list[bytes | str]:
    """Each piece as its content, or as the code of its refusal."""
    return [
        piece.refusal.code if piece.refusal else piece.content or b""
        for piece in split(source, **limits)
    ]


def lines(source: bytes, **limits: Any) -> list[int | None]:
    return [piece.line for piece in split(source, **limits)]


def refusal(piece: Piece) -> Refused:
    assert piece.refusal is not None
    assert piece.content is None
    return piece.refusal


# One document.


@pytest.mark.parametrize(
    "document",
    [
        b'{"a": 1}',
        b'{"a": 1}\n',
        b'\n\n  {\n  "a": [1,\n 2]\n}\n\n',
        b'{\r\n"a": 1\r\n}\r\n',
        b'{"a":\n{"b": 1}\n}',
        b'{"a":\n{"b": 1}\n,"c":\n{"d": 1}\n}',
        b"{}",
    ],
)
def test_one_document_is_one_piece_with_every_byte(document: bytes) -> None:
    assert list(split(document)) == [Piece(None, document)]


def test_a_lone_line_is_trimmed_when_the_sender_says_that_these_are_lines() -> None:
    assert list(split(b'{"a": 1}\n', lines=True)) == [Piece(1, b'{"a": 1}')]


def test_a_broken_document_is_one_piece_for_its_reader_to_refuse() -> None:
    broken = b'{\n "a": 1,\n "b": [{"c": 1}\n {"d": 2}],\n "e": \n'
    assert contents(broken) == [broken]


def test_a_byte_order_mark_is_left_out() -> None:
    assert contents(b'\xef\xbb\xbf{"a": 1}') == [b'{"a": 1}']
    assert contents(b'\xef\xbb\xbf{"a": 1}\n{"b": 2}') == [b'{"a": 1}', b'{"b": 2}']


@pytest.mark.parametrize("blank", [b"", b" \r\n\t \n", b"\xef\xbb\xbf"])
def test_nothing_is_malformed(blank: bytes) -> None:
    (piece,) = split(blank)
    with pytest.raises(Malformed, match="the input is empty"):
        raise refusal(piece)


@pytest.mark.parametrize("text", [b"hello: world\n", b"<xml/>", b"PK\x03\x04", b'"text"', b"12"])
def test_what_does_not_start_as_json_is_unsupported(text: bytes) -> None:
    (piece,) = split(text)
    with pytest.raises(Unsupported, match="not JSON"):
        raise refusal(piece)


# JSON Lines.


def test_lines_are_trimmed_and_counted_and_blank_ones_skipped() -> None:
    source = b'\n  {"a": 1} \r\n\n \t\n{"b": 2}\n{"c": 3}'
    assert contents(source) == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']
    assert lines(source) == [2, 5, 6]


@pytest.mark.parametrize("bad", [b'{"b": ', b"no JSON at all", b"\xff\xfe", b'"cut', b"]"])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_one_bad_line_costs_no_other(bad: bytes, place: int) -> None:
    good = [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']
    source = b"\n".join([*good[:place], bad, *good[place:]]) + b"\n"
    got = contents(source)
    assert got[place] in (bad.strip(), "malformed")  # its reader refuses what is cut here
    assert [*got[:place], *got[place + 1 :]] == good
    assert lines(source) == [1, 2, 3, 4]


def test_a_line_that_is_no_json_is_malformed_naming_the_line() -> None:
    with pytest.raises(Malformed, match="a line is not JSON, at line 2: expected a JSON object"):
        raise refusal(list(split(b'{"a": 1}\noops\n'))[1])


def test_a_line_that_is_an_array_gives_its_elements() -> None:
    source = b'[{"a": 1}]\n[{"b": 2}, {"c": 3}]\n{"d": 4}\n'
    assert contents(source) == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}', b'{"d": 4}']
    assert lines(source) == [1, 2, 2, 3]


def test_text_with_a_little_json_in_it_is_not_json_lines() -> None:
    source = b'# Notes\n\nSend this:\n{"a": 1}\nand then that:\n\nwith care.\n'
    assert contents(source) == ["unsupported"]


def test_a_line_over_the_limit_is_refused_and_the_others_kept() -> None:
    long = b'{"a": "' + b"x" * 100 + b'"}'
    for source in (
        long + b'\n{"b": 2}\n{"c": 3}\n',
        b'{"b": 2}\n' + long + b'\n{"c": 3}\n',
        b'{"b": 2}\n{"c": 3}\n' + long,
    ):
        got = contents(source, content_bytes_max=50)
        assert sorted(got, key=str) == [b'{"b": 2}', b'{"c": 3}', "limit"]
    with pytest.raises(LimitPassed, match="at line 2: expected content_bytes_max 50"):
        raise refusal(list(split(b'{"b": 2}\n' + long, content_bytes_max=50))[1])


def test_the_limit_is_the_longest_line_that_passes() -> None:
    for source in (b'{"a": 11}\n{"b": 2}\n', b'{"b": 2}\n{"a": 11}', b'{"b": 2}\n{"a": 11}\n'):
        assert "limit" not in contents(source, content_bytes_max=9)
        assert contents(source, content_bytes_max=8).count("limit") == 1


def test_memory_stays_flat_over_many_lines_and_one_long_one() -> None:
    def source() -> Iterator[bytes]:
        for _ in range(400):
            yield b'{"a": "%s"}\n' % (b"x" * 200) * 100
        for _ in range(400):
            yield b"y" * 10_000
        yield b'\n{"b": 2}\n'

    tracemalloc.start()
    try:
        codes = [piece.refusal.code for piece in split(source(), content_bytes_max=100_000)
                 if piece.refusal]  # fmt: skip
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert codes == ["limit"]
    assert peak < 1_000_000


def test_the_first_records_are_given_before_the_last_ones_are_read() -> None:
    read: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(1000):
            read.append(number)
            yield b'{"a": 1}\n'

    assert next(split(source())) == Piece(1, b'{"a": 1}')
    assert len(read) < 10


# Arrays.


def test_elements_are_exact_slices_with_their_lines() -> None:
    source = b' [\n{"a":  1 },\n\n  {"b": [1, {"]": "}"}]} , 3, "x,y"\n] \n'
    assert contents(source) == [b'{"a":  1 }', b'{"b": [1, {"]": "}"}]}', b"3", b'"x,y"']
    assert lines(source) == [2, 4, 4, 4]


def test_an_empty_array_holds_no_record() -> None:
    with pytest.raises(Unsupported, match="an empty array holds no record"):
        raise refusal(next(split(b" [ ] ")))


def test_an_element_that_is_no_json_inside_costs_no_other() -> None:
    source = b'[{"a": 1},\n{"b": 2,},\n{"c": nope}, {"d": 4}]'
    assert contents(source) == [b'{"a": 1}', b'{"b": 2,}', b'{"c": nope}', b'{"d": 4}']
    assert lines(source) == [1, 2, 3, 3]


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (b',\n{"c": 3', "it is never closed"),
        (b",\n", "it is never closed"),
        (b',\n{"c": "3}]', "a string is never closed"),
        (b',\n{"c": 3]}]', "a bracket closes another"),
        (b",\noops, 4]", "an element is not JSON"),
        (b",\n]", "an element is not JSON"),
        (b",\n,4]", "an element is not JSON"),
        (b"] ]", "more after its end"),
    ],
)
def test_the_elements_before_a_break_are_given_and_then_one_refusal(end: bytes, why: str) -> None:
    pieces = list(split(b'[{"a": 1}, {"b": [2]}' + end))
    assert [piece.content for piece in pieces] == [b'{"a": 1}', b'{"b": [2]}', None]
    with pytest.raises(Malformed, match=f"a JSON array is broken: {why}, at line"):
        raise refusal(pieces[2])


def test_an_array_over_its_limit_and_an_element_over_its_own_are_refused() -> None:
    source = b'[{"a": 1}, {"b": "xxxxxxxxxxxx"}, {"c": 3}]'
    assert contents(source, content_bytes_max=12) == [b'{"a": 1}', "limit", b'{"c": 3}']
    with pytest.raises(LimitPassed, match="array_bytes_max 20"):
        raise refusal(next(split(source, array_bytes_max=20)))


# Whatever comes.

_records = st.lists(
    st.dictionaries(st.text(max_size=5), st.recursive(
        st.none() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=6,
    ), max_size=4),
    min_size=2, max_size=8,
)  # fmt: skip
_chunk_sizes = st.integers(min_value=1, max_value=40)


def _in_chunks(source: bytes, size: int) -> Iterator[bytes]:
    return (source[start : start + size] for start in range(0, len(source), size))


@given(records=_records, indent=st.sampled_from([None, 1]), size=_chunk_sizes, text=st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_was_joined_is_split_again(
    records: list[Any], indent: int | None, size: int, text: bool
) -> None:
    written = [json.dumps(r, indent=indent, ensure_ascii=text).encode() for r in records]
    array = b"[" + b" ,\n".join(written) + b"]"
    assert [p.content for p in split(_in_chunks(array, size))] == written
    if indent is None:
        joined = b"\r\n".join(written)
        assert [p.content for p in split(_in_chunks(joined, size))] == written


@given(records=_records, cut=st.integers(min_value=1, max_value=30))
@settings(max_examples=100, deadline=None)
def test_an_array_cut_off_gives_a_prefix_of_its_elements(records: list[Any], cut: int) -> None:
    written = [json.dumps(record).encode() for record in records]
    array = b"[" + b",".join(written) + b"]"
    *before, last = split(array[: max(1, len(array) - cut)])
    assert isinstance(last.refusal, Malformed)
    assert [piece.content for piece in before] == written[: len(before)]


@given(
    source=st.binary(max_size=200)
    | st.lists(
        st.sampled_from([b"{", b"}", b"[", b"]", b",", b'"', b"\n", b'{"a":1}', b"\\", b" ", b"1"]),
        max_size=40,
    ).map(b"".join),
    size=_chunk_sizes,
    limit=st.sampled_from([5, 30, 1000]),
)
@settings(max_examples=400, deadline=None)
def test_arbitrary_bytes_give_pieces_however_they_arrive(
    source: bytes, size: int, limit: int
) -> None:
    whole = list(split(source, content_bytes_max=limit, array_bytes_max=2 * limit))
    again = list(
        split(_in_chunks(source, size), content_bytes_max=limit, array_bytes_max=2 * limit)
    )
    assert whole
    assert [(p.line, p.content) for p in whole] == [(p.line, p.content) for p in again]
    for piece in whole:
        assert (piece.content is None) != (piece.refusal is None)
        assert piece.content is None or (len(piece.content) <= limit and piece.content in source)


def test_the_worked_example_of_the_documentation_is_true() -> None:
    page = (REPOSITORY / "docs" / "formats" / "containers.md").read_text()
    source, said = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    outcomes = []
    for piece in split(source.encode()):
        code = piece.refusal.code if piece.refusal else "recorded"
        if piece.content is not None:
            try:
                facts_of(piece.content)
            except Refused as refused:
                code = refused.code
        outcomes.append(f"line {piece.line} {code}")
    assert outcomes == said.splitlines()


@pytest.mark.parametrize("element", [b"{}", b"[1,2]", b'{"a":"]},{"}', b" 1", b'"a,b"', b"null\n"])
def test_an_array_of_very_many_is_cut_one_by_one_into_the_same_pieces(
    element: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = b"[" + b",".join([element] * 50) + b"]"
    at_once = list(split(array))
    monkeypatch.setattr("wherefrom.collect.split._COMMAS_AT_ONCE_MAX", 3)
    assert [(p.line, p.content) for p in split(array)] == [(p.line, p.content) for p in at_once]
    assert len(at_once) == 50


def test_a_hundred_thousand_elements_cost_no_object_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wherefrom.collect.split._COMMAS_AT_ONCE_MAX", 1000)
    array = b"[" + b"{}," * 100_000 + b"{}]"
    tracemalloc.start()
    try:
        assert sum(1 for _ in split(array)) == 100_001
        assert tracemalloc.get_traced_memory()[1] < 4 * len(array)
    finally:
        tracemalloc.stop()

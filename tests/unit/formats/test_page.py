"""Blocks of a report in three forms: what strangers wrote is text in each, and nothing is lost."""

from __future__ import annotations

import html as escapes
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.formats.page import Block, escaped, html, markdown, pdf, plain

words = st.text(st.characters(codec="utf-8"), max_size=60)
# What could begin, end or be markup, and what could be a link, more often than chance has it.
MARKUP = (
    "`", "*", "_", "[x](y)", "<b>", "&amp;", "|", "#", "~", "\\", "- ", "+ ", "1. ", "= ", "$x$",
    "http://a.example", "www.a.example", "a@b.example", "\n", "\n\n# h", "![i](j)", " ",
)  # fmt: skip
nasty = st.lists(st.sampled_from(MARKUP), max_size=8).map("".join)


def unescaped(text: str) -> str:
    """What a reader of Markdown sees of a text that is nothing but text."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


@given(words | nasty)
def test_a_text_in_markdown_is_one_line_of_nothing_but_text(text: str) -> None:
    written = escaped(text)
    assert "\n" not in written
    assert unescaped(written) == " ".join(text.split())
    bare = re.sub(r"\\.", "", written)
    assert not re.search(r"[`*_\[\]<>#|~&!$]|://|www\.|\w@", bare)
    assert not re.match(r"[-+=]|\d+[.)]", written)


@given(words | nasty, words | nasty)
def test_a_row_of_a_table_stays_one_row_of_its_columns(a: str, b: str) -> None:
    written = markdown([Block("table", rows=[["one", "two"], [a, b]])]).decode()
    lines = written.rstrip("\n").split("\n")
    assert len(lines) == 3
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3 for line in lines)


@given(words | nasty)
def test_html_shows_the_text_and_nothing_else(text: str) -> None:
    written = html([Block("text", text)], title="t").decode()
    body = written.partition("<main>")[2].partition("</main>")[0].strip()
    inner = body.removeprefix("<p>").removesuffix("</p>")
    assert "<" not in inner
    assert escapes.unescape(inner) == text.replace("\r\n", "\n") or "\r" in text


@pytest.mark.parametrize("widths", [(), (1, 3)])
def test_columns_are_as_wide_as_is_asked_for(widths: tuple[int, ...]) -> None:
    blocks = [Block("table", rows=[["a", "b"], ["c", "#import \\ $x$"]], widths=widths)]
    shares = re.findall(r"width:(\d+)%", html(blocks, title="t").decode())
    assert shares == (["25", "75"] if widths else [])
    assert pdf(blocks, title="t").startswith(b"%PDF-")
    assert pdf(blocks, title="t") == pdf(blocks, title="t")


def test_a_long_text_is_cut_where_its_maker_says() -> None:
    assert len(plain("x" * 999)) == 300
    assert plain("x" * 999, 1_000) == "x" * 999
    assert plain("a\u202eb\x00") == "a[U+202E]b[U+0000]"

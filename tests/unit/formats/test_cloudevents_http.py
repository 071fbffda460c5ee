"""CloudEvents in binary mode: headers and body made one document, and one that is read back."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import REPOSITORY
from wherefrom.errors import Malformed, Refused
from wherefrom.formats.cloudevents_http import is_binary, structured
from wherefrom.formats.recognise import read

EVENT = [
    ("ce-specversion", b"1.0"),
    ("ce-id", b"A234"),
    ("ce-source", b"https://ci.example"),
    ("ce-type", b"org.example.ran"),
]
JSON = ("content-type", b"application/json; charset=utf-8")


def made(*headers: tuple[str, bytes], data: bytes = b"") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(structured([*EVENT, *headers], data))
    return found


def test_binary_mode_is_known_by_its_headers() -> None:
    assert is_binary([*EVENT, JSON])
    assert is_binary(EVENT)
    assert is_binary([("ce-id", b"1")])
    assert not is_binary([JSON, ("ce-other", b"1")])
    for kind in (b"application/cloudevents+json", b"Application/CloudEvents-Batch+json"):
        assert not is_binary([*EVENT, ("content-type", kind)])


def test_the_document_is_attributes_in_order_and_then_the_data_as_it_came() -> None:
    written = structured([JSON, *reversed(EVENT)], b' {"b": 1,\n "a": 2.50}\n')
    assert written == (
        b'{"datacontenttype":"application/json; charset=utf-8","id":"A234",'
        b'"source":"https://ci.example","specversion":"1.0","type":"org.example.ran",'
        b'"data":{"b": 1,\n "a": 2.50}}'
    )
    assert written == structured([*EVENT, JSON], b'{"b": 1,\n "a": 2.50}')


def test_headers_of_no_attribute_are_passed_over() -> None:
    assert made(("user-agent", b"x"), ("traceparent", b"y")).keys() == {
        "id", "source", "specversion", "type",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀"),  # the binding's own example
        (b"%e2%82%ac", "€"),
        (b"50%25%2520", "50%%20"),  # once, not twice
        (b"100%", "100%"),
        (b'"a \\"b\\" \\\\ c"', 'a "b" \\ c'),
        (b'"%22x%22"', '"x"'),
        (" é ".encode(), "é"),
        (b"plain", "plain"),
    ],
)
def test_a_value_is_unquoted_then_percent_decoded_once(value: bytes, text: str) -> None:
    assert made(("ce-subject", value))["subject"] == text


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_what_the_binding_encodes_is_decoded_to_itself(text: str) -> None:
    assert made(("ce-subject", quote(text, safe="").encode()))["subject"] == text


@pytest.mark.parametrize(
    ("kind", "data", "member"),
    [
        ("application/json", b"[1]", {"data": [1]}),
        ("application/cloudevents.thing+json", b"1", {"data": 1}),
        ("TEXT/JSON", b"null", {"data": None}),
        ("text/plain", "é\n".encode(), {"data": "é\n"}),
        ("application/xml", b"<a/>", {"data": "<a/>"}),
        ("image/svg+xml", b"<a/>", {"data": "<a/>"}),
        ("text/plain", b"\xe9", {"data_base64": "6Q=="}),
        ('text/plain; charset="UTF-8"', b"a", {"data": "a"}),
        ("text/plain; charset=utf-16le", b"a\0", {"data_base64": "YQA="}),
        ("application/octet-stream", b"{}", {"data_base64": "e30="}),
        ("", b"{}", {"data_base64": "e30="}),
        ("application/json", b"", {}),
    ],
)
def test_the_media_type_says_how_the_data_stands(
    kind: str, data: bytes, member: dict[str, Any]
) -> None:
    headers = [("content-type", kind.encode())] if kind else []
    written = made(*headers, data=data)
    assert {k: v for k, v in written.items() if k.startswith("data") and k[4:5] != "c"} == member


@pytest.mark.parametrize(
    ("headers", "data", "says"),
    [
        ([("ce-id", b"B")], b"", "an attribute comes twice, at ce-id"),
        ([("ce-datacontenttype", b"a/b")], b"", "ce-datacontenttype"),
        ([("ce-data", b"a")], b"", "at ce-data"),
        ([("ce-subject", b"%ff")], b"", "no UTF-8, at ce-subject"),
        ([JSON, JSON], b"", "twice, at content-type"),
        ([JSON], b"{", "not JSON"),
        ([JSON], b"1 2", "more after the JSON value"),
    ],
)
def test_what_could_be_read_two_ways_is_refused(
    headers: list[tuple[str, bytes]], data: bytes, says: str
) -> None:
    with pytest.raises(Malformed, match=says):
        structured([*EVENT, *headers], data)


def test_the_facts_of_the_data_are_those_of_a_structured_event() -> None:
    event = {"eventTime": "2026-01-01T00:00:00Z", "producer": "p",
             "run": {"runId": "r"}, "job": {"namespace": "n", "name": "j"}}  # fmt: skip
    found = read(structured([*EVENT, JSON], json.dumps(event).encode()))
    assert found.format == "cloudevents"
    assert "job:n:j" in {n.id for n in found.facts.nodes}


def test_the_pages_example_is_what_the_code_writes() -> None:
    page = (REPOSITORY / "docs/formats/cloudevents.md").read_text()
    request = re.search(r"```http\nPOST .*?\n(.*?)\n\n(.*?)\n```", page, re.DOTALL)
    written = re.search(r"```\n(\{\"datacontenttype.*?)\n```", page, re.DOTALL)
    assert request is not None
    assert written is not None
    pairs = [line.split(": ", 1) for line in request[1].splitlines()]
    headers = [(name.lower(), value.encode()) for name, value in pairs]
    assert structured(headers, request[2].encode()).decode() == written[1]


@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(["content-type", "ce-id", "ce-x", "ce-", "ce-data", "ce-Ä", "x"]),
            st.binary(max_size=12),
        ),
        max_size=5,
    ),
    data=st.binary(max_size=40),
)
@settings(max_examples=300, deadline=None)
def test_any_headers_and_body_give_a_document_or_our_refusals(
    headers: list[tuple[str, bytes]], data: bytes
) -> None:
    try:
        read(structured([*EVENT, *headers], data))
    except Refused:
        return

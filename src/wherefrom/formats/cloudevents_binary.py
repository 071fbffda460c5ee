"""CloudEvents in binary mode: HTTP headers and a body become the one JSON document they stand for.

    ce-id: 1 · ce-type: t · …      content-type: application/json      {"a": 1}
       └──────────┬──────────────────────────┬────────────────────────────┘
                  ▼                          ▼
    {"specversion":"1.0","id":"1",…,"datacontenttype":"application/json","data":{"a": 1}}

The same headers and body give the same bytes, so that an event that is sent again is known. JSON
data stays as it was written; other text and XML become a string, anything else base64. What the
attributes hold is checked where structured events are (``cloudevents``).

Source: CloudEvents 1.0.2 bindings/http-protocol-binding.md §3.1, formats/json-format.md §3.1
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from wherefrom.errors import Malformed, Refused
from wherefrom.formats import strict_json

_PREFIX: Final = "ce-"
_FIRST: Final = ("specversion", "id", "source", "type")
_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
_JSON: Final = re.compile(r"[^/;\s]+/(?:[^;\s]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.DOTALL)
_TEXT: Final = re.compile(
    r"text/.*|[^/;\s]+/(?:[^;\s]+\+)?xml\s*(?:;.*)?", re.IGNORECASE | re.DOTALL
)
_STRUCTURED: Final = "application/cloudevents"


def is_binary(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a request carries an event in its headers; a structured one says so itself."""
    named = dict(headers)
    structured = named.get("content-type", "").lower().startswith(_STRUCTURED)
    return not structured and any(_PREFIX + name in named for name in _FIRST)


def structured(headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """The event as one JSON document.

    headers  names in lower case, values as they came (Latin-1)
    body     the data, without what compressed it on its way

    Raises Malformed for an attribute that is given twice or is no attribute, for a value that is no
    UTF-8, and for JSON data that is none.
    """
    attributes: dict[str, str] = {}
    content_type: str | None = None
    for header, value in headers:
        if header == "content-type":
            content_type = value
        elif header.startswith(_PREFIX):
            name = header.removeprefix(_PREFIX)
            if name in ("data", "data_base64", "datacontenttype"):
                raise Malformed(
                    "not an attribute of a binary event", where=header,
                    expected="the data as the body, and its type as Content-Type",
                )  # fmt: skip
            if name in attributes:
                raise Malformed("an attribute is given twice", where=header)
            attributes[name] = _text(value, where=header)
    return wrapped(attributes, body, content_type)


def wrapped(attributes: Mapping[str, str], body: bytes, content_type: str | None) -> bytes:
    """The event with these attributes whose data is ``body``. Raises Malformed, LimitPassed for
    JSON data that is none."""
    order = [n for n in _FIRST if n in attributes] + sorted(attributes.keys() - {*_FIRST})
    members = [_member(name, attributes[name]) for name in order]
    if content_type is not None:
        members.append(_member("datacontenttype", content_type))
    return b"{" + b",".join([*members, *_data(body, content_type)]) + b"}"


def _text(value: str, *, where: str) -> str:
    """A header's value: quotes first, then one round of percent-decoding."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = _QUOTED_PAIR.sub(r"\1", value[1:-1])
    encoded = value.encode("latin-1", "replace")
    try:
        return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), encoded).decode()
    except UnicodeDecodeError as error:
        raise Malformed(
            "not UTF-8 once it is percent-decoded", where=where, expected="%XX of UTF-8", got=value
        ) from error


def _data(body: bytes, content_type: str | None) -> list[bytes]:
    """The member that holds the data; none for an empty body."""
    if not body:
        return []
    if content_type is None or _JSON.fullmatch(content_type):
        written = body.strip(b" \t\r\n")
        try:
            # Exactly one value: nothing that is pasted in may reach out of its place.
            strict_json.decode(written)
        except Refused as error:
            raise type(error)(
                f"the data: {error.what}", where=error.where, expected=error.expected,
                got=error.got, do=error.do,
            ) from error  # fmt: skip
        return [b'"data":' + written]
    if _TEXT.fullmatch(content_type):
        try:
            return [b'"data":' + msgspec.json.encode(body.decode())]
        except UnicodeDecodeError:
            pass  # in another charset: kept as it is
    return [b'"data_base64":"' + base64.b64encode(body) + b'"']


def _member(name: str, value: str) -> bytes:
    return msgspec.json.encode(name) + b":" + msgspec.json.encode(value)

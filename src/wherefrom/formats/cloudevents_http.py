"""CloudEvents in binary mode: attributes in HTTP headers, data in the body, made one document.

    ce-id: A234                         {"datacontenttype":"application/json","id":"A234",…,
    ce-source: https://ci.example  ──►   "data":{"a": 1}}
    content-type: application/json
    {"a": 1}

What is recorded is the structured event, because a record is one run of bytes: attributes in
alphabetical order, then the data as it came. JSON (by its media type) stands there as it is, text
as a string, all else in base64. The same request makes the same bytes, so it is recorded once.

A header's value is unquoted, then percent-decoded once; what comes out is UTF-8.

Source: CloudEvents 1.0.2, HTTP protocol binding §3.1; JSON event format §3.1
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

from wherefrom.errors import Malformed
from wherefrom.formats import base64_strict, strict_json

STRUCTURED: Final = "application/cloudevents"
_PREFIX: Final = "ce-"
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_JSON = re.compile(r"[^/;\s]+/(?:[^/;\s]+\+)?json", re.IGNORECASE)
_TEXT = re.compile(r"text/[^/;\s]+|[^/;\s]+/(?:[^/;\s]+\+)?xml", re.IGNORECASE)
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_UTF8_NAMES: Final = frozenset({"utf-8", "utf8", "us-ascii"})
# These come as the content type and the body; a second way to say them could say another thing.
_NOT_HEADERS: Final = frozenset({"datacontenttype", "data"})

Headers = Iterable[tuple[str, bytes]]


def is_binary(headers: Headers) -> bool:
    """Whether a request with these headers (names in lower case) is an event in binary mode."""
    names = dict(headers)
    kind = names.get("content-type", b"").strip().lower()
    if kind.startswith(STRUCTURED.encode()):
        return False
    return any(f"{_PREFIX}{name}" in names for name in ("specversion", "id", "type", "source"))


def structured(headers: Headers, data: bytes) -> bytes:
    """The event as one JSON document; ``cloudevents`` checks its attributes.

    headers  as they came, names in lower case; those of no attribute are passed over

    Raises Malformed for an attribute that comes twice, or as what it may not be; for a value that
    is no UTF-8; for JSON that is none. LimitPassed for JSON that nests too deeply.
    """
    attributes: dict[str, str] = {}
    for name, value in headers:
        if name == "content-type":
            key, text = "datacontenttype", _utf8(value.strip(), where=name)
        elif name.startswith(_PREFIX):
            key, text = name.removeprefix(_PREFIX), _decoded(value, where=name)
            if key in _NOT_HEADERS:
                raise Malformed(
                    "not an attribute that comes in a header",
                    where=name,
                    expected="the content type and the body",
                )
        else:
            continue
        if key in attributes:
            raise Malformed("an attribute comes twice", where=name, expected="each header once")
        attributes[key] = text
    head = json.dumps(attributes, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    if not data:
        return head.encode()
    member = _member(attributes.get("datacontenttype", ""), data)
    comma = b"," if attributes else b""
    return b"%b%b%b}" % (head.encode()[:-1], comma, member)


def _decoded(value: bytes, *, where: str) -> str:
    unquoted = _QUOTED.sub(lambda match: _ESCAPED.sub(rb"\1", match[1]), value.strip())
    return _utf8(unquote_to_bytes(unquoted), where=where)


def _utf8(value: bytes, *, where: str) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(
            "a header that is no UTF-8", where=where, got=value[:40].decode("latin-1")
        ) from error


def _member(content_type: str, data: bytes) -> bytes:
    """``"data":…`` or ``"data_base64":…``."""
    media_type = content_type.partition(";")[0].strip()
    if _JSON.fullmatch(media_type):
        strict_json.decode(data)
        return b'"data":%b' % data.strip(b" \t\r\n")
    charset = _CHARSET.search(content_type)
    if _TEXT.fullmatch(media_type) and (charset is None or charset[1].lower() in _UTF8_NAMES):
        try:
            return b'"data":%b' % json.dumps(data.decode("utf-8"), ensure_ascii=False).encode()
        except UnicodeDecodeError:
            pass  # its bytes say what it is
    return b'"data_base64":"%b"' % base64_strict.encode(data).encode()

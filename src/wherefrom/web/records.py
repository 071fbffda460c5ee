"""One record with its proof, and the log itself.

The evidence stands beside the record: the entry that the log commits to, the content as it came,
the inclusion proof, and the command that checks all of it without us.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import Any, Final

import msgspec

from wherefrom.api.reads import entry_index
from wherefrom.errors import Error
from wherefrom.web.asking import Ask
from wherefrom.web.page import Page
from wherefrom.web.words import beginning

# Of what came and of what it says: together they stay far below what a page may weigh.
SHOWN_BYTES_MAX: Final = 50_000
_ENTRIES_A_PAGE: Final = 50


def record(ask: Ask) -> Page:
    """``/records/{index}``"""
    index = entry_index(ask.request)
    found = ask.desk.record(index)
    proof = None
    with contextlib.suppress(Error):  # the newest entries of a log with witnesses wait for them
        proof = ask.desk.receipt(index).decode()
    content = None if found.erased else ask.desk.content(index)
    written, statement = _readable(content)
    return Page(
        template="record.html", title=f"Record #{index}", answer=found, log=found.log,
        beside={"index": index, "proof": proof, "vkey": ask.desk.log_keys()[-1].to_text(),
                "content": written, "statement": statement,
                "cut": content is not None and len(content) > SHOWN_BYTES_MAX},
    )  # fmt: skip


def log(ask: Ask) -> Page:
    """``/log``: the live checkpoint, who cosigned it, the views, and the newest records."""
    status = ask.desk.status()
    position, _ = ask.desk.standing()
    until = min(ask.as_of or status.size, status.size)
    first = max(0, until - _ENTRIES_A_PAGE)
    newest = [ask.desk.record(index) for index in reversed(range(first, until))]
    return Page(
        template="log.html", title="The log", answer=status, log=position,
        beside={"newest_records": newest, "first": first, "until": until},
    )  # fmt: skip


def _readable(content: bytes | None) -> tuple[str | None, str | None]:
    """How a content begins, and the document inside, if it is JSON; a DSSE payload opened."""
    if content is None:
        return None, None
    written = content[:SHOWN_BYTES_MAX].decode("utf-8", "replace")
    try:
        document = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return written, None
    payload = _payload(document)
    return written, beginning(document if payload is None else payload, SHOWN_BYTES_MAX)


def _payload(document: Any) -> Any:
    if isinstance(document, dict) and isinstance(document.get("dsseEnvelope"), dict):
        document = document["dsseEnvelope"]
    if not isinstance(document, dict) or not isinstance(document.get("payload"), str):
        return None
    try:
        return msgspec.json.decode(base64.b64decode(document["payload"], validate=True))
    except (binascii.Error, msgspec.DecodeError, ValueError, RecursionError):
        return None

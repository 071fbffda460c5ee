"""Messages as syslog carries them: RFC 5424, one after the other over TCP or TLS.

    <PRI>1 TIME HOST wherefrom - NAME [meta sequenceId="813"][origin software="wherefrom" …] MSG
    LENGTH SP message                                       octet counting, so MSG may hold anything

Facility 13 is the log audit. A message has no byte order mark: what reads CEF expects none.

Sizes:  PRI 0 to 191 · HOST 255, NAME 32 characters of printable ASCII · sequenceId below 2^31
Source: RFC 5424 §6, §7; RFC 5425 §4.3, RFC 6587 §3.4.1 (octet counting)
"""

from __future__ import annotations

import re
from typing import Final

FACILITY: Final = 13
APP_NAME: Final = "wherefrom"
NIL: Final = "-"
_SEQUENCE_MAX: Final = 2**31 - 1
_HOST_CHARS_MAX: Final = 255
_NAME_CHARS_MAX: Final = 32
_NOT_PRINTABLE: Final = re.compile(r"[^!-~]")
_ESCAPED: Final = re.compile(r'(["\\\]])')
# Of OCSF → of syslog: informational, notice, warning, error, critical.
SEVERITIES: Final = {1: 6, 2: 5, 3: 4, 4: 3, 5: 2}


def to_message(
    text: str, *, severity: int, time: str, host: str, name: str, number: int, version: str
) -> bytes:
    """One message.

    severity  of an event, 1 to 5
    time      RFC 3339, with at most six decimals
    number    of the record in its log, from 0
    """
    priority = FACILITY * 8 + SEVERITIES[severity]
    meta = f'[meta sequenceId="{number % _SEQUENCE_MAX + 1}"]'
    software = f'[origin software="wherefrom" swVersion="{_parameter(version)}"]'
    head = " ".join(
        (
            f"<{priority}>1", time, _plain(host, _HOST_CHARS_MAX), APP_NAME, NIL,
            _plain(name, _NAME_CHARS_MAX), meta + software,
        )
    )  # fmt: skip
    return f"{head} {text}".encode()


def framed(message: bytes) -> bytes:
    """A message with its length before it."""
    return b"%d %s" % (len(message), message)


def _parameter(text: str) -> str:
    return _ESCAPED.sub(r"\\\1", text)


def _plain(text: str, chars_max: int) -> str:
    return _NOT_PRINTABLE.sub("_", text)[:chars_max] or NIL

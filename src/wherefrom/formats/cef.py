"""Security events as CEF, a line each: ArcSight's Common Event Format, version 0.

    CEF:0|Wherefrom|Wherefrom|VERSION|key.revoked|A key is revoked|7|rt=… externalId=812 msg=…

In the header ``\\`` and ``|`` are escaped; in a value ``\\`` and ``=``, and a break of line is
``\\n``.
``externalId`` is the log's index of the record; ``cn1`` counts the events of one record.

Sizes:  values as long as the dictionary of CEF allows, ``_CHARS_MAX``
Source: ArcSight, Implementing ArcSight Common Event Format (CEF), version 26 ("Character encoding",
        "ArcSight extension dictionary")
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from wherefrom.formats.security_event import SecurityEvent
from wherefrom.formats.timestamps import micros

# Of OCSF → of CEF: 0 to 3 low, 4 to 6 medium, 7 and 8 high, 9 and 10 very high.
SEVERITIES: Final = {1: 1, 2: 3, 3: 5, 4: 7, 5: 9}
_CHARS_MAX: Final[Mapping[str, int]] = {
    "act": 63, "cat": 1023, "dvchost": 100, "externalId": 40, "msg": 1023, "outcome": 63,
    "reason": 1023, "suser": 1023,
}  # fmt: skip
_CUSTOM_CHARS_MAX: Final = 4000
_FIELD_CHARS_MAX: Final = 512
_BREAKS: Final = re.compile(r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def to_line(event: SecurityEvent, *, origin: str, version: str) -> str:
    """The line, without its end."""
    header = (
        "CEF:0", "Wherefrom", "Wherefrom", version, event.name, event.kind.title,
        str(SEVERITIES[event.severity]),
    )  # fmt: skip
    values = " ".join(f"{key}={_value(key, text)}" for key, text in _values(event, origin) if text)
    return "|".join(map(_field, header)) + "|" + values


def _values(event: SecurityEvent, origin: str) -> Iterator[tuple[str, str]]:
    yield "rt", str(micros(event.received) // 1000)
    yield "end", str(micros(event.at) // 1000)
    yield "externalId", str(event.entry)
    yield "dvchost", origin
    yield "cat", event.record_kind
    yield "act", event.name
    yield "suser", event.actor
    if event.failed is not None:
        yield "outcome", "failure" if event.failed else "success"
    yield "reason", event.told.get("reason", "")
    yield "msg", event.message
    yield "cn1", str(event.number)
    yield "cn1Label", "event of the record"
    for number, (label, text) in enumerate(_custom(event), start=1):
        yield f"cs{number}", text
        yield f"cs{number}Label", label if text else ""


def _custom(event: SecurityEvent) -> Iterator[tuple[str, str]]:
    """The six texts that CEF leaves to the device."""
    yield "thing", event.thing
    yield "service", event.service
    yield "environment", event.environment
    yield "rules", ", ".join(event.rules or event.found)
    yield "trust", " ".join([event.trust, *event.signers])
    yield "record type", event.record_type


def _field(text: str) -> str:
    one_line = _CONTROLS.sub("", _BREAKS.sub(" ", text))[:_FIELD_CHARS_MAX]
    return one_line.replace("\\", "\\\\").replace("|", "\\|")


def _value(key: str, text: str) -> str:
    short = text[: _CHARS_MAX.get(key, _CUSTOM_CHARS_MAX)]
    escaped = short.replace("\\", "\\\\").replace("=", "\\=")
    return _CONTROLS.sub("", _BREAKS.sub(r"\\n", escaped)).strip(" ")

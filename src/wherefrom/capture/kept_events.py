"""Event payloads that are kept where a rule says so, to be run again.

    KeepRule(errors=True, tenants=["a"]) ──yes──► FOLDER/<day>/<commitment>.json    mode 0600

A payload may hold what nobody should read, so none is kept without a rule, and the folder is the
program's own. What is in a file: the event, the output or error, what commits to both, and which
reality served it.

Sizes:  EVENT_BYTES_MAX a payload; a larger one is not kept
Source: docs/identity.md
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from wherefrom.errors import Error, Malformed, SettingError
from wherefrom.formats import strict_json
from wherefrom.formats.invocation import Committed, is_of, payload_of

EVENT_BYTES_MAX: Final = 6 * 1024 * 1024


@dataclass(frozen=True)
class KeepRule:
    """Whose payloads are kept: of these tenants, of calls that failed, this part of all others.

    sample  0 to 1, chosen by the commitment, which is as good as chance
    """

    tenants: Sequence[str] = ()
    errors: bool = False
    sample: float = 0.0

    def keeps(self, call: Mapping[str, Any]) -> bool:
        """Whether the payload of a call is kept."""
        if call.get("tenant") in self.tenants or (self.errors and call["outcome"] == "error"):
            return True
        digits = str(call["input"]).partition(":")[2][:8]
        return bool(digits) and int(digits, 16) < self.sample * 2**32


@dataclass(frozen=True)
class KeptEvents:
    """A folder of payloads, and the rule that says which go there."""

    folder: Path
    rule: KeepRule = field(default_factory=KeepRule)

    def keep(self, call: Mapping[str, Any], event: Any, output: Any) -> Path | None:
        """Keep a payload if the rule says so; where. Raises OSError, Malformed."""
        if not self.rule.keeps(call) or len(payload_of(event)) > EVENT_BYTES_MAX:
            return None
        if isinstance(event, bytes):
            raise Malformed("a payload of bytes cannot be kept", expected="what JSON can hold")
        folder = Path(self.folder) / str(call["at"])[:10]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{str(call['input']).partition(':')[2]}.json"
        document = {"v": 1, "call": dict(call), "event": event, "output": output}
        handle, new = tempfile.mkstemp(dir=folder)  # of mode 0600
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(document, file)
        os.replace(new, path)
        return path


@dataclass(frozen=True)
class Kept:
    """One payload that was kept, checked against what committed to it."""

    path: Path
    call: Mapping[str, Any]
    event: Any
    output: Any


def kept_in(paths: Sequence[Path]) -> Iterator[Kept | tuple[Path, str]]:
    """What is kept in files and folders, by their names; of a broken file, why it is.

    Raises SettingError for a path that is not there.
    """
    for path in paths:
        if not path.exists():
            raise SettingError(
                "nothing is kept there",
                where=str(path),
                do="Name the folder that the program keeps its events in",
            )
        for file in sorted(path.rglob("*.json")) if path.is_dir() else [path]:
            try:
                yield _read(file)
            except (Error, OSError) as error:
                yield file, str(error)


def _read(path: Path) -> Kept:
    document = strict_json.as_object(strict_json.decode(path.read_bytes()), where="")
    call = strict_json.need_object(document, "call")
    if document.get("v") != 1 or "event" not in document:
        raise Malformed("not a kept event", expected='{"v": 1, "call", "event", "output"}')
    for part, value in (("input", document["event"]), ("output", document.get("output"))):
        if part == "output" and call.get("outcome") != "ok":
            continue
        if call.get(part) is None:
            continue
        nonce = strict_json.need_string(call, f"{part}_nonce", where="call")
        try:
            same = is_of(payload_of(value), Committed(str(call[part]), nonce))
        except ValueError as error:
            raise Malformed("not a nonce", where=f"call.{part}_nonce", got=nonce) from error
        if not same:
            raise Malformed(
                f"the {part} is not what was committed to when it was kept",
                expected=str(call[part]), do="It was changed since",
            )  # fmt: skip
    return Kept(path, call, document["event"], document.get("output"))

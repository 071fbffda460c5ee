"""Kept events run again, against another version of their function: what comes out now?

    kept event ──► the handler of today ──► same · differs · fixed · fails · broken

Nothing is recorded of such a call, and the handler can see that it is one: its context has
``replay = True``. What it writes elsewhere it writes again, so run it where that is wanted.

Source: docs/identity.md; NEEDS, journey J4
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from wherefrom.capture.invocation import replaying
from wherefrom.capture.kept_events import Kept, kept_in
from wherefrom.errors import Malformed, SettingError
from wherefrom.formats.invocation import payload_of

# same: the output is what it was · differs: another one · fixed: it failed, and does no more
# fails: it fails now · broken: the file is not what was kept
RESULTS = ("same", "differs", "fixed", "fails", "broken")


class Replayed(NamedTuple):
    """What became of one event; ``says`` what is different."""

    file: str
    event: str
    request: str
    tenant: str
    at: str
    reality: str
    result: str
    says: str


def handler_of(name: str, folder: Path) -> Callable[..., Any]:
    """The function ``module:name``, with ``folder`` to look for the module first.

    Raises SettingError if it is not there or its module cannot be imported.
    """
    module, colon, path = name.partition(":")
    if not module or not colon or not path:
        raise SettingError(
            "not a handler",
            expected="module:function",
            got=name,
            do="Name a function that takes the event: --handler module:function",
        )
    sys.path.insert(0, str(folder))
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except Exception as error:
        raise SettingError(
            "the handler cannot be imported",
            where=name,
            got=repr(error),
            do="Run it where the module is installed, or set PYTHONPATH",
        ) from error
    finally:
        sys.path.remove(str(folder))
    if not callable(found):
        raise SettingError(
            "not a handler",
            where=name,
            expected="a function",
            got=type(found),
            do="Name a function that takes the event: --handler module:function",
        )
    function: Callable[..., Any] = found
    return function


def replay(handler: Callable[..., Any], paths: Sequence[Path]) -> Iterator[Replayed]:
    """Run what is kept in files and folders. Raises SettingError for a path that is not there."""
    for kept in kept_in(paths):
        if isinstance(kept, Kept):
            result, says = _compared(handler, kept)
            said = [str(kept.call.get(k, "")) for k in ("event_id", "request", "tenant", "at")]
            reality = str(kept.call.get("reality", ""))
            yield Replayed(str(kept.path), *said, reality, result, says)  # type: ignore[call-arg]
        else:
            yield Replayed(str(kept[0]), "", "", "", "", "", "broken", kept[1])


def _compared(handler: Callable[..., Any], kept: Kept) -> tuple[str, str]:
    failed = kept.call.get("outcome") != "ok"
    try:
        output = _run(handler, kept)
        now = payload_of(output)
    except Exception as error:  # noqa: BLE001 - whatever the handler raises is its answer
        before = str(kept.call.get("error", "an error"))
        return "fails", f"{error!r}, before {before if failed else 'it did not fail'}"
    if failed:
        return "fixed", f"before {kept.call.get('error', 'an error')}"
    try:
        before_bytes = payload_of(kept.output)
    except Malformed as error:
        return "broken", str(error)
    if now == before_bytes:
        return "same", ""
    return "differs", f"{_short(before_bytes)} before, {_short(now)} now"


def _run(handler: Callable[..., Any], kept: Kept) -> Any:
    id = str(kept.call.get("event_id", ""))
    given = SimpleNamespace(aws_request_id=id, invocation_id=id, replay=True)
    arguments = (kept.event, given) if _takes_context(handler) else (kept.event,)
    with replaying():
        output = handler(*arguments)
        return asyncio.run(output) if inspect.iscoroutine(output) else output


def _takes_context(handler: Callable[..., Any]) -> bool:
    try:
        inspect.signature(handler).bind(None, None)
    except TypeError:
        return False
    return True


def _short(payload: bytes) -> str:
    text = payload.decode("utf-8", "replace")
    return text if len(text) <= 80 else text[:79] + "…"

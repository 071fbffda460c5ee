"""A decorator for functions that are called with events: each call is a record.

    @wherefrom.invocation(tenant=lambda event: event["customer"])
    def handler(event, context): …
                                         event id ─┐
    call ──► the handler, in its context ──► record: commitment, tenant, request, code, config
                                         └─ rule ──► the payload is kept, for ``wherefrom replay``

The record says what was made of what, never the payload. Nothing that goes wrong here reaches the
handler or its caller: it is logged under ``wherefrom``.

Sizes:  a text of an event is cut at 256 characters
Source: docs/identity.md; NEEDS, journey J4
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from wherefrom.capture.identity import identity
from wherefrom.capture.kept_events import KeptEvents
from wherefrom.capture.outbox import Outbox
from wherefrom.capture.propagation import context
from wherefrom.capture.sending import Sender
from wherefrom.formats.invocation import NONCE_BYTES, commit, payload_of

F = TypeVar("F", bound=Callable[..., Any])
_CHARS_MAX: Final = 256
_log = logging.getLogger("wherefrom")
Ask = Callable[[Any], Any]


_replayed: contextvars.ContextVar[bool] = contextvars.ContextVar("replayed", default=False)


@contextlib.contextmanager
def replaying() -> Iterator[None]:
    """Record nothing of the calls in the block."""
    token = _replayed.set(True)
    try:
        yield
    finally:
        _replayed.reset(token)


def invocation(
    *,
    tenant: Ask | None = None,
    request: Ask | None = None,
    event_id: Ask | None = None,
    keep: KeptEvents | None = None,
    outbox: Outbox | None = None,
    wait_s: float = 0.0,
) -> Callable[[F], F]:
    """Record every call of a handler, ``handler(event, …)``, plain or async.

    tenant    who is billed for it, asked of the event
    request   the id that people ask for; else of the event's headers, or the platform's
    event_id  else the event's own ``id`` (CloudEvents, EventBridge) or ``messageId``
    keep      where payloads are kept, and which; none if not given
    outbox    where records go; else one to WHEREFROM_URL, if that is set
    wait_s    how long a call waits for its record to be taken: where a platform freezes programs
              between calls, and where a bill rests on it
    """

    def decorate(handler: F) -> F:
        recording = _Recording(handler, tenant, request, event_id, keep, outbox, wait_s)
        if inspect.iscoroutinefunction(handler):

            @functools.wraps(handler)
            async def run_async(event: Any, *args: Any, **kwargs: Any) -> Any:
                with context.entered(recording.begin(event, args)) as here:
                    call = _Call(here, event)
                    try:
                        output = await handler(event, *args, **kwargs)
                    except BaseException as error:
                        recording.end(call, args, error=error)
                        raise
                    recording.end(call, args, output=output)
                    return output

            return run_async  # type: ignore[return-value]

        @functools.wraps(handler)
        def run(event: Any, *args: Any, **kwargs: Any) -> Any:
            with context.entered(recording.begin(event, args)) as here:
                call = _Call(here, event)
                try:
                    output = handler(event, *args, **kwargs)
                except BaseException as error:
                    recording.end(call, args, error=error)
                    raise
                recording.end(call, args, output=output)
                return output

        return run  # type: ignore[return-value]

    return decorate


class _Call:
    """What must be known before the handler runs, for it may change its event."""

    def __init__(self, here: context.Context, event: Any) -> None:
        self.here, self.event = here, event
        self.at, self.began = datetime.now(UTC), time.perf_counter()
        self.input = _committed(event)
        self.payload = self.input[2] if self.input else None


class _Recording:
    def __init__(
        self,
        handler: Callable[..., Any],
        tenant: Ask | None,
        request: Ask | None,
        event_id: Ask | None,
        keep: KeptEvents | None,
        outbox: Outbox | None,
        wait_s: float,
    ) -> None:
        self._name = f"{handler.__module__}:{handler.__qualname__}"
        self._tenant, self._request, self._event_id = tenant, request, event_id
        self._keep, self._outbox, self._wait_s = keep, outbox, wait_s
        if outbox is None and os.environ.get("WHEREFROM_URL"):
            self._outbox = Outbox(Sender())

    def begin(self, event: Any, args: tuple[Any, ...]) -> context.Context:
        try:
            carrier = _headers(event)
            if (request := _asked(self._request, event)) or (
                not any(carrier.get(name) for name in ("baggage", *context.REQUEST_HEADERS))
                and (request := _of_platform(args))
            ):
                carrier = {**carrier, context.REQUEST_HEADERS[0]: request}
                if self._request is not None:
                    carrier.pop("baggage", None)
            return context.begin(carrier)
        except Exception as error:  # noqa: BLE001 - what is observed never fails for its observer
            _log.warning("a call is not traced: %r", error)
            return context.current() or context.begin()

    def end(
        self,
        call: _Call,
        args: tuple[Any, ...],
        *,
        output: Any = None,
        error: BaseException | None = None,
    ) -> None:
        if _replayed.get():
            return
        try:
            self._record(call, args, output, error)
        except Exception as trouble:  # noqa: BLE001 - as above
            _log.warning("a call was not recorded: %r", trouble)

    def _record(
        self, call: _Call, args: tuple[Any, ...], output: Any, error: BaseException | None
    ) -> None:
        from wherefrom.capture import changes  # late: it brings all of CDEvents
        from wherefrom.formats.timestamps import to_text

        me, here = identity(), call.here
        made = _committed(output) if error is None else None
        event_id = _asked(self._event_id, call.event) or _id_of(call.event, args)
        told: dict[str, Any] = {
            "handler": self._name,
            "request": here.correlation,
            "tenant": _asked(self._tenant, call.event),
            "trace": here.trace.trace_id,
            "caller": here.caller,
            "outcome": "ok" if error is None else "error",
            "error": type(error).__name__ if error is not None else None,
            "duration_ms": round((time.perf_counter() - call.began) * 1000, 3),
            "input": call.input and call.input[0],
            "input_nonce": call.input and call.input[1],
            "output": made and made[0],
            "output_nonce": made and made[1],
            "reality": me.id,
            **me.reality._asdict(),
            "build": me.build,
            "service": me.service,
            "environment": {"id": me.environment} if me.environment else None,
        }
        told = {key: value for key, value in told.items() if value not in (None, "")}
        at = to_text(call.at)
        if self._outbox is not None:
            source = f"/functions/{me.service or self._name}"
            self._outbox.put(changes.invocation(event_id, told, at=at, source=source))
            if self._wait_s and not self._outbox.flush(self._wait_s):
                _log.warning("a call's record was not taken within %s s", self._wait_s)
        if self._keep is not None and call.payload is not None:
            import json

            kept = made is not None and made[2] is not None
            self._keep.keep(
                {**told, "at": at, "event_id": event_id},
                json.loads(call.payload),
                json.loads(made[2]) if kept and made is not None else None,
            )


def _committed(value: Any) -> tuple[str, str, bytes] | None:
    """What commits to a value, the nonce, and its bytes; None if JSON cannot hold it."""
    try:
        payload = payload_of(value)
    except Exception as error:  # noqa: BLE001 - an event may be anything
        _log.warning("a payload cannot be committed to: %s", error)
        return None
    commitment, nonce = commit(payload, secrets.token_bytes(NONCE_BYTES))
    return commitment, nonce, payload


def _asked(ask: Ask | None, event: Any) -> str:
    if ask is None:
        return ""
    try:
        said = ask(event)
    except Exception as error:  # noqa: BLE001 - an event may lack what is asked of it
        _log.warning("an event does not say what is asked of it: %r", error)
        return ""
    return "" if said is None else str(said)[:_CHARS_MAX]


def _headers(event: Any) -> dict[str, str]:
    said = event.get("headers") if isinstance(event, Mapping) else None
    pairs = said.items() if isinstance(said, Mapping) else ()
    carrier = context.carrier_of(
        (k, v) for k, v in pairs if isinstance(k, str) and isinstance(v, str)
    )
    if "traceparent" not in carrier and isinstance(event, Mapping):
        parent = event.get("traceparent")  # CloudEvents' extension
        if isinstance(parent, str):
            carrier["traceparent"] = parent
    return carrier


def _id_of(event: Any, args: tuple[Any, ...]) -> str:
    """The event's own id, or the platform's for this call, or one made up."""
    if isinstance(event, Mapping):
        records = event.get("Records")
        first = records[0] if isinstance(records, list) and records else event
        for key in ("id", "messageId", "eventID"):
            if isinstance(first, Mapping) and isinstance(found := first.get(key), str) and found:
                return found[:_CHARS_MAX]
    return _of_platform(args) or secrets.token_hex(16)


def _of_platform(args: tuple[Any, ...]) -> str:
    """The id of this call: of AWS Lambda's context, or of Google's and Azure's."""
    for name in ("aws_request_id", "execution_id", "invocation_id", "event_id"):
        found = getattr(args[0], name, None) if args else None
        if isinstance(found, str) and found:
            return found[:_CHARS_MAX]
    return ""

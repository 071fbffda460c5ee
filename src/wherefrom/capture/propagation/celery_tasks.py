"""Celery tasks that keep what they belong to, from whoever sends them to the worker that runs them.

    connect() ──► before_task_publish: headers out      in every process that sends
              └─► task_prerun, task_postrun: the context of the task      in every worker

A task that runs eagerly runs where it was sent, in the context that is there.

Source: Celery 5, "Signals", "Message Protocol" version 2
"""

from __future__ import annotations

import contextvars
from typing import Any

from wherefrom.capture.propagation import context

_NAMES = ("traceparent", "tracestate", "baggage")
_ID = "wherefrom"


def connect() -> None:
    """Have Celery's signals carry the context in this process. Twice is once."""
    # Late: only who uses Celery has it.
    from celery import signals  # type: ignore[import-untyped]

    signals.before_task_publish.connect(_on_publish, dispatch_uid=_ID)
    signals.task_prerun.connect(_on_start, dispatch_uid=_ID)
    signals.task_postrun.connect(_on_end, dispatch_uid=_ID)


def disconnect() -> None:
    """Undo ``connect``."""
    from celery import signals

    signals.before_task_publish.disconnect(_on_publish, dispatch_uid=_ID)
    signals.task_prerun.disconnect(_on_start, dispatch_uid=_ID)
    signals.task_postrun.disconnect(_on_end, dispatch_uid=_ID)


def _on_publish(headers: dict[str, Any] | None = None, **_: Any) -> None:
    if headers is not None:
        headers.update(context.add_to({k: v for k, v in headers.items() if isinstance(v, str)}))


# Of each task that runs; a worker of threads or greenlets runs several.
_tokens: dict[str, contextvars.Token[Any]] = {}


def _on_start(task_id: str = "", task: Any = None, **_: Any) -> None:
    request = task.request
    if request.is_eager:
        return
    said = {name: text for name in _NAMES if isinstance(text := request.get(name), str)}
    _tokens[task_id] = context.attached(context.begin(said))


def _on_end(task_id: str = "", **_: Any) -> None:
    token = _tokens.pop(task_id, None)
    if token is not None:
        context.detached(token)

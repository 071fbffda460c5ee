"""Which flags were evaluated, and what they gave: an OpenFeature hook.

    client.get_boolean_value("checkout-v2", False) ──► FlagHook ──► the flag set ──► the reality id
                                                          └ heartbeat(flags=hook): observed flags

A flag that gives everybody the same is part of what the program is; one that is targeted or split
gives each request its own, so of it only the version counts, where the provider tells one. Every
evaluation is counted; only what is another flag set than before costs more than a look-up, and only
that is recorded. A hook that fails would make its flag fail, so nothing here does.

Sizes:  FLAGS_MAX flags; a value that is longer than VALUE_CHARS_MAX is told by its digest
Source: OpenFeature specification §4; OpenTelemetry, feature_flag.result.reason

Needs the extra ``openfeature``.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

try:
    from openfeature.flag_evaluation import FlagEvaluationDetails
    from openfeature.hook import Hook, HookContext, HookHints
except ImportError as error:
    raise ImportError(
        "OpenFeature is not installed; it comes with: pip install 'wherefrom[openfeature]'"
    ) from error

from wherefrom.capture.identity import loaded
from wherefrom.formats import reality_id

FLAGS_MAX: Final = 1000
VALUE_CHARS_MAX: Final = 256
_PER_REQUEST: Final = frozenset({"TARGETING_MATCH", "SPLIT"})
_log = logging.getLogger("wherefrom")


@dataclass
class Evaluated:
    """One flag: what it gave last, why, and how often it was asked."""

    variant: str
    reason: str
    version: str = ""
    per_request: bool = False
    count: int = 0

    def in_set(self) -> Any:
        """How it stands in the flag set."""
        return {"targeted": self.version or None} if self.per_request else self.variant


class FlagHook(Hook):
    """Remembers what each flag gave, and keeps the reality id to it.

    Added once a process: ``api.add_hooks([hook])``. May be called from several threads.
    """

    def __init__(self) -> None:
        self._flags: dict[str, Evaluated] = {}
        self._lock = threading.Lock()
        self._full = False

    def after(
        self, hook_context: HookContext, details: FlagEvaluationDetails[Any], hints: HookHints
    ) -> None:
        try:
            self._see(hook_context.flag_key, details)
        except Exception as error:  # noqa: BLE001 - a hook that raises makes its flag fail
            _log.warning("a flag was not recorded: %r", error)

    def evaluated(self) -> Mapping[str, Evaluated]:
        """Every flag that was asked for so far, by its key."""
        with self._lock:
            return dict(self._flags)

    def states(self) -> list[dict[str, Any]]:
        """The flags as ``prov-estate`` writes them; without those that differ by request."""
        return [
            {
                "slot": "flag",
                "name": key,
                "value": flag.variant,
                "properties": {"reason": flag.reason, "evaluations": flag.count},
            }
            for key, flag in sorted(self.evaluated().items())
            if not flag.per_request
        ]

    def _see(self, key: str, details: FlagEvaluationDetails[Any]) -> None:
        now = _evaluated(details)
        before = self._flags.get(key)
        if before is not None and before.in_set() == now.in_set():
            before.count += 1  # unlocked: a count that misses one in a race costs nothing
            return
        with self._lock:
            if before is None and len(self._flags) >= FLAGS_MAX:
                if not self._full:
                    _log.warning("more than %d flags; the rest is not recorded", FLAGS_MAX)
                self._full = True
                return
            now.count = before.count + 1 if before else 1
            self._flags[key] = now
            loaded(flags=reality_id.flag_set({k: f.in_set() for k, f in self._flags.items()}))


def _evaluated(details: FlagEvaluationDetails[Any]) -> Evaluated:
    reason = str(details.reason or "UNKNOWN").upper()
    version = (details.flag_metadata or {}).get("version", "")
    return Evaluated(
        variant=details.variant or _short(details.value),
        reason=reason.lower(),
        version=str(version),
        per_request=reason in _PER_REQUEST,
    )


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
    return text if len(text) <= VALUE_CHARS_MAX else reality_id.flag_set({"value": text})

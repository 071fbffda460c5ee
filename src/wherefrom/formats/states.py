"""What a record says of state: in this scope, from then on, this is that.

    State(mode, scope, slot, name) ──at──► value        the cart in production serves sha256:ab…
    State(…, value=None)           ──at──► it ended
    Whole(mode, scope, slots)      ──at──► what this record states there is all there is

*Declared* is what somebody decided, *observed* what was seen; they are two statements about one
place, never one. A ``Whole`` makes of a list a snapshot: whatever the same source stated before
of its slots and scope, and does not state again, has ended. Nothing here is an interval: the
estate view makes those, of statements in whatever order they come.

Sizes:  a part of a scope and a name 256 bytes · a value 2,048 · 50,000 states a record
Source: DESIGN, "Reality"; docs/formats/states.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import LimitPassed, Malformed

DECLARED: Final = "declared"
OBSERVED: Final = "observed"
MODES: Final = (DECLARED, OBSERVED)
PART_BYTES_MAX: Final = 256
VALUE_BYTES_MAX: Final = 2048
STATES_MAX: Final = 50_000

# slot → what its values are. Closed: a new slot is a decision, as a new relation is.
SLOTS: Final[Mapping[str, str]] = {
    "artifact": "what runs, by container: a digest's id, or a reference that names no digest",
    "config": "a config bundle, by its name: the digest of what it holds",
    "flag": "a feature flag, by its key: what it gives by default",
    "policy": "timeouts, retries, breakers, limits, by name: the digest of the bundle",
    "safe_mode": "a safe mode that is entered: its bundle",
    "secret": "a secret, by its name: its version, or a keyed hash; never the secret",
    "migration": "a database, by its name: the newest migration that is applied",
    "scale": "how many instances",
    "share": "which part of the traffic, of 1",
    "incident": "an incident that is open, by its id",
    "catalog": "a catalogue of services, by its name: the digest of what it says",
    "maintenance": "a maintenance that is declared: alerts there are told to nobody",
    "response": "an answer to trouble that is under way, by its plan: that it has begun",
    "gate": "the policy that decides what may go in, and may stay: its digest",
    "denied": "an artifact that runs although the policy in force denies it: the policy's digest",
    "resource": "anything else that is provisioned, by its address: the digest of its settings",
}


class Scope(NamedTuple):
    """Where; an empty part is any."""

    environment: str = ""
    service: str = ""
    region: str = ""
    pool: str = ""
    instance: str = ""

    def covers(self, other: Scope) -> bool:
        """Whether ``other`` lies in it."""
        return all(not mine or mine == theirs for mine, theirs in zip(self, other, strict=True))


class State(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One statement.

    name   which one in the slot; empty where a scope has one
    value  an id that the graph knows, or a short text; None: it is there no more
    says   how people call the value, such as ``nginx:1.25``
    at     since when, if not since the record's ``occurred``
    """

    mode: str
    scope: Scope
    slot: str
    name: str
    value: str | None
    says: str | None = None
    properties: Mapping[str, Any] | None = None
    at: str | None = None


class Whole(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """In ``scope``, and in these slots, the record states everything."""

    mode: str
    scope: Scope
    slots: tuple[str, ...]
    at: str | None = None


def check(states: tuple[State, ...], wholes: tuple[Whole, ...]) -> None:
    """Raises LimitPassed for too many or too long, Malformed for a slot or mode that is none."""
    if len(states) > STATES_MAX:
        raise LimitPassed(
            "a record states too much", expected=f"states_max {STATES_MAX}", got=len(states)
        )
    for state in states:
        _check(state.mode, state.scope, (state.slot,))
        _need_short("name", state.name, PART_BYTES_MAX)
        _need_short("value", state.value or "", VALUE_BYTES_MAX)
    for whole in wholes:
        _check(whole.mode, whole.scope, whole.slots)


def _check(mode: str, scope: Scope, slots: tuple[str, ...]) -> None:
    if mode not in MODES:
        raise Malformed("neither declared nor observed", got=mode)
    for slot in slots:
        if slot not in SLOTS:
            raise Malformed("not a slot of state", expected=" ".join(SLOTS), got=slot)
    for part, text in zip(Scope._fields, scope, strict=True):
        _need_short(part, text, PART_BYTES_MAX)


def _need_short(what: str, text: str, bytes_max: int) -> None:
    if len(text) * 4 > bytes_max and len(text.encode("utf-8", "surrogatepass")) > bytes_max:
        raise LimitPassed(f"a {what} is too long", expected=f"{bytes_max} bytes", got=text[:80])
    if "\0" in text:
        raise Malformed(f"a {what} that cannot be stored", expected="no NUL", got=text[:80])

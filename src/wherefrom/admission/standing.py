"""The yeses that stand: what was let in lately, and may be let in again without asking.

    (artifact, environment, policy) ──► Yes, and when the log last said so

Only yeses are kept: a no is asked again, since what it lacked may be recorded by now. A yes stands
while the log has said so within ``fresh_s``, and until the time that its policy gives it. All else
that it rests on (whose keys are trusted, which verdicts and trusted roots count) is in the log:
when the log has grown, ``due`` names it, and whoever keeps this asks again. Of another log, or of
one that shrank, nothing stands.

Pure: the time is given. ``now`` counts seconds from anywhere, ``clock`` from 1970.

Sizes:  KEPT_MAX of them; the one that is longest unused goes
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from wherefrom.admission.deciding import Yes
from wherefrom.query.answers import LogPosition

KEPT_MAX: Final = 10_000
# Who has not been asked for so long is asked for when somebody wants it again.
IDLE_SECONDS: Final = 900.0
# A policy may count days: a yes can end though nothing was recorded.
AGAIN_SECONDS: Final = 60.0


class Key(NamedTuple):
    """What a yes was said to; ``policy`` is the policy's digest."""

    artifact: str
    environment: str
    policy: str


class _Kept:
    __slots__ = ("asked", "confirmed", "used", "yes")

    def __init__(self, yes: Yes, *, asked: float, used: float) -> None:
        self.yes, self.asked, self.confirmed, self.used = yes, asked, asked, used


class Standing:
    """Such a table. Not for several threads."""

    def __init__(self, *, fresh_s: float, kept_max: int = KEPT_MAX) -> None:
        self._fresh_s, self._kept_max = fresh_s, kept_max
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._origin, self._size = "", 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key, *, now: float, clock: float) -> Yes | None:
        """The yes that stands now; None: ask."""
        kept = self._kept.get(key)
        if kept is None or now - kept.confirmed >= self._fresh_s or clock >= kept.yes.until:
            return None
        kept.used = now
        self._kept.move_to_end(key)
        return kept.yes

    def put(self, key: Key, yes: Yes, *, asked: float) -> None:
        """Keep a yes; ``asked`` is when the question went out, for the log may grow after."""
        if self._origin and yes.origin != self._origin:
            self.clear()
        self._origin = yes.origin
        before = self._kept.get(key)
        if before is not None and before.yes.as_of > yes.as_of:
            return  # an older answer came later
        self._kept[key] = _Kept(yes, asked=asked, used=before.used if before else asked)
        while len(self._kept) > self._kept_max:
            self._kept.popitem(last=False)

    def drop(self, key: Key) -> bool:
        """Forget a yes that is none any more; whether there was one."""
        return self._kept.pop(key, None) is not None

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def reached(self, at: LogPosition, *, asked: float) -> None:
        """The log is this one, at this size: what was said as of that size, it says now."""
        if (self._origin and at.origin != self._origin) or at.size < self._size:
            self.clear()
        self._origin, self._size = at.origin, at.size
        for kept in self._kept.values():
            if kept.yes.as_of == at.size and asked - kept.asked < AGAIN_SECONDS:
                kept.confirmed = asked

    def due(self, policy: str, *, now: float) -> list[Key]:
        """What is to be asked again, the longest unheard first; what nobody uses is forgotten."""
        for key in [
            key
            for key, kept in self._kept.items()
            if now - kept.used > IDLE_SECONDS or key.policy != policy
        ]:
            del self._kept[key]
        late = [
            (kept.confirmed, key)
            for key, kept in self._kept.items()
            if kept.yes.as_of != self._size or now - kept.asked >= AGAIN_SECONDS
        ]
        return [key for _, key in sorted(late)]

"""Tickets as they should be and as they are: opened where one is missing, closed where its cause is
gone, each tracker at its own pace.

    open causes ──wanted──┐
                          ├──► missing: find, else open, keep      gone: close, forget
    kept tickets ─────────┘        └ unanswered: the next round finds what this one opened

A crash between a tracker's yes and the file that keeps it costs a search: the marker in the ticket
is looked for before any is opened.

Sizes:  a tracker rests REST_SECONDS_MIN, doubled up to REST_SECONDS_MAX, or as long as it asks to
        · what a tracker refuses is tried again after REFUSED_SECONDS
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from wherefrom.errors import Unavailable
from wherefrom.formats.ticket_settings import Tracker
from wherefrom.notify.tickets.cause import Cause, Marker
from wherefrom.notify.tickets.github import GitHub
from wherefrom.notify.tickets.gitlab import GitLab
from wherefrom.notify.tickets.jira import Jira
from wherefrom.notify.tickets.kept import Kept, KeptTickets
from wherefrom.notify.tickets.tracker import TIMEOUT_SECONDS, NotTaken, Resting, Tickets

if TYPE_CHECKING:
    import httpx

REST_SECONDS_MIN: Final = 1.0
REST_SECONDS_MAX: Final = 300.0
REFUSED_SECONDS: Final = 3_600.0


class TicketDesk:
    """The tickets of one log.

    on_trouble  is told in a line what a tracker does not take, and not again for the same
    """

    def __init__(
        self,
        kept: KeptTickets,
        *,
        origin: str,
        on_trouble: Callable[[str], None] = lambda says: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kept, self._origin = kept, origin
        self._on_trouble, self._clock = on_trouble, clock
        self._rests: dict[str, tuple[float, float]] = {}  # until when, and how long it was
        self._refused: dict[tuple[str, str], float] = {}
        self._said: dict[str, str] = {}
        self._client: httpx.Client | None = None

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()

    def round(
        self,
        trackers: tuple[Tracker, ...],
        open: Mapping[str, Cause],
        why_ended: Callable[[str], str],
    ) -> int:
        """One call for each ticket that is to change, of trackers that do not rest; how many did.

        Raises StorageError if a ticket cannot be kept.
        """
        done = 0
        for tracker in trackers:
            if self._rests.get(tracker.name, (0.0, 0.0))[0] > self._clock():
                continue
            try:
                done += self._tracked(tracker, open, why_ended)
                self._rests.pop(tracker.name, None)
            except Resting as rests:
                self._rest(tracker, str(rests), rests.seconds)
            except Unavailable as error:
                self._rest(tracker, str(error), None)
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                self._rest(tracker, f"{tracker.name} answers something else: {error!r}", None)
        return done

    def _tracked(
        self, tracker: Tracker, open: Mapping[str, Cause], why_ended: Callable[[str], str]
    ) -> int:
        kept = self._kept.of(tracker.name)
        done, tickets = 0, None
        for root in kept.keys() - open.keys():
            tickets = tickets or self._tickets(tracker)
            done += self._end(tracker, tickets, kept.pop(root), why_ended(root))
        missing = sorted(
            (one for one in open.values() if one.root not in kept and _wants(tracker, one)),
            key=lambda one: bool(one.by),
        )
        room = tracker.open_max - len(kept)
        # Whoever may record can open incidents: half of the room is not theirs.
        theirs = tracker.open_max // 2 - sum(bool(open[root].by) for root in kept if root in open)
        ours = sum(not one.by for one in missing)
        room = min(room, ours + max(theirs, 0))
        if len(missing) > max(room, 0):
            self._trouble(
                tracker, f"{len(missing) - max(room, 0)} tickets wait for room in {tracker.name}: "
                f"{len(kept)} are open, and open_max is {tracker.open_max}",
            )  # fmt: skip
        for cause in missing[: max(room, 0)]:
            tickets = tickets or self._tickets(tracker)
            done += self._begin(tracker, tickets, cause)
        return done

    def _begin(self, tracker: Tracker, tickets: Tickets, cause: Cause) -> bool:
        if self._refused.get((tracker.name, cause.root), 0.0) > self._clock():
            return False
        marker = Marker(self._origin, cause.root, cause.at)
        try:
            # 1. Was it opened, and the answer lost? 2. Open it. A crash here: 1 finds it.
            ref = tickets.find(marker) or tickets.open(cause, marker)
        except NotTaken as no:
            return self._refuse(tracker, cause.root, no)
        # 3. Keep it: from now on nothing is asked.
        self._kept.keep(tracker.name, marker, Kept(root=cause.root, at=cause.at, ref=ref))
        self._said.pop(tracker.name, None)
        return True

    def _end(self, tracker: Tracker, tickets: Tickets, kept: Kept, why: str) -> bool:
        if self._refused.get((tracker.name, kept.root), 0.0) > self._clock():
            return False
        marker = Marker(self._origin, kept.root, kept.at)
        try:
            tickets.close(kept.ref, why, marker)
        except NotTaken as no:
            return self._refuse(tracker, kept.root, no)
        self._kept.forget(tracker.name, marker)
        return True

    def _refuse(self, tracker: Tracker, root: str, no: NotTaken) -> bool:
        self._refused[tracker.name, root] = self._clock() + REFUSED_SECONDS
        self._trouble(tracker, str(no))
        return False

    def _rest(self, tracker: Tracker, why: str, seconds: float | None) -> None:
        _, last = self._rests.get(tracker.name, (0.0, 0.0))
        if seconds is None:
            seconds = min(max(2 * last, REST_SECONDS_MIN), REST_SECONDS_MAX)
        self._rests[tracker.name] = (self._clock() + seconds, seconds)
        self._trouble(tracker, why)

    def _tickets(self, tracker: Tracker) -> Tickets:
        if self._client is None:
            import httpx  # late: most servers open no tickets

            self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False)
        return _KINDS[tracker.kind](tracker, self._client)

    def _trouble(self, tracker: Tracker, says: str) -> None:
        if self._said.get(tracker.name) != says:
            self._said[tracker.name] = says
            self._on_trouble(says)


def _wants(tracker: Tracker, cause: Cause) -> bool:
    """Whether a tracker gets a ticket for a cause."""
    if cause.severity and cause.severity not in tracker.severities:
        return False
    return not tracker.environments or bool({*tracker.environments} & {*cause.environments})


_KINDS: Final[Mapping[str, Callable[[Tracker, httpx.Client], Tickets]]] = {
    "github": GitHub,
    "gitlab": GitLab,
    "jira": Jira,
}

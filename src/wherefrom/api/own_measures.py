"""What a server measures of itself, until it is recorded: counts and histograms of a few minutes.

    questions passed on, records that came ──counted──► OwnMeasures ──take──► formats.measures

Source: docs/formats/measures.md
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from wherefrom.api.access import NotAuthenticated
from wherefrom.api.problem_object import STATUSES
from wherefrom.errors import Error
from wherefrom.formats.measures import EDGES_MS, Measures, Queries, Records, Verified, Visible, slot

if TYPE_CHECKING:
    from wherefrom.api.records import Intake

Handler = Callable[[Request], Awaitable[Response]]
# What checks the evidence of things: for people, for admission controllers, and for gates.
_VERIFYING: Final = ("/v1/verify/", "/v1/decide", "/v1/gate")
_QUESTIONS: Final = "/v1/"
_FAULT: Final = 500


class OwnMeasures:
    """Counts; one event loop's."""

    def __init__(self) -> None:
        self._forget()
        # Is told whenever records were acknowledged.
        self.on_recorded: Callable[[], None] = lambda: None

    def timed(self, handler: Handler) -> Handler:
        """The handler of a question, timed."""
        return _timed(handler, self.answered)

    def gated(self, handler: Handler) -> Handler:
        """The handler of a gate, timed: it verifies as questions do, and signs what it answers."""
        return _timed(handler, self.checked)

    def follow(self, intake: Intake) -> None:
        """Count also what becomes of records."""
        before = intake.on_outcome

        def on_outcome(status: str, code: str | None, number: int) -> None:
            before(status, code, number)
            self._became[status] += number
            if status == "recorded":
                self.on_recorded()

        intake.on_outcome = on_outcome

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a question that was answered."""
        if not path.startswith(_QUESTIONS):
            return
        self._asked += 1
        self._failed += status >= _FAULT
        self._took[slot(seconds * 1_000)] += 1
        if path.startswith(_VERIFYING):
            self.checked(path, status, seconds)

    def checked(self, path: str, status: int, seconds: float) -> None:
        """Count an answer about evidence, whatever it says."""
        self._verified += 1
        self._unverified += status >= _FAULT
        self._verifying[slot(seconds * 1_000)] += 1

    def seen(self, seconds: float) -> None:
        """Count a record that stands in every view, so long after it was acknowledged."""
        self._seen[slot(seconds * 1_000)] += 1

    def take(
        self, *, since: str, until: str, storage: dict[str, int], free: int | None
    ) -> Measures | None:
        """What was counted, and count from nothing again; None if it was nothing."""
        if not self._asked and not self._became and not self._verified:
            return None
        said = Measures(
            since=since,
            until=until,
            queries=Queries(count=self._asked, errors=self._failed, le_ms=_told(self._took)),
            records=Records(
                recorded=self._became["recorded"],
                known=self._became["known"],
                refused=self._became["refused"],
            ),
            visible=Visible(count=sum(self._seen), le_ms=_told(self._seen)),
            verified=Verified(
                count=self._verified, failed=self._unverified, le_ms=_told(self._verifying)
            ),
            storage=storage,
            free=free,
        )
        self._forget()
        return said

    def _forget(self) -> None:
        self._asked = self._failed = self._verified = self._unverified = 0
        self._became: Counter[str] = Counter()
        self._took = [0] * (len(EDGES_MS) + 1)
        self._seen = [0] * (len(EDGES_MS) + 1)
        self._verifying = [0] * (len(EDGES_MS) + 1)


def _timed(handler: Handler, count: Callable[[str, int, float], None]) -> Handler:
    """A handler whose answers are counted: path, status, seconds."""

    async def run(request: Request) -> Response:
        began, status = time.perf_counter(), _FAULT
        try:
            response = await handler(request)
            status = response.status_code
            return response
        except Exception as error:
            status = _status_of(error)
            raise
        finally:
            count(request.url.path, status, time.perf_counter() - began)

    return run


def _status_of(error: Exception) -> int:
    """What is answered further out: whoever may not ask, or left, is no fault of ours."""
    if isinstance(error, Error):
        return STATUSES.get(error.code, _FAULT)
    if isinstance(error, NotAuthenticated):
        return 401
    return 400 if isinstance(error, ClientDisconnect) else _FAULT


def _told(histogram: list[int]) -> list[int]:
    return list(histogram) if any(histogram) else []

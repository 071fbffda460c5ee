"""Series of a Prometheus, read when somebody asks: nothing of it is kept.

    window ──► pieces of POINTS_MAX steps ──► GET /api/v1/query_range, a query a metric ──► Series

A Prometheus that is down, slow or refuses a query is told with the query that it was asked; the
question fails rather than being answered from half of the metrics.

Sizes:  an answer RESPONSE_BYTES_MAX, whole within ANSWER_TIMEOUTS_MAX × timeout_s
        a window POINTS_OF_A_WINDOW steps, longer steps beyond
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherefrom.errors import Refused, Unavailable
from wherefrom.formats import promql
from wherefrom.formats.promql import Result
from wherefrom.formats.series import Series
from wherefrom.formats.series_settings import Prometheus
from wherefrom.formats.timestamps import of_posix

if TYPE_CHECKING:
    import httpx

RESPONSE_BYTES_MAX: Final = 64 * 1024 * 1024
ANSWER_TIMEOUTS_MAX: Final = 10
POINTS_OF_A_WINDOW: Final = 1_440


def step_of(settings: Prometheus, since: float, until: float) -> int:
    """How far two samples lie apart: as it is set, or a multiple of it for a long window."""
    fits = math.ceil((until - since) / settings.step_s / POINTS_OF_A_WINDOW)
    return settings.step_s * max(fits, 1)


def series_of(
    settings: Prometheus, *, since: float, until: float, slow_ms: float, folder: Path
) -> list[Series]:
    """Everything that was measured from ``since`` to ``until``, seconds since 1970.

    folder  where ``bearer_file`` lies, unless its path is absolute

    Raises Unavailable, also for settings that will not do and an answer that is none: whoever asks
    can mend neither.
    """
    step = step_of(settings, since, until)
    # Steps fall on the same moments whoever asks, so two windows agree where they overlap.
    first, last = math.ceil(since / step) * step, math.floor(until / step) * step
    found: list[Series] = []
    if first > last:
        return found
    with _client(settings, folder) as client:
        for group in settings.groups:
            asked = promql.queries(
                group, step_s=step, range_s=max(settings.range_s or step, step),
                match=settings.match, slow_ms=slow_ms,
            )  # fmt: skip
            answers = {
                metric: list(_ask(client, query, first, last, step))
                for metric, query in asked.items()
            }
            info: list[Result] = []
            if settings.info and promql.wants_info(group):
                query = promql.info_query(group, settings.info, match=settings.match)
                info = list(_ask(client, query, first, last, step))
            found += promql.assemble(group, answers, info)
    return found


def values_at(
    settings: Prometheus, queries: Sequence[str], *, at: float, folder: Path
) -> list[list[Result]]:
    """What each query says at a moment, seconds since 1970. Raises as ``series_of``."""
    moment = int(at)
    with _client(settings, folder) as client:
        return [list(_ask(client, query, moment, moment, settings.step_s)) for query in queries]


@contextmanager
def _client(settings: Prometheus, folder: Path) -> Iterator[httpx.Client]:
    import httpx  # late: a server that is asked nothing of the kind does without

    headers = {"Accept": "application/json"}
    if settings.bearer_file:
        headers["Authorization"] = f"Bearer {_token(folder / settings.bearer_file)}"
    try:
        client = httpx.Client(
            base_url=settings.url.rstrip("/"), headers=headers, timeout=settings.timeout_s
        )
    except httpx.InvalidURL as error:
        # Not shown: there may be a password in it.
        raise Unavailable(
            "not the address of a Prometheus", expected="http://HOST:PORT or https://…",
            do="See prometheus.url in series.json",
        ) from error  # fmt: skip
    with client:
        yield client


def _token(path: Path) -> str:
    named = "prometheus.bearer_file in series.json names it"
    try:
        token = path.read_bytes().decode("utf-8").strip()
    except (OSError, ValueError) as error:
        raise Unavailable(
            "the token for Prometheus cannot be read", where=str(path), got=str(error), do=named
        ) from error
    # Else what refuses the header would show it.
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise Unavailable(
            "not a token for Prometheus", where=str(path), do=named,
            expected="one line of ASCII without a blank",
        )  # fmt: skip
    return token


def _ask(client: httpx.Client, query: str, first: int, last: int, step: int) -> Iterator[Result]:
    """The answer, in pieces of as many points as a Prometheus gives at once."""
    reach = (promql.POINTS_MAX - 1) * step
    for begin in range(first, last + 1, reach + step):
        end = min(begin + reach, last)
        asked: dict[str, str | int] = {"query": query, "start": begin, "end": end, "step": step}
        try:
            yield from promql.parse(_body(client, asked), where=query)
        except Refused as error:
            raise Unavailable(
                error.what, where=error.where, expected=error.expected, got=error.got,
                do=error.do or "Is prometheus.url in series.json right?",
            ) from error  # fmt: skip


def _body(client: httpx.Client, asked: dict[str, str | int]) -> bytes:
    import httpx

    base = client.base_url.copy_with(username=None, password=None)
    where = f"{str(base).rstrip('/')}/api/v1/query_range"
    shown = f"{asked['query']} from {of_posix(int(asked['start']))}"
    body = bytearray()
    ends = time.monotonic() + ANSWER_TIMEOUTS_MAX * (client.timeout.read or 0)
    try:
        # In the body: a query with many labels is longer than some take in an address.
        with client.stream("POST", "api/v1/query_range", data=asked) as answer:
            for piece in answer.iter_bytes():
                body += piece
                if time.monotonic() > ends:
                    raise Unavailable(
                        "Prometheus does not come to an end", where=where, got=shown,
                        expected=f"an answer within {ANSWER_TIMEOUTS_MAX} × prometheus.timeout_s",
                        do="Raise timeout_s in series.json, or ask for fewer series",
                    )  # fmt: skip
                if len(body) > RESPONSE_BYTES_MAX:
                    raise Unavailable(
                        "Prometheus answers with too much", where=where, got=shown,
                        expected=f"{RESPONSE_BYTES_MAX} bytes", do="Ask for a shorter window",
                    )  # fmt: skip
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unavailable(
            "Prometheus does not answer", where=where, got=str(error) or type(error).__name__,
            do="Is prometheus.url in series.json right, and may it take prometheus.timeout_s?",
        ) from error  # fmt: skip
    if answer.status_code in (401, 403):
        raise Unavailable(
            "Prometheus wants a token", where=where, got=f"HTTP {answer.status_code}",
            do="Name a file that holds one: prometheus.bearer_file in series.json",
        )  # fmt: skip
    if answer.status_code != 200:
        raise Unavailable(
            "Prometheus refuses a query", where=where, expected=shown,
            got=f"HTTP {answer.status_code}: {promql.error_of(bytes(body))}",
            do="See the templates in series.json, prometheus.groups",
        )  # fmt: skip
    return bytes(body)

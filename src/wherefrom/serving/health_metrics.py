"""The indicators of health as gauges: asked at most once a minute, and only while somebody scrapes.

    a scrape ──"now"──► a shared page ──► the watch: desk.health.now ──► gauges ──► the next scrape

One gauge for each indicator, in base units: of everything, of each environment, of each kind. What
is not known has no sample.

Sizes:  ENVIRONMENTS_MAX environments and KINDS_MAX kinds of each, the worst first
Source: docs/health.md (the indicators); docs/metrics.md
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from wherefrom.api.exposition import Family, Point
from wherefrom.errors import Error
from wherefrom.query.health.answers import Health, Indicator
from wherefrom.serving.page import SharedPage

EVERY_SECONDS: Final = 60.0
WANTED_SECONDS: Final = 300.0
ENVIRONMENTS_MAX: Final = 20
KINDS_MAX: Final = 40
_LOOK_EVERY_SECONDS: Final = 1.0
_DAY_SECONDS: Final = 86_400.0
_PREFIX: Final = "wherefrom_health_"


class _Named(NamedTuple):
    """What a gauge is called after the prefix, its unit, how many of it one of the answer's unit
    is, and what it says."""

    name: str
    unit: str
    factor: float
    says: str


NAMED: Final = {
    "N1": _Named("coverage_ratio", "ratio", 1, "Artifacts with a whole, trusted chain, of all"),
    "N2": _Named("freshness_seconds", "seconds", 1, "From an event to its record, half of them"),
    "N3": _Named("query_latency_seconds", "seconds", 0.001, "Questions, 95 of 100 within"),
    "N4": _Named("integrity_failures", "", 1, "Signatures and checksums that failed"),
    "N5": _Named("gap_ratio", "ratio", 1, "Expected by the catalogue, and late or never come"),
    "N6": _Named(
        "storage_growth_bytes_per_second", "bytes_per_second", 1 / _DAY_SECONDS,
        "How fast the log grows",
    ),
    "N7": _Named("false_alerts_ratio", "ratio", 1, "Alerts marked false, of all"),
    "N8": _Named("root_cause_seconds", "seconds", 1, "From an incident to its explanation"),
    "N9": _Named("query_errors_ratio", "ratio", 1, "Questions answered with a failure, of all"),
    "N10": _Named("enforcement_ratio", "ratio", 1, "Blocked by gates and clusters, of all asked"),
    "N11": _Named("verified_ratio", "ratio", 1, "Signed by somebody known, of all that should be"),
    "N12": _Named("redaction_failures", "", 1, "Sensitive data that was found in records"),
    "N13": _Named("reproduction_seconds", "seconds", 1, "Building something again"),
    "N14": _Named("verification_seconds", "seconds", 0.001, "Verifying an attestation"),
    "N15": _Named("aliases_ratio", "ratio", 1, "Other names, of all things that are named"),
    "N16": _Named("clock_skew", "", 1, "Records dated in the future"),
    "N17": _Named("sbom_coverage_ratio", "ratio", 1, "Artifacts with an SBOM that counts, of all"),
    "N18": _Named("signed_changes_ratio", "ratio", 1, "Changes of settings that were signed"),
}  # fmt: skip


class HealthMetrics:
    """The gauges, as of the answer that was taken last."""

    def __init__(self) -> None:
        self._families: list[Family] = []

    def families(self) -> list[Family]:
        """The gauges; none before the first answer."""
        return self._families

    def take(self, health: Health) -> None:
        """Show what this answer says."""
        known = [one for one in health.indicators if one.id in NAMED]
        self._families = [
            *(_family(one) for one in known),
            Family(
                f"{_PREFIX}met", "1 if an indicator meets its target, 0 if not", "gauge", "",
                [
                    Point(f"{_PREFIX}met", {"indicator": one.name}, float(one.met))
                    for one in known
                    if one.met is not None
                ],
            ),
            Family(
                f"{_PREFIX}log_size", "The log size that the indicators are of", "gauge", "",
                [Point(f"{_PREFIX}log_size", {}, float(health.as_of))],
            ),
        ]  # fmt: skip


def _family(one: Indicator) -> Family:
    named = NAMED[one.id]
    name = _PREFIX + named.name
    points = [
        Point(name, labels, value * named.factor)
        for labels, value in _values(one)
        if value is not None
    ]
    return Family(name, named.says, "gauge", named.unit, points)


def _values(one: Indicator) -> Iterator[tuple[dict[str, str], float | None]]:
    yield {"environment": "", "kind": ""}, one.value
    parts = [part for part in one.by if not part.service and not part.trust]
    environments = [part for part in parts if part.environment and not part.kind]
    kinds = [part for part in parts if part.kind and not part.environment]
    for part in (*environments[:ENVIRONMENTS_MAX], *kinds[:KINDS_MAX]):
        yield {"environment": part.environment, "kind": part.kind}, part.value


class Scraped:
    """When somebody scraped last, told from one process to another."""

    def __init__(self, page: SharedPage) -> None:
        self._page = page

    def note(self) -> None:
        """Just now."""
        self._page.write(repr(time.monotonic()).encode())  # one clock for the whole machine

    def lately(self) -> bool:
        """Whether anybody did in the last WANTED_SECONDS."""
        noted = self._page.read()
        return bool(noted) and time.monotonic() - float(noted) < WANTED_SECONDS


def keep_asking(
    asking: Callable[[], Callable[[], Health]],
    scraped: Scraped,
    metrics: HealthMetrics,
    *,
    on_trouble: Callable[[str], None],
) -> threading.Event:
    """Ask how healthy the evidence is, on a thread of its own, until what is given back is set.

    asking      gives what is asked, once it is wanted for the first time
    on_trouble  is told in a line why there is no answer, and not again for the same
    """
    ended = threading.Event()

    def run() -> None:
        ask: Callable[[], Health] | None = None
        asked, said = float("-inf"), ""
        while not ended.wait(_LOOK_EVERY_SECONDS):
            if scraped.lately() and time.monotonic() - asked >= EVERY_SECONDS:
                try:
                    ask = ask or asking()
                    metrics.take(ask())
                    asked, said = time.monotonic(), ""
                except (Error, OSError) as error:  # views that are not there yet
                    if str(error) != said:
                        said = str(error)
                        on_trouble(f"the gauges of health wait: {error}")

    threading.Thread(target=run, name="health", daemon=True).start()
    return ended

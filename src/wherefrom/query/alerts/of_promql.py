"""How much was bad in each window, by the queries of an objective: asked of a Prometheus.

errors ÷ total, of each window ──► by reality, then by window
total × its seconds, of long ones ──► likewise, if requests_min is said
"""

from __future__ import annotations

from pathlib import Path

from wherefrom.collect.prometheus import values_at
from wherefrom.errors import Unavailable
from wherefrom.formats.objectives import SPANS_S, Objective, window_name
from wherefrom.formats.prometheus_rules import filled, ratio_of, split_by
from wherefrom.formats.series_settings import SeriesSettings
from wherefrom.query.alerts.measuring import AskedRatios


def ratios(
    objective: Objective, settings: SeriesSettings, *, at: float, folder: Path
) -> AskedRatios:
    """The shares, and the requests of long windows where that matters.

    Raises Unavailable, also where no Prometheus is named.
    """
    asked = settings.prometheus
    if asked is None:
        raise Unavailable(
            "no Prometheus is named", where="series.json", expected="prometheus.url",
            do="Name the one that the queries are for, or give it the rules: "
            "wherefrom objectives rules",
        )  # fmt: skip
    ratio, labels = ratio_of(objective, settings), split_by(objective)
    splits: list[tuple[str, ...]] = [(), labels] if labels else [()]
    longs = [w.long_s for w in objective.windows if objective.requests_least(w)]
    wanted = [(seconds, by, True) for seconds in SPANS_S for by in splits]
    wanted += [(seconds, by, False) for seconds in longs for by in splits]
    queries = []
    for seconds, by, is_share in wanted:
        errors, total = (
            filled(query, window=window_name(seconds), by=by)
            for query in (ratio.errors, ratio.total)
        )
        queries.append(f"({errors}) / ({total})" if is_share else f"({total}) * {seconds}")
    shares: dict[str, dict[int, float | None]] = {}
    requests: dict[str, dict[int, float | None]] = {}
    for (seconds, by, is_share), results in zip(
        wanted, values_at(asked, queries, at=at, folder=folder), strict=True
    ):
        for result in results:
            reality = ",".join(result.labels.get(name, "") for name in by)
            if by and not reality.strip(","):
                continue
            for _, value in result.samples[-1:]:
                if value != value:  # nothing divided by nothing is no share
                    continue
                if is_share:
                    shares.setdefault(reality, {})[seconds] = min(max(value, 0.0), 1.0)
                else:
                    requests.setdefault(reality, {})[seconds] = value
    return AskedRatios(shares, requests)

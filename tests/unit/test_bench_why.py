"""The simulator of incidents: what instruments show of one shop agrees with itself."""

from __future__ import annotations

import pytest
from bench.why.simulate import simulate


def test_what_callers_count_together_is_what_the_service_counts() -> None:
    incident = simulate(75)
    assert incident.kind == "overload"  # one caller calls far more often than it did
    own: dict[str, float] = {}
    edges: dict[str, float] = {}
    for series in incident.case.series:
        if series.metric == "requests":
            of = edges if series.caller else own
            of[series.service] = of.get(series.service, 0.0) + sum(series.values)
    assert len(edges) > 5
    for service, called in edges.items():
        assert called == pytest.approx(own[service], rel=0.1), service

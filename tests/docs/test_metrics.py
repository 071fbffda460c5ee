"""docs/metrics.md against the program: every metric, its kind, its labels, and no other."""

from __future__ import annotations

import re
from typing import Any

from prometheus_client import CollectorRegistry

from tests.paths import REPOSITORY
from wherefrom.admission.metrics import GuardMetrics
from wherefrom.api.exposition import Family
from wherefrom.api.metrics import ReaderMetrics, WriterMetrics
from wherefrom.api.processes import process_families
from wherefrom.formats.grafana import expressions
from wherefrom.reporting.dashboards import dashboards
from wherefrom.serving.health_metrics import NAMED
from wherefrom.serving.metrics import FoldMetrics, WatchMetrics

PAGE = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(wherefrom_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", re.M)


def of_registry(registry: CollectorRegistry) -> dict[str, tuple[str, tuple[str, ...]]]:
    found = {}
    for metric in registry._collector_to_names:
        one: Any = metric
        suffix = {"counter": "_total", "info": "_info"}.get(one._type, "")
        labels = ("version",) if one._type == "info" else tuple(one._labelnames)
        found[one._name + suffix] = (one._type, labels)
    return found


def of_families(families: list[Family]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {
        one.name + ("_total" if one.kind == "counter" else ""): (
            one.kind, tuple(name for name in one.points[0].labels if name != "le")
        )
        for one in families
    }  # fmt: skip


def counted() -> dict[str, tuple[str, tuple[str, ...]]]:
    fold = FoldMetrics()
    fold.folded("graph", [fold._clock()], 1)
    fresh = [one for one in fold.families() if one.name == "wherefrom_freshness_seconds"]
    registries = [one().registry for one in (WriterMetrics, ReaderMetrics, WatchMetrics)]
    registries += [fold.registry, GuardMetrics().registry]
    gauges = {
        f"wherefrom_health_{one.name}": ("gauge", ("environment", "kind")) for one in NAMED.values()
    }
    gauges["wherefrom_health_met"] = ("gauge", ("indicator",))
    gauges["wherefrom_health_log_size"] = ("gauge", ())
    found = {name: said for one in registries for name, said in of_registry(one).items()}
    return found | gauges | of_families([*fresh, *process_families("writer")])


def test_every_metric_has_its_row_with_its_kind_and_labels_and_there_is_no_other_row() -> None:
    rows = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels, _ in ROW.findall(PAGE)
    }
    assert rows == counted()


def test_every_row_says_something() -> None:
    assert all(len(says) > 10 for *_, says in ROW.findall(PAGE))


def test_every_name_ends_as_openmetrics_has_it() -> None:
    for name, (kind, _) in counted().items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"_(ms|milliseconds|minutes|hours|days|kb|mb|percent)\b", name), name


def test_every_metric_that_a_dashboard_asks_for_stands_on_the_page() -> None:
    known = counted()
    for document in dashboards().values():
        for name in re.findall(r"\bwherefrom_\w+", " ".join(expressions(document))):
            family = re.sub(r"_(bucket|count|sum)$", "", name)
            assert name in known or known[family][0] == "histogram", name

"""Grafana's dashboards, as files that it imports: what is shown, in rows of panels.

    Panel…, rows ──dashboard──► {"uid", "title", "panels", "templating", "annotations", …}

Panels of a row stand beside each other, GRID columns in all, and rows below each other. Which
Prometheus is asked, and which of its jobs, is chosen on the page.

Source: grafana.com/docs/grafana, "Dashboard JSON model", schema version 41
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

SCHEMA_VERSION: Final = 41
GRID: Final = 24
# What every panel asks, and the one that keeps what was posted to Grafana itself.
_PROMETHEUS: Final = {"type": "prometheus", "uid": "${datasource}"}
_GRAFANA: Final = {"type": "grafana", "uid": "-- Grafana --"}
_TEXT: Final = "text"


class Query(NamedTuple):
    """One PromQL expression, and how each of its series is called (``{{label}}``).

    exemplar  show the traces of its buckets as well
    """

    expr: str
    legend: str = ""
    exemplar: bool = False


class Panel(NamedTuple):
    """One panel: ``kind`` as Grafana calls it (timeseries, stat, bargauge, text), ``unit`` too.

    says   what it shows, and when to worry; of a ``text`` panel all that it shows, in Markdown
    steps  from which value on it is of which colour, the first of ``None``
    stack  series lie on each other
    """

    title: str
    says: str
    queries: Sequence[Query] = ()
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    steps: Sequence[tuple[float | None, str]] = ((None, "green"),)
    stack: bool = False


class Row(NamedTuple):
    """Panels under one heading."""

    title: str
    panels: Sequence[Panel]


def dashboard(
    *,
    uid: str,
    title: str,
    says: str,
    rows: Iterable[Row],
    since: str,
    refresh: str,
    links: Mapping[str, str],
    numbers: Mapping[str, tuple[str, str]],
    tags: Sequence[str],
) -> dict[str, Any]:
    """The document.

    since    the time that it shows at first, as ``now-6h``
    refresh  how often it asks again, as ``30s``
    links    addresses by their names
    numbers  what may be typed in: label and first value, by the variable's name
    tags     of the annotations that are drawn over every panel, any of them
    """
    return {
        "uid": uid,
        "title": title,
        "description": says,
        "tags": ["wherefrom"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,  # one cross-hair over all panels
        "time": {"from": since, "to": "now"},
        "refresh": refresh,
        "timezone": "utc",
        "links": [_others(), *(_link(name, url) for name, url in links.items())],
        "templating": {"list": [*_chosen(), *(_typed(n, *said) for n, said in numbers.items())]},
        "annotations": {"list": [_drawn(tags)]},
        "panels": _laid_out(rows),
    }


def expressions(document: Mapping[str, Any]) -> list[str]:
    """Every PromQL expression of a dashboard."""
    return [target["expr"] for panel in document["panels"] for target in panel.get("targets", ())]


def _laid_out(rows: Iterable[Row]) -> list[dict[str, Any]]:
    laid: list[dict[str, Any]] = []
    below = 0
    for row in rows:
        place = {"x": 0, "y": below, "w": GRID, "h": 1}
        laid.append(
            {
                "id": len(laid) + 1, "type": "row", "title": row.title, "collapsed": False,
                "gridPos": place, "panels": [],
            }
        )  # fmt: skip
        below += 1
        beside = height = 0
        for panel in row.panels:
            if beside + panel.width > GRID:
                below, beside, height = below + height, 0, 0
            place = {"x": beside, "y": below, "w": panel.width, "h": panel.height}
            laid.append(_panel(panel, place, number=len(laid) + 1))
            beside, height = beside + panel.width, max(height, panel.height)
        below += height
    return laid


def _panel(panel: Panel, place: dict[str, int], *, number: int) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": number, "type": panel.kind, "title": panel.title, "gridPos": place
    }  # fmt: skip
    if panel.kind == _TEXT:
        return said | {"options": {"mode": "markdown", "content": panel.says}}
    return said | {
        "description": panel.says,
        "datasource": _PROMETHEUS,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "custom": {"stacking": {"mode": "normal"}, "fillOpacity": 20}
                if panel.stack
                else {},
                "thresholds": {
                    "mode": "absolute",
                    "steps": [{"value": value, "color": color} for value, color in panel.steps],
                },
            },
            "overrides": [],
        },
        "options": _options(panel.kind),
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _PROMETHEUS,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "exemplar": query.exemplar,
                "range": panel.kind == "timeseries",
                "instant": panel.kind != "timeseries",
            }
            for place, query in enumerate(panel.queries)
        ],
    }


def _options(kind: str) -> dict[str, Any]:
    if kind == "timeseries":
        return {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background"}


def _chosen() -> list[dict[str, Any]]:
    jobs = "label_values(wherefrom_build_info, job)"
    return [
        {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "job", "label": "Job", "type": "query", "datasource": _PROMETHEUS,
            "query": {"query": jobs, "refId": "job"}, "definition": jobs, "refresh": 2,
            "includeAll": True, "multi": True, "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
        },
    ]  # fmt: skip


def _typed(name: str, label: str, value: str) -> dict[str, Any]:
    return {
        "name": name, "label": label, "type": "textbox", "query": value,
        "current": {"text": value, "value": value},
    }  # fmt: skip


def _drawn(tags: Sequence[str]) -> dict[str, Any]:
    return {
        "name": "changes", "datasource": _GRAFANA, "enable": True, "iconColor": "blue",
        "target": {"type": "tags", "tags": list(tags), "matchAny": True, "limit": 100},
    }  # fmt: skip


def _others() -> dict[str, Any]:
    return {
        "type": "dashboards", "title": "Wherefrom", "tags": ["wherefrom"], "asDropdown": False,
        "includeVars": True, "keepTime": True,
    }  # fmt: skip


def _link(name: str, url: str) -> dict[str, Any]:
    return {"type": "link", "title": name, "url": url, "targetBlank": True}

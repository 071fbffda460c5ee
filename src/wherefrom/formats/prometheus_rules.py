"""Rules for a Prometheus that say when an objective burns, of the same windows as we look at.

    Objective ──► slo:sli_error:ratio_rate5m … 3d, 30d     how much was bad, all and by reality
              ──► slo:objective:ratio, slo:error_budget:ratio, slo:current_burn_rate:ratio …
              ──► two alerts, page and ticket      each: (short and long), or (short and long)

Names and labels are Sloth's, so dashboards that are made for those show these too. Where an
objective is looked at by a label, each of its values is a series beside the one of all together,
``{reality="…"}``: a canary of a few percent that burns is not lost in the fleet.

``keep_firing_for`` keeps an alert that comes and goes; it needs Prometheus 2.42.

Source: Sloth, prometheus/v1 (examples/_gen/getting-started.yml); Prometheus, "Recording rules"
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from wherefrom.errors import Malformed
from wherefrom.formats.objectives import (
    BY,
    PAGE,
    SPANS_S,
    TICKET,
    WINDOW,
    Objective,
    Objectives,
    Ratio,
    window_name,
)
from wherefrom.formats.series_settings import GROUPS, SeriesSettings

_OWN_SERVICE: Final = "wherefrom"
_SLOTH_WINDOW: Final = "{{.window}}"
_SERVICE_LABEL: Final = "service_name"
_ENVIRONMENT_LABEL: Final = "deployment_environment_name"
_REALITY_LABEL: Final = "prov_reality_id"
_QUICK_S: Final = 300

Rule = dict[str, Any]


def to_yaml(
    said: Objectives, *, series: SeriesSettings, url: str = "", only: Sequence[str] = ()
) -> str:
    """The file of rules, for those objectives that a Prometheus can look at.

    series  how a service's series are asked for there
    url     where links lead; none without it
    only    the names of those that are wanted; all if empty

    Raises Malformed for a series that the settings have no query for.
    """
    import yaml

    groups = [
        group
        for one in said.objectives
        if (not only or one.name in only) and not one.indicator
        for group in groups_of(one, quiet=said.quiet, series=series, url=url)
    ]
    head = (
        "# Made of objectives.yaml by: wherefrom objectives rules\n"
        "# Needs Prometheus 2.42 or newer (keep_firing_for).\n"
    )
    return head + yaml.dump(
        {"groups": groups}, Dumper=_dumper(), sort_keys=False, width=1_000_000, allow_unicode=True
    )


def groups_of(
    one: Objective, *, quiet: str, series: SeriesSettings, url: str = ""
) -> list[dict[str, Any]]:
    """The three groups of one objective. Raises Malformed."""
    return [
        {"name": f"wherefrom-slo-{what}-{_id(one)}", "rules": rules}
        for what, rules in (
            ("sli-recordings", list(_recordings(one, ratio_of(one, series)))),
            ("meta-recordings", list(_about(one))),
            ("alerts", [_alert(one, severity, quiet, url) for severity in (PAGE, TICKET)]),
        )
    ]


def ratio_of(one: Objective, series: SeriesSettings) -> Ratio:
    """What to ask a Prometheus for an objective. Raises Malformed."""
    if one.promql is not None:
        return one.promql
    asked = series.prometheus
    groups = asked.groups if asked is not None else GROUPS
    bad = "errors" if one.series == "errors" else "slow"
    group = next((g for g in groups if bad in g.metrics and "requests" in g.metrics), None)
    if group is None:
        raise Malformed(
            "no query says what is bad", where=one.name, expected=f"requests and {bad}",
            do="Add it to prometheus.groups in series.json, or write the objective as promql",
        )  # fmt: skip
    match = ",".join(filter(None, (asked.match if asked else "", _matchers(one))))
    said = {
        "$by": BY, "$match": match, "$range": WINDOW, "$step": WINDOW, "$every": "1",
        "$slow": f"{series.slow_ms / 1000:g}",
    }  # fmt: skip

    def filled(template: str) -> str:
        for name, text in said.items():
            if name != text:
                template = template.replace(name, text)
        return template

    errors, total = filled(group.metrics[bad]), filled(group.metrics["requests"])
    # What never failed has no series of failures, and is no less good for that.
    return Ratio(errors=f"({errors}) or 0 * ({total})", total=total)


def filled(query: str, *, window: str, by: Sequence[str] = ()) -> str:
    """A query for one window, split by labels."""
    text = query.replace(_SLOTH_WINDOW, window).replace(WINDOW, window)
    return text.replace(BY, ", ".join(by))


def split_by(one: Objective) -> tuple[str, ...]:
    """The labels that a query of it is split by, as the Prometheus has them."""
    if one.series:
        return tuple(one.matched_by.get(name, _REALITY_LABEL) for name in one.by)
    return one.by


def _matchers(one: Objective) -> str:
    service = one.matched_by.get("service", _SERVICE_LABEL)
    said = f"{service}={_quoted(one.service)}"
    if one.environment:
        label = one.matched_by.get("environment", _ENVIRONMENT_LABEL)
        said += f",{label}={_quoted(one.environment)}"
    return said


def _recordings(one: Objective, ratio: Ratio) -> Iterator[Rule]:
    for seconds in SPANS_S:
        window = window_name(seconds)
        expr = _share(ratio, window)
        if one.by:
            expr = f"(\n{_inset(expr)}\n)\nor\n(\n{_inset(_by_reality(one, ratio, window))}\n)"
        yield {
            "record": f"slo:sli_error:ratio_rate{window}",
            "expr": f"{expr}\n",
            "labels": {**_labels(one), "sloth_window": window},
        }
    period = window_name(one.period_s)
    quick = f"slo:sli_error:ratio_rate{window_name(_QUICK_S)}{_selector(one)}[{period}]"
    yield from _counts(one, ratio)
    yield {
        "record": f"slo:sli_error:ratio_rate{period}",
        "expr": f"sum_over_time({quick})\n/ ignoring (sloth_window)\ncount_over_time({quick})\n",
        "labels": {**_labels(one), "sloth_window": period},
    }


def _counts(one: Objective, ratio: Ratio) -> Iterator[Rule]:
    """How many requests there were in long windows, where that matters; a total is a rate."""
    for windows in one.windows:
        if not one.requests_least(windows):
            continue
        window = window_name(windows.long_s)
        expr = f"({filled(ratio.total, window=window)})\n* {windows.long_s}"
        if one.by:
            each = _named(
                one, f"({filled(ratio.total, window=window, by=split_by(one))})\n* {windows.long_s}"
            )
            expr = f"(\n{_inset(expr)}\n)\nor\n(\n{_inset(each)}\n)"
        yield {
            "record": f"slo:sli_total:count{window}",
            "expr": f"{expr}\n",
            "labels": {**_labels(one), "sloth_window": window},
        }


def _share(ratio: Ratio, window: str, by: Sequence[str] = ()) -> str:
    errors, total = (filled(q, window=window, by=by) for q in (ratio.errors, ratio.total))
    return f"({errors})\n/\n({total})"


def _by_reality(one: Objective, ratio: Ratio, window: str) -> str:
    """The same by each reality."""
    return _named(one, _share(ratio, window, split_by(one)))


def _named(one: Objective, expr: str) -> str:
    """What is split, under the label ``reality`` whatever it is called there."""
    labels = split_by(one)
    for name, label in zip(one.by, labels, strict=True):
        if name != label:
            expr = f'label_replace(\n{_inset(expr)},\n  "{name}", "$1", "{label}", "(.+)"\n)'
    renamed = [label for name, label in zip(one.by, labels, strict=True) if name != label]
    if renamed:
        expr = f"max without ({', '.join(renamed)}) (\n{_inset(expr)}\n)"
    return expr


def _about(one: Objective) -> Iterator[Rule]:
    quick, period = window_name(_QUICK_S), window_name(one.period_s)
    labels, selector = _labels(one), _selector(one)
    objective = _number(one.target / 100)
    budget = (
        f"/ on(sloth_id, sloth_slo, sloth_service) group_left\nslo:error_budget:ratio{selector}\n"
    )
    for record, expr in (
        ("slo:objective:ratio", f"vector({objective})"),
        ("slo:error_budget:ratio", f"vector(1-{objective})"),
        ("slo:time_period:days", f"vector({one.period_s // 86_400})"),
        ("slo:current_burn_rate:ratio", f"slo:sli_error:ratio_rate{quick}{selector}\n{budget}"),
        ("slo:period_burn_rate:ratio", f"slo:sli_error:ratio_rate{period}{selector}\n{budget}"),
        ("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{selector}"),
    ):  # fmt: skip
        yield {"record": record, "expr": expr, "labels": labels}
    yield {
        "record": "sloth_slo_info",
        "expr": "vector(1)",
        "labels": {
            **labels, "sloth_mode": "wherefrom", "sloth_objective": _number(one.target),
            "sloth_spec": "prometheus/v1",
        },
    }  # fmt: skip


def _alert(one: Objective, severity: str, quiet: str, url: str) -> Rule:
    selector = _selector(one)
    parts = []
    for windows in one.windows:
        if windows.severity == severity:
            bound = f"({_number(windows.factor(one.period_s))} * {_number(one.budget)})"
            short, long = (
                f"slo:sli_error:ratio_rate{window_name(seconds)}{selector}"
                for seconds in (windows.short_s, windows.long_s)
            )
            if least := one.requests_least(windows):
                came = f"slo:sli_total:count{window_name(windows.long_s)}{selector}"
                long += f" * clamp_max({came} / {least}, 1)"
            short, long = (
                f"    max({share} > {bound}) without (sloth_window)" for share in (short, long)
            )
            parts.append(f"(\n{short}\n    and\n{long}\n)")
    labels = {"severity": severity, "sloth_severity": severity}
    if one.environment:
        labels["environment"] = one.environment
    annotations = {
        "summary": one.description or f"{one.name}: what may fail is used up too fast",
        "title": f"({severity}) {{{{$labels.sloth_service}}}} {{{{$labels.sloth_slo}}}} SLO error"
        " budget burn rate is too fast.",
    }
    if url and one.service:
        place = f"{quote(one.environment or '-', safe='')}/{quote(one.service, safe='')}"
        annotations["wherefrom"] = f"{url.rstrip('/')}/services/{place}"
    return {
        "alert": one.alert or _camel(one.name),
        "expr": "\nor\n".join(parts) + "\n",
        "keep_firing_for": quiet,
        "labels": {**labels, "service": _service(one), **one.labels},
        "annotations": {**annotations, **one.annotations},
    }


def _labels(one: Objective) -> dict[str, str]:
    return {
        **one.labels, "sloth_id": _id(one), "sloth_service": _service(one), "sloth_slo": one.name,
    }  # fmt: skip


def _selector(one: Objective) -> str:
    return (
        f'{{sloth_id="{_id(one)}", sloth_service={_quoted(_service(one))}, sloth_slo="{one.name}"}}'
    )


def _service(one: Objective) -> str:
    return one.service or _OWN_SERVICE


def _id(one: Objective) -> str:
    return f"{_plain(_service(one))}-{one.name}"


def _plain(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "-" for c in text)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-")) + "Burns"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _inset(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _dumper() -> Any:
    """Texts of several lines as such: a rule is read by people too."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper

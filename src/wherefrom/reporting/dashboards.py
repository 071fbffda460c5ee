"""The three dashboards: what an owner, whoever is on call, and whoever looks closely want to see.

Every expression is of metrics that docs/metrics.md lists, of the jobs that are chosen on the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from wherefrom.formats.grafana import Panel, Query, Row, dashboard

TAGS: Final = ("wherefrom",)
_JOB: Final = 'job=~"$job"'
_REFUSED: Final = 'status="refused"'
_DENIED: Final = 'decision="denied"'
_COVERAGE: Final = "wherefrom_health_coverage_ratio"
_GAPS: Final = "wherefrom_health_gap_ratio"
_ALL: Final = 'environment="", kind=""'
_ENVIRONMENTS: Final = 'environment!="", kind=""'
_KINDS: Final = 'environment="", kind!=""'
_MISSED: Final = f"count(wherefrom_health_met{{{_JOB}}} == 0) or vector(0)"
_SHARE: Final = ((None, "red"), (0.9, "yellow"), (0.99, "green"))
_RED: Final = ((None, "green"), (1.0, "red"))
_YES: Final = ((None, "red"), (1.0, "green"))


def dashboards(url: str = "") -> dict[str, dict[str, Any]]:
    """Each dashboard by the name of its file. ``url`` is where people reach the server, if any."""
    links = {"The log": f"{url.rstrip('/')}/log", "Search": f"{url.rstrip('/')}/"} if url else {}
    return {
        "executive": dashboard(
            uid="wherefrom-executive",
            title="Wherefrom: how good our evidence is",
            says="Enforcement, integrity, storage and its cost",
            rows=_executive(),
            since="now-30d",
            refresh="5m",
            links=links,
            tags=TAGS,
            numbers={"price": ("Price of a gigabyte, a month", "0.1")},
        ),
        "on-call": dashboard(
            uid="wherefrom-on-call",
            title="Wherefrom: on call",
            says="Whether answers are there, fresh and right",
            rows=_on_call(url),
            since="now-6h",
            refresh="30s",
            links=links,
            tags=TAGS,
            numbers={},
        ),
        "debug": dashboard(
            uid="wherefrom-debug",
            title="Wherefrom: close up",
            says="Each step of the road, and what each process uses",
            rows=_debug(url),
            since="now-1h",
            refresh="10s",
            links=links,
            tags=TAGS,
            numbers={},
        ),
    }


def _of(name: str, *conditions: str) -> str:
    return f"{name}{{{', '.join((_JOB, *conditions))}}}"


def _rate(name: str, *conditions: str) -> str:
    return f"rate({_of(name, *conditions)}[$__rate_interval])"


def _grown(name: str, *conditions: str) -> str:
    return f"increase({_of(name, *conditions)}[$__range])"


def _quantile(q: float, name: str, *by: str) -> str:
    labels = ", ".join(("le", *by))
    return f"histogram_quantile({q}, sum by ({labels}) ({_rate(name + '_bucket')}))"


def _quantiles(name: str, *, exemplar: bool = True) -> list[Query]:
    return [
        Query(_quantile(0.5, name), "half"),
        Query(_quantile(0.99, name), "99 of 100", exemplar),
    ]


def _stat(title: str, says: str, query: str, **changes: Any) -> Panel:
    return Panel(title, says, [Query(query)], kind="stat", width=4, height=4)._replace(**changes)


# -- the owner's


def _executive() -> Sequence[Row]:
    refused = _grown("wherefrom_records_total", 'code="bad_signature"')
    denied = f"sum({_grown('wherefrom_gate_decisions_total', _DENIED)})"
    asked = f"sum({_grown('wherefrom_gate_decisions_total')})"
    bytes_now = f"sum({_of('wherefrom_storage_bytes')})"
    return [
        Row(
            "How good the evidence is",
            [
                _stat(
                    "Targets missed",
                    "Indicators that do not meet their target: wherefrom health",
                    _MISSED,
                    steps=_RED,
                ),
                Panel(
                    "Coverage by environment",
                    "Artifacts with a whole, trusted chain, of all; 99 in 100 is the target",
                    [Query(_of(_COVERAGE, _ENVIRONMENTS), "{{environment}}")],
                    kind="bargauge",
                    unit="percentunit",
                    width=6,
                    steps=_SHARE,
                ),
                Panel(
                    "Coverage by kind",
                    "The same, by what kind of thing it is",
                    [Query(_of(_COVERAGE, _KINDS), "{{kind}}")],
                    kind="bargauge",
                    unit="percentunit",
                    width=6,
                    steps=_SHARE,
                ),
                Panel(
                    "Over time",
                    "Coverage, what is verified, and what came that the catalogue expects",
                    [
                        Query(_of(_COVERAGE, _ALL), "coverage"),
                        Query(_of("wherefrom_health_verified_ratio", _ALL), "verified"),
                        Query(f"1 - {_of(_GAPS, _ALL)}", "came as expected"),
                    ],
                    unit="percentunit",
                ),
            ],
        ),
        Row(
            "In production",
            [
                _stat(
                    "Artifacts that run without proof",
                    "They run where a policy is in force that denies them. Each should have been "
                    "turned away, or has lost its proof since: wherefrom policy status",
                    f"sum({_of('wherefrom_watch_denied_artifacts')}) or vector(0)",
                    steps=_RED,
                    width=6,
                ),
                _stat(
                    "Bad signatures",
                    "Records whose signature failed under a key that is known; none in 90 days is "
                    "what one wants",
                    f"sum({refused}) or vector(0)",
                    steps=_RED,
                    width=6,
                ),
                _stat(
                    "The log is whole",
                    "1 while the log signs; 0 once damage or a failed disk has stopped it",
                    f"1 - max({_of('wherefrom_log_stopped')})",
                    steps=_YES,
                    width=6,
                ),
                _stat(
                    "Blocked of attempted",
                    "Denied by the gate, of all it decided; more than one in twenty is a policy "
                    "that is too strict, or a pipeline that is broken",
                    f"{denied} / ({asked} > 0)",
                    unit="percentunit",
                    width=6,
                    steps=((None, "green"), (0.05, "yellow"), (0.2, "red")),
                ),
            ],
        ),
        Row(
            "Integrity and enforcement over time",
            [
                Panel(
                    "Artifacts that run without proof",
                    "By environment",
                    [Query(_of("wherefrom_watch_denied_artifacts"), "{{environment}}")],
                ),
                Panel(
                    "Records refused",
                    "By the reason, an hour each",
                    [
                        Query(
                            "sum by (code) (increase("
                            + _of("wherefrom_records_total", _REFUSED)
                            + "[1h]))",
                            "{{code}}",
                        )
                    ],
                    stack=True,
                ),
                Panel(
                    "Decisions",
                    "Of the gate and of admission in clusters, an hour each",
                    [
                        Query(
                            "sum by (decision) (increase("
                            + _of("wherefrom_gate_decisions_total")
                            + "[1h]))",
                            "gate: {{decision}}",
                        ),
                        Query(
                            "sum by (decision) (increase("
                            'wherefrom_admission_reviews_total{webhook="validate"}[1h]))',
                            "admission: {{decision}}",
                        ),
                    ],
                    stack=True,
                ),
            ],
        ),
        Row(
            "Storage",
            [
                _stat("Held", "Bytes of the data directory", bytes_now, unit="bytes"),
                _stat(
                    "A month costs",
                    "At the price that is typed in above",
                    f"{bytes_now} / 1e9 * $price",
                    unit="currencyUSD",
                ),
                _stat(
                    "In 30 days",
                    "If it grows as it did in the last week",
                    f"sum(predict_linear({_of('wherefrom_storage_bytes')}[7d], 30 * 86400))",
                    unit="bytes",
                ),
                Panel(
                    "By folder",
                    "The journal is the truth; views, indexes and tiles can be made again",
                    [Query(_of("wherefrom_storage_bytes"), "{{folder}}")],
                    unit="bytes",
                    width=12,
                    stack=True,
                ),
            ],
        ),
    ]


# -- whoever is on call


def _on_call(url: str) -> Sequence[Row]:
    ours = 'code!~"not_found|ambiguous|malformed|limit|not_allowed|not_authenticated"'
    errors = f"sum({_rate('wherefrom_question_errors_total', ours)})"
    asked = f"sum({_rate('wherefrom_question_seconds_count')})"
    return [
        Row(
            "Now",
            [
                _stat("Up", "Servers that answer the scrape", f"sum(up{{{_JOB}}})", steps=_YES),
                _stat(
                    "Answers",
                    "1 if questions are answered",
                    f"min({_of('wherefrom_reader_up')})",
                    steps=_YES,
                ),
                _stat(
                    "The log is whole",
                    "0 once it takes nothing more until a restart",
                    f"1 - max({_of('wherefrom_log_stopped')})",
                    steps=_YES,
                ),
                _stat(
                    "Behind",
                    "How old the oldest record is that no answer shows yet",
                    f"max({_of('wherefrom_view_unread_seconds')})",
                    unit="s",
                    steps=((None, "green"), (5.0, "yellow"), (60.0, "red")),
                ),
                _stat(
                    "Questions that fail",
                    "Of all; what is not there, or asked wrongly, does not count",
                    f"({errors} or vector(0)) / ({asked} > 0)",
                    unit="percentunit",
                    steps=((None, "green"), (0.001, "yellow"), (0.01, "red")),
                ),
                _stat(
                    "Run without proof",
                    "Artifacts that the policy in force denies",
                    f"sum({_of('wherefrom_watch_denied_artifacts')}) or vector(0)",
                    steps=_RED,
                ),
            ],
        ),
        Row(
            "Is it fresh",
            [
                Panel(
                    "Received to visible",
                    "99 of 100 records; one second is the goal",
                    [Query(_quantile(0.99, "wherefrom_freshness_seconds", "view"), "{{view}}")],
                    unit="s",
                ),
                Panel(
                    "Ingest",
                    "How long a sender waits for its acknowledgement",
                    _quantiles("wherefrom_record_seconds"),
                    unit="s",
                ),
                Panel(
                    "Records",
                    "A second, by what became of them",
                    [Query(f"sum by (status) ({_rate('wherefrom_records_total')})", "{{status}}")],
                    stack=True,
                ),
            ],
        ),
        Row(
            "Is it right, and in time",
            [
                Panel(
                    "Questions",
                    "95 of 100 are answered within",
                    [
                        Query(
                            _quantile(0.95, "wherefrom_question_seconds", "question"),
                            "{{question}}",
                            True,
                        )
                    ],
                    unit="s",
                ),
                Panel(
                    "Errors",
                    "A second, by question and code",
                    [
                        Query(
                            f"sum by (question, code) ({_rate('wherefrom_question_errors_total')})",
                            "{{question}}: {{code}}",
                        )
                    ],
                ),
                Panel(
                    "Refused",
                    "Records a second, by the reason",
                    [
                        Query(
                            "sum by (code) (" + _rate("wherefrom_records_total", _REFUSED) + ")",
                            "{{code}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "What runs, and who is told",
            [
                Panel(
                    "Artifacts that run without proof",
                    "By environment",
                    [Query(_of("wherefrom_watch_denied_artifacts"), "{{environment}}")],
                    width=6,
                ),
                Panel(
                    "Incomplete chains",
                    "Of what the catalogue expects, by environment and kind: wherefrom health "
                    "--explain gap-rate says whose they are",
                    [
                        Query(_of(_GAPS, _ENVIRONMENTS), "{{environment}}"),
                        Query(_of(_GAPS, _KINDS), "{{kind}}"),
                    ],
                    unit="percentunit",
                    width=6,
                ),
                Panel(
                    "Messages that wait",
                    "By receiver; what waits long is not taken",
                    [
                        Query(_of("wherefrom_notify_waiting"), "{{receiver}}"),
                        Query(
                            _of("wherefrom_notify_oldest_seconds"), "{{receiver}}: oldest, seconds"
                        ),
                    ],
                    width=6,
                ),
                Panel("Facts of a service, fastest", _ways(url), kind="text", width=6),
            ],
        ),
    ]


def _ways(url: str) -> str:
    at = url.rstrip("/")
    pages = f"[What runs]({at}/) · [The log]({at}/log)\n\n" if url else ""
    return (
        f"{pages}```\nwherefrom running prod/checkout\nwherefrom changes prod --since 2h\n"
        "wherefrom why --service checkout\nwherefrom trace IMAGE --up\n"
        "wherefrom policy status --environment prod\n```"
    )


# -- whoever looks closely


def _debug(url: str) -> Sequence[Row]:
    slow = (
        "wherefrom_verification_seconds",
        "wherefrom_journal_sync_seconds",
        "wherefrom_checkpoint_seconds",
    )
    verify, sync, sign = (
        [Query(_quantile(0.99, name), says)]
        for name, says in zip(
            slow,
            ("verify one record", "write and flush a batch", "sign and publish a batch"),
            strict=True,
        )
    )
    return [
        Row(
            "The door",
            [
                Panel(
                    "Requests",
                    "A second, by route",
                    [
                        Query(
                            "sum by (route) ("
                            + _rate("wherefrom_http_request_seconds_count")
                            + ")",
                            "{{route}}",
                        )
                    ],
                    stack=True,
                ),
                Panel(
                    "Time",
                    "99 of 100 requests of a route; points are traces",
                    [
                        Query(
                            _quantile(0.99, "wherefrom_http_request_seconds", "route"),
                            "{{route}}",
                            True,
                        )
                    ],
                    unit="s",
                ),
                Panel(
                    "Answers",
                    "A second, by the kind of status",
                    [
                        Query(
                            "sum by (status) ("
                            + _rate("wherefrom_http_request_seconds_count")
                            + ")",
                            "{{status}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "The road",
            [
                Panel("Steps", "99 of 100 are done within", [*verify, *sync, *sign], unit="s"),
                Panel(
                    "Batches",
                    "New records in a batch: half, and 99 of 100",
                    _quantiles("wherefrom_batch_records", exemplar=False),
                ),
                Panel(
                    "Under way",
                    "Records taken that are not answered yet",
                    [Query(_of("wherefrom_waiting_records"), "records")],
                ),
            ],
        ),
        Row(
            "Views and questions",
            [
                Panel(
                    "Folded",
                    "Entries a second, by view",
                    [Query(_rate("wherefrom_folded_entries_total"), "{{view}}")],
                ),
                Panel(
                    "Behind",
                    "Entries that a view still has to read",
                    [Query(_of("wherefrom_view_behind_entries"), "{{view}}")],
                ),
                Panel(
                    "Rounds",
                    "99 of 100 rounds of the fold and of the watch",
                    [
                        Query(_quantile(0.99, "wherefrom_fold_seconds"), "fold"),
                        Query(_quantile(0.99, "wherefrom_watch_round_seconds"), "watch"),
                    ],
                    unit="s",
                ),
                Panel(
                    "Questions",
                    "A second",
                    [
                        Query(
                            "sum by (question) (" + _rate("wherefrom_question_seconds_count") + ")",
                            "{{question}}",
                        )
                    ],
                    stack=True,
                ),
                Panel(
                    "The watch",
                    "Verdicts a second, and artifacts that wait for a look",
                    [
                        Query(_rate("wherefrom_watch_verdicts_total"), "verdicts"),
                        Query(_of("wherefrom_watch_waiting"), "waiting"),
                        Query(_rate("wherefrom_watch_failures_total"), "rounds that failed"),
                    ],
                ),
                Panel("One artifact, its records and traces", _close(url), kind="text"),
            ],
        ),
        Row(
            "Processes and disk",
            [
                Panel(
                    "Processor",
                    "Of one core",
                    [Query(_rate("wherefrom_process_cpu_seconds_total"), "{{process}}")],
                    unit="percentunit",
                    stack=True,
                ),
                Panel(
                    "Memory",
                    "What several processes share counts for each",
                    [Query(_of("wherefrom_process_resident_memory_bytes"), "{{process}}")],
                    unit="bytes",
                ),
                Panel(
                    "Disk",
                    "Held by the data directory, and free beside it",
                    [
                        Query(f"sum({_of('wherefrom_storage_bytes')})", "held"),
                        Query(_of("wherefrom_storage_free_bytes"), "free"),
                    ],
                    unit="bytes",
                ),
            ],
        ),
    ]


def _close(url: str) -> str:
    pages = f"[The log]({url.rstrip('/')}/log)\n\n" if url else ""
    return (
        f"{pages}```\nwherefrom show DIGEST\nwherefrom trace DIGEST --up --format tree\n"
        "wherefrom find TEXT\nwherefrom request TRACE-ID\nwherefrom log status\n```\n\n"
        "Points on the panels of time are traces that the callers recorded: their ids are those "
        "of `wherefrom request`."
    )

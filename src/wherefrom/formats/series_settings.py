"""Where series are read, and how long those that are pushed are kept: ``DIR/series.json``.

    {"keep_hours": 72, "slow_ms": 500, "calls": [["shop", "cart"]],
     "prometheus": {"url", "bearer_file", "step_s", "range_s", "timeout_s", "match", "groups": […]}}

A *group* is a way of asking: which label says what (``labels``), and a PromQL template a metric
(``metrics``). In a template ``$by`` is every label that may say something, ``$match`` what is asked
of all, ``$range`` and ``$step`` durations, ``$every`` the step in seconds and ``$slow`` the bound
of what is slow, in seconds. The groups below are those of OpenTelemetry's conventions: what a
server says of itself, and what a client says of the servers it calls.

Source: OpenTelemetry, semantic conventions of HTTP metrics 1.23; docs/formats/series.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from wherefrom.errors import Malformed
from wherefrom.formats import strict_json
from wherefrom.formats.series import FLAGS_MAX, TEXTS

ERRORS: Final = "errors"  # asked instead of success_rate: it is absent where nothing failed
ASKED: Final = (
    "requests", ERRORS, "slow", "success_rate", "latency_ms_p95", "latency_ms_mean", "cpu",
    "memory",
)  # fmt: skip
KEEP_HOURS_MAX: Final = 24 * 366
CALLS_MAX: Final = 10_000
STEP_S: Final = (1, 3_600)

_SERVER: Final = "http_server_request_duration_seconds"
_CLIENT: Final = "http_client_request_duration_seconds"
_FAILED: Final = 'http_response_status_code=~"5.."'


def _of_histogram(name: str, failed: str) -> dict[str, str]:
    return {
        "requests": f"$every * sum by ($by) (rate({name}_count{{$match}}[$range]))",
        "errors": f"$every * sum by ($by) (rate({name}_count{{{failed},$match}}[$range]))",
        "slow": f"$every * (sum by ($by) (rate({name}_count{{$match}}[$range]))"
        f' - sum by ($by) (rate({name}_bucket{{le="$slow",$match}}[$range])))',
        "latency_ms_mean": f"1000 * sum by ($by) (rate({name}_sum{{$match}}[$range]))"
        f" / sum by ($by) (rate({name}_count{{$match}}[$range]))",
        "latency_ms_p95": "1000 * histogram_quantile(0.95,"
        f" sum by ($by, le) (rate({name}_bucket{{$match}}[$range])))",
    }


_SERVICE: Final = ("service_name", "service", "app_kubernetes_io_name", "app", "job")
_ENVIRONMENT: Final = (
    "deployment_environment_name",
    "deployment_environment",
    "environment",
    "env",
)
LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "environment": _ENVIRONMENT,
    "service": _SERVICE,
    "caller": ("caller",),
    "region": ("cloud_region", "topology_kubernetes_io_region", "region"),
    "pool": ("prov_pool", "pool"),
    "instance": ("service_instance_id", "pod", "k8s_pod_name", "kubernetes_pod_name", "instance"),
    "identity": (
        "prov_artifact_digest", "oci_manifest_digest", "artifact", "reality", "prov_reality_id",
        "service_version",
    ),
    "bundle": ("prov_config_bundle_hash", "bundle"),
}  # fmt: skip
CLIENT_LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "environment": _ENVIRONMENT,
    "service": ("server_address", "peer_service"),
    "caller": _SERVICE,
}


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way of asking.

    labels   of each part of a place, the labels that may say it, the first that does counts
    flags    of a flag's key, the label that says its value
    metrics  a template for each of ASKED that is measured
    """

    metrics: dict[str, str]
    labels: dict[str, tuple[str, ...]] = {}
    flags: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        """Every label that may say something, once."""
        named = [name for some in self.labels.values() for name in some] + [*self.flags.values()]
        return list(dict.fromkeys(named))


GROUPS: Final = (
    Group(
        {
            **_of_histogram(_SERVER, _FAILED),
            "cpu": "sum by ($by) (rate(process_cpu_seconds_total{$match}[$range]))",
            "memory": "sum by ($by) (process_resident_memory_bytes{$match})",
        },
        dict(LABELS),
    ),
    Group(_of_histogram(_CLIENT, _FAILED), dict(CLIENT_LABELS)),
)


class Prometheus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a Prometheus answers, or what speaks as one does (Mimir, Thanos, VictoriaMetrics).

    bearer_file  a file that holds a token; read at each question
    step_s       how far two samples lie apart; more for a long window
    range_s      over how long a rate is taken; two scrapes at least; None for the step
    match        matchers that every selector gets, such as ``cluster="a"``
    info         a metric of value 1 whose labels tell more of the same job and instance; or ""
    """

    url: str
    bearer_file: str = ""
    step_s: int = 60
    range_s: int | None = None
    timeout_s: float = 20.0
    match: str = ""
    info: str = "target_info"
    groups: tuple[Group, ...] = GROUPS


class SeriesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where series come from.

    keep_hours  how long pushed ones are kept
    slow_ms     what takes longer is slow; a bound of the histograms
    calls       who calls whom, where no span says so: pairs of caller and callee
    """

    keep_hours: int = 3 * 24
    slow_ms: float = 500.0
    calls: tuple[tuple[str, str], ...] = ()
    prometheus: Prometheus | None = None


def parse(content: bytes, *, where: str) -> SeriesSettings:
    """Read settings. Raises Malformed."""
    document = strict_json.decode(content)
    try:
        settings = msgspec.convert(document, SeriesSettings)
    except msgspec.ValidationError as error:
        raise Malformed("not settings of series", where=where, got=str(error)) from error
    _need(where, "keep_hours", settings.keep_hours, 1, KEEP_HOURS_MAX)
    _need(where, "slow_ms", settings.slow_ms, 0.001, 3_600_000)
    _need(where, "calls: how many", len(settings.calls), 0, CALLS_MAX)
    asked = settings.prometheus
    if asked is None:
        return settings
    if not asked.url.startswith(("http://", "https://")):
        raise Malformed(
            "not the address of a Prometheus", where=f"{where}, prometheus.url",
            expected="http://HOST:PORT or https://…", got=asked.url.rpartition("@")[2],
        )  # fmt: skip
    _need(where, "prometheus.step_s", asked.step_s, *STEP_S)
    _need(where, "prometheus.range_s", asked.range_s or 1, *STEP_S)
    _need(where, "prometheus.timeout_s", asked.timeout_s, 0.1, 300)
    for i, group in enumerate(asked.groups):
        _check(group, f"{where}, prometheus.groups[{i}]")
    return settings


def _check(group: Group, where: str) -> None:
    for place, given, known in (
        ("metrics", group.metrics, ASKED), ("labels", group.labels, TEXTS)
    ):  # fmt: skip
        for name in given:
            if name not in known:
                raise Malformed(
                    "a name that is none", where=f"{where}.{place}", expected=" ".join(known),
                    got=name,
                )  # fmt: skip
    if not group.labels.get("service"):
        raise Malformed(
            "no label says which service it is", where=f"{where}.labels",
            expected='"service": ["service_name", …]', got=sorted(group.labels),
        )  # fmt: skip
    _need(where, "flags: how many", len(group.flags), 0, FLAGS_MAX)


def _need(where: str, what: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise Malformed(
            "a setting out of its bounds", where=f"{where}, {what}",
            expected=f"{least} to {most}", got=value,
        )  # fmt: skip

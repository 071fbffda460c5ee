"""Series that are pushed, and what is answered from them: where it concentrates, what did it."""

import gzip
import json
import time

import pytest

from wherefrom.capture import changes
from wherefrom.formats import why_case
from wherefrom.formats.states import OBSERVED, VALUE_BYTES_MAX, Scope
from wherefrom.formats.timestamps import of_posix

CSV = {"content-type": "text/csv"}
NDJSON = {"content-type": "application/x-ndjson"}
HEAD = "time,service,instance,identity,pool,metric,value"
OLD, NEW = (f"sha256:{letter * 64}" for letter in "cd")


def now():
    return time.time() // 60 * 60


def at(minutes):
    return of_posix(int(now() + 60 * minutes))


def measured(service, *, instance="", identity="", pool="", requests=100, fails=0.0, slow=None,
             minutes=range(-20, 0)):  # fmt: skip
    """Rows of one instance."""
    rows = []
    for minute in minutes:
        where = f"{at(minute)},{service},{instance},{identity},{pool}"
        rows += [f"{where},requests,{requests}", f"{where},success_rate,{1 - fails}"]
        if slow is not None:
            rows.append(f"{where},slow_rate,{slow}")
    return rows


def push(client, *parts):
    rows = [row for part in parts for row in part]
    answer = client.post("/v1/series", content="\n".join([HEAD, *rows]), headers=CSV)
    assert answer.status_code == 200, answer.text
    return answer.json()


def impact(client, **asked):
    return client.get("/v1/impact", params=asked).json()


def where(one):
    return {told["label"]: told["value"] for told in one["where"]}


def record(server, client, content):
    assert client.post("/v1/records", content=content).status_code in (200, 201)
    server.fold()


def test_rows_are_taken_as_csv_and_as_json_lines_plain_or_packed(client):
    rows = measured("push-a", minutes=[-3])
    assert push(client, rows) == {"series": 2, "kept": 2, "left_out": 0}
    line = {"time": at(-2), "service": "push-a", "metric": "requests", "value": 7}
    answer = client.post(
        "/v1/series", content=gzip.compress(json.dumps(line).encode()),
        headers={**NDJSON, "content-encoding": "gzip"},
    )  # fmt: skip
    assert answer.json() == {"series": 1, "kept": 1, "left_out": 0}
    assert impact(client, service="push-a")["requests"] == 107


def test_what_is_too_old_is_counted_and_left_out(client):
    old = f"2020-01-01T00:00:00Z,push-b,,,,requests,{1}"
    assert push(client, [old], measured("push-b", minutes=[-1])) == {
        "series": 2, "kept": 2, "left_out": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"content-type": "application/json"}, b"[]", 415, "unsupported"),
        (CSV, b"a,b", 400, "malformed"),
        (CSV, HEAD.encode() + b"\nnoon,a,,,,requests,1", 400, "malformed"),
        (NDJSON, b"{", 400, "malformed"),
        ({**CSV, "content-encoding": "br"}, b"x", 415, "unsupported"),
    ],
)
def test_what_is_no_series_is_refused(client, headers, body, status, code):
    answer = client.post("/v1/series", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_one_bad_row_leaves_nothing_of_the_push(client):
    rows = [*measured("push-c", minutes=[-1]), f"{at(0)},push-c,,,,requests,-1"]
    answer = client.post("/v1/series", content="\n".join([HEAD, *rows]), headers=CSV)
    assert answer.status_code == 400
    assert f"line {len(rows) + 1}" in answer.json()["where"]
    assert impact(client, service="push-c")["requests"] == 0


def test_who_may_only_read_may_not_push(server):
    with server.as_("reader") as reader:
        assert reader.post("/v1/series", content=HEAD, headers=CSV).status_code == 403


# -- impact


def test_the_shortest_description_is_named_with_its_lift(client):
    push(
        client,
        measured("imp-a", instance="1", identity="v1", pool="main", fails=0.01),
        measured("imp-a", instance="2", identity="v2", pool="main", fails=0.3),
        measured("imp-a", instance="3", identity="v1", pool="canary", fails=0.01),
        measured("imp-a", instance="4", identity="v2", pool="canary", fails=0.3),
    )
    answer = impact(client, service="imp-a")
    (found,) = answer["concentrated"]
    assert where(found) == {"artifact": "v2"}
    assert found["same_as"] == []
    assert found["low"] < found["lift"] == pytest.approx(30, rel=0.03)
    assert "artifact=v2: 30 % fail against 1 % elsewhere" in found["says"]
    assert "nobody measured how many answers were slow" in answer["says"]


def test_two_together_are_named_where_neither_alone_does_it(client):
    push(
        client,
        *(measured("imp-b", instance=f"{v}{p}", identity=v, pool=p, slow=0.01,
                   fails=0.4 if (v, p) == ("v2", "canary") else 0.01)
          for v in ("v1", "v2") for p in ("main", "canary")),
    )  # fmt: skip
    answer = impact(client, service="imp-b")
    (found,) = answer["concentrated"]
    assert where(found) == {"artifact": "v2", "pool": "canary"}
    assert found["says"].startswith("artifact=v2 ∧ pool=canary: ")
    assert any("are slow; no more at one place" in says for says in answer["says"])


def test_it_is_said_when_nothing_concentrates_or_too_little_was_seen(client):
    push(client, *(measured("imp-c", instance=v, identity=v, fails=0.05) for v in ("v1", "v2")))
    answer = impact(client, service="imp-c")
    assert answer["concentrated"] == []
    assert "5 % of the requests fail; no more at one place than at others" in answer["says"]
    push(client, measured("imp-d", requests=2, fails=0.1, minutes=[-1]))
    assert "0 of 2 requests fail: too few to say where" in impact(client, service="imp-d")["says"]
    assert "nothing of imp-e was measured" in impact(client, service="imp-e")["says"][0]
    push(client, [f"{at(-1)},imp-f,,,,success_rate,0.5"])
    assert "no requests of imp-f were counted" in impact(client, service="imp-f")["says"][0]


def test_what_an_instance_ran_is_taken_from_the_log_and_its_record_is_named(server, client):
    for name, value in (("g1", OLD), ("g2", NEW)):
        states = [{"slot": "artifact", "name": "", "value": value, "says": f"imp-g:{name}"}]
        record(server, client, changes.estate(
            OBSERVED, Scope("prod", "imp-g", "eu", "", name), states, all_of=(), at=at(-40),
            source="/x",
        ))  # fmt: skip
    push(client, measured("imp-g", instance="g1", fails=0.01),
         measured("imp-g", instance="g2:80", fails=0.2))  # fmt: skip
    answer = impact(client, service="imp-g")
    (found,) = answer["concentrated"]
    (told,) = found["where"]
    assert (told["label"], told["value"], told["says"]) == ("artifact", NEW, "imp-g:g2")
    (entry,) = told["entries"]
    assert NEW in client.get(f"/v1/records/{entry}/content").text
    splits = {(s["label"], s["value"]): s for s in answer["splits"]}
    assert splits["region", "eu"]["requests"] == 4_000
    assert splits["artifact", NEW]["failing"] == pytest.approx(0.2)


def test_an_incident_that_is_over_gives_its_window_and_its_service(server, client):
    for status, minute in (("firing", -30), ("resolved", -20)):
        alert = {"status": status, "labels": {"alertname": "Over", "service": "imp-k"},
                 "annotations": {}, "startsAt": at(-30), "fingerprint": "0ver"}  # fmt: skip
        if status == "resolved":
            alert["endsAt"] = at(minute)
        group = {"version": "4", "groupKey": "{}", "status": status, "receiver": "x",
                 "alerts": [alert]}  # fmt: skip
        assert client.post("/v1/webhooks/alertmanager", json=group).status_code in (200, 201)
        server.fold()
    push(client, measured("imp-k", minutes=range(-60, 0)))
    for name in ("Over", "0ver", f"incident:alertmanager:0ver@{at(-30)[:19]}.000000Z"):
        answer = impact(client, alert=name)
        assert (answer["since"][:19], answer["until"][:19]) == (at(-40)[:19], at(-20)[:19])
        assert answer["requests"] == 100 * 21
        assert answer["incident"]["ended"][:19] == at(-20)[:19]
    # What is over is not what a service is asked about.
    assert client.get("/v1/why", params={"service": "imp-k"}).json()["incident"] is None


def test_of_an_alert_that_rose_twice_the_one_that_was_known_by_then_is_meant(server, client):
    for n, (rose, ended, service) in enumerate([(-90, -80, "imp-t1"), (-40, -30, "imp-t2")]):
        labels = {"alertname": "Twice", "service": service}
        alert = {"status": "firing", "labels": labels, "startsAt": at(rose),
                 "fingerprint": f"twice{n}"}  # fmt: skip
        for more in ({}, {"status": "resolved", "endsAt": at(ended)}):
            group = {"version": "4", "groupKey": "g", "receiver": "r", "alerts": [alert | more],
                     **{key: (alert | more)[key] for key in ("status",)}}  # fmt: skip
            posted = client.post("/v1/webhooks/alertmanager", json=group)
            assert posted.status_code in (200, 201), posted.text
    server.fold()
    assert impact(client, alert="Twice")["service"] == "imp-t2"
    known = impact(client, alert="Twice", until=at(-85))
    assert (known["service"], known["incident"]["ended"]) == ("imp-t1", None)
    assert client.get("/v1/why", params={"alert": "Twice", "until": at(-95)}).status_code == 404


def test_by_chooses_the_dimensions(client):
    push(client, *(measured("imp-h", instance=n, identity=n, fails=f)
                   for n, f in (("a", 0.01), ("b", 0.2))))  # fmt: skip
    (found,) = impact(client, service="imp-h", by="instance")["concentrated"]
    assert where(found) == {"instance": "b"}


def test_what_callers_see_counts_where_a_service_does_not_measure_itself(client):
    head = "time,service,caller,metric,value"
    rows = [f"{at(m)},imp-i,shop,{metric},{value}" for m in range(-9, 0)
            for metric, value in (("requests", 50), ("success_rate", 0.5))]  # fmt: skip
    client.post("/v1/series", content="\n".join([head, *rows]), headers=CSV)
    assert impact(client, service="imp-i")["requests"] == 450
    push(client, measured("imp-i", requests=7, minutes=[-1]))
    assert impact(client, service="imp-i")["requests"] == 7


# -- why


def test_a_flag_that_was_turned_on_is_found_by_its_instances(server, client):
    told = {"slot": "artifact", "name": "", "value": OLD}
    for name, flag in (("w1", "off"), ("w2", "off"), ("w3", "off")):
        states = [told, {"slot": "flag", "name": "fast", "value": flag}]
        record(server, client, changes.estate(
            OBSERVED, Scope("prod", "why-a", "", "", name), states, all_of=(), at=at(-90),
            source="/x",
        ))  # fmt: skip
    record(server, client, changes.estate(
        OBSERVED, Scope("prod", "why-a", "", "", "w3"),
        [{"slot": "flag", "name": "fast", "value": "on"}], all_of=(), at=at(-12), source="/x",
    ))  # fmt: skip
    push(
        client,
        measured("why-a", instance="w1", fails=0.001, minutes=range(-60, 0)),
        measured("why-a", instance="w2", fails=0.001, minutes=range(-60, 0)),
        measured("why-a", instance="w3", fails=0.001, minutes=range(-60, -11)),
        measured("why-a", instance="w3", fails=0.4, minutes=range(-11, 0)),
    )
    answer = client.get("/v1/why", params={"service": "why-a", "at": at(-5)}).json()
    first = answer["ranked"][0]
    assert (first["kind"], first["before"], first["after"]) == ("flag", "off", "on")
    says = [reason["says"] for reason in first["evidence"]]
    assert any(line.startswith("new on fails 4") for line in says), says
    files = client.get("/v1/why", params={"service": "why-a", "format": "case"}).json()
    assert ",w3,on,success_rate," in files["series.csv"]
    assert ",w3,off,success_rate," in files["series.csv"]


def test_a_canary_is_compared_with_what_the_other_pools_have(server, client):
    for pool, value, minute in (("main", OLD, -200), ("canary", NEW, -15)):
        record(server, client, changes.deploy(
            Scope("prod", "why-c", "", pool), value, at=at(minute), source="/x"
        ))  # fmt: skip
    push(
        client,
        measured("why-c", instance="c1", identity=OLD[:19], fails=0.001, minutes=range(-60, 0)),
        measured("why-c", instance="c2", identity=OLD[:19], fails=0.001, minutes=range(-60, 0)),
        measured("why-c", instance="c3", identity=NEW[:19], fails=0.5, minutes=range(-14, 0)),
    )
    answer = client.get("/v1/why", params={"service": "why-c", "at": at(-5)}).json()
    first = answer["ranked"][0]
    assert (first["before"], first["after"]) == (OLD, NEW)
    says = [reason["says"] for reason in first["evidence"]]
    assert "new dddddddd fails 50 % against 0.1 % in the same minutes" in says


def test_a_case_that_is_written_can_be_read_however_long_its_values_and_rollouts(server, client):
    long = "é" * (VALUE_BYTES_MAX // 2)
    scope = Scope("long", "why-l")
    said = [changes.place("flag", "f", long, scope, at=at(-30), source="/x", told={})]
    said += [
        changes.estate(
            OBSERVED, scope._replace(instance=f"i{n}"),
            [{"slot": "artifact", "name": "", "value": NEW}], all_of=(), source="/x",
            at=f"{at(-20)[:19]}.{n:06}Z",
        )
        for n in range(1_100)
    ]  # fmt: skip
    record(server, client, b"[" + b",".join(said) + b"]")
    asked = {"environment": "long", "until": at(0)}
    files = client.get("/v1/why", params={**asked, "format": "case"}).json()
    case = why_case.parse({name: text.encode() for name, text in files.items()})
    assert {change.after for change in case.changes} == {long, NEW}
    assert max(len(change.steps) for change in case.changes) == 1_100


def test_nothing_measured_is_said_and_places_and_times_still_speak(server, client):
    record(server, client, changes.deploy(Scope("prod", "why-b"), NEW, at=at(-3), source="/x"))
    answer = client.get(
        "/v1/why", params={"service": "why-b", "since": at(-4), "until": at(-1)}
    ).json()
    assert answer["series"] >= 0
    assert any(row["service"] == "why-b" for row in answer["ranked"])


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "not a window"),
        ({"since": "2020-01-01T00:00:00Z"}, "not a window"),
        ({"until": "0001-01-01T00:00:00Z"}, "not a window"),
        ({"at": "0001-01-01T00:00:00Z"}, "not a window"),
        ({"until": "9999-12-31T23:59:59.999999Z"}, "not a window"),
        ({"alert": "x", "at": "2026-01-01T00:00:00Z"}, "two times of detection"),
        ({"format": "x"}, "not a format"),
    ],
)
def test_what_cannot_be_asked_is_refused(client, query, says):
    answer = client.get("/v1/why", params=query)
    assert answer.status_code == 400
    assert says in answer.json()["title"]


# -- metrics over OTLP


def exporter(server, name, **options):
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource

    sends = OTLPMetricExporter(
        server.url + "/v1/metrics",
        headers={"Authorization": f"Bearer {server.token['sender']}"}, **options,
    )  # fmt: skip
    reader = PeriodicExportingMetricReader(sends, export_interval_millis=3_600_000)
    said = {"service.name": name, "service.instance.id": f"{name}-1", "prov.artifact.digest": NEW}
    return MeterProvider([reader], Resource(said))


@pytest.mark.parametrize("delta", [False, True])
def test_opentelemetrys_own_exporter_is_understood(server, client, delta):
    from opentelemetry.sdk.metrics import Histogram
    from opentelemetry.sdk.metrics.export import AggregationTemporality

    name = f"otlp-{delta}".lower()
    temporality = {Histogram: AggregationTemporality.DELTA} if delta else None
    provider = exporter(server, name, preferred_temporality=temporality)
    waited = provider.get_meter("t").create_histogram(
        "http.server.request.duration", unit="s",
        explicit_bucket_boundaries_advisory=[0.05, 0.1, 0.5, 1],
    )  # fmt: skip
    for code, count in ((200, 40), (500, 10)):
        for _ in range(count):
            waited.record(0.02, {"http.response.status_code": code, "http.route": "/"})
    assert provider.force_flush()
    for _ in range(50):
        waited.record(2.0, {"http.response.status_code": 200, "http.route": "/"})
    assert provider.force_flush()
    provider.shutdown()
    answer = impact(client, service=name)
    assert answer["requests"] == 100
    assert answer["failing"] == pytest.approx(0.1)
    assert answer["slow"] == pytest.approx(0.5)
    assert {(s["label"], s["value"]) for s in answer["splits"]} == {("artifact", NEW)}


def test_counters_outlive_a_restart_of_the_store(tmp_path):
    from tests.unit.formats.test_otlp_metrics import T, export, histogram
    from wherefrom.formats.otlp_metrics import read
    from wherefrom.formats.series_settings import SeriesSettings
    from wherefrom.views.series.reader import SeriesReader
    from wherefrom.views.series.store import SeriesStore

    for number, count in enumerate((90, 100)):
        store = SeriesStore(tmp_path / "series.db", SeriesSettings)
        points = read(export(histogram(count, at=T + 60 * number))).points
        assert store.add_points(points, now=T + 60).kept == 5
        assert store.add_points(points, now=T + 60).kept == 0  # sent again
        store.close()
    found = {s.metric: list(s.values) for s in SeriesReader(tmp_path / "series.db").window(0, 2e9)}
    assert found["requests"] == [90, 10]


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"content-type": "application/json"}, b"[]", 400, "malformed"),
        ({"content-type": "application/x-protobuf"}, b"\xff\xff", 400, "malformed"),
        ({"content-type": "text/csv"}, b"", 415, "unsupported"),
    ],
)
def test_what_is_no_export_of_metrics_is_refused(client, headers, body, status, code):
    answer = client.post("/v1/metrics", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)

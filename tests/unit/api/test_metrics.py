"""What a server counts of what it is asked: by route and question, with the traces of requests."""

import re
import subprocess

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.prometheus_server import PROMTOOL
from tests.served import Inside, event_bytes
from wherefrom import errors
from wherefrom.api.exposition import OPENMETRICS
from wherefrom.api.measured import question_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.fixture
def server(tmp_path):
    """A server of its own for each test: counters only grow."""
    with Inside(tmp_path / "data") as inside:
        yield inside


@pytest.fixture
def client(server):
    return server.client


def scraped(client):
    """Samples by name and labels, as an OpenMetrics parser reads them."""
    answer = client.get("/metrics", headers={"Accept": OPENMETRICS})
    assert answer.headers["content-type"] == OPENMETRICS
    return {
        (s.name, tuple(sorted(s.labels.items()))): s
        for family in text_string_to_metric_families(answer.text)
        for s in family.samples
    }


def value(found, name, **labels):
    sample = found.get((name, tuple(sorted(labels.items()))))
    return None if sample is None else sample.value


def test_a_request_is_counted_by_route_method_and_status_never_by_what_it_asks_for(server, client):
    for number in range(5):
        assert client.get(f"/v1/show/pkg:pypi/none@{number}").status_code == 404
    assert client.head("/v1/log").status_code == 200
    assert client.post("/v1/records", content=event_bytes(1)).status_code == 201
    found = scraped(client)
    many = "wherefrom_http_request_seconds_count"
    assert value(found, many, route="/v1/show/{id}", method="GET", status="4xx") == 5
    assert value(found, many, route="/v1/records", method="POST", status="2xx") == 1
    routes = {labels for name, labels in found if name == many}
    assert not any("pypi" in text for labels in routes for _, text in labels)
    assert value(found, many, route="/metrics", method="GET", status="2xx") is None


def test_a_question_is_counted_and_its_errors_by_their_code(server, client):
    assert client.get("/v1/trace/pkg:pypi/none@1").status_code == 404
    assert client.get("/v1/trace/x?direction=aside").status_code == 400
    assert client.get("/v1/records/0/content").status_code == 200
    with server.as_() as nobody:
        assert nobody.get("/v1/running").status_code == 401
    found = scraped(client)
    assert value(found, "wherefrom_question_seconds_count", question="trace") == 2
    assert value(found, "wherefrom_question_seconds_count", question="records/content") == 1
    errors = "wherefrom_question_errors_total"
    assert value(found, errors, question="trace", code="not_found") == 1
    assert value(found, errors, question="trace", code="malformed") == 1
    assert value(found, errors, question="running", code="not_authenticated") == 1
    assert value(found, errors, question="records/content", code="error") is None


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/v1/trace/{id}", "trace"), ("/v1/records/{index}/content", "records/content"),
        ("/checkpoint", "/checkpoint"), ("/v1/releases/{name}/{version}", "releases"),
        ("/", "/"), ("/tile/{path}", "/tile"), ("/incidents/{id}", "/incidents"),
    ],
)  # fmt: skip
def test_a_question_is_called_by_its_path_without_what_varies(path, question):
    assert question_of(path) == question


@pytest.mark.parametrize(
    ("traceparent", "is_there"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        ("nonsense", False),
    ],
)
def test_a_bucket_has_the_trace_of_a_request_that_is_recorded_somewhere(
    server, client, traceparent, is_there
):
    sent = client.post("/v1/records", content=event_bytes(1), headers={"traceparent": traceparent})
    assert sent.status_code == 201
    found = scraped(client).items()
    for family in ("wherefrom_record_seconds", "wherefrom_http_request_seconds"):
        seen = [s.exemplar for (name, _), s in found if name == f"{family}_bucket" and s.exemplar]
        expected = [{"trace_id": TRACE, "span_id": SPAN}] if is_there else []
        assert [one.labels for one in seen] == expected
    # The way to the reader carries no trace while this process records none.


def test_a_batch_is_counted_with_its_steps_and_what_was_known_already_in_none(server, client):
    body = b"[" + b",".join(event_bytes(n) for n in range(7)) + b"]"
    assert client.post("/v1/records", content=body).status_code == 201
    before = scraped(client)
    assert client.post("/v1/records", content=body).status_code == 200
    found = scraped(client)
    for name in ("journal_sync_seconds", "checkpoint_seconds", "batch_records"):
        assert value(found, f"wherefrom_{name}_count") == value(before, f"wherefrom_{name}_count")
    assert value(before, "wherefrom_batch_records_sum") == 7
    assert value(before, "wherefrom_journal_sync_seconds_sum") > 0
    assert value(before, "wherefrom_checkpoint_seconds_sum") > 0
    assert value(found, "wherefrom_verification_seconds_count") == 2
    assert value(found, "wherefrom_records_total", status="known", code="") == 7


def test_a_refusal_is_no_acknowledgement_and_is_counted_by_its_code(server, client):
    assert client.post("/v1/records", content=b"{]").status_code == 400
    found = scraped(client)
    assert value(found, "wherefrom_record_seconds_count") == 0
    assert value(found, "wherefrom_records_total", status="refused", code="malformed") == 1


def test_how_far_a_view_is_behind_and_for_how_long(server, client):
    assert client.post("/v1/records", content=event_bytes(1)).status_code == 201
    found = scraped(client)
    assert value(found, "wherefrom_view_behind_entries", view="graph") == 1
    assert 0 < value(found, "wherefrom_view_unread_seconds", view="graph") < 300
    server.fold()
    found = scraped(client)
    assert value(found, "wherefrom_view_behind_entries", view="graph") == 0
    assert value(found, "wherefrom_view_unread_seconds", view="graph") == 0


def test_a_reader_that_is_gone_costs_its_own_numbers_alone(server, client):
    from wherefrom.errors import Unavailable

    assert value(scraped(client), "wherefrom_reader_up") == 1
    server.proxy.fails = Unavailable("it is gone")
    found = scraped(client)
    assert value(found, "wherefrom_reader_up") == 0
    assert value(found, "wherefrom_log_size") >= 1
    assert not any(name.startswith("wherefrom_view") for name, _ in found)
    assert client.get("/v1/find?q=raw").status_code == 503
    found = scraped(client)
    count = "wherefrom_http_request_seconds_count"
    assert value(found, count, route="/v1/find", method="GET", status="5xx") == 1


def test_promtool_finds_nothing_wrong_with_any_name(server, client):
    assert PROMTOOL, "no prometheus here: make tools installs it"
    client.post("/v1/records", content=event_bytes(1))
    client.post("/v1/records", content=b"{]")
    client.get("/v1/trace/pkg:pypi/none@1")
    text = client.get("/metrics").text
    ran = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_every_unit_ends_its_name(server, client):
    text = client.get("/metrics", headers={"Accept": OPENMETRICS}).text
    units = re.findall(r"^# UNIT (\S+) (\S+)$", text, re.M)
    assert len(units) > 10
    assert all(name.endswith("_" + unit) for name, unit in units)


def test_every_refusal_is_there_before_the_first_one(client):
    """A series that begins at one has not grown, and nobody would be told."""
    found = scraped(client)
    for refusal in errors.Refused.__subclasses__():
        name = "wherefrom_records_total"
        assert value(found, name, status="refused", code=refusal.code) == 0, refusal.code
    assert value(found, "wherefrom_gate_decisions_total", decision="denied") == 0

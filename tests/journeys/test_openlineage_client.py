"""The real OpenLineage client for Python, pointed at a server by its environment alone.

    python -c CLIENT  (OPENLINEAGE_URL, OPENLINEAGE_API_KEY, OPENLINEAGE__TRANSPORT__…)
        └── START, COMPLETE with facets ──► server ──► trace, find, show

The program that emits knows no address and no token; what it is told, it is told as an Airflow
task, a Spark job or a cron job would be.
"""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.served import ServerProcess, followed

CLIENT = """
import sys
from datetime import datetime, timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    column_lineage_dataset, job_type_job, nominal_time_run, output_statistics_output_dataset,
    parent_run, schema_dataset, sql_job,
)

name, runs = sys.argv[1], sys.argv[2:]
client = OpenLineageClient()
fields = [schema_dataset.SchemaDatasetFacetFields("id", "BIGINT")]
source = InputDataset("s3://lake", f"raw/{name}", facets={
    "schema": schema_dataset.SchemaDatasetFacet(fields=fields)})
target = OutputDataset("postgres://db:5432", f"shop.public.{name}", facets={
    "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
    "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(fields={
        "id": column_lineage_dataset.Fields(inputFields=[
            column_lineage_dataset.InputField("s3://lake", f"raw/{name}", "id")])}),
}, outputFacets={"outputStatistics":
    output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=10, size=90)})
job = Job("shop", f"load_{name}", facets={
    "jobType": job_type_job.JobTypeJobFacet("BATCH", "CUSTOM", "TASK"),
    "sql": sql_job.SQLJobFacet(query="insert into t select id from r")})
for number, run_id in enumerate(runs):
    run = Run(run_id, facets={
        "nominalTime": nominal_time_run.NominalTimeRunFacet("2026-01-01T00:00:00Z"),
        "parent": parent_run.ParentRunFacet(
            parent_run.Run(runId="01941f29-7c00-7000-8000-aaaaaaaaaaaa"),
            parent_run.Job("shop", "nightly"))})
    for state in (RunState.START, RunState.COMPLETE):
        at = datetime(2026, 1, 1, 1, number, state == RunState.COMPLETE, tzinfo=timezone.utc)
        client.emit(RunEvent(eventType=state, eventTime=at.isoformat(), run=run, job=job,
                             producer="https://example.com/shop/1", inputs=[source],
                             outputs=[target]))
print(type(client.transport).__name__, client.close(timeout=30.0))
"""


def run_id(number):
    return f"01941f29-7c00-7000-8000-{number:012x}"


def emit(name, *runs, **environment):
    """Run the client in a process that knows nothing but ``environment``."""
    clean = {
        key: value
        for key, value in os.environ.items()
        if key in ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
    }
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, name, *runs],
        env={**clean, "NO_PROXY": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("openlineage") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


def check_lineage(client, name, *, runs, events):
    """The graph says what the client said; returns the entries that say it."""
    followed(client)
    target = f"dataset:postgres://db:5432:shop.public.{name}"
    found = client.get("/v1/find", params={"q": f"shop.public.{name}"}).json()["matches"]
    assert found[0]["id"] == target
    traced = client.get(f"/v1/trace/{target}").json()
    ids = {node["id"] for node in traced["nodes"]}
    assert {f"dataset:s3://lake:raw/{name}", f"job:shop:load_{name}"} <= ids
    assert {f"run:{run}" for run in runs} <= ids
    edges = {(e["from"], e["relation"], e["to"]): e for e in traced["edges"]}
    for run in runs:
        assert (target, "generated_by", f"run:{run}") in edges
        assert (f"run:{run}", "used", f"dataset:s3://lake:raw/{name}") in edges
        assert (f"run:{run}", "specializes", f"job:shop:load_{name}") in edges
    derived = edges[target, "derived_from", f"dataset:s3://lake:raw/{name}"]
    assert "id" in json.dumps(derived["properties"])
    entries = client.get(f"/v1/show/{target}").json()["matches"][0]["entries"]
    assert len(entries) == events
    check_contents(client, entries, runs=runs)
    return entries


def check_contents(client, entries, *, runs):
    """Each run's START and COMPLETE is there once, with what the client adds to each."""
    contents = [client.get(f"/v1/records/{entry}/content").json() for entry in entries]
    told = sorted((c["run"]["runId"], c["eventType"]) for c in contents)
    assert told == sorted((run, state) for run in runs for state in ("START", "COMPLETE"))
    for content in contents:
        assert "openlineage_client_version" in str(content["run"]["facets"]["tags"])


def test_two_variables_are_all_the_client_needs(server, client):
    runs = [run_id(1), run_id(2)]
    said = emit("orders", *runs, OPENLINEAGE_URL=server.url, OPENLINEAGE_API_KEY=server.token)
    assert said == ["HttpTransport", "True"]
    check_lineage(client, "orders", runs=runs, events=4)


def transport(server, kind, **more):
    return {
        "OPENLINEAGE__TRANSPORT__TYPE": kind,
        "OPENLINEAGE__TRANSPORT__URL": server.url,
        "OPENLINEAGE__TRANSPORT__AUTH": json.dumps({"type": "api_key", "apiKey": server.token}),
        **{f"OPENLINEAGE__TRANSPORT__{key.upper()}": value for key, value in more.items()},
    }


def test_the_client_compresses_when_its_environment_says_so(server, client):
    runs = [run_id(11)]
    said = emit("customers", *runs, **transport(server, "http", compression="gzip"))
    assert said == ["HttpTransport", "True"]
    check_lineage(client, "customers", runs=runs, events=2)


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_the_asynchronous_transport_loses_nothing(server, client, compression):
    runs = [run_id((100 if compression else 150) + n) for n in range(20)]
    name, size = f"async{compression}", followed(client)["size"]
    more = {"compression": compression} if compression else {}
    said = emit(name, *runs, **transport(server, "async_http", **more))
    assert said == ["AsyncHttpTransport", "True"]
    assert followed(client)["size"] == size + 40
    check_contents(client, range(size, size + 40), runs=runs)
    traced = client.get(f"/v1/trace/s3://lake/raw/{name}?direction=down").json()
    assert {f"run:{run}" for run in runs} <= {node["id"] for node in traced["nodes"]}


def test_the_same_events_emitted_again_keep_their_indexes(server, client):
    runs = [run_id(200)]
    where = {"OPENLINEAGE_URL": server.url, "OPENLINEAGE_API_KEY": server.token}
    emit("again", *runs, **where)
    before = check_lineage(client, "again", runs=runs, events=2)
    size = followed(client)["size"]
    emit("again", *runs, **where)
    assert check_lineage(client, "again", runs=runs, events=2) == before
    assert followed(client)["size"] == size


class _LosesAnswers(BaseHTTPRequestHandler):
    """A door in between that passes a request on, and the first time says that it did not."""

    protocol_version = "HTTP/1.1"
    seen: set[bytes]
    target: str
    passed: list[int]

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {k: self.headers[k] for k in ("Authorization", "Content-Type")}
        answer = httpx.post(self.target + self.path, content=body, headers=headers)
        self.passed.append(answer.status_code)
        status = answer.status_code if body in self.seen else 503
        self.seen.add(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_an_event_whose_answer_was_lost_is_retried_by_the_client_and_is_one_record(server, client):
    shared = {"seen": set(), "target": server.url, "passed": []}
    handler = type("Handler", (_LosesAnswers,), shared)
    door = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=door.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{door.server_port}"
        emit("lost", run_id(300), OPENLINEAGE_URL=url, OPENLINEAGE_API_KEY=server.token)
    finally:
        door.shutdown()
        door.server_close()
        thread.join()
    assert shared["passed"] == [201, 200, 201, 200]
    check_lineage(client, "lost", runs=[run_id(300)], events=2)


def test_a_token_that_is_unknown_is_the_clients_error_and_records_nothing(server, client):
    size = followed(client)["size"]
    with pytest.raises(AssertionError, match="401"):
        emit("nobody", run_id(400), OPENLINEAGE_URL=server.url, OPENLINEAGE_API_KEY="guess")
    assert followed(client)["size"] == size

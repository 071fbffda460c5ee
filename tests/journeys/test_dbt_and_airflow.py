"""dbt and Airflow as people run them, pointed at a server by their environment alone.

    dbt-ol seed, run, test      OPENLINEAGE_URL, OPENLINEAGE_API_KEY        ──► server ──► trace
    airflow dags test nightly   AIRFLOW__OPENLINEAGE__TRANSPORT, …NAMESPACE ──► server ──► trace

Each is installed in an environment of its own from tests/clients, by ``make clients``, which
``make test`` runs first; without it the tests fail and say so. The project and the DAG are written
here and know no address and no token.
"""

import json
import os
import subprocess
import time

import pytest

from tests.paths import REPOSITORY
from tests.served import ServerProcess, followed

SECONDS_MAX = 240


def ran(program, *arguments, cwd, code=0, **environment):
    """Run a client's program with nothing in its environment but what it is told."""
    name = "airflow" if program == "airflow" else "dbt"
    folder = REPOSITORY / f".venv-{name}/bin"
    if not (folder / program).exists():
        pytest.fail(f"{program} is not installed here: run `make clients`, or `make test`")
    clean = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(cwd),
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.1",
        "DO_NOT_TRACK": "1",
    }
    done = subprocess.run(
        [folder / program, *arguments],
        cwd=cwd,
        env={**clean, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == code, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("clients") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


def size_of(client):
    return client.get("/v1/log").json()["size"]


def recorded(client, since, number):
    """The documents of the ``number`` records that came ``since``, once the views have them."""
    until = time.monotonic() + 30
    while (said := client.get("/v1/log").json())["views"]["graph"] < since + number:
        assert time.monotonic() < until, f"{number} records wanted, {said['size'] - since} came"
        time.sleep(0.05)
    assert said["size"] == since + number
    return [client.get(f"/v1/records/{since + n}/content").json() for n in range(number)]


def traced(client, id, **options):
    """The ids of a trace, and its edges without their evidence."""
    answer = client.get(f"/v1/trace/{id}", params=options).json()
    nodes = {node["id"]: node for node in answer["nodes"]}
    edges = {(e["from"], e["relation"], e["to"]) for e in answer["edges"]}
    return nodes, edges


def said_of(client, id):
    """All properties that any record gives to the thing."""
    match = client.get(f"/v1/show/{id}").json()["matches"][0]
    assert match["id"] == id
    return json.dumps(match)


# -- dbt


SHOP = {
    "dbt_project.yml": 'name: shop\nversion: "1.0"\nprofile: shop\n',
    "profiles.yml": "shop:\n  target: dev\n  outputs:\n"
    "    dev: {type: duckdb, path: shop.duckdb}\n",
    "seeds/raw_orders.csv": "id,customer,amount\n1,ann,3\n2,bob,4\n3,ann,5\n",
    "models/orders.sql": "select id, customer, amount from {{ ref('raw_orders') }}\n",
    "models/totals.sql": "{{ config(materialized='table') }}\n"
    "select customer, sum(amount) as total from {{ ref('orders') }} group by 1\n",
    "models/models.yml": "version: 2\nmodels:\n  - name: totals\n    columns:\n"
    "      - name: customer\n        data_tests: [not_null, unique]\n",
}
TABLE = "dataset:duckdb://shop.duckdb:shop.main."
COLUMN = "column:duckdb://shop.duckdb:shop.main."


@pytest.fixture(scope="module")
def dbt(server, tmp_path_factory):
    """Runs ``dbt-ol`` in a project of one seed and two models."""
    project = tmp_path_factory.mktemp("shop")
    for name, text in SHOP.items():
        path = project / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def run(*arguments, **options):
        return ran(
            "dbt-ol", *arguments, "--profiles-dir", ".", cwd=project,
            OPENLINEAGE_URL=server.url, OPENLINEAGE_API_KEY=server.token,
            OPENLINEAGE_NAMESPACE="shop", DBT_SEND_ANONYMOUS_USAGE_STATS="false", **options,
        )  # fmt: skip

    run.project = project
    return run


@pytest.fixture(scope="module")
def built(dbt, client):
    """What ``seed``, ``run`` and ``test`` sent."""
    since = size_of(client)
    for verb, number in (("seed", 2), ("run", 6), ("test", 4)):
        assert f"Emitted {number} OpenLineage events" in dbt(verb)
    return recorded(client, since, 12)


def test_dbt_needs_two_variables_and_each_of_its_events_is_a_record(built):
    told = sorted((e["job"]["name"], e["eventType"]) for e in built)
    jobs = [
        "dbt-run-shop", "dbt-run-shop", "dbt-run-shop",
        "shop.main.shop.orders", "shop.main.shop.totals", "shop.main.shop.totals.test",
    ]  # fmt: skip
    assert told == sorted((job, state) for job in jobs for state in ("START", "COMPLETE"))


def test_a_table_of_dbt_is_traced_back_to_its_seed(built, client):
    nodes, edges = traced(client, f"{TABLE}totals")
    assert {f"{TABLE}totals", f"{TABLE}orders", f"{TABLE}raw_orders"} <= nodes.keys()
    assert (f"{TABLE}orders", "derived_from", f"{TABLE}raw_orders") in edges
    made = [
        to for of, relation, to in edges if (of, relation) == (f"{TABLE}totals", "generated_by")
    ]
    assert [nodes[run]["name"] for run in made] == ["shop.main.shop.totals"]
    assert (made[0], "used", f"{TABLE}orders") in edges
    assert (made[0], "associated_with", "software:dbt@1.10.23") in edges
    down, _ = traced(client, f"{TABLE}raw_orders", direction="down")
    assert f"{TABLE}totals" in down


def test_a_column_of_dbt_is_traced_back_to_the_column_of_its_seed(built, client):
    nodes, edges = traced(client, f"{COLUMN}totals:total")
    assert nodes.keys() == {
        f"{COLUMN}{c}" for c in ("totals:total", "orders:amount", "raw_orders:amount")
    }
    assert (f"{COLUMN}totals:total", "derived_from", f"{COLUMN}orders:amount") in edges
    assert (f"{COLUMN}orders:amount", "derived_from", f"{COLUMN}raw_orders:amount") in edges


def test_what_dbt_tested_stands_at_the_table(built, client):
    said = said_of(client, f"{TABLE}totals")
    assert "customer not_null success" in said
    assert "customer unique success" in said
    assert '"assertionsFailed": 0' in said


def test_the_structured_logs_of_dbt_give_the_seed_as_an_input_too(built, dbt, client):
    since = size_of(client)
    dbt("run", "--consume-structured-logs")
    assert followed(client)["size"] > since + 6
    down, edges = traced(client, f"{TABLE}raw_orders", direction="down")
    used = [of for of, relation, to in edges if (relation, to) == ("used", f"{TABLE}raw_orders")]
    assert used
    assert "model.shop.orders" in str([down[run]["name"] for run in used])


def test_a_model_that_fails_says_why(dbt, client):
    (dbt.project / "models/broken.sql").write_text("select * from nowhere\n")
    since = size_of(client)
    dbt("run", "--consume-structured-logs", "--select", "broken", code=1)
    followed(client)
    contents = [
        client.get(f"/v1/records/{entry}/content").json() for entry in range(since, size_of(client))
    ]
    failed = [
        event
        for event in contents
        if event["eventType"] == "FAIL" and event["job"]["name"] == "model.shop.broken"
    ]
    assert len(failed) == 1
    said = said_of(client, f"run:{failed[0]['run']['runId']}")
    assert "Table with name nowhere does not exist!" in said


# -- Airflow


DAG = """
from datetime import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset

raw, clean = Asset("file://localhost/lake/raw"), Asset("file://localhost/lake/clean")
with DAG("nightly", start_date=datetime(2026, 1, 1), schedule=None, tags=["lake"]):
    extract = BashOperator(task_id="extract", bash_command="true", outlets=[raw])
    load = BashOperator(task_id="load", bash_command="true", inlets=[raw], outlets=[clean])
    extract >> load
"""


@pytest.fixture(scope="module")
def nightly(server, client, tmp_path_factory):
    """What one run of the DAG sent."""
    home = tmp_path_factory.mktemp("airflow")
    (home / "dags").mkdir()
    (home / "dags/nightly.py").write_text(DAG)
    transport = {
        "type": "http",
        "url": server.url,
        "auth": {"type": "api_key", "apiKey": server.token},
    }
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "flow",
    }
    ran("airflow", "db", "migrate", cwd=home, **settings)
    since = size_of(client)
    ran("airflow", "dags", "test", "nightly", "2026-01-01", cwd=home, **settings)
    return recorded(client, since, 5)


def test_airflow_needs_its_configuration_and_each_of_its_events_is_a_record(nightly):
    told = sorted((e["job"]["name"], e["eventType"]) for e in nightly)
    assert told == [
        ("nightly", "COMPLETE"),
        ("nightly.extract", "COMPLETE"),
        ("nightly.extract", "START"),
        ("nightly.load", "COMPLETE"),
        ("nightly.load", "START"),
    ]


def test_a_file_of_airflow_is_traced_through_both_tasks(nightly, client):
    runs = {e["job"]["name"]: f"run:{e['run']['runId']}" for e in nightly}
    raw, clean = "dataset:file://localhost:/lake/raw", "dataset:file://localhost:/lake/clean"
    nodes, edges = traced(client, clean)
    assert {
        (clean, "generated_by", runs["nightly.load"]),
        (runs["nightly.load"], "used", raw),
        (raw, "generated_by", runs["nightly.extract"]),
        (runs["nightly.load"], "informed_by", runs["nightly"]),
        (runs["nightly"], "specializes", "job:flow:nightly"),
        (runs["nightly.load"], "associated_with", "software:Airflow@3.3.2"),
    } <= edges
    assert nodes["job:flow:nightly.load"]["kind"] == "job"

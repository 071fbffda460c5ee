"""A real supply chain, split between two organisations: one trace, as of one log with all of it."""

import json

from tests.folders import ME, sha256_of
from tests.journeys.test_federation import built, follow, said, until, wherefrom
from tests.paths import DATA
from tests.served import ServerProcess
from wherefrom.app import DataFolder, fold_views, open_desk, open_log, open_recorder
from wherefrom.query.desk import TraceOptions

AIRFLOW = sorted((DATA / "lineage/ol-compat/consumer-scenarios/airflow/events").glob("line_*.json"))
KUBERNETES = sorted((DATA / "supply/guac-data/docs/slsa").glob("kube-slsa-*.json"))
RESULT, TABLE = "gs://mock-bucket:result.csv", "bigquery:mock-project.test.upload_cp"


def uses(digest):
    """Provenance of ours: an image that holds a program of theirs."""
    statement = json.loads(built("our-image"))
    statement["predicate"]["buildDefinition"]["resolvedDependencies"] = [
        {"uri": "https://dl.k8s.io/bin", "digest": {"sha256": digest}}
    ]
    return json.dumps(statement).encode()


def sent(server, contents):
    with server.client() as http:
        for content in contents:
            assert http.post("/v1/records", content=content).status_code == 201


def in_one_log(path, contents):
    folder = DataFolder(path)
    folder.create(origin="log.example/whole")
    with open_recorder(folder) as recorder:
        assert all(o.status == "recorded" for o in recorder.record(contents, principal=ME))
    fold_views(folder, open_log(folder))
    return open_desk(folder, open_log(folder))


def test_a_trace_over_both_is_the_trace_of_one_log_with_all_of_it(tmp_path):
    events = [file.read_bytes() for file in AIRFLOW]
    provenance = [file.read_bytes() for file in KUBERNETES]
    statement = json.loads(provenance[0])
    program = statement["subject"][7]["digest"]["sha256"]
    commit = statement["predicate"]["materials"][0]["digest"]["sha1"].strip("'")
    # They load and publish a table, and build Kubernetes; we work on.
    theirs, ours = events[:5] + provenance, [*events[5:], uses(program)]
    whole = in_one_log(tmp_path / "whole", theirs + ours)
    here, there = tmp_path / "a" / "log", tmp_path / "b" / "log"
    here.parent.mkdir(), there.parent.mkdir()
    with ServerProcess(there) as b, ServerProcess(here) as a:
        sent(a, ours)
        sent(b, theirs)
        origin = DataFolder(there).origin
        (told,) = follow(a, b, here)["logs"]
        assert (told["size"], told["held"], told["withheld"]) == (len(theirs) + 1,) * 2 + ([],)
        for start, meet, end in (
            (RESULT, TABLE, "test.csv"), (sha256_of("our-image"), program, commit),
        ):  # fmt: skip
            one = whole.trace(start, TraceOptions())

            def answer(start=start, one=one):
                found = said("trace", start, "--data", here)
                return found if len(found["nodes"]) >= len(one.nodes) else None

            two = until(answer)
            assert {n["id"]: n["depth"] for n in two["nodes"]} == {n.id: n.depth for n in one.nodes}
            links = {(e["from"], e["relation"], e["to"]) for e in two["edges"]}
            assert links == {(e.source, e.relation, e.target) for e in one.edges}
            whose = {e.get("log", "") for e in two["edges"]}
            assert whose == {"", origin}
            assert any(n["id"].endswith(f":{end}") for n in two["nodes"])
            alone = said("trace", start, "--own", "--data", here)
            assert len(alone["nodes"]) < len(two["nodes"])
            # Each link of theirs is one that their own log states, in the same words.
            word = {(e["from"], e["relation"], e["to"]): e for e in two["edges"] if e.get("log")}
            own = said("trace", meet, "--data", there)["edges"]
            own = {(e["from"], e["relation"], e["to"]): e for e in own}
            assert word.keys() <= own.keys()
            for link, edge in word.items():
                for key in ("entry", "entries", "trust", "signers", "received", "properties"):
                    assert edge[key] == own[link][key]
        listed = said("federate", "list", "--data", here)["completeness"]
        assert listed["by"] == {origin: listed["explained"]}
        assert listed["explained"] >= 2  # the table, and the program
        assert listed["unexplained"] >= listed["explained"]
        shown = wherefrom("federate", "list", "--data", here).stdout
        assert f"others say it of {listed['explained']}" in shown
        theirs_alone = said("show", program, "--data", here)
        assert {m.get("log", "") for m in theirs_alone["matches"]} == {"", origin}
        assert origin in wherefrom("show", program, "--data", here).stdout
        assert origin in wherefrom("find", program, "--data", here).stdout
        with a.client() as http:
            assert "logs" not in http.get("/v1/find", params={"q": program, "own": 1}).json()
            assert http.get(f"/v1/show/{program}").json()["logs"][0]["origin"] == origin

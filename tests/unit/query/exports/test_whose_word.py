"""What another log says is never our word, in whatever format it is written."""

import json
import re

import networkx
import pydot
import pytest

from tests.folders import sha256_of
from tests.journeys.test_federation import built
from tests.unit.query.test_across import COMMIT, desk_of, log_of, others
from wherefrom.query import exports
from wherefrom.query.desk import TraceOptions

A, B = "log.example/a", "log.example/b"


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The trace of app, alone and with what b knows of its library."""
    path = tmp_path_factory.mktemp("logs")
    a = log_of(path / "a", A, built("app", "library"))
    b = log_of(path / "b", B, built("x"), built("library", commit=COMMIT))
    alone = desk_of(a).trace(sha256_of("app"), TraceOptions())
    return alone, desk_of(a, *others(b)).trace(sha256_of("app"), TraceOptions())


def whose(answer):
    """(relation, whose word) of each edge, sorted."""
    return sorted((e.relation, e.log) for e in answer.edges)


def test_the_answer_has_the_word_of_both(answers):
    alone, both = answers
    assert {log for _, log in whose(alone)} == {""}
    assert {log for _, log in whose(both)} == {"", B}


@pytest.mark.parametrize("format", exports.FORMATS)
def test_no_other_log_stands_in_an_export_of_our_own_word(answers, format):
    written = exports.write(answers[0], format)
    assert B not in written
    for word in ("inLog", "wf:log", "wf:follows", '"edge.log"', '"graph.logs"'):
        assert word not in written


def test_graphml_names_the_log_of_each_edge(answers):
    graph = networkx.parse_graphml(exports.write(answers[1], "graphml"))
    found = sorted((d["relation"], d.get("log", "")) for *_, d in graph.edges(data=True))
    assert found == whose(answers[1])
    assert graph.graph["logs"] == B


# pydot calls its parser by names that this has deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:pydot")
def test_dot_names_the_log_of_each_edge(answers):
    (graph,) = pydot.graph_from_dot_data(exports.write(answers[1], "dot"))
    labels = [edge.get_label().strip('"').split("\\n") for edge in graph.get_edges()]
    found = sorted((label[0], B if f" of {B} " in label[1] else "") for label in labels)
    assert found == whose(answers[1])
    assert f"and of log {B}, size 3" in exports.write(answers[1], "dot")


def test_mermaid_names_the_log_of_each_edge(answers):
    written = exports.write(answers[1], "mermaid")
    found = re.findall(r"\|\"([^<]+)<br/>#35;[0-9]+( of log\.example/b)? ", written)
    assert sorted((relation, B if of else "") for relation, of in found) == whose(answers[1])


def test_prov_names_the_log_of_each_statement_and_our_own_vouches_first(answers):
    document = json.loads(exports.write(answers[1], "prov-json"))
    (follows,) = (e["wf:follows"] for e in document["entity"].values() if "wf:follows" in e)
    assert follows.startswith(f"{B} 3 ")
    (library,) = (e for e in document["entity"].values() if e.get("wf:id") == sha256_of("library"))
    assert "wf:log" not in library
    used = sorted(u.get("wf:log", "") for u in document["used"].values())
    assert used == sorted(log for relation, log in whose(answers[1]) if relation == "used")
    assert "wf:log=" in exports.write(answers[1], "prov-n")


def test_openlineage_keeps_the_entries_of_each_log_apart(answers):
    events = list(map(json.loads, exports.write(answers[1], "openlineage").splitlines()))
    facets = {
        e["run"]["facets"]["wherefrom"]["id"]: e["run"]["facets"]["wherefrom"] for e in events
        if "run" in e
    }  # fmt: skip
    ours, theirs = (
        next(f for id, f in facets.items() if id.endswith(name)) for name in ("app", "library")
    )
    assert (ours["entries"], "inLogs" in ours) == ([1], False)
    assert (theirs["entries"], theirs["inLogs"]) == ([], {B: [2]})
    inputs = [i for e in events for i in e.get("inputs", ())]
    said = {json.dumps(i).count(f'"inLog": "{B}"') for i in inputs}
    assert said == {0, 1}

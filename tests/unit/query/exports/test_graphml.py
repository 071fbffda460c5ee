"""GraphML: read back by networkx as the same graph, whatever names are in it."""

import io
import json
import re

import networkx
import pytest

from tests.unit.query.exports.answers import ANSWERS, HOSTILE
from wherefrom.formats.facts import KINDS
from wherefrom.query.exports.graphml import to_graphml


def read(answer):
    return networkx.read_graphml(io.BytesIO(to_graphml(answer).encode()), force_multigraph=True)


def in_xml(text):
    """What XML can hold of a text."""
    return "".join(c if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") else "\ufffd"
                   for c in text)  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
def test_every_node_and_edge_is_read_back_with_what_is_said_of_it(name):
    answer = ANSWERS[name]
    graph = read(answer)
    nodes = [(d["id"], d["kind"], d["prov"], d.get("name")) for _, d in graph.nodes(data=True)]
    assert nodes == [
        (in_xml(n.id), n.kind, KINDS[n.kind], in_xml(n.name) if n.name else None)
        for n in answer.nodes
    ]
    ids = dict(graph.nodes(data="id"))
    edges = {(ids[a], d["relation"], ids[b], d["entry"], d["trust"], d.get("signers", ""))
             for a, b, d in graph.edges(data=True)}  # fmt: skip
    assert edges == {
        (in_xml(e.source), e.relation, in_xml(e.target), e.entry, e.trust, " ".join(e.signers))
        for e in answer.edges
    }


def test_properties_are_read_back_as_json():
    graph = read(ANSWERS["hostile names"])
    said = [json.loads(d["properties"]) for _, d in graph.nodes(data=True) if "properties" in d]
    kept = [re.sub("[\ufffe\uffff]", "\ufffd", text) for text in HOSTILE]  # JSON escapes the rest
    assert said == [{text: text} for text in kept]


def test_the_graph_says_of_which_log_and_what_was_cut_off():
    answer = ANSWERS["hostile names"]
    graph = read(answer).graph
    assert (graph["size"], graph["root"], graph["origin"]) == (20, "e" * 64, answer.log.origin)
    assert (graph["truncated"], graph["reason"]) == (True, "nodes")

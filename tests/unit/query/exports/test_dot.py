"""Graphviz: a digraph that another program reads, whatever names are in it."""

import msgspec
import pydot
import pytest

from tests.unit.cli.test_draw import ARTIFACT, BUILT, edge, node, trace
from tests.unit.query.exports.answers import ANSWERS, HOSTILE
from wherefrom.query.exports.dot import to_dot

# pydot calls its parser by names that this has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pydot")


def read(answer):
    (graph,) = pydot.graph_from_dot_data(to_dot(answer))
    return graph


def nodes_of(graph):
    return [n for n in graph.get_nodes() if n.get_name() not in ("node", "edge", "graph")]


@pytest.mark.parametrize("name", ANSWERS)
def test_every_node_and_edge_is_read_back_from_effect_to_cause(name):
    answer = ANSWERS[name]
    graph = read(answer)
    names = [n.get_name() for n in nodes_of(graph)]
    assert len(set(names)) == len(answer.nodes)
    ids = dict(zip(names, (n.id for n in answer.nodes), strict=True))
    # pydot gives the edges of one pair together.
    assert sorted((ids[e.get_source()], ids[e.get_destination()]) for e in graph.get_edges()) == (
        sorted((e.source, e.target) for e in answer.edges)
    )


def test_a_node_is_called_by_its_id_wherever_a_name_can_hold_it():
    assert [n.get_name() for n in nodes_of(read(BUILT))] == [f'"{n.id}"' for n in BUILT.nodes]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out_of_its_quotes(name):
    answer = trace([node(ARTIFACT, "artifact", name), node(name, "resource", name)], [])
    first, second = nodes_of(read(answer))
    for found in (first, second):
        assert set(found.get_attributes()) == {"label"}


def test_two_ids_that_look_alike_stay_two_nodes():
    answer = trace([node(id, "resource") for id in ("a\n", "a\t", "a\\", 'a"', "node-0")], [])
    assert len({n.get_name() for n in nodes_of(read(answer))}) == 5


def test_labels_name_the_relation_the_entry_and_the_trust():
    text = to_dot(BUILT)
    assert r'label="generated_by\n#12 signed k:dddddddd"' in text
    assert r'label="artifact\nkubectl\nsha256:aaaaaaaaaaaa"' in text


def test_a_label_shows_an_entity_as_it_is_written():
    text = to_dot(trace([node(ARTIFACT, "artifact", "&lt;b&gt; \\N")], []))
    assert r"&amp;lt;b&amp;gt; \\N" in text


def test_other_names_and_documents_are_dashed():
    answer = trace(
        [node(ARTIFACT, "artifact"), node("x", "attestation")],
        [edge("x", "describes", ARTIFACT, 1, annotation=True)],
    )
    assert "style=dashed" in to_dot(answer)


def test_the_graph_says_if_it_was_cut_off_or_is_of_an_earlier_size():
    answer = msgspec.structs.replace(BUILT, as_of=5, truncated=True, reason="depth")
    (said,) = read(answer).get_graph_defaults()
    assert said["comment"].endswith(', as known at size 5; cut off by the bound on depth"')


def test_the_graph_says_of_which_log_it_speaks():
    (said,) = read(BUILT).get_graph_defaults()
    assert said["comment"] == f'"{ARTIFACT} as of log log.example/x, size 20, root {"e" * 64}"'

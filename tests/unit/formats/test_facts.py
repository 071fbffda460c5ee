"""Facts: each node and edge once, and the tables that everything else is said in."""

import pytest

from wherefrom.formats.facts import KINDS, RELATIONS, Edge, FactsBuilder, Node, Tag


def builder():
    return FactsBuilder(document="sha256:00")


def built(made):
    return made.build(kind="event", type="t")


def test_a_node_mentioned_again_is_one_node_that_says_both():
    made = builder()
    assert made.node("a", "package", properties={"x": 1, "none": None}) == "a"
    made.node("a", "package", "name", {"y": 2})
    made.node("a", "package", "another", {"x": 3})
    assert built(made).nodes == (Node("a", "package", "name", {"x": 3, "y": 2}),)


@pytest.mark.parametrize("vague", ["artifact", "component", "resource"])
def test_a_kind_that_says_more_replaces_one_that_says_less_and_no_other(vague):
    made = builder()
    made.node("a", vague)
    made.node("a", "image")
    made.node("a", vague)
    made.node("a", "package")
    assert built(made).nodes[0].kind == "image"


def test_an_edge_said_twice_is_one_edge_and_a_loop_is_none():
    made = builder()
    for name in ("a", "b"):
        made.node(name, "artifact")
    made.edge("a", "used", "b", {"how": "first"})
    made.edge("a", "used", "b", {"how": "second"})
    made.edge("a", "derived_from", "b")
    made.edge("a", "used", "a")
    assert built(made).edges == (
        Edge("a", "used", "b", {"how": "first"}),
        Edge("a", "derived_from", "b"),
    )


def test_a_tag_is_kept_once_in_order():
    made = builder()
    made.node("a", "image")
    for name in ("x:1", "x:2", "x:1"):
        made.tag(name, "a")
    assert built(made).tags == (Tag("x:1", "a"), Tag("x:2", "a"))


@pytest.mark.parametrize(
    "slip",
    [
        lambda b: b.node("a", "thing"),
        lambda b: b.edge("a", "likes", "b"),
        lambda b: (b.edge("a", "used", "b"), built(b)),
    ],
    ids=["unknown-kind", "unknown-relation", "edge-without-nodes"],
)
def test_our_own_slips_are_assertions(slip):
    with pytest.raises(AssertionError):
        slip(builder())


def test_what_is_asked_for_is_passed_on():
    made = builder().build(
        kind="event", type="t", occurred="x", namespaces=("n",), producers=("p",)
    )
    assert (made.document, made.kind, made.type, made.occurred) == ("sha256:00", "event", "t", "x")
    assert (made.namespaces, made.producers, made.nodes) == (("n",), ("p",), ())


def test_the_relations_and_kinds_are_closed_tables_over_prov():
    assert len(RELATIONS) == 17
    assert set(KINDS.values()) == {"Entity", "Activity", "Agent"}
    assert all(name == name.lower() for name in [*RELATIONS, *KINDS])

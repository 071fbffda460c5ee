"""Mermaid: a flowchart of one statement a line, which no name can leave."""

import html
import re

import pytest

from tests.unit.query.exports.answers import ANSWERS
from wherefrom.formats.shown import printable
from wherefrom.query.exports.mermaid import to_mermaid

# What may stand in a label: nothing that any of Mermaid's passes over its text looks for.
LABEL = r'"((?:[\w ./@+,-]|#[0-9]+;|<br/>)*)"'
NODE = re.compile(rf"  (n[0-9]+)(?:\[{LABEL}\]|\({LABEL}\)|\{{\{{{LABEL}\}}\}})")
EDGE = re.compile(rf"  (n[0-9]+) (-->|-\.->)\|{LABEL}\| (n[0-9]+)")
COMMENT = re.compile(r"  %% [^%{}]*")


def shown(label):
    return [html.unescape(re.sub(r"#([0-9]+);", r"&#\1;", line)) for line in label.split("<br/>")]


def statements(answer):
    first, comment, *lines = to_mermaid(answer).removesuffix("\n").split("\n")
    assert first == "flowchart LR"
    assert COMMENT.fullmatch(comment)
    nodes, edges = {}, []
    for line in lines:
        if match := NODE.fullmatch(line):
            nodes[match[1]] = shown(next(g for g in match.groups()[1:] if g is not None))
        else:
            match = EDGE.fullmatch(line)
            assert match, line
            edges.append((match[1], match[2], shown(match[3]), match[4]))
    return nodes, edges


@pytest.mark.parametrize("name", ANSWERS)
def test_every_line_is_a_node_or_an_edge_and_each_is_there(name):
    answer = ANSWERS[name]
    nodes, edges = statements(answer)
    assert [lines[0] for lines in nodes.values()] == [n.kind for n in answer.nodes]
    names = dict(zip(nodes, (n.id for n in answer.nodes), strict=True))
    assert [(names[a], lines[0], names[b]) for a, _, lines, b in edges] == [
        (e.source, e.relation, e.target) for e in answer.edges
    ]


def test_a_name_is_shown_as_it_is_as_far_as_it_can_be():
    answer = ANSWERS["hostile names"]
    nodes, _ = statements(answer)
    for lines, n in zip(nodes.values(), answer.nodes, strict=True):
        if n.name and len(n.name) <= 60:
            assert lines[1] == printable(n.name)


def test_an_edge_names_the_entry_and_the_trust_and_other_names_are_dotted():
    _, edges = statements(ANSWERS["every relation"])
    assert edges[0][2] == ["generated_by", "#0 signed k:dddddddd +1"]
    assert {arrow for _, arrow, lines, _ in edges if lines[0] == "alternate"} == {"-.->"}
    assert {arrow for _, arrow, lines, _ in edges if lines[0] == "used"} == {"-->"}

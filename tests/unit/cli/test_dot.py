"""A trace as Graphviz: a digraph that parses, whatever names are in it."""

import re

import pytest

from tests.unit.cli.test_draw import ARTIFACT, BUILT, edge, node, trace
from wherefrom.cli.dot import to_dot

# The part of the language that is written here, token by token.
TOKEN = re.compile(r'\s*(?:("(?:[^"\\\n]|\\.)*")|(->|[{}\[\]=,;])|([A-Za-z_][A-Za-z0-9_]*|[0-9]+))')


def tokens(text):
    at = 0
    while text[at:].strip():
        match = TOKEN.match(text, at)
        assert match, f"not DOT at {text[at : at + 60]!r}"
        at = match.end()
        yield match[0].strip()


def statements(text):
    """The statements of a digraph as lists of tokens."""
    found = list(tokens(text))
    assert found[:3] == ["digraph", "wherefrom", "{"]
    assert found[-1] == "}"
    statement = []
    for token in found[3:-1]:
        if token == ";":
            yield statement
            statement = []
        else:
            statement.append(token)
    assert not statement, "a statement without its end"


def test_every_node_and_edge_is_there_from_effect_to_cause():
    found = list(statements(to_dot(BUILT.nodes, BUILT.edges)))
    edges = [(s[0], s[2]) for s in found if s[1:2] == ["->"]]
    assert edges == [(f'"{e.source}"', f'"{e.target}"') for e in BUILT.edges]
    assert {s[0] for s in found if s[0].startswith('"') and s[1] == "["} == {
        f'"{n.id}"' for n in BUILT.nodes
    }


@pytest.mark.parametrize(
    "name", ['say "hi"', "back\\slash", "ends in \\", "two\nlines", "<b>", "a;b}c", "\x1b[2J", "→"]
)
def test_no_name_breaks_out_of_its_quotes(name):
    answer = trace([node(ARTIFACT, "artifact", name), node(name, "resource")], [])
    found = list(statements(to_dot(answer.nodes, answer.edges)))
    assert len([s for s in found if s[0].startswith('"')]) == 2


def test_labels_name_the_relation_the_entry_and_the_trust():
    text = to_dot(BUILT.nodes, BUILT.edges)
    assert r'label="generated_by\n#12 signed k:dddddddd"' in text
    assert r'label="artifact\nkubectl\nsha256:aaaaaaaaaaaa"' in text


def test_other_names_and_documents_are_dashed():
    answer = trace(
        [node(ARTIFACT, "artifact"), node("x", "attestation")],
        [edge("x", "describes", ARTIFACT, 1, annotation=True)],
    )
    assert "style=dashed" in to_dot(answer.nodes, answer.edges)

"""Answers to export: one of every relation, hostile names, a way, nothing at all, ten thousand."""

from __future__ import annotations

import msgspec

from tests.unit.cli.test_draw import edge, node, trace
from wherefrom.formats.facts import KINDS, RELATIONS
from wherefrom.query import Path as Way

KEY = "k:" + "d" * 32
OTHER_KEY = "k:" + "e" * 32
HOSTILE = [
    'say "hi"', "it's", "back\\slash", "ends in \\", "two\nlines", "a\r\nb", "tab\there", "]]>",
    "<b>&amp;</b>", "a;b}c", "--> n0[x]", "\x1b[2J", "\x00", "→", "\U0001f980\u200d\U0001f308",
    "\u202eright to left", "\u0645\u0631\u062d\u0628\u0627", "%% comment", "`*md*`", "#35;", "end",
    "%%{init: {'theme':'dark'}}%%", "style a:#b;", "{{ x }}", "'); drop", "endDocument", "a//b",
    "/* c */", "prov:x", "wf:answer", "urn:wherefrom:id:x", "%2F", "%", "a%zz", "-", ".", "_:b1",
    "https://example.com/a#b", "https:x", "x:", "node-0", "1. list", "\ufffe\uffff", "é",
    "a\u2028b\u2029c\x85d", "x" * 2000,    "pkg:npm/%40scope/name@1.0.0?arch=x#sub", "y" * 10_000,
]  # fmt: skip


def every_relation():
    """One edge of each relation between two nodes of each class, so that each pairing occurs."""
    nodes = [node(f"{kind}:{side}", kind, f"a {kind}") for kind in KINDS for side in ("a", "b")]
    sides = ("artifact", "build", "person", "job", "run")
    edges = [
        edge(f"{one}:a", relation, f"{other}:b", place, signers=[KEY, OTHER_KEY])
        for place, relation in enumerate(RELATIONS)
        for one in sides
        for other in sides
    ]
    return trace(nodes, edges)


def hostile():
    """Every hostile text as an id, a name, a property's key and value, all related to the first."""
    nodes = [node("sha256:" + "a" * 64, "artifact")]
    nodes += [node(text, "resource", text) | {"properties": {text: text}} for text in HOSTILE]
    edges = [edge(nodes[0]["id"], "derived_from", n["id"], 3) for n in nodes[1:]]
    edges[0]["properties"] = {"columns": {"a": 1}, "n": 1, "f": 1.5, "t": True, "l": [1, "x"]}
    edges[1]["entries"] = [3, 4, 5]
    edges[2]["occurred"] = "2026-01-01T00:00:00.000000Z"
    answer = trace(nodes, edges, gaps=[{"node": "x", "missing": "generated_by", "says": "]]>"}])
    return msgspec.structs.replace(
        answer,
        log=msgspec.structs.replace(answer.log, origin='%%{init}%% "]]>\n'),
        erased=[7],
        truncated=True,
        reason="nodes",
        frontier=["a\nb"],
    )


def way():
    """A way of two steps."""
    said = msgspec.to_builtins(trace([node("a", "artifact"), node("b", "build")],
                                     [edge("a", "generated_by", "b", 1)]))  # fmt: skip
    del said["starts"]
    return msgspec.convert(
        {**said, "a": "a", "b": "b", "length": 1, "explored": 2, "direction": "up"}, Way
    )


def no_way():
    """Two things that are not related: an answer without a node."""
    return msgspec.structs.replace(way(), nodes=[], edges=[], direction=None, length=None)


def alone():
    """One thing of which nothing more is known, in an empty view."""
    answer = trace([node("a", "artifact")], [])
    return msgspec.structs.replace(answer, log=msgspec.structs.replace(answer.log, root=None))


def large(nodes=10_000):
    """A tree of many nodes."""
    made = [node(f"sha256:{number:064x}", "artifact", f"file {number}") for number in range(nodes)]
    edges = [
        edge(made[(number - 1) // 3]["id"], "derived_from", made[number]["id"], number)
        for number in range(1, nodes)
    ]
    return trace(made, edges)


ANSWERS = {
    "every relation": every_relation(),
    "hostile names": hostile(),
    "a way": way(),
    "no way": no_way(),
    "alone": alone(),
}

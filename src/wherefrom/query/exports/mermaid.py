"""A trace as a Mermaid flowchart, for a README, a wiki or an issue.

    flowchart LR
      n0["artifact<br/>kubectl"]
      n0 -->|"generated_by<br/>#35;12 signed"| n1

Mermaid reads its text more than once (directives, comments, entities, Markdown), so whatever is
neither a letter, a digit nor harmless is written as a numbered entity.

Sizes:  a label's line is 60 characters; Mermaid itself draws 500 edges and 50,000 characters,
        unless it is told otherwise (``maxEdges``, ``maxTextSize``)
Source: mermaid.js.org/syntax/flowchart.html, "Entity codes to escape characters"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from wherefrom.formats.facts import KINDS
from wherefrom.formats.shown import cut, printable, short_id
from wherefrom.query.answers import Path, Trace
from wherefrom.query.exports.remarks import in_words, word_of

_LABEL_CHARS: Final = 60
_NOT_PLAIN: Final = re.compile(r"[^\w ./@+,-]")
_SHAPES: Final = {"Activity": ("[", "]"), "Agent": ("{{", "}}"), "Entity": ("(", ")")}


def to_mermaid(answer: Trace | Path) -> str:
    """The text of a ``flowchart``."""
    return "\n".join(_lines(answer)) + "\n"


def _lines(answer: Trace | Path) -> Iterator[str]:
    yield "flowchart LR"
    yield f"  %% {_escaped(in_words(answer))}"
    names = {node.id: f"n{place}" for place, node in enumerate(answer.nodes)}
    for node in answer.nodes:
        lines = [node.kind, *([node.name] if node.name else []), short_id(node.id)]
        before, after = _SHAPES[KINDS.get(node.kind, "Entity")]
        yield f"  {names[node.id]}{before}{_label(list(dict.fromkeys(lines)))}{after}"
    for edge in answer.edges:
        arrow = "-.->" if edge.annotation or edge.relation == "alternate" else "-->"
        label = _label([edge.relation, word_of(edge)])
        yield f"  {names[edge.source]} {arrow}|{label}| {names[edge.target]}"


def _label(lines: Sequence[str]) -> str:
    return '"' + "<br/>".join(_escaped(cut(line, _LABEL_CHARS)) for line in lines) + '"'


def _escaped(text: str) -> str:
    return _NOT_PLAIN.sub(lambda match: f"#{ord(match[0])};", printable(text))

"""What every export says of an answer as a whole, and on whose word a node rests.

Trace, Path ──► about ──► {"origin": …, "size": …, "root": …, "truncated": …}
edges       ──► vouched ──► node id → the best vouched for edge that names it
"""

from __future__ import annotations

from typing import Any, Final

from wherefrom.formats.entry import LEVELS
from wherefrom.formats.shown import trust_said
from wherefrom.query.answers import FollowedLog, Path, Trace, TraceEdge

_STRENGTH: Final = {level: strength for strength, level in enumerate(LEVELS)}


def about(answer: Trace | Path) -> dict[str, Any]:
    """Of which log it speaks, what was asked, what a bound cut off; nothing that is None."""
    said: dict[str, Any] = {
        "origin": answer.log.origin,
        "size": answer.log.size,
        "root": answer.log.root,
        "as_of": answer.as_of,
        "at": answer.at,
        "of": answer.of,
        "to": answer.b if isinstance(answer, Path) else None,
        "direction": answer.direction,
        "truncated": answer.truncated,
        "reason": answer.reason,
    }
    return {key: value for key, value in said.items() if value is not None}


def in_words(answer: Trace | Path) -> str:
    """The same on one line, for a comment."""
    log = answer.log
    text = f"{answer.of} as of log {log.origin}, size {log.size}, root {log.root or '-'}"
    if answer.as_of != log.size:
        text += f", as known at size {answer.as_of}"
    for other in others_of(answer):
        text += f"; and of log {other.origin}, size {other.size}, root {other.root or '-'}"
    if answer.truncated:
        text += f"; cut off by the bound on {answer.reason}"
    return text


def others_of(answer: Trace | Path) -> list[FollowedLog]:
    """The followed logs whose word is in the answer."""
    logs = answer.logs if isinstance(answer, Trace) else []
    used = {edge.log for edge in answer.edges}
    return [other for other in logs if other.origin in used]


def word_of(edge: TraceEdge) -> str:
    """``#12 signed k:12345678``; with whose entry 12 that is, unless it is our own."""
    whose = f" of {edge.log}" if edge.log else ""
    return f"#{edge.entry}{whose} {trust_said(edge.trust, edge.signers)}"


def vouched(answer: Trace | Path) -> dict[str, TraceEdge]:
    """Of the edges that touch a node, the most trusted, then the first: its record names it.

    Our own log's before any other's: their trust is their own judgement.
    """
    best: dict[str, TraceEdge] = {}
    for edge in sorted(
        answer.edges, key=lambda e: (bool(e.log), -_STRENGTH.get(e.trust, 0), e.entry)
    ):
        best.setdefault(edge.source, edge)
        best.setdefault(edge.target, edge)
    return best

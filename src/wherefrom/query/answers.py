"""The shapes of the answers: plain structs whose ``to_builtins`` is the JSON that doors send.

Every answer says as of which log it speaks (``log``), as known at which size when that was asked
(``as_of``), and what is not in it: ``erased`` entries, and what a bound cut off.

    trace, path ──► Trace, Path      nodes, edges with their evidence, gaps, frontier
    find        ──► Found            matches
    show        ──► Shown            matches, each with all that is said of it

Nodes and edges are made by the thousand and hold no cycles, so the collector leaves them out
(``gc=False``): a fifth of the time of a trace.

Source: INTERFACES, "Command line"
"""

from __future__ import annotations

from typing import Any

import msgspec

from wherefrom.views.graph import Lens, Snapshot

ERASED_MAX = 100
FRONTIER_MAX = 1_000


class LogPosition(msgspec.Struct, frozen=True, kw_only=True):
    """The log the answer was read from; ``root`` in hex, None while the view is empty."""

    origin: str
    size: int
    root: str | None


class TraceNode(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A thing. ``depth`` counts the edges from what was asked, alternates not counted.

    log  whose word its kind, name and properties are; left out of our own
    """

    id: str
    kind: str
    name: str | None
    properties: dict[str, Any]
    depth: int
    log: str = ""


class TraceEdge(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    rename={"source": "from", "target": "to"},
):
    """An edge, under the best of the entries that state it: the most trusted, then the first.

    trust       effective at the answer's size; ``door`` is the judgement when it came
    occurred    when that entry says it happened, or None; ``dated_by`` tells which of
                ``occurred`` and ``received`` was used for ``--at``
    entries     entries that state it, lowest first, STATEMENTS_MAX at most; ``more`` if others do
    annotation  shown beside the walk, not walked through: a document that describes a node
    log         whose word it is, and in which log its entries are; left out of our own
    """

    source: str
    target: str
    relation: str
    entry: int
    trust: str
    signers: tuple[str, ...]
    occurred: str | None
    received: str
    dated_by: str
    door: str
    verdict: int | None
    entries: list[int]
    more: bool
    properties: dict[str, Any]
    depth: int
    annotation: bool
    log: str = ""


class MissingLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that ought to be there: ``missing`` is the relation no record states of ``node``."""

    node: str
    missing: str
    says: str


class FollowedLog(msgspec.Struct, kw_only=True):
    """A log that is followed, as an answer used it.

    edges    edges of a trace that are its word
    erased   its entries that are erased, as ``erased`` of our own
    trouble  why it is not followed any further, or empty
    """

    origin: str
    size: int
    root: str | None
    edges: int = 0
    erased: list[int] = []
    trouble: str = ""


class Completeness(msgspec.Struct, frozen=True, kw_only=True):
    """Of the links that are ``missing`` in our own answer, how many other logs have: ``closed``."""

    missing: int
    closed: int


class Trace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where something came from (``up``) or what came of it (``down``).

    of         the id asked for; ``starts`` all ids it stands for
    truncated  a bound ended the walk: ``reason`` is ``depth``, ``nodes`` or ``time``, and
               ``frontier`` the nodes it would go on from, FRONTIER_MAX at most
    notes      in words, what a reader should know of the answer
    logs       other logs that were asked, if any are followed; and what that came to
    """

    of: str
    starts: list[str]
    direction: str
    log: LogPosition
    as_of: int
    at: str | None
    nodes: list[TraceNode]
    edges: list[TraceEdge]
    gaps: list[MissingLink]
    erased: list[int]
    truncated: bool
    reason: str | None
    frontier: list[str]
    notes: list[str]
    logs: list[FollowedLog] = []
    completeness: Completeness | None = None


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """The shortest way between two things, or how far was looked; it reads as a ``Trace`` too.

    of         the same as ``a``
    direction  ``up``: ``b`` is where ``a`` came from; ``down``: ``b`` came of ``a``; None: no way
    length     edges on the way, alternates not counted; None without a way
    explored   nodes seen in all
    nodes      from ``a`` to ``b``; the edges between them in the same order
    gaps       none: a way says nothing of what else ought to be there
    frontier   where a search that a bound ended would go on, FRONTIER_MAX at most
    """

    of: str
    a: str
    b: str
    direction: str | None
    length: int | None
    explored: int
    log: LogPosition
    as_of: int
    at: str | None
    nodes: list[TraceNode]
    edges: list[TraceEdge]
    gaps: list[MissingLink]
    erased: list[int]
    truncated: bool
    reason: str | None
    frontier: list[str]
    notes: list[str]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that a text may mean; ``entries`` mention it, lowest first, ENTRIES_MAX at most.

    log  whose word it is, and in which log its entries are; left out of our own
    """

    id: str
    kind: str
    name: str | None
    entries: list[int]
    because: str = "id"
    log: str | msgspec.UnsetType = msgspec.UNSET


class Found(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``find`` found, the likeliest first; ``truncated`` if there may be more.

    logs  other logs that were asked, if any are followed
    """

    of: str
    log: LogPosition
    as_of: int
    matches: list[Match]
    truncated: bool
    logs: list[FollowedLog] = []


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A record that speaks of a node, how far it is believed, and what it says."""

    entry: int
    kind: str
    type: str
    trust: str
    signers: tuple[str, ...]
    door: str
    verdict: int | None
    occurred: str | None
    received: str
    says_kind: str
    says_name: str | None
    says: dict[str, Any]


class TagInterval(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from"}):
    """A tag that pointed here from ``since`` until ``until`` (None: as far as is known, still)."""

    name: str
    since: str
    until: str | None
    entry: int


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What to know before believing in a thing: ``weak_digest``, ``reused``, ``went_back``,
    ``future`` or ``before_cause``."""

    mark: str
    says: str
    entries: list[int]


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One thing with all that is known of it; ``records`` are RECORDS_MAX at most.

    alternates  other ids that records say are the same thing
    up, down    edges of each relation towards causes, from effects; counts stop at COUNT_MAX
    log         whose word all of it is, and in which log its entries are; left out of our own
    """

    id: str
    kind: str
    name: str | None
    entries: list[int]
    properties: dict[str, Any]
    alternates: list[str]
    tags: list[TagInterval]
    up: dict[str, int]
    down: dict[str, int]
    records: list[Record]
    marks: list[Mark] = []
    log: str | msgspec.UnsetType = msgspec.UNSET


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What ``show`` shows: each thing that was asked for, as each log that knows it says it.

    logs  other logs that were asked, if any are followed
    """

    of: str
    log: LogPosition
    as_of: int
    at: str | None
    matches: list[Detail]
    erased: list[int]
    logs: list[FollowedLog] = []


def log_of(snapshot: Snapshot) -> LogPosition:
    """The log position that an answer from this snapshot carries."""
    root = snapshot.root.hex() if snapshot.root is not None else None
    return LogPosition(origin=snapshot.origin, size=snapshot.size, root=root)


def erased_in(snapshot: Snapshot, lens: Lens) -> list[int]:
    """Entries erased below the lens's size, lowest first; the newest ERASED_MAX of them.

    All of them, not only those that touch the answer: what an erased entry said is not kept
    anywhere, so nobody can tell which answers it would have changed.
    """
    return sorted(snapshot.erased(lens, ERASED_MAX))

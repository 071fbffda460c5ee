"""Whom a new record concerns: for each thing that is watched, all that its verdict hangs on.

    survey ──keep──► node → who, entry → who            a table that is nobody's but ours
    log from ``since`` on ──► new edges, new words, new trust ──touched_by──► who is looked at again

One record names many things that others share: a builder, a base image, a package, a CVE. So it is
not the naming that counts, but whether it says anything new of what a survey reads there:

    name      what it is called; documents about it; other names; what it is part of
    document  what is said of it
    within    a part, or a claim: claims about a part that do not name another product
    above     what is said of it, and what it came from

Sizes:  the table lies in a temporary file of SQLite's, CACHE_KIB of it in memory
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

import apsw
import msgspec

from wherefrom.formats import feed
from wherefrom.query.claimed import is_claim, products_of
from wherefrom.query.dossier import Survey, is_evidence
from wherefrom.query.summary import summaries
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS, DESCRIBES

CACHE_KIB: Final = 32 * 1024
ROWS_MAX: Final = 1_000
NAME, DOCUMENT, WITHIN, ABOVE = 1, 2, 4, 8
_TABLES: Final = """
CREATE TABLE hangs(node INTEGER, who INTEGER, role INTEGER, PRIMARY KEY (node, who)) WITHOUT ROWID;
CREATE INDEX hangs_by_who ON hangs(who);
CREATE TABLE rests(entry INTEGER, who INTEGER, PRIMARY KEY (entry, who)) WITHOUT ROWID;
CREATE INDEX rests_by_who ON rests(who);
"""
_Edge = tuple[int, int, int]  # effect, relation, cause


class News(NamedTuple):
    """What records say from some entry on.

    nodes, edges  that evidence names and states
    judged        entries that are judged anew, or erased
    is_erasing    whether anything is erased; ``is_tagging``, whether a name is given that may move
    """

    nodes: set[int]
    edges: set[_Edge]
    judged: set[int]
    is_erasing: bool
    is_tagging: bool


class Interests:
    """The table; one thread's. ``who`` is a number that the caller gives."""

    def __init__(self) -> None:
        self._db = apsw.Connection("")  # a file without a name: it goes when we go
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KIB}; PRAGMA journal_mode = OFF")
        self._db.execute(_TABLES)

    def keep(self, who: int, looked: Survey) -> None:
        """From now on it hangs on what was looked at, and on nothing else."""
        roles = dict.fromkeys(looked.links, NAME)
        for nodes, role in (
            (looked.documents, DOCUMENT), (looked.within, WITHIN), (looked.above, ABOVE),
        ):  # fmt: skip
            for node in nodes:
                roles[node] = roles.get(node, 0) | role
        with self._db:
            self.drop(who)
            self._db.executemany(
                "INSERT INTO hangs VALUES (?, ?, ?)",
                ((node, who, role) for node, role in roles.items()),
            )
            self._db.executemany(
                "INSERT INTO rests VALUES (?, ?)", ((entry, who) for entry in looked.entries)
            )

    def drop(self, who: int) -> None:
        """It hangs on nothing any more."""
        self._db.execute("DELETE FROM hangs WHERE who = ?", (who,))
        self._db.execute("DELETE FROM rests WHERE who = ?", (who,))

    def touched_by(self, news: News, graph: Snapshot, lens: Lens, *, since: int) -> set[int]:
        """Who is concerned by ``news``, which is of the entries from ``since`` on."""
        found = set(self._who("SELECT who FROM rests WHERE entry IN", news.judged))
        ends = {end for effect, _, cause in news.edges for end in (effect, cause)}
        known = self._known(news.nodes | ends)
        before = graph.lens(as_of=since)
        for node, roles in self._said_anew(graph, before, lens, known.keys() & news.nodes, known):
            found |= self._hanging([node], roles)
        near = {edge for edge in news.edges if edge[0] in known or edge[2] in known}
        for edge in graph.first_since(near, since):
            found |= self._concerned(edge, graph, lens)
        return found

    def _concerned(self, edge: _Edge, graph: Snapshot, lens: Lens) -> set[int]:
        """Who hangs on an end of a new edge, so that the edge says something new of it."""
        effect, relation, cause = edge
        found = self._hanging([effect], NAME | DOCUMENT | WITHIN | ABOVE)
        if relation == ALTERNATE:
            found |= self._hanging([cause], NAME | DOCUMENT | WITHIN | ABOVE)
        elif relation in (DESCRIBES, CONTAINS):
            found |= self._hanging([cause], NAME)
        if relation == DESCRIBES and (in_parts := self._hanging([cause], WITHIN) - found):
            found |= self._claimed(edge, in_parts, graph, lens)
        return found

    def _claimed(self, edge: _Edge, who: set[int], graph: Snapshot, lens: Lens) -> set[int]:
        """Those of ``who`` that a document about one of their parts is about."""
        claim, _, part = edge
        said = summaries(graph, [claim, part], lens)
        if graph.ids([part])[part].startswith(feed.NODE):
            return who  # a look at a feed of advisories: what was too old is fresh
        if not is_claim(said[claim]) or is_claim(said[part]):
            return set()
        if said[part].kind == "vulnerability":
            return set()
        products: set[str] = set()
        for step in graph.steps([claim], lens, up=True, only=DESCRIBES, rows_max=ROWS_MAX):
            if step.cause == part:
                products |= products_of(graph, step, frozenset())
        if not products:
            return who
        return who & self._hanging(graph.numbers(products).values(), NAME)

    def _said_anew(
        self, graph: Snapshot, before: Lens, after: Lens, nodes: Collection[int],
        known: dict[int, int],
    ) -> Iterable[tuple[int, int]]:  # fmt: skip
        """Nodes of which something else is said now, each with the roles that this concerns."""
        then, now = (summaries(graph, sorted(nodes), lens) for lens in (before, after))
        for node in nodes:
            a, b = then.get(node), now.get(node)
            if a == b:
                continue
            roles = known[node] & (DOCUMENT | ABOVE)
            if a is None or b is None or a[:2] != b[:2]:
                roles |= known[node] & (NAME | WITHIN)
            elif is_claim(b):
                roles |= known[node] & WITHIN
            if roles:
                yield node, roles

    # -- the table

    def _known(self, nodes: Collection[int]) -> dict[int, int]:
        """Those of ``nodes`` that anybody hangs on, each with all roles that it plays."""
        found: dict[int, int] = {}
        query = "SELECT DISTINCT node, role FROM hangs WHERE node IN"
        for node, role in self._rows(query, nodes):
            found[node] = found.get(node, 0) | role
        return found

    def _hanging(self, nodes: Collection[int], roles: int) -> set[int]:
        return set(self._who(f"SELECT who FROM hangs WHERE role & {roles} AND node IN", nodes))

    def _who(self, query: str, numbers: Collection[int]) -> Iterable[int]:
        return (who for (who,) in self._rows(query, numbers))

    def _rows(self, query: str, numbers: Collection[int]) -> Iterable[Any]:
        if not numbers:
            return ()
        listed = msgspec.json.encode(sorted(numbers)).decode()
        return self._db.execute(f"{query} (SELECT value FROM json_each(?))", (listed,))


def news_of(graph: Snapshot, lens: Lens, *, since: int, own: str) -> News:
    """What the entries from ``since`` on say, below the lens's size.

    own  the key that signs this log's own summaries: those change nothing
    """
    written = list(graph.written_since(since, lens.as_of))
    judgements = graph.judgements([entry for entry, _ in written], lens)
    nodes: set[int] = set()
    edges: set[_Edge] = set()
    judged: set[int] = set()
    for entry, said in written:
        judged.update(one for one in (said.judged, said.tombstone_of) if one is not None)
        if entry in judgements and is_evidence(judgements[entry], own=own):
            nodes.update(said.nodes)
            ends = iter(said.edges)
            edges.update(zip(ends, ends, ends, strict=True))
    return News(
        nodes, edges, judged,
        is_erasing=any(said.tombstone_of is not None for _, said in written),
        is_tagging=any(said.tags for _, said in written),
    )  # fmt: skip

"""What a query may ask of the graph: all the SQL that reads it stands here and in ``edges``.

Trust is joined here, when asked: the latest verdict below the lens's size, else the door's.

    numbers of nodes in, rows out; a limit on everything

Sizes:  lists of numbers are cut into CHUNK; rows_max bounds each answer
Source: docs/formats/graph.md
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import apsw
import msgspec

from wherefrom.errors import Corrupt, Unavailable
from wherefrom.views.graph.batch import Written, integers, numbers_of
from wherefrom.views.graph.edges import EdgeReads
from wherefrom.views.graph.lens import TIME, Judgement, Lens, Mention, bind, chunks, encodes

if TYPE_CHECKING:
    from wherefrom.views.graph.segment import Segment


_WRITTEN: Final = msgspec.msgpack.Decoder(Written)


class Snapshot(EdgeReads):
    """One read transaction. Made by ``GraphReader.snapshot`` and good inside its block."""

    def __init__(
        self,
        db: apsw.Connection,
        *,
        origin: str,
        size: int,
        root: bytes | None,
        segments: Sequence[Segment] = (),
    ) -> None:
        self.db = db
        self.segments = segments
        self.origin = origin
        self.size = size
        self.root = root

    def lens(self, *, as_of: int | None = None, at: str | None = None) -> Lens:
        """A lens on this snapshot. Raises Unavailable for a size it has not reached."""
        if as_of is not None and as_of > self.size:
            raise Unavailable(
                "the graph has not reached that log size",
                expected=f"--as-of up to {self.size}",
                got=str(as_of),
                do="Ask again in a moment, or check the size with `wherefrom log status`",
            )
        if as_of is not None and as_of < 0:
            raise ValueError(f"a log size is not negative: {as_of}")
        return Lens(self.size if as_of is None else as_of, at)

    def _rows(self, query: str, arguments: tuple[Any, ...]) -> list[Any]:
        return self.db.execute(query, arguments).fetchall()

    # Ids and numbers

    def numbers(self, ids: Iterable[str]) -> dict[str, int]:
        """The number of each id that is in the graph at any size."""
        return numbers_of(self.db, {i for i in ids if i and "\0" not in i and encodes(i)})

    def ids(self, numbers: Collection[int]) -> dict[int, str]:
        """The id of each number. Raises Corrupt for one that no node has."""
        found: dict[int, str] = {}
        for chunk in chunks(numbers):
            found.update(
                self.db.execute(
                    "SELECT node, id FROM carray(?1) AS v CROSS JOIN nodes ON node = v.value",
                    (integers(chunk),),
                )
            )
        if len(found) < len(set(numbers)):
            raise Corrupt(
                "an edge of the graph leads to a node that is not there",
                got=f"number {min(set(numbers) - found.keys())}",
                do="Run `wherefrom views rebuild`; nothing but time is lost",
            )
        return found

    def nodes(self) -> int:
        """How many nodes there are, at any size."""
        found: int = self.db.execute("SELECT count(*) FROM nodes").get
        return found

    def nodes_after(self, number: int, rows_max: int) -> list[int]:
        """The numbers of nodes above ``number``, lowest first."""
        query = "SELECT node FROM nodes WHERE node > ?1 ORDER BY node LIMIT ?2"
        return [found for (found,) in self._rows(query, (number, rows_max))]

    def ids_from(self, prefix: str, rows_max: int) -> list[tuple[str, int]]:
        """Ids that begin with ``prefix``, in order, with their numbers."""
        if not encodes(prefix):
            return []
        return self._rows(
            "SELECT id, node FROM ids WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
            (prefix, prefix + "\U0010ffff", rows_max),
        )

    def ids_after(self, after: str, prefix: str, rows_max: int) -> list[tuple[str, int]]:
        """The next ids that begin with ``prefix`` and come after ``after``, with their numbers."""
        if not encodes(after):
            return []
        return self._rows(
            "SELECT id, node FROM ids WHERE id > ?1 AND id >= ?2 AND id < ?3 ORDER BY id LIMIT ?4",
            (after, prefix, prefix + "\U0010ffff", rows_max),
        )

    def visible(self, numbers: Collection[int], lens: Lens) -> set[int]:
        """Those of ``numbers`` that some entry mentions under the lens."""
        in_time = f"AND {TIME} <= ?3" if lens.at is not None else ""
        join = "JOIN entries AS e ON e.entry = m.entry" if lens.at is not None else ""
        query = f"""SELECT v.value FROM carray(?1) AS v WHERE EXISTS (
            SELECT 1 FROM mentions AS m {join}
            WHERE m.node = v.value AND m.entry < ?2 {in_time})"""
        found: set[int] = set()
        for chunk in chunks(numbers):
            found.update(n for (n,) in self.db.execute(query, bind(integers(chunk), lens)))
        return found

    # What is said of nodes

    def mentions(self, numbers: Collection[int], lens: Lens, *, each_max: int) -> list[Mention]:
        """The first ``each_max`` mentions of every node, and the last as many."""
        found: list[Mention] = []
        for chunk in chunks(numbers):
            rows = self._mentions(chunk, lens, each_max=each_max, order="ASC")
            found += rows
            counts: dict[int, int] = {}
            for row in rows:
                counts[row.node] = counts.get(row.node, 0) + 1
            if full := {node for node, count in counts.items() if count == each_max}:
                seen = {row[:2] for row in rows if row.node in full}
                latest = self._mentions(sorted(full), lens, each_max=each_max, order="DESC")
                found += [row for row in latest if row[:2] not in seen]
        return found

    def _mentions(
        self, chunk: Sequence[int], lens: Lens, *, each_max: int, order: str
    ) -> list[Mention]:
        # The entry of the last mention wanted bounds a scan of the key: for the few mentions that
        # most nodes have, half the work of looking each of them up.
        in_time = f"AND {TIME} <= ?3" if lens.at is not None else ""
        join = "JOIN entries AS e ON e.entry = {}.entry" if lens.at is not None else ""
        low, high = "0", "?2 - 1"
        bound = f"""coalesce((SELECT n.entry FROM mentions AS n {join.format("n")}
            WHERE n.node = v.value AND n.entry < ?2 {in_time}
            ORDER BY n.entry {order} LIMIT 1 OFFSET {each_max - 1}), {{}})"""
        low, high = (low, bound.format(high)) if order == "ASC" else (bound.format(low), high)
        query = f"""SELECT m.node, m.entry, m.kind, m.name, m.properties
            FROM carray(?1) AS v CROSS JOIN mentions AS m
                ON m.node = v.value AND m.entry BETWEEN {low} AND {high}
            {join.format("m")} {in_time.replace("AND", "WHERE")}"""
        rows = self.db.execute(query, bind(integers(chunk), lens))
        return [Mention._make(row) for row in rows]

    def entries_of(self, number: int, lens: Lens, rows_max: int) -> list[int]:
        """The entries that mention a node, lowest first."""
        return sorted(
            m.entry for m in self._mentions([number], lens, each_max=rows_max, order="ASC")
        )

    def judgements(self, entries: Collection[int], lens: Lens) -> dict[int, Judgement]:
        """Each entry with its effective trust at the lens's size."""
        found: dict[int, Judgement] = {}
        for chunk in chunks(sorted(entries)):
            verdicts = {
                judged: (level, tuple(signers.split()), entry)
                for judged, entry, level, signers in self.db.execute(
                    """SELECT judged, max(entry), level, signers FROM carray(?1) AS v
                    CROSS JOIN verdicts ON judged = v.value AND entry < ?2 GROUP BY judged""",
                    (integers(chunk), lens.as_of),
                )
            }
            for entry, kind, type_, occurred, received, door, signers in self.db.execute(
                """SELECT e.entry, s.kind, s.type, e.occurred, e.received, s.level, s.signers
                FROM carray(?1) AS v CROSS JOIN entries AS e ON e.entry = v.value
                JOIN stamps AS s ON s.stamp = e.stamp""",
                (integers(chunk),),
            ):
                at_door = tuple(signers.split())
                level, by, verdict = verdicts.get(entry, (door, at_door, None))
                found[entry] = Judgement(
                    entry, kind, type_, occurred, received, door, at_door, level, by, verdict
                )
        return found

    def mentioned_since(self, numbers: Collection[int], since: int, *, rows_max: int) -> set[int]:
        """Entries from ``since`` on that mention one of ``numbers``: ``rows_max`` of them."""
        found: set[int] = set()
        for chunk in chunks(sorted(numbers)):
            rows = self._rows(
                """SELECT DISTINCT m.entry FROM carray(?1) AS v
                CROSS JOIN mentions AS m ON m.node = v.value AND m.entry >= ?2 LIMIT ?3""",
                (integers(chunk), since, rows_max),
            )
            found.update(entry for (entry,) in rows)
            if len(found) >= rows_max:
                break
        return found

    def judged_since(self, entries: Collection[int], since: int) -> bool:
        """Whether an entry from ``since`` on says how far one of ``entries`` is believed, or that
        it is erased."""
        return any(
            self._rows(
                """SELECT 1 FROM carray(?1) AS v WHERE
                EXISTS (SELECT 1 FROM verdicts WHERE judged = v.value AND entry >= ?2) OR
                EXISTS (SELECT 1 FROM tombstones WHERE erased = v.value AND entry >= ?2) LIMIT 1""",
                (integers(chunk), since),
            )
            for chunk in chunks(sorted(entries))
        )

    def written_since(self, since: int, until: int) -> Iterator[tuple[int, Written]]:
        """What each entry from ``since`` on and below ``until`` wrote; nothing of those erased."""
        rows = self.db.execute(
            "SELECT entry, rows FROM written WHERE entry >= ? AND entry < ?", (since, until)
        )
        for entry, written in rows:
            yield entry, _WRITTEN.decode(written)

    def first_since(
        self, edges: Iterable[tuple[int, int, int]], since: int
    ) -> set[tuple[int, int, int]]:
        """Those of ``edges`` (effect, relation, cause) that nobody stated before ``since``."""
        # What is sealed in a segment is older than that.
        query = "SELECT first FROM causes WHERE effect = ? AND relation = ? AND cause = ?"
        return {
            edge
            for edge in edges
            if (first := self.db.execute(query, edge).get) is not None and first >= since
        }

    def properties_by(self, mentions: Iterable[tuple[int, int]]) -> dict[int, str | None]:
        """What one record says of one node, as JSON: of each (node, entry), by entry."""
        query = "SELECT entry, properties FROM mentions WHERE node = ? AND entry = ?"
        return dict(row for pair in mentions for row in self.db.execute(query, pair))

    def lost_signer(self, key: str, lens: Lens, rows_max: int) -> list[int]:
        """Entries that the key ``key`` vouched for, at the door or later, and no longer does."""
        return [
            judged
            for (judged,) in self.db.execute(
                """SELECT v.judged FROM verdicts AS v
                JOIN entries AS e ON e.entry = v.judged JOIN stamps AS s ON s.stamp = e.stamp
                WHERE v.entry = (SELECT max(l.entry) FROM verdicts AS l
                    WHERE l.judged = v.judged AND l.entry < ?2)
                AND instr(v.signers, ?1) = 0
                AND (instr(s.signers, ?1) > 0 OR EXISTS (SELECT 1 FROM verdicts AS w
                    WHERE w.judged = v.judged AND w.entry < v.entry AND instr(w.signers, ?1) > 0))
                ORDER BY v.judged LIMIT ?3""",
                (key, lens.as_of, rows_max),
            )
        ]

    def document(self, entry: int) -> int | None:
        """The node of the record in ``entry``; None if it is erased, a gap or not there."""
        found: int | None = self.db.execute(
            "SELECT document FROM entries WHERE entry = ?", (entry,)
        ).get
        return found

    def documents_in(self, entries: Collection[int]) -> dict[int, int]:
        """The node of the record in each entry, of those that ``document`` has one for."""
        found: dict[int, int] = {}
        for chunk in chunks(sorted(entries)):
            found.update(
                self.db.execute(
                    """SELECT e.entry, e.document FROM carray(?1) AS v
                    CROSS JOIN entries AS e ON e.entry = v.value WHERE e.document NOT NULL""",
                    (integers(chunk),),
                )
            )
        return found

    # Names and tags

    def named(self, text: str, lens: Lens, *, prefix: bool, rows_max: int) -> list[tuple[str, int]]:
        """(text, node) of nodes called ``text`` (folded), or something that begins with it."""
        if not encodes(text):
            return []
        upper = text + "\U0010ffff" if prefix else text
        compare = "<" if prefix else "<="
        return self._rows(
            f"""SELECT text, node FROM names WHERE text >= ?1 AND text {compare} ?4 AND first < ?2
            ORDER BY text, node DESC LIMIT ?3""",
            (text, lens.as_of, rows_max, upper),
        )

    def tagged(self, key: str, lens: Lens) -> list[int]:
        """The nodes that the tag points to under the lens: those of its latest statement."""
        if not encodes(key):
            return []
        latest = self.db.execute(
            """SELECT at, entry FROM tags WHERE name = ?1 AND entry < ?2
            AND (?3 IS NULL OR at <= ?3) ORDER BY at DESC, entry DESC LIMIT 1""",
            (key, *lens),
        ).get
        if latest is None:
            return []
        rows = self.db.execute(
            "SELECT node FROM tags WHERE name = ? AND at = ? AND entry = ?", (key, *latest)
        )
        return [node for (node,) in rows]

    def tags_from(self, prefix: str, lens: Lens, rows_max: int) -> list[tuple[str, int]]:
        """(tag, node) of tags that begin with ``prefix``."""
        if not encodes(prefix):
            return []
        return self._rows(
            """SELECT DISTINCT name, node FROM tags WHERE name >= ?1 AND name < ?4 AND entry < ?2
            LIMIT ?3""",
            (prefix, lens.as_of, rows_max, prefix + "\U0010ffff"),
        )

    def tags_of(
        self, number: int, lens: Lens, rows_max: int
    ) -> list[tuple[str, str, str | None, int]]:
        """(tag, from, until, entry) of a node: until is when the tag went to another node."""
        return self._rows(
            """SELECT coalesce((SELECT said FROM tags AS t WHERE t.name = o.name AND t.at = o.at
                AND t.entry = o.entry AND t.node = o.node), o.name), o.at,
              (SELECT min(t.at) FROM tags AS t WHERE t.name = o.name AND t.at > o.at
                AND t.entry < ?2 AND t.node <> o.node), o.entry
            FROM tags_of AS o WHERE o.node = ?1 AND o.entry < ?2 AND (?3 IS NULL OR o.at <= ?3)
            ORDER BY o.at, o.entry LIMIT ?4""",
            (number, *lens, rows_max),
        )

    # What is not there

    def erased(self, lens: Lens, rows_max: int) -> list[int]:
        """Entries whose content is gone, the newest first: what they said is in no answer."""
        return [
            entry
            for (entry,) in self.db.execute(
                "SELECT entry FROM missing WHERE entry < ? ORDER BY entry DESC LIMIT ?",
                (lens.as_of, rows_max),
            )
        ]

    def tombstones(self, entries: Collection[int]) -> dict[int, int]:
        """For each of ``entries`` that was erased, the first entry that says so."""
        found: dict[int, int] = {}
        for chunk in chunks(entries):
            found.update(
                self.db.execute(
                    """SELECT erased, min(entry) FROM carray(?1) AS v
                    CROSS JOIN tombstones ON erased = v.value GROUP BY erased""",
                    (integers(chunk),),
                )
            )
        return found

    def gaps(self, lens: Lens, rows_max: int) -> list[tuple[int, str, str, int]]:
        """(entry, what, why, count) of records that could not be read, and of gaps recorded."""
        return self._rows(
            "SELECT entry, what, why, count FROM gaps WHERE entry < ? ORDER BY entry DESC LIMIT ?",
            (lens.as_of, rows_max),
        )

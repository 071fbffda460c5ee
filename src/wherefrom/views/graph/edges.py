"""Edges, read: every statement of SQL that walks, and the evidence of one edge.

    numbers of nodes in ──causes, effects──► Step ──repeats──► the entries that state it
                        └──── segments ────►

Sizes:  lists of numbers are cut into CHUNK; rows_max bounds each answer
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

import apsw

from wherefrom.views.graph.batch import integers
from wherefrom.views.graph.lens import TIME, Lens, Step, bind, chunks
from wherefrom.views.graph.schema import ALTERNATE, DESCRIBES, RELATION_NAMES, RELATION_NUMBERS

if TYPE_CHECKING:
    from wherefrom.views.graph.segment import Seen, Segment

_STEP_COLUMNS: Final = "s.effect, s.relation, s.cause, s.first, s.flags"
_BY_EFFECT_AND_CAUSE: Final = (("causes", "effect"), ("effects", "cause"))
_STATED_BY_THEN: Final = f"""
    AND (EXISTS (SELECT 1 FROM entries AS e WHERE e.entry = s.first AND {TIME} <= ?3)
      OR EXISTS (SELECT 1 FROM repeats AS r JOIN entries AS e ON e.entry = r.entry
                 WHERE r.effect = s.effect AND r.relation = s.relation AND r.cause = s.cause
                   AND r.entry < ?2 AND {TIME} <= ?3))"""


class EdgeReads:
    """The part of a ``Snapshot`` that reads edges: those in the tail, and those that are sealed."""

    db: apsw.Connection
    segments: Sequence[Segment]

    def steps(
        self,
        numbers: Collection[int],
        lens: Lens,
        *,
        up: bool,
        only: int | None = None,
        never: int | None = None,
        rows_max: int,
    ) -> list[Step]:
        """The edges from ``numbers`` to their causes (``up``) or from their effects.

        only, never  a relation to keep to, or to leave out
        rows_max     at most so many rows; one more than wanted tells that there is more
        """
        table, own = ("causes", "effect") if up else ("effects", "cause")
        query = f"SELECT {_STEP_COLUMNS} FROM carray(?1) AS v CROSS JOIN {table} AS s"
        query += f" ON s.{own} = v.value AND s.first < ?2"
        query += f" AND s.relation = {only}" if only is not None else ""
        query += f" AND s.relation <> {never}" if never is not None else ""
        query += _STATED_BY_THEN if lens.at is not None else ""
        found: list[Step] = []
        for chunk in chunks(numbers):
            limit = f" LIMIT {rows_max - len(found)}"
            rows = self.db.execute(query + limit, bind(integers(chunk), lens))
            found.extend(map(Step._make, rows))
            found += self._sealed(chunk, lens, rows_max - len(found), up=up, only=only, never=never)
            if len(found) >= rows_max:
                break
        return found[:rows_max]

    def walk_steps(
        self, numbers: Sequence[int], lens: Lens, *, up: bool, never: int | None, rows_max: int
    ) -> list[Step]:
        """``steps``, and alternates that point the other way, in one statement.

        numbers  CHUNK at most
        """
        in_time = _STATED_BY_THEN if lens.at is not None else ""
        (table, own), (other, its) = _BY_EFFECT_AND_CAUSE if up else _BY_EFFECT_AND_CAUSE[::-1]
        query = f"""SELECT {_STEP_COLUMNS} FROM carray(?1) AS v CROSS JOIN {table} AS s
                ON s.{own} = v.value AND s.first < ?2
                {f"AND s.relation <> {never}" if never is not None else ""} {in_time}
            UNION ALL SELECT {_STEP_COLUMNS} FROM carray(?1) AS v CROSS JOIN {other} AS s
                ON s.{its} = v.value AND s.relation = {ALTERNATE} AND s.first < ?2 {in_time}
            LIMIT {rows_max}"""
        rows = self.db.execute(query, bind(integers(numbers), lens))
        found = list(map(Step._make, rows))
        found += self._sealed(numbers, lens, rows_max - len(found), up=up, both=True, never=never)
        return found[:rows_max]

    def _sealed(
        self,
        numbers: Sequence[int],
        lens: Lens,
        rows_max: int,
        *,
        up: bool,
        both: bool = False,
        only: int | None = None,
        never: int | None = None,
    ) -> list[Step]:
        """What the segments show; about ``rows_max``, a piece more at most."""
        found: list[Step] = []
        for segment in self.segments if rows_max > 0 else ():
            pieces = segment.steps(numbers, lens, up=up, both=both, only=only, never=never)
            for seen in pieces:
                found += self._in_time(seen, lens)
                if len(found) >= rows_max:
                    return found
        return found

    def documents(self, numbers: Collection[int], lens: Lens, *, each_max: int) -> list[Step]:
        """The ``describes`` edges into each node, of the documents that came last."""
        in_time = _STATED_BY_THEN if lens.at is not None else ""
        query = f"""SELECT {_STEP_COLUMNS} FROM carray(?1) AS v CROSS JOIN effects AS s
            ON s.cause = v.value AND s.relation = {DESCRIBES} AND s.effect IN (
                SELECT s.effect FROM effects AS s
                WHERE s.cause = v.value AND s.relation = {DESCRIBES} AND s.first < ?2 {in_time}
                ORDER BY s.effect DESC LIMIT {each_max})"""
        found: list[Step] = []
        for chunk in chunks(numbers):
            rows = self.db.execute(query, bind(integers(chunk), lens))
            found.extend(map(Step._make, rows))
            for segment in self.segments:
                seen = segment.latest(chunk, lens, only=DESCRIBES, each_max=each_max)
                found += self._in_time(seen, lens)
        return _last_of_each(found, each_max) if self.segments else found

    def _in_time(self, seen: Seen, lens: Lens) -> list[Step]:
        """What a segment shows; of what was first stated too late, what was repeated in time."""
        return seen.steps + [
            step for step in seen.late
            if self.db.execute(
                f"""SELECT 1 FROM (SELECT ?4 AS effect, ?5 AS relation, ?6 AS cause, ?1 AS first)
                AS s WHERE s.first < ?2 {_STATED_BY_THEN}""",
                (step.first, *lens, step.effect, step.relation, step.cause),
            ).get
        ]  # fmt: skip

    def statements(self, step: Step, lens: Lens, rows_max: int) -> list[int]:
        """The entries after ``first`` that state an edge again, lowest first.

        ``first`` may be one of them in this snapshot: if it took over from one erased since.
        """
        return [
            entry
            for (entry,) in self.db.execute(
                f"""SELECT r.entry FROM repeats AS r JOIN entries AS e ON e.entry = r.entry
                WHERE r.effect = ?4 AND r.relation = ?5 AND r.cause = ?6 AND r.entry < ?2
                  AND r.entry > ?7 AND (?3 IS NULL OR {TIME} <= ?3) ORDER BY r.entry LIMIT ?1""",
                (rows_max, *lens, step.effect, step.relation, step.cause, step.first),
            )
        ]

    def edge_properties(self, step: Step, entry: int) -> str | None:
        """The JSON text that ``entry`` gives the edge, if any."""
        found: str | None = self.db.execute(
            """SELECT properties FROM edge_properties
            WHERE effect = ? AND relation = ? AND cause = ? AND entry = ?""",
            (step.effect, step.relation, step.cause, entry),
        ).get
        return found

    def related(
        self, numbers: Sequence[int], relations: Sequence[str], lens: Lens, *, up: bool = True
    ) -> set[int]:
        """Those of ``numbers`` that have an edge of one of ``relations`` to a cause (``up``), or
        from an effect."""
        table, own = ("causes", "effect") if up else ("effects", "cause")
        wanted = [RELATION_NUMBERS[name] for name in relations]
        found: set[int] = set()
        for chunk in chunks(numbers):
            rows = self.db.execute(
                f"""SELECT v.value FROM carray(?1) AS v WHERE EXISTS (SELECT 1 FROM {table} AS s
                WHERE s.{own} = v.value AND s.relation IN ({", ".join(map(str, wanted))})
                AND s.first < ?2 {_STATED_BY_THEN if lens.at is not None else ""})""",
                bind(integers(chunk), lens),
            )
            found.update(number for (number,) in rows)
            if self.segments:
                found.update(
                    number
                    for number in set(chunk) - found
                    if any(self._sealed([number], lens, 1, up=up, only=r) for r in wanted)
                )
        return found

    def edge_counts(self, number: int, lens: Lens, *, up: bool, count_max: int) -> dict[str, int]:
        """How many edges of each relation the node has; each count stops at ``count_max``."""
        table, own = ("causes", "effect") if up else ("effects", "cause")
        counts = {}
        for relation, name in enumerate(RELATION_NAMES):
            count: int = self.db.execute(
                f"""SELECT count(*) FROM (SELECT 1 FROM {table} AS s WHERE s.{own} = ?1
                AND s.relation = {relation} AND s.first < ?2
                {_STATED_BY_THEN if lens.at is not None else ""} LIMIT {count_max})""",
                bind(number, lens),
            ).get
            count += len(self._sealed([number], lens, count_max - count, up=up, only=relation))
            if count:
                counts[name] = min(count, count_max)
        return counts


def _last_of_each(steps: list[Step], each_max: int) -> list[Step]:
    """Of each cause the steps from the effects with the highest numbers."""
    kept: list[Step] = []
    counts: dict[int, int] = {}
    for step in sorted(steps, key=lambda s: -s.effect):
        counts[step.cause] = counts.get(step.cause, 0) + 1
        if counts[step.cause] <= each_max:
            kept.append(step)
    return kept

"""Where it goes wrong now: what was measured, split by what ran there, and where it concentrates.

    series ──with what ran there──► counts by artifact, bundle, flag, pool, region ──► Split each
    (requests, failing, slow)       at that minute                                 └─► concentrate

Failing and slow answers are counted, never averaged, so a busy instance weighs as much as it
serves. What cannot be said, because too little was measured or all was alike, is said so.

Sizes:  REQUESTS_MIN requests and BAD_MIN bad ones before anything is compared
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from wherefrom.errors import Malformed
from wherefrom.formats.series import Labels, Series
from wherefrom.formats.shown import percent, short_id
from wherefrom.formats.timestamps import of_micros
from wherefrom.query.impact.concentrate import (
    LABELS_OF_A_CELL_MAX,
    Cell,
    Concentration,
    concentrate,
)
from wherefrom.query.impact.sums import Sum, chosen, counted, together
from wherefrom.query.incident_answers import DIMENSIONS, Concentrated, Impact, Split, Told
from wherefrom.query.look import Look
from wherefrom.query.placing import Estates, Piece
from wherefrom.query.reality import log_of_estate
from wherefrom.views.estate import EstateSnapshot
from wherefrom.views.graph import Lens

USUAL: Final = ("artifact", "bundle", "flag", "policy", "pool", "region")
REQUESTS_MIN: Final = 30.0
BAD_MIN: Final = 5.0
_SLOT_OF: Final = {"artifact": "artifact", "bundle": "config", "flag": "flag", "policy": "policy"}
_MEASURES: Final = {"failing": "fail", "slow": "are slow"}

_Where = tuple[tuple[str, str], ...]


def dimensions(by: Sequence[str]) -> tuple[str, ...]:
    """The dimensions that are asked for. Raises Malformed for one that is none."""
    for name in by:
        if name not in DIMENSIONS:
            raise Malformed("not a dimension", expected=" ".join(DIMENSIONS), got=name)
    return tuple(dict.fromkeys(by)) or USUAL


def impact(
    estate: EstateSnapshot, lens: Lens, look: Look, measured: Iterable[Series], *,
    by: tuple[str, ...],
) -> Impact:  # fmt: skip
    """Split what was measured, and say where it concentrates. Raises LimitPassed."""
    estates = Estates(estate, since=look.since, until=look.until, as_of=lens.as_of)
    if not look.service and "service" not in by:
        by = (*by, "service")
    cells = _Cells(estates, by)
    places = chosen(measured, look)
    for labels, samples in places.items():
        cells.add(labels, samples)
    whole = cells.whole()
    says = [] if not estates.truncated else ["more changed in this window than is looked at"]
    if not whole.requests:
        says.append(_nothing(look, measured_at_all=bool(places)))
    concentrated: list[Concentrated] = []
    for measure in _MEASURES if whole.requests else ():
        found, said = cells.concentrated(measure, whole)
        concentrated += found
        says += said
    return Impact(
        service=look.service,
        incident=look.incident,
        since=of_micros(int(look.since * 1e6)),
        until=of_micros(int(look.until * 1e6)),
        log=log_of_estate(estate),
        as_of=lens.as_of,
        requests=whole.requests,
        failing=_share(*whole.of("failing")),
        slow=_share(*whole.of("slow")),
        splits=cells.splits(),
        concentrated=concentrated,
        says=says,
    )


def _nothing(look: Look, *, measured_at_all: bool) -> str:
    of = f" of {look.service}" if look.service else ""
    if measured_at_all:
        return f"no requests{of} were counted in this window, so nothing can be compared"
    return f"nothing{of} was measured in this window: see series.json, or push with POST /v1/series"


class _Cells:
    """Counts by all labels together, with the records behind each label."""

    def __init__(self, estates: Estates, by: tuple[str, ...]) -> None:
        self._estates, self._by = estates, by
        self._sums: dict[_Where, Sum] = {}
        self._entries: dict[tuple[str, str], set[int]] = {}
        self._says: dict[tuple[str, str], str] = {}

    def add(self, labels: Labels, samples: Mapping[str, Series]) -> None:
        """Count one place's requests, each under what ran there at its moment."""
        where: _Where = ()
        last: Piece | None = None
        for piece, _, requests, found in counted(self._estates, labels, samples):
            if piece is not last:
                where, last = self._where(labels, piece), piece
            self._sums.setdefault(where, Sum()).add(requests, found)

    def whole(self) -> Sum:
        """All together."""
        return together(self._sums.values())

    def splits(self) -> list[Split]:
        """Each value of each label, the busiest first."""
        parts: dict[tuple[str, str], list[Sum]] = {}
        for where, some in self._sums.items():
            for pair in where:
                parts.setdefault(pair, []).append(some)
        sums = {pair: together(some) for pair, some in parts.items()}
        order = sorted(sums, key=lambda pair: (_order(pair[0]), -sums[pair].requests, pair[1]))
        return [self._split(pair, sums[pair]) for pair in order if sums[pair].requests]

    def concentrated(self, measure: str, whole: Sum) -> tuple[list[Concentrated], list[str]]:
        """Where it concentrates, and what to say if it does not."""
        bad, seen = whole.of(measure)
        if not seen:
            what = "which answers failed" if measure == "failing" else "how many answers were slow"
            return [], [f"nobody measured {what}"]
        if seen < REQUESTS_MIN or bad < BAD_MIN:
            few = f"{bad:,.0f} of {seen:,.0f} requests {_MEASURES[measure]}"
            return [], [f"{few}: too few to say where"]
        cells, left_out = self._varying(measure)
        found = concentrate(cells)
        says = [f"too many labels differ; not compared: {', '.join(left_out)}"] if left_out else []
        if not found:
            why = (
                "no more at one place than at others"
                if any(cell.labels for cell in cells)
                else "every request has the same labels, so there is nothing to compare"
            )
            says.append(f"{percent(bad / seen)} of the requests {_MEASURES[measure]}; {why}")
        return [self._concentrated(measure, one, cells) for one in found], says

    def _varying(self, measure: str) -> tuple[list[Cell], list[str]]:
        """Cells with the labels that differ among them: what all have alike tells nothing."""
        values: dict[str, set[str | None]] = {}
        labels = {label for where in self._sums for label, _ in where}
        for where in self._sums:
            said = dict(where)
            for label in labels:
                values.setdefault(label, set()).add(said.get(label))
        differ = sorted((label for label, some in values.items() if len(some) > 1), key=_order)
        kept = set(differ[:LABELS_OF_A_CELL_MAX])
        counts: dict[_Where, list[float]] = {}
        for where, some in self._sums.items():
            short = tuple(pair for pair in where if pair[0] in kept)
            count = counts.setdefault(short, [0.0, 0.0])
            bad, seen = some.of(measure)
            count[0] += bad
            count[1] += seen
        cells = [Cell(dict(w), min(bad, seen), seen) for w, (bad, seen) in sorted(counts.items())]
        return cells, differ[LABELS_OF_A_CELL_MAX:]

    def _where(self, labels: Labels, piece: Piece) -> _Where:
        told: dict[str, str] = {}
        parts = {**piece.scope._asdict(), "service": labels.service}
        for name in self._by:
            if name in parts:
                if parts[name]:
                    told[name] = parts[name]
                continue
            slot = _SLOT_OF[name]
            mine = sorted(key for key in piece.values if key[0] == slot)
            for key in mine:
                value = piece.values[key]
                alone = slot != "flag" and (len(mine) == 1 or key[1] in ("", labels.service))
                label = name if alone else f"{name}:{key[1]}"
                told[label] = value.value
                if value.entry is not None:
                    self._entries.setdefault((label, value.value), set()).add(value.entry)
                if value.says:
                    self._says[label, value.value] = value.says
        return tuple(sorted(told.items()))

    def _told(self, label: str, value: str) -> Told:
        return Told(
            label=label,
            value=value,
            says=self._says.get((label, value)),
            entries=sorted(self._entries.get((label, value), ())),
        )

    def _split(self, pair: tuple[str, str], some: Sum) -> Split:
        told = self._told(*pair)
        return Split(
            label=told.label,
            value=told.value,
            says=told.says,
            entries=told.entries,
            requests=some.requests,
            failing=_share(*some.of("failing")),
            slow=_share(*some.of("slow")),
            latency_ms_mean=some.waited / some.waits if some.waits else None,
            latency_ms_p95=some.p95,
        )

    def _concentrated(
        self, measure: str, found: Concentration, cells: Sequence[Cell]
    ) -> Concentrated:
        share, other = found.bad / found.total, found.other_bad / found.other_total
        same = _same_as(found.where, cells)
        return Concentrated(
            measure=measure,
            where=[self._told(*pair) for pair in sorted(found.where.items(), key=_by_label)],
            requests=found.total,
            share=share,
            other_share=other,
            lift=found.lift.ratio,
            low=found.lift.low,
            high=found.lift.high,
            q=found.q,
            covers=found.covers,
            same_as=[self._told(*pair) for pair in same],
            says=(
                f"{self.named(found.where)}: {percent(share)} {_MEASURES[measure]} against "
                f"{percent(other)} elsewhere, {_times(found.lift.ratio)} times as often (95 % "
                f"{_times(found.lift.low)} to {_times(found.lift.high)}), "
                f"{percent(found.covers)} of all that do"
            ),
        )

    def named(self, where: Mapping[str, str]) -> str:
        """``pool=canary ∧ flag:x=on``"""
        pairs = sorted(where.items(), key=_by_label)
        return " ∧ ".join(
            f"{label}={short_id(self._says.get((label, value)) or value)}" for label, value in pairs
        )


def _same_as(where: Mapping[str, str], cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """What all requests of a place have beside it, and no others."""
    here = [set(c.labels.items()) for c in cells if where.items() <= c.labels.items()]
    others = [c.labels.items() for c in cells if not where.items() <= c.labels.items()]
    return sorted(set.intersection(*here).difference(where.items(), *others), key=_by_label)


def _share(bad: float, seen: float) -> float | None:
    return bad / seen if seen else None


def _by_label(pair: tuple[str, str]) -> Any:
    return _order(pair[0]), pair[1]


def _order(label: str) -> tuple[int, str]:
    return DIMENSIONS.index(label.partition(":")[0]), label


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"

"""A canary's verdict, of a live estate: which side is which, since when, and what they have apart.

    estate: what came last ──► since when, and what it is ┐
    series, with what ran there ──► canary │ baseline     ├──► Minute … ──judge──► Canary
                                                          └──► what only the canary has

Without a word, the canary is the artifact that came last where two run. It is judged from its
first minute on, whenever that is asked: a window that moved along would begin a new test at each
look, and the chances would add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import Malformed, NotFound
from wherefrom.formats.canary import (
    APART_SLOTS,
    MEASURES,
    UNDECIDED,
    CanaryApart,
    CanarySide,
    Measure,
    together,
)
from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.series import Series
from wherefrom.formats.shown import percent
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.formats.timestamps import of_micros
from wherefrom.query.canary.judge import ALPHA, MINUTE_S, TOLERANCES, by_minute, judge
from wherefrom.query.canary_answers import Canary
from wherefrom.query.impact.sums import Sum, chosen, counted
from wherefrom.query.look import Look
from wherefrom.query.placing import Estates, Piece, is_short_for
from wherefrom.query.reality import log_of_estate
from wherefrom.views.estate import EstateSnapshot, Held
from wherefrom.views.graph import Lens

_MICROS: Final = 1_000_000
_PARTS: Final = ("region", "pool", "instance")
_SLOT_OF: Final = {"artifact": "artifact", "bundle": "config", "flag": "flag", "policy": "policy"}
_WORDS: Final = {"failing": "fail", "slow": "are slow"}


class CanaryOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked; times are RFC 3339.

    canary      ``LABEL=VALUE``, or an artifact; empty for what came last
    baseline    likewise; empty for all the rest
    since       from when on; empty: since the canary began
    tolerances  how much worse is borne, by measure, where it is not ``judge.TOLERANCES``
    """

    service: str
    environment: str = ""
    canary: str = ""
    baseline: str = ""
    since: str | None = None
    until: str | None = None
    as_of: int | None = None
    alpha: float = ALPHA
    tolerances: Mapping[str, float] = {}

    def check(self) -> None:
        """Raises Malformed."""
        if not self.service:
            raise Malformed("a canary is of a service")
        if not 0 < self.alpha <= 0.5:
            raise Malformed("not a chance", where="alpha", expected="0 to 0.5", got=self.alpha)
        for name, most in self.tolerances.items():
            if name not in MEASURES:
                raise Malformed("not a measure", expected=" ".join(MEASURES), got=name)
            if not 0 <= most < (1 if name != "latency" else 100):
                raise Malformed("not what may be borne", where=name, got=most,
                                expected="a share, from 0 on and below 1")  # fmt: skip


class _Choice(NamedTuple):
    """What tells a side: a part of the place, or what is in one of its slots."""

    text: str
    label: str
    name: str | None
    value: str

    def fits(self, scope: Scope, values: Iterable[tuple[str, str, str, str | None]]) -> bool:
        """Whether it is there. ``values``: slot, name, value, and how people call it."""
        if self.label in _PARTS:
            return bool(getattr(scope, self.label) == self.value)
        slot = _SLOT_OF[self.label]
        return any(
            of == slot
            and self.name in (None, name)
            and (is_short_for(self.value, value) or self.value in (value, says))
            for of, name, value, says in values
        )


def tolerance_of(text: str) -> tuple[str, float]:
    """A measure and what is borne, of ``MEASURE=NUMBER``. Raises Malformed."""
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError as error:
        raise Malformed(
            "not what may be borne", got=text, expected="such as failing=0.01"
        ) from error


def canary(
    estate: EstateSnapshot,
    lens: Lens,
    options: CanaryOptions,
    *,
    since: float | None,
    until: float,
    measured: Callable[[float, float], Sequence[Series]],
    same: Callable[[str, str], bool],
) -> Canary:
    """Judge it, by what was measured from ``since`` to ``until``, seconds since 1970.

    measured  gives what was measured in a window
    same      whether two artifacts are one thing

    Raises NotFound for a service that runs nowhere, Malformed, and as ``measured``.
    """
    options.check()
    held = estate.held(
        Scope(options.environment, options.service), at=int(until * _MICROS), as_of=lens.as_of,
        slots=APART_SLOTS,
    )  # fmt: skip
    environment = _environment(options, held)
    held = [one for one in held if one.scope.environment == environment]
    choice = _choice(options.canary) if options.canary else _newest(options.service, held, same)
    other = _choice(options.baseline) if options.baseline else None
    if since is None:
        since = _since(choice, held)
    if not since < until:
        raise Malformed("a canary that begins after the end", got=of_micros(int(since * _MICROS)))
    look = Look(None, options.service, environment, since, until, until)
    estates = Estates(estate, since=since, until=until, as_of=lens.as_of)
    sides = _Sides(choice, other, [one for one in held if one.mode == OBSERVED])
    for labels, samples in chosen(measured(since, until), look).items():
        for piece, at, requests, found in counted(estates, labels, samples):
            if since <= at < until:
                sides.add(piece, at, requests, found)
    says = ["more changed in this window than is looked at"] if estates.truncated else []
    return _answer(options, environment, look, sides, estate, lens, says)


def _answer(
    options: CanaryOptions,
    environment: str,
    look: Look,
    sides: _Sides,
    estate: EstateSnapshot,
    lens: Lens,
    says: list[str],
) -> Canary:
    minutes = by_minute(sides.minutes)
    measures = judge(
        minutes, tolerances={**TOLERANCES, **options.tolerances}, alpha=options.alpha
    )  # fmt: skip
    apart = sides.apart()
    for of, some in (("the canary", sides.requests[0]), ("what it is compared with",
                                                          sides.requests[1])):  # fmt: skip
        if not some:
            says.append(f"no requests of {of} were counted in this window")
    if not apart and all(sides.requests):
        says.append("nothing that is recorded sets the two apart: this says nothing of a change")
    names = {one.measure for one in measures}
    if all(sides.requests) and not measures[0].canary_samples:
        says.append("nobody measured which answers failed: without it no canary passes")
    says += [f"{name} was not measured of both" for name in MEASURES if name not in names]
    return Canary(
        service=options.service,
        environment=environment,
        verdict=together(measures),
        since=of_micros(int(look.since * _MICROS)),
        until=of_micros(int(look.until * _MICROS)),
        log=log_of_estate(estate),
        as_of=lens.as_of,
        alpha=options.alpha,
        canary=sides.side(0),
        baseline=sides.side(1),
        apart=[one for one, _ in apart],
        entries=sorted({entry for _, entry in apart if entry is not None}),
        measures=measures,
        reasons=[reason(one) for one in measures],
        says=says,
    )


class _Sides:
    """What the canary (0) and the baseline (1) did, and what each had."""

    def __init__(self, canary: _Choice, baseline: _Choice | None, held: Sequence[Held]) -> None:
        self.choices = (canary, baseline)
        self.minutes: dict[int, tuple[list[Sum], list[Sum]]] = {}
        self.requests = [0.0, 0.0]
        self._had: tuple[dict[tuple[str, str, str], int | None], ...] = ({}, {})
        self._sides: dict[int, tuple[Piece, int | None]] = {}
        self._realities: tuple[set[str], ...] = (set(), set())
        for one in held:
            side = self._side(one.scope, [(one.slot, one.name, one.value, one.says)])
            said = one.properties.get("reality")
            if side is not None and one.slot == "artifact" and isinstance(said, str):
                self._realities[side].add(said)

    def add(self, piece: Piece, at: float, requests: float, found: Mapping[str, float]) -> None:
        """Count requests of a moment on the side they belong to, if any."""
        if id(piece) not in self._sides:
            values = [(*key, v.value, v.says) for key, v in piece.values.items()]
            # Kept with its answer, so that its id names no other piece meanwhile.
            self._sides[id(piece)] = (piece, self._side(piece.scope, values))
        _, side = self._sides[id(piece)]
        if side is None or not requests:
            return
        for (slot, name), value in piece.values.items():
            self._had[side].setdefault((slot, name, value.value), value.entry)
        self.requests[side] += requests
        minute = int(at // MINUTE_S) * MINUTE_S
        some = Sum()
        some.add(requests, found)
        self.minutes.setdefault(minute, ([], []))[side].append(some)

    def _side(self, scope: Scope, values: Sequence[tuple[str, str, str, str | None]]) -> int | None:
        canary, baseline = self.choices
        if canary.fits(scope, values):
            return 0
        return 1 if baseline is None or baseline.fits(scope, values) else None

    def apart(self) -> list[tuple[CanaryApart, int | None]]:
        """What only the canary had, and the record that says so."""
        mine, theirs = self._had
        return [
            (CanaryApart(slot=slot, name=name, value=value), entry)
            for (slot, name, value), entry in sorted(mine.items(), key=lambda pair: pair[0])
            if (slot, name, value) not in theirs and slot in APART_SLOTS
        ]

    def side(self, number: int) -> CanarySide:
        """One side, with its artifact if it had one and only one."""
        choice = self.choices[number]
        artifacts = {value for slot, _, value in self._had[number] if slot == "artifact"}
        only = artifacts.pop() if len(artifacts) == 1 else None
        if only is not None and strong_id_in(only) != only:
            only = None
        where = f"not {self.choices[0].text}" if choice is None else choice.text
        realities = self._realities[number]
        return CanarySide(
            where=where, requests=round(self.requests[number]), artifact=only,
            reality=min(realities) if len(realities) == 1 else None,
        )  # fmt: skip


def _environment(options: CanaryOptions, held: Sequence[Held]) -> str:
    found = sorted({one.scope.environment for one in held})
    if options.environment or len(found) == 1:
        return options.environment or found[0]
    if not found:
        raise NotFound(
            "nothing is known to run there", got=options.service,
            expected="a service that is deployed, or observed",
            do="wherefrom running shows what does, and where",
        )  # fmt: skip
    raise Malformed(
        "it runs in several environments", got=options.service, expected=", ".join(found),
        do="Say which: -e ENVIRONMENT",
    )  # fmt: skip


def _choice(text: str) -> _Choice:
    label, equals, value = text.partition("=")
    if not equals:
        return _Choice(text, "artifact", None, text)
    label, colon, name = label.partition(":")
    if not value or label not in (*_PARTS, *_SLOT_OF):
        raise Malformed(
            "not what tells a canary from others", got=text,
            expected=f"an artifact, or LABEL=VALUE with {' '.join((*_PARTS, *_SLOT_OF))}",
        )  # fmt: skip
    return _Choice(text, label, name if colon else None, value)


def _newest(service: str, held: Sequence[Held], same: Callable[[str, str], bool]) -> _Choice:
    """The artifact that came last, where two of them run: as instances report, else as declared."""
    artifacts = [one for one in held if one.slot == "artifact"]
    began: dict[str, int] = {}
    for some in ([one for one in artifacts if one.mode == OBSERVED], artifacts):
        began = _began(some, same)
        if len(began) > 1:
            break
    order = sorted(began, key=lambda value: began[value], reverse=True)
    if len(order) < 2 or began[order[0]] == began[order[1]]:
        raise Malformed(
            "what is the canary?", where=service,
            got="one artifact" if len(order) < 2 else "artifacts that came at one time",
            do="Say it: --canary pool=canary, or an artifact",
        )  # fmt: skip
    return _Choice(f"artifact={order[0]}", "artifact", None, order[0])


def _began(held: Sequence[Held], same: Callable[[str, str], bool]) -> dict[str, int]:
    """When each artifact came; of names of one thing, the first that came."""
    found: dict[str, int] = {}
    for one in sorted(held, key=lambda one: one.since):
        if not any(same(one.value, other) for other in found):
            found[one.value] = one.since
    return found


def _since(choice: _Choice, held: Sequence[Held]) -> float:
    """Since when the canary is what it is."""
    fits = [
        one.since
        for one in held
        if choice.fits(one.scope, [(one.slot, one.name, one.value, one.says)])
    ]
    if not fits:
        raise NotFound(
            "no record says since when the canary runs", got=choice.text,
            do="Say from when on it is to be judged: --since TIME",
        )  # fmt: skip
    # A pool is what it is since its last change; an artifact comes to one place after another.
    return (max(fits) if choice.label in _PARTS else min(fits)) / _MICROS


def reason(one: Measure) -> str:
    """A measure in a line."""
    if not (one.canary_samples and one.baseline_samples):
        return f"{one.measure}: not measured of both"
    if one.measure == "latency":
        told = (
            f"latency: {one.canary:,.1f} ms against {one.baseline:,.1f} ms, median of the ratios "
            f"{_signed(one.effect)}{_interval(one)} over {one.canary_samples:,} minutes"
        )
    else:
        told = (
            f"{percent(one.canary)} {_WORDS[one.measure]} against {percent(one.baseline)}, "
            f"{_signed(one.effect)} of all{_interval(one)}, of {one.canary_samples:,} and "
            f"{one.baseline_samples:,} answers"
        )
    borne = f"{_signed(one.tolerance)} is borne"
    if one.verdict == UNDECIDED:
        return f"{told}; {borne}: undecided"
    return f"{told}; {borne}: {one.verdict} since {(one.decided or '')[:16]}Z"


def _interval(one: Measure) -> str:
    ends = ["?" if end is None else _signed(end) for end in (one.low, one.high)]
    return f" (surely {ends[0]} to {ends[1]})"


def _signed(share: float) -> str:
    return f"{'-' if share < 0 else '+'}{percent(abs(share))}"

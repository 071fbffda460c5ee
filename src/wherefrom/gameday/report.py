"""What a game day found: each scenario's outcome, its score, and how that differs from the last.

    Outcome ──points──► score      Report ──► DIR/gameday-<time>.json and .md
                                     └── with the newest one there ──► differences

The rule of the score stands in docs/gameday.md, and here:

    detected    30   something new was seen; 20 if only after DETECTED_SECONDS
    told        20   by what comes by itself: nobody had to ask
    explained   30   one thing seen says all that was done; 20 if only after EXPLAINED_SECONDS
    recovered   20   all is well again after the fault was taken away
    lost         0   in all, if one acknowledged record is not in the log afterwards

Sizes:  a report is read up to REPORT_BYTES_MAX
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from wherefrom.errors import Malformed, SettingError, StorageError
from wherefrom.storage.whole_file import replace_whole

FORMAT: Final = 1
DETECTED_SECONDS: Final = 10.0
EXPLAINED_SECONDS: Final = 30.0
REPORT_BYTES_MAX: Final = 16 * 1024 * 1024
_PATTERN: Final = "gameday-*.json"
_SAYS_CHARS: Final = 240
# A time that differs by less says nothing of the two.
_SAME_SECONDS: Final = 1.0
_SAME_SHARE: Final = 0.25


class _Struct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a report."""


class Estate(_Struct, frozen=True):
    """What was copied: of which log, at which size and root, and how much of it."""

    origin: str
    size: int
    root: str
    records: int = 0
    refused: int = 0


class Moment(_Struct, frozen=True):
    """What was seen, by which eye, so many seconds after the fault began."""

    after_s: float
    eye: str
    told: bool
    says: str


class Kept(_Struct, frozen=True):
    """What became of records: ``lost`` were acknowledged and are not in the log.

    sent      by emitters that try again; ``waiting`` of these were never taken
    """

    sent: int
    acknowledged: int
    lost: int
    waiting: int


class Outcome(_Struct, frozen=True):
    """One scenario.

    fault        what was done; ``words`` are what an explanation has to say
    withheld     nothing was done: whatever was seen is a false alarm
    detected, told, explained   the first thing seen at all; by itself; with all the words
    recovered_s  from when the fault was taken away until all was well; None if it was not
    seconds      the whole scenario
    measured     numbers of this scenario's own
    """

    scenario: str
    fault: str
    words: tuple[str, ...]
    withheld: bool
    detected: Moment | None
    told: Moment | None
    explained: Moment | None
    recovered_s: float | None
    kept: Kept
    seen: tuple[Moment, ...]
    seconds: float
    measured: dict[str, float] = {}

    @property
    def is_good(self) -> bool:
        """Detected, explained, recovered and nothing lost; of a withheld fault: nothing seen."""
        if self.kept.lost:
            return False
        if self.withheld:
            return self.detected is None
        return None not in (self.detected, self.explained, self.recovered_s)


class Report(_Struct, frozen=True):
    """One game day.

    patience_s  how long each scenario was watched
    absent      eyes whose doors were not there
    machine     what it ran on, in words
    """

    at: str
    version: str
    machine: str
    estate: Estate
    patience_s: float
    absent: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    format: int = FORMAT

    @property
    def score(self) -> float | None:
        """The mean of its scenarios, 0 to 100; None if every fault was withheld."""
        scores = [score(one) for one in self.outcomes if not one.withheld]
        return sum(scores) / len(scores) if scores else None


def points(outcome: Outcome) -> dict[str, int]:
    """What a scenario gets for each part of the rule."""
    parts = {
        "detected": _in_time(outcome.detected, 30, 20, DETECTED_SECONDS),
        "told": 20 if outcome.told else 0,
        "explained": _in_time(outcome.explained, 30, 20, EXPLAINED_SECONDS),
        "recovered": 20 if outcome.recovered_s is not None else 0,
    }
    return dict.fromkeys(parts, 0) if outcome.kept.lost else parts


def score(outcome: Outcome) -> int:
    """All of it, 0 to 100."""
    return sum(points(outcome).values())


def _in_time(moment: Moment | None, soon: int, late: int, seconds: float) -> int:
    if moment is None:
        return 0
    return soon if moment.after_s <= seconds else late


# -- kept in a folder


def store(report: Report, folder: Path, text: str) -> Path:
    """Write a report as JSON, and ``text`` beside it; the JSON's path. Raises StorageError."""
    path = folder / f"gameday-{report.at[:19].replace(':', '')}Z.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = msgspec.json.format(msgspec.json.encode(report), indent=1)
        replace_whole(path, written + b"\n")
        replace_whole(path.with_suffix(".md"), text.encode())
    except OSError as error:
        raise StorageError("cannot keep the report", where=str(path), got=error.strerror) from error
    return path


def newest(folder: Path) -> Report | None:
    """The last report in a folder; None if there is none. Raises as ``read``."""
    paths = sorted(folder.glob(_PATTERN))
    return read(paths[-1]) if paths else None


def read(path: Path) -> Report:
    """A report. Raises StorageError, Malformed, SettingError for a version we do not read."""
    try:
        with path.open("rb") as file:
            written = file.read(REPORT_BYTES_MAX + 1)
    except OSError as error:
        raise StorageError("cannot read the report", where=str(path), got=error.strerror) from error
    if len(written) > REPORT_BYTES_MAX:
        raise Malformed(
            "too large for a report", where=str(path), expected=f"{REPORT_BYTES_MAX} bytes"
        )
    try:
        found = msgspec.json.decode(written, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("not a report of a game day", where=str(path), got=str(error)) from error
    if found.format != FORMAT:
        raise SettingError(
            "a report of another version", where=str(path), expected=str(FORMAT), got=found.format
        )
    return found


# -- compared


class Difference(_Struct, frozen=True):
    """How one measure of a scenario differs; ``None`` is: it was not.

    measure  ``detected``, ``told``, ``explained``, ``recovered`` (seconds), ``lost`` (records),
             ``score``
    better   None where the two are as good as the same
    """

    scenario: str
    measure: str
    was: float | None
    now: float | None
    better: bool | None


class Compared(_Struct, frozen=True):
    """Two reports: what differs, and the scenarios that only one of them has.

    alike  whether both are of the same estate, version and patience; else times may differ for that
    """

    before: str
    after: str
    was: float | None
    now: float | None
    differences: tuple[Difference, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    alike: bool

    @property
    def is_worse(self) -> bool:
        """Whether anything got worse."""
        return any(one.better is False for one in self.differences)


def compare(before: Report, after: Report) -> Compared:
    """What the second found otherwise than the first."""
    was, now = _by_name(before), _by_name(after)
    return Compared(
        before=before.at,
        after=after.at,
        was=before.score,
        now=after.score,
        differences=tuple(
            one for name in now if name in was for one in _differences(was[name], now[name])
        ),
        only_before=tuple(name for name in was if name not in now),
        only_after=tuple(name for name in now if name not in was),
        alike=(before.estate.records, before.patience_s, before.version, before.machine)
        == (after.estate.records, after.patience_s, after.version, after.machine),
    )


def _by_name(report: Report) -> dict[str, Outcome]:
    return {one.scenario: one for one in report.outcomes if not one.withheld}


def _differences(was: Outcome, now: Outcome) -> Iterator[Difference]:
    pairs: Mapping[str, tuple[float | None, float | None]] = {
        "detected": (_after(was.detected), _after(now.detected)),
        "told": (_after(was.told), _after(now.told)),
        "explained": (_after(was.explained), _after(now.explained)),
        "recovered": (was.recovered_s, now.recovered_s),
    }
    for measure, (before, after) in pairs.items():
        yield Difference(
            scenario=now.scenario, measure=measure, was=before, now=after,
            better=_sooner(before, after),
        )  # fmt: skip
    for measure, one, other, more_is_better in (
        ("lost", was.kept.lost, now.kept.lost, False),
        ("score", score(was), score(now), True),
    ):
        better = None if one == other else (other > one) is more_is_better
        yield Difference(
            scenario=now.scenario, measure=measure, was=one, now=other, better=better
        )  # fmt: skip


def _after(moment: Moment | None) -> float | None:
    return None if moment is None else moment.after_s


def _sooner(was: float | None, now: float | None) -> bool | None:
    if was is None or now is None:
        return None if was is now else was is None
    if abs(was - now) <= max(_SAME_SECONDS, _SAME_SHARE * max(was, now)):
        return None
    return now < was


# -- for people


def to_text(report: Report, compared: Compared | None) -> str:
    """The report in Markdown."""
    return "\n".join(_lines(report, compared)) + "\n"


def _lines(report: Report, compared: Compared | None) -> Iterator[str]:
    of = report.estate
    yield f"# Game day, {report.at[:16].replace('T', ' ')} UTC"
    yield ""
    if report.score is not None:
        yield f"Score {report.score:.0f} of 100, by the rule of docs/gameday.md."
        yield ""
    yield f"* Estate: {of.records:,} records of {of.origin} at size {of.size:,}"
    yield f"* wherefrom {report.version}, {report.machine}"
    yield f"* Each fault was watched for {report.patience_s:g} s"
    if report.absent:
        yield f"* Not looked at, for there is no such door: {', '.join(report.absent)}"
    yield ""
    yield "| scenario | score | detected | told | explained | recovered | lost |"
    yield "|---|---|---|---|---|---|---|"
    for one in report.outcomes:
        shown = "withheld" if one.withheld else str(score(one))
        moments = (one.detected, one.told, one.explained)
        cells = [f"{m.after_s:.1f} s, {m.eye}" if m else "no" for m in moments]
        recovered = "no" if one.recovered_s is None else f"{one.recovered_s:.1f} s"
        kept = f"{one.kept.lost} of {one.kept.acknowledged:,}"
        yield f"| {' | '.join((one.scenario, shown, *cells, recovered, kept))} |"
    for one in report.outcomes:
        yield from ("", f"## {one.scenario}", "", _sentence(one), "")
        yield from (f"* {m.after_s:.1f} s, {m.eye}: {_cell(m.says)}" for m in first_seen(one.seen))
        if one.measured:
            told = ", ".join(f"{name} {value:,.6g}" for name, value in one.measured.items())
            yield f"* measured: {told}"
    if compared is not None:
        yield from ("", f"## Since {compared.before[:16].replace('T', ' ')} UTC", "")
        yield from (f"* {line}" for line in told_differences(compared))


def _sentence(one: Outcome) -> str:
    if one.withheld:
        return f"The fault was withheld ({one.fault}). Whatever is seen here is a false alarm."
    return f"{one.fault} An explanation has to say: {', '.join(one.words)}."


def first_seen(seen: Sequence[Moment]) -> Iterator[Moment]:
    """The first that each eye saw, in order."""
    told: set[str] = set()
    for moment in seen:
        if moment.eye not in told:
            told.add(moment.eye)
            yield moment


def _cell(says: str) -> str:
    shown = says if len(says) <= _SAYS_CHARS else says[: _SAYS_CHARS - 1] + "…"
    return shown.replace("|", "\\|").replace("\n", " ")


_MEASURES: Final[Mapping[str, tuple[str, str]]] = {
    "detected": ("detection", "s"),
    "told": ("telling by itself", "s"),
    "explained": ("explanation", "s"),
    "recovered": ("recovery", "s"),
    "lost": ("acknowledged and lost", ""),
    "score": ("score", ""),
}
Way = Literal["better", "worse", "same"]


def told_differences(compared: Compared, *, all: bool = False) -> Iterator[str]:
    """A line for each measure that got better or worse; ``all``: and for those that did not."""
    if compared.was is not None and compared.now is not None:
        yield f"score {compared.now:.0f}, was {compared.was:.0f}"
    for one in compared.differences:
        if all or one.better is not None:
            what, unit = _MEASURES[one.measure]
            way = {True: "better", False: "worse", None: "as before"}[one.better]
            now, was = _told(one.now, unit), _told(one.was, unit)
            yield f"{what} of {one.scenario}: {now}, was {was} ({way})"
    for name in compared.only_after:
        yield f"{name} was not run before"
    for name in compared.only_before:
        yield f"{name} was run before, and not now"
    if not compared.alike:
        yield "the two differ in estate, machine, version or patience, so times may differ for that"


def _told(value: float | None, unit: str) -> str:
    if value is None:
        return "never"
    return f"{value:.1f} {unit}" if unit else f"{value:g}"

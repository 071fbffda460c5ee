"""``wherefrom why``: which change did it, and what says so.

    a place ──► the estate's changes, series, calls ──► Why ─────┐
    DIR/{case.json, changes.jsonl, series.csv, topology.json} ───┴──► a table

``--write-case`` makes the second of the first, and both rank alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.options import (
    alert_option,
    as_of_option,
    environment_option,
    from_option,
    moment_of,
    service_option,
    until_option,
)
from wherefrom.cli.render import columns, count, foot, write_json
from wherefrom.cli.settings import Where, placed

if TYPE_CHECKING:
    from wherefrom.formats.why_case import Case
    from wherefrom.query.incident_answers import Evidence, RankedChange, Response, Why
    from wherefrom.query.why import Ranked, Ranking

R = TypeVar("R", "Ranked", "RankedChange")
SHOWN_MIN: Final = 3
SHOWN_SHARE_MIN: Final = 0.005
RESPONSES_MAX: Final = 10
INDENT: Final = 9
LIKELY: Final = 0.2
CLAUSES_MAX: Final = 3
TELLS_MIN: Final = 0.5
_BESIDE: Final = ("new_fails", "new_waits", "new_burns", "new_holds")
_ALIKE: Final = ({"hurt", "since_the_change"}, {"near", "explains"}, {"on_time", "long_before"})


@click.command()
@service_option
@environment_option
@alert_option
@from_option
@until_option
@click.option(
    "--at", callback=moment_of, metavar="TIME", help="When it was detected, if no alert says so."
)
@as_of_option
@click.option(
    "--case", "folder", metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with case.json, changes.jsonl, series.csv and topology.json.",
)  # fmt: skip
@click.option(
    "--write-case", "into", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Write the question into such a folder, to ask it again.",
)  # fmt: skip
@click.option(
    "--accept", type=click.IntRange(1), metavar="ENTRY",
    help="Record that the change of this record was the cause.",
)  # fmt: skip
@click.option(
    "--withdraw", type=click.IntRange(1), metavar="ENTRY", help="Record that it was not, after all."
)
@click.option("--key", metavar="FILE|URI", help="Sign what is recorded with this secret key.")
@placed
def why(
    service: str,
    environment: str,
    alert: str,
    since: str | None,
    until: str | None,
    at: str | None,
    as_of: int | None,
    folder: Path | None,
    into: Path | None,
    accept: int | None,
    withdraw: int | None,
    key: str | None,
    where: Where,
    as_json: bool,
) -> int:
    """Rank the changes by how likely each caused an incident.

    New is compared with old in the same minutes, along the calls between services and in the order
    of time. "None of these" is ranked with them. What began after the detection is a response.
    With --case nothing is asked of a log: the folder holds all that is used.
    """
    if accept is not None and withdraw is not None:
        raise click.UsageError("a change was the cause, or it was not: --accept or --withdraw")
    chosen = withdraw if accept is None else accept
    if key is not None and chosen is None:
        raise click.UsageError("--key signs what is recorded: give --accept or --withdraw")
    if folder is not None:
        if chosen is not None:
            raise click.UsageError("--case asks no log, so nothing of it can be accepted")
        if service or environment or alert or since or at or into or as_of is not None:
            raise click.UsageError("--case has all that is asked about; only --until goes with it")
        return _why_of_case(folder, until, as_json)
    from wherefrom.cli.opening import reading
    from wherefrom.query.incidents import IncidentOptions

    options = IncidentOptions(
        service=service, environment=environment, alert=alert, since=since, at=at, as_of=as_of,
        until=until or (_now() if into is not None else None),
    )  # fmt: skip
    with reading(where) as place:
        answer = place.why(options)
        if into is not None:
            _write(into, place.why_case(options))
    if chosen is not None:
        return _accepted(answer, chosen, withdraw is not None, key, where, as_json)
    if as_json:
        write_json(answer)
    else:
        click.echo("\n".join(_lines_of(answer)))
    return YES


def _accepted(
    answer: Why, entry: int, withdrawn: bool, key: str | None, where: Where, as_json: bool
) -> int:
    """Record what somebody makes of the ranking. Raises NotFound for a change that is not in it."""
    from wherefrom.cli.saying import record, signed
    from wherefrom.errors import NotFound
    from wherefrom.formats.cause import Cause, to_statement

    row = next((one for one in answer.ranked if entry in one.entries), None)
    if row is None or row.slot is None:
        raise NotFound(
            "no change that is ranked is of this record", got=str(entry),
            expected=" ".join(f"#{one.entry}" for one in answer.ranked if one.entry is not None),
            do="Name one of these with --accept",
        )  # fmt: skip
    said = Cause(
        service=row.service or "", environment=row.environment, slot=row.slot, name=row.name,
        value=row.after, change=row.entry, probability=row.probability, at=_now(),
        incident=answer.incident.id if answer.incident else "", withdrawn=withdrawn,
    )  # fmt: skip
    return record([signed(to_statement(said), key)], where, as_json, told={"cause": said})


def _now() -> str:
    from datetime import UTC, datetime

    from wherefrom.formats.timestamps import to_text

    return to_text(datetime.now(UTC))


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    from wherefrom.errors import SettingError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with (folder / name).open("xb") as file:
                file.write(content)
    except OSError as error:
        raise SettingError(
            "the case cannot be written", where=str(folder), expected="a folder without a case",
            got=str(error),
            do="Name another folder with --write-case",
        ) from error  # fmt: skip


def _why_of_case(folder: Path, until: str | None, as_json: bool) -> int:
    from wherefrom.formats.why_case import seconds

    start = time.perf_counter()
    moment = None if until is None else seconds(until, where="--until")
    case = read(folder)
    from wherefrom.query.why import rank

    answer = rank(case, until=moment)
    took = time.perf_counter() - start
    if as_json:
        write_json(_object(answer, took))
    else:
        click.echo("\n".join(_lines(answer, case)))
    return YES


def read(folder: Path) -> Case:
    """The why-case in a folder. Raises NotFound for a missing file, Malformed, LimitPassed."""
    from wherefrom.errors import LimitPassed, NotFound
    from wherefrom.formats import why_case

    files: dict[str, bytes] = {}
    for name in why_case.FILES:
        path, limit = folder / name, why_case.BYTES_MAX[name]
        try:
            with path.open("rb") as file:
                files[name] = file.read(limit + 1)
        except FileNotFoundError as error:
            raise NotFound(
                "a why-case lacks one of its files",
                where=str(path),
                expected=", ".join(why_case.FILES),
                do="Restore it, or write the case again: wherefrom why --write-case",
            ) from error
        if len(files[name]) > limit:
            raise LimitPassed(
                "a file of a why-case is too large", where=str(path), expected=f"{limit} bytes"
            )
    return why_case.parse(files, where=str(folder))


def _lines_of(answer: Why) -> Iterator[str]:
    from wherefrom.formats.shown import cut, printable, short_id

    began = f", began about {_clock(answer.onset)}" if answer.onset else ", its onset not seen"
    at = f" at {cut(answer.service, 40)}" if answer.service else ""
    incident = f" ({cut(answer.incident.name, 40)})" if answer.incident else ""
    yield f"detected {_clock(answer.detected)}{at}{incident}{began}"

    def named(row: RankedChange) -> str:
        if row.change is None:
            return "none of these changes"
        sides = [
            cut(short_id(says or value or "nothing"), 30)
            for says, value in ((row.before_says, row.before), (row.after_says, row.after))
        ]
        return f"{_what(row)}  {' → '.join(sides)}  {_clock(row.started or '')}  #{row.entry}"

    yield from _ranked_lines(answer.ranked, named)
    for one in answer.responded[:RESPONSES_MAX]:
        after = cut(short_id(one.after_says or one.after or "nothing"), 30)
        yield (
            f"response  {_what(one)} to {after}  "
            f"{_clock(one.started)}  #{one.entry}: it began after the detection"
        )
    yield from map(printable, answer.says)
    yield foot(answer.log, as_of=answer.as_of)


def _what(change: RankedChange | Response) -> str:
    """``flag checkout-v2 of cart``; the name only where it tells more than the service does."""
    from wherefrom.formats.shown import cut

    name = f" {cut(change.name, 30)}" if change.name not in ("", change.service) else ""
    of = f" of {cut(change.service, 40)}" if change.service else ""
    return f"{change.kind}{name}{of}"


def _object(answer: Ranking, took: float) -> dict[str, Any]:
    return {
        "ranked": answer.ranked,
        "seconds": round(took, 6),
        "detected": answer.detected,
        "onset": answer.onset,
        "responses": answer.responses,
    }


def _lines(answer: Ranking, case: Case) -> Iterator[str]:
    from wherefrom.formats.shown import cut

    changes = {change.id: change for change in case.changes}
    began = f", began about {_clock(answer.onset)}" if answer.onset else ", its onset not seen"
    at = f" at {cut(case.symptom, 40)}" if case.symptom else ""
    yield f"detected {_clock(answer.detected)}{at}{began}"

    def named(row: Ranked) -> str:
        if row.change is None:
            return "none of these changes"
        change = changes[row.change]
        return f"{cut(row.change, 40)}  {change.kind} of {cut(change.service or '?', 40)}"

    yield from _ranked_lines(answer.ranked, named)
    for id in answer.responses[:RESPONSES_MAX]:
        yield f"response  {cut(id, 60)}: it began after the detection"


def _ranked_lines(ranked: Sequence[R], named: Callable[[R], str]) -> Iterator[str]:
    """The likeliest, each with its strongest reasons."""
    likely = [row for row in ranked if row.probability >= SHOWN_SHARE_MIN]
    shown = max(len(likely), SHOWN_MIN)
    for row in ranked[:shown]:
        yield f"{100 * row.probability:>5.1f} %  {named(row)}"
        yield " " * INDENT + _reason(row, columns() - INDENT)
    rest = ranked[shown:]
    if rest:
        share = 100 * sum(row.probability for row in rest)
        yield f"{share:>5.1f} %  {count(len(rest), 'more', 'more')}; --json has them all"


def _clock(moment: str) -> str:
    return f"{moment[:19]}Z"


def _reason(row: Ranked | RankedChange, width: int) -> str:
    """The strongest reasons on the side that decides, as many as a line holds."""
    from wherefrom.formats.shown import cut

    side = 1 if row.probability >= LIKELY or row.change is None else -1
    chosen = [e for e in row.evidence if e.contribution * side > 0] or row.evidence
    # New against old is what people look for, wherever it tells something.
    chosen = sorted(chosen, key=lambda e: e.feature not in _BESIDE or e.contribution < TELLS_MIN)
    told: list[Evidence] = []
    line = ""
    for evidence in chosen:
        if any({evidence.feature, t.feature} <= alike for alike in _ALIKE for t in told):
            continue
        longer = f"{line}; {evidence.says}" if line else evidence.says
        if line and (len(longer) > width or len(told) == CLAUSES_MAX):
            continue
        told.append(evidence)
        line = longer
    return cut(line, width) or "nothing speaks for or against it"

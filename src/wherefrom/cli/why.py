"""``wherefrom why``: which change did it, and what says so.

DIR/{case.json, changes.jsonl, series.csv, topology.json} ──► Case ──► Ranking ──► a table
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from wherefrom.cli.exits import YES
from wherefrom.cli.render import columns, count, write_json

if TYPE_CHECKING:
    from wherefrom.formats.why_case import Case
    from wherefrom.query.why import Evidence, Ranked, Ranking

SHOWN_MIN: Final = 3
SHOWN_SHARE_MIN: Final = 0.005
RESPONSES_MAX: Final = 10
INDENT: Final = 9
LIKELY: Final = 0.2
CLAUSES_MAX: Final = 3
_ALIKE: Final = ({"hurt", "since_the_change"}, {"near", "explains"}, {"on_time", "long_before"})


@click.command()
@click.option(
    "--case", "folder", required=True, metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with case.json, changes.jsonl, series.csv and topology.json.",
)  # fmt: skip
@click.option("--until", metavar="TIME", help="Use only what is dated up to this time.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def why(folder: Path, until: str | None, as_json: bool) -> int:
    """Rank the changes by how likely each caused an incident.

    New is compared with old in the same minutes, along the calls between services and in the order
    of time. "None of these" is ranked with them. What began after the detection is a response.
    """
    start = time.perf_counter()
    moment = None if until is None else _moment(until)
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
            ) from error
        if len(files[name]) > limit:
            raise LimitPassed(
                "a file of a why-case is too large", where=str(path), expected=f"{limit} bytes"
            )
    return why_case.parse(files, where=str(folder))


def _moment(text: str) -> float:
    from wherefrom.errors import Malformed
    from wherefrom.formats.why_case import seconds

    try:
        return seconds(text, where="--until")
    except Malformed as error:
        raise click.BadParameter(
            f"{text!r} is not a time such as 2026-01-31T12:00:00Z.", param_hint="--until"
        ) from error


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
    likely = [row for row in answer.ranked if row.probability >= SHOWN_SHARE_MIN]
    shown = max(len(likely), SHOWN_MIN)
    for row in answer.ranked[:shown]:
        what = "none of these changes"
        if row.change is not None:
            change = changes[row.change]
            what = f"{cut(row.change, 40)}  {change.kind} of {cut(change.service or '?', 40)}"
        yield f"{100 * row.probability:>5.1f} %  {what}"
        yield " " * INDENT + _reason(row, columns() - INDENT)
    rest = answer.ranked[shown:]
    if rest:
        share = 100 * sum(row.probability for row in rest)
        yield f"{share:>5.1f} %  {count(len(rest), 'more')}; --json has them all"
    for id in answer.responses[:RESPONSES_MAX]:
        yield f"response  {cut(id, 60)}: it began after the detection"


def _clock(moment: str) -> str:
    return f"{moment[:19]}Z"


def _reason(row: Ranked, width: int) -> str:
    """The strongest reasons on the side that decides, as many as a line holds."""
    from wherefrom.formats.shown import cut

    side = 1 if row.probability >= LIKELY or row.change is None else -1
    chosen = [e for e in row.evidence if e.contribution * side > 0] or row.evidence
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

"""Every real input there is, and what becomes of it: recorded, or refused with the right word.

    supply/, lineage/ ──► decompress ──► split ──► facts_of ──► counts ═══ expected_outcomes.tsv

The table was read row by row by folder; the reasons for what may surprise stand at its top. When
an answer is wrong, the code is changed and not the table. A new outcome is written by

    python -m tests.journeys.test_every_input

and then read as any other change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import DATA
from wherefrom.collect.decompress import open_plain
from wherefrom.collect.split import split
from wherefrom.errors import Refused
from wherefrom.formats.recognise import facts_of

TABLE = Path(__file__).with_name("expected_outcomes.tsv")
ORDER = ("recorded", "unsupported", "malformed", "limit")


def input_paths() -> list[str]:
    """Every file, as its path below the data, in order."""
    tops = (DATA / "supply", DATA / "lineage")
    found = (path for top in tops for path in top.rglob("*") if path.is_file())
    return sorted(path.relative_to(DATA).as_posix() for path in found)


def codes_of(path: str) -> Iterator[str]:
    """What becomes of each record in one file."""
    with (DATA / path).open("rb") as stream:
        try:
            for piece in split(open_plain(stream)):
                try:
                    if piece.refusal is not None:
                        raise piece.refusal
                    assert piece.content is not None
                    facts_of(piece.content)
                    yield "recorded"
                except Refused as refusal:
                    yield refusal.code
        except Refused as refusal:
            yield refusal.code


def outcome_of(path: str) -> str:
    """Such as ``recorded=3 malformed=1``."""
    counts = Counter(codes_of(path))
    assert counts.keys() <= set(ORDER), f"{path}: a new code in {counts}"
    return " ".join(f"{code}={counts[code]}" for code in ORDER if counts[code])


def read_table() -> dict[str, str]:
    rows = [line for line in TABLE.read_text().splitlines() if line and line[0] != "#"]
    table = dict(row.split("\t") for row in rows)
    assert len(table) == len(rows), "a path stands twice in the table"
    return table


EXPECTED = read_table() if TABLE.exists() else {}
FOLDERS = sorted({"/".join(path.split("/")[:2]) for path in input_paths()} | {
    "/".join(path.split("/")[:2]) for path in EXPECTED
})  # fmt: skip


def test_every_file_has_a_row_and_every_row_a_file() -> None:
    paths = input_paths()
    assert len(paths) > 1800
    assert sorted(EXPECTED) == paths


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_becomes_of_each_input_is_what_the_table_says(folder: str) -> None:
    paths = [path for path in EXPECTED if path.startswith(f"{folder}/")]
    assert paths, f"no row under {folder}"
    wrong = {
        path: f"{outcome}, expected {EXPECTED[path]}"
        for path in paths
        if (outcome := outcome_of(path)) != EXPECTED[path]
    }
    assert wrong == {}


def test_no_input_goes_without_an_outcome() -> None:
    assert [path for path, outcome in EXPECTED.items() if not outcome] == []


def write_table() -> None:
    """Write the rows anew under the reasons that stand at the top."""
    old = TABLE.read_text().splitlines() if TABLE.exists() else []
    reasons = [line for line in old if line.startswith("#")]
    rows = [f"{path}\t{outcome_of(path)}" for path in input_paths()]
    TABLE.write_text("\n".join([*reasons, *rows]) + "\n")


if __name__ == "__main__":
    write_table()

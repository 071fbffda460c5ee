"""``wherefrom why --case``: a folder in, the promised JSON out, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.running import run
from tests.unit.query.why.cases import at, beside, case, deploy, samples
from wherefrom.formats.why_case import FILES, time_text, to_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A case: cart's new version fails; somebody rolls it back afterwards."""
    hurt = samples("shop", usual=0.999, since=-5, then=0.6)
    given = case(
        [deploy("cart-42", "cart", -5.5), deploy("mail-7", "mail"), deploy("undo", "cart", 0)],
        [*beside(new=0.5), hurt],
        calls=[("shop", "cart")],
        symptom="shop",
    )
    for name, content in to_files(given).items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_the_answer_has_the_promised_keys_and_no_candidate_of_afterwards(folder: Path) -> None:
    ran = run("why", "--case", folder, "--json")
    assert ran.code == 0
    answer = ran.json
    assert {"ranked", "seconds"} <= set(answer)
    assert all(set(row) == {"change", "probability", "evidence"} for row in answer["ranked"])
    reasons = [reason for row in answer["ranked"] for reason in row["evidence"]]
    assert all(set(reason) == {"feature", "contribution", "says"} for reason in reasons)
    assert sorted(str(row["change"]) for row in answer["ranked"]) == ["None", "cart-42", "mail-7"]
    assert answer["ranked"][0]["change"] == "cart-42"
    assert sum(row["probability"] for row in answer["ranked"]) == pytest.approx(1)
    assert answer["responses"] == ["undo"]
    assert 0 < answer["seconds"] < 60


def test_until_hides_what_is_later_and_the_answer_is_the_same_to_the_byte(folder: Path) -> None:
    moment = time_text(at(-1))
    before = run("why", "--case", folder, "--until", moment, "--json").json
    path = folder / "series.csv"
    lines = path.read_text().splitlines()
    kept = [line for line in lines[1:] if line.split(",")[0] <= moment]
    later = [f"{time_text(at(0))},cart,,cart-a,v1,success_rate,0.0"]
    path.write_text("\n".join([lines[0], *kept, *later]) + "\n")
    after = run("why", "--case", folder, "--until", moment, "--json").json
    assert {**before, "seconds": 0} == {**after, "seconds": 0}
    assert before["responses"] == []


def test_the_table_says_who_how_likely_and_why(folder: Path) -> None:
    said = run("why", "--case", folder).out
    assert "detected " in said
    assert "cart-42  deploy of cart" in said
    assert "new v2 fails 50 % against 0.1 % in the same minutes" in said
    assert "none of these changes" in said
    assert "response  undo: it began after the detection" in said


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    ran = run("why", "--case", folder, "--json")
    assert ran.code == 1
    assert name in ran.problem["detail"]


def test_a_malformed_line_is_named_and_ends_with_no(folder: Path) -> None:
    (folder / "changes.jsonl").write_text(json.dumps({"id": "x", "kind": "party"}))
    ran = run("why", "--case", folder, "--json")
    assert ran.code == 1
    assert "changes.jsonl, line 1: kind" in ran.problem["detail"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--case", ".", "--service", "cart"),
        ("--case", "nowhere"),
        ("--case", ".", "--until", "noon"),
    ],
)
def test_misuse_is_told_apart(arguments: tuple[str, ...], folder: Path, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    assert run("why", *arguments).code == 2

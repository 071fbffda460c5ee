"""Scores by the rule of the docs; reports that are kept, read again, and compared."""

import re

import pytest

from tests.paths import REPOSITORY
from tests.unit.gameday.reported import CLEAN, a_moment, a_report, an_outcome
from wherefrom.errors import Malformed, SettingError, StorageError
from wherefrom.gameday import report as reports
from wherefrom.gameday.report import (
    DETECTED_SECONDS,
    EXPLAINED_SECONDS,
    Kept,
    compare,
    points,
    score,
    told_differences,
)

TOLD = a_moment(3.0, "messages", told=True)
LOST = Kept(sent=100, acknowledged=100, lost=1, waiting=0)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"told": TOLD}, 100),
        ({}, 80),
        ({"detected": a_moment(DETECTED_SECONDS)}, 80),
        ({"detected": a_moment(DETECTED_SECONDS + 0.1)}, 70),
        ({"explained": a_moment(EXPLAINED_SECONDS + 0.1)}, 70),
        ({"explained": None}, 50),
        ({"explained": None, "detected": None}, 20),
        ({"recovered_s": None}, 60),
        ({"told": TOLD, "kept": LOST}, 0),
    ],
)
def test_a_score_is_by_the_rule_and_one_lost_record_is_nothing_at_all(more, expected):
    assert score(an_outcome(**more)) == expected


def test_the_docs_have_the_rule_with_its_numbers():
    page = (REPOSITORY / "docs" / "gameday.md").read_text(encoding="utf-8")
    full = points(an_outcome(told=TOLD))
    for part, number in full.items():
        assert re.search(rf"^\| {part} \| {number}\b", page, re.M), part
    assert f"after {DETECTED_SECONDS:g} s" in page
    assert f"after {EXPLAINED_SECONDS:g} s" in page


@pytest.mark.parametrize(
    "more",
    [{"detected": None}, {"explained": None}, {"recovered_s": None}, {"kept": LOST}],
)
def test_what_was_missed_or_lost_is_not_good(more):
    assert an_outcome().is_good
    assert not an_outcome(**more).is_good


def test_a_withheld_fault_is_good_if_nothing_was_seen_and_has_no_score():
    quiet = an_outcome(withheld=True, detected=None, explained=None, recovered_s=None, seen=())
    assert quiet.is_good
    assert not an_outcome(withheld=True).is_good
    assert a_report(quiet).score is None
    assert a_report(an_outcome(), quiet).score == 80


def test_a_report_is_kept_and_read_again_and_the_newest_one_is_found(tmp_path):
    place = tmp_path / "deep" / "reports"
    assert reports.newest(place) is None
    for day in ("03", "01", "02"):
        made = a_report(an_outcome(told=TOLD), at=f"2026-11-{day}T12:00:00.000000Z")
        path = reports.store(made, place, "# text\n")
        assert reports.read(path) == made
        assert path.with_suffix(".md").read_text() == "# text\n"
    assert reports.newest(place).at.startswith("2026-11-03")


def test_what_is_no_report_is_refused_with_its_reason(tmp_path):
    path = tmp_path / "gameday-x.json"
    with pytest.raises(StorageError, match="cannot read the report"):
        reports.read(path)
    path.write_bytes(b'{"at": 1}')
    with pytest.raises(Malformed, match="not a report of a game day"):
        reports.read(path)
    path.write_bytes(reports.store(a_report(), tmp_path, "").read_bytes())
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(SettingError, match="a report of another version"):
        reports.read(path)
    with pytest.raises(StorageError, match="cannot keep the report"):
        reports.store(a_report(), path / "below", "")


def lines(was, now, **more):
    return list(told_differences(compare(a_report(was), a_report(now)), **more))


def test_a_comparison_says_what_is_sooner_later_gained_and_missed():
    was = an_outcome(detected=a_moment(9.8), explained=None)
    now = an_outcome(detected=a_moment(4.1), recovered_s=8.0)
    assert lines(was, now) == [
        "score 80, was 50",
        "detection of clock-skew: 4.1 s, was 9.8 s (better)",
        "explanation of clock-skew: 4.0 s, was never (better)",
        "recovery of clock-skew: 8.0 s, was 1.0 s (worse)",
        "score of clock-skew: 80, was 50 (better)",
    ]
    assert "explanation of clock-skew: never, was 4.0 s (worse)" in lines(now, was)
    assert compare(a_report(was), a_report(now)).is_worse
    assert not compare(a_report(was), a_report(was)).is_worse


def test_a_difference_that_is_no_larger_than_chance_is_none():
    was, now = an_outcome(), an_outcome(detected=a_moment(2.9), explained=a_moment(4.9))
    assert lines(was, now) == ["score 80, was 80"]
    told = lines(was, now, all=True)
    assert "detection of clock-skew: 2.9 s, was 2.0 s (as before)" in told
    assert "acknowledged and lost of clock-skew: 0, was 0 (as before)" in told


def test_a_lost_record_is_worse_whatever_else_is_better():
    was, now = an_outcome(kept=CLEAN), an_outcome(kept=LOST, detected=a_moment(0.1))
    assert "acknowledged and lost of clock-skew: 1, was 0 (worse)" in lines(was, now)


def test_scenarios_of_one_report_alone_and_other_circumstances_are_said():
    before = a_report(an_outcome("flood"), an_outcome())
    after = a_report(an_outcome("store-full"), an_outcome(), patience_s=90.0)
    told = list(told_differences(compare(before, after)))
    assert "store-full was not run before" in told
    assert "flood was run before, and not now" in told
    assert any("differ in estate, machine, version or patience" in line for line in told)


def test_the_text_of_a_report_has_every_scenario_and_what_was_seen():
    made = a_report(an_outcome(told=TOLD, seen=(a_moment(2.0), TOLD), measured={"times": 6.5}))
    text = reports.to_text(made, compare(made, made))
    assert (
        "| clock-skew | 100 | 2.0 s, gaps | 3.0 s, messages | 4.0 s, gaps | 1.0 s | 0 of 100 |"
        in text
    )
    assert "* 3.0 s, messages: it is wrong" in text
    assert "* measured: times 6.5" in text
    assert "## Since 2026-11-26 12:00 UTC" in text

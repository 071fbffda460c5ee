"""``wherefrom health`` as people read it, on the estate that is shipped."""

import json

import pytest

from tests.unit.cli.running import run
from wherefrom.formats.shown import measured


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    from wherefrom.app import DataFolder, fold_views, open_log
    from wherefrom.cli.up import load_sample

    path = tmp_path_factory.mktemp("shop") / "data"
    folder = DataFolder(path)
    folder.create()
    load_sample(folder)
    fold_views(folder, open_log(folder))
    return path


def test_each_indicator_is_a_line_that_fits_the_page(shop):
    ran = run("health", data=shop)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert all(len(line) <= 100 for line in lines)
    heads = [line[2:6].strip() for line in lines if line[:1] in "+!? " and line[2:3] == "N"]
    assert heads == [f"N{n}" for n in range(1, 19)]
    (coverage,) = [line for line in lines if " coverage " in line and "N1 " in line]
    assert coverage.startswith("! N1")
    assert "90 %" in coverage
    assert "≥ 99 %" in coverage
    assert "misses its target: coverage" in ran.out
    assert "wherefrom health --explain coverage" in ran.out


def test_what_is_behind_coverage_is_told_with_owner_and_remedy(shop):
    ran = run("health", "--explain", "coverage", "-e", "prod", data=shop)
    assert all(len(line) <= 100 for line in ran.out.splitlines())
    assert "closes 1  built + contents  counter  (till)" in ran.out
    assert "registry.corner-shop.example/till:1.1.0-hotfix" in ran.out
    assert "nobody known signed it" in ran.out
    assert "by the policy coverage 1, sha256:" in ran.out


def test_the_past_of_an_indicator_is_a_line_each_moment(shop):
    ran = run("health", "--history", "coverage", "--since", "1.hours.ago", "--step", "30m",
              data=shop)  # fmt: skip
    first, *others = ran.out.splitlines()
    assert "unknown" in first  # before anything was recorded
    assert sum("size" in line for line in [first, *others[:2]]) == 3
    assert "N1 coverage, as it was known at each moment" in ran.out


def test_json_is_the_answer_itself(shop):
    ran = run("health", "--json", "--service", "till", data=shop)
    found = json.loads(ran.out)
    assert [one["name"] for one in found["indicators"][:2]] == ["coverage", "freshness"]
    assert found["indicators"][0]["of"] == 2


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--explain", "N99"], 1, "no such indicator"),
        (["--explain", "N1", "--history", "N1"], 2, "Either --explain or --history."),
        (["--since", "2026-01-01"], 2, "--since and --until are of --history."),
        (["--history", "N1", "--step", "fast"], 1, "not a duration"),
        (["--as-of", "99999"], 1, "the log was never of this size"),
    ],
)
def test_what_cannot_be_asked_is_said(shop, arguments, code, says):
    ran = run("health", *arguments, data=shop)
    assert ran.code == code, ran.err
    assert says in ran.err


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (None, "s", "unknown"), (0.98765, "share", "98.77 %"), (1.0, "share", "100 %"),
        (0.0, "share", "0 %"), (0.05, "s", "50 ms"), (90, "s", "90 s"), (7_200, "s", "2 h"),
        (2_592_000, "s", "30 d"), (500, "ms", "500 ms"), (60_000, "ms", "60 s"),
        (12_345, "bytes/day", "12.3 KB/day"), (3, "count", "3"), (0, "s", "0 s"),
    ],
)  # fmt: skip
def test_a_value_is_shown_in_words_of_its_unit(value, unit, told):
    assert measured(value, unit) == told

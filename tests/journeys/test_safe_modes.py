"""A safe mode from its bundle to its end: what it means, until when, that it stayed too long."""

import time

import pytest

from tests.unit.cli.running import run
from wherefrom.app import DataFolder
from wherefrom.formats.series import Labels, Series
from wherefrom.formats.series_settings import SeriesSettings
from wherefrom.formats.timestamps import of_posix
from wherefrom.views.series.store import SeriesStore

ENTERED = "2026-03-01T12:00:00Z"


@pytest.fixture
def mode(tmp_path):
    assert run("keys", "new", "ops", "-o", tmp_path).code == 0
    (tmp_path / "mode.yaml").write_text("writes: false\n")
    out = tmp_path / "mode.json"
    done = run(
        "bundle", "pack", tmp_path / "mode.yaml", "--name", "read-only", "--key",
        tmp_path / "ops.key", "--kind", "safe_mode", "--meaning", "reads are answered, no writes",
        "--max-seconds", 600, "-o", out, "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    return out, done.json["digest"]


def marks(data, at):
    done = run("running", "prod/cart", "--at", at, "--slot", "safe_mode", "--json", data=data)
    assert done.code == 0, done.err
    return [(p["name"], tuple(p["declared"].get("marks", ()))) for p in done.json["places"]]


def test_a_mode_is_entered_outlives_its_maximum_and_is_left(tmp_path, mode):
    file, digest = mode
    data = tmp_path / "data"
    scope = ("-e", "prod", "--region", "eu")
    done = run(
        "safe-mode", "enter", "cart", file, *scope, "--at", ENTERED, "--for", "5m", data=data
    )
    assert done.code == 0, done.err
    (place,) = run("running", "prod/cart", "--at", ENTERED, "--json", data=data).json["places"]
    assert place["declared"]["value"] == digest
    assert place["declared"]["properties"] == {
        "meaning": "reads are answered, no writes", "until": "2026-03-01T12:05:00.000000Z",
    }  # fmt: skip
    assert marks(data, "2026-03-01T12:04:59Z") == [("read-only", ())]
    assert marks(data, "2026-03-01T12:05:00Z") == [("read-only", ("outlived",))]
    shown = run("running", "prod", "--at", "2026-03-01T13:00:00Z", data=data).out
    assert "! safe_mode read-only" in shown
    assert " outlived  declared  " in shown

    left = "2026-03-01T14:00:00Z"
    for elsewhere in (("-e", "prod"), ("-e", "prod", "--region", "us")):
        assert run("safe-mode", "exit", "cart", *elsewhere, "--at", left, data=data).code == 1
    assert run("safe-mode", "exit", "cart", "other", *scope, "--at", left, data=data).code == 1
    assert run("safe-mode", "exit", "cart", *scope, "--at", left, data=data).code == 0
    assert marks(data, left) == []
    assert marks(data, "2026-03-01T13:59:59Z") == [("read-only", ("outlived",))]


def test_the_bundles_maximum_counts_whatever_the_record_of_entering_says(tmp_path, mode):
    file, digest = mode
    data = tmp_path / "data"
    assert run("record", file, data=data).code == 0
    for until, name in (((), "none"), (("--until", "2027-01-01"), "late")):
        done = run("change", "set", "safe_mode", name, digest, "-e", "prod", "--service", "cart",
                   "--at", ENTERED, *until, data=data)  # fmt: skip
        assert done.code == 0, done.err
    assert marks(data, "2026-03-01T12:09:59Z") == [("late", ()), ("none", ())]
    late = marks(data, "2026-03-01T12:10:00Z")
    assert late == [("late", ("outlived",)), ("none", ("outlived",))]


def test_what_is_no_safe_mode_or_too_long_is_not_entered(tmp_path, mode):
    file, _ = mode
    data = tmp_path / "data"
    assert (
        run("safe-mode", "enter", "cart", file, "-e", "prod", "--for", "11m", data=data).code == 2
    )
    plain = tmp_path / "plain.json"
    assert run("bundle", "pack", tmp_path / "mode.yaml", "--name", "c", "--key",
               tmp_path / "ops.key", "-o", plain).code == 0  # fmt: skip
    refused = run("safe-mode", "enter", "cart", plain, "-e", "prod", data=data)
    assert refused.code == 2
    assert "not a safe mode" in refused.err


def test_its_effect_is_measured_between_the_records_of_entering_and_leaving(tmp_path, mode):
    file, _ = mode
    data, series = tmp_path / "data", tmp_path / "series.csv"
    base = ("cart", "-e", "prod")
    rows = [
        f"2026-03-01T{11 + minute // 60}:{minute % 60:02}:00Z,{service},errors,{value}"
        for minute in range(180)
        for service, value in (("cart", (30 if 60 <= minute < 120 else 10) + minute % 2), ("x", 0))
    ]
    series.write_text("\n".join(["time,service,metric,value", *rows]) + "\n")
    missing = run("safe-mode", "effect", *base, "--series", series, data=data)
    assert missing.code in (1, 3)
    for verb, at in (("enter", ENTERED), ("exit", "2026-03-01T13:00:00Z")):
        named = [file] if verb == "enter" else []
        done = run("safe-mode", verb, "cart", *named, "-e", "prod", "--at", at, data=data)
        assert done.code == 0, done.err
    told = run("safe-mode", "effect", *base, "--series", series, "--json", data=data).json
    assert (told["entered"][:16], told["left"][:16]) == ("2026-03-01T12:00", "2026-03-01T13:00")
    before, during, after = told["metrics"]["errors"]
    assert [(p["points"], p["mean"]) for p in (before, during, after)] == [
        (60, 10.5), (60, 30.5), (60, 10.5),
    ]  # fmt: skip
    assert during["low"] < during["ratio"] < during["high"]
    assert during["low"] > 2.8
    assert after["low"] < 1 < after["high"]
    assert "× 2.905" in run("safe-mode", "effect", *base, "--series", series, data=data).out
    for value in ("nan", "1e308", "1" * 200_000):
        series.write_text(f"time,value\n2026-03-01T12:00:00Z,{value}\n")
        refused = run("safe-mode", "effect", *base, "--series", series, data=data)
        assert (refused.code, "line 2" in refused.err) == (1, True), refused.err


def measured(*places, minutes=180):
    """A CSV of one metric: in each place 10, and another value in a window of minutes from 11:00
    on."""
    rows = [
        f"2026-03-01T{11 + minute // 60}:{minute % 60:02}:00Z,{region},{pool},"
        f"{(value if since <= minute < until else 10) + minute % 2}"
        for region, pool, value, since, until in places
        for minute in range(minutes)
    ]
    return "\n".join(["time,region,pool,value", *rows]) + "\n"


def test_its_effect_is_told_region_by_region_each_over_its_own_stay(tmp_path, mode):
    file, _ = mode
    data, series = tmp_path / "data", tmp_path / "series.csv"
    for verb, at, region in (
        ("enter", "12:00", "eu"), ("enter", "12:30", "us"), ("exit", "13:00", "eu"),
        ("exit", "13:30", "us"),
    ):  # fmt: skip
        named = [file] if verb == "enter" else []
        done = run("safe-mode", verb, "cart", *named, "-e", "prod", "--region", region, "--at",
                   f"2026-03-01T{at}:00Z", data=data)  # fmt: skip
        assert done.code == 0, done.err
    series.write_text(
        measured(("eu", "a", 30, 60, 120), ("eu", "b", 10, 0, 0), ("us", "", 20, 90, 150),
                 ("ap", "", 10, 0, 0), minutes=240)
        + "2026-03-01T12:59:00Z,sa,,7\n"
    )  # fmt: skip
    ask = ("safe-mode", "effect", "cart", "-e", "prod", "--series", series)
    told = run(*ask, "--json", data=data).json
    found = {(p["region"], p["pool"]): p for p in told["places"]}
    stays = {k: (p["in_mode"], p["entry"], p["entered"][11:16], p["left"][11:16])
             for k, p in found.items()}  # fmt: skip
    assert stays == {
        ("eu", "a"): (True, 2, "12:00", "13:00"), ("eu", "b"): (True, 2, "12:00", "13:00"),
        ("us", ""): (True, 3, "12:30", "13:30"), ("ap", ""): (False, 3, "12:30", "13:30"),
        ("sa", ""): (False, 3, "12:30", "13:30"),
    }  # fmt: skip
    means = {k: [(part["points"], part["mean"]) for part in p["metrics"][""]["parts"]]
             for k, p in found.items()}  # fmt: skip
    assert means["eu", "a"] == [(60, 10.5), (60, 30.5), (60, 10.5)]
    assert means["eu", "b"] == means["ap", ""] == [(60, 10.5)] * 3
    assert means["us", ""] == [(60, 10.5), (60, 20.5), (60, 10.5)]
    assert found["sa", ""]["metrics"][""]["too_little"].startswith("0 points before and 1 during")
    assert found["us", ""]["metrics"][""]["too_little"] is None
    # Together: what was in the mode, and no other, over the newest stay.
    assert [part["points"] for part in told["metrics"][""]] == [180, 180, 180]
    drawn = run(*ask, data=data).out
    for line in ("eu/a: 2026-03-01T12:00:00Z to 2026-03-01T13:00:00Z, #2",
                 "ap: 2026-03-01T12:30:00Z to 2026-03-01T13:30:00Z, was not in it",
                 "too little data: 0 points before and 1 during: it takes 3 of each"):  # fmt: skip
        assert line in drawn


def test_a_stay_long_ago_in_another_region_is_no_part_of_the_newest(tmp_path, mode):
    file, _ = mode
    data, series = tmp_path / "data", tmp_path / "series.csv"
    for at, region in (("2026-01-01", "us"), (ENTERED, "eu")):
        for verb, named, end in (("enter", [file], at), ("exit", [], at.replace("12:", "13:"))):
            run("safe-mode", verb, "cart", *named, "-e", "prod", "--region", region, "--at",
                end if verb == "enter" or "T" in at else "2026-01-02", data=data)  # fmt: skip
    series.write_text(measured(("eu", "", 30, 60, 120), ("us", "", 10, 0, 0)))
    told = run("safe-mode", "effect", "cart", "-e", "prod", "--series", series, "--json",
               data=data).json  # fmt: skip
    assert [(p["region"], p["in_mode"]) for p in told["places"]] == [("eu", True), ("us", False)]


def test_without_a_file_its_effect_is_what_was_measured(tmp_path, mode):
    data = tmp_path / "data"
    now = int(time.time()) // 60 * 60
    said = ("-e", "prod", "--source", "/cd")
    for verb, minute in (("enter", -40), ("exit", -20)):
        ran = run("safe-mode", verb, "cart", *((mode[0],) if verb == "enter" else ()), *said,
                  "--at", of_posix(now + 60 * minute), data=data)  # fmt: skip
        assert ran.code == 0, ran.err
    store = SeriesStore(DataFolder(data).series_path, SeriesSettings)
    times = [float(now + 60 * minute) for minute in range(-60, 0)]
    rates = [0.5 if -40 <= (t - now) / 60 < -20 else 0.9 for t in times]
    for labels in (Labels("prod", "cart", region="eu"), Labels("prod", "other", region="eu")):
        store.add([Series(labels, "success_rate", times, rates)], now=now)
    store.close()
    ran = run("safe-mode", "effect", "cart", "-e", "prod", "--window", "20m", "--json", data=data)
    assert ran.code == 0, ran.err
    before, during, after = ran.json["metrics"]["success_rate"]
    assert [round(part["mean"], 3) for part in (before, during, after)] == [0.9, 0.5, 0.9]
    assert ran.json["places"][0]["region"] == "eu"
    assert "× 0.556" in run("safe-mode", "effect", "cart", "-e", "prod", data=data).out

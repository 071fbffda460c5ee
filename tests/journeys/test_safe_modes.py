"""A safe mode from its bundle to its end: what it means, until when, that it stayed too long."""

import pytest

from tests.unit.cli.running import run

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
    series.write_text("time,value\n2026-03-01T12:00:00Z,nan\n")
    assert run("safe-mode", "effect", *base, "--series", series, data=data).code == 1

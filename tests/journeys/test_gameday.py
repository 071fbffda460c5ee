"""Game days as people play them: every fault for real, on a small copy, and nothing left behind."""

import hashlib
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.folders import made, record
from tests.served import WHEREFROM, ServerProcess, event_bytes, family_of, until, wait_gone
from tests.unit.cli.running import run
from tests.unit.gameday.reported import a_report, an_outcome
from wherefrom.app import DataFolder
from wherefrom.gameday import report as reports
from wherefrom.gameday import scratch
from wherefrom.gameday.drill import Wanted, play
from wherefrom.gameday.eyes import EYES
from wherefrom.gameday.faults import SCENARIOS, chosen

# Which eye has to explain it, and whether anybody is told unasked.
EXPECTED = {
    "missing-capture": ("gaps", True),
    "tampering-content": ("verify", False),
    "tampering-tile": ("audit", False),
    "tampering-view": ("audit", False),
    "store-full": (None, True),
    "store-failing": (None, True),
    "store-stalled": (None, True),
    "key-compromise": ("keys", True),
    "clock-skew": ("clocks", True),
    "lost-witness": (None, True),
}


# Watched until it is explained, and told if it ever is, however busy the machine is.
PATIENCE_SECONDS = 120


@pytest.fixture
def place():
    """A folder with a short path, for the sockets of servers lie in it."""
    with tempfile.TemporaryDirectory(prefix="gd-") as path:
        yield Path(path)


def played(path, *names, eyes, **more):
    """The outcome of each, by its name; with the eyes that are named, and what comes unasked."""
    wanted = Wanted(
        chosen(names),
        beside=path,
        eyes=[one for one in EYES if one.tells or one.name in eyes],
        **more,
    )
    made = play(wanted, scratch.of_sample)
    assert list(path.iterdir()) == [], "a scratch folder was left"
    return {one.scenario: one for one in made.outcomes}


def test_every_scenario_is_tested_here():
    assert {*EXPECTED, "flood"} == set(SCENARIOS)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_fault_is_detected_explained_and_recovered_from_and_nothing_is_lost(place, name):
    eye, told = EXPECTED[name]
    one = played(
        place, name, eyes=[eye or "readyz"], patience_s=PATIENCE_SECONDS,
        told_s=PATIENCE_SECONDS if told else 1,
    )[name]  # fmt: skip
    assert one.is_good, one
    assert eye in (None, one.explained.eye) or one.explained.told
    assert all(word in one.explained.says for word in one.words)
    assert (one.told is not None) is told
    assert one.kept.acknowledged > 10
    assert (one.kept.lost, one.kept.waiting) == (0, 0)
    if name == "key-compromise":  # its provenance and its SBOM, and nothing honest
        assert one.measured["judged_again"] == 2


def test_a_flood_is_shed_and_told_and_the_metrics_say_who_floods(place):
    one = played(place, "flood", eyes=["shed", "readyz"], patience_s=7)["flood"]
    assert one.detected is not None
    assert one.told.eye == "senders"
    assert "too many records wait" in one.told.says
    assert one.explained.eye == "shed"
    assert all(word in one.explained.says for word in one.words)
    assert one.recovered_s is not None
    assert one.measured["times"] > 5
    assert one.measured["taken_per_s"] > 0
    assert (one.kept.lost, one.kept.waiting) == (0, 0)


def test_without_their_faults_nothing_is_seen_at_all(place):
    names, eyes = ("missing-capture", "lost-witness"), [one.name for one in EYES]
    found = played(place, *names, eyes=eyes, patience_s=5, withheld=True)
    assert set(found) == set(names)
    for one in found.values():
        assert one.withheld
        assert one.seen == ()
        assert one.is_good
        assert one.kept.lost == 0


# -- the directory that is copied


def contents_of(folder, *, but=""):
    """Every file's bytes and when they were written; ``but`` those of a pattern."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.match(but or "no such file")
    }


def gameday(*arguments, **more):
    return subprocess.run(
        [WHEREFROM, "gameday", *arguments], capture_output=True, text=True, timeout=120,
        check=False, **more,
    )  # fmt: skip


def test_a_directory_that_is_served_is_only_read_and_its_report_is_compared(tmp_path):
    data, place = tmp_path / "data", tmp_path / "reports"
    reports.store(a_report(an_outcome("clock-skew"), at="2026-11-01T12:00:00.000000Z"), place, "")
    with ServerProcess(data) as server, server.client() as http:
        (data / "notify.yaml").write_text("webhooks: []\n")
        for number in range(20):
            assert http.post("/v1/records", content=event_bytes(number)).status_code == 201
        held = contents_of(data, but="views/*")
        done = gameday("run", "clock-skew", "--data", data, "--report", place, "--patience", "4")
        assert done.returncode == 0, done.stdout + done.stderr
        assert contents_of(data, but="views/*") == held
        assert http.get("/readyz").status_code == 200
    *lines, kept = done.stdout.splitlines()
    # An alert may come within so short a patience, or not.
    score = re.fullmatch(r"clock-skew  (80|100) of 100", lines[0])[1]
    assert max(map(len, lines)) <= 100
    assert "since 2026-11-01T12:00Z:" in lines
    assert f"  score {score}, was 80" in lines

    one, other = sorted(place.glob("*.json"))
    assert kept == f"kept as {other}"
    made = reports.read(other)
    assert (made.estate.records, made.estate.size) == (20, 21)
    assert made.estate.origin == DataFolder(data).origin
    assert other.with_suffix(".md").read_text().startswith("# Game day, ")
    assert "## Since 2026-11-01 12:00 UTC" in other.with_suffix(".md").read_text()
    compared = gameday("compare", one, other)
    assert "detection of clock-skew: " in compared.stdout
    assert gameday("compare", one, one).returncode == 0


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--report", "DATA"], 2, "a game day writes nothing into the directory of a log"),
        (["--report", "DATA/views/deep"], 2, "writes nothing into the directory of a log"),
        (["--report", "LINK/reports"], 2, "writes nothing into the directory of a log"),
        (["--scratch", "DATA"], 2, "writes nothing into the directory of a log"),
        (["--scratch", "LINK"], 2, "writes nothing into the directory of a log"),
        (["--scratch", "NOWHERE"], 2, "no folder to make the scratch copy in"),
        (["--sample"], 2, "--sample and --data name two estates"),
        (["--patience", "0"], 2, "--patience"),
        (["nonsense"], 1, "no scenario is called this"),
    ],
)
def test_a_hostile_argument_is_refused_and_the_directory_stays_as_it_is(
    tmp_path, options, code, says
):
    folder = made(tmp_path / "data")
    record(folder, event_bytes(1))
    (tmp_path / "link").symlink_to(folder.path)
    before = contents_of(folder.path)
    names = {"DATA": folder.path, "LINK": tmp_path / "link", "NOWHERE": tmp_path / "nowhere"}
    given = []
    for option in options:
        for name, path in names.items():
            option = option.replace(name, str(path))
        given.append(option)
    done = run("gameday", "run", "store-full", "--data", folder.path, *given)
    assert done.code == code, done.out + done.err
    assert says in " ".join(done.err.split())
    assert contents_of(folder.path) == before


def test_a_directory_without_a_log_is_refused_and_none_is_made_there(tmp_path):
    done = run("gameday", "run", "all", "--data", tmp_path / "data")
    assert done.code == 1
    assert "no log in this directory" in done.err
    assert not (tmp_path / "data").exists()


def test_the_systems_own_place_for_scratch_is_refused_within_a_log(tmp_path):
    folder = made(tmp_path / "data")
    record(folder, event_bytes(1))
    before = contents_of(folder.path)
    environment = {**os.environ, "TMPDIR": str(folder.path)}
    done = gameday("run", "store-full", "--data", folder.path, env=environment)
    assert done.returncode == 2
    assert "writes nothing into the directory of a log" in " ".join(done.stderr.split())
    assert contents_of(folder.path) == before


# -- ended in the middle


@pytest.mark.parametrize(("number", "after"), [("SIGINT", 0.2), ("SIGTERM", 5.0)])
def test_a_signal_at_any_moment_leaves_no_process_and_no_folder(place, number, after):
    process = subprocess.Popen(
        [WHEREFROM, "gameday", "run", "store-stalled", "lost-witness", "--sample",
         "--scratch", place],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    until(lambda: any(place.iterdir()) or process.poll() is not None)
    time.sleep(after)
    family = family_of(process.pid)
    process.send_signal(getattr(signal, number))
    process.send_signal(signal.SIGINT)  # impatient, and again
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "Traceback" not in err
    assert wait_gone(family, seconds=5), "a process was left"
    assert list(place.iterdir()) == []


def test_a_game_day_that_is_killed_leaves_no_server(place):
    process = subprocess.Popen(
        [WHEREFROM, "gameday", "run", "clock-skew", "--sample", "--scratch", place],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: list(place.glob("*/0/data/server.json")))
    family = family_of(process.pid)
    assert len(family) > 1
    process.kill()
    process.wait()
    assert wait_gone(family, seconds=30), "a server was left"

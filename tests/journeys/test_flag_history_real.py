"""A real history of flags, told by ``change flags``, is an estate that agrees with each file."""

import json
import subprocess

import pytest

from tests.paths import DATA
from tests.served import WHEREFROM
from tests.unit.cli.running import run
from wherefrom.formats.timestamps import canonical

HISTORY = DATA / "runtime" / "otel-demo-flag-history"


def versions():
    lines = (HISTORY / "index.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def flags_of(version):
    """What a file says, read in another way: each flag and what it gives by default."""
    found = {}
    for key, flag in json.loads((HISTORY / version["file"]).read_text())["flags"].items():
        value = flag["variants"][flag["defaultVariant"]]
        if flag["state"] == "DISABLED":
            found[key] = "disabled"
        elif isinstance(value, str):
            found[key] = value
        elif isinstance(value, float):  # 0.0 and 0 are one number of JSON
            found[key] = f"{value:g}"
        else:
            found[key] = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return found


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A log that was told every version at the time of its commit, latest first."""
    data = tmp_path_factory.mktemp("flags") / "data"
    for version in reversed(versions()):
        done = run(
            "change", "flags", HISTORY / version["file"], "-e", "prod", "--source", "/git/otel",
            "--at", version["committed"], data=data,
        )  # fmt: skip
        assert done.code == 0, done.err
    return data


def running(data, at, *more):
    said = run("running", "prod", "--slot", "flag", "--at", at, "--json", *more, data=data)
    assert said.code == 0, said.err
    return {p["name"]: p["declared"]["value"] for p in said.json["places"]}


def test_the_history_has_moments_that_can_be_told_apart():
    times = [canonical(v["committed"], where="committed") for v in versions()]
    assert len(times) == 26
    assert sorted(times) == times
    assert len(set(times)) == len(times)


@pytest.mark.parametrize("version", versions(), ids=lambda v: v["commit"][:8])
def test_what_is_running_at_each_commits_time_is_what_its_file_says(data, version):
    assert running(data, version["committed"]) == flags_of(version)


def test_before_the_first_commit_there_was_no_flag(data):
    assert running(data, "2024-03-14T15:06:27Z") == {}


def test_the_changes_lead_from_one_file_to_the_next(data):
    for old, new in zip(versions(), versions()[1:], strict=False):
        at = canonical(new["committed"], where="committed")
        said = run(
            "changes", "prod", "--slot", "flag", "--since", at, "--until", "2100-01-01", "--limit",
            "9999", "--json", data=data,
        ).json  # fmt: skip
        told = {c["name"]: (c["before"], c["after"]) for c in said["changes"] if c["at"] == at}
        before, after = flags_of(old), flags_of(new)
        assert told == {
            key: (before.get(key), after.get(key))
            for key in before.keys() | after.keys()
            if before.get(key) != after.get(key)
        }


def test_a_watcher_that_sees_each_version_leaves_the_last_one(tmp_path):
    path, data = tmp_path / "flags.json", tmp_path / "data"
    last = versions()[-3:]
    path.write_bytes((HISTORY / last[0]["file"]).read_bytes())
    with subprocess.Popen(
        [WHEREFROM, "change", "flags", path, "-e", "prod", "--watch", "--every", "0.1", "--data",
         data],
        stdout=subprocess.PIPE, text=True,
    ) as watching:  # fmt: skip
        try:
            for version in last:
                if version is not last[0]:
                    (tmp_path / "new").write_bytes((HISTORY / version["file"]).read_bytes())
                    (tmp_path / "new").replace(path)
                assert "recorded as entry" in watching.stdout.readline()
                assert running(data, "now") == flags_of(version)
        finally:
            watching.terminate()
    assert watching.returncode == 0

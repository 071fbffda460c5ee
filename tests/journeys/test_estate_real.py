"""Real histories of manifests and flags become an estate that agrees with each of them."""

import json
import re
import subprocess

import pytest
import yaml

from tests.paths import DATA
from tests.served import WHEREFROM
from wherefrom.app import DataFolder, fold_views, open_desk, open_log, open_recorder
from wherefrom.capture import changes, manifests
from wherefrom.collect.principals import local
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import canonical
from wherefrom.query.reality import RealityOptions

SHOP = DATA / "runtime" / "microservices-demo-release-history"
SOURCE = "/git/microservices-demo"


def versions():
    lines = (SHOP / "index.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def images_of(text):
    """What a manifest says, read in another way: every image of every workload's template."""
    found = set()
    for part in re.split(r"(?m)^---.*$", text):
        item = yaml.safe_load(part)
        if not isinstance(item, dict) or item.get("kind") not in ("Deployment", "StatefulSet"):
            continue
        pods = item["spec"]["template"]["spec"]
        for container in [*pods.get("initContainers", []), *pods["containers"]]:
            found.add((item["metadata"]["name"], container["name"], container["image"]))
    return found


@pytest.fixture(scope="module")
def reality(tmp_path_factory):
    folder = DataFolder(tmp_path_factory.mktemp("shop") / "data")
    folder.create(origin="log.example/shop")
    with open_recorder(folder) as recorder:
        for version in versions():
            found = manifests.declared((SHOP / version["file"]).read_text())
            assert not found.unread
            content = changes.estate(
                "declared", Scope("prod"), found.states, all_of=("artifact", "scale"),
                at=canonical(version["committed"], where="committed"), source=SOURCE,
            )  # fmt: skip
            (outcome,) = recorder.record([content], principal=local(0))
            assert outcome.status == "recorded", outcome.reason
    log = open_log(folder)
    fold_views(folder, log)
    return open_desk(folder, log).reality


def running(reality, at):
    answer = reality.running("prod", RealityOptions(at=at, slots=("artifact",)))
    return {(p.service, p.name, p.declared.says) for p in answer.places}, answer


@pytest.mark.parametrize("version", versions(), ids=lambda v: v["commit"][:8])
def test_what_runs_at_each_commits_time_is_what_its_manifest_says(reality, version):
    at = canonical(version["committed"], where="committed")
    later = [v for v in versions() if v["committed"] == version["committed"]]
    assert later == [version], "two versions of one moment could not be told apart"
    found, answer = running(reality, at)
    assert found == images_of((SHOP / version["file"]).read_text())
    for place in answer.places:
        pinned = "@sha256:" in place.declared.says
        assert ("unpinned" in place.declared.marks) == (not pinned), place.declared.says


def test_before_the_first_release_nothing_ran(reality):
    assert running(reality, "2019-02-20T17:47:51.000000Z")[0] == set()


def test_the_changes_of_a_window_lead_from_one_manifest_to_the_next(reality):
    old, new = versions()[20:22]
    since, until = (canonical(v["committed"], where="committed") for v in (old, new))
    window = RealityOptions(
        since=until, until="2100-01-01T00:00:00Z", slots=("artifact",), limit=9999
    )
    told = reality.changes("prod", window)
    first = [c for c in told.changes if c.at == until]
    before, after = (images_of((SHOP / v["file"]).read_text()) for v in (old, new))
    assert {(c.service, c.name, c.before_says) for c in first if c.before} == before - after
    assert {(c.service, c.name, c.after_says) for c in first if c.after} == after - before
    assert since < until
    difference = reality.diff(
        f"prod@{{{since}}}", f"prod@{{{until}}}", RealityOptions(slots=("artifact",))
    )
    assert {(d.service, d.name) for d in difference.differing} == {
        (c.service, c.name) for c in first
    }


def test_the_commands_answer_from_manifests_on_disk(tmp_path):
    def wherefrom(*arguments, code=0):
        done = subprocess.run(
            [WHEREFROM, *map(str, arguments), "--data", tmp_path / "data"],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    first, last = versions()[0], versions()[-1]
    for version in (first, last):
        wherefrom(
            "change", "manifest", SHOP / version["file"], "-e", "prod",
            "--at", version["committed"], "--source", SOURCE,
        )  # fmt: skip
    said = json.loads(wherefrom("running", "prod", "--json"))
    now = {
        (p["service"], p["name"], p["declared"]["says"])
        for p in said["places"]
        if p["slot"] == "artifact"
    }
    assert now == images_of((SHOP / last["file"]).read_text())
    assert "unpinned" in wherefrom("running", "prod")
    assert "→" in wherefrom("changes", "prod", "--since", "2019-01-01")
    assert "differ" in wherefrom("diff", "prod@{2020-01-01}", "prod")
    wherefrom("running", "nowhere", code=1)
    wherefrom("change", "deploy", "cart", "sha256:" + "ab" * 32, "-e", "test")
    wherefrom("change", "set", "flag", "checkout.v2", "on", "-e", "test", "--reason", "a trial")
    shown = wherefrom("running", "test")
    assert "checkout.v2" in shown
    assert "abab" in shown
    wherefrom("change", "set", "flag", "checkout.v2", "-e", "test")
    assert "checkout.v2" not in wherefrom("running", "test")

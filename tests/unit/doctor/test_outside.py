"""What others are to do for a log, and do not: the watch, witnesses, anchors, the trusted root."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest

from tests.paths import REPOSITORY
from tests.served import WHEREFROM
from tests.sigstore_world import world
from tests.unit.cli.running import run
from tests.watched_world import SBOM, World, policy
from wherefrom.app import DataFolder, Served, fold_views
from wherefrom.doctor import Ground, checkup, examine, server
from wherefrom.formats.anchor import AnchorSettings
from wherefrom.keys.cosignatures import Cosigner
from wherefrom.notify import Message, Spool
from wherefrom.notify.message import id_of
from wherefrom.policy.status import WatchAt


class Answers(http.server.BaseHTTPRequestHandler):
    """Somebody who speaks HTTP, whatever is asked."""

    def do_GET(self):
        self.send_error(405)

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


AWAY = "http://127.0.0.1:1"


# -- the watch


@pytest.fixture
def watched(tmp_path):
    """A directory in whose prod a policy is in force, and that a server seems to hold."""
    with World(tmp_path / "data") as world_of_it:
        world_of_it.deploy("cart", 1)
        world_of_it.use(policy(SBOM), "prod")
        fold_views(world_of_it.folder, world_of_it.log)
        yield world_of_it


def looked(watched, tmp_path, *, serves, check="watch"):
    folder = DataFolder(watched.folder.path)
    if serves:  # the lock is the recorder's, of this process
        folder.say_served(Served(AWAY, os.getpid()))
    checks = examine(Ground(folder, spool=tmp_path / "spool")).found
    [found] = [one for name, one in checks if name == check]
    folder.say_served(None)
    return found


def test_a_policy_in_force_that_nobody_watches_is_told(watched, tmp_path):
    found = looked(watched, tmp_path, serves=False)
    assert (found.ok, found.fix) == (None, "wherefrom up")
    assert "in force in prod" in found.says


def test_a_watch_that_never_looked_or_stands_still_is_broken(watched, tmp_path):
    assert looked(watched, tmp_path, serves=True).ok is False
    watched.log.refresh()
    path = watched.folder.watch_path
    for behind, seconds, ok in ((1, 300, False), (1, 5, True), (0, 300, True)):
        at = datetime.now(UTC) - timedelta(seconds=seconds)
        said = WatchAt(size=watched.log.size - behind, at=f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", waiting=0)
        path.write_bytes(msgspec.json.encode(said))
        assert looked(watched, tmp_path, serves=True).ok is ok, (behind, seconds)


# -- alerts


@pytest.mark.parametrize(
    ("receiver", "ok", "says"),
    [
        (None, None, "nobody is told of a page in prod or production or live"),
        ("{name: chat, url: 'http://127.0.0.1:9/x', severities: [ticket]}", None, "nobody is told"),
        ("{name: chat, url: 'http://127.0.0.1:9/x', environments: [test]}", None, "nobody is told"),
        ("{name: chat, url: 'http://127.0.0.1:9/x'}", True, "pages of production reach chat"),
    ],
)
def test_alerts_that_reach_nobody_are_told(watched, tmp_path, receiver, ok, says):
    path = watched.folder.path
    assert "no objectives.yaml" in looked(watched, tmp_path, serves=True, check="alerts").says
    (path / "objectives.yaml").write_text("quiet: 5m\n")
    if receiver is not None:
        (path / "notify.yaml").write_text(f"slack:\n  - {receiver}\n")
        (path / "notify.yaml").chmod(0o600)
    found = looked(watched, tmp_path, serves=True, check="alerts")
    assert (found.ok, says in found.says) == (ok, True), found
    assert looked(watched, tmp_path, serves=False, check="alerts").fix == "wherefrom up"


def test_messages_that_a_pager_does_not_take_name_its_host_and_no_secret(watched, tmp_path):
    path = watched.folder.path
    secret = "http://127.0.0.1:9/services/T0/secret"
    (path / "notify.yaml").write_text(f"slack: [{{name: chat, url: '{secret}'}}]\n")
    (path / "notify.yaml").chmod(0o600)
    Spool(path / "notify").put(
        Message(id=id_of(1), type="t", timestamp="2026-01-01T00:00:00Z", data={}), ["chat"]
    )
    [message] = (path / "notify").glob("*.json")
    os.utime(message, (time.time() - 7200,) * 2)
    found = looked(watched, tmp_path, serves=True, check="notices")
    assert found.ok is False
    assert found.fix.startswith("See what 127.0.0.1 answers")


# -- witnesses


def witnessed(patient, *urls, quorum):
    lines = [f"log {patient.folder.log_vkey().to_text()}"]
    for number, url in enumerate(urls):
        vkey = Cosigner.generate(f"witness.example/{number}", 0x04).verifier_key.to_text()
        lines.append(f"witness w{number} {vkey} {url}")
    names = " ".join(f"w{number}" for number in range(len(urls)))
    lines += [f"group g {quorum} {names}", "quorum g", ""]
    patient.folder.keep_policy("\n".join(lines).encode(), where="test")


def test_a_witness_that_is_away_is_a_warning_while_a_quorum_is_left(patient, address):
    witnessed(patient, address, AWAY, quorum=1)
    found = patient.trouble("witnesses")
    assert found.ok is None
    assert "the witness w1 does not answer" in found.says
    assert AWAY in found.fix


def test_without_a_quorum_it_is_broken(patient, address):
    witnessed(patient, address, AWAY, quorum=2)
    found = patient.trouble("witnesses")
    assert found.ok is False
    assert "without it the quorum is not reached" in found.says


def test_witnesses_that_answer_are_fine(patient, address):
    witnessed(patient, address, quorum=1)
    patient.fine("witnesses")


# -- anchors


def anchored(patient, *urls, every_s=3600):
    settings = AnchorSettings(root="{}", logs=urls, every_s=every_s)
    path = patient.path / "anchor-settings.json"
    path.write_bytes(msgspec.json.encode(settings))
    path.chmod(0o600)


def test_an_anchor_that_is_away_is_named_and_no_password_of_its_address(patient, address):
    anchored(patient, address, "http://me:secret@127.0.0.1:1")
    said = patient.troubles("anchors")
    assert "127.0.0.1:1, to anchor with, does not answer" in said[0].says
    assert "secret" not in str(said)
    assert "no checkpoint is anchored yet" in said[1].says


def test_an_anchor_that_is_too_old_is_named(patient, address, monkeypatch):
    anchored(patient, address)
    folder = patient.path / "anchors"
    folder.mkdir()
    (folder / f"{3:019}.json").write_text("{}")
    os.utime(folder / f"{3:019}.json", (time.time() - 86_400,) * 2)
    monkeypatch.setattr(
        type(patient.folder.anchors), "covering", lambda self: _anchor_of(3)
    )  # what it holds is checked by others
    assert "the last anchor is 24 h old, and one is due every 60 min" in (
        patient.trouble("anchors").says
    )


def _anchor_of(size):
    return SimpleNamespace(tree=SimpleNamespace(size=size))


# -- the trusted root


def test_a_trusted_root_that_grows_old_is_told_and_then_broken(patient, tmp_path):
    file = tmp_path / "root.json"
    file.write_text(json.dumps(world().root()))
    patient.fine("roots")
    assert run("roots", "set", file, data=patient.path).code == 0
    patient.fine("roots")
    patient.clock = lambda: datetime.now(UTC) + timedelta(days=200)
    assert patient.trouble("roots").ok is None
    patient.clock = lambda: datetime.now(UTC) + timedelta(days=800)
    assert patient.trouble("roots").ok is False
    assert "it judges no more" in patient.trouble("roots").says


# -- a clock that was really set back


def test_a_machine_whose_clock_was_set_back_is_told_so(patient):
    command = ["faketime", "-f", "-2h", WHEREFROM, "doctor", "--json", "--data", patient.path]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 1, ran.stderr
    [clock] = [one for one in json.loads(ran.stdout)["checks"] if one["name"] == "clock"]
    assert clock["ok"] is False
    assert "from now" in clock["says"]


def test_the_page_about_it_has_every_check_in_order():
    page = (REPOSITORY / "docs" / "doctor.md").read_text()
    here, there = page.split("## A server from outside")
    named = [n for row in re.findall(r"^\| (`[a-z`, ]+`) \|", here, re.M)
             for n in re.findall("[a-z]+", row)]  # fmt: skip
    assert named == [*checkup.AROUND, *checkup.OF_A_LOG]
    outside = [n for row in re.findall(r"^\| (`[a-z`, ]+`) \|", there, re.M)
               for n in re.findall("[a-z]+", row)]  # fmt: skip
    assert outside == list(server.REMOTE)

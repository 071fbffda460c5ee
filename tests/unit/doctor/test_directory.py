"""Each check names what is broken in a directory at rest, and its fix works."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from wherefrom.app import DataFolder, Served, fold_views, open_log, open_recorder
from wherefrom.doctor import checkup, clock, disk, examine, mend
from wherefrom.doctor.machine import OPTIONAL
from wherefrom.formats.own import Administrators
from wherefrom.keys.changes import KeyWish
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.public import PublicKey
from wherefrom.notify import Message, Spool
from wherefrom.notify.message import id_of
from wherefrom.storage.file_head import SLOT_BYTES

AROUND_ONLY = {"files", "programs", "disk", "clock"}  # what this machine has, well or not


def overwrite(path, offset, written):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(written)


def test_a_whole_directory_has_no_trouble_and_every_check_speaks(patient):
    found = examine(patient.ground())
    assert {n for n, _ in found.found} == {*checkup.AROUND, *checkup.OF_A_LOG}
    wrong = [(n, one) for n, one in found.found if one.ok is not True and n not in AROUND_ONLY]
    assert wrong == []


def test_looking_changes_nothing(patient):
    def all_of_it():
        return {
            p: (p.stat().st_mtime_ns, p.stat().st_mode, p.read_bytes())
            for p in sorted(patient.path.rglob("*"))
            if p.is_file() and not p.name.endswith(("-shm", "-wal"))  # SQLite's own, of any reader
        }

    before = all_of_it()
    examine(patient.ground())
    assert all_of_it() == before


# -- the directory itself


def test_no_directory_an_empty_one_and_a_log_without_keys_are_told_apart(patient, tmp_path):
    patient.path = tmp_path / "nowhere"
    assert "does not exist" in patient.trouble("directory").says
    patient.path.mkdir(mode=0o700)
    assert "holds no log" in patient.trouble("directory").says
    assert "wherefrom up" in patient.trouble("directory").fix
    (patient.path / "journal").mkdir()
    assert "keys are gone" in patient.trouble("directory").says
    assert {n for n, _ in examine(patient.ground()).found} == set(checkup.AROUND)


# -- modes and owners


@pytest.mark.parametrize("name", ["keys/log.key", "keys/service.key", "token", "tokens.json"])
def test_a_secret_that_others_may_read_is_named_and_shut(patient, name):
    (patient.path / name).chmod(0o644)
    found = patient.trouble("permissions")
    assert found.ok is False
    assert f"{patient.path / name} has mode 0644" in found.says
    assert found.fix == f"chmod 600 {patient.path / name}"
    assert patient.mend() == [f"{patient.path / name} has mode 0600 now; it had 0644"]
    patient.fine("permissions")


def test_a_secret_that_its_group_may_read_is_named_too(patient):
    (patient.path / "keys" / "log.key").chmod(0o640)
    assert "has mode 0640" in patient.trouble("permissions").says


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o711])
def test_a_directory_that_others_may_enter_is_shut(patient, mode):
    patient.path.chmod(mode)
    assert patient.trouble("permissions").fix == f"chmod 700 {patient.path}"
    patient.mend()
    assert patient.path.stat().st_mode & 0o777 == 0o700


def test_a_settings_file_that_may_hold_a_secret_is_only_warned_of(patient):
    (patient.path / "notify.yaml").write_text("webhooks: []\n")
    (patient.path / "notify.yaml").chmod(0o644)
    assert patient.trouble("permissions").ok is None


def test_rules_that_others_may_write_are_named_and_keep_the_rest_of_their_mode(patient):
    path = patient.path / "remediation.json"
    path.write_text('{"version": 1, "rules": []}')
    path.chmod(0o664)
    assert "others may write what is run here" in patient.trouble("permissions").says
    patient.mend()
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives files away")
def test_a_key_of_somebody_else_is_named_and_left_to_a_person(patient):
    os.chown(patient.path / "keys" / "log.key", 65534, -1)
    found = patient.trouble("permissions")
    assert found.fix == f"chown 0 {patient.path / 'keys' / 'log.key'}"
    assert found.mend is None


# -- settings


@pytest.mark.parametrize(
    ("name", "written", "says"),
    [
        ("watch.yaml", "by:\n  - {key: k:1}\n\nproduction: 7\n", "watch.yaml, line 4: "),
        ("watch.yaml", "production: [a\nb: c\n", "watch.yaml, line 2: not YAML"),
        ("notify.yaml", "url: x\nwebhooks:\n  - name: a\n    url: http://far/\n    secret: s\n",
         "notify.yaml, line 3: not an address to send to"),
        ("notify.yaml", "webhooks:\n  - name: a\n    color: red\n", "notify.yaml, line 2: "),
        ("series.json", '{"slow_ms": 1,\n "slow_ms": 2}', "names one key twice"),
        ("series.json", '{\n "slow_ms": \n}', "series.json, line 3: not JSON"),
        ("rollback.json", '{"version": 1,\n "commands": 5}', "rollback.json, line 2: "),
        ("feeds.json", '{"feeds": [\n {"name": "a", "from": "/x", "every": 5}]}',
         "feeds.json, line 2: "),
        ("request-rules.json", "[]", "request-rules.json"),
        ("coverage.yaml", "rules: 7\n", "coverage.yaml, line 1: "),
        ("questions.yaml", "- a\n- [\n", "questions.yaml, line 3: not YAML"),
        ("remediation.json", '{"version": 1,\n\n "rules": [}', "remediation.json, line 3: not"),
        ("webhooks.toml", "[shop]\nadapter = \n", "webhooks.toml, line 2: "),
        ("witness.policy", "log a\n\nwitness b\n", "witness.policy, line 1: "),
        ("tokens.json", "[{]", "tokens.json"),
        ("anchor-settings.json", "{}", "anchor-settings.json, line 1: cannot be read"),
        ("trusted-root.json", "{}", "trusted-root.json"),
    ],
)  # fmt: skip
def test_a_settings_file_that_is_wrong_is_named_with_its_line(patient, name, written, says):
    path = patient.path / name
    path.write_text(written)
    path.chmod(0o600)
    found = patient.trouble("settings")
    assert found.ok is False
    assert says in found.says
    assert found.says.startswith(str(path))
    assert found.mend is None  # what somebody meant nobody else knows
    path.unlink()
    patient.fine("settings")


def test_every_settings_file_of_the_program_is_read_here():
    from wherefrom.collect import settings_file
    from wherefrom.doctor.settings import FILES

    named = {v for k, v in vars(settings_file).items() if k.isupper() and isinstance(v, str)}
    assert named <= set(FILES)


# -- the log


def test_a_torn_slot_of_the_head_is_a_warning_and_all_of_them_are_broken(patient):
    head = patient.path / "head"
    overwrite(head, 100, b"torn")
    [torn] = [one for one in patient.found("log") if one.ok is not True]
    assert torn.says == "a slot of the head is torn"
    overwrite(head, 2 * SLOT_BYTES + 100, b"torn")
    assert any(one.ok is False for one in patient.found("log"))


def test_a_head_that_is_gone_is_named(patient):
    (patient.path / "head").unlink()
    assert any("the head of this log is missing" in one.says for one in patient.troubles("log"))


def test_a_changed_byte_of_the_newest_content_is_found(patient):
    [segment] = sorted((patient.path / "journal").glob("*.wfj"))[-1:]
    written = segment.read_bytes()
    overwrite(segment, written.rindex(b"clean/4"), b"clean/5")
    assert any(one.ok is False for one in patient.found("log"))


def test_a_service_key_of_another_log_is_named(patient, tmp_path):
    other = DataFolder(tmp_path / "other")
    other.create()
    shutil.copy(other.path / "keys" / "service.key", patient.path / "keys" / "service.key")
    assert any("not the key that entry 0 names" in one.says for one in patient.troubles("log"))


def test_a_copied_directory_says_that_it_takes_no_records(patient, tmp_path):
    shutil.copytree(patient.path, tmp_path / "copy")
    patient.path = tmp_path / "copy"
    found = patient.trouble("log")
    assert found.ok is None
    assert "up --extends" in found.fix


def test_a_log_that_nobody_has_written_to_is_no_crash(patient, tmp_path):
    patient.path = tmp_path / "begun"
    DataFolder(patient.path).create()
    assert any("no log here yet" in one.says for one in patient.troubles("log"))


# -- views


@pytest.mark.parametrize("name", ["graph", "estate", "health"])
def test_a_view_that_is_broken_is_made_again(patient, name):
    path = patient.path / "views" / f"{name}.db"
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    path.write_bytes(b"not a database, by any means" * 500)
    found = patient.trouble("views")
    assert found.ok is False
    assert found.fix == "wherefrom views rebuild"
    assert patient.mend() == [f"made {name}.db again from 6 entries"]
    patient.fine("views")


def test_a_view_of_another_log_is_made_again(patient, tmp_path):
    other = DataFolder(tmp_path / "other")
    other.create()
    with open_recorder(other):
        pass
    fold_views(other, open_log(other))
    for path in (patient.path / "views").glob("graph.db*"):
        path.unlink()
    for path in (other.path / "views").glob("graph.db*"):
        shutil.copy(path, patient.path / "views")
    patient.trouble("views")
    patient.mend()
    patient.fine("views")


def test_views_that_lag_without_a_server_are_as_they_should_be(patient):
    patient.record(range(5, 9))
    [found] = patient.found("views")
    assert found.ok is True
    assert "4 entries behind; the next question reads them" in found.says


# -- what a process left


def test_what_a_dead_server_left_is_removed(patient):
    patient.folder.say_served(Served("http://127.0.0.1:1", 999_999))
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(patient.path / "reader.sock"))
    half = patient.path / "keys" / "log-keys.json.new"
    half.write_text("{")
    os.utime(half, (time.time() - 3600,) * 2)
    says = [one.says for one in patient.troubles("leftovers")]
    assert len(says) == 3
    assert "(process 999999)" in says[0]
    assert len(patient.mend()) == 3
    assert not half.exists()
    assert not (patient.path / "reader.sock").exists()
    patient.fine("leftovers")


def test_a_file_that_is_just_being_written_is_left_alone(patient):
    (patient.path / "token.new").write_text("half")
    patient.fine("leftovers")


def test_a_lock_that_another_process_holds_is_told_and_never_broken(patient):
    patient.folder.say_served(None)
    with open_recorder(DataFolder(patient.path)):
        found = patient.trouble("leftovers")
        assert "holds the directory's lock" in found.says
        assert found.mend is None


def test_an_import_that_was_cut_short_is_named(patient):
    patient.folder.importing.touch()
    assert any("import" in one.says for one in patient.troubles("leftovers"))


# -- keys


def trusted(patient, number, **more):
    key = SigningKey(bytes([number] * 32))
    public = PublicKey(spki_der(key.public_key))
    with open_recorder(DataFolder(patient.path)) as recorder:
        recorder.wish(KeyWish(action="trust", pem=public.to_pem(), names=(f"k{number}",), **more))
    return public.id


def test_a_key_that_ends_soon_or_ended_is_named(patient):
    now = datetime.now(UTC)
    soon = trusted(patient, 7, valid_to=f"{now + timedelta(days=5):%Y-%m-%dT%H:%M:%S.000000Z}")
    trusted(patient, 8, valid_to=f"{now + timedelta(days=300):%Y-%m-%dT%H:%M:%S.000000Z}")
    found = patient.trouble("keys")
    assert found.ok is None
    assert f"the key {soon} counts for 4 days more" in found.says
    assert f"--replaces {soon}" in found.fix
    patient.clock = lambda: now + timedelta(days=6)
    assert "no longer counts since" in patient.trouble("keys").says


def test_administrators_who_can_no_longer_agree_are_broken(patient):
    one = trusted(patient, 7)
    two = trusted(patient, 8, valid_to="2027-01-01T00:00:00.000000Z")
    with open_recorder(DataFolder(patient.path)) as recorder:
        recorder._change(Administrators(keys=(one, two), threshold=2))
    patient.clock = lambda: datetime(2027, 6, 1, tzinfo=UTC)
    assert any(
        found.ok is False and "2 administrators must sign a change of keys, and 1" in found.says
        for found in patient.troubles("keys")
    )


def test_a_log_key_that_is_due_is_named(patient):
    with open_recorder(DataFolder(patient.path)):
        pass
    DataFolder(patient.path).own_keys.plan(type(patient.folder.own_keys.read().schedule)(90, 7))
    patient.clock = lambda: datetime.now(UTC) + timedelta(days=100)
    assert "older than the 90 days" in patient.trouble("keys").says


# -- what should move, and does not


def test_records_that_wait_too_long_to_be_sent_are_named(patient):
    folder = patient.spool / "0123456789abcdef"
    (folder / "refused").mkdir(parents=True)
    (folder / "1.json").write_text("{}")
    patient.fine("spool")
    os.utime(folder / "1.json", (time.time() - 7200,) * 2)
    found = patient.trouble("spool")
    assert found.ok is False
    assert "the first for 2 h" in found.says
    assert found.fix.endswith(f"wherefrom record {folder}/*.json")
    (folder / "1.json").rename(folder / "refused" / "1.json")
    assert patient.trouble("spool").ok is None


def test_messages_that_nobody_takes_are_named(patient):
    message = Message(id=id_of(1), type="t", timestamp="2026-01-01T00:00:00Z", data={})
    Spool(patient.path / "notify").put(message, ["on-call"])
    patient.fine("notices")
    [path] = (patient.path / "notify").iterdir()
    os.utime(path, (time.time() - 7200,) * 2)
    found = patient.trouble("notices")
    assert found.ok is None  # no server runs, so nobody sends
    assert "1 messages wait for on-call, the first for 2 h" in found.says


def test_a_feed_that_nobody_looks_at_is_named(patient):
    feeds = patient.path / "feeds.json"
    feeds.write_text('{"feeds": [{"name": "osv", "from": "/srv/osv", "every": "1h"}]}')
    feeds.chmod(0o600)
    assert "was looked at never" in patient.trouble("feeds").says
    (patient.path / "feeds").mkdir(exist_ok=True)
    at = datetime.now(UTC) - timedelta(hours=2)
    (patient.path / "feeds" / "osv.json").write_text(f'{{"looked": "{at:%Y-%m-%dT%H:%M:%S.%fZ}"}}')
    patient.fine("feeds")
    patient.clock = lambda: at + timedelta(hours=5)
    assert "5 h ago, and should be every 1h" in patient.trouble("feeds").says


# -- the machine


def test_a_clock_behind_the_log_is_broken(patient):
    patient.clock = lambda: datetime.now(UTC) - timedelta(hours=1)
    found = patient.trouble("clock")
    assert found.ok is False
    assert "received 59 min from now" in found.says


@pytest.mark.parametrize(("kept", "ok"), [(True, True), (False, None), (None, True)])
def test_what_the_kernel_says_of_its_clock_is_passed_on(patient, monkeypatch, kept, ok):
    monkeypatch.setattr(clock, "kernel_keeps_time", lambda: kept)
    [found] = patient.found("clock")
    assert found.ok is ok


def test_the_kernel_is_really_asked():
    assert clock.kernel_keeps_time() in (True, False)  # on Linux it always says one of them


def test_a_program_that_settings_name_and_is_not_there_is_broken(patient):
    path = patient.path / "rollback.json"
    path.write_text('{"version": 1, "commands": [{"argv": ["no-such-tool", "{service}"]}]}')
    found = patient.trouble("programs")
    assert found.ok is False
    assert "no-such-tool, which is not installed" in found.says


def test_optional_programs_that_are_missing_are_warned_of(patient, tmp_path):
    patient.environ["PATH"] = str(tmp_path)
    assert [one.ok for one in patient.troubles("programs")] == [None] * len(OPTIONAL)
    assert "bubblewrap" in patient.troubles("programs")[-1].fix


def test_few_files_that_may_be_open_are_told():
    code = (
        "import resource, pathlib\n"
        "from wherefrom.app import DataFolder\n"
        "from wherefrom.doctor import Ground, machine\n"
        "for limit in (2048, 128):\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))\n"
        "    path = pathlib.Path('/nowhere')\n"
        "    [found] = machine.files(Ground(DataFolder(path), spool=path))\n"
        "    print(found.ok, found.says, '|', found.fix)\n"
    )
    import sys

    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert said[0].startswith("None a server may open 2,048 files")
    assert said[1].startswith("False a server may open 128 files")
    assert "ulimit -n" in said[1]


def test_a_disk_that_is_nearly_full_is_broken(patient, tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)]
    mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        if not mounted:  # nobody may mount here: then the bound is moved instead of the disk
            patient_free = shutil.disk_usage(patient.path).free
            disk.FREE_BYTES_MIN, before = patient_free * 2, disk.FREE_BYTES_MIN
        else:
            shutil.copytree(patient.path, mount / "data")
            (mount / "data").chmod(0o700)
            patient.path = mount / "data"
        found = patient.trouble("disk")
        assert found.ok is False
        assert "nearly full" in found.says
    finally:
        if mounted:
            subprocess.run(["umount", "-l", mount], check=True)
        else:
            disk.FREE_BYTES_MIN = before


@pytest.mark.parametrize(("days", "ok"), [(2, False), (10, None), (100, True)])
def test_growth_is_weighed_against_what_is_free(patient, monkeypatch, days, ok):
    patient.clock = lambda: datetime.now(UTC) + timedelta(days=1)
    grown = disk.bytes_of(patient.path)  # in a day, all of it
    usage = shutil.disk_usage(patient.path)._replace(free=grown * days)
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(disk, "FREE_BYTES_MIN", 0)
    first = patient.found("disk")[0]
    assert first.ok is ok
    assert f"for {days} days at" in first.says


def test_a_slow_sync_is_warned_of(patient, monkeypatch):
    assert disk.sync_time_s(patient.path) > 0
    monkeypatch.setattr(disk, "sync_time_s", lambda path: 0.2)
    assert "a sync takes 200.0 ms" in patient.troubles("disk")[-1].says


# -- when a check itself fails


def test_a_check_that_cannot_look_costs_the_others_nothing(patient, monkeypatch):
    def fails(ground):
        yield checkup.Found(True, "first")
        raise RuntimeError("not foreseen")

    def denied(ground):
        raise PermissionError(13, "Permission denied", "/x")
        yield

    monkeypatch.setattr(checkup, "AROUND", {"one": fails, "two": denied, "three": fails})
    found = examine(patient.ground()).found
    assert [(n, one.ok) for n, one in found[:5]] == [
        ("one", True), ("one", False), ("two", None), ("three", True), ("three", False),
    ]  # fmt: skip
    assert "not foreseen" in found[1][1].says


def test_what_cannot_be_mended_is_said(patient, monkeypatch):
    def gone():
        raise PermissionError(13, "Permission denied", "/x")

    found = checkup.Checkup([("a", checkup.Found(False, "s", "f", gone))])
    [done] = mend(found)
    assert not done.ok
    assert "Permission denied" in done.did

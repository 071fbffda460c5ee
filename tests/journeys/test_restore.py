"""A log that is lost comes back: from a copy of its directory, and from an export with contents."""

import random
import shutil

import msgspec
import pytest

from tests.served import ServerProcess, event_bytes, run_up
from tests.unit.cli.running import run
from wherefrom.app import DataFolder, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.formats import checkpoint
from wherefrom.formats import note as notes
from wherefrom.log.compare import Fork, check_fork

EVENTS = 700
ERASED = (5, 300)


@pytest.fixture
def folder(tmp_path):
    made = DataFolder(tmp_path / "data")
    made.create(origin="log.example/restore")
    with open_recorder(made) as recorder:
        recorder.record([event_bytes(n) for n in range(EVENTS)], principal=local(0))
        for index in ERASED:
            recorder.erase(index, reason="a test", principal=local(0))
    return made


def everything(folder):
    """Every record, with its nonce."""
    log = open_log(folder)
    return [log.checkpoint, *log.records(0, log.size)]


def exported(folder, *options):
    out = folder.path.with_name("export")
    ran = run("log", "export", out, *options, data=folder.path)
    assert ran.code == 0, ran.err
    return out


def emptied(folder):
    """The directory after a disaster that spared the keys."""
    lost = DataFolder(folder.path.with_name("again"))
    lost.path.mkdir()
    shutil.copytree(folder.path / "keys", lost.path / "keys")
    return lost


def need_serving(folder, note, *, before):
    """Read-only until it extends the checkpoint; then a log that goes on where it was."""
    refused = run_up(folder.path, "--port", "0")
    assert refused.returncode == 1
    assert "an old copy must not fork it" in refused.stderr
    assert run("log", "audit", "--views", data=folder.path).code == 0
    with ServerProcess(folder.path, "--extends", note) as server, server.client() as client:
        assert client.get("/v1/records/7/content").content == event_bytes(6)
        assert client.get("/v1/records/5/content").status_code in (404, 410)
        known = client.post("/v1/records", content=event_bytes(6)).json()["items"][0]
        assert (known["index"], known["status"]) == (7, "known")
        new = client.post("/v1/records?wait=proof", content=event_bytes(9000)).json()["items"][0]
        assert new["index"] == len(before) - 1
        later = note.with_name("later")
        later.write_bytes(client.get("/checkpoint").content)
        found = run("log", "compare", note, later, "--json", data=folder.path)
        assert (found.code, found.json["result"]) == (0, "consistent")
    assert everything(folder)[1 : len(before)] == before[1:]


def test_an_export_with_contents_becomes_the_same_log_again(folder):
    out, before = exported(folder, "--contents"), everything(folder)
    lost = emptied(folder)
    shutil.rmtree(folder.path)
    ran = run("log", "import", out, "--json", data=lost.path)
    assert ran.code == 0, ran.err
    assert ran.json["size"] == len(before) - 1
    assert everything(lost) == before
    need_serving(lost, out / "checkpoint", before=before)


def test_a_copied_directory_becomes_the_same_log_again(folder, tmp_path):
    before, copy = everything(folder), DataFolder(tmp_path / "again")
    shutil.copytree(folder.path, copy.path)
    shutil.rmtree(folder.path)
    note = tmp_path / "note"
    note.write_bytes(before[0])
    need_serving(copy, note, before=before)


@pytest.mark.parametrize("more", [1, 3])
def test_two_copies_that_were_both_made_writable_are_found_out(folder, tmp_path, more):
    copy, note = DataFolder(tmp_path / "again"), tmp_path / "note"
    shutil.copytree(folder.path, copy.path)
    before = open_log(folder).checkpoint
    signed = checkpoint.parse(notes.parse(before).text)
    with open_recorder(copy, extends=signed) as recorder:  # what an operator must not do
        recorder.record([event_bytes(n) for n in range(4000, 4000 + more)], principal=local(0))
    with open_recorder(folder) as recorder:
        recorder.record([event_bytes(n) for n in range(5000, 5003)], principal=local(0))
    note.write_bytes(open_log(copy).checkpoint)
    ran = run("log", "compare", note, "--json", data=folder.path)
    assert ran.code == 1
    (finding,) = ran.json["findings"]
    if more == 3:
        assert (finding["result"], len(finding["proof"])) == ("split", 2)
    else:
        assert finding["result"] == "inconsistent"
        (fork,) = finding["forks"]
        check_fork(msgspec.convert(fork, Fork), log_key=folder.log_vkey())


def test_a_copy_that_is_older_than_the_checkpoint_stays_read_only(folder, tmp_path):
    out = exported(folder, "--contents")
    with open_recorder(folder) as recorder:
        recorder.record([event_bytes(7777)], principal=local(0))
    newest = tmp_path / "newest"
    newest.write_bytes(open_log(folder).checkpoint)
    lost = emptied(folder)
    assert run("log", "import", out, data=lost.path).code == 0
    refused = run_up(lost.path, "--port", "0", "--extends", newest)
    assert refused.returncode == 1
    assert "does not begin with the checkpoint" in refused.stderr


def test_what_is_erased_after_an_export_leaves_it_at_the_next_one(folder):
    out = exported(folder, "--contents")
    needle = event_bytes(40)
    assert needle in (out / "contents/000").read_bytes()
    with open_recorder(folder) as recorder:
        recorder.record([event_bytes(n) for n in range(8000, 8300)], principal=local(0))
        recorder.erase(41, reason="a test", principal=local(0))
    exported(folder, "--contents")
    assert needle not in b"".join(p.read_bytes() for p in out.rglob("*") if p.is_file())
    lost = emptied(folder)
    assert run("log", "import", out, data=lost.path).code == 0
    assert everything(lost) == everything(folder)


def test_an_export_without_contents_gets_them_later_and_is_no_backup_before(folder):
    out = exported(folder)
    ran = run("log", "import", out, "--json", data=emptied(folder).path)
    assert (ran.code, ran.problem["code"]) == (1, "not_found")
    assert "wherefrom log export DIR --contents" in ran.err
    exported(folder, "--contents")
    again = DataFolder(folder.path.with_name("again"))
    assert run("log", "import", out, data=again.path).code == 0
    assert everything(again) == everything(folder)


def test_no_damage_to_an_export_is_imported_and_a_second_try_succeeds(folder):
    out = exported(folder, "--contents")
    chance, lost = random.Random(3), emptied(folder)
    files = sorted(p for p in out.rglob("*") if p.is_file())
    needed = [p for p in files if p.parts[-2] != "1" and "1" not in p.relative_to(out).parts[1:2]]
    for path in needed:
        whole = path.read_bytes()
        for damage in ("flip", "cut", "gone"):
            if damage == "flip":
                bit = chance.randrange(8 * len(whole))
                changed = bytearray(whole)
                changed[bit // 8] ^= 1 << bit % 8
                path.write_bytes(changed)
            elif damage == "cut":
                path.write_bytes(whole[: chance.randrange(len(whole))])
            else:
                path.unlink()
            ran = run("log", "import", out, "--json", data=lost.path)
            where = f"{path.relative_to(out)} {damage}"
            assert ran.code == 1, where
            assert path.name in ran.err or "checkpoint" in str(path), f"{where}: {ran.err}"
            path.write_bytes(whole)
    refused = run_up(lost.path, "--port", "0")  # keys alone: another log must not begin here
    assert (refused.returncode, "import" in refused.stderr) == (1, True)
    assert run("log", "import", out, data=lost.path).code == 0
    assert everything(lost) == everything(folder)
    ran = run("log", "import", out, "--json", data=lost.path)
    assert (ran.code, ran.problem["code"]) == (1, "already_exists")


def test_an_export_of_another_log_is_not_imported(folder, tmp_path):
    out = exported(folder, "--contents")
    other = DataFolder(tmp_path / "other")
    other.create(origin="log.example/other")
    ran = run("log", "import", out, "--json", data=other.path)
    assert (ran.code, ran.problem["code"]) == (1, "signature")
    assert run("log", "import", out, "--json", data=tmp_path / "nothing").code == 3

"""The verbs that ask, on a directory: trace, show, find, verify, prove, log, erase, views."""

import hashlib
import json
import zipfile

import msgspec
import pytest

from tests.unit.cli.running import event, lines, run, statement
from wherefrom.cli.trace import FORMATS
from wherefrom.formats import tlog_proof
from wherefrom.query import Path as Way
from wherefrom.query import Trace, exports

DIGEST = hashlib.sha256(b"app").hexdigest()


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    """A folder with a log of two statements about the file ``app`` and four events."""
    folder = tmp_path_factory.mktemp("estate")
    (folder / "app").write_bytes(b"app")
    said = [statement("app", DIGEST), statement("app", DIGEST, "https://example.com/again/v1")]
    written = b"".join(json.dumps(s).encode() + b"\n" for s in said) + lines(range(4))
    assert run("record", "-", stdin=written, data=folder / "d").code == 0
    return folder


@pytest.fixture
def ask(estate, monkeypatch):
    """Run a verb in the estate's folder; ``./d`` is its log."""
    monkeypatch.chdir(estate)
    return lambda *arguments, **options: run(*arguments, data="d", **options)


def test_a_trace_has_every_key_that_is_promised(ask):
    said = ask("trace", "s3://bucket:clean/1", "--json").json
    assert {"of", "log", "nodes", "edges", "gaps", "erased", "truncated", "reason",
            "frontier"} <= set(said)  # fmt: skip
    assert set(said["log"]) == {"origin", "size", "root"}
    assert {"id", "kind", "name", "properties"} <= set(said["nodes"][0])
    assert {"from", "to", "relation", "entry", "trust", "signers", "occurred"} <= set(
        said["edges"][0]
    )


@pytest.mark.parametrize("target", ["app", "./app", f"sha256:{DIGEST}", f"sha256:{DIGEST[:8]}"])
def test_a_file_and_its_digest_give_the_same_answer(ask, target):
    assert ask("show", target, "--json").json["matches"][0]["id"] == f"sha256:{DIGEST}"
    found = ask("find", target, "--json")
    assert found.code == 0
    assert [m["id"] for m in found.json["matches"]][:1] == [f"sha256:{DIGEST}"]
    assert found.json["matches"][0]["entries"] == [1, 2]


@pytest.mark.parametrize("name", exports.FORMATS)
def test_a_trace_and_a_way_are_written_in_every_format(ask, name):
    start, end, other = "s3://bucket:clean/1", "s3://bucket:raw/1", "s3://bucket:raw/2"
    for given in ((start,), (start, "--kind", "run"), ("--path", start, end), (other, "--down"),
                  ("--path", start, other)):  # fmt: skip
        said = ask("trace", *given, "--json")
        ran = ask("trace", *given, "--format", name)
        answer = msgspec.convert(said.json, Way if "--path" in given else Trace)
        assert ran.out == exports.write(answer, name)
        assert ran.code == said.code == int(given == ("--path", start, other))


def test_the_formats_of_the_command_are_those_there_are():
    assert ("tree", "json", *exports.FORMATS) == FORMATS


def test_a_bound_on_the_length_of_a_way_is_kept(ask):
    ends = ("s3://bucket:clean/1", "s3://bucket:raw/1")
    assert ask("trace", "--path", *ends, "--depth", "2", "--json").json["length"] == 2
    short = ask("trace", "--path", *ends, "--depth", "1", "--json")
    assert (short.code, short.json["truncated"], short.json["reason"]) == (3, True, "depth")


def test_up_and_down_are_two_ways(ask):
    up = ask("trace", "s3://bucket:clean/1", "--json").json
    down = ask("trace", "--down", "s3://bucket:raw/1", "--json").json
    assert "dataset:s3://bucket:raw/1" in {n["id"] for n in up["nodes"]}
    assert "dataset:s3://bucket:clean/1" in {n["id"] for n in down["nodes"]}


def test_a_bound_is_said_and_is_no_failure(ask):
    ran = ask("trace", "s3://bucket:clean/1", "--depth", "1", "--json")
    assert (ran.code, ran.json["truncated"], ran.json["reason"]) == (0, True, "depth")


def test_a_way_exists_or_not_and_the_exit_says_which(ask):
    way = ask("trace", "--path", "s3://bucket:clean/1", "s3://bucket:raw/1", "--json")
    assert (way.code, way.json["direction"]) == (0, "up")
    none = ask("trace", "--path", "s3://bucket:clean/1", "s3://bucket:raw/2")
    assert none.code == 1
    assert none.out.startswith("No way between them")


@pytest.mark.parametrize(
    "arguments",
    [(), ("a", "--path", "b", "c"), ("a", "--json", "--format", "dot"),
     ("--path", "a", "b", "--kind", "run"), ("--path", "a", "b", "--json", "--format", "prov-n"),
     ("a", "--at", "noon"),
     ("a", "--as-of", "-1"), ("a", "--depth", "x"), ("a", "--format", "xml")],
)  # fmt: skip
def test_a_trace_of_nothing_or_of_two_minds_is_misuse(ask, arguments):
    assert ask("trace", *arguments).code == 2


def test_what_is_not_there_is_a_no(ask):
    for verb in ("trace", "show", "verify", "prove"):
        ran = ask(verb, "sha256:" + "9" * 64, "--json")
        assert (ran.code, ran.problem["code"]) == (1, "not_found"), verb
    assert ask("find", "no such thing").code == 1
    assert ask("find", "no such thing", "--json").json["matches"] == []


def test_a_name_that_several_things_have_is_misuse_and_names_them(ask):
    ran = ask("trace", "load", "--json")
    assert (ran.code, ran.problem["code"]) == (2, "ambiguous")
    assert "job:jobs:load" in ran.problem["expected"]


def test_as_of_knows_only_what_was_known(ask):
    assert ask("show", "app", "--as-of", "1").code == 1
    assert ask("show", "app", "--as-of", "2", "--json").json["matches"][0]["entries"] == [1]
    assert ask("find", f"sha256:{DIGEST}", "--as-of", "1").code == 1


def test_one_entry_is_proved_offline_with_the_key_alone(ask, estate):
    ran = ask("prove", "app", "-o", "app.tlog-proof", "--json")
    assert ran.json["entries"] == [1]
    proof = tlog_proof.parse((estate / "app.tlog-proof").read_bytes())
    assert json.loads(proof.extra)["kind"] == "attestation"
    vkey = ask("log", "status", "--json").json["vkey"]
    for key in (vkey, "d/keys/log.vkey"):
        checked = run("verify", "./app.tlog-proof", "--offline", "--log-key", key, "--json")
        assert (checked.code, checked.json["result"]) == (0, "proven")


def test_a_whole_trace_is_proved_offline_and_a_changed_byte_is_found(ask, estate):
    assert ask("prove", "s3://bucket:clean/1", "--trace", "-o", "t.zip").code == 0
    with zipfile.ZipFile(estate / "t.zip") as archive:
        names = archive.namelist()
        parts = {name: archive.read(name) for name in names}
    assert {"manifest.json", "checkpoint", "entries/0", "contents/0"} <= set(names)
    checked = run("verify", "t.zip", "--offline", "--log-key", "d/keys/log.vkey", "--json")
    assert checked.code == 0
    content = next(
        n for n in names if n.startswith("contents/") and n[9:].isdigit() and n[9:] > "0"
    )
    parts[content] = parts[content].replace(b"load", b"lead", 1)
    with zipfile.ZipFile(estate / "bad.zip", "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    bad = run("verify", "bad.zip", "--offline", "--log-key", "d/keys/log.vkey")
    assert bad.code == 1
    assert "✗" in bad.out
    assert bad.out.endswith("FAILED: what is claimed does not hold\n")


def test_evidence_without_a_key_uses_the_places_and_says_so(ask, estate):
    ask("prove", "app", "-o", "said.tlog-proof")
    for target in ("./said.tlog-proof", "said.tlog-proof"):
        ran = ask("verify", target)
        assert (ran.code, "checked with the key of d" in ran.err) == (0, True)
    nowhere = run("verify", "./said.tlog-proof", data=estate / "nothing here")
    assert nowhere.code == 2
    assert "--log-key" in nowhere.err


def test_evidence_of_another_log_is_not_proven(ask, estate, tmp_path):
    run("record", "-", stdin=lines([9]), data=tmp_path / "other")
    ask("prove", "app", "-o", "mine.tlog-proof")
    key = tmp_path / "other" / "keys" / "log.vkey"
    ran = run("verify", "./mine.tlog-proof", "--offline", "--log-key", key, "--json")
    assert (ran.code, ran.json["result"]) == (1, "failed")


@pytest.mark.parametrize("key", ["nonsense", "a+b+c", "app"])
def test_a_wrong_key_is_misuse(ask, key):
    ran = ask("verify", "app", "--offline", "--log-key", key)
    assert ran.code == 2
    assert "not a verifier key" in ran.err


def test_offline_without_a_key_is_misuse(ask):
    assert ask("verify", "app", "--offline").code == 2


def test_steps_are_numbered_and_marked(ask):
    ran = ask("verify", "app")
    assert ran.code == 1, "unproven is no yes"
    out = ran.out
    assert out.startswith("1. ✓ checkpoint: signed by the key of ")
    assert "5. ✗ trust: of 2 records, 2 channel (entries 1, 2)." in out
    assert "UNPROVEN" in out


def test_a_proof_goes_to_standard_output_when_asked(ask):
    ran = ask("prove", "1", "-o", "-")
    assert tlog_proof.parse(ran.written).index == 1


def test_the_suffix_says_what_is_wanted(ask, estate):
    ask("prove", "app", "-o", "app.zip")
    with zipfile.ZipFile(estate / "app.zip") as archive:
        assert {"contents/1", "contents/1.nonce", "contents/2"} <= set(archive.namelist())
    assert ask("prove", "app", "--content", "-o", "app.tlog-proof").code == 2


def test_a_name_is_made_up_for_a_proof_without_one(ask, estate):
    ran = ask("prove", "2", "--json")
    assert ran.json["file"] == "entry-2.tlog-proof"
    assert (estate / "entry-2.tlog-proof").stat().st_size == ran.json["bytes"]


def test_a_proof_that_cannot_be_written_is_the_worlds_failure(ask):
    assert ask("prove", "2", "-o", "no/such/folder/p.tlog-proof").code == 3


def test_status_names_the_log_and_how_far_its_views_have_come(ask):
    said = ask("log", "status", "--json").json
    assert set(said) == {"origin", "size", "root", "vkey", "checkpoint", "views", "keys"}
    assert said["views"] == dict.fromkeys(("graph", "estate", "health"), said["size"])
    assert said["root"] in ask("log", "status").out


def test_an_erased_content_leaves_every_answer_and_its_proof_stays(tmp_path):
    data = tmp_path / "d"
    run("record", "-", stdin=lines([1, 2]), data=data)
    ran = run("erase", "1", "--reason", "a mistake", "--json", data=data)
    assert (ran.code, ran.json) == (0, {"erased": 1, "tombstone": 3})
    assert run("show", "s3://bucket:clean/1", data=data).code == 1
    assert run("trace", "s3://bucket:clean/2", "--json", data=data).json["erased"] == [1]
    assert "erased: entry 1;" in run("trace", "s3://bucket:clean/2", data=data).out
    assert run("prove", "1", "-o", tmp_path / "p.tlog-proof", data=data).code == 0
    assert run("verify", tmp_path / "p.tlog-proof", data=data).code == 0
    before = run("trace", "s3://bucket:clean/2", "--json", data=data).out
    views = {"graph": 4, "estate": 4, "health": 4}
    assert run("views", "rebuild", "--json", data=data).json == {"views": views}
    assert run("trace", "s3://bucket:clean/2", "--json", data=data).out == before
    assert run("erase", "0", "--reason", "x", data=data).code == 1
    assert run("erase", "99", "--reason", "x", data=data).code == 1
    assert run("erase", "1", data=data).code == 2


def test_an_audit_finds_a_flipped_bit_and_says_no(tmp_path):
    data = tmp_path / "d"
    run("record", "-", stdin=lines(range(5)), data=data)
    sound = run("log", "audit", "--json", data=data)
    assert (sound.code, sound.json) == (0, {"entries": 6, "problems": []})
    (segment,) = (p for p in (data / "journal").iterdir() if p.stat().st_size > 1000)
    written = bytearray(segment.read_bytes())
    written[written.index(b"clean/3")] ^= 1
    segment.write_bytes(written)
    damaged = run("log", "audit", "--json", data=data)
    assert damaged.code == 1
    assert {p["entry"] for p in damaged.json["problems"]} == {4}
    assert "✗ entry 4" in run("log", "audit", data=data).out


def test_a_damaged_head_is_a_finding_of_the_audit_not_an_error(tmp_path):
    data = tmp_path / "d"
    run("record", "-", stdin=lines([1]), data=data)
    for path in data.glob("head*"):
        path.write_bytes(b"\0" * path.stat().st_size)
    ran = run("log", "audit", "--json", data=data)
    assert ran.code == 1
    assert ran.json["problems"][0]["file"] == "head"


def test_an_export_is_compared_with_the_log_it_came_from(tmp_path):
    data, out = tmp_path / "d", tmp_path / "out"
    run("record", "-", stdin=lines([1]), data=data)
    assert run("log", "export", out, "--json", data=data).json["size"] == 2
    run("record", "-", stdin=lines([2]), data=data)
    grown = run("log", "compare", out, "--json", data=data)
    assert (grown.code, grown.json["result"]) == (0, "consistent")
    key = data / "keys" / "log.vkey"
    assert run("log", "compare", out, "--log-key", key).code == 2
    same = run("log", "compare", out, out / "checkpoint", "--log-key", key, "--json")
    assert (same.code, same.json["result"]) == (0, "same")
    run("record", "-", stdin=lines([1]), data=tmp_path / "other")
    assert run("log", "compare", out, data=tmp_path / "other").code == 1


@pytest.mark.parametrize(
    "verb",
    [("trace", "x"), ("log", "status"), ("log", "audit"), ("log", "export", "o"), ("keys", "list"),
     ("views", "rebuild"), ("tokens", "list"), ("verify", "x"), ("erase", "1", "--reason", "x")],
)  # fmt: skip
def test_without_a_log_nobody_can_tell_and_none_is_made(tmp_path, verb):
    ran = run(*verb, data=tmp_path / "d")
    assert ran.code == 3
    assert "no log in this directory" in ran.err
    assert not (tmp_path / "d").exists()


def test_the_event_of_the_helper_is_one_the_log_takes():
    assert json.loads(lines([1])) == event(1)

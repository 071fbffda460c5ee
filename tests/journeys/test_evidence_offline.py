"""Evidence, the road once: recorded, proved, carried away, and checked where there is no log."""

import json
import os
import re
import subprocess
import sys

import pytest
from cryptography.exceptions import InvalidSignature

from tests.folders import BUILDER, ME, envelope, made, public, sha256_of, statement
from tests.paths import REPOSITORY
from tests.unit.verify.evidence import parts, zipped
from wherefrom.app import open_recorder

PAGE = (REPOSITORY / "docs/formats/evidence.md").read_text(encoding="utf-8")
(BY_HAND,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
(TRANSCRIPT,) = re.findall(r"```console\n(.*?)```", PAGE, re.S)
PROVEN, FAILED = 0, 1


def run(*words, cwd):
    env = {k: v for k, v in os.environ.items() if not k.startswith("WHEREFROM")}
    command = [
        sys.executable,
        "-c",
        "import sys; from wherefrom.cli.main import main; sys.exit(main())",
        *words,
    ]
    ended = subprocess.run(
        command, cwd=cwd, env=env | {"COLUMNS": "200"}, capture_output=True, text=True, timeout=60
    )
    assert "Traceback" not in ended.stderr
    return ended


@pytest.fixture(scope="module")
def carried(tmp_path_factory):
    """Two places: the log's, and one that has nothing but the evidence and the log's key."""
    home, away = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("away")
    folder = made(home / "data")
    with open_recorder(folder) as recorder:
        recorder.record([envelope(statement("app"), BUILDER)], principal=ME)
        recorder.change_key(public(BUILDER), action="trust")
    (away / "log.vkey").write_text(folder.log_vkey().to_text() + "\n")
    said = run(
        "prove", sha256_of("app"), "--trace", "-o", str(away / "app.zip"), "--data",
        str(folder.path), cwd=home,
    )  # fmt: skip
    assert said.returncode == PROVEN, said.stderr
    run("prove", "1", "-o", str(away / "one.tlog-proof"), "--data", str(folder.path), cwd=home)
    return folder, away, said.stdout


def verified(away, name, key="log.vkey"):
    ended = run("verify", f"./{name}", "--offline", "--log-key", key, "--json", cwd=away)
    return ended.returncode, json.loads(ended.stdout)


def test_the_evidence_is_proven_where_there_is_nothing_but_the_key(carried):
    _, away, _ = carried
    assert sorted(p.name for p in away.iterdir()) == ["app.zip", "log.vkey", "one.tlog-proof"]
    for name, steps in (
        ("app.zip", ["checkpoint", "inclusion", "contents", "decisions", "trust", "trace"]),
        ("one.tlog-proof", ["checkpoint", "entry", "inclusion"]),
    ):
        code, report = verified(away, name)
        assert (code, report["result"]) == (PROVEN, "proven")
        assert [s["name"] for s in report["steps"]] == steps
        assert all(s["ok"] for s in report["steps"])
    assert sorted(p.name for p in away.iterdir()) == ["app.zip", "log.vkey", "one.tlog-proof"]


def test_the_transcript_of_the_page_is_what_a_person_sees(carried):
    _, away, said = carried
    proved, checked = re.split(r"^\$ .*\n", TRANSCRIPT, flags=re.M)[1:]
    shown = run("verify", "./app.zip", "--offline", "--log-key", "log.vkey", cwd=away).stdout
    for written, real in ((proved, said.replace(f"{away}/", "")), (checked, shown)):
        pattern = "".join(
            ".*\n" if line == "…\n" else re.escape(line).replace("…", ".+")
            for line in written.splitlines(keepends=True)
        )
        assert re.match(pattern, real), real


def test_a_change_anywhere_or_another_key_fails_with_the_step_and_exit_1(carried):
    _, away, _ = carried
    named = parts((away / "app.zip").read_bytes())
    trace = json.loads(named["manifest.json"])
    trace["trace"]["edges"][0]["trust"] = "self"
    forgeries = {
        "inclusion": named | {"entries/1": named["entries/0"]},
        "contents": named | {"contents/1": named["contents/1"].replace(b"in-toto", b"in-tot0")},
        "trace": named | {"manifest.json": json.dumps(trace).encode()},
        "read": {},
    }
    for step, forged in forgeries.items():
        (away / "forged.zip").write_bytes(zipped(forged))
        code, report = verified(away, "forged.zip")
        assert (code, report["result"], report["steps"][-1]["name"]) == (FAILED, "failed", step)
    (away / "forged.zip").unlink()
    other = BUILDER.verifier_key("log.example/tests").to_text()
    code, report = verified(away, "app.zip", key=other)
    assert (code, report["steps"][-1]["name"]) == (FAILED, "checkpoint")


@pytest.fixture
def by_hand():
    names = {}
    exec(compile(BY_HAND, "docs/formats/evidence.md", "exec"), names)
    return names["checked"]


def test_the_page_checks_the_same_evidence_without_wherefrom(carried, by_hand):
    assert "wherefrom" not in BY_HAND
    folder, away, _ = carried
    proved = by_hand(away / "app.zip", (away / "log.vkey").read_text())
    assert sorted(proved) == [0, 1, 3]
    assert proved[1] == envelope(statement("app"), BUILDER)
    assert folder.origin.encode() not in proved[1]


@pytest.mark.parametrize("part", ["checkpoint", "entries/1", "contents/1", "contents/1.nonce",
                                  "proofs/3.tlog-proof"])  # fmt: skip
def test_the_page_finds_a_change_as_we_do(carried, by_hand, tmp_path, part):
    _, away, _ = carried
    named = parts((away / "app.zip").read_bytes())
    at = named[part].index(b"\n") + 12 if part.startswith(("check", "proofs")) else 5
    changed = bytearray(named[part])
    changed[at] ^= 1
    forged = tmp_path / "forged.zip"
    forged.write_bytes(zipped(named | {part: bytes(changed)}))
    assert verified(tmp_path, "forged.zip", key=str(away / "log.vkey"))[0] == FAILED
    with pytest.raises((AssertionError, InvalidSignature, ValueError)):
        by_hand(forged, (away / "log.vkey").read_text())

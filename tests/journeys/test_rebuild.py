"""``wherefrom rebuild`` of real things: each kind made well, and made badly."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.journeys.test_run import Build, shell
from tests.paths import REPOSITORY
from tests.served import WHEREFROM, ServerProcess
from wherefrom.capture.rebuild.trial import AS_RECORDED, PINS_MATTER

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "small"
version = "1"
requires-python = ">=3.11"
[tool.hatch.build.targets.wheel]
only-include = ["small.py"]
[tool.hatch.build.targets.sdist]
only-include = ["small.py", "pyproject.toml"]
"""
OCI = """
import hashlib, json, os, sys, time
def blob(value):
    content = json.dumps(value, sort_keys=True).encode()
    digest = hashlib.sha256(content).hexdigest()
    os.makedirs("image/blobs/sha256", exist_ok=True)
    open(f"image/blobs/sha256/{digest}", "wb").write(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}
created = {"good": int(os.environ.get("SOURCE_DATE_EPOCH", 0)), "bad": time.time_ns()}[sys.argv[1]]
config = blob({"created": created, "text": open("src/text").read()})
open("image/oci-layout", "w").write('{"imageLayoutVersion": "1.0.0"}')
open("image/index.json", "w").write(json.dumps({"schemaVersion": 2, "manifests": [config]}))
"""
MODEL = """
import sys
import numpy
chance = numpy.random.default_rng(7 if sys.argv[1] == "good" else None)
x = chance.normal(size=(64, 3))
y = x @ numpy.array([1.0, -2.0, 0.5])
weights = chance.normal(size=3)
for _ in range(50):
    weights -= 0.1 * x.T @ (x @ weights - y) / len(y)
numpy.save("model.npy", weights)
"""
STAMPED = """
import zipfile, time
with zipfile.ZipFile("small.whl", "w") as out:
    out.writestr(zipfile.ZipInfo("small.py", time.gmtime()[:6]), open("small.py").read())
"""
NOW = "import time; print(time.time_ns())"
PYTHON = sys.executable
# One that a script finds in the sandbox too, wherever this repository lies.
SYSTEM_PYTHON = shutil.which("python3", path="/usr/bin:/bin")
CASES = {
    "wheel": ([PYTHON, "-m", "hatchling", "build", "-t", "wheel"], "dist/small-1-py3-none-any.whl"),
    "sdist": ([PYTHON, "-m", "hatchling", "build", "-t", "sdist"], "dist/small-1.tar.gz"),
    "c": (["gcc", "-ffile-prefix-map=.=x", "-o", "app", "src/main.c"], "app"),
    "tar": (["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner",
             "--mode=a=r", "-cf", "out.tar", "src/text", "src/main.c"], "out.tar"),
    "oci": ([PYTHON, "oci.py", "good"], "image/index.json"),
    "model": ([PYTHON, "model.py", "good"], "model.npy"),
}  # fmt: skip
# The cause that is told, and what diffoscope shows of it; no cause where chance is one.
FAILING = {
    "wheel": ([PYTHON, "stamped.py"], "small.whl", "timestamps", "small.py"),
    "sdist": (
        [PYTHON, "-m", "tarfile", "-c", "small.tar.gz", "small.py"], "small.tar.gz", "timestamps",
        "small.py",
    ),
    "c": (["gcc", "-DWHEN=__TIME__", "-o", "app", "src/when.c"], "app", "timestamps",
          "Jan  2 2024"),
    "tar": (["tar", "-cf", "out.tar", "src/text"], "out.tar", "timestamps", "src/text"),
    "oci": ([PYTHON, "oci.py", "bad"], "image/index.json", PINS_MATTER, "sha256:"),
    "model": ([PYTHON, "model.py", "bad"], "model.npy", None, "00000080"),
}  # fmt: skip


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    made = Build(tmp_path_factory.mktemp("rebuild"))
    made.write("pyproject.toml", PROJECT)
    made.write("small.py", "ANSWER = 42\n")
    for name, text in {"oci": OCI, "model": MODEL, "stamped": STAMPED}.items():
        made.write(f"{name}.py", text)
    made.write("src/when.c", '#include <stdio.h>\nint main(void) { puts(__DATE__ " " WHEN); }\n')
    made.commit()
    return made


def rebuilt(build, name, *options, key=True):
    signed = ["--key", str(build.key)] if key else []
    said = build.ask_any("rebuild", name, *options, *signed, "--json")
    return json.loads(said)


def record(build, command, output):
    done = build.run("--no-sbom", "--output", output, "--", *command)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", CASES)
def test_what_is_made_as_it_should_be_is_reproduced(build, case):
    command, output = CASES[case]
    record(build, command, output)
    verdict = rebuilt(build, f"./{output}")
    assert (verdict["result"], verdict["reason"]) == ("reproduced", None)
    assert len(verdict["builds"]) == 2
    assert set(verdict["causes"]) <= {AS_RECORDED}


@pytest.mark.parametrize("case", FAILING)
def test_what_is_not_differs_and_says_why(build, case):
    command, output, cause, shown = FAILING[case]
    record(build, command, output)
    verdict = rebuilt(build, f"./{output}")
    assert verdict["result"] == "differs"
    if cause:
        assert any(cause in said for said in verdict["causes"]), verdict
        assert verdict["reason"] == "both builds are alike, and differ from what was recorded"
    else:
        assert verdict["reason"] == "two builds in the same place differ from each other"
    assert verdict["diff"][:2] == [f"--- recorded/{Path(output).name}",
                                   f"+++ made-again/{Path(output).name}"]  # fmt: skip
    changed = [line.lstrip(" │") for line in verdict["diff"][2:]]
    assert any(shown in line for line in changed if line.startswith(("+", "-")))


COMMITTED = "1704164645"


def test_the_clock_stands_at_the_time_of_the_commit_for_every_program(build):
    script = f"date +%s%N > now; date +%s%N >> now; {SYSTEM_PYTHON} -c '{NOW}' >> now"
    record(build, ["sh", "-c", script], "now")
    verdict = rebuilt(build, "./now", "--no-record")
    assert verdict["result"] == "differs"
    assert {"clock", "dates of the source", "SOURCE_DATE_EPOCH"} <= set(verdict["pinned"])
    assert "clock" not in verdict["free"]
    stood = hashlib.sha256(f"{COMMITTED}{0:09}\n".encode() * 3).hexdigest()
    assert [made["outputs"]["now"] for made in verdict["builds"]] == [stood, stood]


def test_a_command_that_cannot_stand_such_a_clock_is_run_with_the_machines(build):
    script = 'test -z "$LD_PRELOAD" && echo x > app'
    record(build, ["sh", "-c", script], "app")
    verdict = rebuilt(build, "./app", "--no-record")
    assert verdict["result"] == "reproduced"
    assert "clock" in verdict["free"]
    assert "SOURCE_DATE_EPOCH" in verdict["pinned"]


def test_without_faketime_what_has_the_time_in_it_differs_all_the_same(build, tmp_path):
    (tmp_path / "faketime").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "faketime").chmod(0o755)
    path = f"{tmp_path}:{build.environ['PATH']}"
    done = build.run("--no-sbom", "--output", "now",
                     *shell("echo $(($(date +%s) / 2)) > now"))  # fmt: skip
    assert done.returncode == 0
    code, out, err = build.ask_all("rebuild", "./now", "--no-record", "--json", PATH=path)
    assert code == 1, err
    verdict = json.loads(out)
    assert verdict["result"] == "differs"
    assert "clock" in verdict["free"]


def test_what_the_bytes_depend_on_is_found_by_building_each_with_another(build):
    for script, depends in {
        "date > app": ["clock and dates of files", "time zone"],
        f"{SYSTEM_PYTHON} -c 'print(hash(str()+chr(97)))' > app; pwd >> app; "
        "cat /proc/sys/kernel/hostname >> app; touch new; stat -c %a new >> app": [
            "order of hashes in Python",
            "folder",
            "host name",
            "umask",
        ],
    }.items():
        record(build, ["sh", "-c", script], "app")
        verdict = rebuilt(build, "./app", "--vary", "--no-record")
        assert verdict["depends_on"] == depends, script
        assert len(verdict["varied"]) == 6  # the locale is recorded


def test_a_build_shares_nothing_with_the_clone_and_sees_an_origin_that_is_nobodys(build):
    script = "find .git -type f -links +1 > app; git remote get-url origin >> app"
    record(build, ["sh", "-c", script], "app")
    verdict = rebuilt(build, "./app", "--no-record")
    told = hashlib.sha256(b"https://example.com/acme/app\n").hexdigest()
    assert [made["outputs"]["app"] for made in verdict["builds"]] == [told, told]


def test_the_hooks_and_modes_of_whoever_rebuilds_have_no_part(build, tmp_path):
    hook = tmp_path / "template" / "hooks" / "post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    record(build, ["sh", "-c", "stat -c '%a %Y' src src/text > app"], "app")
    before = os.umask(0o077)
    try:
        code, out, err = build.ask_all("rebuild", "./app", "--no-record", "--json",
                                       GIT_TEMPLATE_DIR=str(tmp_path / "template"))  # fmt: skip
    finally:
        os.umask(before)
    assert code == 1, err
    told = hashlib.sha256(f"755 {COMMITTED}\n644 {COMMITTED}\n".encode()).hexdigest()
    assert json.loads(out)["builds"][0]["outputs"]["app"] == told
    assert not (tmp_path / "ran").exists()


def test_what_goes_on_when_the_command_has_ended_ends_with_it(build):
    record(build, ["sh", "-c", "test -d ../tree || sleep 600 & echo x > app"], "app")
    assert rebuilt(build, "./app", "--no-record", "--seconds", "60")["result"] == "reproduced"


def test_a_program_that_no_commit_holds_is_laid_in_as_a_program(build):
    build.write("tool", "#!/bin/sh\ncat src/text > app\n")
    (build.tree / "tool").chmod(0o755)
    record(build, ["./tool"], "app")
    assert rebuilt(build, "./app", "--no-record")["result"] == "reproduced"


def test_of_a_build_that_fails_the_last_words_are_told_and_no_command_to_a_terminal(build):
    script = 'test -d src/.. && if test -n "$SOURCE_DATE_EPOCH"; then'
    script += (
        " yes | head -c 30000000; printf 'first\\nred\\033[31m\\nlast\\n'; exit 3; fi; echo > app"
    )
    record(build, ["sh", "-c", script], "app")
    verdict = rebuilt(build, "./app", "--no-record")
    assert verdict["result"] == "cannot"
    assert "ended with 3" in verdict["reason"]
    assert verdict["reason"].endswith("first | red�[31m | last")


def test_the_verdict_is_signed_and_hangs_on_what_it_is_about(build):
    record(build, [PYTHON, "model.py", "good"], "model.npy")
    verdict = rebuilt(build, "./model.npy")
    shown = json.loads(build.ask("show", f"entry:{verdict['entry']}", "--json"))
    [document] = shown["matches"]
    assert (document["kind"], document["properties"]["result"]) == ("attestation", "reproduced")
    traced = json.loads(build.ask("trace", "./model.npy", "--json"))
    about = [e for e in traced["edges"] if e["entry"] == verdict["entry"]]
    told = {(e["relation"], e["from"], e["to"]) for e in about}
    assert ("describes", document["id"], traced["of"]) in told
    assert {e["trust"] for e in about} == {"signed"}


def test_a_chain_of_steps_is_run_in_its_order(build):
    record(build, ["sh", "-c", "sed s/hello/one/ src/text > middle"], "middle")
    record(build, ["sh", "-c", "sed s/one/two/ middle > end"], "end")
    (build.tree / "middle").unlink()
    assert rebuilt(build, "./end")["result"] == "reproduced"


def test_what_lies_beside_the_source_is_found_from_any_folder_of_the_clone(build):
    build.write("beside", "not in the commit\n")
    record(build, ["sh", "-c", "sed s/not/never/ beside > app"], "app")
    done = subprocess.run(
        [WHEREFROM, "rebuild", "../app", "--no-record", "--json"], cwd=build.tree / "src",
        env=build.environ, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout, done.stderr)


def test_a_linked_tree_of_a_clone_is_a_source_too(build, tmp_path):
    linked = tmp_path / "linked"
    build.git("worktree", "add", "-q", "--detach", str(linked))
    for arguments in (
        ["run", "--key", build.key, "--no-sbom", *shell("git describe --always > app")],
        ["rebuild", "./app", "--no-record"],
    ):
        done = subprocess.run([WHEREFROM, *arguments], cwd=linked, env=build.environ,
                              capture_output=True, check=False, timeout=120)  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_an_environment_beside_the_source_is_the_toolchain_and_cannot_be_written(build):
    bin = build.tree / "env" / "bin"
    bin.mkdir(parents=True)
    (build.tree / "env" / "pyvenv.cfg").write_text("")
    (bin / "tool").symlink_to(shutil.which("sed"))
    script = "env/bin/tool s/h/H/ src/text > app; if touch env/x; then echo y >> app; rm env/x; fi"
    record(build, ["sh", "-c", script], "app")
    verdict = rebuilt(build, "./app", "--no-record")
    told = hashlib.sha256(b"Hello\n").hexdigest()
    assert [made["outputs"]["app"] for made in verdict["builds"]] == [told, told]


def test_a_program_below_tmp_is_there_and_what_else_is_there_is_not(build, tmp_path):
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "tool").symlink_to(shutil.which("sh"))
    (tmp_path / "other").write_text("")
    script = f"ls {tmp_path} > app"
    record(build, [str(tmp_path / "venv" / "bin" / "tool"), "-c", script], "app")
    verdict = rebuilt(build, "./app", "--no-record")
    assert verdict["builds"][0]["outputs"]["app"] == hashlib.sha256(b"venv\n").hexdigest()


def test_what_ends_a_rebuild_leaves_nothing_behind(build, tmp_path):
    record(build, ["sh", "-c", "test -d ../tree || sleep 600; echo x > app"], "app")
    child = subprocess.Popen(
        [WHEREFROM, "rebuild", "./app", "--no-record"], cwd=build.tree,
        env={**build.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE,
    )  # fmt: skip
    with child:
        for _ in range(600):
            if list(tmp_path.glob("wherefrom-rebuild-*/2/src/src")):
                break
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        assert child.wait(120) == 143
    assert list(tmp_path.iterdir()) == []


def test_an_input_that_is_not_to_be_had_is_said_and_is_no_word_against_it(build):
    build.write("loose", "not in the commit\n")
    record(build, ["sh", "-c", "sed s/not/never/ loose > from-loose"], "from-loose")
    assert rebuilt(build, "./from-loose")["result"] == "reproduced"
    (build.tree / "loose").unlink()
    verdict = rebuilt(build, "./from-loose")
    assert verdict["result"] == "cannot"
    assert "loose" in verdict["reason"]


def test_a_build_has_no_network_and_cannot_write_outside_its_tree(build):
    record(build, ["sh", "-c",
                   "ls /sys/class/net > nets; touch /usr/here 2>/dev/null; rm -f /usr/here"],
           "nets")  # fmt: skip
    script = "cat /proc/net/dev | tail -n +3 | wc -l > nets; if touch /usr/x; then rm /usr/x; fi"
    record(build, ["sh", "-c", script], "nets")
    verdict = rebuilt(build, "./nets", "--no-record")
    assert verdict["result"] in ("differs", "reproduced")
    made = verdict["builds"][0]["outputs"]["nets"]
    assert made == hashlib.sha256(b"1\n").hexdigest()  # the loopback, and nothing else


def test_what_nobody_vouches_for_is_not_run(build):
    done = build.run_unsigned(*shell("sed s/hello/unsigned/ src/text > unsigned"))
    assert done.returncode == 0, done.stderr
    code, _, err = build.ask_all("rebuild", "./unsigned", "--json")
    assert code == 1
    assert json.loads(err.splitlines()[-1])["code"] == "not_allowed"
    assert rebuilt(build, "./unsigned", "--unsigned")["result"] == "reproduced"


def test_a_command_with_a_secret_in_it_cannot_be_run_again(build):
    record(
        build, ["sh", "-c", "sed s/hello/secret/ src/text > s", "sh", "--password=abcdefgh"], "s"
    )
    verdict = rebuilt(build, "./s")
    assert verdict["result"] == "cannot"
    assert "secret" in verdict["reason"]


def test_a_thing_that_no_step_made_is_not_found(build):
    code, _, err = build.ask_all("rebuild", str(REPOSITORY / "LICENSE"), "--json")
    assert code == 1
    assert json.loads(err)["code"] == "not_found"


def test_a_server_is_asked_and_told_as_a_directory_is(build, tmp_path):
    with ServerProcess(tmp_path / "served") as server:
        away = {"WHEREFROM_URL": server.url, "WHEREFROM_TOKEN": server.token}
        made = ("--strict", "--no-sbom", *shell("sed s/hello/served/ src/text > served"))
        assert build.run(*made, **away).returncode == 0
        where = ("--server", server.url, "--unsigned", "--json")
        for _ in range(100):
            code, out, err = build.ask_all("rebuild", "./served", *where, **away)
            if "not_found" not in err:  # the views follow the log within a second
                break
        assert code == 0, err
        verdict = json.loads(out)
        assert verdict["result"] == "reproduced"
        told = build.ask("trace", "./served", "--json", **away)
        assert verdict["entry"] in {edge["entry"] for edge in json.loads(told)["edges"]}

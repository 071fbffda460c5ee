"""``wherefrom rebuild`` of real things: each kind made well, and made badly."""

from __future__ import annotations

import hashlib
import json
import sys

import pytest

from tests.journeys.test_run import Build, shell
from tests.paths import REPOSITORY
from tests.served import ServerProcess
from wherefrom.capture.rebuild.trial import AS_RECORDED

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
PYTHON = sys.executable
CASES = {
    "wheel": ([PYTHON, "-m", "hatchling", "build", "-t", "wheel"], "dist/small-1-py3-none-any.whl"),
    "sdist": ([PYTHON, "-m", "hatchling", "build", "-t", "sdist"], "dist/small-1.tar.gz"),
    "c": (["gcc", "-ffile-prefix-map=.=x", "-o", "app", "src/main.c"], "app"),
    "tar": (["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner",
             "--mode=a=r", "-cf", "out.tar", "src/text", "src/main.c"], "out.tar"),
    "oci": ([PYTHON, "oci.py", "good"], "image/index.json"),
    "model": ([PYTHON, "model.py", "good"], "model.npy"),
}  # fmt: skip
FAILING = {
    "wheel": ([PYTHON, "stamped.py"], "small.whl", "timestamps"),
    "sdist": (
        [PYTHON, "-m", "tarfile", "-c", "small.tar.gz", "small.py"], "small.tar.gz", "timestamps",
    ),
    "c": (["gcc", "-DWHEN=__TIME__", "-o", "app", "src/when.c"], "app", "recorded debt: clock"),
    "tar": (["tar", "-cf", "out.tar", "src/text"], "out.tar", "timestamps"),
    "oci": ([PYTHON, "oci.py", "bad"], "image/index.json", None),
    "model": ([PYTHON, "model.py", "bad"], "model.npy", None),
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
    command, output, cause = FAILING[case]
    record(build, command, output)
    verdict = rebuilt(build, f"./{output}")
    assert verdict["result"] == "differs"
    if cause:
        assert any(cause in said for said in verdict["causes"]), verdict
    else:
        assert verdict["reason"] == "two builds in the same place differ from each other"


def test_the_verdict_is_signed_and_hangs_on_what_it_is_about(build):
    record(build, [PYTHON, "model.py", "good"], "model.npy")
    verdict = rebuilt(build, "./model.npy")
    shown = json.loads(build.ask("show", f"entry:{verdict['entry']}", "--json"))
    assert "reproduced" in json.dumps(shown)
    traced = json.loads(build.ask("trace", "./model.npy", "--json"))
    about = [e for e in traced["edges"] if e["entry"] == verdict["entry"]]
    assert {e["relation"] for e in about} >= {"describes"}
    assert {e["trust"] for e in about} == {"signed"}


def test_a_chain_of_steps_is_run_in_its_order(build):
    record(build, ["sh", "-c", "sed s/hello/one/ src/text > middle"], "middle")
    record(build, ["sh", "-c", "sed s/one/two/ middle > end"], "end")
    (build.tree / "middle").unlink()
    assert rebuilt(build, "./end")["result"] == "reproduced"


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

"""``wherefrom run`` as a build uses it: real programs, the real tracer, a real server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path

import pytest
import yaml

from tests.paths import REPOSITORY
from tests.served import WHEREFROM, ServerProcess

CI = REPOSITORY / "docs" / "ci"
SECRET = "hunter2-hunter2-hunter2"
GIT = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": os.devnull,
    # Not now: what has the time of its build in it must differ from one that has the commit's.
    "GIT_AUTHOR_DATE": "2024-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2024-01-02T03:04:05Z",
}  # fmt: skip
ZIP = """
import zipfile
with zipfile.ZipFile("app.zip", "w") as out:
    out.writestr(zipfile.ZipInfo("text"), open("src/text").read())
"""


class Build:
    """A clone to build in, a log, and a key that it trusts."""

    def __init__(self, folder):
        self.tree, self.data, self.home = folder / "tree", folder / "data", folder / "home"
        self.spool, self.key = folder / "spool", folder / "build.key"
        for made in (self.tree / "src", self.home):
            made.mkdir(parents=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WHEREFROM_", "PYTHON"))}
        self.environ = {
            **kept, **GIT, "HOME": str(self.home), "WHEREFROM_SPOOL": str(self.spool),
            "WHEREFROM_DATA": str(self.data), "LC_ALL": "C.UTF-8",
        }  # fmt: skip
        self.ask("keys", "new", "build", "-o", str(folder))
        self.ask("keys", "trust", str(folder / "build.pub"))
        self.write("src/text", "hello\n")
        self.write("src/main.c", '#include "main.h"\nint main(void) { return STATUS; }\n')
        self.write("src/main.h", "#define STATUS 0\n")
        self.write("zip.py", ZIP)
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", "https://ada:pw@example.com/acme/app.git")
        self.commit()
        self.first = self.git("rev-parse", "HEAD")

    def write(self, name, text):
        (self.tree / name).write_text(text)

    def git(self, *arguments):
        done = subprocess.run(
            ["git", *arguments], cwd=self.tree, env=self.environ, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-qm", "a")

    def clear(self):
        self.git("checkout", "-qfB", "main", self.first)
        self.git("clean", "-qfdx")
        for folder in (self.home, self.spool):
            shutil.rmtree(folder, ignore_errors=True)
        self.home.mkdir()

    def ask(self, *arguments, **environ):
        done = subprocess.run(
            [WHEREFROM, *arguments], cwd=self.tree, env={**self.environ, **environ},
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr.decode()
        return done.stdout.decode()

    def ask_all(self, *arguments, **environ):
        """The exit, standard output and standard error of any verb."""
        done = subprocess.run(
            [WHEREFROM, *arguments], cwd=self.tree, env={**self.environ, **environ},
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def ask_any(self, *arguments):
        """Standard output, however it ended."""
        code, out, err = self.ask_all(*arguments)
        assert out, (code, err)
        return out

    def run_unsigned(self, *arguments):
        """``wherefrom run`` without a key."""
        return subprocess.run(
            [WHEREFROM, "run", *arguments], cwd=self.tree, env=self.environ, capture_output=True,
            check=False, timeout=120,
        )  # fmt: skip

    def run(self, *arguments, **environ):
        """``wherefrom run`` with our key, in the tree."""
        return subprocess.run(
            [WHEREFROM, "run", "--key", self.key, *arguments], cwd=self.tree,
            env={**self.environ, **environ}, capture_output=True, check=False, timeout=120,
        )  # fmt: skip

    def told(self, *arguments, **environ):
        """The predicates of what a run records: of each type, one."""
        file = self.tree.parent / "records"
        done = self.run("-o", file, *arguments, **environ)
        self.last = done
        statements = [json.loads(b64decode(json.loads(line)["payload"]))
                      for line in file.read_bytes().splitlines()]  # fmt: skip
        self.written = file.read_bytes() + b"".join(json.dumps(s).encode() for s in statements)
        return {s["predicateType"]: s for s in statements}

    def provenance(self, *arguments, **environ):
        return self.told(*arguments, **environ)["https://slsa.dev/provenance/v1"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return Build(tmp_path_factory.mktemp("run"))


@pytest.fixture
def build(shared):
    """As new, but for the log: what others recorded is in it."""
    shared.clear()
    return shared


def programs(folder, *names):
    """A PATH with these programs and no others."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name))
    return str(folder)


def compiler():
    """A compiler if there is one, and what it reads; else a program of Python's that zips."""
    if shutil.which("gcc"):
        command = ["gcc", "-ffile-prefix-map=.=x", "-o", "app", "src/main.c"]
        return command, "app", {"src/main.c", "src/main.h"}
    return [sys.executable, "zip.py"], "app.zip", {"zip.py", "src/text"}


def dependencies(statement):
    listed = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    return {one["name"]: one for one in listed}


def names(statement):
    return [one["name"] for one in statement["subject"]]


def debts(statement):
    internal = statement["predicate"]["buildDefinition"]["internalParameters"]
    return {debt["kind"]: debt for debt in internal["determinismDebts"]}


def byproducts(statement):
    listed = statement["predicate"]["runDetails"]["byproducts"]
    return {one["name"]: one["annotations"]["kind"] for one in listed}


def shell(script):
    return ["--", "sh", "-c", script]


def test_the_trace_of_an_output_shows_inputs_commit_and_builder_signed(build):
    command, output, inputs = compiler()
    done = build.run("--", *command)
    assert done.returncode == 0, done.stderr
    traced = json.loads(build.ask("trace", f"./{output}", "--json"))
    nodes = {node["id"]: node for node in traced["nodes"]}
    assert f"gitCommit:{build.git('rev-parse', 'HEAD')}" in nodes
    assert "git+https://example.com/acme/app" in nodes
    assert "urn:wherefrom:builder:local" in nodes
    assert inputs <= {node["name"] for node in nodes.values()}
    assert {edge["trust"] for edge in traced["edges"]} == {"signed"}
    if output == "app":
        assert any(id.startswith("pkg:deb/") or "gcc" in id for id in nodes), list(nodes)


def test_the_digests_are_of_the_files(build):
    statement = build.provenance("--", sys.executable, "zip.py")
    [subject] = statement["subject"]
    said = subprocess.run(["sha256sum", "app.zip", "src/text"], cwd=build.tree,
                          capture_output=True, check=True).stdout.decode().split()  # fmt: skip
    assert subject["digest"]["sha256"] == said[0]
    assert dependencies(statement)["src/text"]["digest"]["sha256"] == said[2]


@pytest.mark.parametrize(
    ("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill $$", 143)]
)
@pytest.mark.parametrize("traced", [[], ["--no-trace"]], ids=["traced", "not"])
def test_the_exit_is_the_commands_own(build, script, status, traced):
    assert build.run(*traced, *shell(script)).returncode == status


def test_a_program_that_is_not_there_ends_as_a_shell_says_it(build):
    build.write("plain", "x")
    assert build.run("--", "no-such-program").returncode == 127
    assert build.run("--", "./plain").returncode == 126


def test_standard_streams_are_the_commands_own(build):
    done = subprocess.run(
        [WHEREFROM, "run", "--key", build.key, "-q", "--", "tr", "a-z", "A-Z"], cwd=build.tree,
        env=build.environ, input=b"abc", capture_output=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == (b"ABC", b"")


def test_what_is_moved_linked_and_deleted_is_followed(build):
    statement = build.provenance(*shell(
        "mkdir tmp && cd tmp && cat ../src/text > a && cp a b && rm a && cd .. && mv tmp out"
        " && (cd out && ln b c) && echo x > $TMPDIR/t && cat $TMPDIR/t > /dev/null"
    ), TMPDIR=str(build.home))  # fmt: skip
    assert sorted(names(statement)) == ["out/b", "out/c"]
    assert "src/text" in dependencies(statement)
    assert not {"out/a", "tmp/a"} & dependencies(statement).keys()
    [outside] = byproducts(statement).items()
    assert outside[0].startswith("outside:")
    assert outside[1] == "outside the tree"


def test_what_it_made_and_read_again_is_an_intermediate(build):
    statement = build.provenance(*shell("cat src/text > a.o; cat a.o > app"))
    assert names(statement) == ["app"]
    assert byproducts(statement) == {"a.o": "intermediate"}
    assert "a.o" not in dependencies(statement)


def test_an_input_that_is_written_over_has_the_digest_of_the_commit(build):
    before = (build.tree / "src/text").read_bytes()
    statement = build.provenance(*shell("sed -i s/hello/bye/ src/text"))
    said = dependencies(statement)["src/text"]
    assert said["digest"]["sha256"] == hashlib.sha256(before).hexdigest()
    assert said["annotations"] == {"digestOf": "commit"}
    assert names(statement) == ["src/text"]


def test_an_input_whose_bytes_are_gone_is_counted_and_not_made_up(build):
    build.write("loose", "x")
    statement = build.provenance(*shell("cat loose > copy; echo y > loose"))
    assert "loose" not in dependencies(statement)
    left = statement["predicate"]["buildDefinition"]["internalParameters"]["leftOut"]
    assert left == {"changed": 1}


def test_a_failed_command_vouches_for_nothing(build):
    statement = build.provenance(*shell("echo half > app; exit 3"))
    assert names(statement) == ["wherefrom-step.json"]
    assert byproducts(statement) == {"app": "of a command that failed"}
    assert statement["predicate"]["buildDefinition"]["internalParameters"]["exitStatus"] == 3


def test_a_command_that_makes_nothing_is_recorded(build):
    assert build.run("--", "true").returncode == 0
    assert "wherefrom-step.json" in build.ask("find", "wherefrom-step.json")


def test_no_secret_is_in_what_is_recorded(build):
    (build.home / ".netrc").write_text(f"machine x password {SECRET}")
    statement = build.provenance(
        "--env", "*", "--output", "*",
        *shell(f"cat ~/.netrc > /dev/null; echo x > {SECRET}.txt; echo --password={SECRET}"),
        DEPLOY_TOKEN=SECRET, URL=f"https://a:{SECRET}@example.com", CFLAGS=f"-DX={SECRET}",
    )  # fmt: skip
    assert SECRET.encode() in build.last.stdout
    assert SECRET.encode() not in build.written
    assert SECRET.encode() not in build.last.stderr
    assert str(build.home).encode() not in json.dumps(debts(statement)).encode()
    external = statement["predicate"]["buildDefinition"]["externalParameters"]
    assert external["environment"]["DEPLOY_TOKEN"] is None
    hidden = [one for one in dependencies(statement).values() if one["name"] == "outside:secret"]
    assert hidden == [{"name": "outside:secret", "annotations": {"holdsSecrets": True}}]


def test_what_it_leant_on_is_told_with_what_takes_it_away(build):
    (build.home / ".cache" / "pip").mkdir(parents=True)
    (build.home / ".cache" / "pip" / "a").write_text("x")
    (build.home / ".gitconfig").write_text("")
    build.write("loose", "x")
    build.write("leans.py", """
import os, socket, time, pathlib
for name in ("~/.cache/pip/a", "~/.gitconfig", "loose", "/etc/ssl/certs/ca-certificates.crt"):
    name = os.path.expanduser(name)
    if os.path.exists(name): open(name, "rb").read()
open("/dev/urandom", "rb", buffering=0).read(1)
try: socket.create_connection(("192.0.2.1", 9), 0.05)
except OSError: pass
pathlib.Path("app").write_text(f"{time.time():.0f} {os.getcwd()}")
""")  # fmt: skip
    build.commit()
    build.git("rm", "-q", "--cached", "loose")
    build.git("commit", "-qm", "b")
    statement = build.provenance("--", sys.executable, "leans.py")
    found = debts(statement)
    wanted = {"network", "clock", "path", "cache", "home", "random", "unlisted"}
    if Path("/etc/ssl/certs/ca-certificates.crt").exists():
        wanted.add("certificates")
    assert wanted <= found.keys()
    assert found["network"]["seen"][0].endswith("→ 192.0.2.1:9")
    assert "loose" in found["unlisted"]["seen"]
    assert "leans.py" not in found["unlisted"]["seen"]
    said = build.last.stderr.decode()
    assert said.count("debt: ") == len(found)
    assert "debt: the time of this run" in said


def test_the_dates_of_files_are_a_debt_until_they_are_pinned(build):
    def packed(*options, **environ):
        command = ("tar", *options, "-cf", "app.tar", "src/text", "src/main.c")
        return debts(build.provenance("--", *command, **environ))

    for name in ("src/text", "src/main.c"):
        os.utime(build.tree / name, (1_600_000_000, 1_600_000_000))
    assert packed()["dates"]["seen"] == ["app.tar"]
    assert "dates" not in packed("--mtime=@1700000000")
    for name in ("src/text", "src/main.c"):
        os.utime(build.tree / name, (1_700_000_000, 1_700_000_000))
    assert "dates" not in packed(SOURCE_DATE_EPOCH="1700000000")
    assert "names" in packed()
    assert "names" not in packed("--owner=0", "--group=0", "--numeric-owner")


def test_a_build_that_is_pinned_has_none_of_these_debts(build):
    statement = build.provenance(
        *shell("cat src/text > app"), TZ="UTC0", SOURCE_DATE_EPOCH="1", HOME=str(build.home)
    )
    assert debts(statement) == {}


def test_records_wait_while_the_server_is_away_and_go_when_it_is_back(build, tmp_path):
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    away = {"WHEREFROM_URL": f"http://127.0.0.1:{port}"}
    served = tmp_path / "served"
    first = build.run("--no-sbom", *shell("sed s/^/1/ src/text > one"), **away)
    assert first.returncode == 0
    assert b"1 record not taken, kept for the next run" in first.stderr
    assert len(list(build.spool.rglob("*.json"))) == 1
    strict = build.run("--no-sbom", "--strict", *shell("sed s/^/2/ src/text > two"), **away)
    assert strict.returncode == 3
    with ServerProcess(served, "--port", str(port)) as server:
        back = {**away, "WHEREFROM_TOKEN": server.token}
        third = build.run("--no-sbom", "--strict", *shell("sed s/^/3/ src/text > three"), **back)
        assert third.returncode == 0, third.stderr
        assert list(build.spool.rglob("*.json")) == []
        for name in ("one", "two", "three"):
            assert "src/text" in build.ask("trace", f"./{name}", **back), name


def test_a_server_that_never_answers_holds_the_build_no_longer_than_it_may(build):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        done = build.run("--wait", "0.3", "--", "true", WHEREFROM_URL=url)
    assert done.returncode == 0
    assert b"kept for the next run" in done.stderr


def test_where_nothing_can_wait_it_is_given_all_the_same(build, tmp_path):
    (tmp_path / "file").write_text("")
    options = ("--spool", tmp_path / "file", "--strict", "--no-sbom")
    done = build.run(*options, *shell("sed s/^/x/ src/text > app"))
    assert done.returncode == 0, done.stderr
    assert b"nothing can wait on disk" in done.stderr
    assert "src/text" in build.ask("trace", "./app")


def test_what_goes_on_in_the_background_neither_holds_the_build_nor_breaks(build):
    script = "(while [ ! -e go ]; do sleep 0.05; done; cat src/text > late) >/dev/null 2>&1 &"
    statement = build.provenance(*shell(f"echo x > app; {script}"))
    assert statement["predicate"]["buildDefinition"]["internalParameters"]["leftRunning"] >= 1
    assert not (build.tree / "late").exists()
    build.write("go", "")
    for _ in range(200):
        if (build.tree / "late").exists() and (build.tree / "late").read_text() == "hello\n":
            break
        time.sleep(0.05)
    assert (build.tree / "late").read_text() == "hello\n"


def test_what_tells_us_to_end_tells_the_command(build):
    child = subprocess.Popen(
        [WHEREFROM, "run", "--key", build.key, "--", "sh", "-c",
         "trap 'echo ended > app; exit 5' TERM; echo ready; while :; do sleep 0.05; done"],
        cwd=build.tree, env=build.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with child:
        assert child.stdout.readline() == b"ready\n"
        child.send_signal(signal.SIGTERM)
        assert child.wait(30) == 5
    assert (build.tree / "app").read_text() == "ended\n"


def test_without_a_tracer_what_is_declared_is_recorded_and_says_so(build, tmp_path):
    statement = build.provenance(
        "--input", "src/*", "--output", "app", *shell("cat src/text > app"),
        PATH=programs(tmp_path / "bin", "sh", "git", "cat"),
    )  # fmt: skip
    assert b"strace is not installed" in build.last.stderr
    internal = statement["predicate"]["buildDefinition"]["internalParameters"]
    assert (internal["traced"], internal["notTraced"]) == (False, "strace is not installed")
    assert {"src/text", "src/main.c", "src/main.h", "git.head"} == dependencies(statement).keys()
    assert names(statement) == ["app"]


def test_a_wrong_key_is_found_before_the_command_runs(build):
    done = subprocess.run(
        [WHEREFROM, "run", "--key", "no-such-key", "--", "touch", "app"], cwd=build.tree,
        env=build.environ, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert not (build.tree / "app").exists()


def test_the_sbom_names_what_it_read_as_libraries(build):
    told = build.told(
        "--", sys.executable, "-c", "import click; open('app', 'w').write(click.__name__)"
    )
    bom = told["https://cyclonedx.org/bom"]["predicate"]
    assert bom["metadata"]["component"]["name"] == "app"
    purls = {one["purl"] for one in bom["components"]}
    assert any(purl.startswith("pkg:pypi/click@") for purl in purls)
    assert not any(purl.startswith("pkg:generic/python") for purl in purls)
    done = build.run("--", sys.executable, "-c", "import click; open('app', 'w').write('')")
    assert done.returncode == 0
    assert "pkg:pypi/click@" in build.ask("trace", "./app")


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml", "tekton.yaml"])
def test_a_snippet_is_yaml_and_runs_us(name):
    text = (CI / name).read_text()
    assert isinstance(yaml.safe_load(text), dict)
    assert "wherefrom run" in text


def test_the_shell_in_every_snippet_is_shell_and_its_options_are_ours():
    from wherefrom.cli.run import run

    options = {o for p in run.params for o in p.opts}
    for path in CI.iterdir():
        for line in path.read_text().replace("\\\n", " ").splitlines():
            _, found, rest = line.partition("wherefrom run ")
            said = [w for w in rest.split(" -- ")[0].split() if w.startswith("-")] if found else []
            assert set(said) <= options, path.name
    for script in (
        yaml.safe_load((CI / "tekton.yaml").read_text())["spec"]["steps"][0]["script"],
        *(s["run"] for s in yaml.safe_load((CI / "github-actions.yml").read_text())
          ["jobs"]["build"]["steps"] if "run" in s),
        *yaml.safe_load((CI / "gitlab-ci.yml").read_text())["build"]["script"],
    ):  # fmt: skip
        subprocess.run(["sh", "-n"], input=script.encode(), check=True)


def test_the_snippet_for_make_records_a_real_build(build):
    build.write(
        "Makefile",
        f"include {CI / 'Makefile'}\ndist:\n\tmkdir -p dist; sed s/^/x/ src/text > dist/text\n",
    )
    build.commit()
    done = subprocess.run(
        ["make", "recorded", f"WHEREFROM={WHEREFROM}"], cwd=build.tree,
        env={**build.environ, "WHEREFROM_KEY": str(build.key)}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    traced = json.loads(build.ask("trace", "./dist/text", "--json"))
    assert {edge["trust"] for edge in traced["edges"]} == {"signed"}
    assert {"src/text", "Makefile"} <= {node["name"] for node in traced["nodes"]}


def test_nothing_is_lost_of_a_command_that_writes_faster_than_we_read(build):
    build.write("many.py", "for n in range(1000):\n    open(f'out-{n}', 'w').close()\n")
    statement = build.provenance("--", sys.executable, "many.py")
    assert len(names(statement)) == 1000
    internal = statement["predicate"]["buildDefinition"]["internalParameters"]
    assert "leftRunning" not in internal

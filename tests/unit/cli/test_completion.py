"""Completion as the shells do it: bash, zsh and fish themselves, on a terminal, at a Tab."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
import time

import click
import pytest

from tests.served import WHEREFROM, ServerProcess
from tests.terminal import Terminal
from tests.unit.cli.running import run
from wherefrom.cli import completing
from wherefrom.cli.completion import INSTALL, SHELLS
from wherefrom.cli.main import root
from wherefrom.cli.settings import Where

SECONDS = 30
# How each shell begins with nobody's settings, and takes the script; and how it says it is ready.
START = {
    "bash": (["/bin/bash", "--norc", "--noprofile", "-i"], "source {script}; PS1='rea''dy> '\n"),
    "zsh": (
        ["/usr/bin/zsh", "-f", "-i"],
        "autoload -U compinit; compinit -u -D; source {script}; PS1='rea''dy> '\n",
    ),
    "fish": (
        ["/usr/bin/fish", "--no-config", "-i"],
        "source {script}; function fish_prompt; echo 'rea''dy> '; end\n",
    ),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("completion") / "data", "--sample") as process:
        yield process


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home of nobody, with the script for each shell."""
    path = tmp_path_factory.mktemp("home")
    for shell in SHELLS:
        (path / f"completion.{shell}").write_text(run("completion", shell).out)
    return path


def shell(name, home, served):
    """The shell on a terminal, ready for a line."""
    program, begin = START[name]
    env = {
        "HOME": str(home), "PATH": f"{WHEREFROM.parent}:{os.environ['PATH']}", "PS1": "",
        "WHEREFROM_DATA": str(served.data), "XDG_CONFIG_HOME": str(home),
        "fish_features": "no-query-term",
    }  # fmt: skip
    terminal = Terminal(program, columns=160, lines=40, env=env)
    return terminal, begin.format(script=home / f"completion.{name}")


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("wherefrom compl", "wherefrom completion "),  # a verb
        ("wherefrom bundle act", "wherefrom bundle activate "),  # of a group
        ("wherefrom trace --dep", "wherefrom trace --depth "),  # an option
        ("wherefrom trace --format graph", "wherefrom trace --format graphml "),  # of a choice
        ("wherefrom trace --kind ima", "wherefrom trace --kind image"),  # kinds
        ("wherefrom rollback sh", "wherefrom rollback shelf"),  # a service of the log
        ("wherefrom impact -e pr", "wherefrom impact -e prod"),  # an environment
        ("wherefrom running prod/win", "wherefrom running prod/window"),  # a scope
        ("wherefrom trace sha256:7d47", "wherefrom trace sha256:7d4784c5e337"),  # an id, colon
        ("wherefrom show pkg:pypi/tally@2.4", "wherefrom show pkg:pypi/tally@2.4.0"),
        ("wherefrom policy new --from vulner", "wherefrom policy new --from vulnerab"),
    ],
)  # fmt: skip
def test_a_shell_completes(name, typed, becomes, home, served):
    terminal, begin = shell(name, home, served)
    with terminal:
        terminal.press(begin)
        terminal.wait_for("ready>")
        terminal.press(typed)
        terminal.wait_for(typed)
        # On a machine that is busy the server may be too slow once.
        until = time.monotonic() + SECONDS
        while becomes.rstrip() not in terminal.text() and time.monotonic() < until:
            terminal.press("\t")
            pause = time.monotonic() + 2
            while becomes.rstrip() not in terminal.text() and time.monotonic() < pause:
                terminal.read()
        assert becomes.rstrip() in terminal.text()


@pytest.mark.parametrize("name", SHELLS)
def test_the_script_says_how_to_install_it(name):
    ran = run("completion", name)
    assert ran.code == 0
    for line in INSTALL[name]:
        assert f"# {line}" in ran.out
    assert run("completion", name, "--json").json["script"] == ran.out.rstrip("\n")


def test_another_shell_is_misuse():
    assert run("completion", "csh").code == 2


def asked(line, **environment):
    """What a shell would be told of a line, the cursor at its end."""
    env = {**os.environ, "COMP_WORDS": line, "_WHEREFROM_COMPLETE": "bash_complete", **environment}
    ran = subprocess.run([WHEREFROM], env=env, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0
    assert ran.stderr == ""
    return [line.partition(",")[2] for line in ran.stdout.splitlines()]


def test_verbs_come_with_their_groups_and_options_with_both_names():
    verbs = asked("wherefrom ")
    assert set(verbs) == set(root.commands)
    assert {"--environment", "--data", "--json"} <= set(asked("wherefrom running --") +
                                                        asked("wherefrom why --"))  # fmt: skip


def test_a_server_named_on_the_line_is_asked_with_the_token(served):
    line = f"wherefrom rollback --server {served.url} w"
    assert "window" in [
        one for _ in range(5) for one in asked(line, WHEREFROM_TOKEN=served.token)
    ]  # once of five: a machine that is busy may be too slow
    assert asked(line, WHEREFROM_TOKEN="wf_nobody") == []


def test_nothing_is_offered_where_nobody_answers(tmp_path):
    assert asked(f"wherefrom rollback --data {tmp_path} w") == []
    assert asked("wherefrom rollback --server http://127.0.0.1:1 w") == []
    assert asked("wherefrom rollback --server nonsense w") == []
    assert asked("wherefrom trace x", WHEREFROM_CONFIG="/nowhere.toml") == []


def test_a_server_that_is_slow_is_not_waited_for(monkeypatch):
    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            released.wait(SECONDS)

        def log_message(self, *_):
            pass

    released = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        place = Where(None, f"http://127.0.0.1:{server.server_port}")
        waited = []
        join = threading.Thread.join

        def joined(self, timeout=None):
            waited.append(timeout)
            join(self, timeout)

        monkeypatch.setattr(threading.Thread, "join", joined)
        assert completing.services(place, "w") == []
        assert waited == [completing.ANSWER_SECONDS]
        assert completing.ANSWER_SECONDS <= 0.2
    finally:
        released.set()
        server.shutdown()
        server.server_close()


def test_every_name_that_is_completed_is_one_of_an_option_or_argument():
    def all_of(group, path):
        for name, command in group.commands.items():
            if isinstance(command, click.Group):
                yield from all_of(command, f"{path}{name} ")
            else:
                yield from ((f"{path}{name}", one.name) for one in command.params)

    known = set(all_of(root, ""))
    assert set(completing.BY_NAME) <= {name for _, name in known}
    assert set(completing.ELSEWHERE) <= known


def test_completing_imports_nothing_heavy():
    code = (
        "import os, sys\n"
        "os.environ['COMP_WORDS'] = 'wherefrom trace x'\n"
        "os.environ['_WHEREFROM_COMPLETE'] = 'bash_complete'\n"
        "from wherefrom.cli.main import main\n"
        "sys.argv = ['wherefrom']\n"
        "main()\n"
        "heavy = {'httpx', 'rich', 'starlette', 'cryptography', 'numpy', 'apsw', 'yaml'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)

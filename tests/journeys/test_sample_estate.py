"""``wherefrom up --sample``: what it prints, what then works, and how it ends."""

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.served import STARTED_WITHIN_SECONDS, WHEREFROM, ServerProcess

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("WHEREFROM_")}


@pytest.fixture
def server(tmp_path):
    with ServerProcess(tmp_path / "shop", "--sample", env={"COLUMNS": "100"}) as running:
        yield running


def lines_of_help(server):
    until = time.monotonic() + STARTED_WITHIN_SECONDS
    while "--data" not in (said := server.errors()) or not said.endswith("\n"):
        assert time.monotonic() < until, said
        time.sleep(0.02)
    return said.splitlines()


def test_the_commands_it_prints_work_while_it_serves(server):
    assert server.line.startswith("wherefrom: serving http://127.0.0.1:")
    said = lines_of_help(server)
    token = next(line for line in said if "token lies in" in line)
    assert str(server.data / "token") in token
    commands = [shlex.split(line) for line in said if line.startswith("  ") and " --data " in line]
    assert [c[1] for c in commands] == [
        "trace", "trace", "verify", "running", "changes",
    ]  # fmt: skip
    for command in commands:
        assert Path(command[0]).name == "wherefrom"
        ran = subprocess.run(
            [WHEREFROM, *command[1:]], capture_output=True, text=True, timeout=60, env=ENVIRONMENT
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout


def test_a_second_start_loads_nothing_twice(server):
    size = int(server.line.rpartition("size ")[2].rstrip(")\n"))
    assert server.terminate()[0] == 0
    server.process.stdout.close()
    server.start()
    assert int(server.line.rpartition("size ")[2].rstrip(")\n")) == size


def test_an_interruption_from_the_keyboard_ends_it_cleanly(server):
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(20) == 0
    assert "Traceback" not in server.errors()
    assert not (server.data / "server.json").exists()


def test_a_taken_port_is_told_and_exits_3(server, tmp_path):
    port = server.url.rpartition(":")[2]
    ran = subprocess.run(
        [sys.executable, WHEREFROM, "up", "--data", tmp_path / "other", "--port", port],
        capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
    )  # fmt: skip
    assert ran.returncode == 3
    assert "cannot listen on this address" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_directory_that_is_served_already_is_told_and_exits_3(server):
    ran = subprocess.run(
        [sys.executable, WHEREFROM, "up", "--data", server.data, "--port", "0", "--json"],
        capture_output=True, text=True, timeout=60, env=ENVIRONMENT,
    )  # fmt: skip
    assert ran.returncode == 3
    assert "another process writes to this directory" in ran.stderr
    assert server.url in ran.stderr

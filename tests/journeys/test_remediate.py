"""A service in trouble is brought back through a server: one asks, another approves, once."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.served import ServerProcess, followed, until
from tests.unit.cli.running import run
from tests.unit.test_remedies import SECRET, receiver, until_gone
from wherefrom.capture import changes
from wherefrom.formats import canary
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import of_micros
from wherefrom.remedies import signature

GOOD, BAD = (f"sha256:{letter * 64}" for letter in "ab")
PROD = Scope("prod", "cart")


def at(minutes):
    return of_micros((int(time.time()) + 60 * minutes) * 1_000_000)


class Ops:
    """A server with a cart in trouble, and people with tokens of their own."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        said = [
            changes.deploy(PROD, value, at=at(minutes), source="/ci")
            for value, minutes in ((GOOD, -600), (BAD, -60))
        ]
        measure = canary.Measure(
            measure="failing", verdict="fail", canary=0.4, baseline=0.0, effect=0.4,
            tolerance=0.005, canary_samples=9, baseline_samples=9,
        )  # fmt: skip
        verdict = canary.CanaryVerdict(
            service="cart", environment="prod", since=at(-60), until=at(-30), verdict="fail",
            alpha=0.05, measures=[measure], log=canary.LogAt(origin="x", size=1),
            canary=canary.CanarySide(where="x", requests=9, artifact=BAD),
            baseline=canary.CanarySide(where="y", requests=9),
            apart=[canary.CanaryApart(slot="artifact", name="", value=BAD)],
        )  # fmt: skip
        with server.client() as client:
            for content in (*said, canary.to_statement(verdict)):
                assert client.post("/v1/records", content=content).status_code == 201
            followed(client)

    def rules(self, **changes):
        rule = {
            "name": "back", "action": "rollback", "when": {"troubles": ["canary"]},
            "services": ["cart"], "environments": ["prod"], **changes,
        }  # fmt: skip
        path = self.folder / "rules.json"
        path.write_text(json.dumps({"version": 1, "enabled": True, "rules": [rule]}))
        path.chmod(0o600)
        return ("--rules", path)

    def token(self, name):
        ran = run("tokens", "new", name, "--json", data=self.server.data)
        return ran.json["token"]

    def command(self, who, *words):
        """A process of somebody's."""
        return [
            Path(sys.executable).with_name("wherefrom"), *map(str, words), "--json", "--server",
            self.server.url,
        ], {"WHEREFROM_TOKEN": self.token(who), "PATH": "/usr/bin:/bin"}  # fmt: skip

    def run(self, who, *words, code=0):
        argv, environment = self.command(who, *words)
        done = subprocess.run(argv, env=environment, capture_output=True, timeout=120, check=False)
        assert done.returncode == code, (done.stdout, done.stderr)
        return json.loads(done.stdout or done.stderr)


@pytest.fixture
def ops(tmp_path):
    with ServerProcess(tmp_path / "data") as server:
        yield Ops(server, tmp_path)


def test_what_one_asks_another_approves_and_a_webhook_is_called_once(ops):
    (ops.folder / "secret").write_bytes(SECRET)
    (ops.folder / "secret").chmod(0o600)
    with receiver() as hook:
        webhook = {"url": f"http://127.0.0.1:{hook.server_port}/", "secret_file": "secret",
                   "dry_run": True}  # fmt: skip
        rules = ops.rules(webhook=webhook)
        digest = ops.run("anna", "remediate", "plan", "back", "cart", *rules)["digest"]
        assert [json.loads(body)["dry_run"] for _, body in hook.came] == [True]
        refused = ops.run("anna", "remediate", "run", digest, *rules, code=1)
        assert "0 of 1 approvals" in refused["got"]
        assert ops.run("anna", "remediate", "approve", digest, code=1)["counts"] is False
        assert ops.run("bert", "remediate", "approve", digest)["counts"] is True
        ended = ops.run("anna", "remediate", "run", digest, *rules)["ended"]
        assert (ended["outcome"], ended["status"]) == ("done", 200)
        ops.run("bert", "remediate", "run", digest, *rules, code=1)
        (headers, body) = hook.came[-1]
        assert len(hook.came) == 2
    said = json.loads(body)
    assert [(one["before"], one["after"]) for one in said["plan"]["changes"]] == [(BAD, GOOD)]
    timestamp = headers["X-Wherefrom-Timestamp"]
    assert headers["X-Wherefrom-Signature"] == signature(SECRET, timestamp, body)
    shown = ops.run("anna", "remediate", "show", digest)
    assert [one["stage"] for one in shown["stages"]] == [
        "asked", "dry_run", "approved", "approved", "started", "ended",
    ]  # fmt: skip
    askers = {one["producer"] for one in shown["stages"] if one["stage"] == "asked"}
    assert askers == {shown["stages"][2]["producer"]} != {shown["stages"][3]["producer"]}


def test_of_two_machines_that_begin_at_once_one_does_it(ops):
    ran = ops.folder / "ran"
    text = "import sys, time; open(sys.argv[1], 'a').write('x'); time.sleep(1)"
    rules = ops.rules(commands=[{"argv": [sys.executable, "-c", text, str(ran)]}],
                      approval={"need": 0}, per_hour=9, cool_down_s=0)  # fmt: skip
    digests = [
        ops.run("anna", "remediate", "plan", "back", "cart", *rules, "--reason", str(n))["digest"]
        for n in range(2)
    ]
    asked = [
        ops.command("anna", "remediate", "run", digest, *rules, "--state", ops.folder / str(n))
        for n, digest in enumerate(digests)
    ]

    def start(one):
        argv, environment = one
        return subprocess.run(argv, env=environment, capture_output=True, timeout=120, check=False)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(start, asked))
    codes = sorted(one.returncode for one in ended)
    assert ran.read_text() == "x", [one.stderr for one in ended]
    assert codes == [0, 1]


def test_a_runner_that_is_killed_is_found_out_by_the_next(ops):
    began = ops.folder / "began"
    text = "import os, sys, time; open(sys.argv[1], 'a').write(str(os.getpid()) + '.')"
    text += "; time.sleep(600)"
    rules = ops.rules(commands=[{"argv": [sys.executable, "-c", text, str(began)]}],
                      approval={"need": 0}, per_hour=9, cool_down_s=0)  # fmt: skip
    first = ops.run("anna", "remediate", "plan", "back", "cart", *rules)["digest"]
    argv, environment = ops.command("anna", "remediate", "run", first, *rules)
    with subprocess.Popen(argv, env=environment, stderr=subprocess.DEVNULL) as process:
        until(lambda: began.exists() and began.read_text().endswith("."), seconds=60)
        process.kill()
    command = int(began.read_text()[:-1])
    try:
        rules = ops.rules(commands=[{"argv": ["true"]}], approval={"need": 0}, per_hour=9,
                          cool_down_s=0)  # fmt: skip
        second = ops.run("anna", "remediate", "plan", "back", "cart", *rules)["digest"]
        # What it began goes on, so nobody else may begin.
        refused = ops.run("anna", "remediate", "run", second, *rules, code=1)
        assert "under way" in refused["got"]
        assert ops.run("anna", "remediate", "show", first)["stages"][-1]["stage"] == "started"
    finally:
        os.kill(command, signal.SIGKILL)
    until_gone(command)
    assert ops.run("anna", "remediate", "run", second, *rules)["ended"]["outcome"] == "done"
    last = ops.run("anna", "remediate", "show", first)["stages"][-1]
    assert (last["stage"], last["outcome"]) == ("ended", "lost")

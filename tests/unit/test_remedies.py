"""Real processes and a webhook on loopback: bounded, and nothing outlives a plan."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from wherefrom.errors import ForbiddenField, Malformed, SettingError, Unavailable
from wherefrom.formats.remedy_rules import Approval, Rule, Step, Webhook, When
from wherefrom.formats.response import Plan, PlannedChange, PlannedStep
from wherefrom.remedies import (
    OUTPUT_BYTES_MAX,
    TAIL_BYTES,
    Kept,
    carry_out,
    read_rules,
    signature,
    try_out,
)

SECRET = b"a-secret-of-some-length"
AT = "2026-03-01T12:00:00.000000Z"


def rule(**changes):
    return Rule(**{
        "name": "back", "action": "rollback", "when": When(troubles=("by_hand",)),
        "services": ("*",), "environments": ("*",), "commands": (Step(argv=("x",)),),
        "approval": Approval(), "time_s": 20, **changes,
    })  # fmt: skip


def plan(*argvs, url=None, dry_run=()):
    return Plan(
        rule="back", rule_digest="sha256:" + "0" * 64, action="rollback", service="cart",
        environment="prod", made=AT, until=AT, trouble="by_hand",
        changes=[PlannedChange(slot="artifact", before="a", after="b")], url=url,
        steps=[PlannedStep(argv=list(argv), dry_run=list(dry_run)) for argv in argvs],
    )  # fmt: skip


def python(text, *arguments):
    return [sys.executable, "-c", text, *arguments]


def done(*argvs, **changes):
    return carry_out(plan(*argvs), rule(**changes), None, dict(os.environ))


def test_a_plan_is_run_word_by_word_and_no_shell_reads_it(tmp_path):
    words = ["$(touch x)", "a b", "*", ";", "", "ü"]
    found = done(python("import sys; print(sys.argv[1:])", *words))
    assert (found.outcome, found.exit, found.steps) == ("done", 0, 1)
    assert found.tail == f"{words}\n"
    assert found.output.digest == "sha256:" + hashlib.sha256(found.tail.encode()).hexdigest()


def test_the_first_step_that_fails_is_the_last(tmp_path):
    touched = tmp_path / "touched"
    found = done(python("exit(3)"), python("open(__import__('sys').argv[1], 'w')", str(touched)))
    assert (found.outcome, found.exit, found.steps) == ("failed", 3, 1)
    assert not touched.exists()
    found = done(["/no/such/program"])
    assert (found.outcome, "cannot be started" in found.reason) == ("failed", True)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until_gone(pid):
    end = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < end, "it outlives the plan"
        time.sleep(0.02)


SLEEPER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
print("begun", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize(("sleeps", "outcome"), [("600", "timed_out"), ("0", "done")])
def test_whatever_a_command_started_ends_with_it(tmp_path, sleeps, outcome):
    # The child holds the output open: that is no reason to wait for it.
    found = done(python(SLEEPER, str(tmp_path / "pid"), sleeps), time_s=2)
    assert (found.outcome, found.tail) == (outcome, "begun\n")
    assert found.exit == (-signal.SIGKILL if outcome == "timed_out" else 0)
    until_gone(int((tmp_path / "pid").read_text()))


def test_what_writes_without_end_is_stopped_and_only_the_end_is_held():
    endless = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    found = done(python(endless))
    assert (found.outcome, found.reason) == ("failed", "it wrote too much, and was killed")
    assert (found.output.size, found.output.whole) == (OUTPUT_BYTES_MAX, False)
    assert len(found.tail) == TAIL_BYTES
    assert found.output.digest == ("sha256:" + hashlib.sha256(b"x" * OUTPUT_BYTES_MAX).hexdigest())


def test_a_command_gets_no_input_and_only_the_variables_that_are_named(monkeypatch):
    given = {**os.environ, "SECRET_TOKEN": "hunter2", "KUBECONFIG": "/x"}
    text = "import os, sys; print(sorted(os.environ), sys.stdin.read())"
    asked = plan(python(text))
    found = carry_out(asked, rule(pass_environment=("KUBECONFIG",)), None, given)
    assert "SECRET_TOKEN" not in found.tail
    assert "'KUBECONFIG'" in found.tail
    assert found.tail.endswith("] \n")


def test_a_dry_run_runs_what_the_rule_gives_for_it_and_else_looks_for_the_program(tmp_path):
    touched = tmp_path / "touched"
    writes = python("open(__import__('sys').argv[1], 'w')", str(touched))
    environment = dict(os.environ)
    found = try_out(plan(writes), rule(), None, environment)
    assert (found.outcome, found.steps, touched.exists()) == ("done", 0, False)
    found = try_out(plan(writes, dry_run=python("exit(2)")), rule(), None, environment)
    assert (found.outcome, found.exit, touched.exists()) == ("failed", 2, False)
    found = try_out(plan(["no-such-program-here"]), rule(), None, environment)
    assert (found.outcome, found.reason) == ("refused", "no such program: no-such-program-here")


# -- webhooks


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what came; answers as its server says."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((dict(self.headers), body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.answer)
        if self.server.hangs:
            self.server.hangs.wait(30)

    def log_message(self, *_):
        pass


@contextmanager
def receiver(status=200, answer=b"ok", hangs=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.came, server.status, server.answer, server.hangs = [], status, answer, hangs
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        if hangs:
            hangs.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def secret(tmp_path):
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    (tmp_path / "secret").chmod(0o600)
    return tmp_path


def hooked(server, **changes):
    url = f"http://127.0.0.1:{server.server_port}/hook"
    webhook = Webhook(url=url, secret_file="secret", **changes)
    return plan(url=url), rule(commands=(), webhook=webhook, time_s=5)


def test_a_plan_is_posted_signed_and_its_answer_is_digested(secret):
    with receiver() as server:
        posted, by = hooked(server)
        found = carry_out(posted, by, secret, {})
    assert (found.outcome, found.status) == ("done", 200)
    assert found.output.digest == "sha256:" + hashlib.sha256(b"ok").hexdigest()
    ((headers, body),) = server.came
    said = json.loads(body)
    assert (said["digest"], said["dry_run"]) == (posted.digest, False)
    assert said["plan"]["changes"] == [{"slot": "artifact", "before": "a", "after": "b"}]
    assert headers["Idempotency-Key"] == posted.digest
    timestamp = headers["X-Wherefrom-Timestamp"]
    assert headers["X-Wherefrom-Signature"] == signature(SECRET, timestamp, body)
    assert headers["X-Wherefrom-Signature"] != signature(SECRET, timestamp, body + b" ")


def test_a_dry_run_is_posted_only_where_the_rule_says_so_and_says_that_it_is_one(secret):
    with receiver() as server:
        found = try_out(*hooked(server), secret, {})
        assert (found.outcome, server.came) == ("done", [])
        found = try_out(*hooked(server, dry_run=True), secret, {})
        assert found.outcome == "done"
        assert json.loads(server.came[0][1])["dry_run"] is True


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_is_not_taken_failed_and_nobody_is_followed_elsewhere(secret, status):
    with receiver(status) as server:
        found = carry_out(*hooked(server), secret, {})
        assert (found.outcome, found.status, len(server.came)) == ("failed", status, 1)


def test_a_webhook_that_is_not_there_or_never_ends_its_answer_is_told(secret):
    with receiver() as server:
        asked = hooked(server)
    found = carry_out(*asked, secret, {})
    assert (found.outcome, found.status) == ("failed", None)
    with receiver(hangs=threading.Event()) as server:
        posted, by = hooked(server)
        found = carry_out(posted, rule(commands=(), webhook=by.webhook, time_s=1), secret, {})
        assert found.outcome == "timed_out"


def test_a_secret_that_others_may_read_or_that_is_short_is_not_used(secret):
    with receiver() as server:
        (secret / "secret").chmod(0o644)
        with pytest.raises(SettingError, match="others have access"):
            carry_out(*hooked(server), secret, {})
        (secret / "secret").write_bytes(b"short")
        (secret / "secret").chmod(0o600)
        with pytest.raises(SettingError, match="too short"):
            carry_out(*hooked(server), secret, {})
        assert server.came == []


# -- files


def written(path, **changes):
    step = {"argv": ["x"], **changes}
    one = {"name": "a", "action": "rollback", "when": {"troubles": ["by_hand"]},
           "services": ["*"], "environments": ["*"], "commands": [step]}  # fmt: skip
    path.write_text(json.dumps({"version": 1, "rules": [one]}))
    path.chmod(0o600)
    return path


def test_rules_are_off_unless_the_file_says_so_and_need_an_approval_unless_it_does_not(tmp_path):
    found = read_rules(written(tmp_path / "rules.json"))
    assert (found.enabled, found.rules[0].approval.need) == (False, 1)
    for broken in (b"{}", b'{"version": 2}', b"["):
        (tmp_path / "rules.json").write_bytes(broken)
        with pytest.raises(Malformed):
            read_rules(tmp_path / "rules.json")
    with pytest.raises(SettingError, match="cannot be read"):
        read_rules(tmp_path / "nothing.json")


@pytest.mark.parametrize(
    "argv",
    [["x", "--token=abcdef"], ["x", "--api-key", "abcdef"], ["x", "postgres://u:p@host/db"],
     ["x", "-----BEGIN PRIVATE KEY-----"]],
)  # fmt: skip
def test_a_secret_in_a_command_or_its_dry_run_is_refused(tmp_path, argv):
    for changes in ({"argv": argv}, {"dry_run": argv}):
        with pytest.raises(ForbiddenField) as raised:
            read_rules(written(tmp_path / "rules.json", **changes))
        assert "abcdef" not in str(raised.value)
    fine = ["x", "--image={image}", "--token-from", "-", "--name", "cart"]
    read_rules(written(tmp_path / "rules.json", argv=fine))


def test_a_lock_is_of_one_service_there_and_ends_are_held_until_they_are_forgotten(tmp_path):
    kept = Kept(tmp_path / "responses")
    with kept.locked("cart", "prod"):
        with pytest.raises(Unavailable, match="under way"), kept.locked("cart", "prod"):
            pass
        with kept.locked("cart", "staging"), kept.locked("mail", "prod"):
            pass
    digest = "sha256:" + "a" * 64
    kept.keep(digest, b"x")
    assert kept.ends() == [(digest, b"x")]
    kept.forget(digest)
    kept.forget(digest)
    assert kept.ends() == []

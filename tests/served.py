"""Servers for tests: one in this process, with its inside at hand, or the real one by its pid.

    Inside           both applications here: a real port, a recorder and a view that can be touched
    ServerProcess    ``wherefrom up`` as a person starts it: two processes, signals, exit codes
    until, followed  wait for what must come

Everything listens on 127.0.0.1 and a free port, and ends what it started.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import uvicorn

from wherefrom.api.proxy import Answer, ReaderProxy
from wherefrom.api.reader import reader_app
from wherefrom.api.rekor import RekorDoor
from wherefrom.api.server import writer_app
from wherefrom.api.wire import Protocol
from wherefrom.app import (
    DataFolder,
    fold_views,
    open_desk,
    open_gate,
    open_log,
    open_recorder,
    open_rekor,
    open_requests,
    open_series,
    open_status,
)
from wherefrom.collect.principals import Principal

WHEREFROM = Path(sys.executable).with_name("wherefrom")
STARTED_WITHIN_SECONDS = 40
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the system's authorities takes 30 ms


def lineage_event(number, *, namespace="jobs", producer="https://example.com/etl/1"):
    """An OpenLineage event, another one for every number."""
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-01T00:00:00Z",
        "producer": producer,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": f"01941f29-7c00-7000-8000-{number:012x}"},
        "job": {"namespace": namespace, "name": "load"},
        "inputs": [{"namespace": "s3://bucket", "name": f"raw/{number}"}],
        "outputs": [{"namespace": "s3://bucket", "name": f"clean/{number}"}],
    }


def event_bytes(number, **changes):
    return json.dumps(lineage_event(number, **changes)).encode()


def ndjson(numbers):
    return b"".join(event_bytes(number) + b"\n" for number in numbers)


class _ReaderHere(ReaderProxy):
    """The reader application in this process; ``fails`` is raised instead of asking it."""

    def __init__(self, app):
        self.fails = None
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://reader")

    async def close(self):
        await self._client.aclose()

    async def get(self, path, headers=None, *, body=None):
        if self.fails:
            raise self.fails
        # httpx would take ``..`` for a way up; the real proxy passes it on as it came.
        way, question, query = path.partition("?")
        kept = {".": "%2E", "..": "%2E%2E"}
        way = "/".join(kept.get(part, part) for part in way.split("/"))
        method = "GET" if body is None else "POST"
        answer = await self._client.request(
            method, way + question + query, headers=headers, content=body
        )
        return Answer(answer.status_code, answer.headers.raw, answer.content)


class Inside:
    """A server in this process. The view follows the log only when ``fold`` is called."""

    def __init__(self, path, *, own=None, **scoped):
        self._own = own
        self.folder = DataFolder(Path(path))
        self.folder.create(origin="log.example/http")
        self.tokens = self.folder.tokens
        people = {
            "admin": Principal(name="admin", roles=("admin",)),
            "reader": Principal(name="reader", roles=("read",)),
            "sender": Principal(name="sender", roles=("record",)),
            **scoped,
        }
        self.token = {name: self.folder.tokens.add(who)[0] for name, who in people.items()}
        self._ends = contextlib.ExitStack()

    def __enter__(self):
        self.recorder = self._ends.enter_context(open_recorder(self.folder))
        self.log = open_log(self.folder)
        self.desk = open_desk(self.folder, self.log)
        self.fold()
        gate = open_gate(self.folder, self.log)
        self.reader = reader_app(
            desk=self.desk,
            gate=gate,
            statuses=open_status(self.folder, self.log, gate),
            log=self.log,
            tokens=self.tokens,
        )
        self._ends.callback(self._run())
        self.client = self._ends.enter_context(self.as_("admin"))
        return self

    def __exit__(self, *_):
        self._ends.close()

    def _run(self):
        def application():
            self.proxy = _ReaderHere(self.reader)
            self.app = writer_app(
                recorder=self.recorder,
                tokens=self.tokens,
                hooks=self.folder.hooks,
                proxy=self.proxy,
                door=RekorDoor(lambda: open_rekor(self.folder, self.recorder)),
                requests=open_requests(self.folder),
                measured=open_series(self.folder),
                own=self._own,
            )
            return self.app

        config = uvicorn.Config(
            application,
            factory=True,
            port=0,
            http=Protocol,
            ws="none",
            log_level="critical",
            access_log=False,
        )
        config.load()
        sock = config.bind_socket()
        self.url = "http://{}:{}".format(*sock.getsockname())
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([sock],))
        thread.start()
        until = time.monotonic() + STARTED_WITHIN_SECONDS
        while not server.started:
            assert thread.is_alive(), "the server ended instead of starting"
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.005)

        def end():
            server.should_exit = True
            thread.join()
            sock.close()

        return end

    def as_(self, name=None, **options):
        """A client with the token of ``name``, or with none."""
        headers = {"Authorization": f"Bearer {self.token[name]}"} if name else {}
        return httpx.Client(
            base_url=self.url, headers=headers, verify=PLAIN, **{"timeout": 60, **options}
        )

    def fold(self):
        return fold_views(self.folder, self.log)


class ServerProcess:
    """``wherefrom up``; leaving the block ends it, and asserts that nothing of it is left."""

    verb = "up"

    def __init__(self, data, *options, env=None, program=(WHEREFROM,), preexec=None):
        self._preexec = preexec
        self.data = Path(data)
        self._program = program
        self._options = ["--port", "0", *options]
        self._environment = {**os.environ, **(env or {})}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.terminate()
        self._close()

    def start(self, *, seconds=STARTED_WITHIN_SECONDS):
        """Start it and wait for its line."""
        self.errors_path = self.data.with_name(self.data.name + ".stderr")
        with open(self.errors_path, "ab") as errors:
            self.process = subprocess.Popen(
                [*self._program, self.verb, "--data", self.data, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                preexec_fn=self._preexec,
            )
        watch = threading.Timer(seconds, self.process.kill)
        watch.start()
        self.line = self.process.stdout.readline().decode()
        watch.cancel()
        if not self.line:
            self.process.wait()
            self._close()
            raise AssertionError(f"it did not start: {self.errors()}")
        self.pid = self.process.pid
        said = self.line
        self.url = json.loads(said)["url"] if said.startswith("{") else said.split()[2]
        token = self.data / "token"
        self.token = token.read_text().strip() if token.exists() else None
        return self

    def client(self, **options):
        """A client with the administrator's token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=PLAIN, **options)

    def errors(self):
        """All it has written to standard error."""
        return self.errors_path.read_text()

    def reader_pid(self):
        """The reader process: the child that is called so."""
        return next((pid for pid in children(self.pid) if called(pid) == "wf-reader"), None)

    def terminate(self, *, seconds=20):
        """SIGTERM; returns the exit code and how long it took. Nothing it started may be left."""
        family = family_of(self.pid)
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        took = time.monotonic() - began
        assert wait_gone(family), "a process was left behind"
        return code, took

    def kill(self):
        """SIGKILL, as a crash would; what it started must find out by itself."""
        family = family_of(self.pid)
        self.process.kill()
        self.process.wait()
        self._close()
        return family

    def _close(self):
        self.process.stdout.close()


class WitnessProcess(ServerProcess):
    """``wherefrom witness``, in the same way."""

    verb = "witness"

    def vkeys(self):
        return (self.data / "vkeys").read_text().split()


def run_up(data, *options):
    """``wherefrom up`` that is expected not to serve."""
    return subprocess.run(
        [WHEREFROM, "up", "--data", data, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def children(pid):
    try:
        threads = [task / "children" for task in Path(f"/proc/{pid}/task").iterdir()]
        return [int(child) for path in threads for child in path.read_text().split()]
    except FileNotFoundError:
        return []


def family_of(pid):
    """Every process below ``pid``, and when each began: a pid alone may be used again."""
    found = {}
    waiting = children(pid)
    while waiting:
        child = waiting.pop()
        if (began := _began(child)) is not None:
            found[child] = began
        waiting += children(child)
    return found


def _began(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state == "Z" else rest[18]


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def called(pid):
    """What ps calls it."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def until(holds, *, seconds=60):
    """What ``holds()`` says, once that is true; fails when it does not come to it in time."""
    end = time.monotonic() + seconds
    while not (said := holds()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)
    return said


def followed(client):
    """What a log says of itself, once each of its views has reached its end."""

    def said():
        told = client.get("/v1/log").json()
        return told if min(told["views"].values()) >= told["size"] else None

    return until(said)


def wait_gone(family, *, seconds=60):
    """Whether every process of ``family`` ends by itself; what does not is killed."""
    until = time.monotonic() + seconds
    while left := [pid for pid, began in family.items() if _began(pid) == began]:
        if time.monotonic() > until:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            return False
        time.sleep(0.02)
    return True


def rss_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} is gone")

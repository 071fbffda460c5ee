"""What a scenario plays on: a copy that is served, who sends to it, and who watches.

    copy ──up──► server ◄── jobs, ci, cd, each with a token      ──► webhook: what notify.yaml sends
       └ with_witness: a witness of its own, whose cosignature the log waits for

Everything here ends with the block, whatever happened in it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from wherefrom.app import DataFolder, open_log
from wherefrom.collect.principals import Principal, producer_of, write_secret
from wherefrom.errors import NotFound, Unavailable
from wherefrom.gameday.asking import Operator
from wherefrom.gameday.emitters import Acknowledged, Emitter, Steady, wait_until
from wherefrom.gameday.ending import Ending
from wherefrom.gameday.eyes import Door
from wherefrom.gameday.processes import Commands, Program
from wherefrom.gameday.report import Kept
from wherefrom.gameday.shop import ENVIRONMENT, Release, Shop
from wherefrom.storage.whole_file import replace_whole

WITNESS: Final = "gameday-witness"
_ANSWER_SECONDS: Final = 20.0
# What an operator would say of the shop: it is production, and its evidence is to be whole.
_SETTINGS: Final[Mapping[str, Any]] = {
    "watch.yaml": {"production": [ENVIRONMENT]},
    "objectives.yaml": {
        "objectives": [
            {
                "name": "coverage",
                "environment": ENVIRONMENT,
                "target": 99,
                "indicator": "coverage",
            }
        ],
    },
}
_BODY_BYTES_MAX: Final = 1024 * 1024


class Stage:
    """One scenario's set-up; ``folder`` is the scratch copy's directory.

    measured  numbers that the scenario wants in the report
    kept      what a scenario must know again later
    ends      what it began, to be ended with the stage
    """

    def __init__(
        self, folder: DataFolder, server: Program, witness: Program | None, shop: Shop,
        messages: list[dict[str, Any]], ends: ExitStack,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.server = server
        self.witness = witness
        self.shop = shop
        self.ends = ends
        self.acknowledged = Acknowledged()
        self.jobs, self.ci, self.cd = (self.emitter(n) for n in ("jobs", "ci", "cd"))
        self.emitters = [self.jobs, self.ci, self.cd]
        self.steady = Steady(self.jobs)
        self.measured: dict[str, float] = {}
        self.kept: dict[str, Any] = {}
        self.door = Door(
            operator=Operator(server.url, (folder.path / "token").read_text().strip()),
            data=folder.path, errors=server.errors,
            senders={one.name: one.sender for one in self.emitters}, messages=messages,
            commands=Commands(),
        )  # fmt: skip

    def emitter(self, name: str) -> Emitter:
        """Somebody more who sends to the server."""
        return Emitter(f"gameday-{name}", self.server.url, self.folder, self.acknowledged)

    def release(self, release: Release, *, vouched: bool = True) -> None:
        """A version goes out: CI vouches for it, CD deploys it, the cluster runs it."""
        self.ci.put(*((release.provenance,) if vouched else ()), release.sbom)
        # What is asked of an artifact is asked when it runs: so it is vouched for before.
        if not self.ci.flush(_ANSWER_SECONDS):
            raise Unavailable("the release cannot be recorded", got=self.ci.sender.trouble)
        self.cd.put(release.deployed, release.seen)
        if not self.cd.flush(_ANSWER_SECONDS):
            raise Unavailable("the release cannot be deployed", got=self.cd.sender.trouble)

    def index_of(self, content: bytes) -> int:
        """The entry that holds a content. Raises NotFound."""
        log = open_log(self.folder)
        for logged in log.read(0, log.size):
            if logged.content == content:
                return logged.index
        raise NotFound("no entry holds this content")

    def producer_of(self, emitter: Emitter) -> str:
        """How entries name an emitter."""
        who = Principal(name=emitter.name, roles=("record",))
        return producer_of(who, key=self.folder.producer_key())

    def administer(self, path: str, said: dict[str, Any]) -> dict[str, Any]:
        """What the operator does over HTTP. Raises Unavailable."""
        answer = self.door.operator.post(path, said, timeout_s=_ANSWER_SECONDS)
        if answer.status >= 300:
            raise Unavailable("the server refuses it", where=path, got=answer.text[:200])
        done: dict[str, Any] = answer.json()
        return done

    def restart(self) -> None:
        """What an operator does when nothing else helps."""
        self.server.end()
        self.server.start()

    def what_became_of_records(self, seconds: float) -> Kept:
        """End the sending, the server too, and look for every record that was acknowledged."""
        waiting = 0
        for one in self.emitters:
            if not one.flush(seconds):
                waiting += one.waiting
            one.close()
        self.server.end()
        lost = self.acknowledged.not_in(open_log(self.folder))
        return Kept(
            sent=sum(one.sent for one in self.emitters), acknowledged=len(self.acknowledged),
            lost=len(lost), waiting=waiting,
        )  # fmt: skip


@contextmanager
def set_up(
    copy: Path, checkpoint: Path, shop: Shop, *, aside: Path, with_witness: bool, ending: Ending
) -> Iterator[Stage]:
    """A stage on a copy of ``copy``, which is at ``checkpoint``; all of it in ``aside``."""
    with ExitStack() as ends:
        aside.mkdir()
        folder = DataFolder(aside / "data")
        shutil.copytree(copy, folder.path)
        messages = ends.enter_context(_receiving(folder))
        for name, said in _SETTINGS.items():
            replace_whole(folder.path / name, json.dumps(said).encode())
        witness, more = None, []
        if with_witness:
            witness = _witness_of(folder, aside, ending)
            ends.callback(witness.end)
            witness.start()
            more = ["--policy", _policy_of(folder, witness, aside), "--witness-deadline", "1"]
        words = ["up", "--data", folder.path, "--extends", checkpoint, *more]
        server = Program(words, aside=aside, name="server", ending=ending)
        ends.callback(server.end)
        server.start()
        stage = Stage(folder, server, witness, shop, messages, ends)
        ends.callback(stage.door.commands.stop)
        stage.steady.start()
        ends.callback(stage.steady.stop)
        if not wait_until(lambda: len(stage.acknowledged) > 0, seconds=_ANSWER_SECONDS):
            trouble = stage.jobs.sender.trouble
            raise Unavailable("the jobs of the game day are not recorded", got=trouble)
        yield stage


def _witness_of(folder: DataFolder, aside: Path, ending: Ending) -> Program:
    words = [
        "witness", "--data", aside / "witness", "--name", f"{WITNESS}.invalid",
        "--log", folder.log_vkey().to_text(),
    ]  # fmt: skip
    return Program(words, aside=aside, name="witness", ending=ending)


def _policy_of(folder: DataFolder, witness: Program, aside: Path) -> Path:
    vkey = (aside / "witness" / "vkeys").read_text().split()[0]
    path = aside / "policy"
    lines = (
        f"log {folder.log_vkey().to_text()}",
        f"witness {WITNESS} {vkey} {witness.url}",
        f"quorum {WITNESS}",
    )
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def _receiving(folder: DataFolder) -> Iterator[list[dict[str, Any]]]:
    """A webhook of the game day, the only one that the copy tells; what it is sent."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = min(int(self.headers.get("content-length") or 0), _BODY_BYTES_MAX)
            with contextlib.suppress(ValueError):  # no message of ours
                got.append(json.loads(self.rfile.read(size)))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="gameday-webhook", daemon=True)
    thread.start()
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    hook = {"name": "gameday", "url": f"http://127.0.0.1:{server.server_port}/", "secret": secret}
    write_secret(folder.path / "notify.yaml", json.dumps({"webhooks": [hook]}))  # JSON is YAML
    try:
        yield got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

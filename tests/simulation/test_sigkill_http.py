"""The real server under load from several connections, killed at random, started again, checked.

    senders ──► POST, each answer into the ledger ──► SIGKILL ──► start again on the directory
                        └ indexes, receipts, checkpoints ─── must all still hold ──┘

A life of the server has up to two kills of one of its helpers (reader, fold, judge), which must
cost no record, and ends with the kill of the writer alone or of every process at once; some end
while the server starts. The views are compared with a rebuild from entry 0 every few lives.

``WHEREFROM_KILLS`` sets how many (16), ``WHEREFROM_KILL_MINUTES`` for how long at most,
``WHEREFROM_KILL_SEED`` the moments; a failure names the seed and the life. ``make crash`` runs
hundreds.
"""

import base64
import contextlib
import gzip
import hashlib
import os
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import httpx

from tests.served import (
    ServerProcess,
    children,
    command_line,
    event_bytes,
    family_of,
    wait_gone,
)
from tests.unit.api.test_admin import a_key, signed
from wherefrom.app import DataFolder, open_log
from wherefrom.formats import checkpoint, note, tlog_proof
from wherefrom.formats.recognise import FACTS_VERSION, facts_of
from wherefrom.keys.ed25519 import check_note
from wherefrom.log.audit import audit
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_consistency, verify_inclusion
from wherefrom.views.graph import GraphReader, GraphView
from wherefrom.views.graph.dump import dump

KILLS = int(os.environ.get("WHEREFROM_KILLS", "16"))
MINUTES = float(os.environ.get("WHEREFROM_KILL_MINUTES", "inf"))
SEED = int(os.environ.get("WHEREFROM_KILL_SEED", "1"))
SENDERS = 5
LIFE_S_MAX = 0.4
LIVES_A_LOG = 6
VIEWS_EVERY = 3
SMALL_BATCHES = (1, 1, 1, 5, 12, 20)
LARGE_BATCHES = (1, 30, 80)  # judged by processes of their own, which take a while to start
ASKED_OVER_HTTP = 10


class Ledger:
    """What a server has promised, over all its lives; any promise that breaks another raises."""

    def __init__(self):
        self._lock = threading.Lock()
        self.index_of = {}  # content → index, once acknowledged
        self.content_at = {}
        self.unanswered = []  # sent, and nobody knows
        self.receipts = []
        self.notes = {}  # checkpoint size → signed note
        self.broken = []

    def acknowledged(self, contents, items):
        with self._lock:
            for content, item in zip(contents, items, strict=True):
                index = item["index"]
                if self.index_of.setdefault(content, index) != index:
                    self.broken.append(f"another index: {self.index_of[content]} and {index}")
                if self.content_at.setdefault(index, content) != content:
                    self.broken.append(f"index {index} was given to two contents")
                if "receipt" in item:
                    self.receipts.append((index, item["receipt"]))

    def saw(self, written):
        size = int(written.split(b"\n")[1])
        with self._lock:
            if self.notes.setdefault(size, written).split(b"\n")[2] != written.split(b"\n")[2]:
                self.broken.append(f"two roots at size {size}")

    def some(self, chosen, count):
        with self._lock:
            known = [*self.content_at.values(), *self.unanswered]
        return chosen.sample(known, min(count, len(known)))


class Sender(threading.Thread):
    """One connection that sends until the server is gone."""

    def __init__(self, server, ledger, name, key, batches):
        super().__init__(name=name)
        self._chosen = random.Random(name)
        self._server, self._ledger, self._key = server, ledger, key
        self._batches = batches
        self._count = 0

    def run(self):
        # By number, so that every life's contents are new, and the same for the same seed.
        with self._server.client() as client:
            try:
                while True:
                    self._send(client)
            except httpx.TransportError:
                return

    def _new(self):
        self._count += 1
        number = int(hashlib.sha256(f"{self.name} {self._count}".encode()).hexdigest()[:12], 16)
        return signed(self._key, number) if self._count % 5 == 0 else event_bytes(number)

    def _send(self, client):
        chosen = self._chosen
        if chosen.random() < 0.1:
            answer = client.get("/checkpoint")
            if answer.status_code == 200:
                self._ledger.saw(answer.content)
            elif answer.status_code != 503:  # the reader may have been killed this moment
                self._ledger.broken.append(f"{answer.status_code}: {answer.text}")
            return
        contents = [self._new() for _ in range(chosen.choice(self._batches))]
        contents += self._ledger.some(chosen, chosen.choice([0, 0, 1, 3]))
        path = chosen.choice(["/v1/records", "/v1/records?wait=proof"])
        body = b"\n".join(contents)
        if chosen.random() < 0.3:
            body = gzip.compress(body, 1)
        try:
            answer = client.post(path, content=body)
        except httpx.TransportError:
            self._ledger.unanswered += contents
            raise
        if answer.status_code in (200, 201, 207):
            self._ledger.acknowledged(contents, answer.json()["items"])
        elif answer.status_code != 503:
            self._ledger.broken.append(f"{answer.status_code}: {answer.text}")


def helper(server, kind):
    """A process of the server that is not its writer, or None while there is none."""
    reader = server.reader_pid()
    if kind == "reader" or reader is None:
        return reader
    if kind == "fold":
        return next(iter(children(reader)), None)
    found = children(server.pid)
    return next((pid for pid in found if b"verify.judging" in command_line(pid)), None)


def kill_helper(server, chosen, killed):
    kind = chosen.choice(["reader", "fold", "judge"])
    pid = helper(server, kind)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed[kind] += 1


def live_once(server, ledger, key, *, name, chosen, killed):
    """A life under load, ended by SIGKILL; nothing that the server started may outlive it."""
    large = chosen.random() < 0.4
    batches = LARGE_BATCHES if large else SMALL_BATCHES
    senders = [Sender(server, ledger, f"{name} sender {n}", key, batches) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    if large:
        time.sleep(0.8)
    for _ in range(chosen.choice([0, 1, 2])):
        time.sleep(chosen.uniform(0, LIFE_S_MAX / 2))
        kill_helper(server, chosen, killed)
    time.sleep(chosen.uniform(0, LIFE_S_MAX))
    assert all(sender.is_alive() for sender in senders), "a helper's death cost a connection"
    whole = chosen.random() < 0.3
    family = family_of(server.pid)
    if whole:  # as if the machine had stopped them all
        for pid in [*family, server.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    family |= server.kill()
    killed["all at once" if whole else "writer"] += 1
    for sender in senders:
        sender.join()
    assert wait_gone(family), "a process outlived the server"


def die_while_starting(server, chosen):
    """A life so short that nobody was told of it."""
    timer = threading.Timer(chosen.uniform(0.05, 1.0), lambda: server.process.kill())
    timer.start()
    try:
        server.start()
    except AssertionError:
        return  # killed before its line, as it should be
    finally:
        timer.join()
    server.process.wait()
    server._close()


# -- what must hold after every life


def check_the_stored_log(folder, ledger):
    """Every acknowledged record lies at its index with its content, and nothing lies twice."""
    log = open_log(folder)
    stored = {logged.index: logged.content for logged in log.read(0, log.size)}
    lost = {i: c for i, c in ledger.content_at.items() if stored.get(i) != c}
    assert not lost, f"{len(lost)} acknowledged records are not where they were: {sorted(lost)[:9]}"
    contents = list(stored.values())
    assert len(contents) == len(set(contents)) == log.size
    for size, written in ledger.notes.items():
        signed_then = checkpoint.parse(check_note(note.parse(written), [folder.log_vkey()]))
        assert log.root_at(size) == signed_then.root
    return log


def check_over_http(client, folder, ledger, chosen):
    """The same as a stranger would check it, for some of it."""
    now = checkpoint.parse(
        check_note(note.parse(client.get("/checkpoint").content), [folder.log_vkey()])
    )
    for size in [*chosen.sample(sorted(ledger.notes), min(ASKED_OVER_HTTP, len(ledger.notes)))]:
        then = checkpoint.parse(note.parse(ledger.notes[size]).text)
        said = client.get(f"/v1/log/consistency?from={size}&to={now.size}").json()
        verify_consistency(
            size1=size,
            size2=now.size,
            path=[base64.b64decode(hash) for hash in said],
            root1=then.root,
            root2=now.root,
        )
    known = sorted(ledger.content_at)
    for index in chosen.sample(known, min(ASKED_OVER_HTTP, len(known))):
        assert client.get(f"/v1/records/{index}/content").content == ledger.content_at[index]
        check_receipt(folder, index, client.get(f"/v1/receipts/{index}").text, now)
    return now


def check_receipt(folder, index, written, now=None):
    proof = tlog_proof.parse(written.encode())
    then = checkpoint.parse(check_note(note.parse(proof.checkpoint), [folder.log_vkey()]))
    assert proof.index == index
    assert now is None or then.size <= now.size
    verify_inclusion(
        leaf_hash=hash_leaf(proof.extra),
        index=index,
        tree_size=then.size,
        path=proof.path,
        root=then.root,
    )
    return then, proof.checkpoint


def check_receipts(folder, ledger):
    """Each receipt of the last life verifies; its checkpoint too must hold for ever."""
    for index, written in ledger.receipts:
        _, signed_note = check_receipt(folder, index, written)
        ledger.saw(signed_note)
    checked = len(ledger.receipts)
    ledger.receipts.clear()
    return checked


def lines_of(path):
    reader = GraphReader(path)
    try:
        with reader.snapshot() as snapshot:
            return list(dump(snapshot))
    finally:
        reader.close()


def check_the_views(client, folder):
    """The view has followed every life, and says what a view from entry 0 says."""
    until = time.monotonic() + 60
    while (said := client.get("/v1/log")).status_code != 200 or (
        said.json()["views"]["graph"] < said.json()["size"]
    ):
        assert time.monotonic() < until, said.text
        time.sleep(0.02)
    with tempfile.TemporaryDirectory(dir=folder.path.parent) as aside:
        path = Path(aside) / "graph.db"
        with GraphView.open(path, facts_of=facts_of, facts_version=FACTS_VERSION) as view:
            view.fold(open_log(folder))
        assert lines_of(folder.graph_path) == lines_of(path)


class Log:
    """One directory, its server and what was promised about it."""

    def __init__(self, path):
        self.ledger, (self.key, self.pem) = Ledger(), a_key()
        self.folder = DataFolder(path)
        self.server = ServerProcess(path)
        self.receipts = 0

    def trust_the_key(self):
        with self.server.client() as client:  # from here on a part is signed by a known key
            client.post("/v1/keys", json={"action": "trust", "pem": self.pem.strip()})

    def check(self, chosen, *, views):
        self.receipts += check_receipts(self.folder, self.ledger)
        log = check_the_stored_log(self.folder, self.ledger)
        with self.server.client() as client:
            now = check_over_http(client, self.folder, self.ledger, chosen)
            if views:
                check_the_views(client, self.folder)
        assert now.size >= log.size
        assert self.ledger.broken == []
        assert "Traceback" not in self.server.errors(), self.server.errors()

    def end(self):
        assert self.server.terminate()[0] == 0
        check_the_stored_log(self.folder, self.ledger)
        assert audit(open_log(self.folder), dedup_folder=self.folder.path / "dedup").problems == []


def live(log, chosen, killed, views, *, lives, name):
    """Lives on one directory, until it had enough or all kills are done; returns how many."""
    done = 0
    with log.server:
        while done < lives and killed.total() < KILLS and time.monotonic() < views.until:
            context = f"life {done} of {name}"
            try:
                if done == 2:
                    log.trust_the_key()
                live_once(
                    log.server, log.ledger, log.key, name=context, chosen=chosen, killed=killed
                )
                if chosen.random() < 0.2:
                    die_while_starting(log.server, chosen)
                    killed["while starting"] += 1
                log.server.start()
                done += 1
                log.check(chosen, views=views.is_due())
            except BaseException as error:
                error.add_note(f"{context}; kills so far: {dict(killed)}")
                raise
        with log.server.client() as client:
            check_the_views(client, log.folder)
            views.compared += 1
        log.end()
    return done


class Views:
    """When to compare, how often it was done, and when to stop."""

    def __init__(self):
        self.compared = self.asked = 0
        self.until = time.monotonic() + 60 * MINUTES

    def is_due(self):
        self.asked += 1
        due = self.asked % VIEWS_EVERY == 0
        self.compared += due
        return due


def test_no_promise_breaks_however_often_a_serving_process_is_killed(tmp_path):
    print(f"\nseed {SEED}, {KILLS} kills, {MINUTES} minutes at most")
    chosen, began = random.Random(f"sigkill http {SEED}"), time.monotonic()
    killed, views = Counter(), Views()
    lives = logs = acknowledged = receipts = entries = 0
    while killed.total() < KILLS and time.monotonic() < views.until:
        name = f"log {logs} of seed {SEED}"
        log = Log(tmp_path / f"data{logs}")
        lives += live(log, chosen, killed, views, lives=LIVES_A_LOG, name=name)
        logs += 1
        acknowledged += len(log.ledger.index_of)
        receipts += log.receipts
        entries += open_log(log.folder).size
        took = time.monotonic() - began
        print(
            f"seed {SEED}: {killed.total()} kills {dict(killed)} in {lives} lives of {logs} logs; "
            f"{acknowledged} records acknowledged, {entries} stored, {receipts} receipts verified, "
            f"views compared {views.compared} times; {took:.0f} s",
            flush=True,
        )
    assert acknowledged > 20 * lives, "nothing much was acknowledged"
    assert min(killed["writer"], killed["all at once"]) > 0 or KILLS < 40

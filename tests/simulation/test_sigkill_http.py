"""The real server under load from several connections, killed at random, started again, checked.

    senders ──► POST, each answer into the ledger ──► SIGKILL ──► start again on the directory
                        └ indexes, receipts, checkpoints ─── must all still hold ──┘

``WHEREFROM_KILL_HTTP_ROUNDS`` sets how often (12), ``WHEREFROM_KILL_SEED`` the moments; a failure
names both.
"""

import base64
import gzip
import hashlib
import os
import random
import threading
import time

import httpx

from tests.served import ServerProcess, event_bytes, wait_gone
from tests.unit.api.test_admin import a_key, signed
from wherefrom.app import DataFolder, fold_views, open_log
from wherefrom.formats import checkpoint, note, tlog_proof
from wherefrom.keys.ed25519 import check_note
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_consistency, verify_inclusion
from wherefrom.views.graph import GraphReader
from wherefrom.views.graph.dump import dump

ROUNDS = int(os.environ.get("WHEREFROM_KILL_HTTP_ROUNDS", "12"))
SEED = int(os.environ.get("WHEREFROM_KILL_SEED", "1"))
SENDERS = 5
LIFE_S_MAX = 0.6
SMALL_BATCHES = (1, 1, 1, 5, 12, 20)
LARGE_BATCHES = (1, 50, 200)  # judged by processes of their own, which take a while to start
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
            self._ledger.saw(client.get("/checkpoint").content)
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


def live_once(server, ledger, key, *, name, chosen):
    """A life under load, ended by SIGKILL; nothing that the server started may outlive it."""
    batches = chosen.choice([SMALL_BATCHES, SMALL_BATCHES, LARGE_BATCHES])
    senders = [Sender(server, ledger, f"{name} sender {n}", key, batches) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    time.sleep(chosen.uniform(0, LIFE_S_MAX) + (1.0 if batches is LARGE_BATCHES else 0))
    family = server.kill()
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


def lines_of(folder):
    reader = GraphReader(folder.graph_path)
    try:
        with reader.snapshot() as snapshot:
            return list(dump(snapshot))
    finally:
        reader.close()


def test_no_promise_breaks_however_often_a_serving_process_is_killed(tmp_path):
    print(f"seed {SEED}, {ROUNDS} rounds")
    chosen = random.Random(f"sigkill http {SEED}")
    ledger, (key, pem) = Ledger(), a_key()
    server, folder = ServerProcess(tmp_path / "data"), DataFolder(tmp_path / "data")
    receipts = 0
    with server:
        for number in range(ROUNDS):
            context = f"round {number} of seed {SEED}"
            if number == 2:
                with server.client() as client:  # from here on a part is signed by a known key
                    client.post("/v1/keys", json={"action": "trust", "pem": pem.strip()})
            live_once(server, ledger, key, name=context, chosen=chosen)
            if chosen.random() < 0.2:
                die_while_starting(server, chosen)
            server.start()
            receipts += check_receipts(folder, ledger)
            log = check_the_stored_log(folder, ledger)
            with server.client() as client:
                now = check_over_http(client, folder, ledger, chosen)
            assert now.size >= log.size
            assert ledger.broken == [], context
            assert "Traceback" not in server.errors(), server.errors()
        print(f"{len(ledger.index_of)} acknowledged, {receipts} receipts, {log.size} entries")
        assert len(ledger.index_of) > 50 * ROUNDS
        # The view has followed every life, and says what a view from entry 0 says.
        with server.client() as client:
            until = time.monotonic() + 30
            while (said := client.get("/v1/log").json())["views"]["graph"] < said["size"]:
                assert time.monotonic() < until, said
                time.sleep(0.02)
        assert server.terminate()[0] == 0
    check_the_stored_log(folder, ledger)
    followed = lines_of(folder)
    fold_views(folder, open_log(folder), rebuild=True)
    rebuilt = lines_of(folder)
    assert followed == rebuilt

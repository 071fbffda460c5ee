"""``wherefrom monitor`` on logs over loopback: Tessera's, one of 600 entries, and our own."""

import hashlib
import http.server
import json
import shutil
import signal
import subprocess
import threading
import time

import pytest

from tests.paths import DATA
from tests.served import WHEREFROM, ServerProcess, event_bytes
from wherefrom.app import DataFolder
from wherefrom.formats import checkpoint, note
from wherefrom.keys.ed25519 import check_note
from wherefrom.log.compare import Fork, check_fork

TESSERA = DATA / "tlog/tessera-testlog/testdata/log"
GENERATED = DATA / "tlog/generated"
KEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


class Static:
    """A folder of static files on a port, as a web server serves an export."""

    def __init__(self, folder):
        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *given: Handler(*given, directory=str(folder))
        )
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def run(*arguments, code=0):
    done = subprocess.run(
        [WHEREFROM, "monitor", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def events(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def tessera(tmp_path):
    shutil.copytree(TESSERA, tmp_path / "log")
    with Static(tmp_path / "log") as served:
        served.folder = tmp_path / "log"
        yield served


def show(served, size):
    publish(served, (TESSERA / f"checkpoint.{size}").read_text())


def publish(served, text):
    """At once, as a log does: whoever looks in between must not see half of it."""
    (served.folder / "checkpoint.new").write_text(text)
    (served.folder / "checkpoint.new").replace(served.folder / "checkpoint")


def test_every_checkpoint_of_tesseras_log_is_the_growth_of_the_one_before(tessera, tmp_path):
    options = (tessera.url, "--log-key", KEY, "--state", tmp_path / "state", "--once", "--json")
    for size in range(16):
        show(tessera, size)
        (event,) = events(run(*options))
        assert (event["event"], event["size"]) == ("new", size)
    assert [e["event"] for e in events(run(*options))] == ["same"]
    show(tessera, 9)
    (event,) = events(run(*options, code=1))
    assert event["event"] == "rollback"
    show(tessera, 15)
    assert [e["event"] for e in events(run(*options))] == ["same"]


def test_entries_of_another_log_are_matched_by_their_bytes_and_digest(tessera, tmp_path):
    watch = tmp_path / "watch"
    watch.write_text(
        "contains=ten\n"
        "sha256=04efaf080f5a3e74e1c29d1ca6a48569382cbbcd324e8d59d2b83ef21c039f00\n"
        "kind=*\n"
    )
    options = (tessera.url, "--log-key", KEY, "--watch", watch, "--once", "--json")
    matched = [(e["index"], e["watched"][:8]) for e in events(run(*options, code=1))[1:]]
    # ten (9), fourten (13) has it too; the digest is that of "four".
    words = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"
    expected = [i for i, word in enumerate(words.split()) if "ten" in word]
    assert [i for i, line in matched if line == "contains"] == expected
    assert [i for i, line in matched if line.startswith("sha256=")] == [3]
    said = run(*options[:-1], code=1).stdout
    assert "✗ ALARM match: entry 9 matches line 1: contains=ten" in said


def test_a_larger_log_is_followed_and_a_damaged_tile_is_an_alarm(tmp_path):
    shutil.copytree(GENERATED / "log600", tmp_path / "log")
    watch = tmp_path / "watch"
    watch.write_text('contains="Entry 599"\n')
    with Static(tmp_path / "log") as served:
        options = (served.url, "--log-key", KEY, "--watch", watch, "--once", "--json")
        found = events(run(*options, code=1))
        assert [(e["event"], e.get("index")) for e in found] == [("new", None), ("match", 599)]
        tile = next(p for p in (tmp_path / "log/tile/0").rglob("*") if p.is_file())
        written = bytearray(tile.read_bytes())
        written[40] ^= 1
        tile.write_bytes(written)
        assert events(run(*options, code=1))[-1]["event"] == "tiles"
    with Static(GENERATED / "log70000-edge") as served:
        run(served.url, "--log-key", KEY, "--once", code=3)  # it has no checkpoint
    done = run(served.url, "--log-key", KEY, "--once", "--json", code=3)  # and now no server
    assert json.loads(done.stderr)["code"] == "unavailable"


def test_the_edge_of_a_log_of_70000_leads_to_its_cosigned_checkpoint(tmp_path):
    shutil.copytree(GENERATED / "log70000-edge", tmp_path / "log")
    shutil.copy(GENERATED / "cosigned70000.checkpoint", tmp_path / "log/checkpoint")
    with Static(tmp_path / "log") as served:
        (event,) = events(run(served.url, "--log-key", KEY, "--once", "--json"))
        assert event["size"] == 70_000


def start(url, key, *options):
    return subprocess.Popen(
        [WHEREFROM, "monitor", url, "--log-key", key, "--json", "--every", "0.05", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_our_own_log_is_followed_while_it_grows_and_a_watched_record_is_told(tmp_path):
    data, watch = tmp_path / "data", tmp_path / "watch"
    watch.write_text("# by anybody with a token\nkind=event producer=p:*\n")
    with ServerProcess(data) as server, server.client() as http:
        key = DataFolder(data).log_vkey().to_text()
        following = start(server.url, key, "--watch", watch, "--state", tmp_path / "state")
        try:
            assert json.loads(following.stdout.readline())["event"] == "new"
            for number in range(3):
                http.post("/v1/records", content=event_bytes(number))
                event = json.loads(following.stdout.readline())
                assert event["event"] == "new"
                match = json.loads(following.stdout.readline())
                assert (match["event"], match["index"]) == ("match", number + 1)
            following.send_signal(signal.SIGTERM)
            assert following.wait(20) == 1
        finally:
            following.kill()
            following.communicate()
        # It goes on from there, and has told those.
        done = run(server.url, "--log-key", key, "--watch", watch, "--state", tmp_path / "state",
                   "--once", "--json")  # fmt: skip
        assert [e["event"] for e in events(done)] == ["same"]


def test_a_log_that_forks_is_shown_with_a_proof_for_anybody(tmp_path):
    """The operator puts an old copy of the log in its place, and goes on with it."""
    data, old, state = tmp_path / "data", tmp_path / "old", tmp_path / "state"
    with ServerProcess(data) as server, server.client() as http:
        http.post("/v1/records", content=event_bytes(1))
        (tmp_path / "early").write_bytes(http.get("/checkpoint").content)
    shutil.copytree(data, old)
    vkey = DataFolder(data).log_vkey()
    options = ("--log-key", vkey.to_text(), "--state", state, "--once")
    with ServerProcess(data) as server, server.client() as http:
        for number in (2, 3, 4):
            http.post("/v1/records", content=event_bytes(number))
        run(server.url, *options)
    copy = ServerProcess(old, "--extends", tmp_path / "early")
    with copy as server, server.client() as http:
        for number in (5, 6, 7, 8):
            http.post("/v1/records", content=event_bytes(number))
        (event,) = events(run(server.url, *options, "--json", code=1))
        assert event["event"] == "fork"
        fork = Fork(**event["fork"])
        check_fork(fork, log_key=vkey)
        sizes = [
            checkpoint.parse(check_note(note.parse(n.encode()), [vkey])).size
            for n in (fork.note, fork.newest)
        ]
        assert sizes == [5, 6]
        said = run(server.url, *options, code=1).stdout
        assert "✗ ALARM fork: the tree of 6 does not begin with the tree of 5" in said
        assert fork.note in said
        assert fork.newest in said
        assert all(value in said for value in fork.path)
        # Followed without --once, it ends by itself.
        following = start(server.url, vkey.to_text(), "--state", state)
        following.communicate(timeout=20)
        assert following.returncode == 1


def test_a_bad_signature_is_an_alarm_that_is_told_once_and_ends_nothing(tessera, tmp_path):
    show(tessera, 7)
    following = start(tessera.url, KEY)
    try:
        assert json.loads(following.stdout.readline())["event"] == "new"
        good = (TESSERA / "checkpoint.8").read_text()
        publish(tessera, good.replace("\n8\n", "\n9\n"))
        assert json.loads(following.stdout.readline())["event"] == "bad_signature"
        time.sleep(0.3)
        show(tessera, 8)
        event = json.loads(following.stdout.readline())
        assert (event["event"], event["size"]) == ("new", 8)
        following.send_signal(signal.SIGINT)
        assert following.wait(20) == 1
    finally:
        following.kill()
        following.communicate()


def test_what_it_is_called_with_is_checked(tmp_path):
    watch = tmp_path / "watch"
    watch.write_text("colour=red\n")
    assert "not the address of a log" in run("ftp://x", "--log-key", KEY, code=2).stderr
    assert "not a verifier key" in run("http://x", "--log-key", "x", code=2).stderr
    said = run("http://127.0.0.1:9", "--log-key", KEY, "--watch", watch, "--once", code=2).stderr
    assert "not something to watch for" in said
    state = tmp_path / "state"
    state.mkdir()
    kept = state / f"{hashlib.sha256(b'example.com/log/testdata').hexdigest()}.json"
    kept.write_text("{}")
    options = ("http://127.0.0.1:9", "--log-key", KEY, "--state", state, "--once")
    assert "what was seen of this log cannot be read" in run(*options, code=1).stderr

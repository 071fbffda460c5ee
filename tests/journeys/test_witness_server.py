"""``wherefrom witness`` as others see it: bytes over HTTP, kills, races and a disk that fails."""

import json
import random
import shutil
import signal
import subprocess
import sys
import threading
from hashlib import sha256

import httpx
import pytest

from tests.paths import DATA
from tests.served import PLAIN, WHEREFROM, WitnessProcess
from tests.unit.log.test_witness import HONEST, KEY, ORIGIN, OTHER, History
from wherefrom.formats import add_checkpoint, note
from wherefrom.formats.note import Note
from wherefrom.keys.cosignatures import check_cosignatures

GIVEN = json.loads((DATA / "tlog/generated/witness_add_checkpoint.json").read_text())
VKEY = KEY.verifier_key(ORIGIN).to_text()
NAME = "witness.example.com/w1"
BROKEN = (sys.executable, "-m", "tests.simulation.broken_disk")


def started(data, *options, **process):
    return WitnessProcess(data, "--name", NAME, "--log", VKEY, *options, **process)


def client(server):
    return httpx.Client(base_url=server.url, timeout=30, verify=PLAIN)


def post(http, body):
    return http.post("/add-checkpoint", content=body)


def test_real_exchanges_are_answered_as_the_reference_witness_answers_them(tmp_path):
    options = ("--log", GIVEN["log_vkey"], "--ml-dsa")
    with started(tmp_path / "w", *options) as server, client(server) as http:
        keys = [note.parse_verifier_key(text) for text in server.vkeys()]
        assert [key.algorithm for key in keys] == [0x04, 0x06]
        for exchange in GIVEN["exchanges"]:
            answer = post(http, exchange["Request"].encode())
            assert answer.status_code == exchange["Status"], exchange["Name"]
            if exchange["Status"] == 200:
                assert answer.headers["content-type"] == exchange["ContentType"]
                checkpoint = exchange["Request"].partition("\n\n")[2].encode()
                signed = note.parse(checkpoint + answer.content)
                assert list(check_cosignatures(signed, keys)) == keys
                # The reference cosigns with one key of each kind too.
                assert len(answer.text) == len(exchange["Response"])
                path = sha256(b"example.com/log/testdata").hexdigest()
                assert http.get(f"/{path}/checkpoint").content == note.to_bytes(signed)
            else:
                assert answer.text == exchange["Response"]
                assert answer.headers.get("content-type", "") == exchange["ContentType"]
        assert server.terminate()[0] == 0


def test_no_input_is_answered_with_a_mistake_of_the_server(tmp_path):
    chosen = random.Random(7)
    good = HONEST.request(0, 7)
    bodies = [b"", b"\n\n", b"old 0", b"\xff" * 100, good[:-1], good * 2, b"x" * 200_000]
    for _ in range(300):
        changed = bytearray(good)
        for _ in range(chosen.randint(1, 4)):
            changed[chosen.randrange(len(changed))] = chosen.randrange(256)
        bodies.append(bytes(changed[: chosen.randint(1, len(changed))]))
    with started(tmp_path / "w") as server, client(server) as http:
        for body in bodies:
            answer = post(http, body)
            assert answer.status_code in (400, 403, 404, 413), body
            assert answer.text == ""
            assert answer.headers["x-wherefrom-reason"].isascii()
        assert post(http, b"x" * 200_000).status_code == 413
        for path in ("/", "/checkpoint", "/../keys", "/%2e%2e/keys", "/logs/checkpoint", "/é/x"):
            assert http.get(path).status_code == 404
        assert http.get("/add-checkpoint").status_code == 405
        assert http.get("/readyz").text == "ready\n"
        assert post(http, good).status_code == 200
        assert server.errors().count("Traceback") == 0


def test_a_reason_in_any_script_fits_into_a_header(tmp_path):
    with started(tmp_path / "w") as server, client(server) as http:
        answer = post(http, History(3, origin="журнал").request(0, 3))
        assert answer.status_code == 404
        assert "knows no such log" in answer.headers["x-wherefrom-reason"]


class Client(threading.Thread):
    """Submits one history until the server is gone; keeps every tree that was cosigned."""

    def __init__(self, server, history, seed):
        super().__init__()
        self._server, self._history, self._chosen = server, history, random.Random(seed)
        self.cosigned = []
        self.statuses = set()

    def run(self):
        size = 0
        with client(self._server) as http:
            try:
                while True:
                    new = min(size + self._chosen.randint(0, 1), len(self._history.leaves))
                    answer = post(http, self._history.request(size, new))
                    self.statuses.add(answer.status_code)
                    if answer.status_code == 200:
                        self.cosigned.append((new, answer.content))
                        size = new
                    elif answer.status_code == 409:
                        size = add_checkpoint.parse_size_line(answer.content)
            except httpx.TransportError:
                return


def test_a_witness_killed_at_any_moment_never_cosigns_two_histories(tmp_path):
    """Two logs of one key, two histories: whichever is first stays the only one, over 10 kills."""
    chosen = random.Random(3)
    histories = [History(5000), History(5000, salt=b"other ")]
    server = started(tmp_path / "w")
    cosigned = {0: [], 1: []}
    for life in range(10):
        with server:
            keys = [note.parse_verifier_key(text) for text in server.vkeys()]
            threads = [Client(server, histories[n % 2], life * 10 + n) for n in range(3)]
            for thread in threads:
                thread.start()
            threading.Event().wait(chosen.uniform(0.05, 0.4))
            server.process.send_signal(signal.SIGKILL)
            for number, thread in enumerate(threads):
                thread.join()
                assert thread.statuses <= {200, 409, 422, 400}, thread.statuses
                cosigned[number % 2] += thread.cosigned
            server.process.wait()
    grown = {number: max(size for size, _ in done) for number, done in cosigned.items() if done}
    assert max(grown.values()) > 3, "nothing was cosigned between the kills"
    assert len([size for size in grown.values() if size > 0]) == 1, "two histories were cosigned"
    winner = max(grown, key=grown.get)
    for size, lines in cosigned[winner]:
        signed = histories[winner].signed(size)
        whole = Note(signed.text, (*signed.signatures, *note.parse(b"\n\n" + lines).signatures))
        assert list(check_cosignatures(whole, keys)) == keys


def test_a_failed_sync_ends_every_answer_but_503_until_a_restart(tmp_path):
    sign = tmp_path / "sign"
    data = tmp_path / "w"
    with started(data, program=(*BROKEN, sign)) as server, client(server) as http:
        assert post(http, HONEST.request(0, 7)).status_code == 200
        sign.write_text("fdatasync")
        for _ in range(3):
            answer = post(http, HONEST.request(7, 9))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert http.get("/readyz").status_code == 503
        assert "cosigns nothing more until a restart" in server.errors()
        kept = http.get(f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint").content
        assert note.parse(kept).text == HONEST.signed(7).text
    with started(data) as server, client(server) as http:
        answer = post(http, HONEST.request(1, 40))
        assert answer.status_code == 409
        size = add_checkpoint.parse_size_line(answer.content)
        assert size in (7, 9)
        assert post(http, OTHER.request(size, 40)).status_code == 422
        assert post(http, HONEST.request(size, 40)).status_code == 200


def test_requests_that_race_over_http_are_answered_one_after_the_other(tmp_path):
    with started(tmp_path / "w") as server:
        answers = []

        def race(new):
            with client(server) as http:
                answers.append((new, post(http, HONEST.request(0, new)).status_code))

        threads = [threading.Thread(target=race, args=(n,)) for n in range(1, 17)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(status for _, status in answers) == [200] + [409] * 15
        (won,) = [new for new, status in answers if status == 200]
        with client(server) as http:
            assert post(http, HONEST.request(0, 40)).text == f"{won}\n"


def run(data, *options):
    return subprocess.run(
        [WHEREFROM, "witness", "--data", data, "--port", "0", *options],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--log", VKEY), 2, "a new witness needs a name"),
        (("--name", "w"), 2, "which logs?"),
        (("--name", "two words", "--log", VKEY), 2, "not a witness's name"),
        (("--name", "w", "--log", "nonsense"), 2, "not a verifier key"),
        (("--name", "w", "--log", VKEY, "--tls-cert", "x"), 2, "go together"),
        (("--name", "w", "--log", VKEY, "--host", "256.1.1.1"), 3, "cannot listen"),
        (("--name", "w", "--policy", "none.policy"), 3, "none.policy"),
    ],
)
def test_a_witness_that_cannot_start_says_why_and_leaves_nothing_behind(
    tmp_path, options, code, message
):
    done = run(tmp_path / "w", *options)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert not (tmp_path / "w").exists()


def test_a_wrong_policy_is_named_by_file_and_line(tmp_path):
    policy = tmp_path / "policy"
    policy.write_text(f"log {VKEY}\nquorum nobody\n")
    done = run(tmp_path / "w", "--name", "w", "--policy", policy)
    assert done.returncode == 2
    assert f"{policy},line2" in "".join(done.stderr.split())


def test_the_logs_of_a_policy_are_cosigned_for_and_json_says_what_is_served(tmp_path):
    policy = tmp_path / "policy"
    policy.write_text(f"log {VKEY}\nquorum none\n")
    data = tmp_path / "w"
    with WitnessProcess(data, "--name", "w", "--policy", policy, "--json") as server:
        said = json.loads(server.line)
        assert (said["name"], said["logs"], said["vkeys"]) == ("w", [ORIGIN], server.vkeys())
        with client(server) as http:
            assert post(http, HONEST.request(0, 7)).status_code == 200
        second = run(data, "--log", VKEY)
        assert (second.returncode, second.stdout) == (3, "")
        assert "another process cosigns with this directory" in second.stderr
    for name in ("other", "w"):
        again = run(data, "--name", name, "--log", VKEY, "--host", "256.1.1.1")
        assert again.returncode == (2 if name == "other" else 3)


def test_a_copied_directory_is_refused_and_a_log_is_no_place_for_a_witness(tmp_path):
    with started(tmp_path / "w") as server, client(server) as http:
        assert post(http, HONEST.request(0, 7)).status_code == 200
    shutil.copytree(tmp_path / "w", tmp_path / "copy")
    done = run(tmp_path / "copy", "--log", VKEY)
    assert done.returncode == 1
    assert "a copy of a witness's directory" in done.stderr
    moved = WitnessProcess(tmp_path / "copy", "--log", VKEY, "--moved")
    with moved as server, client(server) as http:
        assert post(http, HONEST.request(0, 9)).text == "7\n"
    (tmp_path / "w" / "keys").unlink()
    assert "the keys of this witness are missing" in run(
        tmp_path / "w", "--name", "w", "--log", VKEY
    ).stderr.replace("\n  ", " ")
    (tmp_path / "log" / "journal").mkdir(parents=True)
    done = run(tmp_path / "log", "--name", "w", "--log", VKEY)
    assert done.returncode == 2
    assert "there is a log in this directory" in done.stderr

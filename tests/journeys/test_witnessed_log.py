"""A log with three real witnesses: what is shown while they live, die, lie and come back."""

import contextlib
import json
import shutil
import signal
import subprocess

from tests.served import WHEREFROM, ServerProcess, WitnessProcess, event_bytes, until
from tests.unit.formats.test_scitt import statement
from wherefrom.app import DataFolder, open_log
from wherefrom.formats import checkpoint, cose_receipt, note, tlog_proof
from wherefrom.formats.tlog_policy import parse as parse_policy
from wherefrom.keys.cosignatures import Cosigner
from wherefrom.keys.quorum import witnessed

ORIGIN = "log.example/witnessed"
NAMES = ("paris", "oslo", "quito")


def wherefrom(*arguments, code=0):
    done = subprocess.run(
        [WHEREFROM, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


class Estate:
    """A log's directory, three witnesses of it, and the policy that names them."""

    def __init__(self, folder, *, ml_dsa=()):
        self.data = folder / "log"
        DataFolder(self.data).create(origin=ORIGIN)
        self.vkey = DataFolder(self.data).log_vkey().to_text()
        self.policy = folder / "policy"
        self.witnesses = {
            name: WitnessProcess(
                folder / name, "--name", f"w.example/{name}", "--log", self.vkey,
                *(("--ml-dsa",) if name in ml_dsa else ()),
            )
            for name in NAMES
        }  # fmt: skip

    def __enter__(self):
        self._ends = contextlib.ExitStack()
        for server in self.witnesses.values():
            self._ends.enter_context(server)
        self.write_policy("group two 2 paris oslo quito\nquorum two\n")
        return self

    def __exit__(self, *_):
        self._ends.close()

    def write_policy(self, quorum, path=None):
        lines = [f"log {self.vkey}\n"]
        for name, server in self.witnesses.items():
            lines.append(f"witness {name} {server.vkeys()[-1]} {server.url}\n")
        path = path or self.policy
        path.write_text("".join(lines) + quorum)
        return path

    def kill(self, *names):
        for name in names:
            self.witnesses[name].process.send_signal(signal.SIGKILL)
            self.witnesses[name].process.wait()

    def restart(self, name):
        """On the port it had before, as the policy names it."""
        server = self.witnesses[name]
        port = server.url.rsplit(":", 1)[1]
        server._options = [*server._options[2:], "--port", port]
        server.process.stdout.close()
        server.start()

    def up(self, *options):
        return ServerProcess(self.data, "--policy", self.policy, *options)

    def read_policy(self):
        return parse_policy(self.policy.read_bytes())


def shown(http):
    """The published checkpoint: its size, and who cosigned it."""
    answer = http.get("/checkpoint")
    if answer.status_code == 503:
        assert answer.headers["retry-after"]
        return 0, None
    signed = note.parse(answer.content)
    return checkpoint.parse(signed.text).size, signed


def post(http, number, *, wait=True):
    query = "?wait=proof" if wait else ""
    return http.post(f"/v1/records{query}", content=event_bytes(number))


def test_receipts_and_evidence_carry_cosignatures_that_verify_offline(tmp_path):
    with Estate(tmp_path, ml_dsa=("oslo",)) as estate, estate.up() as server:
        with server.client() as http:
            item = post(http, 1).json()["items"][0]
            receipt = tmp_path / "r.tlog-proof"
            receipt.write_text(item["receipt"])
            signed = note.parse(tlog_proof.parse(receipt.read_bytes()).checkpoint)
            assert witnessed(signed, estate.read_policy()).reached
            until(lambda: len(witnessed(shown(http)[1], estate.read_policy()).by) == 3)
            assert http.get(f"/v1/receipts/{item['index']}").status_code == 200
            status = http.get("/v1/log").json()
            assert status["witnessed"]["by"] == ["paris", "oslo", "quito"]
            assert status["witnessed"]["of"] == 3
            assert status["witnessed"]["size"] == status["size"] == 2
            assert status["checkpoint"].encode() == http.get("/checkpoint").content
            assert "wherefrom_published_size 2.0" in http.get("/metrics").text
        said = wherefrom("log", "status", "--data", estate.data).stdout
        assert "witnessed    3 of 3 (paris, oslo, quito) at size 2" in said
        assert "quorum       2 of paris, oslo, quito (reached)" in said

        # With the policy alone: its log line says whose log it must be.
        verify = ("verify", receipt, "--offline", "--policy", estate.policy)
        steps = json.loads(wherefrom(*verify, "--json").stdout)["steps"]
        assert [s["name"] for s in steps] == ["checkpoint", "witnesses", "entry", "inclusion"]
        assert "of 3 witnesses: " in steps[1]["says"]
        wherefrom(*verify, "--log-key", estate.vkey)

        zipped = tmp_path / "trace.zip"
        wherefrom(
            "prove", "s3://bucket/clean/1", "--trace", "-o", zipped, "--data", estate.data
        )  # fmt: skip
        steps = json.loads(
            wherefrom("verify", zipped, "--offline", "--policy", estate.policy, "--json").stdout
        )["steps"]
        assert {"name": "witnesses", "ok": True}.items() <= steps[1].items()

        export = tmp_path / "export"
        wherefrom("log", "export", export, "--contents", "--data", estate.data)
        signed = note.parse((export / "checkpoint").read_bytes())
        assert witnessed(signed, estate.read_policy()).reached

    # The cosignatures of an export are no part of the log that is made of it again.
    again = tmp_path / "again"
    shutil.copytree(estate.data / "keys", again / "keys")
    wherefrom("log", "import", export, "--data", again)
    kept = note.parse(open_log(DataFolder(again)).checkpoint)
    assert [s.name for s in kept.signatures] == [ORIGIN]


def test_a_policy_that_is_not_reached_and_a_wrong_cosignature_are_a_clear_no(tmp_path):
    with Estate(tmp_path) as estate:
        estate.write_policy("quorum paris\n")
        estate.kill("oslo", "quito")
        with estate.up() as server, server.client() as http:
            receipt = post(http, 1).json()["items"][0]["receipt"]
    path = tmp_path / "r.tlog-proof"
    path.write_text(receipt)
    wherefrom("verify", path, "--offline", "--policy", estate.policy)
    both = estate.write_policy("group g all paris oslo\nquorum g\n", tmp_path / "both")
    said = wherefrom("verify", path, "--offline", "--policy", both, "--json", code=1).stdout
    step = json.loads(said)["steps"][-1]
    assert (step["name"], step["ok"]) == ("witnesses", False)
    assert "got 1 of 3: paris" in step["says"]
    # A stranger's line is passed over; a changed one of a witness that is known is not.
    signed = receipt.splitlines()
    stranger = signed[-1].replace("w.example/paris", "w.example/stranger")
    path.write_text(receipt + stranger + "\n")
    wherefrom("verify", path, "--offline", "--policy", estate.policy)
    middle = len(signed[-1]) // 2
    changed = signed[-1][:middle] + ("A" if signed[-1][middle] != "A" else "B")
    path.write_text("\n".join([*signed[:-1], changed + signed[-1][middle + 1 :]]) + "\n")
    said = wherefrom("verify", path, "--offline", "--policy", estate.policy, code=1).stdout
    assert "w.example/paris did not sign this note" in " ".join(said.split())
    # Who does not ask for witnesses is told nothing of them.
    wherefrom("verify", path, "--offline", "--log-key", estate.vkey)
    said = wherefrom("verify", path, "--offline", code=2).stderr
    assert "--offline needs --log-key or --policy" in said


def test_a_closed_log_without_its_quorum_takes_records_and_shows_nothing_of_them(tmp_path):
    options = ("--witness-deadline", "0.7")
    with Estate(tmp_path) as estate, estate.up(*options) as server, server.client() as http:
        assert post(http, 1).status_code == 201
        estate.kill("paris", "oslo")
        before = shown(http)[0]
        assert post(http, 2, wait=False).status_code == 201
        answer = post(http, 3)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["code"] == "unavailable"
        assert "Nothing is lost" in answer.json()["detail"]
        assert shown(http)[0] == before == 2
        assert http.get("/v1/log").json()["size"] == 4
        assert http.get("/v1/records/3").status_code == 200
        late = http.get("/v1/receipts/3")
        assert (late.status_code, late.headers["retry-after"]) == (503, "1")
        assert http.get("/v1/receipts/1").status_code == 200
        assert http.get("/v1/receipts/99").status_code == 404
        assert http.get("/v1/prove/entry:3").status_code == 503
        until(lambda: "not published: 1 of 3" in server.errors())
        estate.restart("oslo")
        until(lambda: shown(http)[0] == 4)
        item = post(http, 3).json()["items"][0]
        assert (item["status"], item["index"]) == ("known", 3)
        assert tlog_proof.parse(item["receipt"].encode()).index == 3
        assert http.get("/v1/receipts/3").status_code == 200


def test_an_open_log_shows_at_the_deadline_what_it_has(tmp_path):
    options = ("--witness-deadline", "0.4", "--fail-open")
    with Estate(tmp_path) as estate:
        estate.kill("paris", "oslo")
        with estate.up(*options) as server, server.client() as http:
            item = post(http, 1).json()["items"][0]
            signed = note.parse(tlog_proof.parse(item["receipt"].encode()).checkpoint)
            found = witnessed(signed, estate.read_policy())
            assert (found.by, found.reached) == (["quito"], False)
            assert http.get("/v1/log").json()["witnessed"]["reached"] is False


def test_what_a_killed_log_has_shown_is_still_shown_and_only_grows(tmp_path):
    with Estate(tmp_path) as estate:
        server = estate.up("--witness-deadline", "5")
        seen, number = [], 0
        for _ in range(4):
            with server:
                with server.client() as http:
                    until(lambda http=http: shown(http)[1] is not None)
                    assert shown(http)[0] >= max(seen, default=0)
                    for _ in range(3):
                        number += 1
                        post(http, number)
                        seen.append(shown(http)[0])
                server.kill()
        assert seen == sorted(seen)
    assert len(set(seen)) > 6


def test_an_old_copy_of_a_log_gets_no_cosignature_for_another_history(tmp_path):
    with Estate(tmp_path) as estate:
        with estate.up() as server, server.client() as http:
            post(http, 1)
        shutil.copytree(estate.data, tmp_path / "old")
        with estate.up() as server, server.client() as http:
            for number in range(2, 6):
                post(http, number)
        older = tmp_path / "old"
        extends = tmp_path / "checkpoint"
        extends.write_bytes((older / "published").read_bytes())
        copy = ServerProcess(older, "--extends", extends, "--witness-deadline", "0.5")
        with copy as server, server.client() as http:
            assert post(http, 77, wait=False).status_code == 201
            assert post(http, 78).status_code == 503
            until(lambda: "An old copy of the log is being served" in server.errors())
            assert shown(http)[0] == 2


def test_a_policy_that_cannot_be_is_refused_before_anything_is_served(tmp_path):
    data = tmp_path / "log"
    DataFolder(data).create(origin=ORIGIN)
    vkey = DataFolder(data).log_vkey().to_text()
    wherefrom("up", "--data", data, "--port", "0", "--fail-open", code=2)
    other = "example.com/log+1dde4531+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
    witness = Cosigner("w.example/p", 0x04, bytes(32)).verifier_key.to_text()
    for text, message in (
        ("quorum nobody\n", "line 1"),
        (f"log {vkey.replace(ORIGIN, 'x')}\nquorum none\n", "key id is not that"),
        (f"log {other}\nquorum none\n", "the policy is of other logs"),
        (f"witness p {witness}\nquorum p\n", "whose witnesses have no address"),
    ):  # fmt: skip
        (tmp_path / "policy").write_text(text)
        done = wherefrom(
            "up", "--data", data, "--port", "0", "--policy", tmp_path / "policy", code=2
        )
        assert message in done.stderr.replace("\n            ", "")
        assert not (data / "witness.policy").exists()


def test_a_statement_is_registered_before_its_witnesses_and_its_receipt_comes_with_them(tmp_path):
    options = ("--witness-deadline", "0.4")
    with Estate(tmp_path) as estate, estate.up(*options) as server, server.client() as http:
        headers = {"content-type": "application/cose"}
        until(lambda: shown(http)[0] == 1)
        estate.kill("paris", "oslo")
        answer = http.post("/entries", content=statement(), headers=headers)
        assert (answer.status_code, answer.content) == (303, b"")
        location = answer.headers["location"]
        assert (location, answer.headers["retry-after"]) == ("/entries/1", "1")
        late = http.get(location)
        assert (late.status_code, late.headers["location"]) == (302, location)
        assert http.get(location + "/statement").status_code == 503
        estate.restart("oslo")
        until(lambda: http.get(location).status_code == 200)
        receipt = cose_receipt.parse(http.get(location).content)
        assert (receipt.proof.index, receipt.proof.tree_size) == (1, 2)
        assert http.post("/entries", content=statement(), headers=headers).status_code == 201

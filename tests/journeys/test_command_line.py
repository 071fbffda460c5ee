"""The command line as others meet it: real processes, a real server, the same answers both ways.

record ──► find ──► trace ──► prove ──► verify, with the key alone        on a directory
  the same verbs                                                         and on a server
"""

import gzip
import hashlib
import json
import os
import subprocess

import pytest

from tests.paths import DATA
from tests.served import WHEREFROM, ServerProcess

K8S = DATA / "supply" / "guac-data" / "docs" / "slsa" / "kube-slsa-v1.25.1.json"
SPDX = DATA / "supply" / "guac-data" / "docs" / "spdx"
CADDY = DATA / "supply/guac-data/docs/cyclonedx/syft-cyclonedx-docker.io-library-caddy.latest.json"
KUBECTL = "sha256:3d69f5a4d0135ac39464d5d73ad9d2775917ba125ba4afb30f3775c984788c79"
COMMIT = "gitCommit:9ea33a8d02b38a2ac996f4328e7b1449f2cbc888"
BUILDER = "https://git.k8s.io/release/docs/krel"
ANTLR = "pkg:golang/github.com/antlr/antlr4/runtime/{}/antlr"
BROKEN = {"README", "escaped.json", "events.jsonl"}
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("WHEREFROM_")}


class Ran:
    """A finished command."""

    def __init__(self, *arguments, cwd=None, stdin=b"", env=None):
        self.arguments = [str(a) for a in arguments]
        done = subprocess.run(
            [WHEREFROM, *self.arguments], input=stdin, capture_output=True, timeout=120, cwd=cwd,
            env={**CLEAN, "COLUMNS": "100", **(env or {})},
        )  # fmt: skip
        self.code, self.written = done.returncode, done.stdout
        self.out, self.err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in self.err, self.err

    @property
    def json(self):
        return json.loads(self.written)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder of real records, broken ones and other things, plain and packed."""
    folder = tmp_path_factory.mktemp("inputs")
    paths = sorted((DATA / "lineage/ol-compat/consumer-scenarios/airflow/events").glob("*.json"))
    lines = [json.dumps(json.loads(path.read_bytes())) for path in paths]
    assert len(lines) == 32
    (folder / "events.jsonl").write_text("\n".join([*lines[:20], "{broken", *lines[20:]]) + "\n")
    (folder / "array.json").write_text("[" + ",\n ".join(lines[:5]) + "]\n")
    (folder / "kube.json.gz").write_bytes(gzip.compress(K8S.read_bytes(), mtime=0))
    (folder / "sboms").mkdir()
    for path in [*SPDX.glob("*v1.25.2*"), CADDY]:
        (folder / "sboms" / path.name).write_bytes(path.read_bytes())
    (folder / "README").write_text("not a record\n")
    (folder / "escaped.json").write_text('{"a": 1}]')
    return folder


@pytest.fixture(scope="module")
def place(inputs, tmp_path_factory):
    """A directory with those inputs, and a server with the same; as ``--data`` and ``--server``."""
    folder = tmp_path_factory.mktemp("places")
    local = Ran("record", inputs, "--json", "--data", folder / "local")
    with ServerProcess(folder / "served") as server:
        asks = {"WHEREFROM_URL": server.url, "WHEREFROM_TOKEN": server.token}
        remote = Ran("record", inputs, "--json", env=asks)
        yield {
            "folder": folder, "local": folder / "local", "server": server, "asks": asks,
            "recorded": (local, remote),
        }  # fmt: skip


def test_a_directory_and_a_server_say_the_same_of_every_record(place):
    local, remote = place["recorded"]
    assert (local.code, remote.code) == (1, 1)
    unsalted = [
        [{k: v for k, v in item.items() if k != "content"} for item in ran.json["items"]]
        for ran in (local, remote)
    ]
    assert unsalted[0] == unsalted[1]
    counts = {k: local.json[k] for k in ("recorded", "known", "refused")}
    assert counts == {k: remote.json[k] for k in counts}
    refused = {item["source"] for item in local.json["items"] if item["status"] == "refused"}
    assert {os.path.basename(name) for name in refused} == BROKEN
    assert local.json["known"] > 0, "the array repeats some of the lines"


def unsalted(answer):
    """An answer without what differs from log to log: origin, root, times of arrival."""
    if isinstance(answer, dict):
        dropped = ("origin", "root", "received", "vkey", "checkpoint", "from_entry", "since")
        return {k: unsalted(v) for k, v in answer.items() if k not in dropped}
    return [unsalted(v) for v in answer] if isinstance(answer, list) else answer


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        (["trace", KUBECTL], 0),
        (["trace", KUBECTL, "--depth", "1"], 0),
        (["trace", "--down", ANTLR.format("go")], 0),
        (["trace", KUBECTL, "--as-of", "1"], 1),
        (["trace", "--path", KUBECTL, COMMIT], 0),
        (["show", COMMIT], 0),
        (["find", "kubectl"], 0),
        (["find", "a/b c?d#e%41"], 1),
        (["show", "pkg:deb/debian/nothing@1?arch=%2F&x"], 1),
        (["trace", "kubectl"], 2),
        (["log", "status"], 0),
        (["keys", "list"], 0),
        (["keys", "list", "--as-of", "1"], 0),
        (["keys", "list", "--as-of", "9999"], 1),
        (["policy", "status", "--at", "2026-01-01"], 0),
        (["policy", "status", "--as-of", "1", "--at", "2026-01-01"], 0),
        (["policy", "status", "--as-of", "9999"], 1),
        (["trace", "no such thing"], 1),
    ],
)
def test_a_question_has_the_same_answer_both_ways(place, verb, code):
    local = Ran(*verb, "--json", "--data", place["local"])
    remote = Ran(*verb, "--json", env=place["asks"])
    assert (local.code, remote.code) == (code, code), local.err + remote.err
    assert local.err == remote.err
    if local.written:
        assert unsalted(local.json) == unsalted(remote.json)


def test_a_release_binary_leads_to_its_commit_and_builder(place):
    said = Ran("trace", KUBECTL, "--json", "--data", place["local"]).json
    assert {COMMIT, BUILDER} <= {n["id"] for n in said["nodes"]}
    assert {"generated_by", "used", "associated_with"} <= {e["relation"] for e in said["edges"]}
    text = Ran("trace", KUBECTL[:20], "--data", place["local"]).out
    assert f"used → {COMMIT[:22]} " in text
    assert f"associated_with → builder {BUILDER} " in text
    assert max(map(len, text.splitlines())) <= 100


def test_both_spellings_of_a_package_are_one_thing(place):
    answers = [
        Ran("trace", "--down", ANTLR.format(name), "--json", "--data", place["local"]).json
        for name in ("Go", "go", "GO")
    ]
    assert answers[0]["edges"]
    assert answers[0] == answers[1] == answers[2]
    images = {n["name"] for n in answers[0]["nodes"]}
    assert {"docker.io/library/caddy:latest", "k8s.gcr.io/kube-apiserver-v1.25.2"} <= images


@pytest.mark.parametrize("asked", ["entry", "trace"])
def test_evidence_from_a_server_is_checked_with_its_key_and_nothing_else(place, tmp_path, asked):
    name = "e.tlog-proof" if asked == "entry" else "e.zip"
    options = ["--trace"] if asked == "trace" else []
    assert Ran("prove", KUBECTL, *options, "-o", name, cwd=tmp_path, env=place["asks"]).code == 0
    (tmp_path / "vkey").write_text(Ran("log", "status", "--json", env=place["asks"]).json["vkey"])
    ran = Ran("verify", name, "--offline", "--log-key", "vkey", "--json", cwd=tmp_path)
    assert (ran.code, ran.json["result"]) == (0, "proven")
    written = bytearray((tmp_path / name).read_bytes())
    written[len(written) // 2] ^= 1
    (tmp_path / name).write_bytes(written)
    assert Ran("verify", name, "--offline", "--log-key", "vkey", cwd=tmp_path).code == 1


def test_writing_to_a_directory_that_is_served_goes_through_its_server(place, tmp_path):
    data, server = place["folder"] / "served", place["server"]
    (tmp_path / "app").write_bytes(b"app")
    Ran("keys", "new", "alice", cwd=tmp_path)
    signing = ["sign", "app", "--key", "alice.key", "--predicate-type", "https://example.com/x"]
    assert Ran(*signing, "-o", "said.json", cwd=tmp_path).code == 0
    recorded = Ran("record", "said.json", "--json", "--data", data, cwd=tmp_path)
    (item,) = recorded.json["items"]
    assert (recorded.code, item["status"]) == (0, "recorded")
    with server.client() as client:
        entry = client.get(f"/v1/records/{item['index']}").json()["entry"]
    assert entry["producer"].startswith("p:"), "the administrator's token, not local:<uid>"
    # What was written through the server is found at once, read from the directory or not.
    shown = Ran("show", "./app", "--json", "--data", data, cwd=tmp_path)
    assert shown.json["matches"][0]["entries"] == [item["index"]]
    assert Ran("keys", "trust", "alice.pub", "--data", data, cwd=tmp_path).code == 0
    assert Ran("verify", "app", "--data", data, cwd=tmp_path).code == 0
    assert Ran("erase", item["index"], "--reason", "x", "--data", data).code == 0
    digest = "sha256:" + hashlib.sha256(b"app").hexdigest()
    assert Ran("show", digest, env=place["asks"]).code == 1
    assert Ran("log", "audit", "--data", data).code == 0
    assert Ran("views", "rebuild", "--data", data).code == 3


def test_a_token_may_do_what_its_roles_say(place):
    data, url = place["folder"] / "served", place["server"].url
    sender = Ran("tokens", "new", "sender", "--role", "record", "--json", "--data", data).json
    asks = {"WHEREFROM_URL": url, "WHEREFROM_TOKEN": sender["token"]}
    statement = {
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/t",
        "subject": [{"name": "t", "digest": {"sha256": "7" * 64}}], "predicate": {},
    }  # fmt: skip
    assert Ran("record", "-", stdin=json.dumps(statement).encode(), env=asks).code == 0
    refused = Ran("trace", KUBECTL, "--json", env=asks)
    assert (refused.code, json.loads(refused.err)["code"]) == (1, "not_allowed")
    assert Ran("tokens", "revoke", sender["id"], "--data", data).code == 0
    gone = Ran("trace", KUBECTL, "--json", env=asks)
    assert (gone.code, json.loads(gone.err)["code"]) == (2, "setting")
    assert "WHEREFROM_TOKEN" in gone.err


def test_commands_on_one_directory_wait_for_each_other(tmp_path):
    started = [
        subprocess.Popen(
            [WHEREFROM, "record", path, "--json", "--data", tmp_path / "d"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=CLEAN,
        )
        for path in (K8S, CADDY) * 2
    ]
    results = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 4, results
    items = [json.loads(out)["items"][0] for out, _ in results]
    assert sorted(item["index"] for item in items) == [1, 1, 2, 2]
    assert sorted(item["status"] for item in items) == ["known"] * 2 + ["recorded"] * 2
    assert Ran("log", "audit", "--data", tmp_path / "d").code == 0


def test_a_slow_input_keeps_nobody_else_out(tmp_path):
    slow = subprocess.Popen(
        [WHEREFROM, "record", "-", "--json", "--data", tmp_path / "d"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=CLEAN,
    )
    assert Ran("record", K8S, "--data", tmp_path / "d").code == 0
    out, err = slow.communicate(CADDY.read_bytes(), timeout=60)
    assert (slow.returncode, json.loads(out)["items"][0]["index"]) == (0, 2), err


def test_a_server_that_is_gone_is_told(place):
    ran = Ran("trace", "x", "--server", "http://127.0.0.1:1", "--json")
    assert (ran.code, json.loads(ran.err)["code"]) == (3, "unavailable")


def test_a_reader_that_stops_reading_is_no_error(place):
    command = f"'{WHEREFROM}' find kube --json --data '{place['local']}' | head -c 10"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, timeout=60, env=CLEAN
    )
    assert (done.returncode, done.stderr) == (0, b"")

"""Two organisations, two real logs: one follows the other, unbelieving, and traces through both."""

import json
import subprocess

from tests.folders import sha256_of
from tests.served import WHEREFROM, ServerProcess, WitnessProcess, until
from wherefrom.app import DataFolder
from wherefrom.cli.exits import NO
from wherefrom.formats import checkpoint, note


def wherefrom(*arguments, code=0):
    done = subprocess.run(
        [WHEREFROM, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def said(*arguments, code=0):
    return json.loads(wherefrom(*arguments, "--json", code=code).stdout)


def built(name, *materials, commit=None, builder="https://ci.example/builder"):
    """Provenance: ``name`` was built from these artifacts, or from a commit."""
    used = [
        {"uri": f"pkg:generic/{m}", "digest": {"sha256": sha256_of(m).removeprefix("sha256:")}}
        for m in materials
    ]
    if commit is not None:
        used.append({"uri": "git+https://git.example/r", "digest": {"gitCommit": commit}})
    return json.dumps({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": sha256_of(name).removeprefix("sha256:")}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://ci.example/build/v1",
                "externalParameters": {},
                "resolvedDependencies": used,
            },
            "runDetails": {
                "builder": {"id": builder},
                "metadata": {"invocationId": f"https://ci.example/runs/{name}"},
            },
        },
    })  # fmt: skip


def post(server, *contents):
    with server.client() as http:
        for content in contents:
            assert http.post("/v1/records", content=content).status_code == 201


COMMIT = "c" * 40


def follow(here, there, data, *, code=0):
    """``here`` follows ``there``, with a token that may read."""
    token = wherefrom("tokens", "new", "reader", "--role", "read", "--data", there.data, "--json")
    path = here.data.parent / "reader.token"
    path.write_text(json.loads(token.stdout)["token"])
    key = DataFolder(there.data).log_vkey().to_text()
    return said("federate", "add", there.url, key, "--token-file", path, "--data", data, code=code)


def test_a_trace_goes_through_the_other_log_and_every_link_says_whose_word_it_is(tmp_path):
    ours, theirs = tmp_path / "a" / "log", tmp_path / "b" / "log"
    ours.parent.mkdir(), theirs.parent.mkdir()
    with ServerProcess(theirs) as b, ServerProcess(ours) as a:
        post(b, built("library", commit=COMMIT, builder="https://other.example/builder"))
        post(a, built("app", "library"))
        origin = DataFolder(theirs).origin
        before = said("trace", sha256_of("app"), "--data", ours)
        assert "logs" not in before
        assert not any("log" in edge for edge in before["edges"])
        (told,) = follow(a, b, ours)["logs"]
        assert (told["origin"], told["size"], told["trouble"]) == (origin, 2, "")

        def through():
            answer = said("trace", sha256_of("app"), "--data", ours)
            return answer if any(e.get("log") for e in answer["edges"]) else None

        answer = until(through)
        found = {(e["to"], e.get("log", "")) for e in answer["edges"]}
        assert (f"gitCommit:{COMMIT}", origin) in found
        assert {e.get("log") for e in answer["edges"] if e["from"] == sha256_of("app")} == {None}
        assert answer["log"]["origin"] == DataFolder(ours).origin
        (other,) = answer["logs"]
        assert (other["origin"], other["size"]) == (origin, 2)
        assert other["edges"] == sum(e.get("log") == origin for e in answer["edges"])
        depths = {n["id"]: n["depth"] for n in answer["nodes"]}
        there = said("trace", sha256_of("library"), "--data", theirs)["nodes"]
        (beyond,) = [n["depth"] for n in there if n["id"] == f"gitCommit:{COMMIT}"]
        assert depths[f"gitCommit:{COMMIT}"] == depths[sha256_of("library")] + beyond
        # Only our own word, if that is asked for.
        alone = said("trace", sha256_of("app"), "--own", "--data", ours)
        assert alone == before | {k: alone[k] for k in ("log", "as_of")}
        # What only the other log knows is found too.
        post(b, built("only-theirs", commit="d" * 40))
        said("federate", "sync", "--data", ours)
        until(lambda: any(
            e["to"] == "gitCommit:" + "d" * 40
            for e in json.loads(wherefrom("trace", sha256_of("only-theirs"), "--json",
                                          "--data", ours).stdout)["edges"]
        ))  # fmt: skip
        shown = wherefrom("trace", sha256_of("app"), "--data", ours).stdout
        assert f"and  {origin}" in shown
        # And down, from their commit to what we made of it.
        down = said("trace", COMMIT, "--down", "--data", ours)
        assert sha256_of("app") in {n["id"] for n in down["nodes"]}
    # Without any server, the copy and what it proves are still there.
    answer = said("trace", sha256_of("app"), "--data", ours)
    assert (f"gitCommit:{COMMIT}", origin) in {(e["to"], e.get("log", "")) for e in answer["edges"]}
    assert said("federate", "sync", "--data", ours, code=NO)["logs"][0]["trouble"]
    assert said("federate", "list", "--data", ours, code=NO)["logs"][0]["size"] == 3
    said("federate", "remove", origin, "--data", ours)
    assert said("trace", sha256_of("app"), "--data", ours)["edges"] == before["edges"]


def test_a_copy_proves_under_the_others_key_and_nobody_else_writes_or_signs_there(tmp_path):
    ours, theirs = tmp_path / "a" / "log", tmp_path / "b" / "log"
    ours.parent.mkdir(), theirs.parent.mkdir()
    with ServerProcess(theirs) as b, ServerProcess(ours) as a:
        post(b, built("library", commit=COMMIT))
        post(a, built("app", "library"))
        follow(a, b, ours)
        key = DataFolder(theirs).log_vkey().to_text()
    copy = next((ours / "federated").iterdir())
    library, proof = sha256_of("library"), tmp_path / "p"
    for extra in ((), ("--content",), ("--trace",)):
        proof.unlink(missing_ok=True)
        wherefrom("prove", library, *extra, "-o", proof, "--data", copy)
        wherefrom("verify", proof, "--offline", "--log-key", key)
        own = DataFolder(ours).log_vkey().to_text()
        wherefrom("verify", proof, "--offline", "--log-key", own, code=NO)
    assert said("log", "status", "--data", copy)["vkey"] == key
    record = tmp_path / "record.json"
    record.write_text(built("new"))
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    for refused in (
        ("record", record), ("erase", "1", "--reason", "x"), ("up", "--port", "0"),
        ("log", "rotate"), ("log", "recover"), ("log", "audit"), ("keys", "retire", "k:00"),
        ("federate", "add", "http://127.0.0.1:9", own),
    ):  # fmt: skip
        assert "the copy of a log" in wherefrom(*refused, "--data", copy, code=NO).stderr
    for signs in (("prove", library, "--format", "cose", "-o", tmp_path / "c"),):
        assert "only those who keep" in wherefrom(*signs, "--data", copy, code=NO).stderr
    after = {p: p.read_bytes() for p in before}
    assert {p.name for p in before if before[p] != after[p]} <= {"lock", "views.lock"}


def test_a_copy_that_is_damaged_is_listed_beside_the_others(tmp_path):
    ours, theirs = tmp_path / "a" / "log", tmp_path / "b" / "log"
    ours.parent.mkdir(), theirs.parent.mkdir()
    with ServerProcess(theirs) as b, ServerProcess(ours) as a:
        post(b, built("library", commit=COMMIT))
        post(a, built("app", "library"))
        follow(a, b, ours)
        copy = next((ours / "federated").iterdir())
        broken = copy.with_name("b" * 32)
        subprocess.run(["cp", "-a", copy, broken], check=True)
        (broken / "follow.json").write_text("{")
        for verb in ("list", "sync"):
            good, bad = sorted(
                said("federate", verb, "--data", ours, code=NO)["logs"],
                key=lambda log: -log["size"],
            )
            assert (good["size"], good["trouble"]) == (2, "")
            assert "remove, then add" in bad["trouble"]
        answer = said("trace", sha256_of("app"), "--data", ours)
        assert {e.get("log") for e in answer["edges"]} == {None, DataFolder(theirs).origin}


def test_what_the_other_erased_is_gone_here_too(tmp_path):
    ours, theirs = tmp_path / "a" / "log", tmp_path / "b" / "log"
    ours.parent.mkdir(), theirs.parent.mkdir()
    with ServerProcess(theirs) as b, ServerProcess(ours) as a:
        post(b, built("library", commit=COMMIT))
        post(a, built("app", "library"))
        follow(a, b, ours)
        copy = next((ours / "federated").iterdir())
        secret = sha256_of("library").removeprefix("sha256:").encode()
        assert any(secret in p.read_bytes() for p in copy.rglob("*.wfj"))
        wherefrom("erase", "1", "--reason", "a mistake", "--data", theirs)
        said("federate", "sync", "--data", ours)
        assert not any(secret in p.read_bytes() for p in copy.rglob("*.wfj"))
        answer = said("trace", sha256_of("app"), "--data", ours)
        assert not any(e.get("log") for e in answer["edges"])


def test_a_server_follows_by_itself(tmp_path):
    ours, theirs = tmp_path / "a" / "log", tmp_path / "b" / "log"
    ours.parent.mkdir(), theirs.parent.mkdir()
    with ServerProcess(theirs) as b:
        post(b, built("library", commit=COMMIT))
        with ServerProcess(ours) as a:
            follow(a, b, ours)
        post(b, built("second", commit="e" * 40))
        with ServerProcess(ours):  # it looks when it starts
            until(lambda: said("federate", "list", "--data", ours)["logs"][0]["size"] == 3)


def test_a_log_that_forks_is_told_and_followed_no_further(tmp_path):
    ours, theirs = tmp_path / "a" / "log", tmp_path / "b" / "log"
    ours.parent.mkdir(), theirs.parent.mkdir()
    with ServerProcess(theirs) as b, ServerProcess(ours) as a:
        post(b, built("library", commit=COMMIT))
        with b.client() as http:
            (tmp_path / "early").write_bytes(http.get("/checkpoint").content)
    old = tmp_path / "b" / "old"
    subprocess.run(["cp", "-a", theirs, old], check=True)
    port = b.url.rsplit(":", 1)[1]
    with ServerProcess(theirs, "--port", port) as b, ServerProcess(ours) as a:
        post(b, built("second", commit="e" * 40), built("third", commit="f" * 40))
        follow(a, b, ours)
    with ServerProcess(old, "--port", port, "--extends", tmp_path / "early") as b:
        post(b, *(built(f"other{n}", commit="a" * 40) for n in range(5)))
        (told,) = said("federate", "sync", "--data", ours, code=NO)["logs"]
        assert told["forked"] is True
        assert "fork" in told["trouble"]
        assert (told["size"], told["held"]) == (4, 4)
        assert "fork" in wherefrom("federate", "list", "--data", ours, code=NO).stdout
    answer = said("trace", sha256_of("second"), "--data", ours)
    assert any("is not followed now: fork" in note for note in answer["notes"])
    # For ever, until somebody looks at it.
    with ServerProcess(theirs, "--port", port):
        assert said("federate", "sync", "--data", ours, code=NO)["logs"][0]["forked"] is True


def test_two_organisations_witness_each_other_and_neither_can_fork_alone(tmp_path):
    """Each runs a witness of the other's log, and publishes nothing that the other did not see."""
    logs = {name: tmp_path / name / "log" for name in "ab"}
    for name, data in logs.items():
        data.parent.mkdir()
        DataFolder(data).create(origin=f"{name}.example/log")
    keys = {name: DataFolder(data).log_vkey().to_text() for name, data in logs.items()}
    with (
        WitnessProcess(tmp_path / "a" / "w", "--name", "a.example/w", "--log", keys["b"]) as of_b,
        WitnessProcess(tmp_path / "b" / "w", "--name", "b.example/w", "--log", keys["a"]) as of_a,
    ):
        for name, witness in (("a", of_a), ("b", of_b)):
            (tmp_path / f"{name}.policy").write_text(
                f"log {keys[name]}\nwitness other {witness.vkeys()[-1]} {witness.url}\n"
                "quorum other\n"
            )
        policy = {name: ("--policy", tmp_path / f"{name}.policy") for name in "ab"}
        with (
            ServerProcess(logs["a"], *policy["a"]) as a,
            ServerProcess(logs["b"], *policy["b"]) as b,
        ):
            for server, other in ((a, of_a), (b, of_b)):
                with server.client() as http:
                    content = built("first", commit=COMMIT)
                    answer = http.post("/v1/records?wait=proof", content=content).json()
                    assert other.vkeys()[-1].split("+")[0] in answer["items"][0]["receipt"]
                    (tmp_path / f"early-{server.url[-5:]}").write_bytes(
                        http.get("/checkpoint").content
                    )
            early = tmp_path / f"early-{a.url[-5:]}"
        # a puts an old copy of its log in its place and goes on with another history.
        subprocess.run(["cp", "-a", logs["a"], tmp_path / "old"], check=True)
        with ServerProcess(logs["a"]) as a, a.client() as http:
            assert http.post("/v1/records?wait=proof", content=built("x")).status_code == 201
        with ServerProcess(tmp_path / "old", "--extends", early) as fork, fork.client() as http:
            answer = http.post("/v1/records?wait=proof", content=built("y"))
            assert answer.status_code == 503
            shown = note.parse(http.get("/checkpoint").content)
            assert checkpoint.parse(shown.text).size == 2
            assert "refuses to cosign" in fork.errors()

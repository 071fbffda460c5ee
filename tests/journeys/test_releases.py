"""Releases of a real repository, from CI to the log: what they are made of, and how they differ."""

import json
import os
import re
import subprocess
from itertools import pairwise

import pytest

from tests.folders import BUILDER, STRANGER, envelope
from tests.paths import DATA
from tests.unit.cli.running import run
from wherefrom.capture.identity import _CI, _CI_COMMIT, VARIABLES
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.release import Artifact, ChangeSet, Code, Commit, Release, to_statement

A, B, C, D = ("sha256:" + letter * 64 for letter in "abcd")
HISTORY = DATA / "runtime" / "microservices-demo-release-history"
IMAGE = "ghcr.io/acme/cart"
REPOSITORY = "git+https://github.com/acme/cart"


@pytest.fixture(autouse=True)
def _no_ci(monkeypatch):
    for name in (*_CI, *_CI_COMMIT, *VARIABLES):
        monkeypatch.delenv(name, raising=False)


def git(folder, *arguments):
    done = subprocess.run(
        ["git", "-C", folder, "-c", "user.name=Ann Doe", "-c", "user.email=ann@example.org",
         *arguments], capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def commit(folder, message, **files):
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "clone"
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    git(folder, "remote", "add", "origin", "https://ann:secret@GitHub.com/acme/cart.git")
    commit(folder, "First", go_sum="github.com/a/b v1.0.0 h1:x=\ngithub.com/a/c v1.0.0 h1:x=\n")
    return folder


@pytest.fixture
def key(tmp_path):
    assert run("keys", "new", "ops", "-o", tmp_path).code == 0
    return tmp_path / "ops.key"


@pytest.fixture
def release(tmp_path, clone, key):
    def released(version, *options, code=0):
        done = run("release", "cart", version, "--key", key, "--folder", clone, *options, "--json",
                   data=tmp_path / "data")  # fmt: skip
        assert done.code == code, done.out + done.err
        return done.json if done.written else None

    return released


def asked(tmp_path, *arguments):
    done = run("release", *arguments, "--json", data=tmp_path / "data")
    assert done.code == 0, done.out + done.err
    return done.json


def test_what_ci_and_git_show_is_found_and_what_nobody_says_is_told(
    tmp_path, clone, release, monkeypatch
):
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "acme/cart")
    monkeypatch.setenv("WHEREFROM_ARTIFACT", f"{IMAGE}:1.0@{A}")
    told = release("1.0")
    head = git(clone, "rev-parse", "HEAD")
    said = told["release"]
    assert said["code"] == {"commit": head, "repository": REPOSITORY}
    assert said["artifacts"] == [{"name": IMAGE, "digest": A}]
    (lock,) = said["dependencies"]["locks"]
    assert (lock["name"], lock["digest"]) == (
        "go.sum", sha256_id((clone / "go.sum").read_bytes()),
    )  # fmt: skip
    assert lock["packages"] == [
        "pkg:golang/github.com/a/b@v1.0.0",
        "pkg:golang/github.com/a/c@v1.0.0",
    ]
    assert said["build"] == "https://github.com/acme/cart/actions/runs/7"
    assert told["found_in"] == {
        "code": "git", "artifacts": "WHEREFROM_ARTIFACT", "dependencies": "folder", "build": "CI",
    }  # fmt: skip
    assert {one["part"] for one in told["missing"]} == {
        "base", "config", "policy", "flags", "rollout", "previous", "changes",
    }  # fmt: skip
    monkeypatch.setenv("GITHUB_SHA", "9" * 40)
    again = release("1.1", "--commit", "HEAD", "--build", "https://ci.example/8")
    assert again["release"]["code"]["commit"] == head
    assert again["release"]["build"] == "https://ci.example/8"
    assert release("1.2", "--previous", "1.1")["release"]["code"]["commit"] == "9" * 40


def test_what_the_build_says_by_name_comes_before_what_ci_and_the_log_say(
    tmp_path, release, monkeypatch
):
    run("change", "set", "config", "cart", B, "-e", "prod", data=tmp_path / "data")
    for name, value in (
        ("ARTIFACT", A), ("COMMIT", "7" * 40), ("BUILD", "https://ci.example/1"),
        ("CONFIG_BUNDLE", C), ("ENVIRONMENT", "prod"), ("REGION", "eu"),
    ):  # fmt: skip
        monkeypatch.setenv(f"WHEREFROM_{name}", value)
    monkeypatch.setenv("CI_COMMIT_SHA", "8" * 40)
    monkeypatch.setenv("CI_JOB_URL", "https://ci.example/2")
    told = release("1.0")
    said = told["release"]
    assert said["artifacts"] == [{"name": "cart", "digest": A}]
    assert (said["code"]["commit"], said["build"]) == ("7" * 40, "https://ci.example/1")
    assert (said["config"], said["rollout"]) == ([C], {"environment": "prod", "region": "eu"})
    assert told["found_in"]["rollout"] == "WHEREFROM_ENVIRONMENT WHEREFROM_REGION"
    assert told["found_in"]["config"] == "WHEREFROM_CONFIG_BUNDLE"
    monkeypatch.delenv("WHEREFROM_CONFIG_BUNDLE")
    assert release("1.1", "--region", "us")["release"]["config"] == [B]
    assert release("1.2", "-e", "test")["release"]["rollout"]["environment"] == "test"
    monkeypatch.setenv("WHEREFROM_COMMIT", "main")
    release("1.3", code=2)


def test_the_second_release_has_the_commits_since_the_first_and_nobodys_name(
    tmp_path, clone, release
):
    release("1.0", "--artifact", f"{IMAGE}@{A}", "--base", f"debian@{C}")
    newer = "github.com/a/b v1.1.0 h1:x=\ngithub.com/a/d v1.0.0 h1:x=\n"
    second = commit(clone, "Pay later, by ann@example.org (#12)", go_sum=newer)
    third = commit(clone, "Merge branch 'x'\n\nSee merge request acme/cart!13")
    told = release("1.1", "--artifact", f"{IMAGE}@{B}", "--base", f"debian@{D}",
                   "--flag", "later=on", "-e", "prod", "--region", "eu")  # fmt: skip
    said = told["release"]
    assert said["previous"] == "1.0"
    assert [(c["commit"], c["pullRequest"]) for c in said["changes"]["commits"]] == [
        (third, 13), (second, 12),
    ]  # fmt: skip
    assert "Ann" not in json.dumps(said)
    assert "example.org" not in json.dumps(said)

    diff = asked(tmp_path, "diff", "cart:1.0", "cart:latest")
    assert [c["commit"] for c in diff["commits"]["commits_b"]] == [third, second]
    assert diff["commits"]["commits_a"] == []
    assert diff["commits"]["complete"]
    assert ([a["digest"] for a in diff["artifacts_a"]], diff["artifacts_b"][0]["digest"]) == (
        [A], B,
    )  # fmt: skip
    assert (diff["bases_a"][0]["digest"], diff["bases_b"][0]["digest"]) == (C, D)
    resolved = [(d["package"][-3:], d["what"], d["before"], d["after"])
                for d in diff["dependencies"]]  # fmt: skip
    assert resolved == [
        ("a/b", "changed", ["v1.0.0"], ["v1.1.0"]),
        ("a/c", "removed", ["v1.0.0"], []),
        ("a/d", "added", [], ["v1.0.0"]),
    ]  # fmt: skip
    assert diff["unknown"] == ["config", "policy", "flags", "rollout"]
    back = asked(tmp_path, "diff", "cart:1.1", "cart:1.0")["commits"]
    assert ([c["commit"] for c in back["commits_a"]], back["commits_b"]) == ([third, second], [])

    trace = run("trace", "release:cart:1.1", "--json", data=tmp_path / "data").json
    edges = {(e["from"], e["relation"], e["to"]) for e in trace["edges"]}
    assert ("release:cart:1.1", "revises", "release:cart:1.0") in edges
    assert (B, "derived_from", D) in edges
    down = run("trace", f"gitCommit:{second}", "--down", "--json", data=tmp_path / "data").json
    assert "release:cart:1.1" in {node["id"] for node in down["nodes"]}
    reached = run("affected", "pkg:golang/github.com/a/d", "--json", data=tmp_path / "data").json
    assert reached["things"]["release"] == 1
    drawn = run("release", "diff", "cart:1.0", "cart:1.1", data=tmp_path / "data").out
    for line in (
        f"+ {third[:12]}  Merge branch 'x'  #13", "a/b  v1.0.0 → v1.1.0",
        f"+ artifact  {IMAGE}  {B[:19]}", "not compared: config, policy, flags, rollout",
    ):  # fmt: skip
        assert line in drawn
    shown = run("release", "show", "cart", data=tmp_path / "data").out
    assert "rollout       prod/eu" in shown


def test_two_realities_are_told_apart_by_the_commits_of_every_release_between_them(
    tmp_path, clone, release
):
    data, made = tmp_path / "data", []
    for number, digest in enumerate((A, B, C)):
        made.append(commit(clone, f"Change {number}"))
        release(f"1.{number}", "--artifact", f"{IMAGE}@{digest}")
    for environment, digest in (("test", C), ("prod", A)):
        done = run("change", "deploy", "cart", f"{IMAGE}@{digest}", "-e", environment, data=data)
        assert done.code == 0, done.err
    (told,) = run("diff", "prod", "test", "--json", data=data).json["differing"]
    between = told["releases"]
    assert (between["a"], between["b"]) == ("release:cart:1.0", "release:cart:1.2")
    assert [c["commit"] for c in between["commits"]["commits_b"]] == [made[2], made[1]]
    assert between["commits"]["complete"]
    drawn = run("diff", "prod", "test", data=data).out
    assert "cart 1.0 → 1.2" in drawn
    assert f"+ {made[1][:12]}  Change 1" in drawn
    run("erase", "2", "--reason", "a test", data=data)
    (told,) = run("diff", "prod", "test", "--json", data=data).json["differing"]
    assert told["releases"]["commits"] == {"commits_a": [], "commits_b": [], "complete": False}


def test_a_platform_that_runs_belongs_to_the_release_of_its_index(tmp_path):
    data, before = tmp_path / "data", None
    for number, (index, platform) in enumerate(((A, B), (C, D))):
        said = Release(
            name="cart", version=str(number), released="2026-01-01T00:00:00.000000Z",
            artifacts=[Artifact(name=IMAGE, digest=index, platforms={"linux/arm64": platform})],
            previous=before,
            changes=ChangeSet(commits=[Commit(commit=str(number) * 40, subject="x")]),
        )  # fmt: skip
        before = said.version
        (tmp_path / "r.json").write_bytes(envelope(to_statement(said), BUILDER))
        assert run("record", tmp_path / "r.json", data=data).code == 0
        run("change", "deploy", "cart", f"{IMAGE}@{platform}", "-e", f"e{number}", data=data)
    (told,) = run("diff", "e0", "e1", "--json", data=data).json["differing"]
    assert (told["releases"]["a"], told["releases"]["b"]) == ("release:cart:0", "release:cart:1")
    assert [c["commit"] for c in told["releases"]["commits"]["commits_b"]] == ["1" * 40]


def test_a_version_that_two_records_claim_shows_both_and_marks_it(tmp_path, release, key):
    data = tmp_path / "data"
    release("1.0", "--artifact", f"{IMAGE}@{A}")
    said = Release(
        name="cart", version="1.0", released="2026-01-01T00:00:00.000000Z",
        artifacts=[Artifact(name=IMAGE, digest=B)],
    )  # fmt: skip
    (tmp_path / "other.json").write_bytes(envelope(to_statement(said), STRANGER))
    assert run("record", tmp_path / "other.json", data=data).code == 0
    assert run("keys", "trust", key.with_name("ops.pub"), data=data).code == 0
    shown = asked(tmp_path, "show", "cart", "1.0")
    assert [(c["entry"], c["trust"]) for c in shown["claims"]] == [(1, "signed"), (2, "channel")]
    assert {"artifacts", "code", "released"} <= set(shown["differs"])
    assert "! said again in #2 channel: not the same artifacts" in (
        run("release", "show", "cart", "1.0", data=data).out
    )
    (listed,) = asked(tmp_path, "list", "cart")["releases"]
    assert (listed["claims"], listed["artifacts"]) == (2, [A])
    assert run("release", "list", "cart", data=data).out.startswith("! 1.0 ")


def test_a_release_that_is_only_said_again_is_no_dispute(tmp_path, release):
    for number in (1, 2):
        release("1.0", "--artifact", f"{IMAGE}@{A}", "--at", f"2026-01-0{number}",
                "--previous", "none", "--build", f"https://ci.example/{number}")  # fmt: skip
    shown = asked(tmp_path, "show", "cart")
    assert (len(shown["claims"]), shown["differs"]) == (2, ["build", "released"])
    assert "said again in #1 channel, and alike" in (
        run("release", "show", "cart", data=tmp_path / "data").out
    )


def test_a_release_that_ci_makes_again_follows_on_what_it_followed_on(tmp_path, clone, release):
    release("1.0")
    commit(clone, "Second")
    first, again = release("1.1")["release"], release("1.1")["release"]
    assert again["previous"] == "1.0"
    assert {**again, "released": ""} == {**first, "released": ""}
    assert asked(tmp_path, "show", "cart", "1.1")["differs"] == ["released"]


def test_bundles_and_flags_are_those_declared_where_it_goes_and_differ_by_their_keys(
    tmp_path, release, key
):
    data, digests = tmp_path / "data", []
    for number in (1, 2):
        (tmp_path / "cart.yaml").write_text(f"timeout: {number}\n")
        out = tmp_path / f"{number}.json"
        packed = run("bundle", "pack", tmp_path / "cart.yaml", "--name", "cart", "--key", key, "-o",
                     out, "--json")  # fmt: skip
        digests.append(packed.json["digest"])
        for place in (("-e", "prod"), ("-e", "prod", "--region", "us")):
            file = out if len(place) == 2 or number == 1 else tmp_path / "1.json"
            done = run("bundle", "activate", file, "--service", "cart", *place, data=data)
            assert done.code == 0, done.err
        run("change", "set", "flag", "later", f"v{number}", "-e", "prod", data=data)
        run("change", "set", "flag", "other", "x", "-e", "prod", "--service", "shop", data=data)
        told = release(f"1.{number}", "-e", "prod", "--artifact", f"{IMAGE}@{A}")["release"]
        assert told["config"] == [digests[-1]]
        assert told["flags"] == {"later": f"v{number}"}
    narrow = release("1.3", "-e", "prod", "--region", "us", "--artifact", f"{IMAGE}@{A}")
    assert narrow["release"]["config"] == [digests[0]]
    diff = asked(tmp_path, "diff", "cart:1.1", "cart:1.2")
    (bundle,) = diff["bundles"]
    assert (bundle["before"], bundle["after"], bundle["name"]) == (*digests, "cart")
    assert [(k["key"], k["before"], k["after"]) for k in bundle["keys"]] == [("timeout", 1, 2)]
    assert diff["flags"] == [{"key": "later", "what": "changed", "before": "v1", "after": "v2"}]
    assert diff["unknown"] == ["base", "policy"]
    assert diff["artifacts_a"] == diff["artifacts_b"] == []
    given = release("1.4", "--config", tmp_path / "1.json", "--flags", tmp_path / "cart.yaml")
    assert given["release"]["config"] == [digests[0]]
    assert given["release"]["flags"] == {"timeout": 2}


def test_artifacts_are_read_from_the_files_that_builds_leave(tmp_path, release):
    index = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {"digest": B, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
            {"digest": C, "platform": {"os": "unknown", "architecture": "unknown"}},
        ],
    }  # fmt: skip
    file = tmp_path / "index.json"
    file.write_text(json.dumps(index))
    digest = sha256_id(file.read_bytes())
    metadata = tmp_path / "metadata.json"
    metadata.write_text(json.dumps({"containerimage.digest": D, "image.name": f"{IMAGE}:1.0,x:1"}))
    wheel = tmp_path / "cart-1.0.whl"
    wheel.write_bytes(b"a wheel")
    said = release("1.0", "--artifact", f"{IMAGE}={file}", "--artifact", metadata, "--artifact",
                   wheel, "--sbom", file)["release"]  # fmt: skip
    assert said["artifacts"] == [
        {"name": IMAGE, "digest": digest, "platforms": {"linux/arm64/v8": B}},
        {"name": IMAGE, "digest": D},
        {"name": "cart-1.0.whl", "digest": sha256_id(b"a wheel")},
    ]
    assert said["dependencies"]["sboms"] == [digest]
    bad = run("release", "cart", "2.0", "--key", tmp_path / "ops.key", "--folder", tmp_path,
              "--artifact", f"{IMAGE}:1.0")  # fmt: skip
    assert bad.code == 1
    assert "A tag moves" in bad.err


def test_what_an_sbom_that_is_recorded_lists_counts_as_resolved(tmp_path, release):
    data = tmp_path / "data"
    for number in (1, 2):
        sbom = tmp_path / f"{number}.cdx.json"
        sbom.write_text(json.dumps({
            "bomFormat": "CycloneDX", "specVersion": "1.5",
            "metadata": {"component": {"type": "application", "name": "cart", "bom-ref": "cart",
                                       "version": str(number)}},
            "components": [{"type": "library", "name": "left-pad", "version": f"1.{number}.0",
                            "purl": f"pkg:npm/left-pad@1.{number}.0"}],
        }))  # fmt: skip
        assert run("record", sbom, data=data).code == 0
        release(f"1.{number}", "--sbom", sbom, "--artifact", f"{IMAGE}@{A}")
    (told,) = asked(tmp_path, "diff", "cart:1.1", "cart:1.2")["dependencies"]
    assert (told["package"], told["before"], told["after"]) == (
        "pkg:npm/left-pad", ["1.1.0"], ["1.2.0"],
    )  # fmt: skip


def test_a_clone_without_the_release_before_says_that_it_cannot_tell_the_commits(
    tmp_path, clone, release
):
    release("1.0")
    commit(clone, "Second")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{clone}", shallow], check=True)
    told = run("release", "cart", "1.1", "--key", tmp_path / "ops.key", "--folder", shallow,
               "--json", data=tmp_path / "data").json  # fmt: skip
    assert "changes" not in told["release"]
    (why,) = [one["why"] for one in told["missing"] if one["part"] == "changes"]
    assert "Invalid revision range" in why
    assert not asked(tmp_path, "diff", "cart:1.0", "cart:1.1")["commits"]["complete"]


def test_latest_is_the_newest_even_if_somebody_calls_a_version_so(tmp_path, release, key):
    for version in ("latest", "none"):
        release(version, code=2)
    said = Release(name="cart", version="latest", released="2026-01-01T00:00:00.000000Z",
                   code=Code(commit="c" * 40))  # fmt: skip
    (tmp_path / "said.json").write_bytes(envelope(to_statement(said), BUILDER))
    assert run("record", tmp_path / "said.json", data=tmp_path / "data").code == 0
    release("1.0", "--at", "2026-02-01")
    for version in ((), ("latest",)):
        shown = asked(tmp_path, "show", "cart", *version)["claims"][0]["release"]
        assert shown["version"] == "1.0"


def test_commits_are_told_apart_whatever_their_messages_hold(tmp_path, clone, release):
    git(clone, "tag", "before")
    commit(clone, "One \x01 byte\n\nThat ends \x01 nothing, \x1e nor this (#7)")
    commit(clone, "Größer (#8)")
    git(clone, "config", "i18n.logOutputEncoding", "ISO-8859-1")
    git(clone, "config", "log.showSignature", "true")
    made = release("1.4.0", "--since", "before")["release"]
    assert [one["subject"] for one in made["changes"]["commits"]] == [
        "Größer (#8)", "One   byte",
    ]  # fmt: skip


def test_a_shallow_clone_does_not_claim_to_have_all_commits(tmp_path, clone, release):
    git(clone, "tag", "before")
    git(clone, "checkout", "-q", "-b", "side", "before")
    for n in range(3):
        commit(clone, f"Side {n}")
    git(clone, "checkout", "-q", "-")
    git(clone, "merge", "-q", "--no-ff", "-m", "Merge side", "side")
    whole = release("1.4.0", "--since", "before")
    assert "complete" not in whole["release"]["changes"]  # it is, if nothing else is said
    git(tmp_path, "clone", "-q", "--depth", "2", clone.as_uri(), "cut")
    git(tmp_path / "cut", "fetch", "-q", "--depth", "1", "origin", "tag", "before")
    cut = release("1.4.1", "--since", "before", "--folder", tmp_path / "cut")
    changes = cut["release"]["changes"]
    assert [one["subject"] for one in changes["commits"]] == ["Merge side", "Side 2"]
    assert changes["complete"] is False


def test_what_git_says_in_no_utf8_is_told_all_the_same(tmp_path, clone, key):
    done = run("release", "cart", "1", "--key", key, "--folder", clone, "--since",
               os.fsdecode(b"\xff"), data=tmp_path / "data")  # fmt: skip
    assert done.code == 1
    assert "git cannot tell this" in done.err


def test_what_is_written_to_a_file_is_recorded_later_and_what_is_wrong_is_refused(
    tmp_path, release, key, clone
):
    out = tmp_path / "release.json"
    told = release("1.0", "-o", out)
    assert told["file"] == str(out)
    assert run("record", out, data=tmp_path / "data").code == 0
    assert asked(tmp_path, "show", "cart")["claims"][0]["release"] == told["release"]
    assert run("release", "show", "cart", "2.0", data=tmp_path / "data").code == 1
    assert run("release", "list", "other", data=tmp_path / "data").code == 1
    assert run("release", "diff", "cart", "cart:1.0", data=tmp_path / "data").code == 1
    release("2.0", "--since", "no-such-revision", code=1)
    release("2.0", "--flag", "nothing", code=2)
    release("2.0", "--sbom", "nothing", code=1)
    release("2.0", "--base", f"debian@{A}", "--base", f"debian@{B}", code=1)
    missing = run("release", "a", "1", "--folder", tmp_path, "--key", key, data=tmp_path / "d")
    assert missing.code == 1
    assert "a release of nothing" in missing.err


def chain(*versions, name="cart"):
    """Releases one after another, each with the one commit that its version is made of."""
    before = None
    for version in versions:
        id = sha256_id(version.encode())[7:47]
        yield Release(
            name=name, version=version, released="2026-01-01T00:00:00.000000Z", previous=before,
            code=Code(commit=id), changes=ChangeSet(commits=[Commit(commit=id, subject=version)]),
        )  # fmt: skip
        before = version


def test_two_lines_of_releases_differ_by_the_commits_since_they_parted(tmp_path):
    main, fix = list(chain("1", "2", "3")), list(chain("1", "2", "2.1", "2.2"))[2:]
    for number, said in enumerate([*main, *fix]):
        file = tmp_path / f"{number}.json"
        file.write_bytes(envelope(to_statement(said), BUILDER))
        assert run("record", file, data=tmp_path / "data").code == 0
    told = asked(tmp_path, "diff", "cart:3", "cart:2.2")["commits"]
    assert [[c["subject"] for c in told[side]] for side in ("commits_a", "commits_b")] == [
        ["3"], ["2.2", "2.1"],
    ]  # fmt: skip
    assert told["complete"]
    assert asked(tmp_path, "diff", "cart:3", "cart:3")["commits"]["complete"]


def test_a_real_history_of_releases_differs_by_just_the_commits_between(tmp_path, key):
    """The manifests of every release of a demonstration, each a commit with its real subject."""
    told = [json.loads(line) for line in (HISTORY / "index.jsonl").read_text().splitlines()]
    folder, data = tmp_path / "demo", tmp_path / "data"
    subprocess.run(["git", "init", "-q", "-b", "main", folder], check=True)
    made, released = [], {}
    for number, one in enumerate(told):
        text = (HISTORY / one["file"]).read_text()
        made.append(commit(folder, one["subject"], manifests_yaml=text))
        version = re.search(r"^release[ /]v([0-9.]+)", one["subject"], re.IGNORECASE)
        if version is None or version[1] in released:
            continue
        released[version[1]] = number
        done = run("release", "demo", version[1], "--key", key, "--folder", folder,
                   "--at", one["committed"], data=data)  # fmt: skip
        assert done.code == 0, done.err
    versions = list(released)
    listed = asked(tmp_path, "list", "demo", "--limit", 1000)
    assert [one["version"] for one in listed["releases"]] == versions[::-1]
    for older, newer in [*pairwise(versions), (versions[0], versions[-1])]:
        found = asked(tmp_path, "diff", f"demo:{older}", f"demo:{newer}")["commits"]
        between = range(released[newer], released[older], -1)
        expected = []
        for n in between:
            pull = re.search(r"\(#(\d+)\)$", told[n]["subject"])
            expected.append((made[n], told[n]["subject"], int(pull[1]) if pull else None))
        assert [
            (c["commit"], c["subject"], c.get("pullRequest")) for c in found["commits_b"]
        ] == expected
        assert (found["commits_a"], found["complete"]) == ([], True)

"""``wherefrom verify --bundle``: what is typed, what is said, how it ends."""

import json
import os
import socket
import sys
from datetime import UTC, datetime

import pytest

from tests.paths import DATA
from tests.sigstore_world import ARTIFACT, IDENTITY, ISSUER, Made, pem_of, world
from tests.unit.cli.running import run
from tests.unit.verify.sigstore.test_accepted import npm

REAL = DATA / "supply/pypi-attestations/test/assets"
MODEL = DATA / "supply/model-transparency/scripts/tests/v1.1.0-sigstore"


@pytest.fixture
def box(tmp_path):
    """A bundle that verifies, its artifact, and the root that believes it."""
    (tmp_path / "bundle.json").write_text(json.dumps(Made().document()))
    (tmp_path / "release").write_bytes(ARTIFACT)
    (tmp_path / "root.json").write_text(json.dumps(world().root()))
    return tmp_path


def verify(box, *more, bundle="bundle.json", artifact="release", root="root.json"):
    return run(
        "verify", "--bundle", box / bundle, "--artifact",
        artifact if ":" in artifact else box / artifact, "--trusted-root", box / root, *more,
    )  # fmt: skip


def test_a_bundle_is_proven_step_by_step(box):
    ran = verify(box, "--identity", IDENTITY, "--issuer", ISSUER)
    assert ran.code == 0, ran.err
    lines = [line for line in ran.out.splitlines() if not line.startswith("     ")]
    assert lines[-1] == "PROVEN"
    assert [line.split()[2] for line in lines[:-1]] == [
        "root:", "bundle:", "key:", "content:", "promise:", "times:", "checkpoint:", "inclusion:",
        "entry:", "certificate:", "identity:",
    ]  # fmt: skip
    assert all(len(line) <= 100 for line in ran.out.splitlines())


def test_json_says_the_same(box):
    ran = verify(box, "--json")
    assert (ran.code, ran.json["result"]) == (0, "proven")
    assert ran.json["steps"][-1]["name"] == "identity"
    assert "nobody in particular was required" in ran.json["steps"][-1]["says"]
    assert set(ran.json["steps"][0]) == {"name", "ok", "says"}


def test_what_fails_ends_with_one_and_says_where(box):
    (box / "other").write_bytes(b"x")
    ran = verify(box, "--json", artifact="other")
    assert (ran.code, ran.json["result"]) == (1, "failed")
    assert ran.json["steps"][-1]["name"] == "content"
    assert verify(box, "--identity", "somebody").code == 1
    assert "✗ identity" in verify(box, "--identity", "somebody").out


def test_a_bundle_that_is_none_and_a_root_that_is_none_end_with_one(box):
    (box / "none.json").write_text("{}")
    assert verify(box, bundle="none.json").code == 1
    ran = verify(box, "--json", root="none.json")
    assert (ran.code, ran.json["steps"][-1]["name"]) == (1, "root")


def test_a_digest_stands_for_the_artifact(box):
    import hashlib

    digest = hashlib.sha256(ARTIFACT).hexdigest()
    assert verify(box, artifact=f"sha256:{digest}").code == 0
    assert verify(box, artifact=f"sha256:{'00' * 32}").code == 1


def test_a_managed_key_is_given_as_pem(box):
    made = Made(managed=True)
    (box / "managed.json").write_text(json.dumps(made.document()))
    (box / "key.pem").write_bytes(pem_of(made.key))
    assert verify(box, bundle="managed.json").code == 1
    assert verify(box, "--key", box / "key.pem", bundle="managed.json").code == 0
    ran = verify(box, "--key", box / "key.pem", "--identity", IDENTITY, bundle="managed.json")
    assert ran.code == 1
    (box / "npm.json").write_text(json.dumps(npm(made.document(), Made().document())))
    npm_ran = verify(box, "--key", box / "key.pem", "--identity", IDENTITY, bundle="npm.json")
    assert npm_ran.code == 0


@pytest.mark.parametrize("more", [
    ["--identity", "x"], ["--artifact", "x"], ["--trusted-root", "x"], ["--ignore", "x"],
    ["--key", "x"], ["--bundle", "b"], [], ["--bundle", "b", "--artifact", "a", "target"],
    ["--bundle", "b", "--artifact", "a", "--log-key", "x"], ["--offline"],
])  # fmt: skip
def test_options_that_do_not_go_together_are_misuse(more):
    ran = run("verify", *more)
    assert ran.code == 2
    assert "--bundle" in ran.err or "--log-key" in ran.err or "TARGET" in ran.err


def test_what_is_no_key_and_no_digest_is_misuse(box):
    (box / "key.pem").write_text("nothing")
    assert verify(box, "--key", box / "key.pem").code == 2
    ran = verify(box, artifact="sha256:00")
    assert ran.code == 2
    assert "64 hex digits" in ran.err


@pytest.mark.parametrize("missing", ["bundle", "artifact", "root"])
def test_a_file_that_is_not_there_ends_with_three(box, missing):
    arguments = {"bundle": "bundle.json", "artifact": "release", "root": "root.json"}
    ran = verify(box, **(arguments | {missing: "none"}))
    assert ran.code == 3
    assert "none" in ran.err


def test_the_root_of_the_data_directory_is_used(box):
    data = box / "data"
    data.mkdir()
    (data / "trusted-root.json").write_text(json.dumps(world().root()))
    ran = run("verify", "--bundle", box / "bundle.json", "--artifact", box / "release", data=data)
    assert ran.code == 0
    assert "trusted-root.json,of" in "".join(ran.out.split()), "however long its path is"
    ran = run("verify", "--bundle", box / "bundle.json", "--artifact", box / "release", data=box)
    assert ran.code == 1
    assert "shipped with wherefrom, of " in " ".join(ran.out.split())


def test_an_old_root_is_warned_about_and_then_refused(box, monkeypatch):
    data, config = box / "data", box / "config.toml"
    data.mkdir()
    path = data / "trusted-root.json"
    path.write_text(json.dumps(world().root()))
    old = datetime.now(UTC).timestamp() - 10 * 86400 - 60
    os.utime(path, (old, old))
    monkeypatch.setenv("WHEREFROM_CONFIG", str(config))
    asked = ("verify", "--bundle", box / "bundle.json", "--artifact", box / "release")
    for warn, refuse, code, says in ((10, 20, 0, ""), (9, 20, 0, "10 days old"), (1, 9, 1, "")):
        config.write_text(f"trusted_root_warn_days = {warn}\ntrusted_root_refuse_days = {refuse}\n")
        ran = run(*asked, data=data)
        assert ran.code == code
        told = " ".join(ran.err.split())
        assert (says in told) if says else not told
    assert "too old to prove anything" in " ".join(ran.out.split())


@pytest.mark.parametrize("written", ["trusted_root_warn_days = 'x'", "trusted_root_warn_days = -1",
                                     "trusted_root_refuse_days = true"])  # fmt: skip
def test_an_age_that_is_no_number_of_days_is_misuse(box, monkeypatch, written):
    (box / "config.toml").write_text(written)
    monkeypatch.setenv("WHEREFROM_CONFIG", str(box / "config.toml"))
    assert verify(box).code == 2


def test_real_ones_are_proven_by_the_root_that_ships_with_the_network_cut(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("somebody asked the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    name = "pypi_attestations-0.0.19.tar.gz"
    ran = run("verify", "--bundle", REAL / f"{name}.provenance", "--artifact", REAL / name)
    assert ran.code == 0
    assert "PROVEN" in ran.out


def test_a_signed_model_is_a_folder_and_its_signature_may_lie_in_it(tmp_path):
    ran = run("verify", "--bundle", MODEL / "model.sig", "--artifact", MODEL,
              "--identity", "stefanb@us.ibm.com", "--json")  # fmt: skip
    assert ran.code == 0, ran.json["steps"][-1]
    for path in MODEL.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "more.py").write_bytes(b"")
    (tmp_path / "renamed.sig").write_bytes((MODEL / "model.sig").read_bytes())
    asked = ("verify", "--bundle", tmp_path / "renamed.sig", "--artifact", tmp_path, "--json")
    assert "more.py" in run(*asked).json["steps"][-1]["says"]
    assert run(*asked, "--ignore", "./more.py").code == 0


def test_verify_says_nothing_of_sigstore_to_those_who_ask_for_something_else():
    import subprocess

    code = (
        "import sys; from wherefrom.cli.main import main; main(['verify', '--help']);"
        "print([m for m in sys.modules if 'sigstore' in m or 'cryptography' in m])"
    )
    ran = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert ran.stdout.strip().endswith("[]")

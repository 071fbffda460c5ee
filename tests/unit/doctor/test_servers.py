"""The same beside a running server, and of one that is asked from outside."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.authorities import name
from tests.served import PLAIN, Inside, ServerProcess, event_bytes, family_of
from tests.unit.cli.running import run
from wherefrom.app import DataFolder, Served
from wherefrom.doctor import Far, Ground, examine, examine_server
from wherefrom.doctor import server as servers


def told(found, name):
    return [one for n, one in found.found if n == name]


def wrong(found):
    return [(n, one.says) for n, one in found.found if one.ok is False]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("served") / "data") as process:
        yield process


def ground(served, tmp_path, **more):
    return Ground(DataFolder(served.data), spool=tmp_path / "spool", **more)


def test_a_server_that_runs_well_is_found_well(served, tmp_path):
    found = examine(ground(served, tmp_path))
    assert wrong(found) == []
    [said] = told(found, "server")
    assert said.says == f"process {served.pid} at {served.url} answers, and is ready"
    assert told(found, "leftovers")[0].says.startswith("a server holds the directory")


def test_a_server_that_stands_still_is_broken_and_its_files_are_left_alone(served, tmp_path):
    family = [served.pid, *family_of(served.pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        before, servers.WAIT_SECONDS = servers.WAIT_SECONDS, 0.5
        found = examine(ground(served, tmp_path))
    finally:
        servers.WAIT_SECONDS = before
        for pid in family:
            os.kill(pid, signal.SIGCONT)
    [said] = told(found, "server")
    assert said.ok is False
    assert f"process {served.pid}" in said.says
    assert "does not answer" in said.says
    assert all(one.mend is None for one in told(found, "leftovers"))


def test_views_that_stand_still_beside_a_server_are_broken(tmp_path, monkeypatch):
    with Inside(tmp_path / "data") as inside:  # its view follows only when it is told to
        inside.client.post("/v1/records", content=event_bytes(1))
        inside.folder.say_served(Served(inside.url, os.getpid()))
        monkeypatch.setattr("wherefrom.doctor.views.MOVES_WITHIN_S", 0.3)
        here = Ground(DataFolder(inside.folder.path), spool=tmp_path / "spool")
        stuck = told(examine(here), "views")
        assert {one.ok for one in stuck} == {False}
        assert "stands still, 1 entries behind the log" in stuck[0].says
        inside.fold()
        assert [one.ok for one in told(examine(here), "views")] == [True]
        inside.folder.say_served(None)


# -- from outside


@pytest.fixture
def far(served):
    headers = {"Authorization": f"Bearer {served.token}"}
    with httpx.Client(base_url=served.url, headers=headers, verify=PLAIN) as client:
        yield Far(url=served.url, client=client)


def test_all_is_well_from_outside(far):
    found = examine_server(far)
    assert {n for n, _ in found.found} == set(servers.REMOTE)
    assert [(n, one) for n, one in found.found if one.ok is not True] == []


def test_a_token_that_nobody_has_is_named(served):
    headers = {"Authorization": "Bearer wf_nobody"}
    with httpx.Client(base_url=served.url, headers=headers, verify=PLAIN) as client:
        found = examine_server(Far(url=served.url, client=client))
    assert wrong(found) == [("server", "it does not know this token")]


def test_a_clock_that_is_apart_is_named(far):
    back = Far(
        url=far.url, client=far.client, clock=lambda: datetime.now(UTC) - timedelta(minutes=10)
    )
    [said] = told(examine_server(back), "clock")
    assert said.ok is False
    assert "ahead of ours" in said.says


def test_another_version_is_a_warning(far, monkeypatch):
    monkeypatch.setattr(servers, "__version__", "99.0")
    said = told(examine_server(far), "server")
    assert said[0].ok is None
    assert "and this is 99.0" in said[0].says


def self_signed_files(folder, *, days):
    """A certificate and its key, as files; it ends in so many days."""
    key, ends = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC) + timedelta(days=days)
    made = (
        x509.CertificateBuilder()
        .subject_name(name("server"))
        .issuer_name(name("server"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=500))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    (folder / "server.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "server.pem", folder / "server.key"


@pytest.mark.parametrize(("days", "ok"), [(400, True), (10, None), (-1, False)])
def test_how_long_a_certificate_lasts_is_told(tmp_path, days, ok):
    certificate, key = self_signed_files(tmp_path, days=days)
    with ServerProcess(
        tmp_path / "data", "--tls-cert", str(certificate), "--tls-key", str(key)
    ) as process:
        [said] = list(servers.certificate(process.url))
        assert said.ok is ok
        assert "certificate" in said.says
        found = examine(Ground(DataFolder(process.data), spool=tmp_path / "spool"))
        assert told(found, "server")[-1].ok is ok


def test_witnesses_and_anchors_that_do_not_answer_are_named(tmp_path):
    from wherefrom.doctor.outside import unreachable

    with Inside(tmp_path / "data") as inside:
        away = unreachable([inside.url, "http://127.0.0.1:1"])
    assert list(away) == ["http://127.0.0.1:1"]
    assert "refused" in away["http://127.0.0.1:1"]


# -- the command


@pytest.fixture(autouse=True)
def _a_clean_page(monkeypatch, tmp_path):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for variable in [n for n in os.environ if n.startswith("WHEREFROM_")]:
        monkeypatch.delenv(variable)


def test_the_command_exits_1_when_something_is_broken_and_0_once_it_is_mended(tmp_path):
    data = tmp_path / "data"
    with ServerProcess(data):
        pass
    assert run("doctor", data=data).code == 0
    (data / "token").chmod(0o644)
    ran = run("doctor", data=data)
    assert ran.code == 1
    assert "has mode 0644: others may read it" in " ".join(ran.out.split())
    assert "1 of these is safe to mend: wherefrom doctor --fix" in ran.out
    assert all(len(line) <= 100 for line in ran.out.splitlines() if str(tmp_path) not in line)
    checks = run("doctor", "--json", data=data).json["checks"]
    assert {"name", "ok", "says", "fix"} == set(checks[0])
    [broken] = [one for one in checks if one["ok"] is False]
    assert broken["name"] == "permissions"
    mended = run("doctor", "--fix", "--json", data=data)
    assert mended.code == 0
    [did] = mended.json["fixed"]
    assert did["did"].endswith("has mode 0600 now; it had 0644")
    assert (data / "token").stat().st_mode & 0o777 == 0o600
    assert run("doctor", "--fix", "--json", data=data).json["fixed"] == []


def test_the_command_asks_a_server_from_outside(served, monkeypatch):
    monkeypatch.setenv("WHEREFROM_TOKEN", served.token)
    ran = run("doctor", "--server", served.url)
    assert ran.code == 0
    assert "Nothing is wrong." in ran.out
    gone = run("doctor", "--server", "http://127.0.0.1:1", "--json")
    assert gone.code == 1
    assert [one["ok"] for one in gone.json["checks"]] == [False]


def test_a_server_killed_hard_leaves_what_fix_removes(tmp_path):
    data = tmp_path / "data"
    process = ServerProcess(data).start()
    family = process.kill()
    until = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{pid}") for pid in family) and time.monotonic() < until:
        time.sleep(0.05)
    ran = run("doctor", data=data)
    assert ran.code == 0
    assert "server.json is of a server that is gone" in " ".join(ran.out.split())
    assert "removed" in run("doctor", "--fix", data=data).out
    assert not (data / "server.json").exists()

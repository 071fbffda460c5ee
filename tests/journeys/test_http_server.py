"""The real server: two processes, its signals, its port, its certificates, its log by tiles."""

import datetime
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.served import (
    WHEREFROM,
    ServerProcess,
    children,
    command_line,
    event_bytes,
    family_of,
    ndjson,
    rss_mib,
    wait_gone,
)
from wherefrom.formats import checkpoint, note
from wherefrom.formats.tiles import decode_bundle, entries_path, tile_path
from wherefrom.keys.ed25519 import check_note
from wherefrom.merkle.hashing import EMPTY_ROOT, hash_leaf, hash_node


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


def until(holds, *, seconds=15):
    end = time.monotonic() + seconds
    while not (said := holds()):
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)
    return said


def is_followed(client):
    said = client.get("/v1/log").json()
    return said["views"]["graph"] == said["size"]


# -- starting and ending


def test_it_says_where_it_serves_in_one_line_on_a_port_of_its_own(server, client):
    log = client.get("/v1/log").json()
    port = int(server.url.rpartition(":")[2])
    assert server.line == f"wherefrom: serving {server.url} (log {log['origin']}, size 1)\n"
    assert port != 0
    assert json.loads((server.data / "server.json").read_text()) == {
        "url": server.url,
        "pid": server.pid,
    }


def test_the_administrators_token_is_for_its_owner_alone(server):
    assert (server.data / "token").stat().st_mode & 0o777 == 0o600
    assert server.data.stat().st_mode & 0o777 == 0o700


def test_sigterm_ends_it_within_ten_seconds_whatever_its_clients_do(tmp_path):
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        # Judges too, an idle connection, and a client in the middle of a body.
        assert client.post("/v1/records", content=ndjson(range(200))).status_code == 201
        family = family_of(server.pid)
        assert any(b"run_reader" in command_line(pid) for pid in family)
        assert any(b"spawn_main" in command_line(pid) for pid in family)
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as wire:
            wire.sendall(
                b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n"
                b"Authorization: Bearer " + server.token.encode() + b"\r\n\r\n{"
            )
            time.sleep(0.1)
            code, took = server.terminate()
        assert (code, server.errors().count("Traceback")) == (0, 0), server.errors()
        assert took < 10
        assert wait_gone(family)
        left = {path.name for path in server.data.iterdir()}
        assert not left & {"server.json", "reader.sock"}


def test_an_idle_server_ends_at_once_and_keeps_what_it_had(tmp_path):
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        sent = client.post("/v1/records", content=ndjson(range(50))).json()
        code, took = server.terminate()
        assert code == 0
        assert took < 5
        server._close()
        server.start()
        with server.client() as again:
            assert again.get("/v1/log").json()["root"] == sent["log"]["root"]
            assert again.post("/v1/records", content=ndjson(range(50))).status_code == 200


def test_ctrl_c_ends_it_as_cleanly(tmp_path):
    with ServerProcess(tmp_path / "data") as server:
        family = family_of(server.pid)
        for pid in (server.pid, *family):  # a terminal sends it to all of them
            os.kill(pid, signal.SIGINT)
        assert server.process.wait(10) == 0
        assert wait_gone(family)
        assert "Traceback" not in server.errors()


def test_a_killed_server_leaves_no_process_behind(tmp_path):
    with ServerProcess(tmp_path / "data") as server, server.client() as client:
        client.post("/v1/records", content=ndjson(range(200)))
        assert any(b"spawn_main" in command_line(pid) for pid in children(server.pid))
        assert wait_gone(server.kill())
        server.start()  # and its directory is free at once
        with server.client() as again:
            assert again.post("/v1/records", content=ndjson(range(200))).status_code == 200


def run_up(data, *options):
    return subprocess.run(
        [WHEREFROM, "up", "--data", data, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_server_on_the_directory_is_refused_and_told_of_the_first(server):
    second = run_up(server.data, "--port", "0")
    assert second.returncode == 3
    assert server.url in second.stderr
    assert str(server.pid) in second.stderr
    assert "Traceback" not in second.stderr
    assert json.loads((server.data / "server.json").read_text())["pid"] == server.pid


def test_a_port_that_is_taken_is_a_clear_error_and_leaves_nothing(server, tmp_path):
    port = server.url.rpartition(":")[2]
    second = run_up(tmp_path / "other", "--port", port)
    assert second.returncode == 3
    assert "cannot listen on this address" in second.stderr
    assert f"127.0.0.1:{port}" in second.stderr
    assert "--port" in second.stderr
    assert "Traceback" not in second.stderr
    left = {path.name for path in (tmp_path / "other").iterdir()}
    assert not left & {"server.json", "reader.sock"}


# -- two processes


def test_a_reader_that_dies_is_started_again_and_writes_go_on_meanwhile(server, client):
    reader = server.reader_pid()
    os.kill(reader, signal.SIGKILL)
    asked = [(client.get("/v1/log"), client.post("/v1/records", content=event_bytes(10_000)))]
    until(lambda: server.reader_pid() not in (None, reader))
    while asked[-1][0].status_code != 200:
        event = event_bytes(10_000 + len(asked))
        asked.append((client.get("/v1/log"), client.post("/v1/records", content=event)))
        assert len(asked) < 3000
    assert asked[0][0].status_code == 503
    assert asked[0][0].headers["retry-after"] == "1"
    assert asked[0][0].headers["content-type"] == "application/problem+json"
    assert {read.status_code for read, _ in asked} == {200, 503}
    assert {written.status_code for _, written in asked} == {201}
    until(lambda: is_followed(client))


def test_a_reader_that_hangs_holds_up_no_write(server, client):
    reader = server.reader_pid()
    os.kill(reader, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert client.post("/v1/records", content=event_bytes(20_000)).status_code == 201
        assert client.get("/healthz").status_code == 200
        assert time.monotonic() - began < 5
    finally:
        os.kill(reader, signal.SIGCONT)
    until(lambda: is_followed(client))


# -- bodies


def test_sixty_megabytes_of_json_lines_cost_little_memory(server, client):
    def lines():
        for n in range(6000):
            event = json.loads(event_bytes(n % 30 + 30_000))
            event["job"]["facets"] = {
                "sql": {"_producer": "p", "_schemaURL": "s", "query": "x" * 9_800}
            }
            yield json.dumps(event).encode() + b"\n"

    client.post("/v1/records", content=ndjson(range(40)))
    before, peak, done = rss_mib(server.pid), [0.0], threading.Event()

    def watch():
        while not done.wait(0.01):
            peak[0] = max(peak[0], rss_mib(server.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = client.post("/v1/records", content=lines())
    done.set()
    watcher.join()
    assert answer.status_code == 207
    assert len(answer.json()["items"]) == 6000
    assert len({item["index"] for item in answer.json()["items"]}) == 30
    print(f"resident before {before:.0f} MiB, at most {peak[0]:.0f} MiB")
    assert peak[0] - before < 60


def test_a_client_that_leaves_in_the_middle_leaves_no_trace_in_the_log_file(server, client):
    size = client.get("/v1/log").json()["size"]
    for sent in (b"", b"{", b"x" * 3_000_000):
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as wire:
            wire.sendall(
                b"POST /v1/records HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n"
                b"Authorization: Bearer " + server.token.encode() + b"\r\n\r\n" + sent
            )
    time.sleep(0.2)
    assert client.get("/v1/log").json()["size"] == size
    assert "Exception" not in server.errors()


# -- a tile client


class TileClient:
    """What C2SP tlog-tiles asks of a reader: no hash is used before it led to the signed root."""

    def __init__(self, url, vkey):
        self._http = httpx.Client(base_url=url)
        self._vkey = note.parse_verifier_key(vkey)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._http.close()

    def _get(self, path):
        answer = self._http.get("/" + path)
        assert answer.status_code == 200, path
        return answer.content

    def checkpoint(self):
        """The newest one, its signature checked under the key we came with."""
        return checkpoint.parse(check_note(note.parse(self._get("checkpoint")), [self._vkey]))

    def tiles(self, size):
        """Every tile of a tree of this size: (level, n) → its hashes."""
        found = {}
        level, have = 0, size
        while have:
            for n in range((have + 255) // 256):
                width = min(256, have - 256 * n)
                written = self._get(tile_path(level, n, width))
                assert len(written) == 32 * width
                found[level, n] = [written[at : at + 32] for at in range(0, len(written), 32)]
            level, have = level + 1, have >> 8
        return found

    @staticmethod
    def fold(hashes):
        """The root of a run of hashes, split as RFC 6962 splits it."""
        if len(hashes) == 1:
            return hashes[0]
        k = 1 << (len(hashes) - 1).bit_length() - 1
        return hash_node(TileClient.fold(hashes[:k]), TileClient.fold(hashes[k:]))

    def verify(self, tiles, signed):
        """1. The right edge leads to the root. 2. Each full tile is a hash of the one above."""
        peaks, root = [], EMPTY_ROOT
        for level in range(max(level for level, _ in tiles), -1, -1):
            have = signed.size >> 8 * level
            edge = tiles.get((level, have // 256), [])[: have % 256]
            at = 0
            for bit in range(7, -1, -1):  # each perfect subtree of the edge, the largest first
                if have % 256 >> bit & 1:
                    peaks.append(self.fold(edge[at : at + (1 << bit)]))
                    at += 1 << bit
        for peak in reversed(peaks):
            root = peak if root == EMPTY_ROOT else hash_node(peak, root)
        assert root == signed.root
        for (level, n), hashes in tiles.items():
            if len(hashes) == 256:
                assert self.fold(hashes) == tiles[level + 1, n // 256][n % 256]

    def entries(self, tiles, size):
        """Every entry, its hash found in a tile that was verified."""
        found = []
        for n in range((size + 255) // 256):
            bundle = decode_bundle(self._get(entries_path(n, min(256, size - 256 * n))))
            assert [hash_leaf(entry) for entry in bundle] == tiles[0, n]
            found += bundle
        return found


@pytest.mark.parametrize("more", [0, 1, 255, 700, 65_600])
def test_a_tile_client_verifies_the_whole_log_against_its_checkpoint(server, client, more):
    if more:
        body = b"\n".join(b'{"specversion":"1.0","id":"%d-%d","source":"/a","type":"t"}' % (more, n) for n in range(more))  # fmt: skip
        assert client.post("/v1/records", content=body).status_code == 201
    vkey = client.get("/v1/log").json()["vkey"]
    with TileClient(server.url, vkey) as tile_client:
        signed = tile_client.checkpoint()
        tiles = tile_client.tiles(signed.size)
        tile_client.verify(tiles, signed)
        entries = tile_client.entries(tiles, signed.size)
        assert len(entries) == signed.size
        wrong = {**tiles, (0, 0): [bytes(32), *tiles[0, 0][1:]]}
        with pytest.raises(AssertionError):
            tile_client.verify(wrong, signed)
    some = json.loads(entries[-1])
    assert client.get(f"/v1/records/{signed.size - 1}").json()["entry"] == some


# -- certificates


def certificate(name, *, signer=None, is_ca=False):
    """A key and a certificate for 127.0.0.1, by itself or by ``signer``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by_key, by = signer or (key, None)
    now = datetime.datetime.now(datetime.UTC)
    local = x509.IPAddress(__import__("ipaddress").ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([local]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(by_key, hashes.SHA256())
    )
    return key, made


def write_pair(folder, name, pair):
    key, made = pair
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    authority = certificate("clients", is_ca=True)
    pairs = {
        "server": certificate("127.0.0.1"),
        "authority": authority,
        "client": certificate("client", signer=authority),
        "stranger": certificate("stranger"),
    }
    return {name: write_pair(folder, name, pair) for name, pair in pairs.items()}


def over_tls(server, pems, *, shows=None):
    context = ssl.create_default_context(cafile=str(pems["server"][0]))
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if shows:
        context.load_cert_chain(*map(str, pems[shows]))
    return httpx.get(
        server.url + "/v1/log", headers={"Authorization": f"Bearer {server.token}"}, verify=context
    )


def test_it_serves_https_with_a_certificate_and_nothing_without_tls(pems, tmp_path):
    cert, key = pems["server"]
    with ServerProcess(tmp_path / "data", "--tls-cert", cert, "--tls-key", key) as server:
        assert server.url.startswith("https://127.0.0.1:")
        assert over_tls(server, pems).status_code == 200
        with pytest.raises(httpx.ConnectError, match="certificate"):
            httpx.get(server.url + "/healthz")
        with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
            httpx.get(server.url.replace("https:", "http:") + "/healthz")


def test_with_a_client_authority_only_its_certificates_are_let_in(pems, tmp_path):
    cert, key = pems["server"]
    options = ("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", pems["authority"][0])
    with ServerProcess(tmp_path / "data", *options) as server:
        assert over_tls(server, pems, shows="client").status_code == 200
        for shows in (None, "stranger"):
            with pytest.raises(httpx.TransportError):
                over_tls(server, pems, shows=shows)


def test_a_certificate_file_that_is_none_is_a_clear_error(pems, tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text("nothing")
    for cert in (broken, tmp_path / "missing.pem"):
        said = run_up(
            tmp_path / "data", "--port", "0", "--tls-cert", cert, "--tls-key", pems["server"][1]
        )
        assert said.returncode in (2, 3)
        assert "the TLS files cannot be used" in said.stderr
        assert "Traceback" not in said.stderr


def test_nothing_of_this_file_is_still_running(server):
    """Last, so that what an earlier test left behind is found here."""
    mine = {pid for pid in children(os.getpid()) if b"wherefrom" in command_line(pid)}
    assert mine == {server.pid}

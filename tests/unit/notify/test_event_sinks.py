"""Where security events go: nothing is lost and nothing doubled, wherever it is torn."""

import itertools
import json
import socket
import ssl
import subprocess
import threading

import pytest

from wherefrom.errors import Malformed, SettingError, StorageError, Unavailable
from wherefrom.notify import event_sinks
from wherefrom.notify.event_sinks import At, FileSink, Noted, SocketSink, address_of
from wherefrom.query.security.stream import Line

# Three records: of two events, of one, of three.
NUMBERED = [(3, 0), (3, 1), (5, 0), (9, 0), (9, 1), (9, 2)]


def ocsf_line(entry, number):
    text = json.dumps({"activity_id": 1, "message": f'says "sequence":{number}', "metadata": {
        "uid": f"o#{entry}.{number}", "sequence": entry}}, separators=(",", ":"))  # fmt: skip
    return Line(text, entry, number, "key.revoked", 4, "2026-01-01T00:00:00.000000Z")


def cef_line(entry, number):
    text = f"CEF:0|W|W|1|key.revoked|A|7|rt=1 externalId={entry} msg=externalId\\=7 cn1={number}"
    return Line(text, entry, number, "key.revoked", 4, "2026-01-01T00:00:00.000000Z")


def written(lines):
    return b"".join(line.text.encode() + b"\n" for line in lines)


def go_on(path, lines):
    """As the command does: from where the sink stands on, a record's events all or none."""
    sink = FileSink(path)
    at = sink.at or At(0)
    for entry, some in itertools.groupby(lines, key=lambda line: line.entry):
        if entry >= at.entry:
            left = [x for x in some if x.entry > at.entry or x.number >= at.events]
            sink.take(left, next=entry + 1)
    sink.close()


@pytest.mark.parametrize("made", [ocsf_line, cef_line])
def test_a_file_that_was_torn_anywhere_is_gone_on_with_and_comes_out_whole(tmp_path, made):
    lines = [made(*one) for one in NUMBERED]
    whole = written(lines)
    path = tmp_path / "events"
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        go_on(path, lines)
        assert path.read_bytes() == whole, cut


@pytest.mark.parametrize("tail", [40, 100, 1000])
def test_the_end_of_a_long_file_is_found_in_pieces_of_any_size(tmp_path, monkeypatch, tail):
    monkeypatch.setattr(event_sinks, "TAIL_BYTES", tail)
    lines = [ocsf_line(1, 0), *(ocsf_line(2, n) for n in range(30))]
    path = tmp_path / "events"
    for kept in range(1, len(lines) + 1):
        path.write_bytes(written(lines[:kept]) + b'{"torn')
        sink = FileSink(path)
        sink.close()
        assert sink.at == (At(1, 1) if kept == 1 else At(2, kept - 1))
        assert path.read_bytes() == written(lines[:kept])


@pytest.mark.parametrize("said", [b"my notes\n", b"my notes", b'{"a":1}', b'{"a":1}\n{"b', b"\n"])
def test_a_file_of_something_else_is_left_as_it_is(tmp_path, said):
    path = tmp_path / "notes"
    path.write_bytes(said)
    with pytest.raises(Malformed, match="not a file of security events"):
        FileSink(path)
    assert path.read_bytes() == said


def test_a_disk_that_fails_in_a_batch_leaves_nothing_of_it(tmp_path, monkeypatch):
    path = tmp_path / "events"
    sink = FileSink(path)
    first, second = [ocsf_line(1, 0)], [ocsf_line(2, 0), ocsf_line(2, 1)]
    sink.take(first, next=2)
    monkeypatch.setattr(event_sinks.os, "fsync", lambda number: fail())
    with pytest.raises(StorageError, match="events cannot be written"):
        sink.take(second, next=3)
    monkeypatch.undo()
    sink.take(second, next=3)
    sink.close()
    assert path.read_bytes() == written(first + second)


def fail():
    raise OSError(28, "No space left on device")


def test_a_folder_cannot_be_written_to(tmp_path):
    with pytest.raises(StorageError, match="events cannot be written"):
        FileSink(tmp_path)


# -- a SIEM


class Siem:
    """Listens; ``got`` is all that came, connection by connection. With TLS if given a context."""

    def __init__(self, context=None):
        self.got, self._context = [], context
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._hang_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.hang_up()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def hang_up(self):
        """End the connection that is open."""
        self._hang_up.set()

    def _run(self):
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.got.append(b"")
            self._hang_up.clear()
            try:
                if self._context:
                    connection = self._context.wrap_socket(connection, server_side=True)
                connection.settimeout(0.05)
                self._read(connection)
            except OSError:
                pass
            connection.close()

    def _read(self, connection):
        while not self._hang_up.is_set():
            try:
                piece = connection.recv(65536)
            except TimeoutError:
                continue
            if not piece:
                return
            self.got[-1] += piece

    def wait_for(self, expected):
        for _ in range(1200):
            if b"".join(self.got) == expected:
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"got {self.got}, not {expected}")


def address(siem, scheme="tcp"):
    host = "localhost" if scheme == "tls" else "127.0.0.1"
    return address_of(f"{scheme}://{host}:{siem.port}")


def test_lines_go_to_a_siem_and_what_it_took_is_noted(tmp_path):
    noted = Noted(tmp_path / "cursor")
    with Siem() as siem:
        with SocketSink(address(siem), as_syslog=False, noted=noted) as sink:
            assert sink.at is None
            sink.take([ocsf_line(3, 0)], next=4)
            sink.take([], next=9)
            siem.wait_for(written([ocsf_line(3, 0)]))
        assert noted.read() == At(9)
        with SocketSink(address(siem), as_syslog=False, noted=noted) as sink:
            assert sink.at == At(9)


def test_cef_goes_as_syslog_with_its_length_before_each_message(tmp_path):
    with Siem() as siem, SocketSink(address(siem), as_syslog=True, host="web-1") as sink:
        sink.take([cef_line(3, 0), cef_line(3, 1)], next=4)
        text = cef_line(3, 0).text
        head = "<107>1 2026-01-01T00:00:00.000000Z web-1 wherefrom - key.revoked "
        one = f'{head}[meta sequenceId="4"][origin software="wherefrom" swVersion="'
        for _ in range(1200):
            if siem.got and siem.got[0].count(b"CEF:0") == 2:
                break
            threading.Event().wait(0.05)
        rest, messages = siem.got[0], []
        while rest:
            length, _, rest = rest.partition(b" ")
            messages.append(rest[: int(length)].decode())
            rest = rest[int(length) :]
    assert [m.startswith(one) for m in messages] == [True, True]
    assert messages[0].endswith(f"] {text}")


def test_a_siem_that_hung_up_is_called_again_and_nothing_is_lost(tmp_path):
    with Siem() as siem, SocketSink(address(siem), as_syslog=False) as sink:
        sink.take([ocsf_line(1, 0)], next=2)
        siem.wait_for(written([ocsf_line(1, 0)]))
        siem.hang_up()
        for _ in range(1200):
            if event_sinks._is_gone(sink._connection):
                break
            threading.Event().wait(0.05)
        sink.take([ocsf_line(2, 0)], next=3)
        siem.wait_for(written([ocsf_line(1, 0), ocsf_line(2, 0)]))
        assert len(siem.got) == 2


def test_what_a_siem_did_not_take_is_not_noted(tmp_path):
    noted = Noted(tmp_path / "cursor")
    with Siem() as siem:
        nobody = address(siem)
    with (
        SocketSink(nobody, as_syslog=False, noted=noted) as sink,
        pytest.raises(Unavailable, match="the SIEM does not take events"),
    ):
        sink.take([ocsf_line(1, 0)], next=2)
    assert noted.read() is None


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


def test_a_siem_is_spoken_to_over_tls_if_its_certificate_is_known(certificate):
    cert, context = certificate
    with Siem(context) as siem:
        with SocketSink(address(siem, "tls"), as_syslog=False, ca=cert) as sink:
            sink.take([ocsf_line(1, 0)], next=2)
            siem.wait_for(written([ocsf_line(1, 0)]))
            sink.take([ocsf_line(2, 0)], next=3)
            siem.wait_for(written([ocsf_line(1, 0), ocsf_line(2, 0)]))
        with (
            SocketSink(address(siem, "tls"), as_syslog=False) as sink,
            pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            sink.take([ocsf_line(1, 0)], next=2)


@pytest.mark.parametrize(("text", "expected"), [
    ("tcp://siem.example:514", ("siem.example", 514, False)), ("tcp://[::1]", ("::1", 601, False)),
    ("tls://siem.example", ("siem.example", 6514, True)), ("events.ndjson", None),
    ("./tcp", None),
])  # fmt: skip
def test_an_address_is_told_from_a_file(text, expected):
    found = address_of(text)
    assert (found and tuple(found)) == expected


@pytest.mark.parametrize("text", [
    "udp://siem:514", "tcp://", "tcp://h:99999", "tcp://h:x", "tcp://h/path", "https://h",
    "tcp://u:p@h:1", "tcp://[::1",
])  # fmt: skip
def test_an_address_of_another_kind_is_none(text):
    with pytest.raises(SettingError, match="not an address of a SIEM"):
        address_of(text)


@pytest.mark.parametrize("said", [b"", b"-1", b"1.5", b"9" * 17, b"\xff"])
def test_a_cursor_of_something_else_is_told(tmp_path, said):
    path = tmp_path / "cursor"
    path.write_bytes(said)
    with pytest.raises(Malformed, match="not where to go on"):
        Noted(path).read()

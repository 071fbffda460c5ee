"""Hostile uploads, one row each: over HTTP to a real server, and by ``wherefrom record FILE``.

    name │ how its file is written │ what becomes of it │ words of the reason │ memory it may take

Both doors say the same, each refusal names what and where, and no process, the server's reader,
fold and judges among them, grows past the row's limit.
"""

import bz2
import gzip
import json
import mmap
import os
import re
import subprocess
import threading
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
import zstandard

from tests.served import WHEREFROM, ServerProcess, children, command_line, event_bytes, rss_mib
from tests.unit.verify.evidence import of, parts, zipped

FLAT_MIB = 90  # what a stream may take, however long it is
HELD_MIB = 450  # what one record at the limit of 64 MiB may take
MIB = 1024 * 1024


# -- what is sent, written without being held


def counted(piece, times, *, start, end):
    def write(file):
        file.write(start)
        file.writelines(piece % number for number in range(times))
        file.write(end)

    return write


def repeated(piece, times, *, start=b"", end=b""):
    def write(file):
        file.write(start)
        at_once = max(1, min(times, MIB // len(piece)))
        block = piece * at_once
        for _ in range(times // at_once):
            file.write(block)
        file.write(piece * (times % at_once))
        file.write(end)

    return write


def plainly(content):
    return lambda file: file.write(content() if callable(content) else content)


def events(megabytes):
    def write(file):
        number = 0
        while file.tell() < megabytes * 1_000_000:
            event = json.loads(event_bytes(number % 50))
            event["job"]["facets"] = {
                "sql": {"_producer": "p", "_schemaURL": "s", "query": "x" * 3000}
            }
            file.write(json.dumps(event).encode() + b"\n")
            number += 1

    return write


def packed(compressor, write, *, members=1):
    """What ``write`` writes, compressed, and the same member so many times."""

    def through(file):
        began = file.tell()
        out = _Through(compressor(), file)
        write(out)
        out.finish()
        if members > 1:
            member = Path(file.name).read_bytes()[began:]
            repeated(member, members - 1)(file)

    return through


class _Through:
    def __init__(self, compressor, file):
        self._compressor, self._file, self._size = compressor, file, 0

    def write(self, content):
        self._size += len(content)
        self._file.write(self._compressor.compress(content))

    def tell(self):
        return self._size

    def finish(self):
        self._file.write(self._compressor.flush())
        self._file.flush()


def gzip_(level=6):
    return zlib.compressobj(level, zlib.DEFLATED, 31)


def zstd():
    return zstandard.ZstdCompressor().compressobj()


ZEROS = plainly(bytes(MIB))  # 1,100 of them are more than a body may become
STATEMENT = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": "a", "digest": {"sha256": "a" * 64}}],
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": {
        "buildDefinition": {"buildType": "t", "externalParameters": {}},
        "runDetails": {"builder": {"id": "b"}},
    },
}


def stating(value, *, raw=False):
    """A statement with ``value`` in its parameters; ``raw``: as it stands, though it be no JSON."""
    written = json.dumps(
        {**STATEMENT, "predicate": {**STATEMENT["predicate"], "x": "VALUE"}}
    ).encode()
    return written.replace(b'"VALUE"', value if raw else json.dumps(value).encode())


def bom_of(component):
    return b'{"bomFormat":"CycloneDX","specVersion":"1.5","components":[' + component + b"]}"


class Row(NamedTuple):
    """``becomes``: outcome → number; None for what is only refused as a whole."""

    write: object
    becomes: dict
    says: str = ""
    mib: int = FLAT_MIB


ROWS = {
    # streams
    "100 MB of JSON Lines": Row(events(100), {"new": 50, "known": 27_000}),
    "100 MB of JSON Lines, gzip": Row(packed(gzip_, events(100)), {"new": 50, "known": 27_000}),
    "a million tiny records in a line": Row(
        repeated(b"{},", 999_999, start=b"[", end=b"{}]"),
        {"unsupported": 1_000_000}, "an empty JSON object", 2 * FLAT_MIB,
    ),
    "two hundred thousand tiny lines": Row(
        repeated(b"{}\n", 200_000), {"unsupported": 200_000}, "an empty JSON object"
    ),
    "two hundred thousand lines of junk": Row(
        repeated(b"x\n", 200_000, start=b'{"a":1}\n{"a":2}\n'),
        {"malformed": 200_000, "unsupported": 2}, "a line is not JSON, at line 3",
    ),
    "a line of 70 MiB between two records": Row(
        repeated(b"x" * MIB, 70, start=event_bytes(1) + b"\n", end=b"\n" + event_bytes(2)),
        {"taken": 2, "limit": 1}, "a line is too long for a record, at line 2", 3 * FLAT_MIB,
    ),
    # one document
    "70 MiB of one document": Row(
        repeated(b" " * MIB, 70, start=b'{"a":\n', end=b"1}"), {"limit": 1},
        "the document is too long for a record: expected content_bytes_max 67108864", HELD_MIB,
    ),
    "an array of 260 MiB": Row(
        repeated(b" " * MIB, 260, start=b"[\n", end=b"]"), {"limit": 1},
        "an array is too long to be cut: expected array_bytes_max", 700,
    ),
    "a million brackets": Row(
        repeated(b"[", 1_000_000, start=b'{"a":'), {"limit": 1}, "depth_max 128"
    ),
    "a hundred thousand objects in each other": Row(
        plainly(stating(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, raw=True)), {"limit": 1},
        "nested too deeply: expected depth_max 128",
    ),
    "1e999999": Row(
        plainly(stating(b"1e999999", raw=True)), {"malformed": 1}, "too large for a double"
    ),
    "a number of a million digits": Row(
        plainly(stating(b"9" * 1_000_000, raw=True)), {"limit": 1}, "number_digits_max 400"
    ),
    "a fraction of a million digits": Row(
        plainly(stating(b"0." + b"9" * 1_000_000, raw=True)), {"limit": 1}, "number_digits_max"
    ),
    "a key twice": Row(
        plainly(stating(b'{"k":1,"k":2}', raw=True)), {"malformed": 1},
        "names one key twice, at key 'k'",
    ),
    "half a surrogate pair": Row(
        plainly(stating(rb'"\ud800"', raw=True)), {"malformed": 1}, "half a surrogate pair"
    ),
    "a NUL as it is": Row(
        plainly(stating(b'"\0"', raw=True)), {"malformed": 1}, "not JSON, at line 1"
    ),
    "a NUL after the document": Row(
        plainly(stating(1) + b"\0"), {"malformed": 1}, "more after the JSON value"
    ),
    "a NUL in a string": Row(plainly(stating("\0")), {"taken": 1}),
    "invalid UTF-8": Row(
        plainly(stating(b'"\xff"', raw=True)), {"malformed": 1}, "not UTF-8 text, at byte"
    ),
    "a byte order mark at the start": Row(plainly(b"\xef\xbb\xbf" + stating("bom")), {"taken": 1}),
    "a byte order mark in front of a line": Row(
        plainly(event_bytes(3) + b"\n\xef\xbb\xbf" + event_bytes(4) + b"\n" + event_bytes(5)),
        {"taken": 2, "malformed": 1}, "at line 2",
    ),
    "UTF-16": Row(plainly('{"a": 1}'.encode("utf-16")), {"unsupported": 1}, "UTF-16 text"),
    "nothing": Row(plainly(b""), {"malformed": 1}, "the input is empty"),
    "a purl of a megabyte": Row(
        plainly(bom_of(b'{"type":"library","name":"a","purl":"pkg:npm/' + b"a" * MIB + b'"}')),
        {"taken": 1},
    ),
    "a name of ten megabytes": Row(
        plainly(bom_of(b'{"type":"library","name":"' + b"a" * 10 * MIB + b'"}')),
        {"taken": 1}, "", 2 * FLAT_MIB,
    ),
    "a key of ten megabytes": Row(
        plainly(stating(b'{"' + b"k" * 10 * MIB + b'":1,"' + b"k" * 10 * MIB + b'":2}', raw=True)),
        {"malformed": 1}, "names one key twice", 3 * FLAT_MIB,
    ),
    "a million subjects": Row(
        repeated(b'{"name":"a","digest":{"sha256":"' + b"a" * 24 + b'"}},', 1_000_000,
                 start=b'{"_type":"https://in-toto.io/Statement/v1","predicateType":"t","subject":[',
                 end=b"{}]}"),
        {"limit": 1}, "a document holds too many values: expected values_max", 3 * FLAT_MIB,
    ),
    "a million components": Row(
        repeated(b'{"type":"library","name":"a"},', 1_000_000,
                 start=b'{"bomFormat":"CycloneDX","specVersion":"1.5","components":[', end=b"{}]}"),
        {"limit": 1}, "values_max 2000000", 3 * FLAT_MIB,
    ),
    "150,000 components": Row(
        counted(b'{"type":"library","name":"%d"},', 150_000,
                start=b'{"bomFormat":"CycloneDX","specVersion":"1.5","components":[',
                end=b'{"type":"library","name":"z"}]}'),
        {"limit": 1}, "an SBOM lists too many parts: expected 100000 at most", 2 * FLAT_MIB,
    ),
    "sixty megabytes of empty objects": Row(
        repeated(b"{},", 20_000_000, start=b'{"a":[', end=b"{}]}"), {"limit": 1}, "values_max",
        HELD_MIB,
    ),
    # bombs: what was read before the limit stays good, and is then refused for what it is
    "a gzip bomb": Row(packed(gzip_, ZEROS, members=1100), {"unsupported": 1}, "binary data"),
    "a bzip2 bomb": Row(
        packed(bz2.BZ2Compressor, ZEROS, members=1100), {"unsupported": 1}, "binary data"
    ),
    "a zstd bomb": Row(packed(zstd, ZEROS, members=1100), {"unsupported": 1}, "binary data"),
    "a bomb in JSON": Row(
        packed(gzip_, plainly(b'{"a":' + b" " * MIB), members=1100), {"limit": 1},
        "decompressed_bytes_max 1073741824", HELD_MIB,
    ),
    "a bomb in a bomb": Row(
        plainly(lambda: gzip.compress(bz2.compress(bytes(200 * MIB)))), {"unsupported": 1},
        "binary data",
    ),
    "three layers": Row(
        plainly(lambda: gzip.compress(gzip.compress(gzip.compress(event_bytes(1))))), {"limit": 1},
        "compression_layers_max 2",
    ),
    "a hundred thousand members": Row(
        packed(gzip_, plainly(b""), members=100_000), {"malformed": 1}, "the input is empty"
    ),
    "ten thousand members of a record": Row(
        packed(gzip_, plainly(event_bytes(1) + b"\n"), members=10_000), {"taken": 10_000}
    ),
    "gzip cut off": Row(
        plainly(lambda: gzip.compress(os.urandom(1000))[:-30]), {"malformed": 1},
        "gzip data is cut off",
    ),
}  # fmt: skip


# -- both doors


class Watch:
    """The most that each process of a family took beyond what it had, by what it is."""

    def __init__(self, pid, *, from_nothing=False):
        self._pid, self._from_nothing = pid, from_nothing
        self._began = {} if from_nothing else {p: self._rss(p) for p in self._family()}
        self._done = threading.Event()
        self.grew = {}

    def _family(self):
        found = [self._pid]
        for pid in found:
            found += children(pid)
        return found

    def _rss(self, pid):
        try:
            return rss_mib(pid)
        except (AssertionError, FileNotFoundError, ProcessLookupError):
            return 0

    def _look(self):
        while not self._done.wait(0.03):
            for pid in self._family():
                now = self._rss(pid)
                grew = now - self._began.setdefault(pid, min(now, 45))
                told = command_line(pid).decode(errors="replace")
                role = next((r for r in ("judging", "reader", "up") if r in told), "other")
                self.grew[role] = max(self.grew.get(role, 0), round(grew))

    def __enter__(self):
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()


CODE = re.compile(rb'"code":"(\w+)"')


def told_in(path):
    """Outcomes and reasons in an answer that may be larger than memory should hold."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as said:
        statuses = Counter(m[1].decode() for m in re.finditer(rb'"status":"(\w+)"', said))
        codes = Counter(m[1].decode() for m in CODE.finditer(said))
        return statuses, codes, said[:3000].decode(errors="replace") + reasons(said)


def reasons(said):
    """Each reason there is, once; of many thousands the first few hundred."""
    found = {}
    for match in re.finditer(rb'"(?:reason|detail)":"((?:[^"\\]|\\.)*)"', said):
        found[match[1]] = None
        if len(found) > 300:
            break
    return "\n".join(json.loads(b'"' + reason + b'"') for reason in found)


def need(row, statuses, codes, says, grew):
    taken = statuses["recorded"] + statuses["known"]
    wanted = dict(row.becomes)
    if "taken" in wanted:
        assert taken == wanted.pop("taken"), (statuses, says[:500])
    elif "new" in wanted:
        assert statuses["recorded"] <= wanted.pop("new"), statuses
        assert taken > wanted.pop("known"), statuses
    else:
        assert taken == 0, statuses
    assert codes == wanted, (statuses, codes, says[:500])
    assert row.says in says
    assert max(grew.values(), default=0) < row.mib, grew


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("hostile") / "data") as server:
        with server.client() as client:  # so that its judges are there
            client.post("/v1/records", content=b"\n".join(event_bytes(n) for n in range(40)))
        yield server
        assert "Traceback" not in server.errors(), server.errors()


@pytest.fixture(params=ROWS)
def row(request, tmp_path):
    row = ROWS[request.param]
    path = tmp_path / "upload"
    with open(path, "wb") as file:
        row.write(file)
    yield row, path
    path.unlink()


def test_over_http_it_is_answered_or_refused_and_memory_is_flat(server, row, tmp_path):
    row, path = row
    with (
        open(path, "rb") as body,
        open(tmp_path / "answer", "wb") as answer,
        Watch(server.pid) as watch,
        server.client() as client,
        client.stream("POST", "/v1/records", content=body) as said,
    ):
        for chunk in said.iter_bytes():
            answer.write(chunk)
    assert said.status_code < 500
    statuses, codes, says = told_in(tmp_path / "answer")
    print(path.stat().st_size, dict(statuses), dict(codes), watch.grew)
    need(row, statuses, codes, says, watch.grew)
    with server.client() as client:
        assert client.get("/healthz").status_code == 200


def test_by_the_command_it_is_recorded_or_refused_and_memory_is_flat(row, tmp_path):
    row, path = row
    with (
        open(tmp_path / "answer", "wb") as answer,
        subprocess.Popen(
            [WHEREFROM, "record", path, "--data", tmp_path / "data", "--json"],
            stdout=answer, stderr=subprocess.PIPE,
        ) as ran,
        Watch(ran.pid, from_nothing=True) as watch,
    ):  # fmt: skip
        errors = ran.stderr.read().decode()
    assert "Traceback" not in errors, errors
    assert ran.returncode == (0 if row.becomes.keys() <= {"taken", "new", "known"} else 1), errors
    statuses, codes, says = told_in(tmp_path / "answer")
    print(path.stat().st_size, dict(statuses), dict(codes), watch.grew)
    need(row, statuses, codes, says, watch.grew)


# -- evidence: ``wherefrom verify FILE --offline``


def evidence(**changes):
    """A whole evidence file whose parts are changed; ``None`` takes one out."""
    named = {**parts(of().trace), **changes}
    return zipped({k: v for k, v in named.items() if v is not None}, method=zipfile.ZIP_DEFLATED)


def overlapping():
    """Every name of the directory leads to the same packed bytes."""
    written = bytearray(zipped({f"contents/{n}": bytes(MIB) for n in range(40)}))
    at = len(written)
    while (at := written.rfind(b"PK\1\2", 0, at)) >= 0:
        written[at + 42 : at + 46] = bytes(4)
    return bytes(written)


EVIDENCE = {
    "whole": (evidence, "proven", ""),
    "an entry of a gigabyte": (
        lambda: evidence(**{"entries/0": bytes(1 << 30)}), "failed", "expected 2048 bytes at most"
    ),
    "a checkpoint of 200 MiB": (
        lambda: evidence(checkpoint=bytes(200 * MIB)), "failed", "expected 1000000 bytes at most"
    ),
    "a manifest of 200 MiB": (
        lambda: evidence(**{"manifest.json": b" " * 200 * MIB}), "failed", "evidence is too large"
    ),
    "contents of 1.2 GiB together": (
        lambda: evidence(**{f"contents/{n}": bytes(60 * MIB) for n in range(20)}), "failed",
        "evidence is too large",
    ),
    "a way up": (lambda: evidence(**{"../x": b""}), "failed", "an unknown part"),
    "a way from the root": (lambda: evidence(**{"/etc/x": b""}), "failed", "an unknown part"),
    "a name with backslashes": (lambda: evidence(**{"..\\x": b""}), "failed", "an unknown part"),
    "an entry in a folder of its own": (
        lambda: evidence(**{"entries/../entries/0": b""}), "failed", "an unknown part"
    ),
    "a zip in the zip": (
        lambda: evidence(**{"contents/0": evidence()}), "failed", "not what the entry commits to"
    ),
    "all names one content": (overlapping, "failed", "not a readable zip"),
    "a zip that is cut off": (lambda: evidence()[:-30], "failed", "not a readable zip"),
    "a megabyte of zeros": (lambda: b"PK\3\4" + bytes(MIB), "failed", "not a readable zip"),
}  # fmt: skip


@pytest.mark.parametrize("name", EVIDENCE)
def test_hostile_evidence_is_failed_with_its_reason_and_leaves_no_file(name, tmp_path):
    make, result, says = EVIDENCE[name]
    place = tmp_path / "here"
    place.mkdir()
    path = place / "evidence.zip"
    path.write_bytes(make())
    with subprocess.Popen(
        [WHEREFROM, "verify", path, "--offline", "--log-key", of().key.to_text(), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=place,
    ) as ran, Watch(ran.pid, from_nothing=True) as watch:  # fmt: skip
        said = ran.stdout.read().decode()
    assert "Traceback" not in said, said
    assert ran.returncode == (0 if result == "proven" else 1), said
    assert f'"result":"{result}"' in said.replace('": "', '":"'), said
    assert says in said
    assert max(watch.grew.values(), default=0) < 2 * FLAT_MIB, watch.grew
    assert [p.name for p in tmp_path.rglob("*")] == ["here", "evidence.zip"]

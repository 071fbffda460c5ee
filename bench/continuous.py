"""What runs, judged again: how soon a revoked key shows, and what watching costs meanwhile.

    recorded ──► served, a policy in force ──► all looked at (timed)
             ──► nothing that concerns anybody, for seconds ──► processor time
             ──► a key revoked that vouched for one in a hundred ──► first and last summary (timed)

Each artifact runs as one service, and has an SBOM of PARTS parts, half of them shared by all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from bench.inputs import KEY, event, sha256
from bench.place import BATCH, PRODUCER, Place
from bench.report import Row
from bench.server import Server, serving
from wherefrom.app import DataFolder, now, open_log, open_recorder
from wherefrom.capture import changes
from wherefrom.collect.principals import local
from wherefrom.formats import dsse, entry, in_force, slsa
from wherefrom.formats import policy as policies
from wherefrom.formats.states import Scope
from wherefrom.keys.changes import KeyWish
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.public import PublicKey
from wherefrom.log.reader import LogReader

PARTS: Final = 20
_REVOKED: Final = SigningKey(bytes([3] * 32))
_POLICY: Final[dict[str, Any]] = {
    "name": "bench", "version": "1", "rules": [{"name": "sbom", "needs": "sbom"}],
}  # fmt: skip
_WITHIN_SECONDS: Final = 1_800.0
_STEADY_SECONDS: Final = 10.0
_BESIDE: Final = 100


def measure(place: Place) -> Iterator[Row]:
    """The first look, a quiet time, and a revocation."""
    folder, count = place.fresh("continuous"), place.sizes.running
    touched = max(1, count // 100)
    place.say(f"recording {count:,} services and their SBOMs")
    _fill(folder, count, touched)
    with serving(folder) as server:
        server.wait_for_graph()
        log = open_log(folder)
        began, before = time.perf_counter(), server.usage().watch
        _put_in_force(server)
        _summaries(log, log.refresh().size, count)
        took = time.perf_counter() - began
        yield Row(
            area="continuous",
            what=f"first look at {count:,} running artifacts, each summary signed",
            value=count / took,
            unit="/s",
            beside={
                "all after s": took,
                "watch CPU µs each": (server.usage().watch - before) / count * 1e6,
            },
        )
        _wait_quiet(server)
        yield _steady(place, server, beside=0)
        yield _steady(place, server, beside=_BESIDE)
        yield from _revoked(server, log, touched)


def _fill(folder: DataFolder, count: int, touched: int) -> None:
    with open_recorder(folder) as recorder:
        for key in (PRODUCER, PublicKey(spki_der(_REVOKED.public_key))):
            recorder.wish(KeyWish(action="trust", pem=key.to_pem()))
        for start in range(0, count, BATCH):
            some = range(start, min(start + BATCH, count))
            batch = [_sbom(n, _REVOKED if n < touched else KEY) for n in some]
            batch += [_deployed(n) for n in some]
            outcomes = recorder.record(batch, principal=local(0))
            assert all(outcome.status == "recorded" for outcome in outcomes)


def _sbom(number: int, key: SigningKey) -> bytes:
    parts = [f"pkg:npm/shared-{n}@1.0.0" for n in range(PARTS // 2)]
    parts += [f"pkg:npm/own-{number}-{n}@1.0.0" for n in range(PARTS // 2)]
    statement = {
        "_type": dsse.STATEMENT_TYPES[0],
        "subject": [{"name": f"service-{number}", "digest": {"sha256": _artifact(number)}}],
        "predicateType": "https://cyclonedx.org/bom",
        "predicate": {
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": {"type": "container", "name": f"service-{number}",
                                       "bom-ref": "root"}},
            "components": [
                {"type": "library", "name": purl, "purl": purl, "bom-ref": purl} for purl in parts
            ],
        },
    }  # fmt: skip
    return sign_envelope(dsse.IN_TOTO_TYPE, msgspec.json.encode(statement), key)


def _artifact(number: int) -> str:
    return sha256(f"continuous {number}")


def _deployed(number: int) -> bytes:
    return changes.deploy(
        Scope("prod", f"service-{number}"), f"sha256:{_artifact(number)}",
        at="2026-01-01T00:00:00.000000Z", source="https://ci.bench.example",
    )  # fmt: skip


def _put_in_force(server: Server) -> None:
    said = policies.parse(_POLICY, where="policy")
    word = in_force.InForce(stage="in_force", environment="prod", since=now())
    for statement in (policies.to_statement(said), in_force.to_statement(word, said.digest)):
        _record(server, sign_envelope(dsse.IN_TOTO_TYPE, statement, KEY))


def _record(server: Server, *contents: bytes) -> None:
    with server.line() as line:
        status, answer = line.post("/v1/records", b"\n".join(contents))
    assert status in (200, 201), answer


def _summaries(log: LogReader, since: int, count: int) -> tuple[float, int]:
    """Wait until so many summaries stand in the log from ``since`` on: when the first came, and
    how many there are. Raises TimeoutError."""
    first, found, until = 0.0, 0, time.monotonic() + _WITHIN_SECONDS
    while found < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{found} of {count} summaries came")
        size = log.refresh().size
        for written in log.entries(since, size):
            if slsa.is_vsa(entry.parse(written).type):
                first = first or time.perf_counter()
                found += 1
        since = size
        time.sleep(0.01)
    return first, found


def _wait_quiet(server: Server) -> None:
    """Return once the watch has nothing left to do. Raises TimeoutError."""
    until = time.monotonic() + _WITHIN_SECONDS
    with server.line() as line:
        while time.monotonic() < until:
            status, answer = line.get("/v1/policy/status?limit=1")
            watch = msgspec.json.decode(answer)["watch"] if status == 200 else None
            if watch and not watch["waiting"] and not watch["behind"]:
                return
            time.sleep(0.5)
    raise TimeoutError("the watch did not come to rest")


def _steady(place: Place, server: Server, *, beside: int) -> Row:
    """Seconds in which nothing concerns anybody, with so many records a second beside it."""
    seconds = min(_STEADY_SECONDS, 3 * place.sizes.sustained_seconds)
    before, began, sent = server.usage().watch, time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        if beside:
            _record(server, *(event(sent + n, "beside") for n in range(beside)))
            sent += beside
        time.sleep(max(0.0, min(1.0, began + seconds - time.perf_counter())))
    used, took = server.usage().watch - before, time.perf_counter() - began
    what = f"{beside} records/s that concern nothing" if beside else "nothing recorded"
    return Row(
        area="continuous",
        what=f"watching {place.sizes.running:,} running artifacts, {what}",
        value=used / took * 1e3,
        unit="ms CPU/s",
    )


def _revoked(server: Server, log: LogReader, touched: int) -> Iterator[Row]:
    size = log.refresh().size
    key = PublicKey(spki_der(_REVOKED.public_key)).id
    began = time.perf_counter()
    with server.line() as line:
        asked = {"action": "revoke", "key": key}
        status, answer = line.post("/v1/keys", msgspec.json.encode(asked))
        assert status == 201, answer
    answered = time.perf_counter()
    first, _ = _summaries(log, size, touched)
    yield Row(
        area="continuous",
        what=f"a key revoked that vouched for {touched:,} of them: the last summary after",
        value=time.perf_counter() - began,
        unit="s",
        beside={"first after s": first - began, "revocation answered after s": answered - began},
    )

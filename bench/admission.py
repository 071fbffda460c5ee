"""How fast a cluster is answered: a real guard over TLS, beside a real log.

    500 reviews/s of 5 images (own process, due by the clock) ──TLS──► guard ──HTTP──► log

Reviews of images that are known are told from those of images that nobody asked about yet, which
wait for the log. A review counts from when it was due, whether or not the guard kept up.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.inputs import artifact, review, signed
from bench.load import Job, loading
from bench.place import BATCH, PRODUCER, Place
from bench.report import Row
from bench.server import COMMAND, Server, serving
from bench.timing import each, usage_of
from wherefrom.app import open_recorder
from wherefrom.collect.principals import local

_RATE: Final = 500
_IMAGES: Final = 5
_GOAL_MS: Final = 20.0
_RUN: Final = "admission"
_CONNECTIONS: Final = 32
_BESIDE_RATE: Final = 500
_POLICY: Final = """
name: bench
version: "1"
rules:
  - name: built
    needs: provenance
    builders: [{id: "https://ci.example/*"}]
    sources: ["git+https://git.example/*"]
"""


def measure(place: Place) -> Iterator[Row]:
    """Known images, known ones while the log grows, new ones."""
    folder, pool = place.fresh("admission"), place.sizes.reviewed
    new = place.sizes.questions // 4 * _IMAGES
    place.say(f"recording {pool + new:,} builds")
    with open_recorder(folder) as recorder:
        recorder.change_key(PRODUCER, action="trust", reason="bench")
        for start in range(0, pool + new, BATCH):
            numbers = range(start, min(start + BATCH, pool + new))
            recorder.record([signed(n, _RUN) for n in numbers], principal=local(0))
    with serving(folder) as server:
        server.wait_for_graph()
        with _guarding(place.folder, server) as guard:
            yield from _known(place, server, guard, pool)
            yield _new(place, guard, range(pool, pool + new))


class _Guard(NamedTuple):
    """A guard that serves; ``certificate`` is to be trusted."""

    pid: int
    port: int
    certificate: Path

    def seconds(self) -> float:
        """Processor time so far."""
        return usage_of(self.pid).writer


def _known(place: Place, server: Server, guard: _Guard, pool: int) -> Iterator[Row]:
    reviews = max(1, int(_RATE * place.sizes.review_seconds))
    job = Job(
        port=guard.port, token="", run=_RUN, kind="review", records=reviews * _IMAGES,
        batch=_IMAGES, connections=_CONNECTIONS, rate=_RATE * _IMAGES, pool=pool,
        ca=str(guard.certificate),
    )  # fmt: skip
    warm = msgspec.structs.replace(job, records=max(pool, _IMAGES * 20))
    with loading(warm) as load:
        load.begin()
        load.result()
    place.say(f"{_RATE} reviews a second of images that are known")
    yield _row("known images", job, guard)
    place.say(f"the same, while {_BESIDE_RATE} records a second come in")
    beside = Job(
        port=server.port, token=server.token, run="beside", kind="mixed",
        records=max(1, int(_BESIDE_RATE * place.sizes.review_seconds)), batch=0, connections=2,
        rate=_BESIDE_RATE,
    )  # fmt: skip
    with loading(beside) as growing:
        growing.begin()
        yield _row("known images, while the log grows", job, guard)
        growing.result()


def _row(what: str, job: Job, guard: _Guard) -> Row:
    before = guard.seconds()
    with loading(job) as load:
        load.begin()
        sent = load.result()
    used = guard.seconds() - before
    reviews = job.records // _IMAGES
    assert sent.statuses == {"200": job.records}, sent.statuses
    assert sent.allowed == reviews, sent.last
    return Row(
        area="admission",
        what=f"{_RATE} reviews/s of {_IMAGES} {what}, p99",
        value=sent.p99_ms,
        unit="ms",
        goal=_GOAL_MS,
        beside={
            "p50 ms": sent.p50_ms,
            "reviews/s": reviews / sent.seconds,
            "guard CPU µs/review": used / reviews * 1e6,
            "client CPU %": sent.client_share,
        },
    )


def _new(place: Place, guard: _Guard, numbers: range) -> Row:
    place.say("reviews of images that are new")
    context = ssl.create_default_context(cafile=str(guard.certificate))
    url = f"https://127.0.0.1:{guard.port}"
    with httpx.Client(base_url=url, verify=context, timeout=60) as client:

        def ask(number: int) -> None:
            start = numbers.start + number * _IMAGES
            images = [artifact(n, _RUN) for n in range(start, start + _IMAGES)]
            answer = client.post("/validate", content=review(images, number))
            assert b'"allowed":true' in answer.content, answer.text

        times = each(len(numbers) // _IMAGES, ask)
    return Row(
        area="admission",
        what=f"a review of {_IMAGES} new images, one at a time, p99",
        value=times.p99,
        unit="ms",
        beside={"p50 ms": times.p50, "worst ms": times.worst},
    )


@contextmanager
def _guarding(folder: Path, server: Server) -> Iterator[_Guard]:
    """A guard beside a log."""
    certificate, key = _pair(folder)
    policy = folder / "policy.yaml"
    policy.write_text(_POLICY)
    process = subprocess.Popen(
        [
            *COMMAND, "admission", "serve", "--server", f"http://127.0.0.1:{server.port}",
            "--policy", str(policy), "--tls-cert", str(certificate), "--tls-key", str(key),
            "--port", "0", "--json",
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "WHEREFROM_TOKEN": server.token},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        if not said:
            raise RuntimeError(f"the guard ended with {process.wait()}")
        port = int(msgspec.json.decode(said)["url"].rpartition(":")[2])
        yield _Guard(process.pid, port, certificate)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


def _pair(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "guard.pem", folder / "guard.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths

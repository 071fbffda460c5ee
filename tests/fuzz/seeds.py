"""What is mutated: real inputs from beside the repository, and our own formats written here.

seeds_of("cyclonedx") ──► bytes, bytes, …    the same every time, none larger than SEED_BYTES_MAX
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache

import msgspec
import zstandard
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.folders import BUILDER, STRANGER, envelope, public, statement
from tests.journeys.test_every_input import input_paths
from tests.logs import LOG_KEY, ORIGIN, VKEY, MemoryPlace, genesis, numbered, reader, writer
from tests.paths import DATA, REPOSITORY
from tests.reviews import GROUPS, image, pod, review, workload
from tests.sigstore_world import Made, world
from wherefrom.collect.principals import local
from wherefrom.errors import Error, Refused
from wherefrom.formats import (
    base64_strict,
    cbor,
    cose,
    evidence_file,
    oci_manifest,
    own,
    tiles,
    tlog_proof,
)
from wherefrom.formats import facts as packing
from wherefrom.formats.cose_receipt import Consistency, Inclusion
from wherefrom.formats.entry import Trust
from wherefrom.formats.evidence_file import Claimed, EvidenceFile, Manifest
from wherefrom.formats.proof_token import ProofToken
from wherefrom.formats.recognise import read
from wherefrom.formats.tlog_proof import TlogProof
from wherefrom.keys.batches import sign_batch
from wherefrom.keys.cose import sign_receipt
from wherefrom.keys.proof_tokens import sign_token
from wherefrom.storage import frames
from wherefrom.verify import judging

SEED_BYTES_MAX = 16 * 1024
BETWEEN_FILES = b"\x1e"  # of a why-case, which is four
_A_FORMAT_MAX = 24
_A_FOLDER_MAX = 4
TIME = "2026-01-01T00:00:00.000000Z"


@cache
def seeds_of(kind: str) -> list[bytes]:
    """Seeds of one kind, at least one."""
    made = _MAKERS[kind]() if kind in _MAKERS else iter(_real().get(kind, []))
    seeds = list(dict.fromkeys(made))
    assert seeds, f"no seed of kind {kind}"
    return seeds


@cache
def _real() -> dict[str, list[bytes]]:
    """Small real records by their format, a few of every folder."""
    found: dict[str, list[bytes]] = {}
    taken: dict[tuple[str, str], int] = {}
    for path in input_paths():
        folder = path.rpartition("/")[0]
        if (DATA / path).stat().st_size > SEED_BYTES_MAX:
            continue
        content = (DATA / path).read_bytes()
        try:
            format = read(content).format
        except Refused:
            continue
        if taken.get((folder, format), 0) < _A_FOLDER_MAX:
            taken[folder, format] = taken.get((folder, format), 0) + 1
            found.setdefault(format, []).append(content)
    # Spread over all folders, whichever come first.
    return {name: all_[:: max(1, len(all_) // _A_FORMAT_MAX)] for name, all_ in found.items()}


def _real_json() -> list[list[bytes]]:
    """All but the one kind that is XML."""
    return [seeds for format, seeds in _real().items() if format != "junit"]


def _json() -> Iterator[bytes]:
    for seeds in _real_json():
        yield from seeds[:6]
    yield envelope(statement("app"), BUILDER, STRANGER)
    yield from _cloudevents()
    yield b'{"a":[1,-2,0.5,1e300,"\\u00e9",null,true],"b":{"":{}}}'


def _cloudevents() -> Iterator[bytes]:
    for sample in json.loads(
        (DATA / "runtime/cloudevents-spec/json-format-examples.json").read_bytes()
    ):
        yield json.dumps(sample).encode()
    attributes = {"specversion": "1.0", "id": "1", "source": "/x", "type": "t", "time": TIME}
    for inner in (_real()["openlineage"][0], statement("app")):
        yield json.dumps({**attributes, "data": json.loads(inner)}).encode()


def _dsse() -> Iterator[bytes]:
    yield from _real().get("dsse", [])
    yield envelope(statement("app"), BUILDER)
    yield envelope(statement("lib"), STRANGER, hints=[BUILDER.id])


def _batched() -> Iterator[bytes]:
    records = [statement("app"), envelope(statement("lib"), STRANGER), b"{}"]
    yield from sign_batch(records, BUILDER)
    yield from sign_batch(records[:1], STRANGER)


def _proof_tokens() -> Iterator[bytes]:
    for of, expires in (("", 0), ("sha256:" + "ab" * 32, 2**40), ("é" * 50, 1)):
        token = ProofToken(
            origin=ORIGIN, index=7, size=9, leaf=bytes(32), root=bytes([255] * 32), of=of,
            issued=0, expires=expires,
        )  # fmt: skip
        yield sign_token(token, LOG_KEY).encode()


def _statements() -> Iterator[bytes]:
    yield from _real().get("statement", [])
    yield statement("app")
    # What is signed in envelopes and bundles are statements too.
    for sealed in _real().get("dsse", []) + _real().get("sigstore_bundle", []):
        document = json.loads(sealed)
        inner = document.get("dsseEnvelope") or document
        try:
            yield base64_strict.decode(str(inner.get("payload")), where="payload")
        except Error:
            continue


def _purls() -> Iterator[bytes]:
    for path in sorted((DATA / "supply/purl-spec").rglob("*.json"))[::3]:
        for case in json.loads(path.read_bytes()).get("tests", [])[:12]:
            if isinstance(case.get("input"), str):
                yield case["input"].encode()


def _ids() -> Iterator[bytes]:
    yield from [
        b"entry:1", b"sha256:" + b"61707" * 12 + b"0000", b"7D" * 32, b"sha512-AAAA",
        b"gitCommit:" + b"c" * 40, b"c0ffee", b"1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
        b"s3://bucket:clean/7", b"prod orders", b"dataset:a:b", b"docker.io/nginx:1.25",
        b"repo@sha256:" + b"a" * 64, b"git+https://git.example/r@" + b"c" * 40 + b"#sub",
        b"app\n2026-01-01T00:00:00Z", b"https://ci.example/runs/app",
    ]  # fmt: skip
    yield from list(_purls())[:8]


def _times() -> Iterator[bytes]:
    yield from [b"2026-01-01T00:00:00Z", b"2026-01-01T23:59:60+01:00",
                b"2020-02-29t1:2:3.123456789",
                b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:59.999999-12:00"]  # fmt: skip


@cache
def _log() -> MemoryPlace:
    place = MemoryPlace()
    made = writer(place)
    made.commit([genesis(), *numbered(range(3))])
    made.close()
    return place


def _notes() -> Iterator[bytes]:
    yield reader(_log()).checkpoint
    for path in sorted((DATA / "tlog").rglob("checkpoint*"))[:12]:
        if path.is_file():
            yield path.read_bytes()


def _checkpoints() -> Iterator[bytes]:
    for note in _notes():
        yield note.partition(b"\n\n")[0] + b"\n"


def _requests() -> Iterator[bytes]:
    given = json.loads((DATA / "tlog/generated/witness_add_checkpoint.json").read_text())
    for exchange in given["exchanges"]:
        yield exchange["Request"].encode()


def _policies() -> Iterator[bytes]:
    page = (REPOSITORY / "docs/formats/tlog-policy.md").read_bytes()
    yield page.split(b"```")[1].lstrip(b"\n")
    yield b"# nobody\n\nquorum none\n"


def _manifests() -> Iterator[bytes]:
    digest = "sha256:" + "a" * 64
    one = {"mediaType": oci_manifest.MANIFEST, "digest": digest, "size": 7,
           "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"},
           "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}  # fmt: skip
    yield json.dumps(
        {"schemaVersion": 2, "mediaType": oci_manifest.INDEX, "manifests": [one]}
    ).encode()
    yield json.dumps({"schemaVersion": 2, "manifests": None}).encode()
    subject = oci_manifest.described(b"x", oci_manifest.MANIFEST)
    yield oci_manifest.referrer(subject, "application/spdx+json", b"{}", annotations={"a": "b"})
    yield b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'


def _references() -> Iterator[bytes]:
    yield from [
        b"ghcr.io/acme/cart:1", b"localhost:5000/cart@sha256:" + b"a" * 64, b"docker.io/nginx",
        b"http://[::1]:5000/a/b__c:latest", b"https://r.example/x-y.z/q:1@sha512:" + b"0" * 128,
    ]  # fmt: skip


def _docker_configs() -> Iterator[bytes]:
    yield b'{"auths":{"ghcr.io":{"auth":"dTpw"},"https://index.docker.io/v1/":{}},"credsStore":"x"}'
    yield b'{"auths":{"https://ghcr.io/v2/":{"username":"u","password":"p"}}}'


def _why_cases() -> Iterator[bytes]:
    change = b'{"id":"c","kind":"flag","service":"cart","scope":{},"before":"a","after":"b",'
    change += b'"started":"2026-01-01T12:00:00Z","finished":null,"steps":[{"at":'
    change += b'"2026-01-01T12:00:00Z","fraction":0.5,"instances_added":["x"]}]}\n'
    header = b"time,service,caller,instance,identity,metric,value\n"
    for symptom, value in ((b"null", b"0.5"), (b'{"service":"shop"}', b"NaN")):
        yield BETWEEN_FILES.join(
            (
                b'{"detected":"2026-01-01T12:04:00Z","symptom":' + symptom + b"}",
                change,
                header + b"2026-01-01T12:00:00Z,cart,shop,x,b,success_rate," + value + b"\n",
                b'{"calls":[["shop","cart"]]}',
            )
        )


def _watch_lists() -> Iterator[bytes]:
    page = (REPOSITORY / "docs/formats/monitor.md").read_bytes()
    yield page.split(b"```")[1].lstrip(b"\n")


def _keys() -> Iterator[bytes]:
    yield VKEY.to_text().encode()
    yield LOG_KEY.to_skey_text(ORIGIN).encode()


def _pems() -> Iterator[bytes]:
    # Not ``pem.new_key_pair``: a seed is the same in every run.
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    yield key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    yield public(BUILDER).to_pem().encode()
    for end in ("pem", "pub", "crt", "key"):
        for path in sorted((DATA / "supply").rglob(f"*.{end}"))[::7]:
            if path.stat().st_size < SEED_BYTES_MAX:
                yield path.read_bytes()


def _tile_paths() -> Iterator[bytes]:
    yield from [b"tile/0/x001/x234/067", b"tile/entries/273.p/112", b"tile/5/000"]


def _bundles() -> Iterator[bytes]:
    yield tiles.encode_bundle([b"Entry 0", b"", b"x" * 300])
    yield reader(_log()).bundle(0, 4)


def _proofs() -> Iterator[bytes]:
    log = reader(_log())
    checkpoint, paths = log.prove([0, 2])
    for index, path in zip([0, 2], paths, strict=True):
        entry = log.record(index).entry
        yield tlog_proof.to_bytes(TlogProof(index, tuple(path), checkpoint, entry))


def _cose() -> Iterator[bytes]:
    log = reader(_log())
    root, (path,) = log.position().root, log.prove([2])[1]
    inclusion = Inclusion(log.size, 2, tuple(path))
    for entry in (log.record(2).entry, None):
        yield sign_receipt(inclusion, root=root, origin=ORIGIN, key=LOG_KEY, entry=entry)
    consistency = Consistency(2, log.size, tuple(log.consistency(2, log.size)))
    yield sign_receipt(consistency, root=root, origin=ORIGIN, key=LOG_KEY)
    headers = cbor.encode({1: -8, 3: "text/plain", 4: b"k", 15: {1: "i", 2: "pkg:npm/a@1", 6: 1}})
    signature = LOG_KEY.sign(cose.sig_structure(headers, b"payload"))
    yield cose.to_bytes(cose.Sign1(headers, {}, {}, b"payload", signature))


def _entries() -> Iterator[bytes]:
    log = reader(_log())
    yield from (log.record(index).entry for index in range(3))


def _evidence() -> Iterator[bytes]:
    log = reader(_log())
    checkpoint, paths = log.prove([0, 1])
    claimed = {}
    for index, path in zip([0, 1], paths, strict=True):
        stored = log.record(index)
        claimed[index] = Claimed(
            entry=stored.entry,
            proof=tlog_proof.to_bytes(TlogProof(index, tuple(path), checkpoint)),
            nonce=stored.nonce,
            content=stored.content,
        )
    position = log.position()
    said = {"origin": ORIGIN, "size": position.size, "root": position.root.hex()}
    manifest = Manifest(of="entry:1", log=said)
    yield evidence_file.to_bytes(
        EvidenceFile(manifest=manifest, checkpoint=checkpoint, claimed=claimed)
    )
    yield from _proofs()


def _signed() -> Iterator[bytes]:
    for made in (
        Made(), Made(version=1, kind="intoto 0.0.2"), Made(kind="hashedrekord 0.0.2"),
        Made(content="message", kind="hashedrekord 0.0.1"),
    ):  # fmt: skip
        yield json.dumps(made.document()).encode()


def _stamps() -> Iterator[bytes]:
    yield world().clock.token(b"signature")
    yield world().clock.token(b"signature", embed=True)


def _roots() -> Iterator[bytes]:
    yield json.dumps(world().root()).encode()


def _own() -> Iterator[bytes]:
    for decision in (
        own.Genesis(origin=ORIGIN, log_key=VKEY.to_text(), service_key="AAAA"),
        own.KeyChange(action="trust", key="k:" + "0" * 32, spki="AAAA", names=("a",), since=TIME),
        own.Verdict(entry=1, trust=Trust("signed", ("k:" + "0" * 32,)), reason="r"),
        own.Tombstone(entry=1, reason="r", by="self", at=TIME),
        own.Gap(what="a", why="b", count=2),
        own.Refusals(producer="p:" + "0" * 32, since=TIME, counts={"malformed": 3}),
    ):
        yield own.media_type(decision).encode() + b"\n" + own.to_payload(decision)


def _uploads() -> Iterator[bytes]:
    small = [s for seeds in _real_json() for s in seeds[:1] if len(s) < 2500]
    lines = b"\n".join(json.dumps(json.loads(s)).encode() for s in small)
    yield lines
    yield b"[" + b",\n".join(small) + b"]"
    yield small[0]
    yield gzip.compress(lines, mtime=0)
    yield b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"b": 2}\n[{"c": 3}]'


def _packed() -> Iterator[bytes]:
    text = b'{"a": 1}\n' * 60
    for compress in PACKERS:
        yield compress(text)
        yield compress(text) + compress(b"end")
        yield compress(gzip.compress(text, mtime=0))
    yield b"\x52\x2a\x4d\x18\x04\x00\x00\x00abcd" + zstandard.compress(text)


PACKERS: list[Callable[[bytes], bytes]] = [
    lambda plain: gzip.compress(plain, mtime=0), bz2.compress, zstandard.compress,
]  # fmt: skip


def _frames() -> Iterator[bytes]:
    log = reader(_log())
    records = [log.record(index) for index in range(4)]
    yield b"".join(frames.encode(records))
    bare = [frames.Record(entry=r.entry, nonce=None, content=None) for r in records]
    yield b"".join(frames.encode(bare))


def _facts() -> Iterator[bytes]:
    for seeds in _real().values():
        for content in seeds[:3]:
            packed = packing.packed(read(content).facts)
            if packed is not None:
                yield packed


def handed(body: bytes, *, first: int = 0, count: int = 2) -> bytes:
    """One frame of a file of facts, its checksum right."""
    head = first.to_bytes(8, "big") + b"".join(
        n.to_bytes(4, "big") for n in (count, len(body), zlib.crc32(body))
    )
    return head + body


def _handed() -> Iterator[bytes]:
    facts = next(_facts())
    body = msgspec.msgpack.encode([("sha256:" + "0" * 64, facts), ("sha256:" + "1" * 64, None)])
    yield handed(body)
    yield handed(body) + handed(body, first=2)


def _judge_frames() -> Iterator[bytes]:
    rules = judging.Rules(
        producer_key=bytes(32),
        content_bytes_max=1000,
        key_changes=((1, own.KeyChange(action="trust", key=BUILDER.id, spki="AAAA")),),
    )
    plain = judging.Rules(producer_key=bytes(32), content_bytes_max=1000, key_changes=())
    part = judging.Part([b"{}", statement("app")], local(0), TIME, None)
    for r in (rules, plain):
        yield judging.framed(r) + judging.framed(part) + judging.framed(part)


def _reviews() -> Iterator[bytes]:
    one, two = image(1), image(2)
    for kind in GROUPS:
        item = workload(kind, one, init=(two,), ephemeral=("nginx:1",), volumes=(one,))
        yield json.dumps(review(item)).encode()
        yield json.dumps(review(item, old=workload(kind, two), operation="UPDATE")).encode()
    yield json.dumps(review({"kind": "Rollout", "spec": {"template": pod(one)}})).encode()
    yield json.dumps(review(None, old=pod(one), operation="DELETE", dryRun=True)).encode()


def _provider_requests() -> Iterator[bytes]:
    document = {
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest",
        "request": {"keys": [image(1), "nginx"]},
    }  # fmt: skip
    yield json.dumps(document).encode()


def _images() -> Iterator[bytes]:
    for text in (image(1), "nginx", "a/b:1", "[::1]:5000/x", "localhost/x@sha512:" + "a" * 128):
        yield text.encode()


def _guard_settings() -> Iterator[bytes]:
    yield b"environment: prod\nmode: open\nnamespaces: {t-*: {environment: dev}, a: {mode: open}}"
    yield b'{"registries": {"a.example": "https://a.example"}, "own_namespace": "guard"}'


def _judge_answers() -> Iterator[bytes]:
    refusal = judging.Refusal("Malformed", "no", "here", None, None, None)
    trust = Trust("signed", ("k:" + "0" * 32,))
    judged = judging.Judged(bytes(32), "event", "t", trust, "self", TIME, next(_facts()))
    for answers in ([refusal, judged], [judged, judged], [refusal], []):
        yield judging.framed(answers)


def _targets() -> Iterator[bytes]:
    from tests.fuzz.targets import ROUTES

    texts = [
        b"", b"entry:1", b"entry%3A1?depth=2&kind=build&kind=run&as_of=3&direction=down",
        b"pkg:npm/%2540angular/core@1?at=2026-01-01T00:00:00Z", b"app?to=entry:2",
        b"1/content", b"0/000.p/1", b"?q=app&as_of=2", b"?from=1&to=3", b"%ED%A0%80%00%0A..//../",
        b"entry:1?trace=1&content=1",
    ]  # fmt: skip
    for route in range(len(ROUTES)):
        for text in texts:
            yield bytes([route]) + text


def _worked(*pages: str) -> Callable[[], Iterator[bytes]]:
    """The worked examples of these pages."""

    def made() -> Iterator[bytes]:
        for page in pages:
            text = (REPOSITORY / "docs" / "formats" / f"{page}.md").read_text("utf-8")
            yield (
                text.partition("## Worked example")[2]
                .partition("```json\n")[2]
                .partition("```")[0]
                .encode()
            )

    return made


_MAKERS: dict[str, Callable[[], Iterator[bytes]]] = {
    "json": _json, "cloudevents": _cloudevents, "dsse": _dsse, "statement": _statements,
    "purl": _purls, "id": _ids, "time": _times, "note": _notes, "checkpoint": _checkpoints,
    "key": _keys, "pem": _pems, "tile_path": _tile_paths, "bundle": _bundles,
    "tlog_proof": _proofs, "add_checkpoint": _requests,
    "tlog_policy": _policies, "watch_list": _watch_lists, "why_case": _why_cases, "entry": _entries,
    "oci_manifest": _manifests, "oci_reference": _references, "docker_config": _docker_configs,
    "evidence": _evidence, "own": _own,
    "predicates": _worked("canary", "cause", "response"),
    "remedy_rules": _worked("remediation"), "rollback_settings": _worked("rollback-settings"),
    "batched": _batched, "proof_token": _proof_tokens, "review": _reviews,
    "provider_request": _provider_requests, "image": _images, "guard_settings": _guard_settings,
    "cose": _cose,
    "upload": _uploads, "packed": _packed, "frame": _frames, "facts": _facts, "handed": _handed,
    "signed": _signed, "stamp": _stamps, "root": _roots,
    "judge_frames": _judge_frames, "judge_answers": _judge_answers, "target": _targets,
    "base64": lambda: iter([b"AAAA", b"_-8=", b"AA=="]),
}  # fmt: skip


def parts_of(written: bytes) -> list[tuple[str, bytes]]:
    """The names and bytes in a zip."""
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        return [(i.filename, archive.read(i)) for i in archive.infolist()]


def zipped(parts: list[tuple[str, bytes]]) -> bytes:
    """A zip of them, names twice included."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, written in parts:
            archive.writestr(zipfile.ZipInfo(name), written)
    return out.getvalue()

"""Every door that takes bytes from outside, as a function of bytes that ends well or in our error.

    bytes ──► target ──► returns           it was read; what has an inverse was written and compared
                    └──► errors.Error      it was refused
                    └──► anything else     a bug: ``bounds`` reports it

A target says what its seeds are (``seeds.py``), so that real inputs are what is mutated.
"""

from __future__ import annotations

import asyncio
import atexit
import io
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from tests.folders import BUILDER, envelope, made, public, statement
from tests.fuzz.seeds import BETWEEN_FILES, seeds_of
from tests.logs import VKEY
from tests.sigstore_world import NOW, world
from wherefrom.api.reader import reader_app
from wherefrom.app import fold_views, open_desk, open_gate, open_log, open_recorder, open_status
from wherefrom.collect.collected import collect
from wherefrom.collect.decompress import open_plain, plain
from wherefrom.collect.principals import Principal, local
from wherefrom.collect.split import split
from wherefrom.errors import Error, SignatureError
from wherefrom.formats import (
    add_checkpoint,
    admission_review,
    admission_settings,
    base64_strict,
    batch,
    cbor,
    checkpoint,
    cloudevents,
    cyclonedx,
    digests,
    docker_config,
    dsse,
    entry,
    evidence_file,
    external_data,
    image_reference,
    note,
    oci_manifest,
    oci_reference,
    openlineage,
    own,
    pep740,
    proof_token,
    purl,
    remedy_rules,
    rfc3161,
    rollback_settings,
    sigstore_bundle,
    spdx,
    tiles,
    timestamps,
    tlog_policy,
    tlog_proof,
    watch_list,
    why_case,
)
from wherefrom.formats import facts as packing
from wherefrom.formats import statement as statements
from wherefrom.formats.recognise import read
from wherefrom.formats.strict_json import decode
from wherefrom.keys import envelopes, pem
from wherefrom.keys.batches import check_path
from wherefrom.keys.ed25519 import SigningKey, check_note
from wherefrom.keys.keyring import Keyring, Signing
from wherefrom.keys.proof_tokens import check_token
from wherefrom.keys.public import PublicKey
from wherefrom.log.handed import Handed, HandingOver
from wherefrom.log.logged import Logged, Position
from wherefrom.query import spellings
from wherefrom.query.desk import TraceOptions
from wherefrom.storage import frames
from wherefrom.verify import cose_receipt, judging, pool
from wherefrom.verify import evidence_file as evidence
from wherefrom.verify.judge import judge
from wherefrom.verify.sigstore import trusted_root, verify

DOCUMENT = "sha256:" + "0" * 64
TIME = "2026-01-01T00:00:00.000000Z"
UNPACKED_BYTES_MAX = 4 * 1024 * 1024


class Target(NamedTuple):
    """``run`` takes any bytes; ``seeds`` names what of ``seeds.py`` it begins from."""

    run: Callable[[bytes], object]
    seeds: str


# -- records


def strict_json(given: bytes) -> None:
    value = decode(given)
    again = json.dumps(value, ensure_ascii=False).encode()
    assert repr(decode(again)) == repr(value)


def record(given: bytes) -> None:
    """The whole way of a record: recognised, read, judged, packed, and unpacked the same."""
    heard = collect(given, principal=SCOPED, received=TIME)
    verified = judge(heard, keyring=_keyring(), producer_key=bytes(32))
    if verified.facts is not None:
        assert packing.unpacked(verified.facts) == heard.facts
    assert packing.packed(heard.facts) == verified.facts
    written = entry.to_bytes(
        entry.Entry(
            v=1,
            content=entry.commit(nonce=bytes(16), content=given),
            kind=verified.kind,
            type=verified.type,
            occurred=verified.occurred,
            received=TIME,
            producer=verified.producer,
            size=len(given),
            trust=verified.trust,
        )
    )
    assert len(written) <= 2048
    assert entry.to_bytes(entry.parse(written)) == written


SCOPED = Principal(name="fuzz", roles=("record",), namespaces=("*",), producers=("*",))


@cache
def _keyring() -> Keyring:
    keyring = Keyring()
    for number, (key, action) in enumerate([(BUILDER, "trust"), (SigningKey(b"x" * 32), "revoke")]):
        spki = base64_strict.encode(public(key).spki)
        keyring.fold(number, own.KeyChange(key=key.id, spki=spki, action=action))
    return keyring


def format_facts(facts: Callable[..., object], given: bytes) -> None:
    """A format's own reading, also of what it would not have been asked to read."""
    document = decode(given)
    if isinstance(document, dict):
        facts(document, document_id=DOCUMENT)


def envelope_and_back(given: bytes) -> None:
    document = decode(given)
    if isinstance(document, dict):
        parsed = dsse.parse(document)
        assert dsse.parse(decode(dsse.to_bytes(parsed))) == parsed
        envelopes.signers_of(parsed, _keyring(), Signing("2026-01-01T00:00:00.000000Z"))


def batched_and_back(given: bytes) -> None:
    """A record of a batch: what is read has no other spelling, and its path decides."""
    parsed = batch.parse(given)
    assert batch.to_bytes(parsed) == given.strip(b" \t\r\n")
    with suppress(Error):
        check_path(parsed)
        record(given)


def token_and_back(given: bytes) -> None:
    """A proof token: one spelling, and no change of one is signed."""
    text = given.decode("latin-1")
    parsed = proof_token.parse(text)
    assert proof_token.to_text(parsed) == text
    with suppress(SignatureError):
        assert check_token(parsed, VKEY) == parsed.token
        assert text in {seed.decode() for seed in seeds_of("proof_token")}


def review_answered(given: bytes) -> None:
    """A review: whatever it holds, its uid goes back, and what it runs is read or refused."""
    review = admission_review.parse(given)
    with suppress(Error):
        for use in review.images():
            assert use.image
            assert use.pointer.startswith("/")
    answer = admission_review.Answer(not review.images_before(), given.decode("utf-8", "replace"))
    said = json.loads(admission_review.to_response(review.uid, answer))
    assert said["response"]["uid"] == review.uid


def keys_answered(given: bytes) -> None:
    """A request of Gatekeeper."""
    version, keys = external_data.parse(given)
    items = [external_data.Item(key, error="no") for key in keys]
    said = json.loads(external_data.to_response(items, version=version))
    assert [item["key"] for item in said["response"]["items"]] == keys


def image_named(given: bytes) -> None:
    """An image reference: a digest is one only if it stands at the end, in full."""
    text = given.decode("utf-8", "replace")
    read = image_reference.parse(text)
    assert (read.digest is not None) == ("@" in text)
    assert read.digest is None or text.endswith(f"@{read.digest}")


def guard_settings(given: bytes) -> None:
    """Settings of a guard: no file exempts a namespace that it does not name."""
    settings = admission_settings.read(given, where="settings")
    if not any(one.exempt for one in settings.namespaces.values()):
        assert not settings.of("kube-system").exempt or settings.own_namespace == "kube-system"


def own_record(given: bytes) -> None:
    payload_type, _, payload = given.partition(b"\n")
    decision = own.parse_payload(payload_type.decode("utf-8", "replace"), payload)
    again = own.parse_payload(own.media_type(decision), own.to_payload(decision))
    assert again == decision


# -- what comes in


def pieces(given: bytes) -> None:
    """Cut into records; small limits, so that a small input reaches them."""
    whole = b"".join(open_plain(io.BytesIO(given), bytes_max=UNPACKED_BYTES_MAX))
    limits = {"content_bytes_max": 3000, "array_bytes_max": 9000}
    got = list(split(whole, **limits))
    assert got
    for piece in got:
        assert (piece.content is None) != (piece.refusal is None)
        assert len(piece.content or b"") <= 3000
    again = list(split(iter([whole[:7], whole[7:100], whole[100:]]), **limits))
    assert [p.content for p in again] == [p.content for p in got]


def unpacked(given: bytes) -> None:
    out = plain(given, bytes_max=UNPACKED_BYTES_MAX)
    assert out == b"".join(open_plain((given[i : i + 1] for i in range(len(given))),
                                      bytes_max=UNPACKED_BYTES_MAX))  # fmt: skip


# -- texts


def text_of(given: bytes) -> str:
    """As an argument of a command comes: what is not UTF-8 becomes lone surrogates."""
    return given.decode("utf-8", "surrogateescape")


def purl_and_back(given: bytes) -> None:
    for read_one in (purl.parse, purl.canonical):
        try:
            got = read_one(text_of(given))
        except Error:
            continue
        again = purl.canonical(got.text)
        assert (again.text, again.id) == (got.text, got.id)
        assert len(got.text.encode()) <= purl.PURL_BYTES_MAX


def digest_texts(given: bytes) -> None:
    text = text_of(given)
    spelling, _, value = text.partition(":")
    for id in (digests.strong_id(spelling, value), digests.commit_id(value)):
        if id is not None:
            again, _, hexadecimal = id.partition(":")
            same = digests.commit_id if again == "gitCommit" else partial(digests.strong_id, again)
            assert same(hexadecimal) == id
    digests.expected(spelling, value)
    digests.ids_of({spelling: value})
    digests.weak_id({spelling: value})
    digests.git_place(text)


def typed_text(given: bytes) -> None:
    text = text_of(given)
    for ids in (spellings.exact_ids(text), spellings.named_ids(text), spellings.prefixes(text)):
        assert all(isinstance(id, str) for id in ids)


def moment(given: bytes) -> None:
    written = timestamps.canonical(text_of(given), where="time")
    assert timestamps.canonical(written, where="time") == written


def base64(given: bytes) -> None:
    text = text_of(given)
    assert base64_strict.encode(base64_strict.decode(text, where="x")) == text


# -- the log's own


def note_and_back(given: bytes) -> None:
    signed = note.parse(given)
    assert note.to_bytes(signed) == given
    check_note(signed, [VKEY])


def checkpoint_and_back(given: bytes) -> None:
    text = text_of(given)
    assert checkpoint.to_text(checkpoint.parse(text)) == text


def verifier_key(given: bytes) -> None:
    text = text_of(given)
    assert note.parse_verifier_key(text).to_text() == text


def signer_key(given: bytes) -> None:
    name, key = SigningKey.from_skey_text(text_of(given))
    assert key.to_skey_text(name) == text_of(given)


def tile_path(given: bytes) -> None:
    assert tiles.parse_tile_path(text_of(given)).to_path() == text_of(given)


def bundle(given: bytes) -> None:
    assert tiles.encode_bundle(tiles.decode_bundle(given)) == given


def cbor_and_back(given: bytes) -> None:
    value = cbor.decode(given)
    with suppress(TypeError):  # a float is read and never written
        assert cbor.decode_strict(cbor.encode(value)) == value


def receipt_checked(given: bytes) -> None:
    checked = cose_receipt.check(given, log_key=VKEY)
    assert checked.result in ("proven", "failed")


def cose_record(given: bytes) -> None:
    record(b"\xd2\x84" + given.removeprefix(b"\xd2\x84"))


def proof_and_back(given: bytes) -> None:
    assert tlog_proof.to_bytes(tlog_proof.parse(given)) == given


def request_and_back(given: bytes) -> None:
    assert add_checkpoint.to_bytes(add_checkpoint.parse(given)) == given


def policy_counted(given: bytes) -> None:
    policy = tlog_policy.parse(given)
    assert policy.is_reached(policy.witnesses)
    policy.says_quorum()


def watched(given: bytes) -> None:
    watch_list.parse(given).matches(given)


def manifest_and_back(given: bytes) -> None:
    read = oci_manifest.parse(given, where="")
    oci_manifest.platform_in(given)
    if read.is_index:
        longer = oci_manifest.parse(oci_manifest.with_listed(given, [read]), where="")
        assert longer.manifests == (*read.manifests, oci_manifest.listed(read))


def reference(given: bytes) -> None:
    said = oci_reference.parse(given.decode("utf-8", "replace"))
    tag, digest = f":{said.tag}" if said.tag else "", f"@{said.digest}" if said.digest else ""
    assert oci_reference.parse(f"{said.scheme}://{said.name}{tag}{digest}") == said


def passwords(given: bytes) -> None:
    docker_config.credentials(given, "ghcr.io", where="")


def remedy_rules_read(given: bytes) -> None:
    for rule in remedy_rules.parse(given, where="x").rules:
        assert rule.digest.startswith("sha256:")


def rollback_settings_read(given: bytes) -> None:
    rollback_settings.parse(given, where="x").template(service="a", environment="b", slot="flag")


def why_case_and_back(given: bytes) -> None:
    """The four files of a case stand one after the other, as a seed has them."""
    parts = [*given.split(BETWEEN_FILES), *[b""] * len(why_case.FILES)]
    case = why_case.parse(dict(zip(why_case.FILES, parts, strict=False)))
    written = why_case.to_files(case)
    assert why_case.to_files(why_case.parse(written)) == written


def entry_and_back(given: bytes) -> None:
    assert entry.to_bytes(entry.parse(given)) == given


def entry_size(given: bytes) -> None:
    assert entry.content_size(given) >= 0


def evidence_checked(given: bytes) -> None:
    said = evidence.check(given, log_keys=[VKEY])
    assert said.result in ("proven", "failed")
    assert said.steps
    if evidence_file.is_evidence(given):
        parsed = evidence_file.parse(given)
        assert evidence_file.parse(evidence_file.to_bytes(parsed)) == parsed


@cache
def _signed_world() -> verify.Wanted:
    return verify.Wanted(trusted_root.parse(json.dumps(world().root()).encode()), NOW)


def signature_checked(given: bytes) -> None:
    verify.check_document(given, _signed_world())


def timestamp_read(given: bytes) -> None:
    rfc3161.parse(given, where="x")


def root_read(given: bytes) -> None:
    trusted_root.parse(given)


def public_key(given: bytes) -> None:
    key = PublicKey.from_pem(given)
    assert PublicKey.from_pem(key.to_pem().encode()).id == key.id


def private_key(given: bytes) -> None:
    pem.read_signing_key(given)


def frame_head(given: bytes) -> None:
    head = frames.decode_head(given, where="journal")
    if head is not None and not head.contents:
        written = b"".join(
            frames.encode([frames.Record(entry=e, nonce=None, content=None) for e in head.entries])
        )
        assert given.startswith(written)


# -- between our processes


def packed_facts(given: bytes) -> None:
    facts = packing.unpacked(given)
    if facts is not None:
        packing.packed(facts)


class _OneEntry:
    """A log with one record, as ``Handed`` asks it."""

    origin = "log.example/fuzz"

    def position(self) -> Position:
        return Position(1, bytes(32))

    def root_at(self, size: int) -> bytes:
        return bytes(32)

    def read(self, first: int, limit: int) -> Any:
        written = entry.Entry(
            v=1, content=DOCUMENT, kind="event", type="t", occurred=None, received=TIME,
            producer="self", size=1, trust=entry.Trust("channel"),
        )  # fmt: skip
        for index in range(first, min(first + limit, 3)):
            yield Logged(index=index, entry=written, content=b"{}")


def handed_file(given: bytes) -> None:
    """A file of facts on their way, damaged: it costs the fold nothing but the time to read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / f"{0:020d}.facts").write_bytes(given)
        (path / f"{9:020d}.facts").write_bytes(b"")
        with closing(Handed(_OneEntry(), path)) as handed:  # type: ignore[arg-type]
            assert len(list(handed.read(0, 3))) == 3
        HandingOver(path).drop()


def judge_frames(given: bytes) -> None:
    """What a judge is sent: it answers frame for frame, or leaves."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reading = threading.Thread(target=_drain, args=(ours,))
        reading.start()
        sent = threading.Thread(target=_send, args=(ours, given))
        sent.start()
        try:
            judging.serve(theirs)
        finally:
            theirs.shutdown(socket.SHUT_RDWR)
            sent.join()
            reading.join()


def _send(end: socket.socket, given: bytes) -> None:
    try:
        end.sendall(given)
        end.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the judge left


def _drain(end: socket.socket) -> None:
    try:
        while end.recv(65536):
            pass
    except OSError:
        pass


def judge_answers(given: bytes) -> None:
    """What a judge answers: joined in order, or the batch is judged again here."""
    asyncio.run(_asked(given))


async def _asked(given: bytes) -> None:
    contents = [b"{}", b"[]"]
    judges = pool._Judges(_RULES, 1)
    judge = pool._Judge(judges)
    judge.connection_made(_Wire())
    judges._judges.append(judge)
    waiting = judges.ask(judging.Part(contents, SCOPED, TIME, None))
    judge.data_received(given[:7])
    judge.data_received(given[7:])
    judge.connection_lost(None)
    try:
        answers = await waiting
    except ConnectionError:
        return  # the caller judges here
    assert len(pool._joined(contents, answers, received=TIME)) == 2


class _Wire(asyncio.Transport):
    """A transport to nobody."""

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


_RULES = judging.Rules(producer_key=bytes(32), content_bytes_max=1000, key_changes=())


# -- questions


@cache
def _served() -> Any:
    """The reader's application over a small log of real and made records; gone at exit."""
    folder = made(Path(tempfile.mkdtemp(prefix="fuzz-")))
    with open_recorder(folder) as recorder:
        recorder.change_key(public(BUILDER), action="trust")
        contents = [envelope(statement(name), BUILDER) for name in ("app", "lib")]
        contents += _questions_about()
        recorder.record(contents, principal=local(1000))
    log = open_log(folder)
    fold_views(folder, log)
    token = folder.tokens.add(Principal(name="reader", roles=("read",)))[0]
    desk = open_desk(folder, log)
    gate = open_gate(folder, log)
    statuses = open_status(folder, log, gate)
    app = reader_app(desk=desk, gate=gate, statuses=statuses, log=log, tokens=folder.tokens)
    atexit.register(shutil.rmtree, folder.path, ignore_errors=True)
    return app, token, desk


def _questions_about() -> list[bytes]:
    from tests.fuzz.seeds import seeds_of

    taken = []
    for kind in ("openlineage", "cyclonedx", "statement", "spdx"):
        for given in seeds_of(kind)[:3]:
            try:
                read(given)
            except Error:
                continue
            taken.append(given)
    return taken


def question(given: bytes) -> None:
    """What a person types, asked of the graph through every verb."""
    _, _, desk = _served()
    text = text_of(given)
    head, _, rest = text.partition("\n")
    options = TraceOptions(at=rest or None)
    for ask in (
        lambda: desk.trace(head, options),
        lambda: desk.show(head, options),
        lambda: desk.find(head),
        lambda: desk.path(head, rest, TraceOptions()),
        lambda: desk.prove(head),
        lambda: desk.verify(head),
    ):
        with suppress(Error):
            ask()


ROUTES = (
    "/v1/trace/", "/v1/show/", "/v1/prove/", "/v1/verify/", "/v1/records/", "/v1/receipts/",
    "/tile/", "/v1/find", "/v1/log/consistency", "/v1/log", "/",
)  # fmt: skip


def http_get(given: bytes) -> None:
    """A request target: the first byte chooses the route, the rest is path and query as sent."""
    app, token, _ = _served()
    route = ROUTES[given[0] % len(ROUTES)] if given else "/"
    # What the parser lets through: no blank, no control character, nothing past ASCII.
    raw = bytes(b for b in given[1:] if 0x20 < b < 0x7F)
    path, _, query = raw.partition(b"?")
    raw_path = route.encode() + path.replace(b"#", b"")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": unquote(raw_path.decode()), "raw_path": raw_path,
        "query_string": query, "root_path": "", "server": ("reader", 80), "client": None,
        "headers": [(b"authorization", b"Bearer " + token.encode())], "state": {},
    }  # fmt: skip
    status, headers, body = asyncio.run(_answer(app, scope))
    assert status != 500, body
    if status >= 400:
        assert headers[b"content-type"] == b"application/problem+json"
        assert json.loads(body)["status"] == status
    for value in headers.values():
        assert not set(value) & {0, 10, 13}, "a header with a line break"


async def _answer(app: Any, scope: Any) -> tuple[int, dict[bytes, bytes], bytes]:
    said: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        said.append(message)

    await app(scope, receive, send)
    body = b"".join(m.get("body", b"") for m in said[1:])
    return said[0]["status"], dict(said[0]["headers"]), body


TARGETS: dict[str, Target] = {
    "strict_json": Target(strict_json, "json"),
    "record": Target(record, "json"),
    "dsse": Target(envelope_and_back, "dsse"),
    "batched": Target(batched_and_back, "batched"),
    "proof_token": Target(token_and_back, "proof_token"),
    "admission_review": Target(review_answered, "review"),
    "external_data": Target(keys_answered, "provider_request"),
    "image_reference": Target(image_named, "image"),
    "admission_settings": Target(guard_settings, "guard_settings"),
    "statement": Target(partial(format_facts, statements.facts), "statement"),
    "slsa": Target(record, "statement"),
    "sigstore_bundle": Target(partial(format_facts, sigstore_bundle.facts), "sigstore_bundle"),
    "pep740": Target(partial(format_facts, pep740.facts), "pep740"),
    "cyclonedx": Target(partial(format_facts, cyclonedx.facts), "cyclonedx"),
    "spdx": Target(partial(format_facts, spdx.facts), "spdx"),
    "openlineage": Target(partial(format_facts, openlineage.facts), "openlineage"),
    "cloudevents": Target(partial(format_facts, cloudevents.facts), "cloudevents"),
    "own": Target(own_record, "own"),
    "predicates": Target(record, "predicates"),
    "remedy_rules": Target(remedy_rules_read, "remedy_rules"),
    "rollback_settings": Target(rollback_settings_read, "rollback_settings"),
    "purl": Target(purl_and_back, "purl"),
    "digests": Target(digest_texts, "id"),
    "spellings": Target(typed_text, "id"),
    "timestamps": Target(moment, "time"),
    "base64": Target(base64, "base64"),
    "note": Target(note_and_back, "note"),
    "checkpoint": Target(checkpoint_and_back, "checkpoint"),
    "verifier_key": Target(verifier_key, "key"),
    "signer_key": Target(signer_key, "key"),
    "tile_path": Target(tile_path, "tile_path"),
    "bundle": Target(bundle, "bundle"),
    "tlog_proof": Target(proof_and_back, "tlog_proof"),
    "add_checkpoint": Target(request_and_back, "add_checkpoint"),
    "tlog_policy": Target(policy_counted, "tlog_policy"),
    "watch_list": Target(watched, "watch_list"),
    "why_case": Target(why_case_and_back, "why_case"),
    "oci_manifest": Target(manifest_and_back, "oci_manifest"),
    "oci_reference": Target(reference, "oci_reference"),
    "docker_config": Target(passwords, "docker_config"),
    "cbor": Target(cbor_and_back, "cose"),
    "cose_receipt": Target(receipt_checked, "cose"),
    "scitt": Target(cose_record, "cose"),
    "entry": Target(entry_and_back, "entry"),
    "entry_size": Target(entry_size, "entry"),
    "evidence": Target(evidence_checked, "evidence"),
    "sigstore": Target(signature_checked, "signed"),
    "rfc3161": Target(timestamp_read, "stamp"),
    "trusted_root": Target(root_read, "root"),
    "public_key": Target(public_key, "pem"),
    "private_key": Target(private_key, "pem"),
    "split": Target(pieces, "upload"),
    "decompress": Target(unpacked, "packed"),
    "frames": Target(frame_head, "frame"),
    "facts": Target(packed_facts, "facts"),
    "handed": Target(handed_file, "handed"),
    "judge_frames": Target(judge_frames, "judge_frames"),
    "judge_answers": Target(judge_answers, "judge_answers"),
    "question": Target(question, "id"),
    "http_get": Target(http_get, "target"),
}

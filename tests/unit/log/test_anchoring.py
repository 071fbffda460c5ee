"""Anchors: asked of others on a schedule, kept only if they hold, and told if they do not."""

import asyncio
import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from tests.authorities import TimestampAuthority
from tests.logs import LOG_KEY, ORIGIN
from wherefrom.api.rekor import log_entry
from wherefrom.errors import Error, Malformed, NotFound, ProofError, Unavailable
from wherefrom.formats import anchor as anchors
from wherefrom.formats import hashedrekord, rfc3161, rfc3161_request
from wherefrom.formats.anchor import AnchorSettings
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.keys.ed25519 import SigningKey, sign_note
from wherefrom.keys.trusted_root import RootKey, trusted_root
from wherefrom.log.anchoring import Anchoring, AnchorKey
from wherefrom.log.anchors import AnchorFolder
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.verify import anchors as checks
from wherefrom.verify.sigstore import trusted_root as roots
from wherefrom.views.rekor.view import Included, log_id

REKOR = "rekor.example.com"
REKOR_KEY = SigningKey(bytes([5]) * 32)
LOG_URL, TSA_URL = "http://any:secret@rekor.example.com", "http://tsa.example.com/stamp"


class Outside:
    """A log and an authority in this process; ``lie`` changes what one of them answers."""

    def __init__(self):
        self.tsa = TimestampAuthority()
        self.requests = []
        self.lie = lambda url, answer: answer
        self.fails = set()

    @property
    def root(self):
        key = RootKey(REKOR_KEY.public_key, self.log_id, "2020-01-01T00:00:00Z", None)
        said = trusted_root(
            origin=REKOR, log_keys=[key], timestamp_authorities=[self.tsa.chain_pem]
        )
        return json.dumps(said)

    @property
    def log_id(self):
        return log_id(REKOR, REKOR_KEY.public_key)

    def answer(self, request):
        self.requests.append(str(request.url))
        if request.url.host in self.fails:
            raise httpx.ConnectError("down")
        if request.url.host == "tsa.example.com":
            assert request.headers["content-type"] == "application/timestamp-query"
            digest = request.content[24:56]
            assert rfc3161_request.to_bytes(digest) == request.content
            made = self.tsa.stamp_digest(digest)
        else:
            asked = json.loads(request.content)
            body = hashedrekord.to_body(hashedrekord.parse_request(asked))
            made = json.dumps(self.entry(body)).encode()
        return httpx.Response(201, content=self.lie(request.url.host, made))

    def entry(self, body, key=REKOR_KEY):
        tree = Checkpoint(REKOR, 1, hash_leaf(body))
        note = sign_note(tree.to_text(), name=REKOR, key=key)
        return log_entry(body, Included(0, 1, tree.root, [], note), log_id=self.log_id)


class Anchored:
    """A log of which only the published checkpoint is there, and its schedule."""

    def __init__(self, folder, outside, **settings):
        self.size = 7
        self.said = []
        self.kept = AnchorFolder(folder / "anchors")
        self.outside = outside
        self.key = AnchorKey(folder / "anchor.key")
        self.settings = AnchorSettings(
            root=outside.root, **({"logs": (LOG_URL,), "stamps": (TSA_URL,)} | settings)
        )

    def checkpoint(self):
        tree = Checkpoint(ORIGIN, self.size, bytes([self.size]) * 32)
        return sign_note(tree.to_text(), name=ORIGIN, key=LOG_KEY)

    def once(self):
        async def run():
            client = httpx.AsyncClient(transport=httpx.MockTransport(self.outside.answer))
            anchoring = Anchoring(
                settings=self.settings, published=self.checkpoint, key=self.key, kept=self.kept,
                on_trouble=self.said.append, client=client,
            )  # fmt: skip
            try:
                return await anchoring.once()
            finally:
                await anchoring.close()

        return asyncio.run(run())

    def checked(self, anchor):
        root = roots.parse(self.settings.root.encode())
        return checks.check(anchor, root=root, now=datetime.now(UTC))


@pytest.fixture
def outside():
    return Outside()


@pytest.fixture
def log(tmp_path, outside):
    return Anchored(tmp_path, outside)


def test_a_request_is_what_another_library_writes():
    signature = b"what is stamped"
    builder = TimestampRequestBuilder().data(signature).hash_algorithm(HashAlgorithm.SHA256)
    wanted = builder.nonce(nonce=False).cert_request(cert_request=True).build().as_bytes()
    assert rfc3161_request.to_bytes(hashlib.sha256(signature).digest()) == wanted
    with pytest.raises(ValueError, match="32 bytes"):
        rfc3161_request.to_bytes(bytes(20))


def test_what_is_published_is_held_by_both_and_dated_by_the_authority(log):
    made = log.once()
    found = log.checked(made)
    assert found.tree == Checkpoint(ORIGIN, 7, bytes([7]) * 32)
    assert found.time == log.outside.tsa.now
    assert f"{REKOR} had 1 entries" in found.says
    assert log.kept.covering() == made
    assert log.said == []


def test_the_same_checkpoint_is_asked_once_and_a_larger_one_again(log):
    log.once()
    assert log.once() is None
    assert len(log.outside.requests) == 2
    log.size = 9
    log.once()
    assert log.kept.sizes() == [7, 9]


@pytest.mark.parametrize(("entry", "size"), [(0, 7), (6, 7), (7, 9), (8, 9), (None, 9)])
def test_an_entry_is_covered_by_the_first_anchor_over_it(log, entry, size):
    log.once()
    log.size = 9
    log.once()
    assert log.kept.covering(entry).tree.size == size


def test_what_no_anchor_covers_is_not_found(log):
    with pytest.raises(NotFound, match="no checkpoint of this log is anchored"):
        log.kept.covering()
    log.once()
    with pytest.raises(NotFound, match="no checkpoint over entry 7 is anchored"):
        log.kept.covering(7)


def other_body(outside, answer):
    return json.dumps(outside.entry(b'{"kind":"hashedrekord"}')).encode()


def other_key(outside, answer):
    entry = json.loads(answer)
    body = base64.b64decode(entry["canonicalizedBody"])
    return json.dumps(outside.entry(body, key=SigningKey(bytes(32)))).encode()


def other_root(outside, answer):
    entry = json.loads(answer)
    entry["inclusionProof"]["rootHash"] = "A" * 43 + "="
    return json.dumps(entry).encode()


def no_proof(outside, answer):
    entry = json.loads(answer)
    del entry["inclusionProof"]
    return json.dumps(entry).encode()


def stamp_of_another(outside, answer):
    return outside.tsa.stamp(b"something else")


def stamp_by_a_stranger(outside, answer):
    imprint = rfc3161.parse(answer, where="x").imprint
    return TimestampAuthority().stamp_digest(imprint)


def stamp_of_tomorrow(outside, answer):
    imprint = rfc3161.parse(answer, where="x").imprint
    return outside.tsa.stamp_digest(imprint, at=datetime.now(UTC) + timedelta(days=1))


def nonsense(outside, answer):
    return b"nonsense"


def too_much(outside, answer):
    return b" " * 300_000 + answer


LIES = [
    (REKOR, lie) for lie in (other_body, other_key, other_root, no_proof, nonsense, too_much)
] + [
    ("tsa.example.com", lie)
    for lie in (stamp_of_another, stamp_by_a_stranger, stamp_of_tomorrow, nonsense, too_much)
]


@pytest.mark.parametrize(("liar", "lie"), LIES, ids=lambda v: getattr(v, "__name__", v))
def test_a_wrong_answer_is_told_and_left_out_and_the_right_one_is_kept(log, liar, lie):
    log.outside.lie = lambda host, answer: lie(log.outside, answer) if host == liar else answer
    made = log.once()
    held = made.bundle["verificationMaterial"]
    stamps = held["timestampVerificationData"]["rfc3161Timestamps"]
    assert (len(held["tlogEntries"]), len(stamps)) == ((0, 1) if liar == REKOR else (1, 0))
    log.checked(made)
    (said,) = log.said
    assert said.startswith(f"not anchored by http://{liar}")
    assert "secret" not in said


@pytest.mark.parametrize(("liar", "lie"), LIES, ids=lambda v: getattr(v, "__name__", v))
def test_nothing_is_kept_that_nobody_holds(tmp_path, outside, liar, lie):
    asked = {"stamps": ()} if liar == REKOR else {"logs": ()}
    log = Anchored(tmp_path, outside, **asked)
    outside.lie = lambda host, answer: lie(outside, answer)
    with pytest.raises(Unavailable, match="nobody holds the newest checkpoint") as e:
        log.once()
    assert "secret" not in str(e.value)
    assert log.kept.sizes() == []


def test_two_addresses_of_one_log_or_one_authority_are_one_witness(tmp_path, outside):
    answers = {}

    def same(url, made):
        return answers.setdefault(url, made)

    outside.lie = same
    twice = {"logs": (LOG_URL, LOG_URL + "/"), "stamps": (TSA_URL, TSA_URL + "?again")}
    for settings in (twice, {**twice, "stamps": ()}, {**twice, "logs": ()}):
        answers.clear()
        folder = tmp_path / f"{len(settings['logs'])}{len(settings['stamps'])}"
        folder.mkdir()
        log = Anchored(folder, outside, **settings)
        made = log.once()
        assert log.said == []
        assert log.checked(made).tree.size == 7
        assert log.kept.covering() == made


def test_a_log_that_was_not_trusted_at_the_stamped_time_is_told_and_the_stamp_is_kept(log):
    long_ago = datetime(2019, 1, 1, tzinfo=UTC)
    log.outside.tsa = TimestampAuthority(now=long_ago)
    log.settings = msgspec.structs.replace(log.settings, root=log.outside.root)
    held = log.once().bundle["verificationMaterial"]
    assert held["tlogEntries"] == []
    assert "was not trusted then" in log.said[0]


def test_who_is_down_is_told_once_and_asked_again_with_the_next_checkpoint(log):
    log.outside.fails = {REKOR}
    log.once()
    assert "rekor.example.com: does not answer" in log.said[0]
    log.outside.fails = set()
    log.size = 8
    assert len(log.once().bundle["verificationMaterial"]["tlogEntries"]) == 1


@pytest.mark.parametrize("change", ["note", "key", "signature", "digest", "none"])
def test_an_anchor_of_which_anything_was_changed_proves_nothing(log, tmp_path, change):
    made = log.once()
    bundle = json.loads(json.dumps(made.bundle))
    message = bundle["messageSignature"]
    if change == "note":
        log.size = 8
        made = msgspec.structs.replace(made, note=log.checkpoint().decode())
    elif change == "key":
        made = msgspec.structs.replace(made, key=AnchorKey(tmp_path / "x.key").public.to_pem())
    elif change == "signature":
        message["signature"] = message["signature"][::-1].strip("=") + "=="
    elif change == "digest":
        message["messageDigest"]["digest"] = "A" * 43 + "="
    else:
        bundle["verificationMaterial"] |= {"tlogEntries": [], "timestampVerificationData": {}}
    made = msgspec.structs.replace(made, bundle=bundle)
    with pytest.raises(Error):
        log.checked(made)


def test_an_anchor_is_read_as_it_was_written_and_nothing_else_is(log):
    made = log.once()
    assert anchors.parse(anchors.to_bytes(made), where="x") == made
    for wrong in (b"", b"{}", b"[]", anchors.to_bytes(made).replace(b'"note"', b'"nota"')):
        with pytest.raises(Malformed):
            anchors.parse(wrong, where="x")


def test_only_one_bundle_is_an_anchor(log):
    made = log.once()
    twice = {"attestations": [{"bundle": made.bundle}, {"bundle": made.bundle}]}
    with pytest.raises((ProofError, Malformed)):
        log.checked(msgspec.structs.replace(made, bundle=twice))


def test_the_key_is_made_once_and_another_file_in_its_place_is_told(tmp_path):
    one = AnchorKey(tmp_path / "a.key")
    assert AnchorKey(tmp_path / "a.key").public.id == one.public.id
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "a.key").write_text("x")
    with pytest.raises(Error, match="not a private key"):
        AnchorKey(tmp_path / "a.key")

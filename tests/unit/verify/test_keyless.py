"""Sigstore at the door: what is proven under the log's root is keyless, and a lie is refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.folders import BUILDER, ME, public
from tests.sigstore_world import NOW, Made, b64, spki_of, world
from tests.unit.keys.test_keyring import change
from tests.unit.verify.sigstore.test_accepted import pep740
from tests.unit.verify.sigstore.test_refused import entry_of, flipped
from wherefrom.app import DataFolder, open_recorder
from wherefrom.collect.collected import collect
from wherefrom.errors import BadSignature, SettingError
from wherefrom.formats import entry, timestamps
from wherefrom.formats.entry import Trust
from wherefrom.formats.own import Administrators
from wherefrom.keys import changes
from wherefrom.keys.keyring import Keyring
from wherefrom.keys.public import PublicKey
from wherefrom.log.root_file import beside
from wherefrom.verify import judging
from wherefrom.verify.dated_root import HeldRoot, dated
from wherefrom.verify.judge import judge

ROOT = json.dumps(world().root()).encode()
LATER = "2099-01-01T00:00:00.000000Z"
SECOND = timedelta(seconds=1)
RECEIVED = timestamps.to_text(NOW)
CHANNEL = Trust("channel")
PROVENANCE = {"publisher": {"kind": "GitHub", "repository": "o/r", "workflow": "r.yml"}}


def key_of(made):
    return PublicKey(spki_of(made.key)).id


def trust(document, *, root=ROOT, received=RECEIVED, until=LATER, keyring=Keyring()):  # noqa: B008
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    heard = collect(content, principal=ME, received=received)
    parsed = None if root is None else dated(HeldRoot(root.decode(), until))
    return judge(heard, keyring=keyring, producer_key=bytes(32), root=parsed).trust


@pytest.mark.parametrize("made", [
    Made(), Made(version=1), Made(kind="hashedrekord 0.0.2"), Made(kind="intoto 0.0.2", version=2),
    Made(content="message", kind="hashedrekord 0.0.1"),
])  # fmt: skip
def test_a_bundle_that_holds_under_the_root_is_keyless_by_its_certificates_key(made):
    assert trust(made.document()) == Trust("keyless", (key_of(made),))


def test_an_attestation_of_pep_740_is_too_and_a_provenance_object_by_each_key():
    one, two = Made(), Made(key_kind="ed25519")
    assert trust(pep740(one.document())) == Trust("keyless", (key_of(one),))
    attestations = [pep740(one.document()), pep740(two.document())]
    document = {
        "version": 1, "attestation_bundles": [PROVENANCE | {"attestations": attestations}],
    }  # fmt: skip
    assert trust(document) == Trust("keyless", tuple(sorted({key_of(one), key_of(two)})))


def test_without_a_root_nothing_is_judged():
    assert trust(Made().document(), root=None) == CHANNEL
    bad = Made().document()
    bad["dsseEnvelope"]["signatures"][0]["sig"] = b64(b"none")
    assert trust(bad, root=None) == CHANNEL


def test_a_root_that_is_too_old_judges_nothing_and_refuses_no_lie():
    assert trust(Made().document(), until=RECEIVED) == CHANNEL
    assert trust(bad_signature(), until=RECEIVED) == CHANNEL
    assert trust(Made().document(), until=timestamps.to_text(NOW + SECOND)).level == "keyless"


def test_a_certificates_key_that_the_log_has_revoked_is_not_believed():
    ring, made = Keyring(), Made()
    ring.fold(1, change(PublicKey(spki_of(made.key))))
    assert trust(made.document(), keyring=ring).level == "keyless"
    ring.fold(2, change(PublicKey(spki_of(made.key)), "revoke"))
    assert trust(made.document(), keyring=ring) == CHANNEL


def root_without(**changes):
    return json.dumps(world().root() | changes).encode()


@pytest.mark.parametrize("root", [
    root_without(tlogs=[]), root_without(ctlogs=[]), root_without(certificateAuthorities=[]),
    root_without(tlogs=[], ctlogs=[], certificateAuthorities=[], timestampAuthorities=[]),
])  # fmt: skip
def test_what_the_root_does_not_know_stays_channel(root):
    assert trust(Made().document(), root=root) == CHANNEL
    assert trust(pep740(Made().document()), root=root) == CHANNEL


def test_what_is_not_proven_but_no_lie_stays_channel():
    document = Made().document()
    held = entry_of(document)["inclusionPromise"]
    held["signedEntryTimestamp"] = flipped(held["signedEntryTimestamp"])
    assert trust(document) == CHANNEL
    assert trust(Made(kind="", promise="none").document()) == CHANNEL
    assert trust(Made(managed=True).document()) == CHANNEL
    early = timestamps.to_text(NOW.replace(year=2025))
    assert trust(Made().document(), received=early) == CHANNEL


def bad_signature(made=None):
    document = (made or Made()).document()
    signed = document["dsseEnvelope"]["signatures"][0]
    signed["sig"] = Made(key_kind="p256", artifact=b"else", subject={
        "name": "x", "digest": {"sha256": "00" * 32}
    }).document()["dsseEnvelope"]["signatures"][0]["sig"]  # fmt: skip
    return document


def test_a_signature_that_fails_under_a_key_that_the_root_vouches_for_is_refused():
    with pytest.raises(BadSignature, match="fails under the key of its certificate"):
        trust(bad_signature())
    attestations = [pep740(Made(managed=False).document()), pep740(bad_signature())]
    with pytest.raises(BadSignature, match=r"attestations\[1\]"):
        trust({"version": 1, "attestation_bundles": [PROVENANCE | {"attestations": attestations}]})


def test_a_signature_by_nobody_we_know_is_no_lie_that_we_could_see():
    assert trust(bad_signature(), root=root_without(certificateAuthorities=[])) == CHANNEL


def test_one_attestation_that_is_not_proven_leaves_the_whole_record_channel():
    attestations = [pep740(Made().document()), pep740(Made(sct="none").document())]
    document = {
        "version": 1, "attestation_bundles": [PROVENANCE | {"attestations": attestations}],
    }  # fmt: skip
    assert trust(document) == CHANNEL


def test_a_judge_on_another_core_says_the_same():
    held = HeldRoot(ROOT.decode(), LATER)
    rules = judging.Rules(
        producer_key=bytes(32), content_bytes_max=10**6, key_changes=(), root=held
    )
    contents = [json.dumps(d).encode() for d in (Made().document(), bad_signature())]
    answers = judging.judge_part(
        judging.Part(contents, ME, RECEIVED, None), rules=rules,
        keyring=judging.keyring_of(rules), root=dated(rules.root),
    )  # fmt: skip
    assert isinstance(answers[0], judging.Judged)
    assert answers[0].trust == Trust("keyless", (key_of(Made()),))
    assert isinstance(answers[1], judging.Refusal)
    assert answers[1].name == "BadSignature"
    assert dated(None) is None


@pytest.fixture
def folder(tmp_path):
    made = DataFolder(tmp_path / "data")
    made.create(origin="log.example/keyless")
    return made


def test_a_root_that_lies_in_a_directory_becomes_the_first_version_of_the_logs(folder):
    content = json.dumps(Made().document()).encode()
    with open_recorder(folder) as recorder:
        assert recorder.rules().root is None
        (known,) = recorder.record([content], principal=ME)
    path = folder.path / "trusted-root.json"
    path.write_bytes(ROOT)
    with open_recorder(folder) as recorder:
        told = recorder.roots()
        assert (told.version, told.trusted_root) == (1, ROOT.decode())
        assert told.as_of == timestamps.to_text(datetime.fromtimestamp(path.stat().st_mtime, UTC))
        again, refused, new = recorder.record(
            [content, json.dumps(bad_signature()).encode(),
             json.dumps(Made(version=2).document()).encode()], principal=ME,
        )  # fmt: skip
        # The same content is vouched for better now: that is a verdict, and the entry stays.
        assert (again.status, again.index) == ("known", known.index)
        assert recorder.decisions.trust_of(
            known.index, recorder.writer.entry(known.index)
        ) == Trust("keyless", (key_of(Made()),))  # fmt: skip
        assert (refused.status, refused.code) == ("refused", "bad_signature")
        assert entry.parse(recorder.writer.entry(known.index)).trust == CHANNEL
        assert entry.parse(recorder.writer.entry(new.index)).trust.level == "keyless"
        size = recorder.writer.size
    path.write_bytes(root_without(tlogs=[]))
    with open_recorder(folder) as recorder:
        # What lies there later is nobody's decision.
        assert (recorder.writer.size, recorder.roots().digest) == (size, told.digest)
        assert "is not the trusted root in force" in beside(folder.path, recorder.decisions)
        path.write_bytes(ROOT)
        assert beside(folder.path, recorder.decisions) is None


def test_a_root_that_is_none_is_told_when_the_directory_is_opened(folder):
    (folder.path / "trusted-root.json").write_text("{}")
    with pytest.raises(SettingError, match=r"trusted-root\.json"), open_recorder(folder):
        pass


def test_a_root_that_administrators_must_agree_to_is_not_taken_up_in_silence(folder):
    with open_recorder(folder) as recorder:
        recorder.change_key(public(BUILDER), action="trust")
        named = Administrators(
            keys=(BUILDER.id,), threshold=1, keyring=recorder.decisions.keyring.digest
        )
        recorder.apply(json.loads(changes.draft(named)))
    (folder.path / "trusted-root.json").write_bytes(ROOT)
    with pytest.raises(SettingError, match="too few administrators"), open_recorder(folder):
        pass

"""Who signed an envelope: known keys, unknown ones, lies, and real envelopes with real keys."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.folders import BUILDER, REVIEWER, STRANGER, envelope, public, statement
from tests.paths import DATA
from tests.unit.keys.test_keyring import change, ring
from wherefrom.errors import BadSignature, Refused
from wherefrom.formats import dsse, strict_json
from wherefrom.keys import envelopes
from wherefrom.keys.envelopes import SIGNATURES_TRIED_MAX, sign_envelope
from wherefrom.keys.keyring import Keyring, Signing
from wherefrom.keys.public import PublicKey

SUPPLY = DATA / "supply"
WITNESS, GCB = SUPPLY / "witness/test", SUPPLY / "slsa-verifier/verifiers/internal/gcb/keys"
CLI = SUPPLY / "slsa-verifier/cli/slsa-verifier/testdata"
ARCHIVISTA = SUPPLY / "archivista/test"
REAL = {
    "archivista, Ed25519": (ARCHIVISTA / "build.attestation.json", WITNESS / "testpub.pem"),
    "archivista, RSA": (ARCHIVISTA / "package.attestation.json", WITNESS / "testpub2.pem"),
    "witness, SPDX": (WITNESS / "spdx-att.json", WITNESS / "testpub.pem"),
    "witness, CycloneDX": (WITNESS / "cdx-att.json", WITNESS / "testpub.pem"),
    "Google's VSA, r and s": (
        CLI / "vsa/gce/v1/gke-gce-pre.bcid-vsa.jsonl", CLI / "vsa/gce/v1/vsa_signing_public_key.pem"
    ),
    "Google Cloud Build, URL-safe": (
        CLI / "gcb_container/v0.3/gcloud-container-github-tag.json",
        GCB / "materials/global-pae-provenanceSigner_1.key",
    ),
}  # fmt: skip


NOW = "2026-01-01T00:00:00.000000Z"


def signers_of(envelope, keyring, at=NOW):
    return envelopes.signers_of(envelope, keyring, Signing(at))


def read(written):
    return dsse.parse(strict_json.decode(written))


def real(name):
    path, key = REAL[name]
    document = json.loads(path.read_bytes())
    if "provenance_summary" in document:
        found = [p.get("envelope") for p in document["provenance_summary"]["provenance"]]
        document = next(e for e in found if e and "_" in e["signatures"][0]["sig"])
    return document, PublicKey.from_pem(key.read_bytes(), where=str(key))


def known(*keys, **fields):
    return ring(*(change(public(k), **fields) for k in keys))


@pytest.mark.parametrize("hint", [None, "a stranger's name for it"])
def test_a_known_key_is_found_without_its_hint(hint):
    signed = read(envelope(statement(), BUILDER, hints=[hint]))
    assert signers_of(signed, known(REVIEWER, BUILDER))[:2] == ((public(BUILDER).id,), 0)


@pytest.mark.parametrize("hint", [public(BUILDER).id, "builder"])
def test_a_hint_leads_to_its_key(hint):
    signed = read(envelope(statement(), BUILDER, hints=[hint]))
    assert signers_of(signed, known(BUILDER, names=("builder",))).known == (public(BUILDER).id,)


def test_nobody_known_signed_is_an_answer_and_no_error():
    signed = read(envelope(statement(), STRANGER, hints=[None]))
    assert signers_of(signed, known(BUILDER))[:2] == ((), 1)
    assert signers_of(signed, Keyring())[:2] == ((), 1)


def test_each_known_key_counts_once_however_often_it_signs():
    signed = read(envelope(statement(), BUILDER, REVIEWER, BUILDER, STRANGER, BUILDER))
    both = tuple(sorted(public(k).id for k in (BUILDER, REVIEWER)))
    assert signers_of(signed, known(BUILDER, REVIEWER))[:2] == (both, 1)


def test_a_hint_of_a_known_key_over_another_keys_signature_is_a_lie():
    signed = read(envelope(statement(), STRANGER, hints=[BUILDER.id]))
    with pytest.raises(BadSignature, match=f"fails under the key it names, {BUILDER.id}"):
        signers_of(signed, known(BUILDER))
    assert signers_of(signed, Keyring())[:2] == ((), 1)


@pytest.mark.parametrize("place", [0, 1, 12])
def test_one_bad_signature_under_a_known_key_refuses_the_envelope_wherever_it_stands(place):
    keys = [BUILDER] * 13
    hints = [BUILDER.id] * 13
    keys[place], hints[place] = STRANGER, REVIEWER.id
    with pytest.raises(BadSignature, match=rf"at signatures\[{place}\]"):
        signers_of(read(envelope(statement(), *keys, hints=hints)), known(BUILDER, REVIEWER))


def test_a_known_key_that_names_itself_counts_after_any_number_of_strangers():
    keys = [STRANGER] * 40 + [BUILDER]
    signed = read(envelope(statement(), *keys))
    assert signers_of(signed, known(BUILDER))[:2] == ((BUILDER.id,), 40)


def test_signatures_that_name_no_known_key_are_tried_to_a_limit():
    hints = [None] * (SIGNATURES_TRIED_MAX + 1)
    keys = [STRANGER] * SIGNATURES_TRIED_MAX + [BUILDER]
    assert signers_of(read(envelope(statement(), *keys, hints=hints)), known(BUILDER)).known == ()
    nearer = read(envelope(statement(), *keys[1:], hints=hints[1:]))
    assert signers_of(nearer, known(BUILDER)).known == (BUILDER.id,)


def test_a_name_of_two_keys_accepts_either_and_nobody_else():
    made = known(BUILDER, REVIEWER, names=("release",))
    for key in (BUILDER, REVIEWER):
        signed = read(envelope(statement(), key, hints=["release"]))
        assert signers_of(signed, made).known == (key.id,)
    with pytest.raises(BadSignature, match=r"fails under the key it names, k:.* or k:"):
        signers_of(read(envelope(statement(), STRANGER, hints=["release"])), made)


@pytest.mark.parametrize(("action", "state"), [("retire", "retired"), ("revoke", "revoked")])
def test_a_retired_or_revoked_key_signs_nothing_new(action, state):
    made = ring(change(public(BUILDER)), change(public(BUILDER), action))
    signers = signers_of(read(envelope(statement(), BUILDER)), made)
    assert signers.known == ()
    assert f"the key {BUILDER.id} is {state}" in str(signers.denied[0])


def test_what_we_sign_is_read_back_with_its_signer():
    signed = read(sign_envelope("text/plain", b"hello", BUILDER))
    assert (signed.payload, signed.payload_type) == (b"hello", "text/plain")
    assert signers_of(signed, known(BUILDER))[:2] == ((BUILDER.id,), 0)


def test_the_type_is_signed_together_with_the_payload():
    signed = read(sign_envelope("text/plain", b"hello", BUILDER))._replace(payload_type="text/html")
    with pytest.raises(BadSignature, match="fails under the key it names"):
        signers_of(signed, known(BUILDER))


@pytest.mark.parametrize("name", REAL)
def test_a_real_envelope_is_signed_by_its_real_key_and_by_nobody_after_one_byte_changes(name):
    document, key = real(name)
    hint = document["signatures"][0].get("keyid")
    trusted = ring(change(key, names=(hint,)))
    signed = dsse.parse(document)
    assert signers_of(signed, trusted).known == (key.id,)
    assert signers_of(signed, ring(change(key))).known == (key.id,)
    assert signers_of(signed, known(BUILDER))[:2] == ((), len(signed.signatures))
    for at in (0, len(signed.payload) // 2, len(signed.payload) - 1):
        payload = bytearray(signed.payload)
        payload[at] ^= 1
        changed = signed._replace(payload=bytes(payload))
        with pytest.raises(BadSignature, match=f"fails under the key it names, {key.id}"):
            signers_of(changed, trusted)
        assert signers_of(changed, ring(change(key))).known == ()


def test_url_safe_base64_is_the_same_envelope():
    document, key = real("archivista, RSA")
    for part, field in ((document, "payload"), (document["signatures"][0], "sig")):
        part[field] = base64.urlsafe_b64encode(base64.b64decode(part[field])).decode()
    assert "_" in document["signatures"][0]["sig"]
    assert signers_of(dsse.parse(document), ring(change(key))).known == (key.id,)


@given(st.data())
@settings(max_examples=60)
def test_any_change_to_a_signed_envelope_is_refused_or_signed_by_nobody(data):
    written = envelope(statement(), BUILDER)
    at = data.draw(st.integers(0, len(written) - 1))
    changed = written[:at] + bytes([data.draw(st.integers(0, 255))]) + written[at + 1 :]
    before = read(written)
    try:
        after = read(changed)
        signers = signers_of(after, known(BUILDER)).known
    except Refused:
        return
    assert not signers or (after.payload, after.payload_type) == before[:2]

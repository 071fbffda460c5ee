"""Changes of keys in a log: what is judged again, who must sign, and what a restart makes of it."""

import contextlib
import json

import pytest

from tests.folders import (
    BUILDER,
    ME,
    REVIEWER,
    STRANGER,
    asked,
    envelope,
    made,
    public,
    sha256_of,
    statement,
)
from tests.paths import DATA
from wherefrom import app
from wherefrom.app import open_recorder
from wherefrom.errors import BadSignature, Malformed, NotAllowed
from wherefrom.formats import base64_strict
from wherefrom.formats.entry import Trust
from wherefrom.formats.own import Administrators, KeyChange
from wherefrom.keys import changes
from wherefrom.keys.changes import KeyWish, change_of
from wherefrom.keys.keyring import Signing
from wherefrom.keys.public import PublicKey
from wherefrom.verify.judge import decide

KEY, OTHER = public(BUILDER), public(REVIEWER)
SUPPLY = DATA / "supply"
NPM_KEYS = SUPPLY / "root-signing/targets/npm-registry-keys.json"
NPM = SUPPLY / "slsa-verifier/cli/slsa-verifier/testdata/npm/gha"
GCB = SUPPLY / "slsa-verifier/verifiers/internal/gcb/keys/materials"
GCB_CASES = SUPPLY / "slsa-verifier/cli/slsa-verifier/testdata/gcb_container"


class Hands:
    """A clock that shows what it is set to, a microsecond later each time."""

    def __init__(self):
        self.at, self.steps = "2024-01-01T00:00:00", 0

    def __call__(self):
        self.steps += 1
        return f"{self.at}.{self.steps:06}Z"


@pytest.fixture
def hands(monkeypatch):
    clock = Hands()
    monkeypatch.setattr(app, "now", clock)
    return clock


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


@pytest.fixture
def recorder(hands, folder):
    with open_recorder(folder) as opened:
        yield opened


def record(recorder, name="app", *keys, **fields):
    (outcome,) = recorder.record([envelope(statement(name), *(keys or [BUILDER]))], principal=ME)
    return outcome


def trust_of(recorder, index):
    return recorder.decisions.trust_of(index, recorder.writer.entry(index))


def year(number):
    return f"{number}-01-01T00:00:00Z"


def test_a_key_compromised_since_takes_back_exactly_what_came_after(recorder, hands):
    recorder.change_key(KEY, action="trust")
    before = record(recorder, "before").index
    hands.at = "2025-06-01T00:00:00"
    after = record(recorder, "after").index
    both = record(recorder, "both", BUILDER, REVIEWER).index
    recorder.change_key(OTHER, action="trust")
    hands.at = "2026-01-01T00:00:00"
    wish = KeyWish(action="revoke", key=KEY.id, compromised_since=year(2025), reason="stolen")
    changed = recorder.wish(wish)
    assert changed.entries == [after, both]
    assert trust_of(recorder, before) == Trust("signed", (KEY.id,))
    assert trust_of(recorder, after) == Trust("channel")
    assert trust_of(recorder, both) == Trust("signed", (OTHER.id,))
    assert record(recorder, "later").code == "bad_signature"


def test_a_window_counts_for_what_the_log_took_in_it_also_when_the_key_comes_later(recorder, hands):
    places = {}
    for number in (2023, 2024, 2025):
        hands.at = f"{number}-06-01T00:00:00"
        places[number] = record(recorder, f"of {number}").index
    hands.at = "2026-01-01T00:00:00"
    wish = KeyWish(action="trust", pem=KEY.to_pem(), valid_from=year(2024), valid_to=year(2025))
    assert recorder.wish(wish).entries == [places[2024]]
    wider = KeyWish(action="trust", pem=KEY.to_pem(), valid_to=year(2024))
    assert recorder.wish(wider).entries == [places[2023], places[2024]]
    assert {n: trust_of(recorder, i).level for n, i in places.items()} == {
        2023: "signed", 2024: "channel", 2025: "channel",
    }  # fmt: skip


def test_a_key_that_may_sign_less_vouches_for_less(recorder):
    recorder.change_key(KEY, action="trust")
    app_, lib = record(recorder, "app").index, record(recorder, "lib").index
    wish = KeyWish(action="trust", pem=KEY.to_pem(), scopes=("app",))
    assert recorder.wish(wish).entries == [lib]
    assert (trust_of(recorder, app_).level, trust_of(recorder, lib).level) == ("signed", "channel")
    outcome = record(recorder, "lib again")
    assert (outcome.code, "may not speak of" in outcome.reason) == ("not_allowed", True)


def test_what_an_ended_key_signs_counts_if_another_known_key_signed_too(recorder):
    for key in (KEY, OTHER):
        recorder.change_key(key, action="trust")
    recorder.change_key(KEY, action="retire")
    assert record(recorder, "alone").code == "bad_signature"
    index = record(recorder, "both", BUILDER, REVIEWER).index
    assert trust_of(recorder, index) == Trust("signed", (OTHER.id,))


def test_what_lost_its_signature_is_listed_and_what_runs_comes_first(recorder, folder, hands):
    recorder.change_key(KEY, action="trust")
    idle, live = record(recorder, "idle").index, record(recorder, "live").index
    recorder.wish(KeyWish(action="revoke", key=KEY.id))
    recorder.writer.close()
    with asked(folder) as desk:
        lost = desk.lost(KEY.id)
        assert [(s.entry, s.id, s.trust) for s in lost.subjects] == [
            (idle, sha256_of("idle"), "channel"), (live, sha256_of("live"), "channel"),
        ]  # fmt: skip
        assert (lost.entries, lost.truncated) == (2, False)
        assert desk.lost(OTHER.id).subjects == []
        with pytest.raises(Malformed, match="not the id of a key"):
            desk.lost("a")


# -- administrators


def ruled(recorder, threshold=2):
    for key in (BUILDER, REVIEWER, STRANGER):
        recorder.change_key(public(key), action="trust")
    keys = tuple(public(k).id for k in (BUILDER, REVIEWER, STRANGER))
    digest = recorder.decisions.keyring.digest
    change = Administrators(keys=keys, threshold=threshold, keyring=digest)
    recorder.apply(json.loads(changes.draft(change)))


def proposed(recorder, *signers, **wish):
    keyring = recorder.decisions.keyring
    change = change_of(
        KeyWish(**wish), find=keyring.get, now=recorder.now(), keyring=keyring.digest
    )
    written = changes.draft(change)
    for signer in signers:
        written = changes.approve(written, signer)
    return json.loads(written)


def test_under_administrators_no_key_changes_without_so_many_of_them(recorder):
    ruled(recorder)
    size = recorder.writer.size
    with pytest.raises(NotAllowed, match="too few administrators"):
        recorder.change_key(KEY, action="retire")
    with pytest.raises(NotAllowed, match="too few administrators"):
        recorder.apply(proposed(recorder, BUILDER, action="retire", key=OTHER.id))
    assert recorder.writer.size == size
    signed = proposed(recorder, BUILDER, STRANGER, action="retire", key=OTHER.id)
    assert recorder.apply(signed).key.state == "retired"
    with pytest.raises(NotAllowed, match="the keys have changed"):
        recorder.apply(signed)


def test_a_signature_that_fails_or_is_a_strangers_spoils_the_change(recorder):
    ruled(recorder)
    signed = proposed(recorder, BUILDER, STRANGER, action="retire", key=OTHER.id)
    bad = json.loads(json.dumps(signed))
    bad["signatures"][0]["sig"] = bad["signatures"][1]["sig"]
    nobody = type(BUILDER)(bytes([7] * 32))
    for wrong in (bad, json.loads(changes.approve(json.dumps(signed).encode(), nobody))):
        with pytest.raises(BadSignature, match="by no key of this log"):
            recorder.apply(wrong)


def test_only_keys_that_are_trusted_become_administrators(recorder):
    recorder.change_key(KEY, action="trust")
    recorder.change_key(KEY, action="retire")
    change = Administrators(keys=(KEY.id,), threshold=1, keyring=recorder.decisions.keyring.digest)
    with pytest.raises(NotAllowed, match="only a key that is trusted"):
        recorder.apply(json.loads(changes.draft(change)))


def test_after_a_restart_the_same_keys_count_and_a_change_nobody_signed_decides_nothing(
    hands, folder
):
    with open_recorder(folder) as recorder:
        ruled(recorder)
        recorder.apply(proposed(recorder, BUILDER, STRANGER, action="retire", key=OTHER.id))
        told = recorder.decisions.keyring.told()
        # Somebody with the service key, and no administrator's, writes past the rule.
        spki = base64_strict.encode(public(STRANGER).spki)
        forged = KeyChange(action="revoke", key=public(STRANGER).id, spki=spki)
        recorder.writer.commit(
            [decide(forged, service_key=folder.service_key(), received=recorder.now())]
        )
    (folder.path / "decisions.json").unlink()
    with open_recorder(folder) as again:
        assert again.decisions.keyring.told() == told


# -- real keys


def envelopes_in(document):
    """Every DSSE envelope, however deep."""
    if isinstance(document, dict):
        if {"payload", "payloadType", "signatures"} <= document.keys():
            yield document
        for value in document.values():
            yield from envelopes_in(value)
    elif isinstance(document, list):
        for value in document:
            yield from envelopes_in(value)


def test_of_google_cloud_builds_keys_the_one_that_signed_vouches_and_each_ends_alone(recorder):
    """Of 22 keys those of the older builds sign no DSSE: over the payload, without its type."""
    pems = {path.stem: path.read_bytes() for path in sorted(GCB.glob("*.key"))}
    assert len(pems) == 22
    for name, pem in pems.items():
        recorder.change_key(PublicKey.from_pem(pem), action="trust", names=(name,))
    documents = []
    for path in sorted(GCB_CASES.rglob("*.json")):
        with contextlib.suppress(ValueError):  # some are broken on purpose
            documents.append(json.loads(path.read_bytes()))
    contents = {json.dumps(e).encode() for d in documents for e in envelopes_in(d)}
    outcomes = recorder.record(sorted(contents), principal=ME)
    signers = {o.index: trust_of(recorder, o.index).signers for o in outcomes if o.index}
    signed = [index for index, found in signers.items() if found]
    (key,) = {signer for found in signers.values() for signer in found}
    assert "global-pae-provenanceSigner_1" in recorder.decisions.keyring.get(key).names
    assert len(signers) > len(signed) > 0
    assert recorder.wish(KeyWish(action="revoke", key="us-west1")).entries == []
    assert recorder.wish(KeyWish(action="revoke", key=key)).entries == signed


def test_the_npm_registrys_rotation_leaves_what_the_old_key_signed_in_its_time(recorder, hands):
    keys = {
        key["keyId"]: key["publicKey"]
        for key in json.loads(NPM_KEYS.read_bytes())["keys"]
        if key["keyUsage"] == "npm:attestations"
    }
    assert len(keys) == 2
    for name, key in keys.items():
        spki = PublicKey(base64_strict.decode(key["rawBytes"], where="rawBytes"))
        valid = key["validFor"]
        recorder.wish(KeyWish(
            action="trust", pem=spki.to_pem(), names=(name,), owner="npm registry",
            valid_from=valid["start"], valid_to=valid.get("end"),
        ))  # fmt: skip
    found = [
        json.dumps(e).encode()
        for path in sorted(NPM.glob("*.json")) if "invalid" not in path.name
        for e in envelopes_in(json.loads(path.read_bytes()))
        if e["signatures"][0].get("keyid") in keys
    ]  # fmt: skip
    assert len(found) >= 2
    in_time, late = found[:1], found[1:]
    hands.at = "2024-06-01T00:00:00"
    (taken,) = recorder.record(in_time, principal=ME)
    hands.at = "2025-06-01T00:00:00"
    refused = recorder.record(late, principal=ME)
    assert {o.code for o in refused} == {"bad_signature"}
    assert "was valid until 2025-01-29T00:00:00" in refused[0].reason
    (signer,) = trust_of(recorder, taken.index).signers
    assert recorder.decisions.keyring.get(signer).owner == "npm registry"
    signing = Signing(recorder.now())
    assert recorder.decisions.keyring.why_not(signer, signing) is not None


@pytest.mark.parametrize("action", ["revoke", "trust"])
def test_a_crash_in_the_middle_of_judging_again_is_made_up_for_at_the_next_start(
    hands, folder, monkeypatch, action
):
    class Crash(BaseException):
        pass

    with open_recorder(folder) as recorder:
        if action == "revoke":
            recorder.change_key(KEY, action="trust")
        places = [record(recorder, name).index for name in "abc"]
        given, give = [], recorder._again.give

        def crash(*arguments):
            if given:
                raise Crash
            given.append(give(*arguments))

        monkeypatch.setattr(recorder._again, "give", crash)
        with pytest.raises(Crash):
            recorder.change_key(KEY, action=action)
    expected = Trust("channel") if action == "revoke" else Trust("signed", (KEY.id,))
    with open_recorder(folder) as recorder:
        assert [trust_of(recorder, place) for place in places] == [expected] * 3
        size = recorder.writer.size
    with open_recorder(folder) as recorder:
        assert recorder.writer.size == size


def test_a_change_that_a_crash_kept_out_of_the_log_changes_nothing(hands, folder, monkeypatch):
    class Crash(BaseException):
        pass

    def crash(*_, **__):
        raise Crash

    with open_recorder(folder) as recorder:
        recorder.change_key(KEY, action="trust")
        place = record(recorder).index
        monkeypatch.setattr(recorder, "_log_change", crash)
        with pytest.raises(Crash):
            recorder.change_key(KEY, action="revoke")
        with pytest.raises(Crash):
            recorder.change_key(OTHER, action="trust")
    with open_recorder(folder) as recorder:
        assert trust_of(recorder, place) == Trust("signed", (KEY.id,))
        assert [key.id for key in recorder.decisions.keyring.list()] == [KEY.id]


def test_what_a_key_signed_after_its_retirement_was_proposed_is_judged_again(recorder, hands):
    recorder.change_key(KEY, action="trust")
    before = record(recorder, "before").index
    hands.at = "2024-06-01T00:00:00"
    after = record(recorder, "after").index
    wish = KeyWish(action="retire", key=KEY.id, since="2024-03-01T00:00:00Z")
    assert recorder.wish(wish).entries == [after]
    assert trust_of(recorder, before) == Trust("signed", (KEY.id,))
    assert trust_of(recorder, after) == Trust("channel")


def test_a_key_whose_window_is_over_can_be_no_administrators(recorder, hands):
    wish = KeyWish(action="trust", pem=KEY.to_pem(), valid_to="2024-02-01T00:00:00Z")
    recorder.wish(wish)
    hands.at = "2024-06-01T00:00:00"
    with pytest.raises(NotAllowed, match="in its window"):
        recorder._change(Administrators(keys=(KEY.id,), threshold=1, since=recorder.now()))
    assert recorder.decisions.keyring.administrators is None

"""``verify.py`` under attack: forged folders that fit their manifest, hostile names, stolen keys,
and records of every kind that a log believes."""

import json
import subprocess
import sys

import pytest

from tests.folders import BUILDER, ME, REVIEWER, STRANGER, envelope, made, public, statement
from tests.rekords import body_of, spki_of
from tests.unit.reporting.test_report import (
    check,
    files_of,
    first_key,
    forged,
    make,
    verdict_on,
)
from wherefrom.app import fold_views, now, open_log, open_recorder
from wherefrom.formats import cbor, cose, log_keys, note, olpc_json
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.log_keys import LogKeysText, NamedKey
from wherefrom.formats.note import Note
from wherefrom.formats.own import Administrators
from wherefrom.keys import changes
from wherefrom.keys.batches import sign_batch
from wherefrom.keys.changes import KeyWish, change_of
from wherefrom.keys.cosignatures import Cosigner
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.public import PublicKey
from wherefrom.log.own_keys import LogKeysWish
from wherefrom.reporting import verify as verifier
from wherefrom.reporting.folder import spelled

THIEF = SigningKey(bytes([9]) * 32)


@pytest.fixture
def folder(tmp_path):
    """A log with a key that has a history, and a record by it."""
    folder = made(tmp_path / "data")
    with open_recorder(folder) as recorder:
        wish = KeyWish(action="trust", pem=public(BUILDER).to_pem(), names=("builder",),
                       owner="the builders", kinds=("attestation",))  # fmt: skip
        recorder.wish(wish)
        recorder.record([envelope(statement(n), BUILDER) for n in "ab"], principal=ME)
        recorder.change_key(public(STRANGER), action="trust", reason="a guest")
        recorder.change_key(public(STRANGER), action="retire", reason="left us")
    fold_views(folder, open_log(folder))
    return folder


@pytest.fixture
def out(folder, tmp_path):
    make(folder, tmp_path / "r")
    assert verdict_on(tmp_path / "r", first_key(folder)) == 0
    return tmp_path / "r"


# -- who writes a fitting manifest


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    "field",
    ["owner", "names", "kinds", "scopes", "reason", "since", "spki", "algorithm", "entry",
     "replaces", "state", "valid_to"],
)  # fmt: skip
def test_no_field_of_a_key_can_be_shown_otherwise(folder, out, field, number):
    def change(out):
        keys = json.loads((out / "keys.json").read_bytes())
        was = keys["keys"][number][field]
        keys["keys"][number][field] = [*was, "x"] if isinstance(was, list) else "x"
        (out / "keys.json").write_bytes(spelled(keys))

    forged(out, change)
    assert verdict_on(out, first_key(folder)) == 1


@pytest.mark.parametrize("field", ["action", "reason", "since", "compromised_since", "entry"])
def test_no_change_of_a_key_can_be_shown_otherwise(folder, out, field):
    def change(out):
        keys = json.loads((out / "keys.json").read_bytes())
        keys["keys"][-1]["changes"][-1][field] = "x"
        (out / "keys.json").write_bytes(spelled(keys))

    forged(out, change)
    assert verdict_on(out, first_key(folder)) == 1


@pytest.mark.parametrize(
    "name",
    ["more.json", "json.py", "note.txt", "contents/02", "contents/99", "contents/2.nonce.nonce",
     "entries/2.nonce", "entries/02", "report.html.pdf", "manifest.txt"],
)  # fmt: skip
def test_a_file_that_no_report_has_is_found_though_the_manifest_lists_it(folder, out, name):
    forged(out, lambda out: (out / name).write_bytes(b"{}"))
    assert verdict_on(out, first_key(folder)) == 1


@pytest.mark.parametrize(
    "name",
    ["report.html", "gaps.json", "statements.json", "logkeys.json", "proof", "checkpoint",
     "contents/2.nonce", "contents/2", "entries/2", "entries/0", "verify.py"],
)  # fmt: skip
def test_a_file_that_every_report_has_is_missed_though_the_manifest_does_not_list_it(
    folder, out, name
):
    forged(out, lambda out: (out / name).unlink())
    assert verdict_on(out, first_key(folder)) == 1


def test_contents_of_two_entries_in_each_others_place_are_found(folder, out):
    def swap(out):
        two, three = (out / "contents/2").read_bytes(), (out / "contents/3").read_bytes()
        (out / "contents/2").write_bytes(three)
        (out / "contents/3").write_bytes(two)

    forged(out, swap)
    assert verdict_on(out, first_key(folder)) == 1


def test_a_decision_of_the_keeper_that_is_left_out_leaves_all_unproven(folder, out):
    size = open_log(folder).size

    def drop(out):
        for name in (f"contents/{size - 1}", f"contents/{size - 1}.nonce"):
            (out / name).unlink()
        rows = json.loads((out / "custody.json").read_bytes())
        rows[-1]["content"] = "absent"
        (out / "custody.json").write_bytes(spelled(rows))
        keys = json.loads((out / "keys.json").read_bytes())
        key = keys["keys"][1] if keys["keys"][1]["state"] == "retired" else keys["keys"][0]
        del key["changes"][-1]
        key |= {"state": "active", "valid_to": None, "entry": key["changes"][-1]["entry"]}
        key |= {n: key["changes"][-1][n] for n in ("since", "reason")}
        (out / "keys.json").write_bytes(spelled(keys))

    forged(out, drop)
    code, said = check(out, "--log-key", first_key(folder))
    assert code == 2, said
    assert "no record here says why these contents are absent" in said


# -- the folder itself


def test_folders_and_links_that_do_not_belong_there_are_found(folder, out):
    key = first_key(folder)
    (out / "more").mkdir()
    assert verdict_on(out, key) == 1
    (out / "more").rmdir()
    (out / "contents").rename(out.parent / "elsewhere")
    (out / "contents").symlink_to(out.parent / "elsewhere")
    assert verdict_on(out, key) == 1
    (out / "contents").unlink()
    (out.parent / "elsewhere").rename(out / "contents")
    assert verdict_on(out, key) == 0
    for name in ("manifest.json", "checkpoint"):
        (out / name).rename(out.parent / "kept")
        (out / name).symlink_to(out.parent / "kept")
        assert verdict_on(out, key) == 1, name
        (out / name).unlink()
        (out.parent / "kept").rename(out / name)


def test_nothing_in_the_folder_is_run_in_the_place_of_a_library(folder, out):
    (out / "json.py").write_text("print('PROVEN')\nraise SystemExit(0)\n")
    (out / "cryptography.py").write_text("print('PROVEN')\nraise SystemExit(0)\n")
    ran = subprocess.run(
        [sys.executable, "verify.py", "--log-key", first_key(folder)],
        cwd=out, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stdout
    assert "what is not part of the report: cryptography.py, json.py" in ran.stdout


def test_what_a_stranger_called_a_file_cannot_write_over_what_the_verifier_says(folder, out):
    (out / "x\nPROVEN\x1b[2J\u202e").write_bytes(b"")
    code, said = check(out, "--log-key", first_key(folder))
    assert code == 1
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "PROVEN" not in said.splitlines()
    assert "x[U+000A]PROVEN[U+001B][2J[U+202E]" in said


@pytest.mark.parametrize(
    "written",
    [b"", b"[", b"[]", b"{}", b"[" * 100_000, b"\xff", b'{"files":[],"format":"x"}', b"1" * 9_999],
)
def test_a_manifest_that_cannot_be_read_is_said_to_be_wrong(folder, out, written):
    (out / "manifest.json").write_bytes(written)
    code, said = check(out, "--log-key", first_key(folder))
    assert (code, said.splitlines()[-1]) == (1, "FAILED: this report is not what it claims to be")


# -- keys of the log


def signed_note(text, *keys):
    lines = tuple(
        note.Signature(v.name, v.key_id, key.sign(text.encode()))
        for key in keys
        for v in [key.verifier_key("log.example/tests")]
    )
    return note.to_bytes(Note(text, lines))


def test_a_key_that_was_replaced_and_stolen_later_names_nobody(tmp_path):
    """Its thief shows another log, with a chain of changes that begins as the true one."""
    old, new = SigningKey(bytes([1]) * 32), SigningKey(bytes([2]) * 32)
    keys = [k.verifier_key("log.example/tests") for k in (old, new, THIEF)]
    early, ends, late = (f"2026-0{n}-01T00:00:00.000000Z" for n in (1, 2, 3))
    begin = "0001-01-01T00:00:00.000000Z"
    first = LogKeysText(
        "log.example/tests", 1, early,
        (NamedKey(keys[0], begin, ends), NamedKey(keys[1], early)),
    )  # fmt: skip
    second = LogKeysText(
        "log.example/tests", 2, late, (*first.keys, NamedKey(keys[2], late))
    )  # fmt: skip
    true = signed_note(log_keys.to_text(first), old, new).decode()

    def leads_to(said, *signers):
        checking = verifier.Check(tmp_path, None, [])
        checking.origin = "log.example/tests"
        notes = [true, signed_note(log_keys.to_text(said), *signers).decode()]
        checking.read_json = lambda name: notes
        return checking.followed(keys[0].to_text())

    assert leads_to(second, new)[-1] == keys[2].to_text()
    assert leads_to(second, old) == [k.to_text() for k in keys[:2]]
    again = LogKeysText(*second[:1], 1, *second[2:])
    with pytest.raises(verifier.Wrong, match="two changes of the log's keys in one place"):
        leads_to(again, new)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa-p256", "ml-dsa-44"])
def test_a_log_key_of_each_kind_proves_a_report(tmp_path, kind):
    folder = made(tmp_path / "data")
    with open_recorder(folder) as recorder:
        recorder.change_log_keys(LogKeysWish(to=kind, grace_days=1))
        recorder.record([statement()], principal=ME)
    fold_views(folder, open_log(folder))
    own, log = folder.own_keys, open_log(folder)
    text = Checkpoint(folder.origin, log.size, log.root_at(log.size)).to_text()
    head = Note(text, tuple(key.sign_text(text) for key in own.of_heads(now())))
    make(folder, tmp_path / "r", given=note.to_bytes(own.publish(head, at=now())))
    names = {key.key_id for key in own.known()}
    lines = note.parse((tmp_path / "r/checkpoint").read_bytes()).signatures
    assert {line.key_id for line in lines} == names
    for key in own.known():
        code, said = check(tmp_path / "r", "--log-key", key.to_text())
        assert (code, said.splitlines()[-1]) == (0, "PROVEN"), said


@pytest.mark.parametrize(
    "algorithm",
    [note.ED25519_COSIGNATURE, note.MLDSA44_COSIGNATURE],
)
def test_a_witness_of_each_kind_is_checked_and_one_that_lies_is_found(folder, tmp_path, algorithm):
    witness = Cosigner("w.example/one", algorithm, bytes(32))
    head = note.parse(open_log(folder).checkpoint)
    line = witness.cosign(head.text, time_s=1_800_000_000)
    make(folder, tmp_path / "r", given=note.to_bytes(Note(head.text, (*head.signatures, line))))
    key, of = first_key(folder), witness.verifier_key.to_text()
    code, said = check(tmp_path / "r", "--log-key", key, "--witness", of)
    assert code == 0, said
    assert "the witness w.example/one cosigned it at 2027-01-15 08:00:00 UTC" in said
    lie = line._replace(signature=line.signature[:-1] + bytes([line.signature[-1] ^ 1]))
    forged(tmp_path / "r", lambda out: (out / "checkpoint").write_bytes(
        note.to_bytes(Note(head.text, (*head.signatures, lie)))))  # fmt: skip
    assert check(tmp_path / "r", "--log-key", key, "--witness", of)[0] == 1
    assert check(tmp_path / "r", "--log-key", key, "--witness", key)[0] == 1


# -- records of each kind


def scitt(key, *, indefinite=False):
    """A statement; its unprotected header of a length that is not stated, as CBOR allows."""
    protected = cbor.encode(
        {1: -8, 4: key.id.encode(), 15: {1: "https://i.example", 2: "pkg:npm/a@1"}}
    )
    signature = key.sign(cose.sig_structure(protected, b"{}" * 200))
    if not indefinite:
        return cose.to_bytes(cose.Sign1(protected, {}, {}, b"{}" * 200, signature))
    parts = [cbor.encode(part) for part in (protected, b"{}" * 200, signature)]
    return b"\xd2\x84" + parts[0] + b"\xbf\x19\x01\x8c\x9f\x41a\xff\xff" + parts[1] + parts[2]


def old_link(key):
    signed = {"_type": "link", "name": "stép \"1\" \\", "materials": {}, "command": ["a", "b"],
              "products": {"a": {"sha256": "a" * 64}}, "byproducts": {"return-value": 0},
              "environment": {}}  # fmt: skip
    made = key.sign(olpc_json.encode(signed)).hex()
    return json.dumps({"signed": signed, "signatures": [{"keyid": key.id, "sig": made}]}).encode()


def test_every_kind_of_signed_record_is_proven_again(tmp_path):
    folder = made(tmp_path / "data")
    kinds = ("p256", "p384", "p521", "rsa")
    records = [
        envelope(statement("both"), BUILDER, REVIEWER),
        scitt(BUILDER), scitt(BUILDER, indefinite=True), old_link(BUILDER),
        *(body_of(b"said by " + kind.encode(), kind) for kind in kinds),
        *sign_batch([statement("in a batch"), scitt(REVIEWER), old_link(REVIEWER)], BUILDER),
    ]  # fmt: skip
    with open_recorder(folder) as recorder:
        for key in [public(BUILDER), public(REVIEWER), *(PublicKey(spki_of(k)) for k in kinds)]:
            recorder.change_key(key, action="trust")
        outcomes = recorder.record(records, principal=ME)
        assert {o.status for o in outcomes} == {"recorded"}, outcomes
    fold_views(folder, open_log(folder))
    make(folder, tmp_path / "r")
    code, said = check(tmp_path / "r", "--log-key", first_key(folder))
    assert code == 0, said
    assert "10 records are signed, 1 as part of a signed batch" in said
    rows = json.loads((tmp_path / "r/custody.json").read_bytes())
    assert [row["door"]["level"] for row in rows[-11:]].count("signed") == 10


def test_changes_that_administrators_must_sign_are_followed_as_the_log_follows_them(tmp_path):
    folder = made(tmp_path / "data")
    new = SigningKey(bytes([5]) * 32)
    with open_recorder(folder) as recorder:
        ring = recorder.decisions.keyring

        def proposed(*signers, **wish):
            change = change_of(
                KeyWish(**wish), find=ring.get, now=recorder.now(), keyring=ring.digest
            )
            written = changes.draft(change)
            for signer in signers:
                written = changes.approve(written, signer)
            recorder.apply(json.loads(written))

        for key in (BUILDER, REVIEWER, STRANGER):
            recorder.change_key(public(key), action="trust")
        ids = tuple(public(k).id for k in (BUILDER, REVIEWER))
        rule = Administrators(keys=ids, threshold=2, keyring=ring.digest)
        recorder.apply(json.loads(changes.draft(rule)))
        proposed(STRANGER, action="trust", pem=public(new).to_pem(), replaces=public(STRANGER).id)
        proposed(STRANGER, action="revoke", key=public(STRANGER).id, reason="stolen")
        recorder.record([envelope(statement("by new"), new)], principal=ME)
        proposed(BUILDER, REVIEWER, action="retire", key=public(REVIEWER).id)
    fold_views(folder, open_log(folder))
    make(folder, tmp_path / "r", "kind:attestation")
    code, said = check(tmp_path / "r", "--log-key", first_key(folder))
    assert code == 0, said
    states = {
        k["id"]: k["state"] for k in json.loads((tmp_path / "r/keys.json").read_bytes())["keys"]
    }
    assert states[public(STRANGER).id] == "revoked"
    assert states[public(REVIEWER).id] == "retired"
    assert states[public(new).id] == "active"
    assert files_of(tmp_path / "r")["manifest.json"]

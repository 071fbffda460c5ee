"""``prove --format cose`` and ``verify FILE.cose``, in a place that has only the log's key."""

import json

import pytest

from tests.paths import REPOSITORY
from tests.unit.cli.running import run
from wherefrom.formats import cose_receipt
from wherefrom.formats.tlog_proof import parse


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    here = tmp_path_factory.mktemp("cose")
    (here / "a.json").write_text(json.dumps({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/p",
        "predicate": {}, "subject": [{"name": "app", "digest": {"sha256": "ab" * 32}}],
    }))  # fmt: skip
    recorded = run("record", here / "a.json", "--json", data=here / "d")
    assert recorded.json["recorded"] == 1
    vkey = run("log", "status", "--json", data=here / "d").json["vkey"]
    (here / "log.vkey").write_text(vkey)
    written = run("prove", "sha256:" + "ab" * 32, "--format", "cose", "-o", here / "r.cose",
                  "--json", data=here / "d")  # fmt: skip
    assert (written.code, written.json["entries"]) == (0, [1])
    return here


def verify(place, name, *more):
    key = ("--log-key", str(place / "log.vkey"))
    return run("verify", str(place / name), "--offline", *key, *more, "--json")


def test_a_receipt_is_proven_offline_by_the_log_key(place):
    said = verify(place, "r.cose")
    assert (said.code, said.json["result"]) == (0, "proven")


def test_the_entry_may_come_from_elsewhere(place):
    receipt = cose_receipt.parse((place / "r.cose").read_bytes())
    bare = cose_receipt.to_bytes(
        receipt.proof,
        protected=receipt.message.protected,
        signature=receipt.message.signature,
        entry=None,
    )
    (place / "bare.cose").write_bytes(bare)
    (place / "entry.json").write_bytes(receipt.entry)
    assert verify(place, "bare.cose").code == 1
    assert verify(place, "bare.cose", "--entry", str(place / "entry.json")).code == 0


def test_both_kinds_of_proof_carry_the_same_entry_and_path(place):
    run("prove", "1", "-o", place / "r.tlog-proof", data=place / "d")
    proof = parse((place / "r.tlog-proof").read_bytes())
    receipt = cose_receipt.parse((place / "r.cose").read_bytes())
    assert (proof.extra, proof.index, proof.path) == (
        receipt.entry, receipt.proof.index, receipt.proof.path,
    )  # fmt: skip


def test_without_a_key_the_log_at_hand_is_asked_for_its_own(place):
    said = run("verify", str(place / "r.cose"), "--json", data=place / "d")
    assert (said.code, said.json["result"]) == (0, "proven")


def test_a_statement_in_cose_is_a_file_like_any_other(place):
    page = (REPOSITORY / "docs/formats/scitt.md").read_text()
    statement = bytes.fromhex(page.split("```hex\n")[1].split("```")[0])
    (place / "s.cose").write_bytes(statement)
    assert run("record", place / "s.cose", "--json", data=place / "d").json["recorded"] == 1
    said = run("verify", str(place / "s.cose"), "--json", data=place / "d")
    assert (said.code, said.json["result"]) == (1, "unproven")


def test_a_name_is_made_from_the_entry(place, monkeypatch):
    monkeypatch.chdir(place)
    assert run("prove", "1", "--format", "cose", data=place / "d").code == 0
    assert (place / "entry-1.cose").read_bytes()[:2] == b"\xd2\x84"


@pytest.mark.parametrize(
    "words",
    [
        ("prove", "1", "--format", "cose", "--content"),
        ("prove", "1", "--format", "tlog-proof", "--trace"),
        ("verify", "1", "--entry", "x"),
        ("verify", "1", "--checkpoint", "x"),
    ],
)
def test_options_that_do_not_go_together_are_misuse(place, words):
    assert run(*words, data=place / "d").code == 2


def test_an_entry_beside_another_kind_of_evidence_is_misuse(place):
    run("prove", "1", "-o", place / "two.tlog-proof", data=place / "d")
    assert verify(place, "two.tlog-proof", "--entry", str(place / "log.vkey")).code == 2


def test_the_worked_example_of_the_page_is_what_is_written():
    from tests.logs import ORIGIN, VKEY
    from wherefrom.verify.cose_receipt import check

    page = (REPOSITORY / "docs/formats/cose-receipt.md").read_text()
    hexes = page.split("```hex\n")[1].split("```")[0]
    written = bytes.fromhex("".join(line.split("#")[0] for line in hexes.splitlines()))
    assert written == _example()
    assert check(written, log_key=VKEY).steps[0].ok
    assert ORIGIN in page
    assert VKEY.to_text() in page


def _example():
    """Entry 1 of a log of three: the leaves are `one`, `two`, `three`."""
    from tests.logs import LOG_KEY, ORIGIN
    from wherefrom.keys.cose import sign_receipt
    from wherefrom.merkle.hashing import hash_leaf, hash_node

    one, two, three = map(hash_leaf, (b"one", b"two", b"three"))
    root = hash_node(hash_node(one, two), three)
    proof = cose_receipt.Inclusion(3, 1, (one, three))
    return sign_receipt(proof, root=root, origin=ORIGIN, key=LOG_KEY)

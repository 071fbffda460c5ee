from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import REPOSITORY
from tests.unit.formats.test_note import notes
from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import base64_strict, checkpoint, note, tlog_proof
from wherefrom.formats.tiles import decode_bundle, parse_tile_path
from wherefrom.formats.tlog_proof import TlogProof
from wherefrom.keys.ed25519 import SigningKey, check_note
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.merkle.proofs import verify_inclusion

HASH = base64_strict.encode(bytes(range(32)))
CHECKPOINT = f"example.com/log\n2\n{HASH}\n\n— example.com/log AAAAAAE=\n"
TEXT = f"c2sp.org/tlog-proof@v1\nextra RW50cnkgMQ==\nindex 1\n{HASH}\n\n{CHECKPOINT}"

proofs = st.builds(
    TlogProof,
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    notes.map(note.to_bytes),
    st.one_of(st.none(), st.binary(min_size=1, max_size=100)),
)


@given(proofs)
def test_what_is_written_is_read_back(proof):
    assert tlog_proof.parse(tlog_proof.to_bytes(proof)) == proof


@given(proofs, st.data())
def test_a_proof_with_a_changed_byte_is_another_proof_or_refused(proof, data):
    written = bytearray(tlog_proof.to_bytes(proof))
    written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    _read_or_refused(bytes(written))


@given(st.binary(max_size=100), st.sampled_from(["", "c2sp.org/tlog-proof@v1\n", TEXT[:50]]))
def test_any_bytes_are_a_proof_in_its_one_spelling_or_refused(written, start):
    _read_or_refused(start.encode() + written)


def _read_or_refused(written):
    try:
        proof = tlog_proof.parse(written)
    except Refused:
        return
    assert tlog_proof.to_bytes(proof) == written


def test_the_lines_are_extra_index_path_and_the_checkpoint_verbatim():
    proof = tlog_proof.parse(TEXT.encode())
    assert proof == TlogProof(1, (bytes(range(32)),), CHECKPOINT.encode(), b"Entry 1")
    assert tlog_proof.to_bytes(proof).decode() == TEXT
    assert "extra" not in tlog_proof.to_bytes(replace(proof, extra=None)).decode()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@v1", "@v2", "not a tlog-proof, at tlog-proof, line 1"),
        ("c2sp", "\nc2sp", "not a tlog-proof, at tlog-proof, line 1"),
        ("\nindex", "\nïndex", "not ASCII above its checkpoint"),
        ("\nindex", "\r\nindex", "not base64, at tlog-proof.extra"),
        ("RW50cnkgMQ==", "RW50cnkgMR==", "one spelling, at tlog-proof.extra"),
        ("RW50cnkgMQ==", "", "the extra of a proof is empty.*Leave the line out"),
        ("extra ", "extra", "a proof has no index"),
        ("extra ", "Extra ", "a proof has no index"),
        ("extra RW50cnkgMQ==", "extra RW50cnkgMQ==\nextra RW50cnkgMQ==", "a proof has no index"),
        ("index 1\n", "", "a proof has no index"),
        ("index 1", "index  1", "not a number in its one spelling, at tlog-proof.index"),
        ("index 1", "index 01", "not a number in its one spelling"),
        ("index 1", "index +1", "not a number in its one spelling"),
        ("index 1", f"index {2**63}", "not a number in its one spelling"),
        ("index 1\n", "index 1\nindex 1\n", r"not base64, at tlog-proof.path\[0\]"),
        ("index 1\n", "index 1\nZm9v\n", r"no hash, at tlog-proof.path\[0\].*got 3 bytes"),
        (f"index 1\n{HASH}\n\n", f"index 1\n{HASH}\n", r"not base64, at tlog-proof.path\[1\]"),
        ("\n\n— ", "\n— ", "at tlog-proof.checkpoint"),
        (CHECKPOINT, "", "no empty line before its signatures, at tlog-proof.checkpoint"),
        ("AAAAAAE=\n", "AAAAAAE=", "at tlog-proof.checkpoint"),
    ],
)
def test_a_near_miss_is_not_a_proof(old, new, message):
    assert old in TEXT
    with pytest.raises(Malformed, match=message):
        tlog_proof.parse(TEXT.replace(old, new, 1).encode())


def test_a_text_without_an_empty_line_is_not_a_proof():
    with pytest.raises(Malformed, match="a proof has no empty line before its checkpoint"):
        tlog_proof.parse(TEXT.replace("\n\n", "\n").encode())


def test_a_path_has_at_most_63_hashes_and_a_proof_2_000_000_bytes():
    longer = TEXT.replace(f"{HASH}\n\n", f"{HASH}\n" * 63 + "\n", 1)
    assert len(tlog_proof.parse(longer.encode()).path) == 63
    with pytest.raises(LimitPassed, match=r"a path is too long.*63 hashes at most, got 64"):
        tlog_proof.parse(TEXT.replace(f"{HASH}\n\n", f"{HASH}\n" * 64 + "\n", 1).encode())
    with pytest.raises(LimitPassed, match=r"a proof is too long.*2000000 bytes"):
        tlog_proof.parse(TEXT.encode().ljust(2_000_001, b"x"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"index": -1}, "not a number in its one spelling"),
        ({"index": 2**63}, "not a number in its one spelling"),
        ({"path": (bytes(31),)}, "no hash"),
        ({"path": (bytes(32),) * 64}, "a path is too long"),
        ({"path": [bytes(32)]}, "a proof whose text says something else"),
        ({"extra": b""}, "the extra of a proof is empty"),
        ({"checkpoint": b"no note"}, "no empty line before its signatures"),
    ],
)
def test_nothing_is_written_that_would_not_be_read_as_the_same(change, message):
    with pytest.raises(Refused, match=message):
        tlog_proof.to_bytes(replace(tlog_proof.parse(TEXT.encode()), **change))


def test_the_worked_examples_of_the_pages_are_true():
    pages = REPOSITORY / "docs" / "formats"
    shown = {name: _blocks(pages / f"{name}.md") for name in ("checkpoint", "tlog-proof")}
    key = note.parse_verifier_key(shown["checkpoint"][1].strip())
    proof = tlog_proof.parse(shown["tlog-proof"][0].encode())
    assert proof.checkpoint.decode() == shown["checkpoint"][0]
    claim = checkpoint.parse(check_note(note.parse(proof.checkpoint), [key]))
    assert SigningKey(bytes(32)).verifier_key("example.com/log") == key
    verify_inclusion(
        leaf_hash=hash_leaf(proof.extra),
        index=proof.index,
        tree_size=claim.size,
        path=proof.path,
        root=claim.root,
    )
    paths, bundle = _blocks(pages / "tlog-tiles.md")[:2]
    assert [parse_tile_path(path).to_path() for path in paths.split() if path != "…"]
    assert decode_bundle(bytes.fromhex(bundle)) == [b"one", b"two", b"three"]


def _blocks(page):
    return page.read_text().split("```\n")[1::2]

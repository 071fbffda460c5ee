"""Every transparency-log file among the real inputs, read and checked to its root.

The logs were written by other people's code: Tessera's own test data, one Rekor v2 entry, and
logs, proofs and cosignatures that Tessera and transparency-dev/witness made (data/README.md).
"""

import base64
import json
import re

import pytest

from tests.paths import DATA
from wherefrom.errors import ProofError, SignatureError
from wherefrom.formats import checkpoint, note, tiles, tlog_proof
from wherefrom.keys.cosignatures import check_cosignature
from wherefrom.keys.ed25519 import check_note
from wherefrom.merkle.hashing import EMPTY_ROOT, HASH_BYTES, hash_leaf, hash_leaves
from wherefrom.merkle.proofs import verify_consistency, verify_inclusion
from wherefrom.merkle.tree import Frontier, TileHashes, consistency_path, hash_tile, inclusion_path

TLOG = DATA / "tlog"
GENERATED = TLOG / "generated"
TESSERA = TLOG / "tessera-testlog" / "testdata" / "log"
KEYS = {
    who: note.parse_verifier_key(vkey)
    for who, vkey in (
        line.split(" ", 1) for line in (GENERATED / "keys.txt").read_text().splitlines()
    )
}
LOG_KEY = KEYS["log"]
WORDS = (
    b"one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split()
)

# log folder → the entries that the origin says are in it
ENTRIES = {
    TESSERA: WORDS,
    GENERATED / "log600": [b"Entry %d" % i for i in range(600)],
    GENERATED / "log70000-edge": [b"Entry %d" % i for i in range(70_000)],
}
LEAVES = {log: hash_leaves(entries) for log, entries in ENTRIES.items()}
BIG = LEAVES[GENERATED / "log70000-edge"]


def b64(text):
    return base64.b64decode(text, validate=True)


def rows(leaves):
    """The hashes of each tile level, made of full tiles below."""
    levels = [b"".join(leaves)]
    while len(levels[-1]) >= 8192:
        row = levels[-1]
        levels.append(
            b"".join(hash_tile(row[at : at + 8192]) for at in range(0, len(row) - 8191, 8192))
        )
    return levels


ROWS = {log: rows(leaves) for log, leaves in LEAVES.items()}


def root_at(size):
    frontier = Frontier()
    frontier.extend(BIG[:size])
    return frontier.root()


def signed_checkpoint(path):
    return checkpoint.parse(check_note(note.parse(path.read_bytes()), [LOG_KEY]))


TILE_FILES = [path for log in ENTRIES for path in sorted(log.glob("tile/**/*")) if path.is_file()]
CHECKPOINTS = [
    *sorted(TESSERA.glob("checkpoint*")),
    GENERATED / "log600" / "checkpoint",
    GENERATED / "log70000.checkpoint",
    GENERATED / "cosigned70000.checkpoint",
]


def test_every_file_of_the_folder_is_known_to_these_tests():
    others = {
        "consistency.json", "inclusion.json", "witness_add_checkpoint.json", "keys.txt",
        "entry12345.tlog-proof", "clients_md_example.json", "build_log.sh",
    }  # fmt: skip
    found = {path for path in TLOG.rglob("*") if path.is_file() and ".state" not in path.parts}
    assert {p.name for p in found - set(TILE_FILES) - set(CHECKPOINTS)} == others
    assert (len(TILE_FILES), len(CHECKPOINTS)) == (44, 20)


@pytest.mark.parametrize("path", TILE_FILES, ids=lambda p: str(p.relative_to(TLOG)))
def test_every_tile_and_bundle_holds_what_the_entries_say(path):
    log = next(log for log in ENTRIES if log in path.parents)
    name = tiles.parse_tile_path(str(path.relative_to(log)))
    assert name.to_path() == str(path.relative_to(log))
    start = name.n * 256
    if name.level is None:
        entries = ENTRIES[log][start : start + name.width]
        assert tiles.decode_bundle(path.read_bytes()) == entries
        assert tiles.encode_bundle(entries) == path.read_bytes()
    else:
        row = ROWS[log][name.level]
        assert row[start * HASH_BYTES :][: name.width * HASH_BYTES] == path.read_bytes()
        assert len(path.read_bytes()) == name.width * HASH_BYTES


@pytest.mark.parametrize("path", CHECKPOINTS, ids=lambda p: str(p.relative_to(TLOG)))
def test_every_checkpoint_is_signed_by_its_log_and_commits_to_its_entries(path):
    signed = note.parse(path.read_bytes())
    assert note.to_bytes(signed) == path.read_bytes()
    claim = signed_checkpoint(path)
    assert claim.to_text() == signed.text
    assert claim.origin == LOG_KEY.name == "example.com/log/testdata"
    leaves = LEAVES[TESSERA] if TESSERA in path.parents else BIG
    frontier = Frontier()
    frontier.extend(leaves[: claim.size])
    assert frontier.root() == claim.root
    if named := re.search(r"\.(\d+)$|(\d+)\.checkpoint$", path.name):
        assert claim.size == int(named[1] or named[2])


@pytest.mark.parametrize("path", CHECKPOINTS[:1] + CHECKPOINTS[-1:], ids=lambda p: p.name)
def test_a_checkpoint_with_another_size_is_not_signed(path):
    written = re.sub(rb"\n(\d+)\n", rb"\n1\1\n", path.read_bytes(), count=1)
    with pytest.raises(SignatureError, match=r"example.com/log/testdata did not sign this note"):
        check_note(note.parse(written), [LOG_KEY])


def test_the_cosigned_checkpoint_names_the_log_and_two_witnesses():
    signed = note.parse((GENERATED / "cosigned70000.checkpoint").read_bytes())
    known = [(key.name, key.key_id) for key in KEYS.values()]
    assert [(name, key_id) for name, key_id, _ in signed.signatures] == known
    assert check_cosignature(signed, KEYS["witness-ed25519"]) == 0x6B01283A
    for witnesses in ([KEYS["witness-ed25519"]], [KEYS["witness-mldsa44"]]):
        with pytest.raises(SignatureError, match="no known key signed the note"):
            check_note(signed, witnesses)


INCLUSIONS = json.loads((GENERATED / "inclusion.json").read_text())
CONSISTENCIES = json.loads((GENERATED / "consistency.json").read_text())


@pytest.mark.parametrize("case", INCLUSIONS, ids=lambda c: f"{c['Index']}-of-{c['Size']}")
def test_every_inclusion_proof_holds_and_is_the_one_we_would_build(case):
    index, size, path = case["Index"], case["Size"], [b64(h) for h in case["Proof"] or []]
    leaf, root = b64(case["Leaf"]), b64(case["Root"])
    verify_inclusion(leaf_hash=leaf, index=index, tree_size=size, path=path, root=root)
    assert (leaf, root) == (hash_leaf(b"Entry %d" % index), root_at(size))
    assert inclusion_path(index, size, TileHashes(big_tile)) == path
    with pytest.raises(ProofError, match="is too long"):
        verify_inclusion(leaf_hash=leaf, index=index, tree_size=size, path=[*path, leaf], root=root)


@pytest.mark.parametrize("case", CONSISTENCIES, ids=lambda c: f"{c['Size1']}-to-{c['Size2']}")
def test_every_consistency_proof_holds_and_is_the_one_we_would_build(case):
    size1, size2, path = case["Size1"], case["Size2"], [b64(h) for h in case["Proof"] or []]
    root1, root2 = b64(case["Root1"]), b64(case["Root2"])
    verify_consistency(size1=size1, size2=size2, path=path, root1=root1, root2=root2)
    assert (root1, root2) == (root_at(size1), root_at(size2))
    assert consistency_path(size1, size2, TileHashes(big_tile)) == path
    with pytest.raises(ProofError, match=r"side leads to another root|tree of 70000 leads to"):
        verify_consistency(size1=size1, size2=size2, path=path, root1=root1, root2=EMPTY_ROOT)


def big_tile(level, n, width):
    row = ROWS[GENERATED / "log70000-edge"][level]
    return row[n * 8192 :][: width * HASH_BYTES]


def test_the_files_of_a_whole_log_are_enough_to_prove_any_entry_in_it():
    log = GENERATED / "log600"
    claim = signed_checkpoint(log / "checkpoint")

    def read_tile(level, n, width):
        stored = 600 // 256**level - n * 256
        return (log / tiles.tile_path(level, n, min(stored, 256))).read_bytes()

    hashes = TileHashes(read_tile)
    bundles = [tiles.entries_path(0), tiles.entries_path(1), tiles.entries_path(2, 88)]
    entries = [e for path in bundles for e in tiles.decode_bundle((log / path).read_bytes())]
    assert len(entries) == claim.size == 600
    for index, entry in enumerate(entries):
        verify_inclusion(
            leaf_hash=hash_leaf(entry),
            index=index,
            tree_size=claim.size,
            path=inclusion_path(index, claim.size, hashes),
            root=claim.root,
        )


def test_the_tlog_proof_file_proves_the_entry_it_carries():
    written = (GENERATED / "entry12345.tlog-proof").read_bytes()
    proof = tlog_proof.parse(written)
    assert tlog_proof.to_bytes(proof) == written
    assert (proof.index, proof.extra) == (12345, b"Entry 12345")
    claim = checkpoint.parse(check_note(note.parse(proof.checkpoint), [LOG_KEY]))
    verify_inclusion(
        leaf_hash=hash_leaf(proof.extra),
        index=proof.index,
        tree_size=claim.size,
        path=proof.path,
        root=claim.root,
    )


EXCHANGES = json.loads((GENERATED / "witness_add_checkpoint.json").read_text())


@pytest.mark.parametrize("case", EXCHANGES["exchanges"], ids=lambda c: c["Name"])
def test_what_a_witness_answered_is_what_our_checks_say(case):
    head, _, written = case["Request"].partition("\n\n")
    old_line, *hashes = head.split("\n")
    old_size, path = int(old_line.removeprefix("old ")), [b64(h) for h in hashes]
    signed = note.parse(written.encode())
    claim = checkpoint.parse(signed.text)
    step = {
        "size1": old_size, "size2": claim.size, "path": path,
        "root1": root_at(old_size), "root2": claim.root,
    }  # fmt: skip
    if case["Status"] == 404:
        with pytest.raises(SignatureError, match="no known key signed the note"):
            check_note(signed, [LOG_KEY])
        return
    check_note(signed, [LOG_KEY])
    if case["Status"] == 200:
        verify_consistency(**step)
        cosigned = note.parse(written.encode() + case["Response"].encode())
        assert check_cosignature(cosigned, KEYS["witness-ed25519"]) > 0
    elif case["Status"] in (400, 422):
        with pytest.raises(ProofError, match=r"cannot be in a tree of|leads to another root"):
            verify_consistency(**step)
    else:
        assert (case["Status"], case["Response"]) == (409, "256\n")


def test_the_keys_beside_the_exchanges_are_those_of_the_key_file():
    for who, field in (
        ("log", "log_vkey"),
        ("witness-ed25519", "witness_ed25519_vkey"),
        ("witness-mldsa44", "witness_mldsa44_vkey"),
    ):
        assert KEYS[who].to_text() == EXCHANGES[field]


def test_a_rekor_v2_entry_is_in_its_log():
    entry = json.loads((TLOG / "rekor-v2" / "clients_md_example.json").read_text())
    proof = entry["inclusionProof"]
    claim = checkpoint.parse(note.parse(proof["checkpoint"]["envelope"].encode()).text)
    assert (claim.origin, claim.size) == ("rekor-local", int(proof["treeSize"]))
    # The example gives its root as base64 of hex.
    assert claim.root.hex().encode() == b64(proof["rootHash"])
    leaf_hash = hash_leaf(b64(entry["canonicalizedBody"]))
    assert leaf_hash == claim.root
    verify_inclusion(
        leaf_hash=leaf_hash,
        index=int(proof["logIndex"]),
        tree_size=claim.size,
        path=[b64(h) for h in proof["hashes"]],
        root=claim.root,
    )


def test_the_state_that_tessera_kept_beside_its_logs_is_the_state_we_compute():
    for log, leaves in ((TESSERA, LEAVES[TESSERA]), (GENERATED / "log600", BIG[:600])):
        state = json.loads((log / ".state" / "treeState").read_text())
        frontier = Frontier()
        frontier.extend(leaves)
        assert (state["size"], b64(state["root"])) == (frontier.size, frontier.root())

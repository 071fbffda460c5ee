"""The evidence zip: its one layout, and every absurd zip refused without unpacking it."""

import io
import json
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.verify.evidence import of, parts, zipped
from wherefrom.errors import Error, LimitPassed, Malformed
from wherefrom.formats import evidence_file
from wherefrom.formats.evidence_file import Claimed, EvidenceFile, Manifest, is_evidence, parse

SMALL = {
    "manifest.json": b'{"of":"x","log":{}}',
    "checkpoint": b"c",
    "entries/0": b"e",
    "proofs/0.tlog-proof": b"p",
}
BYTES = st.binary(max_size=20)
CLAIMED = st.builds(Claimed, entry=BYTES, proof=BYTES) | st.builds(
    Claimed, entry=BYTES, proof=BYTES, nonce=BYTES, content=BYTES
)
EVIDENCE = st.builds(
    EvidenceFile,
    manifest=st.builds(
        Manifest,
        of=st.text(st.characters(codec="utf-8"), max_size=8),
        log=st.dictionaries(st.sampled_from(["origin", "size"]), st.integers(0, 2**53)),
        trace=st.none() | st.just({"edges": []}),
        consistency=st.lists(st.text("AZ", max_size=4), max_size=3).map(tuple),
    ),
    checkpoint=BYTES,
    claimed=st.dictionaries(st.integers(0, 10**16 - 1), CLAIMED, min_size=1, max_size=4),
)


@given(EVIDENCE)
def test_what_is_written_is_read_back_and_written_the_same(evidence):
    written = evidence_file.to_bytes(evidence)
    assert is_evidence(written)
    assert parse(written) == evidence
    assert evidence_file.to_bytes(parse(written)) == written


def test_the_order_in_which_entries_came_leaves_no_trace_in_the_bytes():
    made = parse(of().trace)
    turned = EvidenceFile(
        manifest=made.manifest,
        checkpoint=made.checkpoint,
        claimed=dict(reversed(made.claimed.items())),
    )
    assert evidence_file.to_bytes(turned) == of().trace


def test_the_layout_is_the_one_that_outsiders_read():
    assert sorted(parts(of().trace)) == [
        "checkpoint", "contents/0", "contents/0.nonce", "contents/1", "contents/1.nonce",
        "contents/6", "contents/6.nonce", "entries/0", "entries/1", "entries/6", "manifest.json",
        "proofs/0.tlog-proof", "proofs/1.tlog-proof", "proofs/6.tlog-proof",
    ]  # fmt: skip
    with zipfile.ZipFile(io.BytesIO(of().trace)) as archive:
        assert {i.date_time[0] for i in archive.infolist()} == {1980}


@pytest.mark.parametrize(
    "name",
    [
        "x", "entries/x", "entries/01", "entries/-1", "entries/0\n", "entries/", "entries/0/",
        "../x", "/checkpoint", "contents/0.nonce.nonce", "proofs/0", "entries/12345678901234567",
        "Checkpoint", "manifest.json ", "entries/٠", "contents/1", "proofs/1.tlog-proof",
    ],
)  # fmt: skip
def test_a_part_of_another_name_is_refused(name):
    with pytest.raises(Malformed, match=r"an unknown part|a part of no entry"):
        parse(zipped([*SMALL.items(), (name, b"")]))


def test_a_name_that_the_zip_library_would_shorten_is_not_the_shorter_one():
    hidden = zipped([*SMALL.items(), ("contents/0X", b"")]).replace(b"ts/0X", b"ts/0\0")
    with pytest.raises(Malformed, match="an unknown part"):
        parse(hidden)


@pytest.mark.parametrize("missing", ["manifest.json", "checkpoint"])
def test_a_missing_part_is_named(missing):
    named = {k: v for k, v in SMALL.items() if k != missing}
    with pytest.raises(Malformed, match=f"evidence lacks a part, at evidence: expected {missing}"):
        parse(zipped(named))


def test_evidence_of_nothing_is_none():
    with pytest.raises(Malformed, match="evidence of no entry at all"):
        parse(zipped({k: SMALL[k] for k in ("manifest.json", "checkpoint")}))


@pytest.mark.parametrize("more", [["contents/0"], ["contents/0.nonce"]])
def test_a_content_comes_with_its_nonce_and_an_entry_with_its_proof(more):
    with pytest.raises(Malformed, match="evidence of entry 0 is incomplete"):
        parse(zipped(SMALL | dict.fromkeys(more, b"x")))
    named = {k: v for k, v in SMALL.items() if not k.startswith("proofs")}
    with pytest.raises(Malformed, match="evidence of entry 0 is incomplete"):
        parse(zipped(named))


@pytest.mark.parametrize("name", SMALL)
def test_a_part_that_is_there_twice_is_refused_even_if_both_are_alike(name):
    with pytest.warns(UserWarning, match="Duplicate name"):
        written = zipped([*SMALL.items(), (name, SMALL[name])])
    with pytest.raises(Malformed, match=f"a part twice, at evidence: got {name}"):
        parse(written)


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (b"", "not JSON"), (b"[]", "manifest is broken"), (b"{}", "manifest is broken"),
        (b'{"of":1,"log":{}}', "manifest is broken"),
        (b'{"of":"x","log":[]}', "manifest is broken"),
        (b'{"of":"x","log":{},"trace":[]}', "manifest is broken"),
        (b'{"of":"x","log":{},"consistency":[1]}', "manifest is broken"),
        (b'{"of":"x","log":{},"format":2}', "evidence of a later format"),
        (b'{"of":"x","log":{},"format":true}', "manifest is broken"),
        (b'{"of":"x","of":"y","log":{}}', "names one key twice"),
        (b'{"of":"x","log":{}} {}', "more after the JSON value"), (b"\xff", "not UTF-8"),
        (b'{"of":"x","log":' + b"[" * 999 + b"]" * 999 + b"}", "nested too deeply"),
    ],
)  # fmt: skip
def test_a_manifest_of_another_shape_is_refused(manifest, says):
    with pytest.raises((Malformed, LimitPassed), match=says):
        parse(zipped(SMALL | {"manifest.json": manifest}))


def test_a_later_field_of_the_manifest_is_passed_over():
    manifest = b'{"of":"x","log":{},"note":1}'
    assert parse(zipped(SMALL | {"manifest.json": manifest})).manifest.of == "x"


# -- absurd zips


def test_a_small_zip_of_a_large_part_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(evidence_file, "BYTES_MAX", 1024 * 1024)
    bomb = zipped(SMALL | {"contents/0": bytes(64 * 1024 * 1024)}, method=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    says = "evidence is too large, at evidence contents/0: expected 1048576 bytes at most"
    with pytest.raises(LimitPassed, match=says):
        parse(bomb)


@pytest.mark.parametrize(
    ("name", "bytes_max"),
    [("entries/0", 2048), ("proofs/0.tlog-proof", 2_000_000), ("checkpoint", 1_000_000)],
)
def test_a_part_that_is_larger_than_its_kind_can_be_is_refused(name, bytes_max):
    parse(zipped(SMALL | {name: bytes(bytes_max)}))
    says = f"evidence is too large, at evidence {name}: expected {bytes_max} bytes at most"
    with pytest.raises(LimitPassed, match=says):
        parse(zipped(SMALL | {name: bytes(bytes_max + 1)}))


def test_many_parts_that_are_too_large_together_are_refused(monkeypatch):
    monkeypatch.setattr(evidence_file, "BYTES_MAX", 1000)
    parse(zipped(SMALL | {"contents/0": bytes(400), "contents/0.nonce": bytes(400)}))
    with pytest.raises(LimitPassed, match="evidence is too large"):
        parse(zipped(SMALL | {"contents/0": bytes(600), "contents/0.nonce": bytes(600)}))


def test_more_parts_than_entries_can_have_are_refused(monkeypatch):
    monkeypatch.setattr(evidence_file, "ENTRIES_MAX", 1)
    many = {f"entries/{n}": b"" for n in range(5)}
    with pytest.raises(LimitPassed, match="evidence holds too many parts, at evidence: got 8"):
        parse(zipped(SMALL | many))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_part_packed_in_another_way_is_refused(method):
    with pytest.raises(Malformed, match=r"packed in another way, at evidence manifest\.json"):
        parse(zipped(SMALL, method=method))


def test_an_encrypted_part_is_refused():
    written = bytearray(zipped(SMALL))
    for at, offset in ((0, 6), (written.index(b"PK\1\2"), 8)):
        written[at + offset] |= 1
    with pytest.raises(Malformed, match=r"not a readable zip, at evidence: got .*encrypted"):
        parse(bytes(written))


def test_a_name_that_is_not_utf_8_is_refused():
    written = bytearray(zipped(SMALL))
    central = written.index(b"PK\1\2")
    struct.pack_into("<H", written, central + 8, 0x800)
    written[central + 46] = 0xFF
    with pytest.raises(Malformed, match="not a readable zip"):
        parse(bytes(written))


@pytest.mark.parametrize("size", [0, 1, 2**31, 2**32 - 1])
def test_a_part_that_lies_about_its_size_is_refused(size):
    written = bytearray(zipped(SMALL))
    central = written.index(b"PK\1\2")
    struct.pack_into("<I", written, central + 24, size)
    says = r"not a readable zip|a part lies about its size|evidence is too large"
    with pytest.raises((Malformed, LimitPassed), match=says):
        parse(bytes(written))


@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_only_our_errors(written):
    for tried in (written, b"PK\3\4" + written, b"PK\5\6" + written, zipped(SMALL) + written):
        try:
            parse(tried)
        except Error as error:
            assert isinstance(error, Malformed | LimitPassed)  # noqa: PT017


@given(st.data())
@settings(max_examples=300)
def test_a_changed_zip_is_refused_or_read_and_never_raises_anything_else(data):
    written = bytearray(zipped(SMALL, method=data.draw(st.sampled_from([0, zipfile.ZIP_DEFLATED]))))
    for _ in range(data.draw(st.integers(1, 3))):
        written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = parse(bytes(written))
    except Malformed:
        return
    except LimitPassed:
        return
    assert read.manifest.format == 1


def test_the_manifest_is_json_that_anybody_reads():
    manifest = json.loads(parts(of().trace)["manifest.json"])
    assert list(manifest) == sorted(manifest)
    assert (manifest["format"], manifest["log"]["size"]) == (1, 9)

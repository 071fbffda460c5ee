"""The worked examples in docs/formats are what the code writes, byte for byte."""

import json
import re

import msgspec
import pytest

from tests.logs import SERVICE_KEY
from tests.paths import REPOSITORY
from wherefrom.collect.senders import hashed
from wherefrom.formats import (
    add_checkpoint,
    backstage,
    catalog,
    catalog_yaml,
    dsse,
    intake,
    inventory,
    log_keys,
    note,
    own,
    scitt,
    tlog_policy,
    watch_list,
)
from wherefrom.formats import entry as entries
from wherefrom.formats.own import Tombstone
from wherefrom.keys.cosignatures import Cosigner, check_log_signature
from wherefrom.keys.ed25519 import SigningKey, check
from wherefrom.keys.log_keys import followed
from wherefrom.merkle.hashing import hash_leaf
from wherefrom.query import Trace, exports
from wherefrom.storage.contracts import EMPTY, Record, Tail
from wherefrom.storage.frames import encode
from wherefrom.storage.segment import SegmentName, write_header

NONCE, CONTENT = bytes(range(16)), b"hello"


def page(name):
    return (REPOSITORY / "docs/formats" / name).read_text()


def blocks(name, language=""):
    fenced = re.findall(r"^```([a-z]*)\n(.*?)^```$", page(name), re.DOTALL | re.MULTILINE)
    return [block for marked, block in fenced if marked == language]


def hexadecimal(text):
    return bytes.fromhex("".join(text.split()))


@pytest.fixture
def written():
    (block,) = blocks("entry.md", "json")
    return block.strip().encode()


def test_the_entry_is_in_its_one_spelling_and_commits_to_its_content(written):
    assert entries.parse(written).content == entries.commit(nonce=NONCE, content=CONTENT)
    assert hash_leaf(written).hex() in page("entry.md")
    assert written.decode() in page("journal.md")


def test_the_frame_is_what_the_journal_writes(written):
    frame = b"".join(encode([Record(written, NONCE, CONTENT)]))
    (block,) = [b for b in blocks("journal.md") if b.startswith("03 ")]
    lines = [re.split(r"  +", line)[0] for line in block.strip().split("\n")]
    head, crc, entry, nonce, content = lines
    assert hexadecimal(head + crc + entry[:4]) == frame[:7]
    assert hexadecimal(nonce + content) == frame[-21:]
    assert len(frame) == 282 == 7 + len(written) + 21


def test_the_headers_are_what_the_journal_writes():
    first, second = (hexadecimal(b) for b in blocks("journal.md") if b.startswith("57464a"))
    assert first == write_header(SegmentName(0, 1), EMPTY)
    before = Tail(1, SegmentName(0, 1).to_text(), 346)
    assert second == write_header(SegmentName(1, 2), before)


def test_the_tombstone_is_what_the_service_key_signs():
    payload, envelope = (block.strip() for block in blocks("own-records.md", "json"))
    read = dsse.parse(json.loads(envelope))
    assert read.payload.decode() == payload
    decision = own.parse_payload(read.payload_type, read.payload)
    assert decision == Tombstone(
        entry=7,
        reason="requested by its producer",
        by="local:0",
        at="2026-01-01T00:00:00.000000Z",
    )
    message = dsse.pae(read.payload_type, read.payload)
    check(SERVICE_KEY.public_key, message, read.signatures[0].sig)
    assert read.signatures[0].keyid == SERVICE_KEY.id


@pytest.mark.parametrize("kind", sorted(entries.ENTRY_KINDS))
def test_every_kind_of_entry_is_in_the_table(kind):
    assert f"`{kind}`" in page("entry.md")


def test_the_exports_are_what_the_trace_is_written_as():
    given, *in_json = map(json.loads, blocks("exports.md", "json"))
    answer = msgspec.convert(given, Trace)
    languages = {"dot": "dot", "mermaid": "mermaid", "graphml": "xml", "prov-n": "provn"}
    for name, language in languages.items():
        assert blocks("exports.md", language) == [exports.write(answer, name)], name
    said = [json.loads(exports.write(answer, name)) for name in ("prov-json", "openlineage")]
    assert in_json == said


@pytest.mark.parametrize("name", exports.FORMATS)
def test_every_export_is_in_the_table_with_its_media_type(name):
    assert f"| `{name}` | `{exports.FORMATS[name].media_type}` |" in page("exports.md")
    assert f"`{name}`" in (REPOSITORY / "docs/commands.md").read_text()
    assert f"`{exports.FORMATS[name].media_type}`" in (REPOSITORY / "docs/http.md").read_text()


def test_the_sigstore_example_is_proven_and_told_as_it_says(tmp_path):
    import os
    import textwrap

    from tests.unit.cli.running import run

    (bundle,) = blocks("sigstore.md", "json")
    key, told = blocks("sigstore.md", "text")
    (tmp_path / "b.json").write_text(bundle)
    (tmp_path / "k.pem").write_text(key)
    (tmp_path / "hello").write_bytes(CONTENT)
    width = os.environ.pop("COLUMNS", None)
    try:
        ran = run("verify", "--bundle", tmp_path / "b.json", "--artifact", tmp_path / "hello",
                  "--key", tmp_path / "k.pem", data=tmp_path)  # fmt: skip
    finally:
        os.environ |= {"COLUMNS": width} if width else {}
    said = [textwrap.dedent(line) for line in ran.out.splitlines()]
    page_lines = [textwrap.dedent(line) for line in told.splitlines()][1:]
    # All but the age of the root, which grows.
    assert " ".join(said[1:]) == " ".join(page_lines[1:])
    assert said[0].partition(", of ")[0] == page_lines[0].partition(", of ")[0]
    assert ran.code == 0


def test_the_request_to_a_witness_is_read_and_its_cosignature_made_again():
    request, answer = blocks("tlog-witness.md")
    signed = add_checkpoint.parse(request.encode()).signed
    check_log_signature(signed, [SigningKey(bytes(32)).verifier_key("example.com/log")])
    witness = Cosigner("w.example/p", 0x04, bytes([1]) * 32)
    made = witness.cosign(signed.text, time_s=1795242042)
    assert add_checkpoint.signature_lines((made,)) == answer.encode()


def test_the_change_of_a_logs_keys_is_signed_as_its_page_shows():
    (written,) = blocks("log-keys.md", "text")
    old, new = (
        SigningKey(seed).verifier_key("example.com/log") for seed in (bytes(32), b"\1" * 32)
    )
    assert followed([old], [written]) == [old, new]
    assert followed([new], [written]) == [new, old]
    assert log_keys.to_text(log_keys.parse(note.parse(written.encode()).text)) in written


def test_the_policy_on_its_page_needs_two_of_its_three_witnesses():
    (block,) = blocks("tlog-policy.md")
    policy = tlog_policy.parse(block.encode())
    assert policy.is_reached({"paris", "quito"})
    assert not policy.is_reached({"oslo"})
    assert policy.log_keys("example.com/log")


def test_the_watch_list_on_its_page_is_read_and_its_digest_matches():
    (block,) = blocks("monitor.md")
    watched = watch_list.parse(block.encode())
    assert len(watched.lines) == 5
    assert [line.wanted[0][0] for line in watched.matches(b"four")] == ["sha256"]


def test_the_removal_of_a_trusted_root_is_read_and_written_as_on_its_page():
    (payload,) = (block.strip() for block in blocks("trusted-root.md", "json"))
    said = own.parse_payload(own.PREFIX + "root.v1+json", payload.encode())
    assert (said.version, said.trusted_root, said.digest) == (2, "", "")
    assert own.to_payload(said).decode() == payload


def test_the_intake_rules_are_what_a_record_of_them_holds():
    (file,) = blocks("intake-rules.md", "toml")
    (recorded,) = blocks("intake-rules.md", "json")
    rules = hashed(intake.parse_file(file.encode()), key=bytes(32))
    assert msgspec.json.encode(rules, order="sorted").decode() == recorded.strip()
    assert f"`{intake.digest_of(rules)}`" in page("intake-rules.md")
    said = own.IntakeRules(version=1, rules=rules, digest=intake.digest_of(rules))
    assert b'"rules":' + recorded.strip().encode() in own.to_payload(said)


def test_the_transparent_statement_is_the_statement_with_a_receipt_in_it():
    (signed, *_), (whole,) = (
        [hexadecimal(block) for block in blocks(name, "hex")] for name in ("scitt.md", "scrapi.md")
    )
    receipt = bytes.fromhex("d28440a0f640")
    assert scitt.transparent(signed, receipt) == whole
    assert scitt.without_receipt(whole, receipt) == signed
    assert f"of {len(signed)} bytes" in page("scrapi.md")


def test_catalogue():
    (written,), (said,) = blocks("catalog.md", "yaml"), blocks("catalog.md", "json")
    made = catalog_yaml.parse(written.encode(), where="catalog.yaml")
    issued = msgspec.structs.replace(made, issued="2026-01-01T00:00:00Z")
    assert catalog.to_statement(issued).decode() == said.strip()


def test_backstage():
    (written,) = blocks("backstage.md", "yaml")
    made = backstage.parse(written.encode(), where="catalog-info.yaml")
    (cart,) = made.services
    assert (cart.name, cart.owner, [e.kinds for e in cart.emitters]) == (
        "cart", "shop", [("provenance", "sbom")],
    )  # fmt: skip
    assert made.left_out == {"User": 1}


def test_inventory():
    (said,) = blocks("inventories.md", "json")
    made = inventory.parse(json.loads(said)["predicate"], where="inventory")
    assert inventory.to_statement(made).decode() == said.strip()

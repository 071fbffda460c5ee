"""The desk over a small estate: what is asked, proven, unproven, failed; in any spelling."""

from __future__ import annotations

import pytest

from tests.folders import BUILDER, ME, asked, envelope, made, public, statement
from wherefrom.app import fold_views, open_desk, open_log, open_recorder
from wherefrom.errors import Ambiguous, NotFound
from wherefrom.formats import base64_strict, checkpoint, evidence_file, note, tlog_proof
from wherefrom.merkle.proofs import verify_consistency
from wherefrom.query import desk as module
from wherefrom.query.desk import TraceOptions
from wherefrom.sample.estate import build
from wherefrom.verify.evidence_file import check

SIGNED = "registry.corner-shop.example/shelf:1.1.0"
LIBRARY = "pkg:pypi/tally@2.3.1"


@pytest.fixture(scope="module")
def estate(tmp_path_factory):
    folder = made(tmp_path_factory.mktemp("estate") / "data")
    sample = build()
    with open_recorder(folder) as recorder:
        for known in sample.keys:
            recorder.change_key(known.public, action="trust", names=(known.name,))
        recorder.record(sample.records, principal=ME)
        erased = recorder.record([statement("gone"), statement("lone")], principal=ME)
        recorder.erase(erased[0].index, reason="asked to", principal=ME)
    return folder, erased[0].index, erased[1].index


@pytest.fixture(scope="module")
def desk(estate):
    with asked(estate[0]) as made_desk:
        yield made_desk


def checked(estate, proof):
    return check(proof.written, log_keys=[estate[0].log_vkey()])


def test_what_a_known_key_signed_is_proven(desk):
    report = desk.verify(SIGNED)
    assert report.result == "proven"
    assert [s.name for s in report.steps] == [
        "checkpoint", "inclusion", "contents", "decisions", "trust",
    ]  # fmt: skip
    assert "signed" in report.steps[-1].says


def test_what_nobody_known_signed_is_unproven_though_the_log_holds_it(estate, desk):
    lone = estate[2]
    report = desk.verify(str(lone))
    assert (report.result, report.steps[-1].name, report.steps[-1].ok) == (
        "unproven",
        "trust",
        False,
    )
    assert report.steps[-1].says == (
        f"of 1 record, 1 channel (entry {lone})."
        " Nobody we know signed any of it: see wherefrom keys trust"
    )
    assert all(s.ok for s in report.steps[:-1])


def test_an_entry_is_asked_for_by_its_number_and_with_its_word(desk):
    assert desk.verify("1") == desk.verify("entry:1")
    assert desk.prove("1") == desk.prove("entry:1")


@pytest.mark.parametrize(
    "text", ["entry:4711", "4711", "sha256:" + "0" * 64, "nothing-of-that-name"]
)
def test_what_is_not_there_is_not_found(desk, text):
    for ask in (desk.verify, desk.prove, lambda t: desk.trace(t, TraceOptions())):
        with pytest.raises((NotFound, Ambiguous), match=r"."):
            ask(text)


def test_one_entry_is_proved_with_a_tlog_proof_of_the_best_vouched_for(estate, desk):
    proof = desk.prove(SIGNED)
    (index,) = proof.entries
    assert proof.name == f"entry-{index}.tlog-proof"
    assert tlog_proof.parse(proof.written).extra == open_log(estate[0]).record(index).entry
    report = checked(estate, proof)
    assert report.result == "proven"
    assert "signed at the door" in report.steps[1].says


@pytest.mark.parametrize("text", [SIGNED, LIBRARY])
@pytest.mark.parametrize("whole_trace", [False, True])
def test_a_thing_is_proved_with_its_contents_or_its_whole_trace(estate, desk, text, whole_trace):
    proof = desk.prove(text, whole_trace=whole_trace, content=True)
    assert proof.name.endswith(".zip")
    report = checked(estate, proof)
    assert report.result == "proven", report.steps
    evidence = evidence_file.parse(proof.written)
    assert sorted(evidence.claimed) == proof.entries
    assert evidence.manifest.of == text
    if whole_trace:
        asked_again = desk.trace(text, TraceOptions())
        assert len(evidence.manifest.trace["edges"]) == len(asked_again.edges) > 0
        assert {e.entry for e in asked_again.edges} <= set(proof.entries)


def test_a_trace_read_before_the_log_grew_is_proved_under_the_newer_checkpoint(
    tmp_path, monkeypatch
):
    folder = made(tmp_path / "data")
    with open_recorder(folder) as recorder:
        recorder.record([statement("a")], principal=ME)
        with asked(folder) as desk:
            read = desk._trace

            def then_grow(*arguments):
                answer = read(*arguments)
                recorder.record([statement("b")], principal=ME)
                return answer

            monkeypatch.setattr(desk, "_trace", then_grow)
            proof = desk.prove("sha256:61" + "0" * 62, whole_trace=True)
    evidence = evidence_file.parse(proof.written)
    sizes = evidence.manifest.trace["log"]["size"], evidence.manifest.log["size"]
    assert sizes == (2, 3)
    assert len(evidence.manifest.consistency) > 0
    assert check(proof.written, log_keys=[folder.log_vkey()]).result == "proven"


def test_an_erased_entry_is_proved_with_its_tombstone_and_its_content_is_not_found(estate, desk):
    erased = estate[1]
    proof = desk.prove(str(erased), content=True)
    assert proof.entries == [0, erased, erased + 2]
    assert checked(estate, proof).result == "proven"
    report = desk.verify(str(erased))
    assert [s.says for s in report.steps if s.name == "erased"] == [
        f"entry {erased} by entry {erased + 2}"
    ]
    with pytest.raises(NotFound, match=f"the content of entry {erased} is erased"):
        desk.content(erased)
    assert (desk.record(erased).erased, desk.record(erased + 1).erased) == (True, False)
    with pytest.raises((NotFound, Ambiguous), match=r"."):
        desk.verify("gone")


def test_a_name_that_is_a_path_or_a_url_makes_a_plain_file_name(desk):
    assert desk.prove(LIBRARY, content=True).name == "pkg-pypi-tally-2.3.1.zip"
    assert "/" not in desk.prove(SIGNED, content=True).name


def test_more_records_than_are_looked_at_are_told_of(desk, monkeypatch):
    monkeypatch.setattr(module, "PROVEN_ENTRIES_MAX", 1)
    assert "Only so many records are looked at" in desk.verify(SIGNED).steps[-1].says


def test_consistency_between_two_sizes_is_what_a_verifier_takes(estate, desk):
    log = open_log(estate[0])
    for size1, size2 in ((1, log.size), (3, 7), (5, 5)):
        path = [base64_strict.decode(h, where="") for h in desk.consistency(size1, size2)]
        verify_consistency(
            size1=size1, size2=size2, path=path,
            root1=log.root_at(size1), root2=log.root_at(size2),
        )  # fmt: skip
    for sizes in ((-1, 2), (3, 2), (0, log.size + 1)):
        with pytest.raises(NotFound, match="no tree of these sizes"):
            desk.consistency(*sizes)


def test_the_status_says_what_the_checkpoint_says(estate, desk):
    status = desk.status()
    signed = checkpoint.parse(note.parse(status.checkpoint.encode()).text)
    assert (status.origin, status.size, status.root) == (
        signed.origin,
        signed.size,
        signed.root.hex(),
    )
    assert status.vkey == estate[0].log_vkey().to_text()
    assert status.views == dict.fromkeys(("graph", "estate", "health"), signed.size)


# -- a disk that changed what was written


@pytest.fixture
def damaged(tmp_path):
    folder = made(tmp_path / "data")
    with open_recorder(folder) as recorder:
        recorder.record([statement("app"), statement("lib")], principal=ME)
    fold_views(folder, open_log(folder))

    def replace(before, after):
        (journal,) = (folder.path / "journal").glob("*.wfj")
        written = journal.read_bytes()
        assert written.count(before) == 1
        journal.write_bytes(written.replace(before, after))
        return open_desk(folder, open_log(folder))

    return replace


def test_a_stored_content_that_was_changed_fails_to_verify_and_is_named(damaged):
    desk = damaged(b"https://ci.example/runs/lib", b"https://ci.example/runs/lob")
    report = desk.verify("2")
    assert (report.result, report.steps[-1].name) == ("failed", "contents")
    assert "the content of entry 2 is not what the entry commits to" in report.steps[-1].says
    assert desk.verify("1").result == "unproven"


def test_evidence_of_a_changed_content_proves_nothing_to_anybody(damaged, tmp_path):
    desk = damaged(b"https://ci.example/runs/lib", b"https://ci.example/runs/lob")
    proof = desk.prove("2", content=True)
    key = made(tmp_path / "data").log_vkey()
    assert check(proof.written, log_keys=[key]).result == "failed"
    assert check(desk.prove("1", content=True).written, log_keys=[key]).result == "proven"


def test_a_key_trusted_later_makes_the_unproven_proven(tmp_path):
    folder = made(tmp_path / "data")
    with open_recorder(folder) as recorder:
        recorder.record([envelope(statement("app"), BUILDER)], principal=ME)
        with asked(folder) as desk:
            assert desk.verify("1").result == "unproven"
        recorder.change_key(public(BUILDER), action="trust")
        with asked(folder) as desk:
            assert desk.verify("1").result == "proven"
        recorder.change_key(public(BUILDER), action="revoke")
        with asked(folder) as desk:
            assert desk.verify("1").result == "unproven"

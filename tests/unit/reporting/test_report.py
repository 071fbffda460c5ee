"""Audit reports: the same bytes a month later, checked by one file that knows nothing of us."""

import hashlib
import json
import random
import subprocess
import sys
from datetime import timedelta

import pytest

from tests.folders import (
    BUILDER,
    ME,
    REVIEWER,
    STRANGER,
    envelope,
    made,
    public,
    sha256_of,
    statement,
)
from wherefrom.app import fold_views, now, open_log, open_recorder
from wherefrom.errors import (
    AlreadyExists,
    Corrupt,
    Malformed,
    NotFound,
    SettingError,
    SignatureError,
    StorageError,
)
from wherefrom.formats import intake, note, page
from wherefrom.formats.timestamps import parse, to_text
from wherefrom.keys.batches import sign_batch
from wherefrom.keys.cosignatures import Cosigner
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.log.own_keys import LogKeysWish
from wherefrom.reporting import folder as making
from wherefrom.reporting import verify as verifier
from wherefrom.reporting.folder import report, spelled
from wherefrom.reporting.select import Question

RULES = b'[[rule]]\nname = "a"\neffect = "mark"\nleast = "signed"\n'


@pytest.fixture
def folder(tmp_path):
    """A log with something of each: signed, batch, unsigned, erased, revoked, judged again."""
    folder = made(tmp_path / "data")
    with open_recorder(folder) as recorder:
        recorder.change_key(public(BUILDER), action="trust", names=("builder",))
        recorder.record([envelope(statement("early"), REVIEWER)], principal=ME)
        recorder.change_key(public(REVIEWER), action="trust", names=("reviewer",))
        recorder.record([envelope(statement(n), BUILDER) for n in "abc"], principal=ME)
        batch = list(sign_batch([statement(n) for n in "xyz"], BUILDER))
        recorder.record(batch, principal=ME)
        recorder.record([statement("plain"), statement("gone")], principal=ME)
        gone = recorder.writer.size - 1
        recorder.erase(gone, reason="a mistake", principal=ME)
        recorder.set_intake(
            intake.parse_file(b'[[rule]]\nname = "a"\neffect = "mark"\nleast = "signed"\n')
        )
        recorder.record([envelope(statement("late"), STRANGER)], principal=ME)
        recorder.change_key(public(STRANGER), action="trust", names=("stranger",))
        recorder.change_key(public(STRANGER), action="revoke", reason="stolen")
        recorder.change_log_keys(LogKeysWish(to="ed25519", grace_days=0))
        recorder.record([statement("last")], principal=ME)
    fold_views(folder, open_log(folder))
    return folder


def make(folder, out, *scope, **options):
    question = Question(
        scope=scope, since=options.pop("since", None), until=options.pop("until", None)
    )
    options.setdefault("with_pdf", False)
    return report(folder, question, out, **options)


def files_of(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def check(folder, *options, capsys=None, monkeypatch=None):
    """The verifier's exit and words, as a stranger runs it."""
    ran = subprocess.run(
        [sys.executable, "-I", folder / "verify.py", *options],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.stderr == ""
    return ran.returncode, ran.stdout


def verdict_on(folder, log_key):
    """The same in this process; only the exit."""
    checking = verifier.Check(folder, log_key, [])
    try:
        checking.run()
    except verifier.UNREADABLE:
        return 1
    return 2 if checking.unproven else 0


def first_key(folder):
    return folder.own_keys.known()[0].to_text()


def test_a_stranger_proves_all_of_it_with_the_first_key_or_the_last(folder, tmp_path):
    done = make(folder, tmp_path / "r")
    assert done.entries == done.size == open_log(folder).size
    for key in folder.own_keys.known():
        code, said = check(tmp_path / "r", "--log-key", key.to_text())
        assert (code, said.splitlines()[-1]) == (0, "PROVEN"), said
    assert "they are all that the log held: nothing was left out" in said
    assert "3 records are signed, 3 as part of a signed batch" in said
    assert "erasures are in order" in said


def test_without_a_key_of_ones_own_nothing_is_proven_and_with_anothers_it_fails(folder, tmp_path):
    make(folder, tmp_path / "r")
    code, said = check(tmp_path / "r")
    assert code == 2
    assert "no log key was given" in said
    stranger = SigningKey(bytes(32)).verifier_key(folder.origin).to_text()
    code, said = check(tmp_path / "r", "--log-key", stranger)
    assert code == 1
    assert "entry 0 is of a log with another key" in said


@pytest.mark.parametrize("scope", [(), (sha256_of("a"),), ("kind:attestation",)])
def test_made_again_a_month_later_it_is_the_same_to_the_byte(folder, tmp_path, monkeypatch, scope):
    one = make(folder, tmp_path / "one", *scope, with_pdf=True)
    with open_recorder(folder) as recorder:
        later = to_text(parse(recorder.now(), where="now") + timedelta(days=31))
        monkeypatch.setattr(recorder._clock, "_clock", lambda: later)
        recorder.record([envelope(statement("new"), BUILDER)], principal=ME)
        recorder.change_key(public(BUILDER), action="revoke", reason="later")
        recorder.change_log_keys(LogKeysWish(to="ed25519", grace_days=0))
    fold_views(folder, open_log(folder))
    two = make(folder, tmp_path / "two", *scope, size=one.size, with_pdf=True)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    assert one.fingerprint == two.fingerprint
    assert (tmp_path / "one" / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert verdict_on(tmp_path / "two", first_key(folder)) == 0


def test_a_size_that_was_never_published_is_signed_again_and_kept(folder, tmp_path):
    size = open_log(folder).size - 3
    make(folder, tmp_path / "one", size=size)
    assert verdict_on(tmp_path / "one", folder.log_vkey().to_text()) == 0
    with open_recorder(folder) as recorder:
        recorder.change_log_keys(LogKeysWish(to="ed25519", grace_days=0))
    make(folder, tmp_path / "two", size=size)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    with pytest.raises(NotFound, match="no log of this size"):
        make(folder, tmp_path / "three", size=10_000)


def test_nothing_is_signed_again_over_a_tile_that_was_changed(folder, tmp_path, monkeypatch):
    real = making.LogReader.root_at
    monkeypatch.setattr(
        making.LogReader, "root_at", lambda log, size: bytes(32) if size == 5 else real(log, size)
    )
    with pytest.raises(Corrupt, match="the first 5 entries is not what the log signed"):
        make(folder, tmp_path / "r", size=5)


def test_a_trace_that_a_bound_cut_off_is_a_gap_and_one_that_time_cut_off_is_no_report(
    folder, tmp_path, monkeypatch
):
    import importlib

    from wherefrom.errors import Unavailable

    tracing = importlib.import_module("wherefrom.query.trace")
    defaults = tracing.trace.__kwdefaults__
    monkeypatch.setattr(tracing.trace, "__kwdefaults__", defaults | {"nodes_max": 2})
    make(folder, tmp_path / "r", sha256_of("a"))
    gaps = json.loads((tmp_path / "r/gaps.json").read_bytes())
    assert "cut_off" in {gap["gap"] for gap in gaps}
    monkeypatch.setattr(tracing.trace, "__kwdefaults__", defaults | {"seconds_max": 1e-9})
    with pytest.raises(Unavailable, match="takes too long to be the same"):
        make(folder, tmp_path / "slow", sha256_of("a"))


def test_a_given_checkpoint_is_what_it_rests_on_with_its_cosignatures(folder, tmp_path):
    witness = Cosigner("w.example/one", note.ED25519_COSIGNATURE, bytes(32))
    head = note.parse(open_log(folder).checkpoint)
    cosigned = note.to_bytes(
        note.Note(head.text, (*head.signatures, witness.cosign(head.text, time_s=1_800_000_000)))
    )
    make(folder, tmp_path / "r", given=cosigned)
    assert (tmp_path / "r/checkpoint").read_bytes() == cosigned
    gaps = json.loads((tmp_path / "r/gaps.json").read_bytes())
    assert "not_witnessed" not in {gap["gap"] for gap in gaps}
    key, of = first_key(folder), witness.verifier_key.to_text()
    code, said = check(tmp_path / "r", "--log-key", key, "--witness", of)
    assert code == 0
    assert "the witness w.example/one cosigned it at 2027-01-15 08:00:00 UTC" in said
    other = Cosigner("w.example/two", note.ED25519_COSIGNATURE, bytes(32)).verifier_key.to_text()
    assert check(tmp_path / "r", "--log-key", key, "--witness", other)[0] == 1


def test_a_report_that_rests_on_a_given_checkpoint_changes_none_that_is_made_without(
    folder, tmp_path
):
    make(folder, tmp_path / "one")
    witness = Cosigner("w.example/one", note.ED25519_COSIGNATURE, bytes(32))
    head = note.parse(open_log(folder).checkpoint)
    line = witness.cosign(head.text, time_s=1_800_000_000)
    given = note.to_bytes(note.Note(head.text, (*head.signatures, line)))
    make(folder, tmp_path / "two", given=given)
    make(folder, tmp_path / "three")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "three")
    make(folder, tmp_path / "four", given=given)
    assert files_of(tmp_path / "two") == files_of(tmp_path / "four")


def test_times_in_the_wrong_order_are_no_question(folder, tmp_path):
    early, late = "2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"
    for since, until in ((late, early), (early, early)):
        with pytest.raises(Malformed, match="no time lies between these"):
            make(folder, tmp_path / "r", since=since, until=until)
    assert not (tmp_path / "r").exists()


def test_nothing_is_left_where_the_checkpoint_cannot_be_kept(folder, tmp_path):
    (folder.path / "checkpoints").write_bytes(b"in the way")
    with pytest.raises(StorageError):
        make(folder, tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_links_that_nobody_looked_for_are_said_to_be_so(folder, tmp_path):
    make(folder, tmp_path / "all")
    make(folder, tmp_path / "one", sha256_of("a"))
    says = "Links that ought to be there were not looked for"
    assert says in (tmp_path / "all/report.html").read_text()
    assert says not in (tmp_path / "one/report.html").read_text()


@pytest.mark.parametrize("later", [0, 1])
def test_an_erased_record_that_a_trace_no_longer_leads_to_is_a_gap(folder, tmp_path, later):
    before = open_log(folder).size
    make(folder, tmp_path / "one", sha256_of("a"))
    rows = json.loads((tmp_path / "one/custody.json").read_bytes())
    erased = next(r["entry"] for r in rows if r["kind"] == "attestation")
    with open_recorder(folder) as recorder:
        recorder.erase(erased, reason="by law", principal=ME)
    fold_views(folder, open_log(folder))
    size = open_log(folder).size if later else before
    make(folder, tmp_path / "three", sha256_of("b"), size=size)
    gaps = json.loads((tmp_path / "three/gaps.json").read_bytes())
    (gap,) = [g for g in gaps if g["gap"] == "erased_unseen"]
    assert erased in gap["entries"]
    assert verdict_on(tmp_path / "three", first_key(folder)) == 0


def test_a_checkpoint_of_another_history_or_log_is_refused(folder, tmp_path):
    from wherefrom.formats.checkpoint import Checkpoint

    size = open_log(folder).size
    for tree, error in (
        (Checkpoint(folder.origin, size, bytes(32)), Corrupt),
        (Checkpoint("log.example/x", size, bytes(32)), SignatureError),
    ):
        key = folder.own_keys.newest("report", at=now())
        text = tree.to_text()
        given = note.to_bytes(note.Note(text, (key.sign_text(text),)))
        with pytest.raises(error):
            make(folder, tmp_path / "r", given=given)
    with pytest.raises(Malformed):
        make(folder, tmp_path / "r", given=b"x")
    assert not (tmp_path / "r").exists()


def asked(out):
    rows = json.loads((out / "custody.json").read_bytes())
    return {row["type"].rpartition("/")[2]: row for row in rows}, rows


def test_a_scope_holds_what_was_asked_and_what_it_cannot_be_judged_without(folder, tmp_path):
    done = make(folder, tmp_path / "id", sha256_of("early"))
    rows = json.loads((tmp_path / "id/custody.json").read_bytes())
    kinds = [row["kind"] for row in rows]
    assert done.asked < done.entries < done.size
    assert kinds.count("genesis") == 1
    assert kinds.count("key") == 5  # four changes of keys, and one of the log's own
    assert kinds.count("verdict") == 1  # of early, whose key became known after it
    assert verdict_on(tmp_path / "id", first_key(folder)) == 0
    by_key = make(folder, tmp_path / "key", f"key:{public(BUILDER).id}")
    assert by_key.asked == 6
    assert verdict_on(tmp_path / "key", first_key(folder)) == 0
    received = {row["entry"]: row["received"] for row in rows}
    none = make(folder, tmp_path / "time", since="2100-01-01T00:00:00.000000Z")
    assert none.asked == 0
    some = make(folder, tmp_path / "until", until=max(received.values()))
    assert 0 < some.asked < done.size
    with pytest.raises(NotFound):
        make(folder, tmp_path / "nothing", "sha256:" + "0" * 64)


def test_every_gap_is_told(folder, tmp_path):
    make(folder, tmp_path / "r", sha256_of("a"), "kind:attestation", "kind:bundle")
    gaps = json.loads((tmp_path / "r/gaps.json").read_bytes())
    told = {gap["gap"] for gap in gaps}
    assert {"erased", "unsigned", "not_witnessed", "judged_again"} <= told
    assert "stolen" in (tmp_path / "r/report.html").read_text()


def test_any_byte_that_is_changed_is_found(folder, tmp_path):
    make(folder, tmp_path / "r", sha256_of("a"), with_pdf=True)
    key = first_key(folder)
    assert verdict_on(tmp_path / "r", key) == 0
    chance = random.Random(20)
    for name, written in files_of(tmp_path / "r").items():
        path = tmp_path / "r" / name
        for _ in range(3):
            at = chance.randrange(len(written)) if written else 0
            changed = (
                written[:at] + bytes([written[at] ^ 1 << chance.randrange(8)]) + written[at + 1 :]
            )
            path.write_bytes(changed)
            assert verdict_on(tmp_path / "r", key) == 1, (name, at)
        path.unlink()
        assert verdict_on(tmp_path / "r", key) == 1, name
        path.write_bytes(written)
    (tmp_path / "r/entries/more").write_bytes(b"")
    assert verdict_on(tmp_path / "r", key) == 1


def forged(out, change):
    """The folder after a change by somebody who writes a fitting manifest."""
    change(out)
    named = {
        n: hashlib.sha256(w).hexdigest() for n, w in files_of(out).items() if n != "manifest.json"
    }
    (out / "manifest.json").write_bytes(spelled({"files": named, "format": making.FORMAT}))


def other_content(out):
    entry = max(int(p.name) for p in (out / "contents").iterdir() if p.suffix != ".nonce")
    path = out / f"contents/{entry}"
    path.write_bytes(path.read_bytes()[:-1] + b" ")


def other_entry(out):
    entry = max(int(p.name) for p in (out / "entries").iterdir())
    path = out / f"entries/{entry}"
    path.write_bytes(
        path.read_bytes().replace(b'"producer":"local:1000"', b'"producer":"local:1001"')
    )


def one_entry_less(out):
    entry = sorted(int(p.name) for p in (out / "entries").iterdir())[3]
    for name in (f"entries/{entry}", f"contents/{entry}", f"contents/{entry}.nonce"):
        (out / name).unlink(missing_ok=True)


def other_custody(out):
    rows = json.loads((out / "custody.json").read_bytes())
    rows[-1]["now"]["level"] = "signed"
    (out / "custody.json").write_bytes(spelled(rows))


def other_keys(out):
    keys = json.loads((out / "keys.json").read_bytes())
    keys["keys"][0]["state"] = "revoked"
    (out / "keys.json").write_bytes(spelled(keys))


def no_verdicts(out):
    (out / "verdicts.json").write_bytes(spelled([]))


def other_question(out):
    asked = json.loads((out / "question.json").read_bytes())
    asked["log"]["size"] += 1
    (out / "question.json").write_bytes(spelled(asked))


def other_checkpoint(out):
    signed = note.parse((out / "checkpoint").read_bytes())
    text = signed.text.replace("\n", " \n", 1)
    (out / "checkpoint").write_bytes(note.to_bytes(note.Note(text, signed.signatures)))


def a_thiefs_key(out):
    notes = json.loads((out / "logkeys.json").read_bytes())
    thief = SigningKey(bytes([9]) * 32).verifier_key("log.example/tests").to_text()
    (out / "logkeys.json").write_bytes(
        spelled([n.replace(n.split("\n")[5].split(" ")[0], thief) for n in notes])
    )


FORGERIES = [
    other_content, other_entry, one_entry_less, other_custody, other_keys, no_verdicts,
    other_question, other_checkpoint, a_thiefs_key,
]  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda f: f.__name__)
def test_who_writes_a_fitting_manifest_is_found_out_all_the_same(folder, tmp_path, forgery):
    make(folder, tmp_path / "r", with_pdf=False)
    key = first_key(folder)
    before = files_of(tmp_path / "r")
    forged(tmp_path / "r", lambda out: None)
    assert files_of(tmp_path / "r") == before
    forged(tmp_path / "r", forgery)
    assert files_of(tmp_path / "r") != before
    assert verdict_on(tmp_path / "r", key) == 1


def test_what_strangers_wrote_is_text_and_what_turns_a_line_around_is_shown():
    nasty = "<script>alert(1)</script>\u202eevil\x07\n" + "x" * 9_999
    shown = page.plain(nasty)
    assert "[U+202E]" in shown
    assert "[U+0007]" in shown
    assert len(shown) == page.CELL_CHARS_MAX
    blocks = [
        page.Block("title", shown),
        page.Block("table", rows=[["head", "other"], [shown, "שלום 中文 *bold* #import \\"]]),
        page.Block("list", rows=[[shown]]),
    ]
    written = page.html(blocks, title=shown).decode()
    assert "<script>" not in written
    assert "&lt;script&gt;" in written
    assert page.pdf(blocks, title=shown).startswith(b"%PDF-")


def test_nothing_is_put_into_a_long_word_of_the_pdf_that_would_be_copied_with_it(monkeypatch):
    """A root or key id with invisible characters in it is another one to whoever pastes it."""
    assert "200b" not in page._TEMPLATE.decode()
    root = "0123456789abcdef" * 4
    blocks = [page.Block("list", rows=[[root]]), page.Block("table", rows=[["a"], [root]])]
    broken = page.pdf(blocks, title="t")
    monkeypatch.setattr(page, "_TEMPLATE", page._TEMPLATE.replace(b"pieces(w)", b"w"))
    # The same glyphs, set otherwise: not one more kind of character is in the file.
    assert broken != page.pdf(blocks, title="t")


@pytest.mark.parametrize("kind", ["title", "heading", "text"])
def test_a_long_word_of_the_pdf_ends_its_line_within_the_page_wherever_it_stands(kind, monkeypatch):
    blocks = [page.Block(kind, "x" * 300)]
    broken = page.pdf(blocks, title="t")
    monkeypatch.setattr(page, "_TEMPLATE", page._TEMPLATE.replace(b"pieces(w)", b"w"))
    assert broken != page.pdf(blocks, title="t")


def test_without_the_library_a_pdf_is_refused_and_nothing_is_written(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(SettingError, match=r"wherefrom\[report\]"):
        make(folder, tmp_path / "r", with_pdf=True)
    assert not (tmp_path / "r").exists()
    make(folder, tmp_path / "r")
    with pytest.raises(AlreadyExists):
        make(folder, tmp_path / "r")


def test_the_verifier_is_one_file_that_imports_nothing_of_ours_and_can_be_read():
    source = making.files("wherefrom.reporting").joinpath("verify.py").read_text()
    imported = {line.split()[1].partition(".")[0] for line in source.splitlines()
                if line.startswith(("import ", "from "))}  # fmt: skip
    assert "wherefrom" not in imported
    assert imported - set(sys.stdlib_module_names) == {"cryptography"}
    assert len(source.splitlines()) < 750

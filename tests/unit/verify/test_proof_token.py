"""A proof token against its log: what it says is there, and what was changed is found."""

import msgspec
import pytest

from tests.folders import (
    BUILDER,
    ME,
    STRANGER,
    asked,
    envelope,
    made,
    record,
    sha256_of,
    statement,
)
from wherefrom.app import open_recorder
from wherefrom.errors import Malformed, NotFound
from wherefrom.formats import proof_token
from wherefrom.keys.proof_tokens import sign_token
from wherefrom.verify.proof_token import AskedLog, check

YEAR = 365 * 86_400


@pytest.fixture
def folder(tmp_path):
    folder = made(tmp_path / "data")
    contents = [envelope(statement("app"), STRANGER), envelope(statement("app"), BUILDER)]
    record(folder, *contents, trust=[BUILDER])
    return folder


def log_of(desk):
    def evidence(index):
        return desk.prove(f"entry:{index}", content=True).written

    return AskedLog(evidence, desk.consistency)


def steps(report):
    return [(step.name, step.ok) for step in report.steps]


def checked(folder, text, *, now=None, ask=True):
    token = proof_token.parse(text).token
    with asked(folder) as desk:
        log = log_of(desk) if ask else None
        return check(text, log_key=folder.log_vkey(), now=now or token.issued, log=log)


def remade(folder, text, **fields):
    token = msgspec.structs.replace(proof_token.parse(text).token, **fields)
    return sign_token(token, folder.log_key())


@pytest.fixture
def token(folder):
    with asked(folder) as desk:
        return desk.proof_token(sha256_of("app"), expires="30d")


def test_a_token_is_of_the_record_that_is_best_vouched_for_and_its_log_proves_it(folder, token):
    assert (token.of, token.size) == (sha256_of("app"), 4)
    assert token.entry == 3  # by the key that is trusted
    report = checked(folder, token.token)
    assert report.result == "proven", report
    assert steps(report) == [(name, True) for name in (
        "signature", "expiry", "inclusion", "consistency", "of",
    )]  # fmt: skip


def test_offline_it_is_the_logs_word_alone(folder, token):
    report = checked(folder, token.token, ask=False)
    assert (report.result, steps(report)) == ("proven", [("signature", True), ("expiry", True)])
    assert f"entry 3 of 4 is {proof_token.parse(token.token).token.leaf.hex()}" in str(report)


def test_a_token_still_holds_when_the_log_has_grown(folder, token):
    record(folder, *[statement(f"more {n}") for n in range(300)])
    report = checked(folder, token.token)
    assert report.result == "proven", report
    assert "the log of 304 begins with the one of 4" in report.steps[3].says


def test_a_token_ends_at_its_second_and_one_without_end_never(folder, token):
    ends = proof_token.parse(token.token).token.expires
    assert checked(folder, token.token, now=ends - 1).result == "proven"
    late = checked(folder, token.token, now=ends)
    assert (late.result, steps(late)[-1]) == ("failed", ("expiry", False))
    assert "the proof token has expired" in late.steps[-1].says
    with asked(folder) as desk:
        lasting = desk.proof_token("entry:1")
    assert (lasting.of, lasting.expires) == ("", None)
    report = checked(folder, lasting.token, now=ends + 100 * YEAR)
    assert report.result == "proven"
    assert [s.name for s in report.steps][-1] == "consistency"


@pytest.mark.parametrize(
    ("fields", "step", "says"),
    [
        ({"leaf": bytes(32)}, "inclusion", "is another than the token's"),
        ({"index": 2}, "inclusion", "is another than the token's"),
        ({"index": 400, "size": 401}, "inclusion", "the log has no entry 400"),
        ({"root": bytes(32)}, "consistency", "leads to another root"),
        ({"size": 5}, "consistency", "the log is smaller than it was"),
        ({"of": sha256_of("lib")}, "of", "does not speak of"),
    ],
)
def test_what_the_log_signed_and_does_not_hold_is_found_by_asking(
    folder, token, fields, step, says
):
    text = remade(folder, token.token, **fields)
    assert checked(folder, text, ask=False).result == "proven"
    report = checked(folder, text)
    assert (report.result, steps(report)[-1]) == ("failed", (step, False))
    assert says in report.steps[-1].says


def test_a_token_by_another_key_fails_at_its_signature(folder, token):
    read = proof_token.parse(token.token)
    forged = proof_token.to_text(
        msgspec.structs.replace(read, signature=STRANGER.sign(proof_token.message(read.token)))
    )
    report = checked(folder, forged)
    assert (report.result, steps(report)) == ("failed", [("signature", False)])
    assert steps(check("wfproof1.", log_key=folder.log_vkey(), now=0)) == [("token", False)]


def test_an_erased_record_stays_proven_and_what_it_said_is_the_logs_word(folder, token):
    with open_recorder(folder) as recorder:
        recorder.erase(token.entry, reason="asked to", principal=ME)
    report = checked(folder, token.token)
    assert report.result == "proven", report
    assert "is the log's word" in report.steps[-1].says


def test_what_cannot_be_made_says_why(folder):
    with asked(folder) as desk:
        with pytest.raises(NotFound):
            desk.proof_token("sha256:" + "0" * 64)
        for expires in ("soon", "", "0d", "1.5h", "-1h", "1000000d", "2020-01-01T00:00:00Z"):
            with pytest.raises(Malformed, match="at expires"):
                desk.proof_token("entry:1", expires=expires)


def test_a_token_of_a_record_of_any_kind_names_what_the_record_says(folder):
    """An id that was found by another spelling is carried in its own."""
    with asked(folder) as desk:
        short = desk.proof_token(sha256_of("app")[:20], expires="2100-01-01T00:00:00Z")
    assert (short.of, short.expires) == (sha256_of("app"), "2100-01-01T00:00:00Z")
    assert checked(folder, short.token).result == "proven"

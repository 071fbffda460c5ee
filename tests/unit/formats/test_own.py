"""Wherefrom's own decisions: written, read back, and nothing else taken for one."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import own
from wherefrom.formats.entry import ENTRY_KINDS, LEVELS, Trust
from wherefrom.formats.own import Gap, Genesis, KeyChange, Tombstone, TrustRoot, Verdict
from wherefrom.formats.timestamps import to_text

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
indexes = st.integers(0, 2**53)
ROOT = '{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'
decisions = st.one_of(
    st.builds(Genesis, origin=text, log_key=text, service_key=text),
    st.builds(
        KeyChange,
        action=st.sampled_from(own.KEY_ACTIONS),
        key=text,
        spki=text,
        names=st.lists(text, max_size=3).map(tuple),
        since=st.none() | text,
        reason=text,
    ),
    st.builds(
        Verdict,
        entry=indexes,
        trust=st.builds(Trust, st.sampled_from(LEVELS), st.just(())),
        reason=text,
    ),
    st.builds(
        TrustRoot,
        version=st.integers(1, 2**53),
        trusted_root=st.just(ROOT),
        digest=st.just(own.digest_of_root(ROOT.encode())),
        as_of=st.datetimes(max_value=datetime(9000, 1, 1), timezones=st.just(UTC)).map(to_text),
        warn_days=st.integers(0, 180),
        refuse_days=st.integers(180, own.ROOT_DAYS_MAX),
        reason=text,
    ),
    st.builds(Tombstone, entry=indexes, reason=text, by=text),
    st.builds(Gap, what=text, why=text, count=st.integers(1, 2**53)),
)
TOMBSTONE = Tombstone(entry=7, reason="asked for", by="self")


def payload(**changes):
    fields = json.loads(own.to_payload(TOMBSTONE)) | changes
    return json.dumps({k: v for k, v in fields.items() if v is not ...}).encode()


def parse(written):
    return own.parse_payload(own.media_type(TOMBSTONE), written)


@given(decisions)
def test_writing_and_reading_again_gives_the_decision(decision):
    media_type = own.media_type(decision)
    assert own.parse_payload(media_type, own.to_payload(decision)) == decision
    assert media_type.startswith(own.PREFIX)
    assert own.entry_kind(decision) in ENTRY_KINDS


@given(decisions, st.binary(max_size=80))
def test_arbitrary_bytes_give_only_our_errors(decision, written):
    with pytest.raises(Refused):
        own.parse_payload(own.media_type(decision), b"x" + written)


def test_every_decision_has_a_type_and_a_kind_of_its_own():
    made = [
        Genesis(origin="", log_key="", service_key=""),
        KeyChange(action="trust", key="", spki=""),
        Verdict(entry=0, trust=Trust("self"), reason=""),
        TOMBSTONE,
        Gap(what="", why=""),
    ]
    assert len({own.media_type(d) for d in made}) == len({own.entry_kind(d) for d in made}) == 5


def test_keys_are_written_in_alphabetical_order():
    assert list(json.loads(own.to_payload(TOMBSTONE))) == sorted(
        json.loads(own.to_payload(TOMBSTONE))
    )


def test_an_unknown_type_is_refused_and_the_known_ones_are_listed():
    with pytest.raises(Malformed, match=r"not a record of Wherefrom's own.*tombstone\.v1"):
        own.parse_payload(own.PREFIX + "wish.v1+json", b"{}")


@pytest.mark.parametrize(
    "changes",
    [{"entry": "7"}, {"entry": 7.5}, {"entry": None}, {"reason": ...}, {"extra": 1}, {"by": 3}],
)
def test_a_wrong_missing_or_unknown_field_is_malformed(changes):
    with pytest.raises(Malformed, match="a broken record of Wherefrom's own"):
        parse(payload(**changes))


def test_a_reason_is_measured_in_bytes():
    assert parse(payload(reason="é" * 512)).reason == "é" * 512
    with pytest.raises(LimitPassed, match="a reason is too long: expected 1024 bytes at most"):
        parse(payload(reason="é" * 513))


def test_a_payload_over_its_limit_is_refused():
    with pytest.raises(LimitPassed, match="a payload is too long"):
        parse(payload(by="x" * 66_000))


def root(**changes):
    fields = {
        "version": 1, "trusted_root": ROOT, "digest": own.digest_of_root(ROOT.encode()),
        "as_of": "2026-01-01T00:00:00.000000Z", "warn_days": 180, "refuse_days": 730,
    }  # fmt: skip
    return TrustRoot(**fields | changes)


def test_a_trusted_root_ages_day_by_day_from_when_it_is_what_it_is():
    assert root().aged(180) == "2026-06-30T00:00:00.000000Z"
    assert root(trusted_root="", digest="", as_of=None).aged(180) == ""


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"version": 0}, "under another version or digest"),
        ({"digest": "0" * 64}, "under another version or digest"),
        ({"trusted_root": "", "digest": own.digest_of_root(ROOT.encode())}, "version or digest"),
        ({"trusted_root": "", "digest": ""}, "none has none"),
        ({"as_of": None}, "none has none"),
        ({"as_of": "2026-01-01T00:00:00Z"}, "not the spelling of a time"),
        ({"as_of": "9999-01-01T00:00:00.000000Z"}, "not a time that exists"),
        ({"warn_days": 731}, "not an age to warn at"),
        ({"refuse_days": own.ROOT_DAYS_MAX + 1}, "not an age to warn at"),
        ({"trusted_root": "{}", "digest": own.digest_of_root(b"{}")}, "mediaType"),
    ],
)
def test_a_trusted_root_that_says_two_things_is_refused(changes, match):
    with pytest.raises(Refused, match=match):
        own.to_payload(root(**changes))


def test_a_trusted_root_may_be_larger_than_another_payload_and_no_larger_than_its_limit():
    room = own.ROOT_BYTES_MAX - len(ROOT)
    padded = ROOT[:-1] + " " * room + "}"
    assert own.to_payload(root(trusted_root=padded, digest=own.digest_of_root(padded.encode())))
    more = padded[:-1] + " }"
    with pytest.raises(LimitPassed, match="a trusted root is too large"):
        own.to_payload(root(trusted_root=more, digest=own.digest_of_root(more.encode())))


def test_an_action_or_level_outside_its_set_is_refused():
    change = KeyChange(action="burn", key="", spki="")
    with pytest.raises(Malformed, match="not a key action: expected trust retire revoke, got burn"):
        own.parse_payload(own.media_type(change), own.to_payload(change))
    verdict = Verdict(entry=0, trust=Trust("certain"), reason="")
    with pytest.raises(Malformed, match=r"not a level: expected channel .*, got certain"):
        own.parse_payload(own.media_type(verdict), own.to_payload(verdict))

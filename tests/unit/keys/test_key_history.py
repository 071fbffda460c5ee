"""When a key counts, for what, and who may say so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.folders import BUILDER, REVIEWER, STRANGER, envelope, public, statement
from tests.unit.keys.test_keyring import change, ring
from wherefrom.errors import BadSignature, Malformed, NotAllowed
from wherefrom.formats import own, strict_json
from wherefrom.formats.own import Administrators
from wherefrom.formats.recognise import read
from wherefrom.keys import changes
from wherefrom.keys.changes import KeyWish, change_of
from wherefrom.keys.envelopes import signers_over
from wherefrom.keys.keyring import Signing

KEY, OTHER, THIRD = map(public, (BUILDER, REVIEWER, STRANGER))
YEARS = [f"{year}-01-01T00:00:00.000000Z" for year in range(2020, 2030)]
Y20, Y21, Y22, Y23, Y24, Y25 = YEARS[:6]
FACTS = read(statement("app")).facts


def why(made, at, facts=FACTS):
    return made.why_not(KEY.id, Signing(at, facts))


def counts(made):
    """The years in which the key counts."""
    return [at[:4] for at in YEARS if why(made, at) is None]


@pytest.mark.parametrize(
    ("said", "years"),
    [
        ([change(KEY)], range(2020, 2030)),
        ([change(KEY, valid_from=Y22)], range(2022, 2030)),
        ([change(KEY, valid_to=Y22)], range(2020, 2022)),
        ([change(KEY, valid_from=Y21, valid_to=Y23)], range(2021, 2023)),
        ([change(KEY), change(KEY, "retire", since=Y23)], range(2020, 2023)),
        ([change(KEY, valid_to=Y22), change(KEY, "retire", since=Y24)], range(2020, 2022)),
        ([change(KEY, valid_from=Y21), change(KEY, "retire", since=Y23)], range(2021, 2023)),
        ([change(KEY), change(KEY, "revoke", since=Y25)], []),
        ([change(KEY), change(KEY, "revoke", since=Y25, compromised_since=Y22)], range(2020, 2022)),
        ([change(KEY, valid_to=Y21), change(KEY, "revoke", compromised_since=Y24)], [2020]),
        ([change(KEY), change(KEY, "retire", since=Y21), change(KEY, "revoke")], []),
        ([change(KEY), change(KEY, "revoke"), change(KEY)], range(2020, 2030)),
        ([change(KEY), change(KEY, "retire", since=Y21), change(KEY, valid_from=Y23)],
         range(2023, 2030)),
    ],
)  # fmt: skip
def test_a_key_counts_in_its_window_and_not_outside(said, years):
    assert counts(ring(*said)) == [str(year) for year in years]


@given(st.lists(st.sampled_from(["retire", "revoke", "since"]), max_size=4), st.data())
def test_ending_a_key_never_makes_more_of_its_signatures_count(ends, data):
    said = [change(KEY, valid_from=data.draw(st.sampled_from([None, Y21, Y23])))]
    before = set(counts(ring(*said)))
    for end in ends:
        time = data.draw(st.sampled_from(YEARS))
        fields = {"since": time} if end == "retire" else {}
        if end == "since":
            fields = {"compromised_since": time}
        said.append(change(KEY, "retire" if end == "retire" else "revoke", **fields))
        after = set(counts(ring(*said)))
        assert end != "revoke" or after == set()
        assert after <= before
        before = after


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"kinds": ("attestation",)}, True),
        ({"kinds": ("https://slsa.dev/provenance/v1",)}, True),
        ({"kinds": ("sbom", "attestation")}, True),
        ({"kinds": ("sbom",)}, False),
        ({"scopes": ("app",)}, True),
        ({"scopes": ("a*",)}, True),
        ({"scopes": ("sha256:617070*",)}, True),
        ({"scopes": ("x*", "app")}, True),
        ({"scopes": ("x*",)}, False),
        ({"scopes": ("APP",)}, False),
        ({"kinds": ("attestation",), "scopes": ("x*",)}, False),
        ({"kinds": ("sbom",), "scopes": ("app",)}, False),
    ],
)
def test_a_key_counts_for_what_it_may_sign_and_for_nothing_else(fields, counts):
    said = why(ring(change(KEY, **fields)), Y20)
    assert (said is None) is counts
    assert said is None or isinstance(said, NotAllowed)


def test_a_scope_must_cover_every_subject():
    two = read(
        b'{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://a.example/b",'
        b'"subject":[{"name":"app","digest":{"sha256":"%s"}},{"name":"lib","digest":{"sha256":"%s"}}],'
        b'"predicate":{}}' % (b"a" * 64, b"b" * 64)
    ).facts
    made = ring(change(KEY, scopes=("app",)))
    assert "may not speak of lib" in str(why(made, Y20, two))
    assert why(ring(change(KEY, scopes=("app", "l*"))), Y20, two) is None


def test_a_record_that_speaks_of_nothing_is_in_no_scope_but_that_of_everything():
    nothing = read(envelope(b"text", BUILDER, payload_type="text/plain")).facts
    assert why(ring(change(KEY, scopes=("a*",))), Y20, nothing) is not None
    assert why(ring(change(KEY, scopes=("*",))), Y20, nothing) is None


def test_a_reason_says_which_key_which_time_and_what_to_do():
    said = str(why(ring(change(KEY), change(KEY, "retire", since=Y21)), Y22))
    assert f"the key {KEY.id} is retired: it was valid until {Y21}" in said
    assert f"known to exist since {Y22}" in said
    assert "wherefrom keys list" in said
    assert isinstance(why(ring(change(KEY), change(KEY, "revoke")), Y22), BadSignature)


# -- who may change a key

ADMINS = Administrators(keys=(KEY.id, OTHER.id, THIRD.id), threshold=2)


def ruled():
    return ring(change(KEY), change(OTHER), change(THIRD), ADMINS)


def may(made, wanted, *signers, at=Y25):
    made.need_may_change(wanted, {s.id for s in signers}, at=at)


def test_the_service_key_alone_decides_until_administrators_are_named():
    may(ring(change(KEY)), change(OTHER))
    with pytest.raises(NotAllowed, match=f"expected 2 of {KEY.id} {OTHER.id} {THIRD.id}"):
        may(ruled(), change(OTHER, "revoke"))


def test_so_many_administrators_must_agree():
    made = ruled()
    wanted = change(OTHER, "revoke", keyring=made.digest)
    with pytest.raises(NotAllowed, match=f"too few administrators .*got {KEY.id}"):
        may(made, wanted, KEY)
    may(made, wanted, KEY, THIRD)


def test_a_retired_administrator_does_not_count():
    made = ring(change(KEY), change(OTHER), change(THIRD), ADMINS, change(KEY, "retire", since=Y22))
    wanted = change(OTHER, "revoke", keyring=made.digest)
    with pytest.raises(NotAllowed, match="too few"):
        may(made, wanted, KEY, THIRD)
    may(made, wanted, KEY, THIRD, at=Y21)


def test_what_was_signed_for_another_keyring_is_not_taken():
    made = ruled()
    old = change(OTHER, "revoke", keyring=made.digest)
    made.fold(9, change(KEY, "trust", names=("ci",)))
    with pytest.raises(NotAllowed, match="the keys have changed since this was signed"):
        may(made, old, KEY, THIRD)


def test_a_change_of_administrators_needs_the_administrators_there_are():
    made = ruled()
    wanted = Administrators(keys=(KEY.id,), threshold=1, keyring=made.digest)
    with pytest.raises(NotAllowed, match="too few"):
        may(made, wanted, KEY)
    may(made, wanted, KEY, OTHER)


def pipeline(**fields):
    """A ring that two administrators rule, with a key of a pipeline."""
    admins = Administrators(keys=(OTHER.id, THIRD.id), threshold=2)
    return ring(change(KEY, owner="ci", scopes=("app*",), **fields), change(OTHER), change(THIRD),
                admins)  # fmt: skip


NEW = public(type(BUILDER)(bytes([9] * 32)))


def test_a_key_may_name_the_one_that_replaces_it():
    made = pipeline()
    said = {"replaces": KEY.id, "owner": "ci", "scopes": ("app*",), "keyring": made.digest}
    may(made, change(NEW, **said), KEY)
    for wider in ({"scopes": ()}, {"scopes": ("*",)}, {"owner": "me"}, {"replaces": OTHER.id}):
        with pytest.raises(NotAllowed, match="too few"):
            may(made, change(NEW, **{**said, **wider}), KEY)


def test_a_key_that_replaces_is_a_new_one_and_what_it_replaces_counts_still():
    made = pipeline()
    made.fold(8, change(NEW, "revoke"))
    said = {"replaces": KEY.id, "owner": "ci", "scopes": ("app*",), "keyring": made.digest}
    with pytest.raises(NotAllowed, match="too few"):
        may(made, change(NEW, **said), KEY)
    ended = pipeline(valid_to=Y22)
    with pytest.raises(NotAllowed, match="too few"):
        may(ended, change(NEW, **{**said, "keyring": ended.digest}), KEY)


@pytest.mark.parametrize("action", ["retire", "revoke"])
def test_a_key_may_end_itself_and_nobody_else(action):
    made = pipeline()
    may(made, change(KEY, action, keyring=made.digest), KEY)
    with pytest.raises(NotAllowed, match="too few"):
        may(made, change(OTHER, action, keyring=made.digest), KEY)


# -- wishes and drafts


def wished(**fields):
    made = ring(change(KEY, names=("ci",)))
    return change_of(KeyWish(**fields), find=made.get, now=Y25)


def test_a_wish_finds_keys_by_name_and_writes_times_one_way():
    said = wished(action="revoke", key="ci", compromised_since="2021-01-01T01:00:00+01:00")
    assert (said.key, said.since, said.compromised_since) == (KEY.id, Y25, Y21)
    said = wished(
        action="trust", pem=OTHER.to_pem(), replaces="ci", valid_to="2022-01-01t00:00:00Z"
    )
    assert (said.key, said.replaces, said.valid_to) == (OTHER.id, KEY.id, Y22)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        (
            {"action": "retire", "key": "ci", "since": "2029-01-01T00:00:00Z"},
            "has not come, at since",
        ),
        ({"action": "retire", "key": "ci", "compromised_since": Y21}, "when the action is retire"),
        ({"action": "revoke", "key": "ci", "valid_to": Y21}, "when the action is revoke"),
        ({"action": "revoke", "key": "ci", "compromised_since": "soon"}, "not an RFC 3339 time"),
        ({"action": "trust", "pem": "no key"}, "not a public key"),
    ],
)
def test_a_wish_that_cannot_be_is_refused(fields, match):
    with pytest.raises(Malformed, match=match):
        wished(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"valid_from": Y22, "valid_to": Y22}, {"valid_from": Y23, "valid_to": Y22},
        {"valid_from": "2020-01-01T00:00:00Z"}, {"valid_to": "tomorrow"},
    ],
)  # fmt: skip
def test_a_window_that_is_none_is_not_written(fields):
    with pytest.raises(Malformed):
        own.to_payload(change(KEY, **fields))


@pytest.mark.parametrize("threshold", [0, 3])
def test_administrators_who_can_never_agree_are_not_written(threshold):
    with pytest.raises(Malformed, match="can agree"):
        own.to_payload(Administrators(keys=(KEY.id, OTHER.id), threshold=threshold))
    with pytest.raises(Malformed, match="no key twice"):
        own.to_payload(Administrators(keys=(KEY.id, KEY.id), threshold=1))


def test_a_draft_collects_signatures_and_each_key_signs_once():
    made = ruled()
    wanted = change(OTHER, "revoke", keyring=made.digest)
    written = changes.draft(wanted)
    assert changes.read_draft(strict_json.decode(written))[0] == wanted
    for key in (BUILDER, REVIEWER, BUILDER):
        written = changes.approve(written, key)
    said, signed = changes.read_draft(strict_json.decode(written))
    assert said == wanted
    assert len(signed.signatures) == 2
    assert signers_over(signed, made) == {KEY.id, OTHER.id}


def test_only_a_change_of_keys_is_signed_as_one():
    with pytest.raises(Malformed, match="not a record of Wherefrom's own"):
        changes.approve(envelope(statement(), BUILDER), BUILDER)


@pytest.mark.parametrize(
    ("said", "years"),
    [
        ([change(KEY, "revoke", since=Y25, compromised_since=Y22)], range(2020, 2022)),
        ([change(KEY, "retire", since=Y23)], range(2020, 2023)),
        ([change(KEY, "revoke", since=Y25)], []),
    ],
)
def test_a_key_that_is_heard_of_first_when_it_ends_is_not_believed_from_then_on(said, years):
    assert set(counts(ring(*said))) <= {str(year) for year in years}


def test_retiring_a_revoked_key_does_not_bring_back_its_past():
    for since in (None, Y22):
        said = [change(KEY), change(KEY, "revoke", since=Y25, compromised_since=since)]
        before = ring(*said)
        after = ring(*said, change(KEY, "retire", since=Y24))
        assert counts(after) == counts(before)
        assert after.get(KEY.id).state == "revoked"
        assert after.get(KEY.id).compromised_since == since

"""Intake rules in a log: set, refused by, tried before they bite, under whom, after a restart."""

import json
import random

import pytest

from tests.folders import BUILDER, ME, REVIEWER, STRANGER, envelope, made, public, statement
from tests.unit.cli.running import event
from wherefrom.app import decided, open_log, open_recorder
from wherefrom.collect.principals import Principal, local
from wherefrom.errors import BadSignature, LimitPassed, Malformed, NotAllowed
from wherefrom.formats import base64_strict, entry
from wherefrom.formats.intake import LEASTS, IntakeRule, digest_of
from wherefrom.formats.own import Administrators, IntakeRules
from wherefrom.keys import changes
from wherefrom.log.look_back import Over
from wherefrom.verify.judge import decide

CI = Principal(name="ci-till", roles=("record",))
SIGNED = IntakeRule(name="signed", kinds=("attestation",), least="signed")


@pytest.fixture
def folder(tmp_path):
    return made(tmp_path / "data")


@pytest.fixture
def recorder(folder):
    with open_recorder(folder) as opened:
        yield opened


def attested(name, *keys):
    return envelope(statement(name), *(keys or [BUILDER]))


def put(recorder, *contents, principal=ME):
    return [
        outcome.code or outcome.status for outcome in recorder.record(contents, principal=principal)
    ]


def event_of(number):
    return json.dumps(event(number)).encode()


def test_what_is_unsigned_where_a_signature_is_demanded_is_refused_and_the_rest_is_not(recorder):
    recorder.change_key(public(BUILDER), action="trust")
    assert put(recorder, attested("before", STRANGER)) == ["recorded"]
    changed = recorder.set_intake([SIGNED], reason="from today on")
    assert (changed.version, changed.digest) == (1, digest_of([SIGNED]))
    contents = [attested("a", STRANGER), attested("b"), event_of(1), statement("bare")]
    outcomes = recorder.record(contents, principal=ME)
    codes = [outcome.code or outcome.status for outcome in outcomes]
    assert codes == ["not_allowed", "recorded", "recorded", "not_allowed"]
    assert "'signed' demands more trust" in outcomes[0].reason
    assert "wherefrom sign" in outcomes[0].reason
    recorder.set_intake([])
    assert put(recorder, contents[0]) == ["recorded"]


def test_a_rule_set_is_a_signed_record_of_kind_policy_and_names_nobody(recorder):
    changed = recorder.set_intake([IntakeRule(name="till", only=("ci-till", "local:*"))])
    stored = recorder.writer.record(changed.entry)
    said = entry.parse(stored.entry)
    assert (said.kind, said.trust.level, said.producer) == ("policy", "self", "self")
    (rule,) = recorder.decisions.intake
    assert rule.only[0].startswith("p:")
    assert rule.only[1] == "local:*"
    payload = base64_strict.decode(json.loads(stored.content)["payload"], where="payload")
    assert b"ci-till" not in payload
    assert put(recorder, event_of(1), principal=CI) == ["recorded"]
    stranger = Principal(name="ci-tlil", roles=("record",))
    assert put(recorder, event_of(2), principal=stranger) == ["not_allowed"]
    assert put(recorder, event_of(2), principal=ME) == ["recorded"]


def test_what_is_no_sender_or_no_rule_changes_nothing(recorder):
    size = recorder.writer.size
    for sender in ("", "ci-*", "p:1", "local:x"):
        with pytest.raises(Malformed, match="not a sender"):
            recorder.set_intake([IntakeRule(name="a", only=(sender,))])
    with pytest.raises(Malformed, match="demands nothing"):
        recorder.set_intake([IntakeRule(name="a")])
    many = [IntakeRule(name=f"{n}", only=(), subjects=("a" * 500,)) for n in range(150)]
    with pytest.raises(LimitPassed, match="payload is too long"):
        recorder.set_intake(many)
    assert recorder.writer.size == size


@pytest.mark.parametrize("kept", [True, False], ids=["with its file", "from the log alone"])
def test_the_rules_are_in_force_after_a_restart_and_known_to_readers(folder, kept):
    with open_recorder(folder) as recorder:
        recorder.set_intake([])
        recorder.set_intake([SIGNED], reason="again")
        told = recorder.intake()
    if not kept:
        (folder.path / "decisions.json").unlink()
    with open_recorder(folder) as recorder:
        assert put(recorder, attested("a", STRANGER)) == ["not_allowed"]
        assert recorder.intake() == told
        assert recorder.rules().intake == (SIGNED,)
    assert [v.version for v in told.versions] == [1, 2]
    assert decided(folder, open_log(folder)).told_intake(senders={}) == told


def agreed(recorder, *keys, threshold):
    for key in keys:
        recorder.change_key(public(key), action="trust")
    change = Administrators(
        keys=tuple(public(key).id for key in keys),
        threshold=threshold,
        keyring=recorder.decisions.keyring.digest,
    )
    recorder.apply(json.loads(changes.draft(change)))


def signed(written, *keys):
    for key in keys:
        written = changes.approve(written, key)
    return json.loads(written)


def test_rules_take_the_same_quorum_as_keys(recorder):
    agreed(recorder, BUILDER, REVIEWER, threshold=2)
    size = recorder.writer.size
    with pytest.raises(NotAllowed, match="too few administrators"):
        recorder.set_intake([SIGNED])
    proposed = changes.draft(recorder.propose_intake([SIGNED]))
    for keys in ((), (BUILDER,)):
        with pytest.raises(NotAllowed, match="too few administrators"):
            recorder.apply_intake(signed(proposed, *keys))
    with pytest.raises(BadSignature, match="no key of this log"):
        recorder.apply_intake(signed(proposed, BUILDER, REVIEWER, STRANGER))
    with pytest.raises(Malformed, match="not a change of keys"):
        recorder.apply(signed(proposed, BUILDER, REVIEWER))
    assert (recorder.writer.size, recorder.decisions.intake) == (size, ())
    assert recorder.apply_intake(signed(proposed, BUILDER, REVIEWER)).version == 1
    assert recorder.decisions.intake == (SIGNED,)


def test_rules_that_were_signed_once_cannot_be_brought_again(recorder):
    agreed(recorder, BUILDER, threshold=1)
    lax = signed(changes.draft(recorder.propose_intake([])), BUILDER)
    recorder.apply_intake(lax)
    recorder.apply_intake(signed(changes.draft(recorder.propose_intake([SIGNED])), BUILDER))
    with pytest.raises(NotAllowed, match="the intake rules have changed since"):
        recorder.apply_intake(lax)
    waiting = signed(changes.draft(recorder.propose_intake([])), BUILDER)
    other = changes.KeyWish(action="trust", pem=public(REVIEWER).to_pem())
    change = changes.change_of(
        other, find=recorder.decisions.keyring.get, now=recorder.now(),
        keyring=recorder.decisions.keyring.digest,
    )  # fmt: skip
    recorder.apply(signed(changes.draft(change), BUILDER))
    with pytest.raises(NotAllowed, match="the keys have changed since"):
        recorder.apply_intake(waiting)
    assert recorder.decisions.intake == (SIGNED,)


def test_whoever_holds_the_service_key_alone_sets_no_rules_past_the_administrators(folder):
    with open_recorder(folder) as recorder:
        agreed(recorder, BUILDER, threshold=1)
        recorder.apply_intake(signed(changes.draft(recorder.propose_intake([SIGNED])), BUILDER))
        forged = IntakeRules(version=2, rules=(), digest=digest_of(()), since=recorder.now())
        key = folder.service_key()
        recorder.writer.commit([decide(forged, service_key=key, received=recorder.now())])
    (folder.path / "decisions.json").unlink()
    with open_recorder(folder) as recorder:
        assert recorder.decisions.intake == (SIGNED,)


# -- before they bite


def records(chance):
    """So many records, from several senders, some of them signed."""
    senders = [ME, CI, local(7)]
    for number in range(40):
        keys = chance.choice([[BUILDER], [STRANGER], [REVIEWER, BUILDER]])
        content = chance.choice(
            [event_of(number), attested(f"{chance.choice('ab')}-{number}", *keys)]
        )
        yield content, chance.choice(senders)


def rule(chance, number):
    pick = chance.choice
    return IntakeRule(
        name=f"rule {number}",
        kinds=pick([(), ("event",), ("attestation", "sbom")]),
        namespaces=pick([(), ("jobs",), ("*",)]),
        subjects=pick([(), ("a-*",), ("", "b*")]),
        senders=pick([(), ("ci-till",), ("local:*",)]),
        except_senders=pick([(), ("local:7",)]),
        least=pick(LEASTS),
        only=pick([None, None, ("ci-till", "local:7"), ()]),
        effect=pick(["refuse", "refuse", "mark"]),
    )


@pytest.mark.parametrize("seed", range(12))
def test_a_simulation_tells_exactly_what_then_happens(tmp_path, seed):
    chance = random.Random(seed)
    sent = list(records(chance))
    rules = [rule(chance, number) for number in range(chance.randint(1, 4))]
    outcomes = []
    with open_recorder(made(tmp_path / "first")) as first:
        first.change_key(public(BUILDER), action="trust")
        for content, principal in sent:
            put(first, content, principal=principal)
        told = first.simulate_intake(rules, Over(last=len(sent)))
        size = first.writer.size
    with open_recorder(made(tmp_path / "second")) as second:
        # The same senders have the same names there: the hash is the directory's own.
        second.change_key(public(BUILDER), action="trust")
        second.set_intake(rules)
        for content, principal in sent:
            outcomes += put(second, content, principal=principal)
        marked = second.intake_marks(Over(last=1000))
    assert (told.first, told.end, told.records) == (size - len(sent), size, len(sent))
    assert (told.let_in, told.refused) == (
        outcomes.count("recorded"), outcomes.count("not_allowed"),
    )  # fmt: skip
    assert told.let_in + told.refused == len(sent)
    assert told.marked == len({mark.example.entry for mark in marked.marks})
    refusing = sum(r.failed for r in told.rules if r.effect == "refuse")
    assert refusing >= told.refused
    assert (told.refused == 0) == (refusing == 0)


def test_a_simulation_counts_by_rule_with_examples_and_changes_nothing(recorder):
    put(recorder, *(attested(f"{n}", STRANGER) for n in range(8)), event_of(1))
    recorder.erase(recorder.writer.size - 2, reason="a test", principal=ME)
    size = recorder.writer.size
    nothing = IntakeRule(name="nothing", namespaces=("nowhere",), only=())
    told = recorder.simulate_intake([SIGNED, nothing], Over())
    assert (told.records, told.let_in, told.refused, told.erased) == (8, 1, 7, 1)
    assert [(r.rule, r.about, r.failed, len(r.examples)) for r in told.rules] == [
        ("signed", 7, 7, 5), ("nothing", 0, 0, 0),
    ]  # fmt: skip
    assert told.rules[0].examples[0].entry == 1
    assert (recorder.writer.size, recorder.decisions.intake) == (size, ())


def test_a_simulation_counts_a_key_that_became_known_since(recorder):
    put(recorder, attested("a"))
    assert recorder.simulate_intake([SIGNED], Over()).refused == 1
    recorder.change_key(public(BUILDER), action="trust")
    assert recorder.simulate_intake([SIGNED], Over()).refused == 0


def test_a_simulation_looks_at_what_came_since_or_last_and_not_at_both(recorder):
    put(recorder, *(event_of(n) for n in range(10)))
    received = [entry.parse(e).received for e in recorder.writer.entries(0, recorder.writer.size)]
    since = recorder.simulate_intake([SIGNED], Over(since=received[-1]))
    assert since.first == received.index(received[-1])
    assert recorder.simulate_intake([SIGNED], Over(last=3)).records == 3
    assert recorder.simulate_intake([SIGNED], Over(last=0)).records == 0
    with pytest.raises(Malformed, match="two beginnings"):
        recorder.simulate_intake([SIGNED], Over(since=received[-1], last=1))
    with pytest.raises(LimitPassed, match="too far back"):
        recorder.simulate_intake([SIGNED], Over(last=9, entries_max=8))


# -- marks


def test_a_mark_is_of_the_rules_that_were_in_force_when_the_record_came(recorder):
    marking = IntakeRule(
        name="should be signed", kinds=("attestation",), least="signed", effect="mark"
    )
    put(recorder, attested("before"))
    recorder.set_intake([marking])
    assert put(recorder, attested("between"), event_of(1)) == ["recorded", "recorded"]
    between = recorder.writer.size - 2
    recorder.set_intake([])
    put(recorder, attested("after"))
    (mark,) = recorder.intake_marks(Over()).marks
    assert (mark.rule, mark.version, mark.example.entry) == ("should be signed", 1, between)
    recorder.change_key(public(BUILDER), action="trust")
    assert recorder.intake_marks(Over()).marks == []

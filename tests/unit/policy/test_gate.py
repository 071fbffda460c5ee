"""A verdict becomes a summary that the log signs, and is looked up as long as it counts."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from wherefrom.app import DataFolder, decided, fold_views, open_gate, open_log, open_recorder
from wherefrom.cli.up import load_sample
from wherefrom.collect.principals import Principal, local
from wherefrom.errors import LimitPassed, Malformed, NotAllowed, NotFound
from wherefrom.formats import entry, policy
from wherefrom.formats.dsse import IN_TOTO_TYPE
from wherefrom.keys.changes import KeyWish
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.public import PublicKey
from wherefrom.policy.gate import ARTIFACTS_MAX, Gate, GateRequest, Question
from wherefrom.policy.signing import vouched_for
from wherefrom.sample.signed import digest
from wherefrom.upkeep import audit_folder
from wherefrom.views.graph import GraphReader

TILL = f"sha256:{digest('till 1.1.0')}"
SHELF = f"sha256:{digest('shelf 1.1.0')}"
HOTFIX = f"sha256:{digest('till hotfix')}"
UNKNOWN = "sha256:" + "e" * 64
RULES = {"name": "prod", "version": "1", "rules": [{"name": "sbom", "needs": "sbom"}]}


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "d")
    folder.create()
    load_sample(folder)
    return folder


def prepared(folder, artifact=TILL, rules=RULES, environment="prod", **clock):
    log = open_log(folder)
    fold_views(folder, log)
    gate = Gate(log, GraphReader(folder.graph_path), **clock)
    return gate.prepare(GateRequest(artifact=artifact, policy=rules, environment=environment))


def asked(folder, *more, **said):
    """The gate's answer, recorded."""
    with open_recorder(folder) as recorder:
        return vouched_for(prepared(folder, *more, **said), recorder, principal=local(0))


def record(folder, *contents):
    with open_recorder(folder) as recorder:
        outcomes = recorder.record(contents, principal=local(0))
    assert [o.status for o in outcomes] == ["recorded"] * len(contents), outcomes
    return [o.index for o in outcomes]


def statement(subject, predicate_type, predicate):
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": subject[7:]}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    return json.dumps(said).encode()


def predicate_of(answer):
    return json.loads(base64.b64decode(answer.vsa["payload"]))["predicate"]


def test_a_verdict_is_signed_by_the_log_and_counts_as_a_summary(folder):
    answer = asked(folder)
    assert answer.allowed
    said = predicate_of(answer)
    assert said["verificationResult"] == "PASSED"
    assert [one["uri"] for one in said["inputAttestations"]] == [
        f"{folder.origin}#entry:{one}" for one in answer.reasons[0].entries
    ]
    log = open_log(folder)
    stored = log.record(answer.entry)
    assert entry.parse(stored.entry).trust.level == "signed"
    assert json.loads(stored.content) == answer.vsa
    verifier = {"id": f"urn:wherefrom:log:{folder.origin}"}
    asks = {"name": "v", "needs": "vsa", "verifiers": [verifier], "levels": ["WHEREFROM_prod"]}
    other = {"name": "next", "version": "1", "rules": [asks]}
    assert asked(folder, rules=other).allowed
    assert not asked(folder, rules=other, environment="test").allowed  # it is for prod
    assert not asked(folder, SHELF, other).allowed


@pytest.mark.parametrize(("artifact", "allowed"), [(TILL, True), (HOTFIX, False), (UNKNOWN, False)])
def test_asked_again_the_summary_that_counts_is_looked_up(folder, artifact, allowed):
    first, again = asked(folder, artifact), asked(folder, artifact)
    assert (first.allowed, first.reused) == (allowed, False)
    if artifact == UNKNOWN:  # now a record speaks of it: the summary itself
        first, again = again, asked(folder, artifact)
    assert again == first.__class__(**{**_fields(first), "reused": True, "name": again.name})


def _fields(answer):
    return {name: getattr(answer, name) for name in answer.__struct_fields__}


def test_another_environment_policy_or_artifact_is_another_question(folder):
    first = asked(folder)
    assert not asked(folder, environment="test").reused
    assert not asked(folder, rules={**RULES, "version": "2"}).reused
    assert not asked(folder, SHELF).reused
    assert asked(folder).entry == first.entry


def test_what_is_said_of_it_since_is_looked_at(folder):
    first = asked(folder)
    record(folder, statement(TILL, "https://example.com/anything", {"x": 1}))
    again = asked(folder)
    assert not again.reused
    assert again.entry > first.entry
    assert asked(folder).reused


def test_where_it_is_deployed_is_no_news_of_what_it_is(folder):
    first = asked(folder)
    deployed = {
        "context": {
            "version": "0.4.1", "id": "1", "source": "/ci", "timestamp": "2026-11-20T10:00:00Z",
            "type": "dev.cdevents.service.deployed.0.1.1",
        },
        "subject": {
            "id": "till", "source": "/ci", "type": "service",
            "content": {"environment": {"id": "prod"},
                        "artifactId": f"pkg:oci/till@{TILL}"},
        },
    }  # fmt: skip
    record(folder, json.dumps(deployed).encode())
    assert asked(folder).entry == first.entry


def test_a_key_that_is_revoked_turns_a_yes_into_a_no(folder):
    first = asked(folder)
    assert first.allowed
    log = open_log(folder)
    signers = {s for i in first.reasons[0].entries
               for s in entry.parse(log.record(i).entry).trust.signers}  # fmt: skip
    with open_recorder(folder) as recorder:
        for key in signers:
            recorder.wish(KeyWish(action="revoke", key=key, reason="stolen"))
    answer = asked(folder)
    assert (answer.allowed, answer.reused) == (False, False)


def test_an_erased_record_proves_nothing(folder):
    first = asked(folder)
    with open_recorder(folder) as recorder:
        for index in first.reasons[0].entries:
            recorder.erase(index, reason="by law", principal=local(0))
    assert not asked(folder).allowed


def test_a_summary_counts_no_longer_than_it_says(folder):
    first = asked(folder)
    later = datetime.now(UTC) + timedelta(hours=25)
    assert prepared(folder).entry == first.entry
    assert prepared(folder, clock=lambda: later).entry is None


def test_a_forged_summary_is_not_looked_up(folder):
    first = asked(folder, HOTFIX)
    assert not first.allowed
    said = predicate_of(first)
    said["verificationResult"], said["verifiedLevels"] = "PASSED", ["WHEREFROM_prod"]
    forged = statement(HOTFIX, "https://slsa.dev/verification_summary/v1", said)
    key = SigningKey.generate()
    with open_recorder(folder) as recorder:
        pem = PublicKey(spki_der(key.public_key)).to_pem()
        recorder.wish(KeyWish(action="trust", pem=pem, reason="a colleague"))
    record(folder, forged, sign_envelope(IN_TOTO_TYPE, forged, key))
    assert not asked(folder, HOTFIX).allowed


def test_the_same_size_of_the_log_gives_the_same_verdict(folder):
    log = open_log(folder)
    fold_views(folder, log)
    question = Question(artifacts=(TILL, SHELF), policy=RULES, at="2026-11-26T00:00:00Z", as_of=70)
    first = open_gate(folder, log).decide(question)
    record(folder, statement(TILL, "https://example.com/x", {}))
    fold_views(folder, log)
    again = open_gate(folder, log).decide(question)
    assert [v.reasons for v in again.verdicts] == [v.reasons for v in first.verdicts]
    assert [v.artifact for v in first.verdicts] == [TILL, SHELF]


def test_a_policy_is_found_in_the_log_by_its_digest(folder):
    with pytest.raises(NotFound, match="no such policy"):
        prepared(folder, rules="sha256:" + "0" * 64)
    first = asked(folder)
    assert asked(folder, rules=first.digest).entry == first.entry
    with pytest.raises(NotFound):  # a record of something else under that digest
        prepared(folder, rules=TILL)


def test_a_statement_about_another_policy_than_it_holds_is_refused(folder):
    lie = json.loads(policy.to_statement(policy.parse(RULES, where="p")))
    lie["subject"][0]["digest"]["sha256"] = "0" * 64
    with open_recorder(folder) as recorder:
        (outcome,) = recorder.record([json.dumps(lie).encode()], principal=local(0))
    assert (outcome.status, outcome.code) == ("refused", "malformed")


def test_a_token_that_may_not_send_summaries_gets_none_signed(folder):
    scoped = Principal(name="ci", roles=("record",), kinds=("event",))
    with open_recorder(folder) as recorder, pytest.raises(NotAllowed, match="does not take"):
        vouched_for(prepared(folder), recorder, principal=scoped)


def test_questions_are_bounded(folder):
    gate = open_gate(folder, open_log(folder))
    for many in (0, ARTIFACTS_MAX + 1):
        with pytest.raises(LimitPassed):
            gate.decide(Question(artifacts=(TILL,) * many, policy=RULES))


def test_a_question_that_takes_too_long_is_ended(folder):
    log = open_log(folder)
    fold_views(folder, log)
    seconds = iter(range(0, 1_000, 20))
    gate = Gate(log, GraphReader(folder.graph_path), elapsed=lambda: next(seconds))
    assert len(gate.decide(Question(artifacts=(TILL,), policy=RULES)).verdicts) == 1
    with pytest.raises(LimitPassed, match="fewer of them"):
        gate.decide(Question(artifacts=(TILL,) * 5, policy=RULES))


@pytest.mark.parametrize("wrong", [{"as_of": -1}, {"environment": "x" * 257}])
def test_a_question_that_means_nothing_is_refused(folder, wrong):
    gate = open_gate(folder, open_log(folder))
    with pytest.raises((LimitPassed, Malformed), match=r"negative|too long"):
        gate.decide(Question(artifacts=(TILL,), policy=RULES, **wrong))


def test_keys_are_trusted_as_before_when_the_service_key_signs_summaries(folder):
    asked(folder)
    key = SigningKey.generate()
    pem = PublicKey(spki_der(key.public_key)).to_pem()
    with open_recorder(folder) as recorder:
        changed = recorder.wish(KeyWish(action="trust", pem=pem, reason="a colleague"))
    log = open_log(folder)
    (folder.path / "decisions.json").unlink()
    ring = decided(folder, log).keyring
    assert ring.state(changed.key.id) == "active"
    assert audit_folder(folder).problems == []

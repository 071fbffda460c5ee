"""A verdict becomes a summary that the log signs, and that anybody reads as one."""

import json

import pytest

from wherefrom.app import DataFolder, fold_views, open_log, open_recorder
from wherefrom.cli.up import load_sample
from wherefrom.collect.principals import local
from wherefrom.formats import dsse, entry, policy, strict_json
from wherefrom.policy.gate import Gate, GateRequest
from wherefrom.sample.signed import digest
from wherefrom.views.graph import GraphReader

TILL = f"sha256:{digest('till 1.1.0')}"
RULES = {"name": "prod", "version": "1", "rules": [{"name": "sbom", "needs": "sbom"}]}


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "d")
    folder.create()
    load_sample(folder)
    return folder


def gate_of(folder):
    log = open_log(folder)
    fold_views(folder, log)
    return Gate(log, GraphReader(folder.graph_path))


def test_a_verdict_is_signed_by_the_log_and_counts_as_a_summary(folder):
    gate = gate_of(folder)
    verdict = gate.decide(GateRequest(artifact=TILL, policy=RULES, environment="prod"))
    assert verdict.allowed
    statement = gate.summary(verdict, policy.parse(RULES, where="p"), resource="till:1.1.0")
    said = json.loads(statement)["predicate"]
    assert said["verificationResult"] == "PASSED"
    assert len(said["inputAttestations"]) == len(verdict.inputs) == 1
    with open_recorder(folder) as recorder:
        outcome = recorder.vouch(statement, principal=local(0))
        assert outcome.status == "recorded", outcome
        again = recorder.vouch(statement, principal=local(0))
        assert (again.status, again.index) == ("known", outcome.index)
    log = open_log(folder)
    record = log.record(outcome.index)
    assert entry.parse(record.entry).trust.level == "signed"
    envelope = dsse.parse(strict_json.decode(record.content))
    assert envelope.payload == statement
    verifier = {"id": f"urn:wherefrom:log:{folder.origin}"}
    asks = {**RULES, "rules": [{"name": "v", "needs": "vsa", "verifiers": [verifier],
                                "levels": ["WHEREFROM_prod"]}]}  # fmt: skip
    assert gate_of(folder).decide(GateRequest(artifact=TILL, policy=asks)).allowed


def test_the_same_size_of_the_log_gives_the_same_verdict(folder):
    asked = GateRequest(artifact=TILL, policy=RULES, at="2026-11-26T00:00:00Z", as_of=70)
    assert gate_of(folder).decide(asked) == gate_of(folder).decide(asked)


def test_a_no_is_a_summary_too(folder):
    hotfix = f"sha256:{digest('till hotfix')}"
    gate = gate_of(folder)
    verdict = gate.decide(GateRequest(artifact=hotfix, policy=RULES))
    assert not verdict.allowed
    said = json.loads(gate.summary(verdict, policy.parse(RULES, where="p"), resource="x"))
    assert said["predicate"]["verificationResult"] == "FAILED"
    assert said["predicate"]["verifiedLevels"] == ["FAILED"]

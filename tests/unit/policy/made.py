"""A log for one test: keys that are trusted, what they and strangers say, and what a policy says.

made = Made(tmp_path); key = made.key(); made.record(signed(key, A, SBOM, {…})); made.judged(A, R)
"""

import hashlib
import json

from wherefrom.app import DataFolder, fold_views, open_gate, open_log, open_recorder
from wherefrom.collect.principals import local
from wherefrom.formats.dsse import IN_TOTO_TYPE
from wherefrom.keys.changes import KeyWish
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.public import PublicKey
from wherefrom.policy.gate import GateRequest, Question
from wherefrom.policy.signing import vouched_for

SBOM = "https://cyclonedx.org/bom"
TEST = "https://in-toto.io/attestation/test-result/v0.1"
SCAN = "https://in-toto.io/attestation/vulns/v0.1"
VEX = "https://openvex.dev/ns/v0.2.0"
VSA = "https://slsa.dev/verification_summary/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
APPROVAL = "urn:wherefrom:approval:v1"
APPROVED = {"decision": "approved", "at": "2026-11-20T10:00:00Z", "environment": "prod"}


class Made:
    def __init__(self, path):
        self.folder = DataFolder(path / "made")
        self.folder.create()

    def key(self, **wish):
        key = SigningKey.generate()
        pem = PublicKey(spki_der(key.public_key)).to_pem()
        self.wish(action="trust", pem=pem, **wish)
        return key

    def wish(self, **wish):
        with open_recorder(self.folder) as recorder:
            recorder.wish(KeyWish(reason="a test", **wish))

    def record(self, *contents):
        with open_recorder(self.folder) as recorder:
            outcomes = recorder.record(contents, principal=local(0))
        assert [o.status for o in outcomes] == ["recorded"] * len(contents), outcomes
        return [o.index for o in outcomes]

    def gate(self):
        log = open_log(self.folder)
        fold_views(self.folder, log)
        return open_gate(self.folder, log)

    def judged(self, artifact, *rules, at=None, **policy):
        asked = Question(artifacts=(artifact,), policy=_policy(rules, policy), environment="prod",
                         at=at)  # fmt: skip
        return self.gate().decide(asked).verdicts[0]

    def asked(self, artifact, *rules, environment="prod", **policy):
        """The gate's answer, recorded."""
        asked = GateRequest(
            artifact=artifact, policy=_policy(rules, policy), environment=environment
        )
        prepared = self.gate().prepare(asked)
        with open_recorder(self.folder) as recorder:
            return vouched_for(prepared, recorder, principal=local(0))


def _policy(rules, more):
    named = [{"name": f"r{number}", **rule} for number, rule in enumerate(rules)]
    return {"name": "p", "version": "1", "rules": named, **more}


def digest(text):
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def statement(subjects, predicate_type, predicate):
    """About a digest, or about subjects as in-toto writes them."""
    if isinstance(subjects, str):
        algorithm, _, digits = subjects.partition(":")
        subjects = [{"digest": {algorithm: digits}}]
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    return json.dumps(said).encode()


def signed(key, *said):
    return sign_envelope(IN_TOTO_TYPE, statement(*said), key)


def bom(name, digest, *components):
    """A container image, by its digest, and what is in it: (type, name, digest, more)."""
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {"component": {"type": "container", "name": name, "bom-ref": "r",
                                   "hashes": [{"alg": "SHA-256", "content": digest[7:]}]}},
        "components": [
            {"type": kind, "name": part, "bom-ref": part, **more,
             **({"hashes": [{"alg": "SHA-256", "content": of[7:]}]} if of else {})}
            for kind, part, of, more in components
        ],
    }  # fmt: skip


def result_of(result):
    return {"result": result, "configuration": [{"name": "c", "digest": {"sha256": "1" * 64}}]}

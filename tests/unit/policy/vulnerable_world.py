"""A log with one image, its SBOM, advisories and VEX, for the need ``vulnerabilities``."""

from __future__ import annotations

import json
from typing import Any

from wherefrom.app import DataFolder, fold_views, open_gate, open_log, open_recorder
from wherefrom.collect.principals import Principal, local
from wherefrom.formats import feed
from wherefrom.formats.dsse import IN_TOTO_TYPE
from wherefrom.keys.changes import KeyWish
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.public import PublicKey
from wherefrom.policy.gate import Question
from wherefrom.policy.verdict import Reason

IMAGE = "sha256:" + "1" * 64
SBOM = "https://cyclonedx.org/bom"
OPENVEX = "https://openvex.dev/ns/v0.2.0"
SCAN = "https://in-toto.io/attestation/vulns/v0.2"
FEED = local(7)  # who sends what a feed holds
STRANGER = local(8)
AT = "2026-11-26T12:00:00Z"
LODASH = "pkg:npm/lodash@4.17.15"


def advisory(id: str = "GHSA-2222-3333-4444", name: str = "lodash", **fields: Any) -> bytes:
    """OSV about versions of a package of npm before 4.17.21."""
    fixed = fields.pop("fixed", "4.17.21")
    ecosystem = fields.pop("ecosystem", "npm")
    return json.dumps({
        "schema_version": "1.7.0", "id": id, "modified": "2026-11-01T00:00:00Z",
        "aliases": ["CVE-2020-8203"],
        "affected": [{
            "package": {"ecosystem": ecosystem, "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
        }],
        "database_specific": {"severity": "HIGH"},
        **fields,
    }).encode()  # fmt: skip


def sbom(*purls: str, **fields: Any) -> dict[str, Any]:
    """CycloneDX that lists these packages."""
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "components": [
            {"type": "library", "name": purl, "purl": purl, "bom-ref": purl} for purl in purls
        ],
        **fields,
    }  # fmt: skip


def vex(status: str = "not_affected", *, product: str = "", part: str | None = LODASH,
        vulnerability: str = "CVE-2020-8203", at: str = "2026-11-20T00:00:00Z",
        id: str = "https://acme.example/vex-1") -> dict[str, Any]:  # fmt: skip
    """OpenVEX about one vulnerability in a product, or a part of it; the image if empty."""
    says: dict[str, Any] = {"affected": {"action_statement": "update"}}.get(
        status, {"justification": "vulnerable_code_not_in_execute_path"}
    )
    said: dict[str, Any] = {"@id": product or f"pkg:oci/till@{IMAGE.replace(':', '%3A')}"}
    if part is not None:
        said["subcomponents"] = [{"@id": part}]
    return {
        "@context": OPENVEX, "@id": id, "author": "Acme", "timestamp": at, "version": 1,
        "statements": [{"vulnerability": {"name": vulnerability}, "status": status,
                        "products": [said], **(says if status != "under_investigation" else {})}],
    }  # fmt: skip


def look(**fields: Any) -> feed.Looked:
    """A look at a feed of npm's advisories, a day before AT."""
    said = {"feed": "ghsa", "at": "2026-11-25T12:00:00Z", "documents": 1, "recorded": 1,
            "covers": ("npm",), "complete": True, **fields}  # fmt: skip
    return feed.Looked(**said)


class World:
    """A log, and who signs for it."""

    def __init__(self, folder: DataFolder) -> None:
        folder.create()
        self.folder = folder
        self.key = SigningKey.generate()
        self.trust(self.key)

    def trust(self, key: SigningKey) -> str:
        """Let a key count; its id."""
        public = PublicKey(spki_der(key.public_key))
        with open_recorder(self.folder) as recorder:
            recorder.wish(KeyWish(action="trust", pem=public.to_pem()))
        return public.id

    def say(self, *contents: bytes, by: Principal = FEED) -> list[int]:
        """Record contents as they are; where they stand."""
        with open_recorder(self.folder) as recorder:
            outcomes = recorder.record(contents, principal=by)
        assert all(o.status == "recorded" for o in outcomes), outcomes
        return [o.index for o in outcomes if o.index is not None]

    def attest(self, type: str, predicate: dict[str, Any], *, key: SigningKey | None = None,
               subject: str = IMAGE, by: Principal = FEED) -> int:  # fmt: skip
        """Record a statement about the image, signed."""
        said = statement(type, predicate, subject)
        (index,) = self.say(sign_envelope(IN_TOTO_TYPE, said, key or self.key), by=by)
        return index

    def looked(self, **fields: Any) -> int:
        """Record a look at a feed, signed."""
        said = feed.to_statement(look(**fields), "sha256:" + "f" * 64)
        (index,) = self.say(sign_envelope(IN_TOTO_TYPE, said, self.key))
        return index

    def holds(self, at: str = AT, artifact: str = IMAGE, **rule: Any) -> Reason:
        """How the rule stands."""
        policy = {"name": "p", "version": "1", "rules": [
            {"name": "clean", "needs": "vulnerabilities", **rule}]}  # fmt: skip
        log = open_log(self.folder)
        fold_views(self.folder, log)
        gate = open_gate(self.folder, log)
        (verdict,) = gate.decide(Question(artifacts=(artifact,), policy=policy, at=at)).verdicts
        found = verdict.reasons[0]
        assert len(verdict.reasons) == 1, verdict.reasons
        return found


def statement(type: str, predicate: dict[str, Any], subject: str = IMAGE) -> bytes:
    """An in-toto statement about the image."""
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "till", "digest": {"sha256": subject[7:]}}],
        "predicateType": type, "predicate": predicate,
    }  # fmt: skip
    return json.dumps(said).encode()

"""The service of a game day: its keys, its catalogue, its releases, its jobs. Invented.

    ci ──► provenance, SBOM, signed      cd ──► what is declared      cluster ──► what is seen
    jobs ──► runs over data, one after another, from the first moment to the last

It is the same in every game day, so that two can be compared; around it lies the estate that was
copied. No name of that estate is used, and no name here can be anybody's (``.invalid``, RFC 2606).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from wherefrom.capture import changes
from wherefrom.formats import catalog, in_force, statement_shape, timestamps
from wherefrom.formats import policy as policies
from wherefrom.formats.catalog import Catalog, Emitter, Environment, Service, Team
from wherefrom.formats.dsse import IN_TOTO_TYPE
from wherefrom.formats.states import OBSERVED, Scope
from wherefrom.keys.changes import KeyWish
from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.public import PublicKey

SERVICE: Final = "gameday-shop"
ENVIRONMENT: Final = "gameday"
IMAGE: Final = f"registry.gameday.invalid/{SERVICE}"
BUILDER: Final = "https://ci.gameday.invalid/builder"
JOBS: Final = "gameday-jobs"
FIRST: Final = "1.0.0"
HISTORY_RECORDS: Final = 300
_CD: Final = "/gameday/cd"
_CLUSTER: Final = "/gameday/cluster"
_SBOM: Final = "https://cyclonedx.org/bom"
_PROVENANCE: Final = "https://slsa.dev/provenance/v1"
_EVENT: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"


class Release(NamedTuple):
    """One version: its image's digest, and what is sent of it."""

    version: str
    digest: str
    provenance: bytes
    sbom: bytes
    deployed: bytes
    seen: bytes

    @property
    def records(self) -> tuple[bytes, ...]:
        """In the order in which they are sent: what vouches for it comes before it runs."""
        return (self.provenance, self.sbom, self.deployed, self.seen)


class Shop:
    """The service, with keys that were made for one game day."""

    def __init__(self) -> None:
        self.ci, self.owner = SigningKey.generate(), SigningKey.generate()
        # What runs when the game day begins.
        self.first = self.release(FIRST, datetime.now(UTC) - timedelta(minutes=1))

    def keys(self) -> list[KeyWish]:
        """Whose signatures are to count."""
        return [trusted(self.ci, "gameday-ci"), trusted(self.owner, "gameday-owner")]

    def catalogue(self, at: datetime) -> bytes:
        """Whose the service is, and what it has to send, signed."""
        made = Catalog(
            name="gameday",
            issued=timestamps.to_text(at),
            services=(
                Service(
                    name=SERVICE, owner="gameday", criticality="critical",
                    environments=(ENVIRONMENT,), images=(IMAGE,),
                    emitters=(
                        Emitter(name="ci", kinds=("provenance", "sbom"), source=BUILDER),
                        Emitter(name="cd", kinds=("deployment",)),
                        Emitter(name="cluster", kinds=("observation",)),
                    ),
                ),
            ),
            teams=(Team(name="gameday"),),
            environments=(Environment(name=ENVIRONMENT, production=True),),
        )  # fmt: skip
        return sign_envelope(IN_TOTO_TYPE, catalog.to_statement(made), self.owner)

    def policy(self, at: datetime) -> Iterator[bytes]:
        """What must be known of what runs there, and that it is in force, signed."""
        rules = [{"name": "built", "needs": "provenance"}]
        made = policies.parse(
            {"name": "gameday", "version": "1", "valid": "24h", "rules": rules}, where="gameday"
        )
        word = in_force.InForce(
            stage="in_force", environment=ENVIRONMENT, since=timestamps.to_text(at)
        )
        for statement in (
            policies.to_statement(made),
            in_force.to_statement(word, made.digest, made.name),
        ):
            yield sign_envelope(IN_TOTO_TYPE, statement, self.owner)

    def release(self, version: str, at: datetime, *, signer: SigningKey | None = None) -> Release:
        """A version that runs from ``at`` on; ``signer`` signs what vouches for it, else CI."""
        key, when = signer or self.ci, timestamps.to_text(at)
        digest = hashlib.sha256(f"{SERVICE} {version} {when}".encode()).hexdigest()
        scope = Scope(ENVIRONMENT, SERVICE)
        purl = f"pkg:oci/{SERVICE}@sha256%3A{digest}?repository_url={IMAGE}&tag={version}"
        state = {
            "slot": "artifact", "name": SERVICE, "value": f"sha256:{digest}",
            "says": f"{IMAGE}:{version}", "properties": {"serving": True},
            "scope": {"service": SERVICE, "instance": f"{SERVICE}-1"},
        }  # fmt: skip
        return Release(
            version=version,
            digest=digest,
            provenance=_about(version, digest, _PROVENANCE, _provenance(version, when), key),
            sbom=_about(version, digest, _SBOM, _sbom(version, when), key),
            deployed=changes.deploy(scope, purl, at=when, source=_CD),
            seen=changes.estate(
                OBSERVED, Scope(ENVIRONMENT), [state], all_of=("artifact",), at=when,
                source=_CLUSTER,
            ),
        )  # fmt: skip

    def history(self, until: datetime) -> Iterator[bytes]:
        """An hour of jobs, the catalogue, the policy, the first release, all before ``until``."""
        began = until - timedelta(hours=1)
        for number in range(HISTORY_RECORDS):
            yield job_run(JOBS, number, began + number * (until - began) / (HISTORY_RECORDS + 1))
        yield self.catalogue(began)
        yield from self.policy(began)
        yield from self.first.records


def trusted(key: SigningKey, name: str) -> KeyWish:
    """That the signatures of a key are to count."""
    pem = PublicKey(spki_der(key.public_key)).to_pem()
    return KeyWish(action="trust", pem=pem, names=(name,), reason="for the game day")


def job_run(namespace: str, number: int, at: datetime) -> bytes:
    """A run of a job over data, as an OpenLineage event; another one for each number and time."""
    event: dict[str, Any] = {
        "eventType": "COMPLETE",
        "eventTime": timestamps.to_text(at),
        "producer": "https://jobs.gameday.invalid/1",
        "schemaURL": _EVENT,
        "run": {"runId": str(uuid.uuid4())},
        "job": {"namespace": namespace, "name": "load"},
        "inputs": [{"namespace": namespace, "name": f"raw/{number}"}],
        "outputs": [{"namespace": namespace, "name": f"clean/{number}"}],
    }
    return json.dumps(event, separators=(",", ":")).encode()


def _about(
    version: str, digest: str, predicate_type: str, predicate: dict[str, Any], key: SigningKey
) -> bytes:
    subject = {"name": f"{IMAGE}:{version}", "digest": {"sha256": digest}}
    statement = statement_shape.of_subjects([subject], predicate_type, predicate)
    return sign_envelope(IN_TOTO_TYPE, statement, key)


def _provenance(version: str, at: str) -> dict[str, Any]:
    repository = f"git+https://git.gameday.invalid/{SERVICE}"
    commit = hashlib.sha1(f"{version} {at}".encode(), usedforsecurity=False).hexdigest()
    return {
        "buildDefinition": {
            "buildType": "https://ci.gameday.invalid/image/v1",
            "externalParameters": {"repository": repository},
            "resolvedDependencies": [{"uri": repository, "digest": {"gitCommit": commit}}],
        },
        "runDetails": {
            "builder": {"id": BUILDER},
            "metadata": {"invocationId": f"{SERVICE}-{version}-{at}", "finishedOn": at},
        },
    }


def _sbom(version: str, at: str) -> dict[str, Any]:
    name = f"{SERVICE} {version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": at,
            "component": {"type": "container", "name": name, "bom-ref": name},
        },
        "components": [],
    }

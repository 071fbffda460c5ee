"""Records to measure with, made from numbers: the same number and run give the same record.

    event     an OpenLineage run event, about 450 bytes
    signed    SLSA provenance of one artifact in a DSSE envelope, about 1.2 KB
    batched   the same provenance, all of it under one signature, about 2.1 KB
    review    an admission review of a deployment, about 700 bytes and 800 an image
    verified  a judged record of any size, for the log below the door
    Layered   provenance of services on top of services, for a graph with depth

Sizes:  a signed record of ``Layered`` is 1.2 to 2.5 KB
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from wherefrom.formats import dsse
from wherefrom.formats.entry import Trust
from wherefrom.keys.batches import sign_batch
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.verify.verified import Verified

KEY: Final = SigningKey(hashlib.sha256(b"the benchmark's producer").digest())
RECEIVED: Final = "2026-01-01T00:00:00.000000Z"
_PROVENANCE: Final = "https://slsa.dev/provenance/v1"
_BUILD_TYPE: Final = "https://bench.example/build-types/make@v1"


def sha256(text: str) -> str:
    """64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def event(number: int, run: str) -> bytes:
    """An OpenLineage event of one of a thousand jobs."""
    run_id = uuid.UUID(sha256(f"{run} {number}")[:32], version=4)
    return msgspec.json.encode(
        {
            "eventType": "COMPLETE",
            "eventTime": "2026-01-01T01:00:00.000Z",
            "producer": "https://bench.example/etl/1.0",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": str(run_id), "facets": {}},
            "job": {"namespace": "prod", "name": f"job-{number % 1000}", "facets": {}},
            "inputs": [{"namespace": "s3://lake", "name": f"raw/{number % 5000}"}],
            "outputs": [{"namespace": "postgres://db:5432", "name": f"table-{number % 3000}"}],
        }
    )


def artifact(number: int, run: str) -> str:
    """The SHA-256 of what build ``number`` of a run made."""
    return sha256(f"artifact {run} {number}")


def signed(number: int, run: str) -> bytes:
    """``provenance``, signed alone."""
    return sign_envelope(dsse.IN_TOTO_TYPE, provenance(number, run), KEY)


def batched(numbers: range, run: str) -> list[bytes]:
    """``provenance`` of each of ``numbers``, signed together."""
    return list(sign_batch([provenance(number, run) for number in numbers], KEY))


def provenance(number: int, run: str) -> bytes:
    """A statement on ``artifact(number, run)``, built from one of a hundred commits."""
    commit = {
        "uri": "git+https://git.example/bench/app@refs/heads/main",
        "digest": {"gitCommit": sha256(f"commit {number % 100}")[:40]},
    }
    subject = {"name": f"app-{number}", "digest": {"sha256": artifact(number, run)}}
    return _statement([subject], [commit], f"{run}-{number}", "https://ci.example/builder@v1")


def _statement(
    subjects: Sequence[dict[str, Any]],
    dependencies: Sequence[dict[str, Any]],
    invocation: str,
    builder: str,
) -> bytes:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": _PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": builder}, "metadata": {"invocationId": invocation}},
        },
    }
    return msgspec.json.encode(statement)


def review(artifacts: Sequence[str], number: int) -> bytes:
    """A review of a deployment that runs these (hex), as an API server writes it."""
    containers = [
        {
            "name": f"c{place}",
            "image": f"registry.bench.example/app@sha256:{digits}",
            "env": [{"name": f"SETTING_{n}", "value": f"value {n}"} for n in range(8)],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
            "securityContext": {"runAsNonRoot": True, "readOnlyRootFilesystem": True},
        }
        for place, digits in enumerate(artifacts)
    ]
    kind = {"group": "apps", "version": "v1", "kind": "Deployment"}
    labels = {"app": f"app-{number}"}
    made = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"app-{number}", "namespace": "shop", "labels": labels},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }
    request = {
        "uid": str(uuid.UUID(sha256(f"review {number}")[:32], version=4)),
        "kind": kind,
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "requestKind": kind,
        "name": f"app-{number}",
        "namespace": "shop",
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:cd:deployer", "groups": ["system:nodes"]},
        "object": made,
        "oldObject": None,
        "dryRun": False,
    }
    return msgspec.json.encode(
        {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}
    )


def verified(number: int, run: str, size: int) -> Verified:
    """A judged record with ``size`` bytes of content that nobody else has."""
    start = f'{{"number":{number},"run":"{run}","pad":"'.encode()
    content = start + b"x" * (size - len(start) - 2) + b'"}'
    return Verified(
        content=content,
        digest=hashlib.sha256(content).digest(),
        kind="event",
        type="START",
        trust=Trust("channel"),
        producer="local:0",
        received=RECEIVED,
    )


def entry_of(number: int, size: int) -> bytes:
    """Bytes like an entry's: a commitment first, ``size`` in all."""
    start = b'{"content":"sha256:' + sha256(str(number)).encode() + b'","size":0,"pad":"'
    return start + b"y" * (size - len(start) - 2) + b'"}'


class Layered:
    """Services on services: each record attests one build, made from a commit and one or two
    artifacts of the layer below; one in fifty also names ten packages.

    records  how many in all; the layers are equal parts of them
    """

    LAYERS: Final = 20
    PACKAGES: Final = 3_000
    BUILDERS: Final = 20
    EDGES_EACH: Final = 7.1

    def __init__(self, records: int) -> None:
        self.records = records
        self.width = max(1, records // self.LAYERS)

    def digest(self, number: int) -> str:
        """The id of what build ``number`` made."""
        return "sha256:" + artifact(number, "layered")

    @staticmethod
    def name(number: int) -> str:
        """What that artifact is called; dozens share a last part."""
        return f"service-{number % 997}/bin/app-{number % 2003}.tar.gz"

    def tops(self, count: int) -> list[str]:
        """Artifacts of the topmost layer, the same each time."""
        chance = random.Random(7)
        last = self.records - 1
        return [self.digest(last - chance.randrange(self.width)) for _ in range(count)]

    def content(self, number: int) -> bytes:
        """The signed provenance of build ``number``."""
        chance = random.Random(number)
        below = (number // self.width - 1) * self.width
        dependencies: list[dict[str, Any]] = [
            {
                "uri": f"git+https://git.example/bench/service-{number % 997}@refs/heads/main",
                "digest": {"gitCommit": sha256(f"layered commit {number // 3}")[:40]},
            }
        ]
        for _ in range(chance.choice((1, 2)) if below >= 0 else 0):
            used = below + chance.randrange(self.width)
            dependencies.append(
                {"name": self.name(used), "digest": {"sha256": artifact(used, "layered")}}
            )
        if number % 50 == 0:
            dependencies += [{"uri": purl} for purl in self.purls(number)]
        subject = {"name": self.name(number), "digest": {"sha256": artifact(number, "layered")}}
        builder = f"https://ci.example/builders/{number % self.BUILDERS}@v1"
        statement = _statement([subject], dependencies, f"layered-{number}", builder)
        return sign_envelope(dsse.IN_TOTO_TYPE, statement, KEY)

    @classmethod
    def purls(cls, number: int) -> list[str]:
        """The packages that build ``number`` used, if it is one that names them."""
        packages = random.Random(-number).sample(range(cls.PACKAGES), 10)
        return [f"pkg:npm/package-{p}@1.{p % 7}" for p in packages]

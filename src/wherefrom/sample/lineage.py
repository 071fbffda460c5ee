"""The data of the corner shop: from receipts to the model that says what to put on the shelf.

    receipts ──ingest──► raw ──clean──► receipts_clean ─┐
                         stock ─────────────────────────┴─features──► baskets ──train──► model

Every night's jobs tell of their runs in OpenLineage events, with columns; the model file is
attested like any other build.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from wherefrom.sample.signed import Signer, digest, sign, statement, to_json

LAKE: Final = "s3://corner-shop-lake"
SHOP: Final = "postgres://db.corner-shop.example:5432"
JOBS: Final = "corner-shop"
_PRODUCER: Final = "https://corner-shop.example/nightly"
_FACETS: Final = "https://openlineage.io/spec/facets/1-0-0"
_IDENTITY: Final = [{"type": "DIRECT", "subtype": "IDENTITY"}]
_SUM: Final = [{"type": "DIRECT", "subtype": "AGGREGATION"}]


class Model(NamedTuple):
    """The model file, as builds name it."""

    name: str
    sha256: str


MODEL: Final = Model("what-to-restock-3.safetensors", digest("what-to-restock 3"))


class Job(NamedTuple):
    """A nightly job: what it reads and writes, and its columns: output ← (source, field, how)."""

    name: str
    inputs: tuple[tuple[str, str], ...]
    output: tuple[str, str]
    columns: Mapping[str, tuple[tuple[str, str], str, list[dict[str, str]]]]


_SALES: Final = (SHOP, "shop.public.receipts")
_STOCK: Final = (SHOP, "shop.public.stock")
_RAW: Final = (LAKE, "raw/receipts")
_CLEAN: Final = (LAKE, "clean/receipts")
_BASKETS: Final = (LAKE, "features/baskets")

NIGHTLY: Final = (
    Job("receipts.ingest", (_SALES,), _RAW,
        {"sku": (_SALES, "sku", _IDENTITY), "paid": (_SALES, "paid_cents", _IDENTITY)}),
    Job("receipts.clean", (_RAW,), _CLEAN,
        {"sku": (_RAW, "sku", _IDENTITY), "paid": (_RAW, "paid", _IDENTITY)}),
    Job("features.baskets", (_CLEAN, _STOCK), _BASKETS,
        {"sku": (_CLEAN, "sku", _IDENTITY), "sold": (_CLEAN, "paid", _SUM),
         "left": (_STOCK, "quantity", _IDENTITY)}),
)  # fmt: skip
_NIGHTS: Final = (9, 10)


def records(*, science: Signer) -> Iterator[bytes]:
    """Every record of the data, in the order they happened."""
    for night in _NIGHTS:
        for place, job in enumerate(NIGHTLY):
            started = f"2026-11-{night:02}T02:{place}0:00Z"
            finished = f"2026-11-{night:02}T02:{place}7:30Z"
            yield _event("START", job, night, started)
            yield _event("COMPLETE", job, night, finished)
    yield sign(_training(), science)


def _event(kind: str, job: Job, night: int, time: str) -> bytes:
    run = uuid.uuid5(uuid.NAMESPACE_URL, f"{_PRODUCER}/{job.name}/{night}")
    outputs = [_output(job, night)] if kind == "COMPLETE" else []
    return to_json(
        {
            "eventType": kind,
            "eventTime": time,
            "producer": _PRODUCER,
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": str(run)},
            "job": {"namespace": JOBS, "name": job.name},
            "inputs": [{"namespace": n, "name": name} for n, name in job.inputs],
            "outputs": outputs,
        }
    )


def _output(job: Job, night: int) -> dict[str, Any]:
    fields = {
        column: {
            "inputFields": [
                {"namespace": source[0], "name": source[1], "field": field, "transformations": how}
            ]
        }
        for column, (source, field, how) in job.columns.items()
    }
    return {
        "namespace": job.output[0],
        "name": job.output[1],
        "facets": {
            "version": _facet("DatasetVersion", {"datasetVersion": f"2026-11-{night:02}"}),
            "columnLineage": _facet("ColumnLineageDataset", {"fields": fields}),
        },
        "outputFacets": {
            "outputStatistics": _facet("OutputStatisticsOutputDataset", {"rowCount": 400 + night})
        },
    }


def _facet(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    return {"_producer": _PRODUCER, "_schemaURL": f"{_FACETS}/{name}Facet.json", **said}


def _training() -> bytes:
    """The training run as the build of the model file."""
    version = f"dataset_version:{LAKE}:features/baskets:2026-11-{_NIGHTS[-1]:02}"
    return statement(
        [{"name": MODEL.name, "digest": {"sha256": MODEL.sha256}}],
        "https://slsa.dev/provenance/v1",
        {
            "buildDefinition": {
                "buildType": "https://science.corner-shop.example/training/v1",
                "externalParameters": {"seed": 7, "epochs": 12},
                "resolvedDependencies": [
                    {"uri": version, "name": "baskets of the last night"},
                    {
                        "uri": "git+https://git.corner-shop.example/corner-shop/science@main",
                        "digest": {"gitCommit": digest("science 3")[:40]},
                    },
                ],
            },
            "runDetails": {
                "builder": {"id": "https://science.corner-shop.example/trainer"},
                "metadata": {
                    "invocationId": "restock-3",
                    "startedOn": "2026-11-10T05:00:00Z",
                    "finishedOn": "2026-11-10T05:48:00Z",
                },
            },
        },
    )

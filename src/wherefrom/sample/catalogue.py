"""Whose the services of the corner shop are, and what each of them has to send.

`wherefrom catalog gaps` then has an answer: nobody ever sent a result of a test.
"""

from __future__ import annotations

from typing import Final

from wherefrom.formats.catalog import Catalog, Emitter, Environment, Service, Team, to_statement
from wherefrom.sample.signed import Signer, sign
from wherefrom.sample.supply import BUILDER, REGISTRY, RELEASES

_ISSUED: Final = "2026-11-02T08:00:00Z"
_OWNERS: Final = {"till": "counter", "shelf": "stock", "window": "stock"}


def record(signer: Signer) -> bytes:
    """The catalogue, signed."""
    emitters = (
        Emitter(name="ci", kinds=("provenance", "sbom"), source=BUILDER),
        Emitter(name="deployments", kinds=("deployment",)),
        Emitter(name="tests", kinds=("test",)),
    )
    made = Catalog(
        issued=_ISSUED,
        services=tuple(
            Service(
                name=name,
                owner=_OWNERS[name],
                criticality="critical" if name == "till" else "medium",
                environments=("prod",),
                images=(f"{REGISTRY}/{name}",),
                emitters=emitters,
                billable=name == "till",
            )
            for name in dict.fromkeys(release.service for release in RELEASES)
        ),
        teams=(Team(name="counter"), Team(name="stock")),
        environments=(Environment(name="prod", production=True),),
    )
    return sign(to_statement(made), signer)

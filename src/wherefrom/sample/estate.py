"""The corner shop: three services, their builds, their data, one model, one bad evening. Invented.

    commits ──► builds ──► images, tags, SBOMs, summaries      ``supply``
    receipts ──► clean ──► baskets ──► model                   ``lineage``
                                         └──► built into the service ``shelf``
    deployments, settings, flags, what the cluster runs, an incident  ``reality``
    whose the services are, and what they have to send         ``catalogue``

It is made of the formats that real producers write, signed by keys made on the spot, so it goes
through the same door as everything else. Two records are not vouched for by anybody known: a
hotfix built by hand, unsigned, and a finding signed by a stranger. Everything but keys is the
same each time.

Sizes:  about 70 records
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wherefrom.keys.ed25519 import SigningKey, spki_der
from wherefrom.keys.public import PublicKey
from wherefrom.sample import catalogue, lineage, reality, supply
from wherefrom.sample.signed import Signer

# Commands that have something to show, once the estate is loaded.
QUESTIONS: Final = (
    "trace registry.corner-shop.example/shelf:1.1.0",
    "trace --down pkg:pypi/tally@2.3.1",
    "verify registry.corner-shop.example/shelf:1.1.0",
    "running prod/till",
    "changes prod/till --since 2026-11-14 --until 2026-11-15",
)


class SampleKey(NamedTuple):
    """A key whose signatures are to count: its name as a ``keyid``, and what it is for."""

    name: str
    public: PublicKey
    says: str


class Estate(NamedTuple):
    """The keys to trust first, then the records in the order they happened."""

    keys: tuple[SampleKey, ...]
    records: list[bytes]


def build() -> Estate:
    """Make the estate, with new keys."""
    ci, release, science, stranger = (SigningKey.generate() for _ in range(4))
    builds = supply.records(
        ci=Signer(ci, "corner-shop-ci"),
        release=Signer(release, "corner-shop-release"),
        stranger=Signer(stranger, "somebody"),
    )
    ran = reality.records(release=Signer(release, "corner-shop-release"))
    events = lineage.records(science=Signer(science, "corner-shop-science"))
    return Estate(
        keys=(
            _known("corner-shop-ci", ci, "the build service of the corner shop"),
            _known("corner-shop-release", release, "checks what may be sold"),
            _known("corner-shop-science", science, "trains the models"),
        ),
        records=[
            *events,
            *builds,
            *ran,
            catalogue.record(Signer(release, "corner-shop-release")),
        ],
    )


def _known(name: str, key: SigningKey, says: str) -> SampleKey:
    return SampleKey(name, PublicKey(spki_der(key.public_key)), says)

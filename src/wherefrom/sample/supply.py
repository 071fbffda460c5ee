"""The services of the corner shop: who built which image from what, and what is in it.

    commit ──► build (SLSA v1) ──► index ──contains──► amd64, arm64 ──contains──► packages
                                     └ tag 1.0.0, 1.1.0        └ SBOMs (CycloneDX)

``tally`` 2.3.1 is the library one would rather not have; it is in all but one of the releases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from wherefrom.sample.lineage import MODEL
from wherefrom.sample.signed import Signer, digest, sign, statement

REGISTRY: Final = "registry.corner-shop.example"
BUILDER: Final = "https://ci.corner-shop.example/builder/v1"
CHECKER: Final = "https://release.corner-shop.example/checker"
_GIT: Final = "https://git.corner-shop.example/corner-shop"
_PROVENANCE: Final = "https://slsa.dev/provenance/v1"
_SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
_SBOM: Final = "https://cyclonedx.org/bom"
_PLATFORMS: Final = ("amd64", "arm64")
_FLASK: Final = "pkg:pypi/flask@3.1.2"
_TALLY_OLD: Final = "pkg:pypi/tally@2.3.1"
_TALLY_NEW: Final = "pkg:pypi/tally@2.4.0"
_STOCKROOM: Final = "pkg:npm/%40corner-shop/stockroom@0.9.4"


class Release(NamedTuple):
    """One version of one service, the day it was built, and what is installed in it."""

    service: str
    version: str
    day: int
    packages: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{REGISTRY}/{self.service}"

    @property
    def key(self) -> str:
        return f"{self.service} {self.version}"

    def at(self, minutes: int) -> str:
        """A time on the day of the release, RFC 3339."""
        return f"2026-11-{self.day:02}T09:{minutes:02}:00Z"


RELEASES: Final = (
    Release("till", "1.0.0", 3, (_FLASK, _TALLY_OLD)),
    Release("shelf", "1.0.0", 4, (_FLASK, _TALLY_OLD)),
    Release("window", "1.0.0", 5, (_STOCKROOM, _TALLY_OLD)),
    Release("till", "1.1.0", 10, (_FLASK, _TALLY_NEW)),
    Release("shelf", "1.1.0", 11, (_FLASK, _TALLY_OLD)),
    Release("window", "1.1.0", 12, (_STOCKROOM, _TALLY_OLD)),
)


def records(*, ci: Signer, release: Signer, stranger: Signer) -> Iterator[bytes]:
    """Every record of the services, in the order they happened."""
    for made in RELEASES:
        provenance = sign(_provenance(made), ci)
        yield provenance
        yield sign(_index_sbom(made), ci)
        for platform in _PLATFORMS:
            yield sign(_platform_sbom(made, platform), ci)
        yield sign(_summary(made, provenance), release)
    yield _hotfix()
    yield sign(_finding(), stranger)


def _sha256(of: str) -> dict[str, str]:
    return {"sha256": digest(of)}


def _image(made: Release, platform: str) -> dict[str, Any]:
    return {"name": made.name, "digest": _sha256(f"{made.key} {platform}")}


def _index(made: Release) -> dict[str, Any]:
    return {"name": f"{made.name}:{made.version}", "digest": _sha256(made.key)}


def _provenance(made: Release) -> bytes:
    repository = f"git+{_GIT}/{made.service}@refs/tags/v{made.version}"
    commit = hashlib.sha1(made.key.encode(), usedforsecurity=False).hexdigest()
    dependencies: list[dict[str, Any]] = [
        {"uri": repository, "digest": {"gitCommit": commit}},
        {"uri": f"docker://{REGISTRY}/base:2026.11", "digest": _sha256("base 2026.11")},
    ]
    if made.key == "shelf 1.1.0":
        dependencies.append({"name": MODEL.name, "digest": {"sha256": MODEL.sha256}})
    return statement(
        [_index(made), *(_image(made, platform) for platform in _PLATFORMS)],
        _PROVENANCE,
        {
            "buildDefinition": {
                "buildType": "https://ci.corner-shop.example/image/v1",
                "externalParameters": {"repository": repository, "target": "release"},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {
                    "invocationId": f"{made.service}-{made.version}",
                    "startedOn": made.at(10),
                    "finishedOn": made.at(14),
                },
            },
        },
    )


def _bom(made: Release, what: str, components: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": made.at(15),
            "component": {"type": "container", "name": what, "bom-ref": what},
            "tools": {"components": [{"type": "application", "name": "inventory",
                                      "version": "0.4.0"}]},
        },
        "components": components,
    }  # fmt: skip


def _index_sbom(made: Release) -> bytes:
    parts = [
        {
            "type": "container",
            "name": f"{made.name}@sha256:{digest(f'{made.key} {platform}')}",
            "bom-ref": platform,
        }
        for platform in _PLATFORMS
    ]
    subject = {"name": made.name, "digest": _sha256(made.key)}
    return statement([subject], _SBOM, _bom(made, made.key, parts))


def _platform_sbom(made: Release, platform: str) -> bytes:
    parts = []
    for purl in made.packages:
        name, _, version = purl.rpartition("/")[2].partition("@")
        parts.append({"type": "library", "name": name, "version": version, "purl": purl,
                      "bom-ref": purl})  # fmt: skip
    return statement([_image(made, platform)], _SBOM, _bom(made, f"{made.key} {platform}", parts))


def _summary(made: Release, provenance: bytes) -> bytes:
    return statement(
        [_index(made)],
        _SUMMARY,
        {
            "verifier": {"id": CHECKER},
            "timeVerified": made.at(20),
            "resourceUri": f"{made.name}:{made.version}",
            "policy": {"uri": "https://release.corner-shop.example/policy/2026-10",
                       "digest": _sha256("policy 2026-10")},
            "inputAttestations": [
                {"digest": {"sha256": hashlib.sha256(provenance).hexdigest()}}
            ],
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_2"],
        },
    )  # fmt: skip


def _hotfix() -> bytes:
    """What somebody built by hand and nobody signed."""
    return statement(
        [{"name": f"{REGISTRY}/till:1.1.0-hotfix", "digest": _sha256("till hotfix")}],
        _PROVENANCE,
        {
            "buildDefinition": {
                "buildType": "https://corner-shop.example/by-hand",
                "externalParameters": {"why": "the till would not open"},
                "resolvedDependencies": [
                    {"name": f"{REGISTRY}/till:1.1.0", "digest": _sha256("till 1.1.0")}
                ],
            },
            "runDetails": {
                "builder": {"id": "https://corner-shop.example/laptop"},
                "metadata": {"invocationId": "saturday", "finishedOn": "2026-11-14T20:03:00Z"},
            },
        },
    )


def _finding() -> bytes:
    """What a stranger says of the library, signed by a key that nobody here knows."""
    return statement(
        [{"name": _TALLY_OLD, "digest": _sha256("tally 2.3.1")}],
        "https://finders.example/finding/v1",
        {"id": "FINDING-17", "says": "rounds in favour of the shop", "fixedIn": "2.4.0"},
    )

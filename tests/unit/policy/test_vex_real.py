"""Real VEX documents, read from beside the repository: what they excuse, and what they do not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.paths import DATA
from tests.unit.policy.vulnerable_world import (
    FEED,
    IMAGE,
    OPENVEX,
    SBOM,
    SCAN,
    STRANGER,
    World,
    sbom,
    statement,
)
from wherefrom.app import DataFolder

SUPPLY = DATA / "supply"
CISA = SUPPLY / "cyclonedx-bom-examples/VEX/CISA-Use-Cases"
GUAC = SUPPLY / "guac/internal/testing/testdata/exampledata"
LOG4SHELL = "CVE-2021-44228"


def real(path: Any) -> dict[str, Any]:
    return json.loads(path.read_bytes())


@pytest.fixture
def world(tmp_path):
    return World(DataFolder(tmp_path / "d"))


def scan(*found: tuple[str, str], severity: str = "HIGH") -> dict[str, Any]:
    """What Trivy reports: vulnerabilities, each in a package."""
    listed = [
        {"VulnerabilityID": id, "Severity": severity, "PkgName": purl,
         "PkgIdentifier": {"PURL": purl}} for id, purl in found
    ]  # fmt: skip
    report = {"SchemaVersion": 2, "Results": [{"Target": "x", "Vulnerabilities": listed}]}
    return {"scanner": {"uri": "https://trivy.example", "result": report},
            "metadata": {"scanFinishedOn": "2026-11-25T00:00:00Z"}}  # fmt: skip


GIT = "sha256:23a264e6e429852221a963e9f17338ba3f5796dc7086e46439a6f4482cf6e0cb"
GIT_PART = "pkg:apk/alpine/git@2.38.1-r0"


@pytest.mark.parametrize(
    ("image", "part", "by", "ok"),
    [
        (GIT, GIT_PART, "signed", True),
        (GIT, GIT_PART, "channel", False),  # the word of nobody known
        (GIT, "pkg:apk/alpine/git@2.38.1-r1", "signed", False),  # another version
        (IMAGE, GIT_PART, "signed", False),  # the same part, in another image
    ],
)
def test_openvex_excuses_a_part_within_the_image_that_it_names(world, image, part, by, ok):
    document = real(GUAC / "open-vex-not-affected.json")
    world.attest(SBOM, sbom(part), subject=image)
    world.attest(SCAN, scan(("CVE-2023-12345", part)), subject=image)
    assert not world.holds(artifact=image).ok
    if by == "signed":
        world.attest(OPENVEX, document, subject=image)
    else:
        world.say((GUAC / "open-vex-not-affected.json").read_bytes(),
                  statement(OPENVEX, document, image))  # fmt: skip
    assert world.holds(artifact=image).ok is ok


ALPINE = "sha256:124c7d2707904eea7431fffe91522a01e5a861a624ee31d03372cc1d138a3126"


@pytest.mark.parametrize(
    ("found", "ok"),
    [
        ("CVE-2023-1255", True), ("CVE-2023-2650", True), ("CVE-2023-2975", True),  # fixed
        ("CVE-2023-3446", True), ("CVE-2023-3817", True),  # not affected
        ("CVE-2023-5363", False),  # of which it says nothing
    ],
)  # fmt: skip
def test_openvex_excuses_by_what_it_says_of_each_vulnerability(world, found, ok):
    document = real(SUPPLY / "chainloop/internal/schemavalidators/testdata/openvex_v0.2.0.json")
    libssl = "pkg:apk/alpine/libssl3@3.0.8-r3"
    world.attest(SCAN, scan((found, libssl)), subject=ALPINE)
    world.attest(OPENVEX, document, subject=ALPINE)
    assert world.holds(artifact=ALPINE).ok is ok
    world.attest(SCAN, scan((found, "pkg:apk/alpine/zlib@1.2.13-r1")), subject=ALPINE)
    assert not world.holds(artifact=ALPINE).ok  # it speaks of libssl and libcrypto only


@pytest.mark.parametrize(
    ("case", "ok"),
    [
        ("Case-1/vex-not_affected.json", True),
        ("Case-1/vex-fixed.json", True),
        ("Case-1/vex-affected.json", False),
        ("Case-1/vex-under_investigation.json", False),
        ("Case-5/vex.json", False),  # in triage
    ],
)
def test_cyclonedx_excuses_the_image_that_it_is_attested_for_by_its_status(world, case, ok):
    document = real(CISA / case)
    world.attest(SCAN, scan((LOG4SHELL, "pkg:maven/log4j/log4j@2.14.0"), severity="CRITICAL"))
    world.say(statement(SBOM, document), by=STRANGER)
    assert not world.holds().ok
    world.attest(SBOM, document)
    found = world.holds()
    assert found.ok is ok, found
    assert not world.holds(never=[LOG4SHELL]).ok


def test_cyclonedx_vex_names_a_component_of_another_document_by_its_link(world):
    bom = real(SUPPLY / "cyclonedx-bom-examples/VEX/bom.json")
    vex = real(SUPPLY / "cyclonedx-bom-examples/VEX/vex.json")
    (statement_of,) = vex["vulnerabilities"]
    link = statement_of["affects"][0]["ref"]
    part = link.partition("#")[2]
    bom["serialNumber"] = "urn:uuid:" + link.split("/")[0].rpartition(":")[2]  # it has another
    world.attest(SBOM, bom)
    world.attest(SCAN, scan((statement_of["id"], part)))
    assert not world.holds().ok
    world.say(json.dumps(vex).encode(), by=FEED)
    assert not world.holds().ok  # nobody known
    world.attest(SBOM, vex, subject="sha256:" + "2" * 64)
    assert not world.holds().ok  # vouched for, of another image
    world.attest(SBOM, vex)
    found = world.holds()
    assert found.ok, found
    # The same part in an image whose SBOM is another document.
    other = "sha256:" + "3" * 64
    world.attest(SBOM, sbom(part), subject=other)
    world.attest(SCAN, scan((statement_of["id"], part)), subject=other)
    assert not world.holds(artifact=other).ok


def test_cyclonedx_vex_names_the_image_by_the_link_of_its_sbom(world):
    serial = "3e671687-395b-41f5-a30f-a58921a69b79"
    main = {"component": {"type": "container", "name": "abc", "bom-ref": "product-ABC"}}
    part = "pkg:maven/log4j/log4j@2.14.0"
    world.attest(SBOM, sbom(part, serialNumber=f"urn:uuid:{serial}", metadata=main))
    world.attest(SCAN, scan((LOG4SHELL, part)))
    vex = real(GUAC / "cyclonedx-vex-affected.json")
    (claim,) = vex["vulnerabilities"]
    assert claim["affects"][0]["ref"] == f"urn:cdx:{serial}/1#product-ABC"
    claim["analysis"]["state"] = "not_affected"
    world.attest(SBOM, vex, subject="sha256:" + "2" * 64)
    assert not world.holds().ok  # vouched for, of another image
    world.attest(SBOM, vex)
    assert world.holds().ok


def test_a_link_that_is_none_excuses_nothing(world):
    document = real(GUAC / "cyclonedx-vex-false-positive.json")  # urn:uuid for urn:cdx
    world.attest(SCAN, scan(("CVE-2024-0002", "pkg:npm/a@1")))
    world.attest(SBOM, document)
    assert not world.holds().ok


RHSA = GUAC / "rhsa-csaf.json"
OLD, NEW = "pkg:rpm/redhat/openssl@1.1.1k-7.el8_6", "pkg:rpm/redhat/openssl@1.1.1k-8.el8_6"
CSAF = "https://docs.oasis-open.org/csaf"


def test_csaf_is_bad_news_of_the_builds_that_it_lists_as_affected_whoever_sent_it(world):
    world.attest(SBOM, sbom(OLD))
    world.looked(covers=("rpm/redhat",))
    assert world.holds().ok
    world.say(RHSA.read_bytes(), by=STRANGER)
    found = world.holds()
    assert not found.ok
    assert "CVE-2023-0286 (high) in " + OLD in found.says


@pytest.mark.parametrize("part", [NEW, OLD, "pkg:rpm/redhat/openssl@1.1.1k-9.el8_6"])
def test_csaf_excuses_the_builds_that_it_lists_as_fixed_and_no_other(world, part):
    world.attest(SBOM, sbom(part))
    world.attest(SCAN, scan(("CVE-2023-0286", part)))
    world.say(RHSA.read_bytes())
    assert not world.holds(**{"from": "scan"}).ok
    world.attest(CSAF, real(RHSA))
    assert world.holds(**{"from": "scan"}).ok is (part == NEW)

"""Attested scans for vulnerabilities: what a scanner found in the subjects, and that it looked.

    attestation {vulnerabilities, critical, high, …} ── attributed_to ──► scanner
       └─ contains ──► claim {severity} ── describes ──► CVE-2021-44228, subject, package in it

in-toto's predicate lists the vulnerabilities; cosign's (``--type vuln``) has the same frame and the
scanner's own report in it, of which Trivy's is read. A scanner lists and does not judge, so its
claims have no ``status``: a VEX says whether the subject is affected. A report in another form is
not read (``result_unread``), and a list that is not there says nothing of how many there are.

Sizes:  20,000 vulnerabilities
Source: in-toto attestation spec, predicates/vuln.md (v0.1) and vulns_02.md (v0.2); sigstore/cosign
        specs/COSIGN_VULN_ATTESTATION_SPEC.md; Trivy's JSON report, schema version 2
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import claims, slsa
from wherefrom.formats import components as parts
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.facts import FactsBuilder
from wherefrom.formats.strict_json import (
    as_array,
    as_object,
    get_array,
    get_object,
    get_string,
    need_object,
    need_string,
)

VULNERABILITIES_MAX: Final = 20_000
SEVERITIES: Final = ("critical", "high", "medium", "low")
_TYPE = re.compile(
    r"https://in-toto\.io/attestation/vulns(?:/v0(?:\.[0-9]+)?)?"
    r"|(?:https://)?cosign\.sigstore\.dev/attestation/vuln/v1"
)
# Go writes an unset time as the year one.
_UNSET: Final = "0001-"


def is_scan(predicate_type: str) -> bool:
    """Whether ``add`` reads this type."""
    return _TYPE.fullmatch(predicate_type) is not None


def add(
    builder: FactsBuilder,
    predicate: Mapping[str, Any],
    *,
    document_id: str,
    subjects: Sequence[str],
    where: str,
) -> slsa.Dated:
    """Add what a scan found to the attestation ``document_id``; returns when it finished.

    subjects  what was scanned

    Raises Malformed for a predicate without a scanner, a vulnerability without id, or a field of
    the wrong type; LimitPassed.
    """
    scanner = need_object(predicate, "scanner", where=where)
    place = f"{where}.scanner"
    times = get_object(predicate, "metadata", where=where)
    started, finished = (_time(times.get(key)) for key in ("scanStartedOn", "scanFinishedOn"))
    database = get_object(scanner, "db", where=place)
    uri = get_string(scanner, "uri", where=place)
    if uri:
        software = builder.node(parts.bounded(public_id(uri)), "software")
        version = parts.shown(get_string(scanner, "version", where=place))
        said = {"version": version} if version else None
        builder.edge(document_id, "attributed_to", software, said)
    scan = _Scan(builder, document_id, subjects, finished or started)
    unread = scan.read(scanner.get("result"), f"{place}.result")
    builder.node(
        document_id,
        "attestation",
        properties={
            "startedOn": started,
            "finishedOn": finished,
            "database": parts.shown(get_string(database, "version", where=f"{place}.db")),
            "database_updated": _time(database.get("lastUpdate")),
            "result_unread": unread or None,
            **scan.counts(),
        },
    )
    return slsa.Dated(finished or started, None)


def _time(value: object) -> str | None:
    text = value if isinstance(value, str) and not value.startswith(_UNSET) else None
    return parts.occurred(text)[0]


class _Scan:
    """The results of one scan on their way into a builder."""

    def __init__(
        self, builder: FactsBuilder, document_id: str, subjects: Sequence[str], time: str | None
    ) -> None:
        self.builder = builder
        self.document_id = document_id
        self.subjects = subjects
        self.time = time
        self.budget = claims.Budget()
        self.found: Counter[str] | None = None

    def counts(self) -> dict[str, int]:
        """How many, and of which severity, also those of which there is none."""
        if self.found is None:
            return {}
        return {"vulnerabilities": self.found.total()} | {s: self.found[s] for s in SEVERITIES}

    def read(self, result: object, where: str) -> bool:
        """Read a list, or Trivy's report; returns whether there is one of another form."""
        if isinstance(result, dict) and "Results" in result:
            self.found = Counter()
            for item, place in _of_trivy(result, where):
                self._listed(
                    need_string(item, "VulnerabilityID", where=place),
                    severity=(get_string(item, "Severity", where=place) or "").lower(),
                    package=_package(self.document_id, item, place),
                    where=place,
                )
        elif isinstance(result, list):
            self.found = Counter()
            for at, value in enumerate(result):
                place = f"{where}[{at}]"
                item = as_object(value, where=place)
                # What v0.1 says of a field "vulnerability", its example writes without.
                item = get_object(item, "vulnerability", where=place) or item
                self._listed(
                    need_string(item, "id", where=place),
                    severity=_severity(item, place),
                    package=None,
                    where=place,
                )
        elif result is not None:
            return True
        return False

    def _listed(self, id: str, *, severity: str, package: parts.Part | None, where: str) -> None:
        assert self.found is not None
        if not id.strip():
            raise Malformed("a vulnerability without a name", where=f"{where}.id", got=id)
        self.found[severity] += 1
        if self.found.total() > VULNERABILITIES_MAX:
            raise LimitPassed(
                "a scan lists too many vulnerabilities", expected=f"{VULNERABILITIES_MAX} at most"
            )
        claim = claims.add_claim(
            self.builder,
            document_id=self.document_id,
            place=where,
            vulnerability=claims.add_vulnerability(self.builder, id),
            status=None,
            properties={
                "severity": severity if severity in SEVERITIES else None,
                "timestamp": self.time,
            },
        )
        self.budget.spend(len(self.subjects))
        for subject in self.subjects:
            self.builder.edge(claim, "describes", subject, {"as": "product"})
        if package is not None:
            node = parts.add(self.builder, package)
            claims.add_subcomponent(self.builder, claim, node, within=self.subjects)


def _severity(item: Mapping[str, Any], where: str) -> str:
    """The highest severity that a method gives in a word; numbers and vectors are none."""
    said = item.get("severity")
    listed = [said] if isinstance(said, dict) else get_array(item, "severity", where=where)
    words = {
        str(as_object(value, where=f"{where}.severity[{at}]").get("score")).lower()
        for at, value in enumerate(listed)
    }
    return next((word for word in SEVERITIES if word in words), "")


def _of_trivy(report: Mapping[str, Any], where: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each vulnerability of a report, and its path; a part without any has null for a list."""
    listed = report["Results"]
    for at, value in enumerate(as_array(listed, where=f"{where}.Results") if listed else ()):
        place = f"{where}.Results[{at}]"
        result = as_object(value, where=place)
        for to, item in enumerate(get_array(result, "Vulnerabilities", where=place)):
            inner = f"{place}.Vulnerabilities[{to}]"
            yield as_object(item, where=inner), inner


def _package(document_id: str, item: Mapping[str, Any], where: str) -> parts.Part | None:
    """The package in which Trivy found it, when a package URL names it."""
    identifier = get_object(item, "PkgIdentifier", where=where)
    purl = get_string(identifier, "PURL", where=f"{where}.PkgIdentifier")
    if purl is None:
        return None
    part = parts.Part(
        scoped=f"{document_id}#/{where}",
        name=get_string(item, "PkgName", where=where) or purl,
        version=get_string(item, "InstalledVersion", where=where),
        purls=(purl,),
    )
    return part if parts.has_identity(part) else None

"""One check for each need of a policy: does what is recorded of an artifact meet it? Pure.

    Rule × Dossier ──► Reason: yes or no, in words, with the records; and what to do

A check says yes only for what it saw: what is missing, unreadable, left out or not comparable is
a no. Ignoring a record never makes a no a yes; a record of somebody unknown never makes a yes.

Source: docs/formats/policy.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Refused
from wherefrom.formats import patterns
from wherefrom.formats import policy as rules
from wherefrom.formats.timestamps import canonical, micros, of_micros
from wherefrom.policy.builds import at as value_at
from wherefrom.policy.builds import build_of, is_source
from wherefrom.policy.counting import counting, is_by, told, who, why_not
from wherefrom.policy.verdict import Reason
from wherefrom.query.dossier import TRUSTED, Dossier, Evidence, Found

_LEVEL: Final = re.compile(r"SLSA_([A-Z_]+)_LEVEL_([0-9]+)")
_OPEN: Final = frozenset({"affected", "under_investigation", None})
_LISTED: Final = 5


class Case(NamedTuple):
    """What is judged: an artifact, where it is to go, when (microseconds)."""

    dossier: Dossier
    environment: str
    at: int


class Said(NamedTuple):
    """What a check found; ``until`` when that ends, if it says so itself."""

    ok: bool
    says: str
    entries: Iterable[int] = ()
    remedy: str = ""
    until: str | None = None


def reason(rule: rules.AnyRule, said: Said, needs: str, case: Case) -> Reason:
    """A check's finding as it is answered, with the rule's own words where it has some."""
    entries = sorted(set(said.entries))
    return Reason(
        rule=rule.name,
        needs=needs,
        ok=said.ok,
        says=said.says if said.ok or not rule.says else f"{rule.says}: {said.says}",
        entries=entries,
        remedy="" if said.ok else rule.remedy or said.remedy,
        until=_until(rule, said, entries, case) if said.ok else None,
    )


def _until(rule: rules.AnyRule, said: Said, entries: list[int], case: Case) -> str | None:
    """When the first of the records that a yes rests on is too old, or ends by itself."""
    ends = [] if said.until is None else [said.until]
    if rule.within_s is not None:
        used = (one.said for one in case.dossier.evidence if one.entry in entries)
        ends += [of_micros(micros(text) + rule.within_s * 1_000_000) for text in used]
    return min(ends, default=None)


def provenance(rule: rules.Provenance, case: Case) -> Said:
    """A provenance that counts, of a builder and source that are allowed."""
    remedy = "Record the builder's signed SLSA provenance: wherefrom record FILE"
    recorded = case.dossier.of_kind("provenance")
    if not recorded:
        return Said(False, "nothing says how it was built", remedy=remedy)
    # A builder that signs for itself is looked at under its own signers.
    bare = rule if not any(b.by for b in rule.builders) else _without_by(rule)
    counted = counting(recorded, bare, at=case.at)
    others = dict(counted.others)
    for one in counted.ones:
        why = _why_not_build(rule, one)
        if why is None:
            build = build_of(one.predicate)
            of = f" of {build.source}" if build.source else ""
            return Said(True, f"built by {build.builder}{of}", (one.entry, *one.links))
        others[one.entry] = why
    return Said(False, f"no provenance counts: {told(others)}", others, remedy)


def _without_by(rule: rules.Provenance) -> rules.Provenance:
    return msgspec.structs.replace(rule, by=())


def _why_not_build(rule: rules.Provenance, one: Evidence) -> str | None:
    build = build_of(one.predicate)
    if build.builder is None:
        return "it names no builder"
    if rule.builders:
        named = [b for b in rule.builders if patterns.matches(b.id, build.builder)]
        if not named:
            return f"{build.builder} may not build it"
        signed = [b for b in named if not (b.by or rule.by) or is_by(one, b.by or rule.by)]
        if not signed:
            return f"none of those who sign for {build.builder} signed it"
        if max(b.level for b in signed) < rule.level:
            return f"{build.builder} reaches level {max(b.level for b in signed)}"
    if rule.build_types and not patterns.any_matches(rule.build_types, [build.build_type or ""]):
        return f"it was built as {build.build_type or 'nothing in particular'}"
    if rule.sources and not any(is_source(build.source, one) for one in rule.sources):
        return f"it was built of {build.source or 'nothing that it names'}"
    for path, wanted in rule.parameters.items():
        got = value_at(build.parameters, path)
        if not _is(got, wanted):
            return f"its parameter {path} is {got!r}, not {wanted!r}"
    return None


def sbom(rule: rules.Sbom, case: Case) -> Said:
    """An SBOM that counts."""
    return _one_of_kind(
        rule, case, "sbom", "what is inside it", "Record its SBOM, signed: wherefrom record FILE"
    )


def released(rule: rules.Released, case: Case) -> Said:
    """A release that it is part of."""
    return _one_of_kind(
        rule, case, "release", "which release it is of",
        "Record its release from CI: wherefrom release NAME VERSION",
    )  # fmt: skip


def _one_of_kind(rule: rules.Rule, case: Case, kind: str, what: str, remedy: str) -> Said:
    recorded = case.dossier.of_kind(kind)
    counted = counting(recorded, rule, at=case.at)
    if counted.ones:
        one = counted.ones[0]
        return Said(True, f"#{one.entry} says {what}", (one.entry, *one.links))
    if not recorded:
        return Said(False, f"nothing says {what}", remedy=remedy)
    return Said(False, f"no {kind} counts: {told(counted.others)}", counted.others, remedy)


def vulnerabilities(rule: rules.Vulnerabilities, case: Case) -> Said:
    """A scan that counts, and nothing severe in it that no VEX excuses."""
    remedy = "Scan it, and record the scan: wherefrom record FILE"
    recorded = case.dossier.of_kind("scan")
    scans = counting(recorded, rule, at=case.at)
    readable = [one for one in scans.ones if not one.properties.get("result_unread")]
    if not readable:
        others = scans.others | {
            one.entry: "its list is in a form that is not read" for one in scans.ones
        }
        if not others:
            return Said(False, "it was never scanned", remedy=remedy)
        return Said(False, f"no scan counts: {told(others)}", others, remedy)
    scanned = {one.entry for one in readable}
    used = {*scanned, *(link for one in readable for link in one.links)}
    bad, excused = [], []
    for found in case.dossier.found:
        if found.entry not in scanned or not _is_severe(found, rule):
            continue
        excuse = _excuse(found, rule, case)
        if excuse is None:
            bad.append(found)
        else:
            excused.append(found.vulnerability)
            used.add(excuse.entry)
    if bad:
        named = ", ".join(_named(one) for one in bad[:_LISTED])
        more = f" and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
        return Said(
            False, f"{named}{more}", (one.entry for one in bad),
            "Update what has it, or record a signed VEX that says why it does no harm",
        )  # fmt: skip
    tail = f"; excused by VEX: {', '.join(sorted(set(excused))[:_LISTED])}" if excused else ""
    return Said(True, f"scanned, nothing {rule.none_from} or worse{tail}", used)


def _named(found: Found) -> str:
    return f"{found.vulnerability} ({found.severity or 'of unknown severity'})"


def _is_severe(found: Found, rule: rules.Vulnerabilities) -> bool:
    if any(name in rule.never for name in found.names):
        return True
    if found.severity not in rules.SEVERITIES:
        return True  # unknown is not small
    return rules.SEVERITIES.index(found.severity) >= rules.SEVERITIES.index(rule.none_from)


def _excuse(found: Found, rule: rules.Vulnerabilities, case: Case) -> Found | None:
    """The newest word of those who may judge on this vulnerability, if it says that it is none."""
    if not rule.excused or any(name in rule.never for name in found.names):
        return None
    words = [
        one
        for one in case.dossier.found
        if one.status is not None
        and not set(one.names).isdisjoint(found.names)
        and one.part in (None, found.part)
        and one.trust in TRUSTED
        and (not rule.vex_by or is_by(one, rule.vex_by))
    ]
    newest = max(words, key=lambda one: (one.said, one.entry), default=None)
    return None if newest is None or newest.status in _OPEN else newest


def tests(rule: rules.Tests, case: Case) -> Said:
    """Reports that count; of several of one signer and kind the newest."""
    remedy = "Run its tests, and record the report, signed: wherefrom record FILE"
    recorded = case.dossier.of_kind("test")
    counted = counting(recorded, rule, at=case.at)
    newest: dict[tuple[Any, ...], Evidence] = {}
    for one in sorted(counted.ones, key=lambda one: (one.said, one.entry)):
        newest[one.signers, one.identity, one.type] = one
    failed = [one for one in newest.values() if not _passed(one)]
    if failed:
        return Said(False, "tests failed", (one.entry for one in failed), remedy)
    if len(newest) < rule.count:
        why = told(counted.others) or f"{len(newest)} of {rule.count} reports"
        return Said(False, f"not tested enough: {why}", counted.others, remedy)
    return Said(
        True, "its tests passed", (e for one in newest.values() for e in (one.entry, *one.links))
    )


def _passed(one: Evidence) -> bool:
    result = one.properties.get("result")
    if result is not None:
        return result in ("PASSED", "WARNED")
    counts = [one.properties.get(key) for key in ("failures", "errors")]
    return all(type(count) is int and count == 0 for count in counts)


def approvals(rule: rules.Approvals, case: Case) -> Said:
    """So many different signers, none of whom built it; of one signer the last word."""
    remedy = f"Ask for approval: wherefrom approve {case.dossier.artifact[:19]}… --key FILE"
    builders = {
        name for one in case.dossier.of_kind("provenance") if one.trust in TRUSTED
        for name in who(one)
    }  # fmt: skip
    last: dict[str, Evidence] = {}
    counted = counting(case.dossier.of_kind("approval"), rule, at=case.at)
    for one in sorted(counted.ones, key=lambda one: (one.said, one.entry)):
        said = one.predicate or {}
        if said.get("environment") in (None, "", case.environment):
            # Who signed beside somebody that may has no word of their own.
            last |= dict.fromkeys(who(one, rule.by or None), one)
    yes = {
        name: one
        for name, one in last.items()
        if name not in builders and (one.predicate or {}).get("decision") == "approved"
    }
    entries = {entry for one in yes.values() for entry in (one.entry, *one.links)}
    if len(yes) >= rule.count:
        return Said(True, f"approved by {len(yes)}", entries)
    own = " (whoever built it does not count)" if builders & last.keys() else ""
    return Said(False, f"approved by {len(yes)} of {rule.count}{own}", entries, remedy)


def summary(rule: rules.Summary, case: Case) -> Said:
    """Somebody else's verification, in the order of SLSA v1.2, "How to verify"."""
    remedy = "Record the verifier's signed summary: wherefrom record FILE"
    recorded = case.dossier.of_kind("vsa")
    others: dict[int, str] = {}
    for one in recorded:
        why = _why_not_summary(rule, one, case)
        if why is None:
            verifier = value_at(one.predicate, "verifier.id")
            used = (one.entry, *one.links)
            return Said(True, f"{verifier} verified it", used, until=_ends(one))
        others[one.entry] = why
    if not others:
        return Said(False, "nobody verified it", remedy=remedy)
    return Said(False, f"no summary counts: {told(others)}", others, remedy)


def _why_not_summary(rule: rules.Summary, one: Evidence, case: Case) -> str | None:
    said = one.predicate or {}
    verifier = value_at(said, "verifier.id")
    allowed = [
        v for v in rule.verifiers if isinstance(verifier, str) and patterns.matches(v.id, verifier)
    ]
    if not allowed:
        return f"{verifier or 'nobody'} is no verifier that counts"
    by = [signer for v in allowed for signer in v.by or rule.by]
    if (by and not is_by(one, by)) or one.trust not in TRUSTED:
        return f"none of those who sign for {verifier} signed it"
    if (why := why_not(one, _any_signer(rule), at=case.at)) is not None:
        return why
    if rule.resource and not patterns.matches(rule.resource, str(said.get("resourceUri"))):
        return f"it is about {said.get('resourceUri')}"
    if said.get("verificationResult") != "PASSED":
        return f"it says {said.get('verificationResult')}"
    if (ends := _ends(one)) is not None and micros(ends) <= case.at:
        return f"it counted until {ends[:19]}Z"
    place = value_at(said, "wherefrom.environment")
    if place and place != case.environment:
        return f"it is for {place}"
    reached = _levels(said.get("verifiedLevels"))
    missing = [level for level in rule.levels if not _reaches(reached, level)]
    return f"it does not say {', '.join(missing)}" if missing else None


def _ends(one: Evidence) -> str | None:
    """Until when a summary says that it counts; at once, if that is no time."""
    ends = value_at(one.predicate, "wherefrom.validUntil")
    if ends is None:
        return None
    try:
        return canonical(ends, where="validUntil")
    except Refused:
        return of_micros(0)


def _any_signer(rule: rules.Summary) -> rules.Summary:
    return msgspec.structs.replace(rule, by=())


def _levels(said: object) -> list[str]:
    return [text for text in said if isinstance(text, str)] if isinstance(said, list) else []


def _reaches(reached: list[str], wanted: str) -> bool:
    if wanted in reached:
        return True
    need = _LEVEL.fullmatch(wanted)
    if need is None:
        return False
    found = (_LEVEL.fullmatch(text) for text in reached)
    return any(
        one is not None and one[1] == need[1] and int(one[2]) >= int(need[2]) for one in found
    )


def statement(rule: rules.Statement, case: Case) -> Said:
    """Statements of a type that say what is asked: the newest of each signer, all of them."""
    remedy = f"Record a signed statement of type {rule.type} that says so"
    recorded = [one for one in case.dossier.evidence if patterns.matches(rule.type, one.type)]
    if not recorded:
        return Said(False, f"there is no statement of type {rule.type}", remedy=remedy)
    counted = counting(recorded, rule, at=case.at)
    newest: dict[tuple[Any, ...], Evidence] = {}
    for one in sorted(counted.ones, key=lambda one: (one.said, one.entry)):
        newest[(one.type, *who(one))] = one
    if not newest:
        return Said(False, f"no statement counts: {told(counted.others)}", counted.others, remedy)
    for one in newest.values():
        for path, wanted in rule.fields.items():
            if not _is(value_at(one.predicate, path), wanted):
                got = value_at(one.predicate, path)
                return Said(
                    False, f"#{one.entry}: {path} is {got!r}, not {wanted!r}", [one.entry], remedy
                )
    entries = [e for one in newest.values() for e in (one.entry, *one.links)]
    first = min(newest.values(), key=lambda one: one.entry)
    return Said(True, f"#{first.entry} says so", entries)


def _is(got: object, wanted: object) -> bool:
    return type(got) is type(wanted) and got == wanted  # True is not 1


def lineage(rule: rules.Lineage, case: Case) -> Said:
    """Nothing forbidden upstream; what is not recorded is not known to be clean."""
    upstream = case.dossier.upstream
    if not upstream:
        return Said(
            False, "nothing says what it came from",
            remedy="Record its lineage: OpenLineage events, or provenance with its materials",
        )  # fmt: skip
    for one in upstream:
        for forbidden in rule.forbid:
            if forbidden.kind and one.kind != forbidden.kind:
                continue
            got = one.properties.get(forbidden.property)
            values = got if isinstance(got, list) else [got]
            if any(_text_of(value) == forbidden.equals for value in values):
                return Said(
                    False, f"{one.name or one.id} is {forbidden.property} {forbidden.equals}",
                    one.entries, "Make it again without that",
                )  # fmt: skip
    entries = {entry for one in upstream for entry in one.entries}
    return Said(True, f"nothing forbidden in {len(upstream)} things upstream", entries)


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


CHECKS: Final[Mapping[type[rules.Rule], Callable[[Any, Case], Said]]] = {
    rules.Provenance: provenance,
    rules.Sbom: sbom,
    rules.Vulnerabilities: vulnerabilities,
    rules.Tests: tests,
    rules.Approvals: approvals,
    rules.Summary: summary,
    rules.Statement: statement,
    rules.Released: released,
    rules.Lineage: lineage,
}

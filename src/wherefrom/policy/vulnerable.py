"""The need ``vulnerabilities``: by scans, or by advisories about what an SBOM names. Pure.

    scan that counts ──► what it found ─────────────────┐
    SBOM that counts × fresh feeds ──► that none is missing ├──► severe, and not excused ──► no
    advisories, claims: from whoever sent them ─────────┘

An excuse is a VEX of somebody known: the newest word of those who may judge on that vulnerability,
about the artifact or the part that it is in.

Source: docs/formats/policy.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from wherefrom.formats import ecosystems
from wherefrom.formats import policy as rules
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.policy.case import Case, Said
from wherefrom.policy.counting import counting, is_by, told
from wherefrom.query.advisories import Look
from wherefrom.query.claimed import ADVISORY, Found
from wherefrom.query.same import TRUSTED

_OPEN: Final = frozenset({"affected", "under_investigation", None})
_HARMLESS: Final = frozenset({"none", "info"})
_LISTED: Final = 5


class _Basis(NamedTuple):
    """What tells how an artifact stands: a scan, or advisories about its SBOM; ``why`` not, if
    none does."""

    says: str
    why: str | None
    entries: set[int]
    until: str | None = None


def vulnerabilities(rule: rules.Vulnerabilities, case: Case) -> Said:
    """It was looked at, and there is nothing severe in it that no VEX excuses."""
    bases = []
    scans: set[int] = set()
    if rule.from_ != "advisories":
        scan = _scanned(rule, case)
        bases.append(scan)
        scans = scan.entries if scan.why is None else set()
    claims = rule.from_ != "scan"
    if claims:
        bases.append(_advised(rule, case))
    words = _words(rule, case)
    bad: dict[tuple[str, str | None], Found] = {}
    excuses: dict[str, Found] = {}
    for found in case.dossier.found:
        # Bad news counts from whoever sent it; only good news must be somebody's known word.
        if (found.entry in scans or (claims and _is_claimed(found))) and _is_severe(found, rule):
            excuse = _excuse(found, rule, words)
            if excuse is None:
                bad.setdefault((found.vulnerability, found.part), found)
            else:
                excuses[found.vulnerability] = excuse
    if bad:
        named = "; ".join(_named(one) for one in list(bad.values())[:_LISTED])
        more = f" and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
        return Said(
            False, f"{named}{more}", (one.entry for one in bad.values()),
            "Update what has it, or record a signed VEX that says why it does no harm",
        )  # fmt: skip
    good = [one for one in bases if one.why is None]
    if not good:
        entries = {entry for one in bases for entry in one.entries}
        return Said(False, ", and ".join(str(one.why) for one in bases), entries,
                    _HOW_KNOWN[rule.from_])  # fmt: skip
    # Of what is here only a scan has an age that the rule asks for.
    beside = {entry for one in good for entry in one.entries} - scans
    beside |= {entry for one in good for entry in _links_of(one, case)}
    beside |= {one.entry for one in excuses.values()}
    listed = ", ".join(sorted(excuses)[:_LISTED])
    tail = f"; excused by VEX: {listed}" if excuses else ""
    says = " and ".join(one.says for one in good)
    # A scan does not age with the feed: where it stands too, that is what the yes rests on.
    until = None if any(one.until is None for one in good) else min(str(o.until) for o in good)
    says = f"{says}, nothing {rule.none_from} or worse{tail}"
    return Said(True, says, scans, until=until, beside=beside)


_HOW_KNOWN: Final = {
    "scan": "Scan it, and record the scan: wherefrom record FILE",
    "advisories": "Record its SBOM, signed, and look at the feeds: wherefrom feed sync",
    "any": "Scan it, and record the scan: wherefrom record FILE; or record its SBOM, signed, and "
    "look at feeds of advisories: wherefrom feed sync",
}


def _scanned(rule: rules.Vulnerabilities, case: Case) -> _Basis:
    """Scans that count."""
    scans = counting(case.dossier.of_kind("scan"), rule, at=case.at)
    readable = [one for one in scans.ones if not one.properties.get("result_unread")]
    if readable:
        return _Basis("scanned", None, {one.entry for one in readable})
    others = scans.others | {
        one.entry: "its list is in a form that is not read" for one in scans.ones
    }
    why = f"no scan counts: {told(others)}" if others else "it was never scanned"
    return _Basis("", why, set(others))


def _links_of(basis: _Basis, case: Case) -> set[int]:
    return {
        link for one in case.dossier.evidence if one.entry in basis.entries for link in one.links
    }


def _is_claimed(found: Found) -> bool:
    return found.kind == ADVISORY or found.status == "affected"


def _advised(rule: rules.Vulnerabilities, case: Case) -> _Basis:
    """An SBOM that counts, all of whose packages were looked for in feeds that are fresh."""
    dossier = case.dossier
    # How old it may be is said of what changes; what is inside an artifact does not.
    lasting = msgspec.structs.replace(rule, within=None)
    sboms = counting(dossier.of_kind("sbom"), lasting, at=case.at)
    if not sboms.ones:
        why = f"no sbom counts: {told(sboms.others)}" if sboms.others else (
            "no SBOM says what is inside it, for advisories to be about")  # fmt: skip
        return _Basis("", why, set(sboms.others))
    looks = _fresh(rule, case)
    if missing := set(rule.feeds) - looks.keys():
        return _Basis("", f"no look at the feed {min(missing)} is known of {rule.feed_within}",
                      set())  # fmt: skip
    if not looks:
        why = f"no look at a feed of advisories is known of the last {rule.feed_within}"
        return _Basis("", why, set())
    asked = [one for one in dossier.packages if ecosystems.is_known(one.family)]
    if not asked:
        return _Basis("", "its SBOM names no package that advisories could be about", set())
    for one in asked:
        about = [look for look in looks.values() if one.family in look.covers]
        if not about:
            why = f"no feed that was looked at speaks of {one.family} packages, such as {one.id}"
            return _Basis("", why, {look.entry for look in looks.values()})
        if not any(look.complete or one.since < look.size for look in about):
            return _Basis("", f"{one.id} was recorded after advisories were looked for",
                          {look.entry for look in about})  # fmt: skip
    used = {sboms.ones[0].entry, *(look.entry for look in looks.values())}
    ends = micros(min(look.said for look in looks.values())) + rule.feed_within_s * 1_000_000
    many = "1 package" if len(asked) == 1 else f"{len(asked):,} packages"
    says = f"{many} compared with advisories of {', '.join(sorted(looks))}"
    return _Basis(says, None, used, of_micros(ends))


def _fresh(rule: rules.Vulnerabilities, case: Case) -> dict[str, Look]:
    """The last look at each feed that counts, if it is not too old."""
    found: dict[str, Look] = {}
    for look in sorted(case.dossier.looks, key=lambda one: (one.said, one.entry)):
        known = look.trust in TRUSTED or rule.trust == "channel"
        wanted = not rule.feeds or look.feed in rule.feeds
        age_s = (case.at - micros(look.said)) / 1_000_000
        if known and wanted and 0 <= age_s <= rule.feed_within_s:
            found[look.feed] = look
    return found


def _named(found: Found) -> str:
    where = f" in {found.part}" if found.part is not None else ""
    fixed = f", fixed in {', '.join(found.fixed[:_LISTED])}" if found.fixed else ""
    unsure = f" ({found.unsure})" if found.unsure else ""
    return (
        f"{found.vulnerability} ({found.severity or 'of unknown severity'}){where}{fixed}{unsure}"
    )


def _is_severe(found: Found, rule: rules.Vulnerabilities) -> bool:
    if any(name in rule.never for name in found.names):
        return True
    if found.severity in _HARMLESS:
        return False
    if found.severity not in rules.SEVERITIES:
        return True  # unknown is not small
    return rules.SEVERITIES.index(found.severity) >= rules.SEVERITIES.index(rule.none_from)


def _words(rule: rules.Vulnerabilities, case: Case) -> dict[str, list[Found]]:
    """What those who may judge say of each vulnerability."""
    words: dict[str, list[Found]] = {}
    for one in case.dossier.found if rule.excused else ():
        may = one.trust in TRUSTED and (not rule.vex_by or is_by(one, rule.vex_by))
        if may and one.status is not None and one.kind != ADVISORY:
            for name in _names(one):
                words.setdefault(name, []).append(one)
    return words


def _excuse(
    found: Found, rule: rules.Vulnerabilities, words: Mapping[str, list[Found]]
) -> Found | None:
    """The newest word on this vulnerability there, if it says that it is none; of two of one time
    the one that does not."""
    if any(name in rule.never for name in found.names):
        return None
    about = (
        one for name in _names(found) for one in words.get(name, ())
        if one.part in (None, found.part)
    )  # fmt: skip
    newest = max(about, key=lambda one: (one.said, one.status in _OPEN, one.entry), default=None)
    return None if newest is None or newest.status in _OPEN else newest


def _names(found: Found) -> tuple[str, ...]:
    """What it may be called where it is excused: no stranger's word puts it under another name."""
    return found.known_as or found.names

"""What documents claim of vulnerabilities in an artifact, and in its parts within it.

    claim ── describes {as: product} ──► the artifact        of all of it, unless it names parts
         ├── describes {as: subcomponent, within} ──► part   of that part, in this artifact
         ├── describes {as: product} ──► part                of that part, wherever it is
         └── describes ──► vulnerability ◄── alternate ──► its other names

A claim about a package without a version is about each version of it. What claims compare versions
for (advisories in OSV) is in ``advisories``.

A name that a stranger gives a vulnerability must not put it under another's excuse: of the names of
a claim, ``known_as`` has only those that its own record gives, or somebody known.

Sizes:  PARTS_MAX parts, as an SBOM may have them · STEPS_MAX claims of them; what is passed is told
        (``truncated``)
Source: docs/formats/vex-claims.md
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Refused
from wherefrom.formats import approval, csaf, exception, release, slsa
from wherefrom.formats.claims import STATUSES
from wherefrom.formats.ecosystems import names_of, without_version
from wherefrom.formats.heard import kinds_of_type
from wherefrom.formats.purl import Purl, canonical
from wherefrom.query.clocks import happened
from wherefrom.query.same import TRUSTED as TRUSTED
from wherefrom.query.summary import IDENTITY_IS, Summary, summaries
from wherefrom.views.graph import Judgement, Lens, Snapshot, Step
from wherefrom.views.graph.schema import (
    ALTERNATE,
    CONTAINS,
    DESCRIBES,
    RELATION_NUMBERS,
    REPEATED,
    WITH_PROPERTIES,
)

CLAIMS_MAX: Final = 20_000
PARTS_MAX: Final = 250_000
STEPS_MAX: Final = 100_000
DEPTH_MAX: Final = 30
EXCUSES: Final = frozenset({"not_affected", "fixed"})
ADVISORY: Final = "advisory"
_PARTS: Final = (CONTAINS, RELATION_NUMBERS["depends_on"])
_STATEMENTS_MAX: Final = 64
BOM_LINK: Final = "urn:cdx:"
_DISTRIBUTED: Final = ("pkg:rpm/", "pkg:deb/", "pkg:apk/")
# An image is called by a name that says nothing of whose it is.
_IMAGES: Final = ("pkg:oci/", "pkg:docker/")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one record claims of one vulnerability in the artifact, or in a part of it.

    names     all that anybody calls it; ``known_as`` those that the record itself does, or somebody
              known
    status    of ``claims.STATUSES``; None of a scanner, which lists and does not judge
    severity  ``critical``, ``high``, ``medium``, ``low`` or None, as that record says
    part      the id of the part that it is in; None of the artifact itself
    fixed     of an advisory, the versions that are not affected any more; ``unsure`` why it cannot
              be told whether the version is affected, so that it is taken to be
    """

    vulnerability: str
    names: tuple[str, ...]
    known_as: tuple[str, ...] = ()
    status: str | None
    severity: str | None
    justification: str | None
    part: str | None
    entry: int
    kind: str
    trust: str
    signers: tuple[str, ...]
    identity: str | None
    issuer: str | None
    said: str
    fixed: tuple[str, ...] = ()
    unsure: str = ""


class Signed(NamedTuple):
    """How far a record is believed, and as whose."""

    judgement: Judgement
    identity: str | None
    issuer: str | None


class Parts(NamedTuple):
    """What is within an artifact, by number, each with the first entry that says so; whether that
    is not all."""

    since: Mapping[int, int]
    truncated: bool


class Inside(NamedTuple):
    """A package of an artifact, or itself one: its package URL, and that with what an SBOM adds.

    names  the ids without a version under which it is spoken of, its own first; each with the
           version that is meant there
    """

    number: int
    purl: Purl
    said: Purl
    names: list[tuple[str, str | None]]


class About(NamedTuple):
    """An artifact's names and parts, and all that is claimed of them and of their packages.

    general   packages without a version, by number, each with those of ``inside`` that it is
              called, also as the source that they were made of
    versions  the same, each with the numbers of its versions only
    said      the claims
    """

    ids: Mapping[int, str]
    inside: list[Inside]
    general: Mapping[int, list[tuple[Inside, str | None]]]
    versions: Mapping[int, list[int]]
    steps: list[Step]
    said: Mapping[int, Summary]
    truncated: bool


class Claims(NamedTuple):
    """What is claimed, the nodes that it was looked for at, the entries that say which names are of
    one vulnerability, and whether that was cut short."""

    found: list[Found]
    nodes: set[int]
    entries: set[int]
    truncated: bool


class Weaknesses(NamedTuple):
    """Of each claim the vulnerabilities it is about; the entries that say what they are called;
    whether that was cut short."""

    named: dict[int, list[Named]]
    entries: set[int]
    truncated: bool


class Named(NamedTuple):
    """A vulnerability that a claim is about."""

    name: str
    names: tuple[str, ...]
    known_as: tuple[str, ...]


def signed_of(judgement: Judgement, said: Summary | None) -> Signed:
    """Who signed a record, as far as its own node and a trusted root say."""
    properties = said.properties if said is not None else {}
    if properties.get(IDENTITY_IS) != "verified":
        return Signed(judgement, None, None)
    identity, issuer = properties.get("identity"), properties.get("issuer")
    return Signed(
        judgement,
        identity if isinstance(identity, str) else None,
        issuer if isinstance(issuer, str) else None,
    )


def kind_of(type: str, kind_of_entry: str) -> str:
    """Which kind of evidence a record of a type is."""
    if slsa.is_vsa(type):
        return "vsa"
    if type == release.PREDICATE_TYPE:
        return "release"
    if type == approval.PREDICATE_TYPE:
        return "approval"
    if type == exception.PREDICATE_TYPE:
        return "exception"
    kinds = kinds_of_type(type)
    return kinds[0] if kinds else "sbom" if kind_of_entry == "sbom" else "other"


def parts_of(graph: Snapshot, lens: Lens, names: Collection[int]) -> Parts:
    """All that is within the things ``names``, however deep."""
    since: dict[int, int] = {}
    fresh, truncated = set(names), False
    for _ in range(DEPTH_MAX):
        found: dict[int, int] = {}
        for relation in _PARTS:
            steps = graph.steps(sorted(fresh), lens, up=True, only=relation, rows_max=PARTS_MAX)
            truncated = truncated or len(steps) >= PARTS_MAX
            for step in steps:
                found[step.cause] = min(step.first, found.get(step.cause, step.first))
        fresh = found.keys() - since.keys() - set(names)
        since |= {number: found[number] for number in fresh}
        if not fresh or len(since) > PARTS_MAX:
            break
    return Parts(since, truncated or bool(fresh))


def about(graph: Snapshot, lens: Lens, names: Collection[int], parts: Parts) -> About:
    """All that is claimed of the things ``names`` and ``parts``."""
    numbers = sorted({*names, *parts.since})
    ids = graph.ids(numbers)
    packages = [n for n in numbers if ids[n].startswith("pkg:") and not ids[n].startswith(_IMAGES)]
    said = summaries(graph, packages, lens)
    inside = [one for n in packages if n in said and (one := inside_of(n, ids[n], said[n]))]
    bare: dict[str, list[tuple[Inside, str | None]]] = {}
    for one in inside:
        for id, version in one.names:
            bare.setdefault(id, []).append((one, version))
    known = graph.numbers(bare)
    general = {known[id]: of for id, of in bare.items() if id in known}
    versions = {
        known[id]: [one.number for one, _ in of if one.names[0][0] == id and ids[one.number] != id]
        for id, of in bare.items() if id in known
    }  # fmt: skip
    steps = graph.steps(
        sorted({*numbers, *general}), lens, up=False, only=DESCRIBES, rows_max=STEPS_MAX
    )
    effects = summaries(graph, sorted({step.effect for step in steps}), lens)
    claims = {n: s for n, s in effects.items() if is_claim(s)}
    cut = parts.truncated or len(steps) >= STEPS_MAX
    return About(ids, inside, general, versions, steps, claims, cut)


def inside_of(number: int, id: str, said: Summary) -> Inside | None:
    """A package as it is spoken of; None of what no package URL names."""
    try:
        purl = canonical(id)
        whole = canonical(str(said.properties.get("purl") or id))
    except Refused:
        return None
    whole = whole if whole.id == id else purl
    return Inside(number, purl, whole, names_of(purl, whole))


def claims_of(
    graph: Snapshot,
    lens: Lens,
    names: Collection[int],
    looked: About,
    signed: Mapping[int, Signed],
    documents: Collection[int] = (),
) -> Claims:
    """What documents claim of ``names`` and their parts, but not what versions decide.

    signed     what is known of the records that describe ``names``, by entry
    documents  those that say what is inside, which a VEX may name instead
    """
    claims = {n: s for n, s in looked.said.items() if not is_by_version(s)}
    tied = graph.steps(sorted(claims), lens, up=True, only=DESCRIBES, rows_max=STEPS_MAX)
    weak = vulnerabilities_of(graph, lens, claims)
    # By record: what another says of the same claim neither hides nor lends anything.
    ties: dict[int, dict[int, list[Step]]] = {}
    for step in tied:
        for entry in _stated_by(graph, step, lens):
            ties.setdefault(step.effect, {}).setdefault(entry, []).append(step)
    judged = graph.judgements({entry for by in ties.values() for entry in by}, lens)
    own, inner = set(names), looked.ids.keys() - set(names)
    generally = {n for n, of in looked.versions.items() if not own.isdisjoint(of)}
    called = {*own, *bom_links_of(graph, lens, documents), *generally}
    own_ids = frozenset(graph.ids(sorted(called)).values())
    place = _Place(graph, looked.ids, own, inner, looked.versions, own_ids)
    found = []
    for number, claim in sorted(claims.items()):
        # CSAF tells of a distribution's package within the distribution, which nobody's image is.
        of_a_platform = claim.properties.get("state") in csaf.STATES
        excuses = claim.properties.get("status") in EXCUSES
        outside = claim.properties.get("outside_subjects")
        for entry, steps in ties.get(number, {}).items():
            if outside and excuses and entry not in signed:
                continue  # who signed that vouched for something else
            by = signed.get(entry) or Signed(judged[entry], None, None)
            for part in place.meant(steps, entry, of_a_platform, excuses):
                found += [_found(one, claim, part, by) for one in weak.named.get(number, ())]
    called_so = graph.numbers({name for one in found for name in one.names}).values()
    nodes = {*looked.ids, *looked.general, *claims, *called_so}
    cut = looked.truncated or len(tied) >= STEPS_MAX or weak.truncated
    return Claims(found, nodes, weak.entries, cut)


def _said_at(claim: Summary, by: Judgement) -> str:
    """When a claim was known to be true, as far as it says so; not after it was received."""
    own = claim.properties.get("timestamp")
    return min(own, by.received) if isinstance(own, str) else happened(by)


def _stated_by(graph: Snapshot, step: Step, lens: Lens) -> set[int]:
    """The entries that state an edge."""
    if not step.flags & REPEATED:
        return {step.first}
    return {step.first, *graph.statements(step, lens, _STATEMENTS_MAX)}


def is_claim(said: Summary) -> bool:
    """Whether a node is a claim: by what only a claim says, for anybody may call it anything."""
    return "vulnerability" in said.properties and "vulnerabilities" not in said.properties


def is_by_version(claim: Summary) -> bool:
    """Whether a claim is about some versions of a package, which have to be compared."""
    return "ecosystem" in claim.properties


def _found(one: Named, claim: Summary, part: str | None, by: Signed) -> Found:
    status = claim.properties.get("status")
    return Found(
        vulnerability=one.name,
        names=one.names,
        known_as=one.known_as,
        status=status if status in STATUSES else None,
        severity=word(claim.properties.get("severity")),
        justification=word(claim.properties.get("justification")),
        part=part,
        entry=by.judgement.entry,
        kind=kind_of(by.judgement.type, by.judgement.kind),
        trust=by.judgement.level,
        signers=by.judgement.signers,
        identity=by.identity,
        issuer=by.issuer,
        said=_said_at(claim, by.judgement),
    )


def products_of(graph: Snapshot, step: Step, own: frozenset[str]) -> frozenset[str]:
    """In which products a claim is about a part; in ``own``, wherever that is, if in any."""
    properties = graph.edge_properties(step, step.first)
    within = msgspec.json.decode(properties).get("within") if properties else None
    return frozenset(within) if isinstance(within, list) and within else own


def _is_build(id: str) -> bool:
    """Whether an id names one version of a distribution's package."""
    return id.startswith(_DISTRIBUTED) and without_version(id) != id


def bom_links_of(graph: Snapshot, lens: Lens, named: Collection[int]) -> set[int]:
    """How other documents name ``named`` by where it stands in an SBOM, where somebody known says
    so. Such a name leads no further."""
    steps = graph.steps(sorted(named), lens, up=True, only=ALTERNATE, rows_max=STEPS_MAX)
    judged = graph.judgements({step.first for step in steps}, lens)
    ids = graph.ids(sorted({step.cause for step in steps}))
    return {
        step.cause for step in steps
        if judged[step.first].level in TRUSTED and ids[step.cause].startswith(BOM_LINK)
    }  # fmt: skip


class _Place(NamedTuple):
    """Where claims may be about the artifact: ``own`` its names, ``parts`` and what is general;
    ``own_ids`` all that it may be called where a claim is about a part within it."""

    graph: Snapshot
    ids: Mapping[int, str]
    own: set[int]
    parts: set[int]
    general: Mapping[int, list[int]]
    own_ids: frozenset[str]

    def meant(
        self, ties: Iterable[Step], entry: int, of_a_platform: bool, excuses: bool
    ) -> list[str | None]:
        """What one record says that a claim is about: parts, or (None) all of the artifact.

        of_a_platform  what it says of a package within something else holds of the package: all of
                       it, or where it ``excuses`` of that very build of a distribution's
        """
        whole, some_within = False, False
        inner: dict[str, None] = {}
        for step in ties:
            here = False
            targets = {step.cause, *self.general.get(step.cause, ())}
            said = self._said(step, entry)
            if said.get("as") == "subcomponent":
                within = said.get("within") or []
                here = not self.own_ids.isdisjoint(within)
                some_within = some_within or here
                if within and not here:
                    if not of_a_platform:
                        continue
                    if excuses:
                        exact = {step.cause} if _is_build(self.ids.get(step.cause, "")) else set()
                        targets &= exact
            elif targets & self.own:
                whole = True
                continue
            listed = targets & self.parts
            if here and not listed:  # a scanner finds what no SBOM lists
                inner |= dict.fromkeys(self.graph.ids([step.cause]).values())
            inner |= dict.fromkeys(self.ids[n] for n in listed)
        return [*inner, None] if whole and not some_within else [*inner]

    def _said(self, step: Step, entry: int) -> dict[str, Any]:
        text = self.graph.edge_properties(step, entry)
        said: dict[str, Any] = msgspec.json.decode(text) if text else {}
        return said


def vulnerabilities_of(graph: Snapshot, lens: Lens, claims: Collection[int]) -> Weaknesses:
    """Of each claim the vulnerabilities it is about, with their names."""
    steps = graph.steps(sorted(claims), lens, up=True, only=DESCRIBES, rows_max=STEPS_MAX)
    # The edge to a product says as what; what a node is taken for, anybody can change.
    about = [step for step in steps if not step.flags & WITH_PROPERTIES]
    same: dict[int, dict[int, set[int]]] = {step.cause: {} for step in about}
    cut = len(steps) >= STEPS_MAX
    for up in (True, False):
        ways = graph.steps(sorted(same), lens, up=up, only=ALTERNATE, rows_max=STEPS_MAX)
        cut = cut or len(ways) >= STEPS_MAX
        for step in ways:
            here, there = (step.effect, step.cause) if up else (step.cause, step.effect)
            same[here].setdefault(there, set()).update(_stated_by(graph, step, lens))
    entries = {entry for group in same.values() for by in group.values() for entry in by}
    judged = graph.judgements(entries, lens)
    known = {entry for entry in entries if judged[entry].level in TRUSTED}
    ids = graph.ids(sorted({*same, *(n for group in same.values() for n in group)}))
    found: dict[int, list[Named]] = {}
    for step in about:
        name = ids[step.cause]
        others = same[step.cause]
        believed = [n for n, by in others.items() if step.first in by or by & known]
        found.setdefault(step.effect, []).append(
            Named(
                name,
                tuple(sorted({name, *(ids[n] for n in others)})),
                tuple(sorted({name, *(ids[n] for n in believed)})),
            )
        )
    return Weaknesses(found, entries, cut)


def word(value: object) -> str | None:
    """A text in lower case; None for anything else."""
    return value.lower() if isinstance(value, str) else None

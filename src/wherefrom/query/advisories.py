"""Which advisories in the log affect what is in an artifact, by the versions that its SBOM names.

    part pkg:npm/lodash@4.17.15 ──without version──► pkg:npm/lodash ◄─describes─ claim {ranges}
      └──────────────── compared (osv_ranges) ──────────────────────────────────┘ └► Found

The graph's nodes are the index: one look-up for each package, whatever the log holds. Advisories
are bad news, so they count whoever sent them; that one is taken back, or says less than before, is
good news. So a later version of it stands for an earlier one only if somebody known signed it, or
if the earlier is unsigned and came from the same sender.

Sizes:  LOOKS_MAX looks at each of FEEDS_MAX feeds, the newest · VERSIONS_MAX versions of a package;
        ``claimed`` bounds the rest
Source: docs/formats/osv.md; docs/decisions/0043
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import Refused
from wherefrom.formats import batch, claims, ecosystems, embedded, feed, osv, strict_json
from wherefrom.formats.osv_ranges import Match, match_of
from wherefrom.query.claimed import (
    ADVISORY,
    STEPS_MAX,
    TRUSTED,
    About,
    Found,
    Inside,
    Named,
    Parts,
    inside_of,
    is_by_version,
    signed_of,
    vulnerabilities_of,
    word,
)
from wherefrom.query.clocks import happened
from wherefrom.query.evidence import Walked
from wherefrom.query.statements import statement_in
from wherefrom.query.summary import Summary, summaries
from wherefrom.views.graph import Judgement, Lens, Snapshot, Step
from wherefrom.views.graph.schema import RELATION_NUMBERS

FEEDS_MAX: Final = 100
LOOKS_MAX: Final = 50
VERSIONS_MAX: Final = 10_000
_SPECIALIZES: Final = RELATION_NUMBERS["specializes"]
_PLACE: Final = re.compile(r"affected\[([0-9]{1,5})\]")
Content = Callable[[int], bytes | None]
Producer = Callable[[int], str | None]


class Package(msgspec.Struct, frozen=True):
    """A package in an artifact: its id, what feeds may speak of it (``ecosystems.family_of``), and
    the entry that first said so."""

    id: str
    family: str
    since: int


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A look at a feed, as a record of it says; ``said`` when."""

    feed: str
    said: str
    documents: int
    covers: tuple[str, ...]
    size: int
    complete: bool
    entry: int
    trust: str
    signers: tuple[str, ...]
    identity: str | None
    issuer: str | None


class _Version(NamedTuple):
    """One version of an advisory: its record, and when it was changed, as the graph has it."""

    document: str
    modified: str
    by: Judgement


class _Met(NamedTuple):
    """A claim about a package of the artifact that affects it; ``match`` is None where only its
    record can tell."""

    claim: int
    entry: int
    package: Inside
    version: str | None
    match: Match | None


class _Candidate(NamedTuple):
    """The same, with all that is to be told of it."""

    part: str | None
    met: _Met
    claim: str
    properties: Mapping[str, Any]
    named: list[Named]
    by: Judgement


class Advised(NamedTuple):
    """What may affect an artifact, found without reading a record: see ``found_in``."""

    candidates: Collection[_Candidate] = ()
    own: Mapping[str, _Version] = {}
    others: Mapping[str, list[_Version]] = {}
    packages: list[Package] = []
    nodes: frozenset[int] = frozenset()
    entries: frozenset[int] = frozenset()
    truncated: bool = False


def advised(
    graph: Snapshot, lens: Lens, names: Collection[int], parts: Parts, looked: About
) -> Advised:
    """The advisories about packages of an artifact, without those that surely do not affect it."""
    by_version = {n: s for n, s in looked.said.items() if is_by_version(s)}
    packages = [
        Package(looked.ids[one.number], ecosystems.family_of(one.purl),
                parts.since[one.number] if one.number in parts.since
                else min(graph.entries_of(one.number, lens, 1), default=0))
        for one in looked.inside
    ]  # fmt: skip
    feeds = frozenset(number for _, number in graph.ids_from(feed.NODE, FEEDS_MAX))
    if not by_version:
        return Advised(packages=packages, nodes=feeds)
    met = [
        found
        for step in looked.steps
        if step.effect in by_version
        for one, version in looked.general.get(step.cause, ())
        if (found := _met(step, by_version[step.effect], one, version)) is not None
    ]
    claims = sorted({one.claim for one in met})
    ids = graph.ids(claims)
    named = vulnerabilities_of(graph, lens, claims).named
    judged = graph.judgements({one.entry for one in met}, lens)
    candidates = [
        _Candidate(
            part=None if one.package.number in names else looked.ids[one.package.number],
            met=one,
            claim=ids[one.claim],
            properties=by_version[one.claim].properties,
            named=named.get(one.claim, []),
            by=judged[one.entry],
        )
        for one in met
    ]
    versions = _versions(graph, lens, {_document(one.claim) for one in candidates})
    return Advised(
        candidates=candidates,
        own=versions.own,
        others=versions.others,
        packages=packages,
        nodes=frozenset({*by_version, *versions.nodes, *feeds}),
        entries=frozenset({*judged, *versions.entries}),
        truncated=versions.truncated,
    )


def found_in(looked: Advised, content: Content, producer: Producer) -> list[Found]:
    """Which of these advisories do affect the artifact.

    content   what a record holds; ``producer`` who sent it, as its entry says
    """
    found: dict[Found, None] = {}
    counts: dict[str, bool] = {}
    for one in looked.candidates:
        document = _document(one.claim)
        match = one.met.match or _read(one, looked.own.get(document), content)
        if match is None:
            continue
        if document not in counts:
            counts[document] = not _is_past(document, looked, content, producer)
        if counts[document]:
            found |= dict.fromkeys(_found(one, match))
    return list(found)


def versions_met(
    graph: Snapshot, lens: Lens, claims: Mapping[int, Summary], ties: Iterable[Walked]
) -> list[int]:
    """The versions in the log, by number, of packages that ``claims`` of advisories affect.

    ties  from claims to what they describe
    """
    by_version = {n: s for n, s in claims.items() if is_by_version(s)}
    steps = [tie.step for tie in ties if tie.step.effect in by_version]
    ids = graph.ids(sorted({step.cause for step in steps}))
    found: dict[int, None] = {}
    for step in steps:
        for id, number in graph.ids_from(f"{ids[step.cause]}@", VERSIONS_MAX):
            one = inside_of(number, id, Summary("package", None, {}))
            version = None if one is None else one.names[0][1]
            if one is not None and _met(step, by_version[step.effect], one, version) is not None:
                found[number] = None
    visible = graph.visible(list(found), lens) if found else set()
    return [number for number in found if number in visible]


def looks_at(graph: Snapshot, lens: Lens, content: Content) -> list[Look]:
    """The newest looks at each feed, as their records say."""
    feeds = [number for _, number in graph.ids_from(feed.NODE, FEEDS_MAX)]
    steps = graph.documents(feeds, lens, each_max=LOOKS_MAX)
    judged = graph.judgements({step.first for step in steps}, lens)
    said = summaries(graph, sorted({step.effect for step in steps}), lens)
    looks = [
        _look(judged[step.first], said.get(step.effect), content)
        for step in steps if judged[step.first].type == feed.PREDICATE_TYPE
    ]  # fmt: skip
    return sorted((one for one in looks if one is not None), key=lambda o: (o.said, o.entry))


def _look(judgement: Judgement, said: Summary | None, content: Content) -> Look | None:
    found = statement_in(content(judgement.entry) or b"")
    if found is None or found[0] != feed.PREDICATE_TYPE:
        return None
    try:
        told = feed.parse(found[1])
    except Refused:  # a newer program took what this one does not
        return None
    by = signed_of(judgement, said)
    return Look(
        feed=told.feed,
        said=min(told.at, happened(judgement)),
        documents=told.documents,
        covers=told.covers,
        size=told.size,
        complete=told.complete,
        entry=judgement.entry,
        trust=judgement.level,
        signers=judgement.signers,
        identity=by.identity,
        issuer=by.issuer,
    )


def _met(step: Step, claim: Summary, one: Inside, version: str | None) -> _Met | None:
    """A claim, unless what stands in the graph of it tells that this version is not affected."""
    said = osv.affected_of(claim.properties)
    match = None
    if said is not None:
        match = _match(said, one, version)
        if match is None:
            return None
    return _Met(step.effect, step.first, one, version, match)


def _match(said: osv.Affected, one: Inside, version: str | None) -> Match | None:
    if not ecosystems.is_of_release(said.ecosystem, one.said):
        return None
    return match_of(said, version, ecosystems.order_of(said.ecosystem, one.purl.type))


def _read(one: _Candidate, own: _Version | None, content: Content) -> Match | None:
    """What the record itself tells, where that did not fit into the graph."""
    document = None if own is None else _osv_in(content(own.by.entry) or b"")
    place = _PLACE.search(one.claim)
    try:
        if document is None or place is None:
            raise IndexError
        said = osv.affected_at(document, int(place[1]))
    except (Refused, IndexError):
        return Match(unsure="its record cannot be read")
    return _match(said, one.met.package, one.met.version)


def _osv_in(written: bytes) -> Mapping[str, Any] | None:
    """The advisory in a record, alone or as the predicate of a statement."""
    try:
        if batch.is_batched(written):
            written = batch.parse(written).record
        document = strict_json.decode(written)
    except Refused:
        return None
    if isinstance(document, dict) and osv.recognises(document):
        return document
    found = statement_in(written)
    carried = None if found is None else found[1].get(embedded.WRAPPED, found[1])
    return carried if isinstance(carried, dict) and osv.recognises(carried) else None


def _found(one: _Candidate, match: Match) -> Iterable[Found]:
    by = one.by
    own = one.properties.get("advisory")
    for name in one.named:
        yield Found(
            vulnerability=name.name,
            names=tuple(sorted({*name.names, *([own] if isinstance(own, str) else [])})),
            known_as=name.known_as,
            status="affected",
            severity=word(one.properties.get("severity")),
            justification=None,
            part=one.part,
            entry=by.entry,
            kind=ADVISORY,
            trust=by.level,
            signers=by.signers,
            identity=None,
            issuer=None,
            said=happened(by),
            fixed=match.fixed,
            unsure=match.unsure,
        )


class _Versions(NamedTuple):
    """Of documents: each itself, and the other versions of its advisory."""

    own: dict[str, _Version]
    others: dict[str, list[_Version]]
    nodes: set[int]
    entries: set[int]
    truncated: bool


def _versions(graph: Snapshot, lens: Lens, documents: Collection[str]) -> _Versions:
    numbers = list(graph.numbers(documents).values())
    up = graph.steps(numbers, lens, up=True, only=_SPECIALIZES, rows_max=STEPS_MAX)
    advisories = {step.cause for step in up}
    down = graph.steps(sorted(advisories), lens, up=False, only=_SPECIALIZES, rows_max=STEPS_MAX)
    said = summaries(graph, sorted({step.effect for step in down}), lens)
    judged = graph.judgements({step.first for step in down}, lens)
    ids = graph.ids(sorted({step.effect for step in down}))
    of: dict[int, list[_Version]] = {}
    own: dict[str, _Version] = {}
    for step in down:
        properties = said[step.effect].properties if step.effect in said else {}
        modified = str(properties.get("modified", ""))
        version = _Version(ids[step.effect], modified, judged[step.first])
        of.setdefault(step.cause, []).append(version)
        own[version.document] = version
    by_id = {ids[step.effect]: step.cause for step in up if step.effect in ids}
    return _Versions(
        own={id: own[id] for id in by_id},
        others={
            id: [one for one in of[number] if one.document != id] for id, number in by_id.items()
        },
        nodes={*advisories, *ids},
        entries=set(judged),
        truncated=len(up) >= STEPS_MAX or len(down) >= STEPS_MAX,
    )


def _is_past(document: str, looked: Advised, content: Content, producer: Producer) -> bool:
    """Whether a later version of an advisory, of those that may say so, stands for this one."""
    own = looked.own.get(document)
    if own is None:
        return False
    first: dict[str, Any] | None = None
    for other in looked.others.get(document, ()):
        if other.modified <= own.modified or not _may_replace(other, own, producer):
            continue
        # The graph only points: what counts is what the records say.
        first = first or _told(own, content)
        second = _told(other, content)
        if first and second and first["id"] == second["id"] and second["at"] > first["at"]:
            return True
    return False


def _may_replace(other: _Version, own: _Version, producer: Producer) -> bool:
    if other.by.level in TRUSTED:
        return True
    sender = producer(own.by.entry)
    return own.by.level not in TRUSTED and sender is not None and sender == producer(other.by.entry)


def _told(one: _Version, content: Content) -> dict[str, Any] | None:
    document = _osv_in(content(one.by.entry) or b"")
    if document is None:
        return None
    try:
        embedded_at = osv.modified_of(document)
    except Refused:
        return None
    return {"id": claims.vulnerability_id(str(document["id"])), "at": embedded_at}


def _document(claim: str) -> str:
    return claim.partition("#")[0]

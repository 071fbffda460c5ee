"""All that is recorded of one artifact which a policy may ask about, each piece with its record.

    artifact ── names (trusted links only) ──► documents that describe it ──content──► Evidence
       └─────── upstream ──► what it came from, with what is said of that       └ claims ──► Found

An image index vouches for its platforms, and one name of a thing for another, but only by the word
of somebody known: a stranger's "this is in that" must not lend it another's papers. Such links are
told with their entries, and whoever decides names them as part of the reason.

What a record says is read out of its content, not out of the graph: a policy gets the predicate as
it was signed. What is erased says nothing. Before any content is read, ``survey`` tells everything
that the answer hangs on, and ``touched`` whether the log has said more of that since.

Sizes:  NAMES_MAX names · EVIDENCE_MAX records, the newest · UPSTREAM_MAX things upstream; what is
        passed is told (``truncated``), and whoever decides must take it for a no; of the log's own
        summaries the newest SUMMARIES_MAX
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import NotFound
from wherefrom.formats import approval, digests, exception, release, slsa
from wherefrom.formats.claims import STATUSES
from wherefrom.formats.heard import kinds_of_type
from wherefrom.query.answers import LogPosition, log_of
from wherefrom.query.clocks import happened
from wherefrom.query.resolve import resolve
from wherefrom.query.statements import statement_in
from wherefrom.query.summary import IDENTITY_IS, Summary, summaries
from wherefrom.query.walk import Bounds, Walk
from wherefrom.views.graph import Judgement, Lens, Snapshot, Step
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS, DESCRIBES, RELATION_NUMBERS

NAMES_MAX: Final = 200
EVIDENCE_MAX: Final = 2_000
SUMMARIES_MAX: Final = 200
UPSTREAM_MAX: Final = 5_000
CLAIMS_MAX: Final = 20_000
DEPTH_MAX: Final = 30
SECONDS_MAX: Final = 5.0
TRUSTED: Final = frozenset({"signed", "keyless", "batch", "self"})
_PARTS: Final = (CONTAINS, RELATION_NUMBERS["depends_on"])
_TOUCHES_MAX: Final = 200
# Entries that say where something is and what happens there, not what it is.
_NO_EVIDENCE: Final = frozenset(
    {"change", "observation", "incident", "access", "refusals", "gap", "policy"}
)
_HAPPENINGS: Final = ("dev.cdevents.service.", "dev.cdevents.incident.")
Content = Callable[[int], bytes | None]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One record about the artifact.

    kind       ``provenance``, ``sbom``, ``scan``, ``vex``, ``test``, ``vsa``, ``release``,
               ``approval``, ``exception`` or ``other``
    document   ``sha256:`` of its bytes
    of         the name of the artifact that it describes; ``links`` the entries by which that is
               a name of the artifact, none for itself
    identity   of a keyless signature that a trusted root proves, with its ``issuer``
    said       when, not after it was received
    predicate  as it was signed; None of what is no statement, or erased
    properties what the graph knows of the document
    """

    entry: int
    document: str
    kind: str
    type: str
    trust: str
    signers: tuple[str, ...]
    identity: str | None
    issuer: str | None
    said: str
    of: str
    links: tuple[int, ...]
    predicate: dict[str, Any] | None
    properties: dict[str, Any]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What one record claims of one vulnerability in the artifact, or ``within`` it in a part.

    status    of ``claims.STATUSES``; None of a scanner, which lists and does not judge
    severity  ``critical``, ``high``, ``medium``, ``low`` or None, as that record says
    """

    vulnerability: str
    names: tuple[str, ...]
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


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the artifact came from, with what is said of it."""

    id: str
    kind: str
    name: str | None
    properties: dict[str, Any]
    entries: tuple[int, ...]


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """Of one artifact, as of one log size. ``truncated`` if something was left out.

    name   what it is called, if anything calls it
    names  all ids that are it, with the wholes that it is a part of
    """

    artifact: str
    name: str | None
    names: tuple[str, ...]
    log: LogPosition
    as_of: int
    evidence: list[Evidence]
    found: list[Found]
    upstream: list[Upstream]
    truncated: bool

    def of_kind(self, kind: str) -> list[Evidence]:
        """The records of one kind, newest first."""
        return [one for one in self.evidence if one.kind == kind]


class _Signed(NamedTuple):
    """How far a record is believed, and as whose."""

    judgement: Judgement
    identity: str | None
    issuer: str | None


class Survey(NamedTuple):
    """What a dossier hangs on, by number: found without reading a record.

    start      the artifact's node, None for a digest that nothing was ever said of
    links      its names, each with the entries that say so
    documents  each by its node: its entry, and which name it describes
    nodes      all that were looked at; ``entries`` all that anything rests on
    within     those of ``nodes`` that are parts of it, or say or name what is wrong with them
    above      those that are upstream; ``beside`` those of ``links`` that only concern it
    """

    artifact: str
    start: int | None
    links: dict[int, tuple[int, ...]]
    documents: dict[int, tuple[int, int]]
    signed: dict[int, _Signed]
    said: dict[int, Summary]
    found: list[Found]
    upstream: list[Upstream]
    nodes: frozenset[int]
    entries: frozenset[int]
    truncated: bool
    within: frozenset[int] = frozenset()
    above: frozenset[int] = frozenset()
    beside: frozenset[int] = frozenset()

    @property
    def names(self) -> list[int]:
        """Those of ``links`` that are it, or what it is a part of."""
        return [number for number in self.links if number not in self.beside]


def survey(
    graph: Snapshot, lens: Lens, artifact: str, *, also: Collection[str] = (), own: str = ""
) -> Survey:
    """Look at ``artifact``, an id, a name or a tag; a digest may be unknown.

    also  ids of what else documents may be about that concern it: the policy it is judged by
    own   the key that signs this log's own summaries, of which the newest are enough

    Raises NotFound, Ambiguous.
    """
    try:
        (match, *_) = resolve(graph, artifact, as_of=lens.as_of)
    except NotFound:
        algorithm, _, digits = artifact.partition(":")
        id = digests.strong_id(algorithm, digits)
        if id is None:
            raise
        return Survey(id, None, {}, {}, {}, {}, [], [], frozenset(), frozenset(), False)
    start = graph.numbers([match.id])[match.id]
    links, not_believed, too_many = _names(graph, lens, start)
    beside = dict.fromkeys(graph.numbers(also).values(), ())
    documents = _documents(graph, lens, {**beside, **links})
    judged = graph.judgements({entry for entry, _ in documents.values()}, lens)
    said = summaries(graph, sorted({*documents, start}), lens)
    signed = {
        number: _signed(judged[entry], said.get(number))
        for number, (entry, _) in documents.items()
        if entry in judged
    }
    for number in _older_summaries(signed, documents, own=own):
        del signed[number]
    claims = _claims(graph, lens, links, signed, documents)
    upstream = _upstream(graph, lens, links)
    return Survey(
        artifact=match.id,
        start=start,
        links={**beside, **links},
        documents=documents,
        signed=signed,
        said=said,
        found=claims.found,
        upstream=upstream.things,
        nodes=frozenset({*links, *beside, *documents, *claims.nodes, *upstream.nodes}),
        entries=frozenset(
            {
                *judged,
                *not_believed,
                *(entry for entries in links.values() for entry in entries),
                *(one.entry for one in claims.found),
                *upstream.entries,
            }
        ),
        truncated=(
            too_many or len(signed) > EVIDENCE_MAX or claims.truncated or upstream.truncated
        ),
        within=frozenset(claims.nodes),
        above=frozenset(upstream.nodes),
        beside=frozenset(beside) - frozenset(links),
    )


def _older_summaries(
    signed: Mapping[int, _Signed], documents: Mapping[int, tuple[int, int]], *, own: str
) -> list[int]:
    """Summaries by this log that newer ones of its own stand for: each was renewed at its end."""
    ours = [n for n, one in signed.items()
            if slsa.is_vsa(one.judgement.type) and own in one.judgement.signers]  # fmt: skip
    return sorted(ours, key=lambda n: documents[n][0], reverse=True)[SUMMARIES_MAX:]


def dossier(graph: Snapshot, lens: Lens, looked: Survey, content: Content) -> Dossier:
    """What is recorded of what was looked at, read out of the records."""
    newest = sorted(looked.signed, key=lambda n: looked.documents[n][0], reverse=True)
    ids = graph.ids(sorted({*looked.links, *looked.documents}))
    own = looked.said.get(looked.start) if looked.start is not None else None
    return Dossier(
        artifact=looked.artifact,
        name=None if own is None else own.name,
        names=tuple(sorted(ids[n] for n in looked.names)) or (looked.artifact,),
        log=log_of(graph),
        as_of=lens.as_of,
        evidence=[_evidence(n, looked, ids, content) for n in newest[:EVIDENCE_MAX]],
        found=looked.found,
        upstream=looked.upstream,
        truncated=looked.truncated,
    )


def touched(graph: Snapshot, looked: Survey, *, since: int, used: Iterable[int], own: str) -> bool:
    """Whether the log has said more of what was looked at in entries from ``since`` on.

    used  the entries that the answer rested on: one that is erased is looked at no more
    own   the key that signs this log's own summaries: those change nothing

    Where something runs and what happens there is no evidence about it; what cannot be told apart
    in time counts as more.
    """
    if graph.judged_since({*looked.entries, *used}, since):
        return True
    entries = graph.mentioned_since(looked.nodes, since, rows_max=_TOUCHES_MAX)
    if len(entries) >= _TOUCHES_MAX:
        return True
    judged = graph.judgements(entries, graph.lens())
    return any(is_evidence(one, own=own) for one in judged.values())


def is_evidence(one: Judgement, *, own: str) -> bool:
    """Whether a record may change what a policy says of anything. ``own`` as in ``touched``."""
    return (
        one.kind not in _NO_EVIDENCE
        and not one.type.startswith(_HAPPENINGS)
        and not (slsa.is_vsa(one.type) and own in one.signers)
    )


def _names(
    graph: Snapshot, lens: Lens, start: int
) -> tuple[dict[int, tuple[int, ...]], set[int], bool]:
    """Names of the artifact and wholes it is a part of, each with the entries that say so; entries
    that say it and are not believed; and whether there were too many."""
    names: dict[int, tuple[int, ...]] = {start: ()}
    not_believed: set[int] = set()
    fresh = [start]
    while fresh and len(names) < NAMES_MAX:
        ways: list[tuple[int, int, int]] = []  # from, to, by which entry
        for up in (True, False):
            for step in graph.steps(fresh, lens, up=up, only=ALTERNATE, rows_max=NAMES_MAX):
                here, there = (step.effect, step.cause) if up else (step.cause, step.effect)
                ways.append((here, there, step.first))
        kinds = summaries(graph, fresh, lens)
        images = [n for n in fresh if n in kinds and kinds[n].kind in ("image", "artifact")]
        for step in graph.steps(images, lens, up=False, only=CONTAINS, rows_max=NAMES_MAX):
            ways.append((step.cause, step.effect, step.first))
        believed = graph.judgements({entry for *_, entry in ways}, lens)
        wholes = summaries(graph, sorted({there for _, there, _ in ways}), lens)
        fresh = []
        for here, there, entry in ways:
            if entry not in believed or believed[entry].level not in TRUSTED:
                not_believed.add(entry)
                continue
            if there in names:
                continue
            if there in wholes and wholes[there].kind in ("image", "artifact", "package", "model"):
                names[there] = (*names[here], entry)
                fresh.append(there)
    return names, not_believed, len(names) >= NAMES_MAX


def _documents(graph: Snapshot, lens: Lens, names: Collection[int]) -> dict[int, tuple[int, int]]:
    """Documents that describe one of ``names``: by which entry, and which of them."""
    found: dict[int, tuple[int, int]] = {}
    for step in graph.steps(sorted(names), lens, up=False, only=DESCRIBES, rows_max=CLAIMS_MAX):
        found.setdefault(step.effect, (step.first, step.cause))
    return found


def _signed(judgement: Judgement, said: Summary | None) -> _Signed:
    properties = said.properties if said is not None else {}
    if properties.get(IDENTITY_IS) != "verified":
        return _Signed(judgement, None, None)
    identity, issuer = properties.get("identity"), properties.get("issuer")
    return _Signed(
        judgement,
        identity if isinstance(identity, str) else None,
        issuer if isinstance(issuer, str) else None,
    )


def _evidence(number: int, looked: Survey, ids: dict[int, str], content: Content) -> Evidence:
    entry, of = looked.documents[number]
    signed = looked.signed[number]
    judgement = signed.judgement
    written = content(entry)
    statement = None if written is None else statement_in(written)
    type = judgement.type if statement is None else statement[0]
    return Evidence(
        entry=entry,
        document=ids[number],
        kind=_kind(type, judgement.kind),
        type=type,
        trust=judgement.level,
        signers=judgement.signers,
        identity=signed.identity,
        issuer=signed.issuer,
        said=happened(judgement),
        of=ids[of],
        links=looked.links[of],
        predicate=None if statement is None else statement[1],
        properties=looked.said[number].properties,
    )


def _kind(type: str, kind_of_entry: str) -> str:
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


class _Claims(NamedTuple):
    """What is claimed, the nodes that it was looked for at, and whether that was cut short."""

    found: list[Found]
    nodes: set[int]
    truncated: bool


def _claims(
    graph: Snapshot,
    lens: Lens,
    names: Collection[int],
    signed: dict[int, _Signed],
    documents: dict[int, tuple[int, int]],
) -> _Claims:
    """What documents claim of vulnerabilities in the artifact, and in its parts within it."""
    parts = _parts(graph, lens, names)
    about = graph.steps(
        sorted({*names, *parts}), lens, up=False, only=DESCRIBES, rows_max=CLAIMS_MAX
    )
    said = summaries(graph, sorted({step.effect for step in about}), lens)
    claims = {n: s for n, s in said.items() if s.kind == "claim"}
    ids = graph.ids(sorted({*names, *parts, *claims}))
    own = frozenset(ids[n] for n in names)
    ties = {n: [s for s in about if s.effect == n] for n in claims}
    vulnerabilities = _vulnerabilities(graph, lens, claims)
    judged = graph.judgements({step.first for step in about if step.effect in claims}, lens)
    by_entry = {documents[n][0]: one for n, one in signed.items()}
    found = []
    for number, claim in sorted(claims.items()):
        on = any(step.cause in names for step in ties[number])
        some = (s for s in ties[number] if s.cause in parts and s.cause not in names)
        part = next((s for s in some if on or own & products_of(graph, s, own)), None)
        if not on and part is None:
            continue
        entry = ties[number][0].first
        judgement = judged[entry]
        one = by_entry.get(entry) or _Signed(judgement, None, None)
        status = claim.properties.get("status")
        for name, others in vulnerabilities.get(number, ()):
            found.append(
                Found(
                    vulnerability=name,
                    names=others,
                    status=status if status in STATUSES else None,
                    severity=_word(claim.properties.get("severity")),
                    justification=_word(claim.properties.get("justification")),
                    part=None if part is None else ids[part.cause],
                    entry=entry,
                    kind=_kind(judgement.type, judgement.kind),
                    trust=judgement.level,
                    signers=judgement.signers,
                    identity=one.identity,
                    issuer=one.issuer,
                    said=happened(judgement),
                )
            )
    weak = graph.numbers({name for one in found for name in one.names}).values()
    return _Claims(found, {*parts, *claims, *weak}, len(about) >= CLAIMS_MAX)


def products_of(graph: Snapshot, step: Step, own: frozenset[str]) -> frozenset[str]:
    """In which products a claim is about a part; in ``own``, wherever that is, if in any."""
    properties = graph.edge_properties(step, step.first)
    within = msgspec.json.decode(properties).get("within") if properties else None
    return frozenset(within) if isinstance(within, list) and within else own


def _parts(graph: Snapshot, lens: Lens, names: Collection[int]) -> set[int]:
    parts, fresh = set(names), set(names)
    for _ in range(DEPTH_MAX):
        if not fresh or len(parts) > CLAIMS_MAX:
            break
        found: set[int] = set()
        for relation in _PARTS:
            steps = graph.steps(sorted(fresh), lens, up=True, only=relation, rows_max=CLAIMS_MAX)
            found |= {step.cause for step in steps}
        fresh = found - parts
        parts |= fresh
    return parts - set(names)


def _vulnerabilities(
    graph: Snapshot, lens: Lens, claims: Collection[int]
) -> dict[int, list[tuple[str, tuple[str, ...]]]]:
    """Of each claim the vulnerabilities it is about, each with all its names."""
    steps = graph.steps(sorted(claims), lens, up=True, only=DESCRIBES, rows_max=CLAIMS_MAX)
    kinds = summaries(graph, sorted({step.cause for step in steps}), lens)
    about = [s for s in steps if s.cause in kinds and kinds[s.cause].kind == "vulnerability"]
    same: dict[int, set[int]] = {step.cause: {step.cause} for step in about}
    for up in (True, False):
        for step in graph.steps(sorted(same), lens, up=up, only=ALTERNATE, rows_max=CLAIMS_MAX):
            here, there = (step.effect, step.cause) if up else (step.cause, step.effect)
            same[here].add(there)
    ids = graph.ids(sorted({n for group in same.values() for n in group}))
    found: dict[int, list[tuple[str, tuple[str, ...]]]] = {}
    for step in about:
        names = tuple(sorted(ids[n] for n in same[step.cause]))
        found.setdefault(step.effect, []).append((ids[step.cause], names))
    return found


class _Walked(NamedTuple):
    """What is upstream, the nodes and entries that say so, and whether the walk was cut short."""

    things: list[Upstream]
    nodes: set[int]
    entries: set[int]
    truncated: bool


def _upstream(graph: Snapshot, lens: Lens, names: Iterable[int]) -> _Walked:
    walk = Walk(
        graph, lens, sorted(names), up=True,
        bounds=Bounds(depth_max=DEPTH_MAX, nodes_max=UPSTREAM_MAX, seconds_max=SECONDS_MAX),
    )  # fmt: skip
    walk.run()
    numbers = [n for n in walk.depths if n not in walk.starts]
    said = summaries(graph, sorted(numbers), lens)
    ids = graph.ids(sorted(numbers))
    by = {step.cause: step.first for step, _ in walk.edges.values()}
    things = list(_things(numbers, said, ids, by))
    return _Walked(things, set(walk.depths), set(by.values()), walk.reason is not None)


def _things(
    numbers: Iterable[int],
    said: dict[int, Summary],
    ids: dict[int, str],
    by: dict[int, int],
) -> Iterator[Upstream]:
    for number in sorted(numbers):
        if number in said:
            kind, name, properties = said[number]
            entries = (by[number],) if number in by else ()
            yield Upstream(
                id=ids[number], kind=kind, name=name, properties=properties, entries=entries
            )


def _word(value: object) -> str | None:
    return value.lower() if isinstance(value, str) else None

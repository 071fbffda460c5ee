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
        passed is told (``truncated``), and whoever decides must take it for a no
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import NotFound
from wherefrom.formats import digests, feed, slsa
from wherefrom.query.advisories import (
    Advised,
    Content,
    Look,
    Package,
    Producer,
    advised,
    found_in,
    looks_at,
)
from wherefrom.query.answers import LogPosition, log_of
from wherefrom.query.claimed import (
    BOM_LINK,
    CLAIMS_MAX,
    DEPTH_MAX,
    Signed,
    about,
    claims_of,
    is_claim,
    kind_of,
    parts_of,
    signed_of,
)
from wherefrom.query.claimed import TRUSTED as TRUSTED
from wherefrom.query.claimed import Found as Found
from wherefrom.query.clocks import happened
from wherefrom.query.resolve import resolve
from wherefrom.query.statements import statement_in
from wherefrom.query.summary import Summary, summaries
from wherefrom.query.walk import Bounds, Walk
from wherefrom.views.graph import Lens, Snapshot
from wherefrom.views.graph.schema import ALTERNATE, CONTAINS, DESCRIBES

NAMES_MAX: Final = 200
EVIDENCE_MAX: Final = 2_000
UPSTREAM_MAX: Final = 5_000
SECONDS_MAX: Final = 5.0
_TOUCHES_MAX: Final = 200
# Entries that say where something is and what happens there, not what it is.
_NO_EVIDENCE: Final = frozenset(
    {"change", "observation", "incident", "access", "refusals", "gap", "policy"}
)
_HAPPENINGS: Final = ("dev.cdevents.service.", "dev.cdevents.incident.")


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
    packages  what is in it that advisories may be about; ``looks`` the last at each feed of them
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
    packages: list[Package] = []
    looks: list[Look] = []

    def of_kind(self, kind: str) -> list[Evidence]:
        """The records of one kind, newest first."""
        return [one for one in self.evidence if one.kind == kind]


class Survey(NamedTuple):
    """What a dossier hangs on, by number: found without reading a record.

    start      the artifact's node, None for a digest that nothing was ever said of
    links      its names, each with the entries that say so
    documents  each by its node: its entry, and which name it describes
    nodes      all that were looked at; ``entries`` all that anything rests on
    """

    artifact: str
    start: int | None
    links: dict[int, tuple[int, ...]]
    documents: dict[int, tuple[int, int]]
    signed: dict[int, Signed]
    said: dict[int, Summary]
    found: list[Found]
    advised: Advised
    upstream: list[Upstream]
    nodes: frozenset[int]
    entries: frozenset[int]
    truncated: bool


def survey(graph: Snapshot, lens: Lens, artifact: str, *, also: Collection[str] = ()) -> Survey:
    """Look at ``artifact``, an id, a name or a tag; a digest may be unknown.

    also  ids of what else documents may be about that concern it: the policy it is judged by

    Raises NotFound, Ambiguous.
    """
    try:
        (match, *_) = resolve(graph, artifact, as_of=lens.as_of)
    except NotFound:
        algorithm, _, digits = artifact.partition(":")
        id = digests.strong_id(algorithm, digits)
        if id is None:
            raise
        return Survey(id, None, {}, {}, {}, {}, [], Advised(), [], frozenset(), frozenset(), False)
    start = graph.numbers([match.id])[match.id]
    links, too_many = _names(graph, lens, start)
    beside = dict.fromkeys(graph.numbers(also).values(), ())
    documents = _documents(graph, lens, {**beside, **links})
    judged = graph.judgements({entry for entry, _ in documents.values()}, lens)
    said = summaries(graph, sorted({*documents, start}), lens)
    signed = {
        number: signed_of(judged[entry], said.get(number))
        for number, (entry, _) in documents.items()
        if entry in judged
    }
    parts = parts_of(graph, lens, links)
    # A claim in a document may describe the artifact too, which says not who signed it.
    by_entry = {
        documents[number][0]: one
        for number, one in signed.items()
        if number not in said or not is_claim(said[number])
    }
    said_of = about(graph, lens, links, parts)
    claims = claims_of(graph, lens, links, said_of, by_entry, documents)
    advisories = advised(graph, lens, links, parts, said_of)
    upstream = _upstream(graph, lens, links)
    return Survey(
        artifact=match.id,
        start=start,
        links={**beside, **links},
        documents=documents,
        signed=signed,
        said=said,
        found=claims.found,
        advised=advisories,
        upstream=upstream.things,
        nodes=frozenset(
            {*links, *beside, *documents, *claims.nodes, *advisories.nodes, *upstream.nodes}
        ),
        entries=frozenset(
            {
                *judged,
                *(entry for entries in links.values() for entry in entries),
                *(one.entry for one in claims.found),
                *advisories.entries,
                *upstream.entries,
            }
        ),
        truncated=(
            too_many
            or len(signed) > EVIDENCE_MAX
            or claims.truncated
            or advisories.truncated
            or upstream.truncated
        ),
    )


def dossier(
    graph: Snapshot,
    lens: Lens,
    looked: Survey,
    content: Content,
    producer: Producer = lambda _: None,
) -> Dossier:
    """What is recorded of what was looked at, read out of the records.

    content   what a record holds; ``producer`` who sent it, as its entry says
    """
    newest = sorted(looked.signed, key=lambda n: looked.documents[n][0], reverse=True)
    ids = graph.ids(sorted({*looked.links, *looked.documents}))
    own = looked.said.get(looked.start) if looked.start is not None else None
    return Dossier(
        artifact=looked.artifact,
        name=None if own is None else own.name,
        names=tuple(sorted(ids[n] for n in looked.links)) or (looked.artifact,),
        log=log_of(graph),
        as_of=lens.as_of,
        evidence=[_evidence(n, looked, ids, content) for n in newest[:EVIDENCE_MAX]],
        found=[*looked.found, *found_in(looked.advised, content, producer)],
        upstream=looked.upstream,
        packages=looked.advised.packages,
        looks=looks_at(graph, lens, content),
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
    return any(
        (one.kind not in _NO_EVIDENCE or one.type == feed.PREDICATE_TYPE)
        and not one.type.startswith(_HAPPENINGS)
        and not (slsa.is_vsa(one.type) and own in one.signers)
        for one in judged.values()
    )


def _names(graph: Snapshot, lens: Lens, start: int) -> tuple[dict[int, tuple[int, ...]], bool]:
    """Names of the artifact and wholes it is a part of, each with the entries that say so."""
    names: dict[int, tuple[int, ...]] = {start: ()}
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
        ids = graph.ids(sorted(wholes))
        bom_links = {n for n in wholes if ids[n].startswith(BOM_LINK)}
        fresh = []
        for here, there, entry in ways:
            if there in names or entry not in believed or believed[entry].level not in TRUSTED:
                continue
            if there in wholes and wholes[there].kind in ("image", "artifact", "package", "model"):
                names[there] = (*names[here], entry)
                fresh.append(there)
            elif there in bom_links:  # it names one thing in one document, and leads no further
                names[there] = (*names[here], entry)
    return names, len(names) >= NAMES_MAX


def _documents(graph: Snapshot, lens: Lens, names: Collection[int]) -> dict[int, tuple[int, int]]:
    """Documents that describe one of ``names``: by which entry, and which of them."""
    found: dict[int, tuple[int, int]] = {}
    for step in graph.steps(sorted(names), lens, up=False, only=DESCRIBES, rows_max=CLAIMS_MAX):
        found.setdefault(step.effect, (step.first, step.cause))
    return found


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
        kind=kind_of(type, judgement.kind),
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

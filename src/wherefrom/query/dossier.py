"""All that is recorded of one artifact which a policy may ask about, each piece with its record.

    artifact ── names (trusted links only) ──► documents that describe it ──content──► Evidence
       └─────── upstream ──► what it came from, with what is said of that       └ claims ──► Found

An image index vouches for its platforms, and one name of a thing for another, but only by the word
of somebody known: a stranger's "this is in that" must not lend it another's papers. Such links are
told with their entries, and whoever decides names them as part of the reason.

What a record says is read out of its content, not out of the graph: a policy gets the predicate as
it was signed. What is erased says nothing. Before any content is read, ``survey`` tells everything
that the answer hangs on, and ``touched`` whether the log has said more of that since.

Sizes:  EVIDENCE_MAX records, the newest · CLAIMS_MAX claims and parts; what is passed is told
        (``truncated``), and whoever decides must take it for a no; of the log's own summaries the
        newest SUMMARIES_MAX
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom.errors import NotFound
from wherefrom.formats import digests, exception, feed, slsa
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
    CLAIMS_MAX,
    Signed,
    about,
    bom_links_of,
    claims_of,
    is_claim,
    kind_of,
    parts_of,
    signed_of,
)
from wherefrom.query.claimed import Found as Found
from wherefrom.query.clocks import happened
from wherefrom.query.resolve import resolve
from wherefrom.query.same import REPEATS_MAX, TRUSTED, Same, names_of
from wherefrom.query.statements import statement_in
from wherefrom.query.summary import Summary, summaries
from wherefrom.query.upstream import Upstream, upstream_of
from wherefrom.query.words import word_of
from wherefrom.views.graph import Judgement, Lens, Snapshot, Step
from wherefrom.views.graph.schema import DESCRIBES

EVIDENCE_MAX: Final = 2_000
SUMMARIES_MAX: Final = 200
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
    said       when, not after it was received; of what was sent again, when it was said first
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


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """Of one artifact, as of one log size. ``truncated`` if something was left out that somebody
    known says; ``strangers_cut`` if anything was.

    name     what it is called, if anything calls it
    names    all ids that are it, with the image indexes that it is a platform of
    digests  those of ``names`` that are digests of the artifact itself
    packages what is in it that advisories may be about; ``looks`` the last at each feed of them
    """

    artifact: str
    name: str | None
    names: tuple[str, ...]
    digests: tuple[str, ...]
    log: LogPosition
    as_of: int
    evidence: list[Evidence]
    found: list[Found]
    upstream: list[Upstream]
    truncated: bool
    strangers_cut: bool = False
    packages: list[Package] = []
    looks: list[Look] = []

    def of_kind(self, kind: str) -> list[Evidence]:
        """The records of one kind, newest first."""
        return [one for one in self.evidence if one.kind == kind]


class Survey(NamedTuple):
    """What a dossier hangs on, by number: found without reading a record.

    start      the artifact's node, None for a digest that nothing was ever said of
    digests    what names the artifact itself
    names      its names by number, with the image indexes that it is a platform of
    links      those, each with the entries that say so; and what else documents are about
    documents  each by its node: its entry, and which name it describes
    nodes      all that were looked at; ``entries`` all that anything rests on
    within     those of ``nodes`` that are parts of it, or say or name what is wrong with them;
               ``above`` those that are upstream
    """

    artifact: str
    start: int | None
    digests: tuple[str, ...]
    names: frozenset[int]
    links: dict[int, tuple[int, ...]]
    documents: dict[int, tuple[int, int]]
    signed: dict[int, Signed]
    said: dict[int, Summary]
    found: list[Found]
    advised: Advised
    upstream: list[Upstream]
    nodes: frozenset[int]
    entries: frozenset[int]
    within: frozenset[int]
    above: frozenset[int]
    truncated: bool


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
        id = digests.strong_id_in(artifact)
        if id is None:
            raise
        start, same = None, Same({}, frozenset(), (id,))
    else:
        id = match.id
        start = graph.numbers([id])[id]
        same = names_of(graph, lens, start)
    links = same.links
    documents, too_many = documents_about(graph, lens, links)
    judged = graph.judgements({entry for entry, _ in documents.values()}, lens)
    # Who approved the policy has not approved what it judges: of that only exceptions count.
    beside = dict.fromkeys(graph.numbers(also).values(), ())
    others, too_many_others = documents_about(graph, lens, beside)
    judged_others = graph.judgements({entry for entry, _ in others.values()}, lens)
    for number, (entry, of) in others.items():
        if entry in judged_others and judged_others[entry].type == exception.PREDICATE_TYPE:
            documents.setdefault(number, (entry, of))
            judged[entry] = judged_others[entry]
    said = summaries(graph, sorted({*documents, *links}), lens)
    signed = {
        number: signed_of(judged[entry], said.get(number))
        for number, (entry, _) in documents.items()
        if entry in judged
    }
    for number in _older_summaries(signed, documents, own=own):
        del signed[number]
    parts = parts_of(graph, lens, links)
    # A claim in a document may describe the artifact too, which says not who signed it.
    by_entry = {
        documents[number][0]: one
        for number, one in signed.items()
        if number not in said or not is_claim(said[number])
    }
    called = {*links, *bom_links_of(graph, lens, links)}
    said_of = about(graph, lens, called, parts)
    claims = claims_of(graph, lens, called, said_of, by_entry, documents)
    advisories = advised(graph, lens, called, parts, said_of)
    upstream = upstream_of(graph, lens, links)
    return Survey(
        artifact=id,
        start=start,
        digests=same.digests,
        names=frozenset(links),
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
                *same.doubted,
                *(entry for entries in links.values() for entry in entries),
                *(one.entry for one in claims.found),
                *claims.entries,
                *advisories.entries,
                *upstream.entries,
            }
        ),
        within=frozenset({*claims.nodes, *advisories.nodes}),
        above=frozenset(upstream.nodes),
        truncated=(
            same.truncated
            or too_many
            or too_many_others
            or sum(one.judgement.level in TRUSTED for one in signed.values()) > EVIDENCE_MAX
            or claims.truncated
            or advisories.truncated
            or upstream.truncated
        ),
    )


def _older_summaries(
    signed: Mapping[int, Signed], documents: Mapping[int, tuple[int, int]], *, own: str
) -> list[int]:
    """Summaries by this log that newer ones of its own stand for: each was renewed at its end."""
    ours = [
        n
        for n, one in signed.items()
        if slsa.is_vsa(one.judgement.type) and own in one.judgement.signers
    ]
    return sorted(ours, key=lambda n: documents[n][0], reverse=True)[SUMMARIES_MAX:]


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
    # The word of those who are known first: a stranger who says much must not drown it.
    first = sorted(
        looked.signed,
        key=lambda n: (looked.signed[n].judgement.level in TRUSTED, looked.documents[n][0]),
        reverse=True,
    )
    newest = sorted(first[:EVIDENCE_MAX], key=lambda n: looked.documents[n][0], reverse=True)
    ids = graph.ids(sorted({*looked.links, *looked.documents}))
    own = looked.said.get(looked.start) if looked.start is not None else None
    read = [_evidence(n, looked, ids, content) for n in newest]
    evidence = _once(read)
    as_sent = {one.entry: one.said for one, _ in read}
    # What was sent again is as old as it was; what it says of its own age stands.
    first_said = {one.entry: one.said for one in evidence if one.said < as_sent[one.entry]}
    return Dossier(
        artifact=looked.artifact,
        name=None if own is None else own.name,
        names=tuple(sorted(ids[n] for n in looked.names)) or (looked.artifact,),
        digests=looked.digests,
        log=log_of(graph),
        as_of=lens.as_of,
        evidence=evidence,
        found=[
            *(
                msgspec.structs.replace(
                    one, said=min(one.said, first_said.get(one.entry, one.said))
                )
                for one in looked.found
            ),
            *found_in(looked.advised, content, producer),
        ],
        upstream=looked.upstream,
        packages=looked.advised.packages,
        looks=looks_at(graph, lens, content),
        truncated=looked.truncated,
        strangers_cut=len(first) > EVIDENCE_MAX,
    )


def _once(read: list[tuple[Evidence, bytes]]) -> list[Evidence]:
    """Each word once, as whoever signed it said it first; see ``words``. Newest first, as before.

    What is sent again with another signature stays, for that, and is as old as the word.
    """
    first: dict[tuple[bytes, str], Evidence] = {}
    found = []
    for one, word in sorted(read, key=lambda pair: pair[0].entry):
        known = [one.identity] if one.identity is not None else one.signers
        names = [(word, name) for name in known] if one.trust in TRUSTED else []
        before = [first[name].said for name in names if name in first]
        if not names or len(before) < len(names):
            found.append(msgspec.structs.replace(one, said=min([one.said, *before])))
        for name in names:
            first.setdefault(name, one)
    return found[::-1]


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
        (one.kind not in _NO_EVIDENCE or one.type == feed.PREDICATE_TYPE)
        and not one.type.startswith(_HAPPENINGS)
        and not (slsa.is_vsa(one.type) and own in one.signers)
    )


def documents_about(
    graph: Snapshot, lens: Lens, names: Collection[int]
) -> tuple[dict[int, tuple[int, int]], bool]:
    """Records that describe one of ``names``: by which entry, and which of them; whether there are
    more.

    What a record says that *another* describes is no record about it; of the claims in one, those
    of VEX stand for it, because such a document describes nothing else.
    """
    found: dict[int, tuple[int, int]] = {}
    steps = graph.steps(sorted(names), lens, up=False, only=DESCRIBES, rows_max=CLAIMS_MAX)
    kinds = summaries(graph, sorted({step.effect for step in steps}), lens)
    for step in steps:
        entry = _own_entry(graph, lens, step)
        if entry is not None:
            found.setdefault(step.effect, (entry, step.cause))
        elif step.effect in kinds and kinds[step.effect].kind == "claim":
            found.setdefault(step.effect, (step.first, step.cause))
    return found, len(steps) >= CLAIMS_MAX


def _own_entry(graph: Snapshot, lens: Lens, step: Step) -> int | None:
    """The entry by which a record itself says what it describes."""
    if graph.document(step.first) == step.effect:
        return step.first
    again = graph.statements(step, lens, REPEATS_MAX)
    return next((entry for entry in again if graph.document(entry) == step.effect), None)


def _evidence(
    number: int, looked: Survey, ids: dict[int, str], content: Content
) -> tuple[Evidence, bytes]:
    """What a record says, and which word it is."""
    entry, of = looked.documents[number]
    signed = looked.signed[number]
    judgement = signed.judgement
    written = content(entry)
    statement = None if written is None else statement_in(written)
    type = judgement.type if statement is None else statement[0]
    one = Evidence(
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
    return one, b"" if written is None else word_of(written)

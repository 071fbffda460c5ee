"""Which things have a whole, trusted chain, by the policy of ``coverage.yaml``: thousands at once.

    things ──named, described: a few questions for all──► evidence ──rules──► Chain, remembered
       └─ a policy that asks for more than papers ──survey, dossier──► rules

Rules that only ask for papers (a provenance, an SBOM, a release, however signed) need none of what
else a dossier holds, so it is made of the records alone, of many things in one pass; what they are
found to lack is remembered by the records it rests on and how far each was believed, and holds at
any size of the log where these are the same. A thing whose records are like those of a whole one,
in all that rules look at, is whole too. Asked as of now, only those are looked at that newer
entries speak of. For other rules each thing is surveyed as the gate would, one after the other, for
SECONDS_MAX in all. The decision is the gate's own (``reasons_of``).

Sizes:  REMEMBERED_MAX things are remembered, and WHOLE_MAX sorts of whole chains
Source: docs/health.md, "Coverage"; decision 0050
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, NamedTuple

from wherefrom.errors import Ambiguous, Error, LimitPassed, NotFound, Unavailable
from wherefrom.formats import entry as entries
from wherefrom.formats import slsa
from wherefrom.formats.digests import strong_id_in
from wherefrom.formats.entry import LEVELS
from wherefrom.formats.policy import AnyRule, Policy, Provenance, Released, Sbom
from wherefrom.log.reader import LogReader
from wherefrom.policy.builds import build_of
from wherefrom.policy.decide import reasons_of
from wherefrom.policy.verdict import Reason
from wherefrom.query.answers import log_of
from wherefrom.query.claimed import Signed, kind_of, signed_of
from wherefrom.query.clocks import happened
from wherefrom.query.dossier import EVIDENCE_MAX, Dossier, Evidence, dossier, survey
from wherefrom.query.health.answers import Lack
from wherefrom.query.health.chains import Chain, Thing
from wherefrom.query.same import Same, names_of_all
from wherefrom.query.statements import statement_in
from wherefrom.query.summary import Summary, summaries
from wherefrom.query.what_runs import thing_named
from wherefrom.views.graph import Judgement, Lens, Snapshot, Step
from wherefrom.views.graph.schema import DESCRIBES

SECONDS_MAX: Final = 30.0
REMEMBERED_MAX: Final = 50_000
WHOLE_MAX: Final = 10_000
TOGETHER_MAX: Final = 500
STEPS_MAX: Final = 50_000
NEWS_MAX: Final = 5_000
_PAPERS: Final = (Provenance, Sbom, Released)
_KINDS: Final = frozenset({"provenance", "sbom", "release"})


# Kind, trust, signers, identity, issuer; builder, build type and source.
_Alike = tuple[
    str, str, tuple[str, ...], str | None, str | None, str | None, str | None, str | None
]


class _Paper(NamedTuple):
    """One record about a thing: ``links`` are the entries by which it is about that."""

    entry: int
    kind: str
    type: str
    signed: Signed
    links: tuple[int, ...]


class _Papers(NamedTuple):
    """All that is recorded of one thing; ``cut`` if there is more."""

    same: Same
    ones: list[_Paper]
    documents: frozenset[int]
    cut: bool


_RestsOn = tuple[tuple[int, int | None, tuple[int, ...]], ...]


class _Remembered(NamedTuple):
    rests_on: _RestsOn
    chain: Chain


class _Newest:
    """The chains at the newest size that was asked about, and on which nodes each hangs."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.size = 0
        self.chains: dict[Thing, Chain] = {}
        self._hanging: dict[int, tuple[Thing, ...]] = {}

    def keep(self, one: Thing, chain: Chain, nodes: Iterable[int]) -> None:
        self.chains[one] = chain
        for node in nodes:
            there = self._hanging.get(node, ())
            if one not in there:
                self._hanging[node] = (*there, one)

    def go_on(self, graph: Snapshot, size: int) -> None:
        """Forget what entries up to ``size`` speak of."""
        judged: set[int] = set()
        nodes: set[int] = set()
        for _, said in graph.written_since(self.size, size):
            if said.tombstone_of is not None:  # what it took away is not told
                self.chains.clear()
                self._hanging.clear()
                break
            nodes.update(said.nodes)
            nodes.update(said.edges[0::3])
            nodes.update(said.edges[2::3])
            if said.judged is not None:
                judged.add(said.judged)
        nodes.update(graph.documents_in(judged).values())
        for node in nodes & self._hanging.keys():
            for one in self._hanging[node]:
                self.chains.pop(one, None)
        self.size = size


class Chains:
    """The judge of one log; safe for several threads.

    own     gives the id of the key that signs what this log itself says
    policy  gives what a whole chain is, as the file says now. Raises SettingError
    """

    def __init__(
        self,
        log: LogReader,
        *,
        own: Callable[[], str],
        policy: Callable[[], Policy],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._own, self._read, self._elapsed = log, own, policy, elapsed
        self._newest = _Newest(policy())
        self._remembered: dict[Thing, _Remembered] = {}
        self._whole: set[tuple[str, int, tuple[_Alike, ...]]] = set()
        self._looking = threading.Lock()

    def named(self) -> str:
        """Name, version and digest of the policy. Raises Unavailable."""
        policy = self._policy()
        return f"{policy.name} {policy.version} {policy.digest}"

    def needs(self) -> frozenset[str]:
        """What its rules ask for. Raises Unavailable."""
        return frozenset(str(rule.__struct_config__.tag) for rule in self._policy().rules)

    def judged(
        self, graph: Snapshot, lens: Lens, things: Collection[Thing], *, at: str
    ) -> Mapping[Thing, Chain]:
        """The chain of each thing that a rule is for. Raises Unavailable, LimitPassed."""
        policy = self._policy()
        rules = {one.environment: policy.in_environment(one.environment) for one in things}
        asked = {one for one in things if rules[one.environment]}
        alone = {one for one in asked if not _asks_for_papers(policy, rules[one.environment])}
        # One question after the other: the second finds what the first has looked at.
        with self._looking:
            found = self._together(graph, lens, asked - alone, policy, at=at)
        until = self._elapsed() + SECONDS_MAX
        for number, one in enumerate(sorted(asked - found.keys())):
            if self._elapsed() > until:
                raise LimitPassed(
                    "it takes too long to judge every chain", got=f"{number} of {len(asked)}",
                    expected=f"{SECONDS_MAX:g} s",
                    do="Ask about one environment, or ask coverage.yaml for papers only",
                )  # fmt: skip
            found[one] = self._alone(graph, lens, one, policy, at=at)
        return found

    # -- many things at once

    def _together(
        self, graph: Snapshot, lens: Lens, things: Collection[Thing], policy: Policy, *, at: str
    ) -> dict[Thing, Chain]:
        """The chains of those that have no more records than one look takes."""
        if policy is not self._newest.policy:
            self._newest, self._remembered = _Newest(policy), {}
            self._whole.clear()
        newest = self._newest
        if lens.at is not None or lens.as_of < newest.size:
            newest = _Newest(policy)  # of another time: it is looked at afresh
        elif lens.as_of - newest.size > NEWS_MAX:
            self._newest = newest = _Newest(policy)
            newest.size = lens.as_of
        elif lens.as_of > newest.size:
            newest.go_on(graph, lens.as_of)
        found = {one: newest.chains[one] for one in things if one in newest.chains}
        others = [one for one in things if one not in found]
        # Near each other in the log, so that what is read for one is at hand for the next.
        near = graph.numbers({one.artifact for one in others})
        others.sort(key=lambda one: (near.get(one.artifact, 0), one))
        for first in range(0, len(others), TOGETHER_MAX):
            some = others[first : first + TOGETHER_MAX]
            found |= self._look(graph, lens, some, policy, newest, at=at)
        return found

    def _look(
        self, graph: Snapshot, lens: Lens, things: Collection[Thing], policy: Policy,
        newest: _Newest, *, at: str,
    ) -> dict[Thing, Chain]:  # fmt: skip
        ids = {one.artifact: _id_of(graph, lens, one.artifact) for one in things}
        numbers = graph.numbers({id for id in ids.values() if id is not None})
        papers = _papers_of(graph, lens, set(numbers.values()))
        kinds = summaries(graph, sorted(numbers.values()), lens)
        found: dict[Thing, Chain] = {}
        for one in things:
            id = ids[one.artifact]
            number = None if id is None else numbers.get(id)
            held = _nothing(id) if number is None and id is not None else papers.get(number or 0)
            if id is None or held is None or held.cut:
                continue
            kind = kinds[number].kind if number in kinds else "artifact"
            found[one] = self._chain(graph, lens, one, id, kind, held, policy, at)
            if number is not None and id == one.artifact:
                newest.keep(one, found[one], {*held.same.links, *held.documents})
        return found

    def _chain(
        self, graph: Snapshot, lens: Lens, one: Thing, id: str, kind: str, held: _Papers,
        policy: Policy, at: str,
    ) -> Chain:  # fmt: skip
        rests_on = tuple((p.entry, p.signed.judgement.verdict, p.links) for p in held.ones)
        before = self._remembered.get(one)
        if before is not None and (before.rests_on, before.chain.kind) == (rests_on, kind):
            return before.chain
        evidence = [self._evidence(paper) for paper in held.ones]
        trust = _best(paper.signed.judgement.level for paper in held.ones)
        alike = one.environment, len(held.same.digests), tuple(map(_alike, evidence))
        if alike in self._whole:
            return self._keep(one, rests_on, Chain((), trust, kind))
        told = Dossier(
            artifact=id, name=None, names=held.same.digests or (id,), digests=held.same.digests,
            log=log_of(graph), as_of=lens.as_of,
            evidence=evidence,
            found=[], upstream=[], truncated=False,
        )  # fmt: skip
        reasons, _ = reasons_of(policy, told, environment=one.environment, at=at)
        chain = Chain(_lacks(reasons), trust, kind)
        if not chain.lacks and not _asks_for_parameters(policy) and len(self._whole) < WHOLE_MAX:
            self._whole.add(alike)
        return self._keep(one, rests_on, chain)

    def _keep(self, one: Thing, rests_on: _RestsOn, chain: Chain) -> Chain:
        if len(self._remembered) >= REMEMBERED_MAX:
            self._remembered.clear()
        self._remembered[one] = _Remembered(rests_on, chain)
        return chain

    def _evidence(self, paper: _Paper) -> Evidence:
        predicate = None
        if paper.kind == "provenance":
            found = statement_in(self._content(paper.entry) or b"")
            predicate = None if found is None else found[1]
        judgement = paper.signed.judgement
        return Evidence(
            entry=paper.entry, document="", kind=paper.kind, type=paper.type,
            trust=judgement.level, signers=judgement.signers, identity=paper.signed.identity,
            issuer=paper.signed.issuer, said=happened(judgement), of="", links=paper.links,
            predicate=predicate, properties={},
        )  # fmt: skip

    # -- one thing after the other

    def _alone(self, graph: Snapshot, lens: Lens, one: Thing, policy: Policy, *, at: str) -> Chain:
        try:
            name = thing_named(graph, lens, one.artifact)
            looked = survey(graph, lens, name, also=[policy.digest], own=self._own())
        except (NotFound, Ambiguous):
            lack = Lack(
                rule="known", says="the log knows no digest of this name",
                remedy="Deploy it by its digest, or record what its tag means",
            )  # fmt: skip
            return Chain((lack,), "", "artifact")
        told = dossier(graph, lens, looked, self._content, self._producer)
        reasons, _ = reasons_of(policy, told, environment=one.environment, at=at)
        kind = "artifact"
        if looked.start is not None:
            kind = looked.said[looked.start].kind
        return Chain(_lacks(reasons), _best(e.trust for e in told.evidence), kind)

    def _content(self, entry: int) -> bytes | None:
        return self._log.record(entry).content

    def _producer(self, index: int) -> str | None:
        return entries.parse(self._log.record(index).entry).producer

    def _policy(self) -> Policy:
        try:
            return self._read()
        except Error as error:  # whoever asks cannot mend it
            raise Unavailable(
                "the rules of coverage are wrong", where=error.where, expected=error.expected,
                got=f"{error.what}: {error.got}",
                do="Mend coverage.yaml, or remove it: what is shipped then holds",
            ) from error  # fmt: skip


def _asks_for_papers(policy: Policy, rules: Iterable[AnyRule]) -> bool:
    """Whether records alone can answer, whatever their age and contents but for provenance."""
    return policy.exceptions is None and all(
        isinstance(rule, _PAPERS) and rule.within is None for rule in rules
    )


def _asks_for_parameters(policy: Policy) -> bool:
    """Whether a rule looks at more of a build than ``_alike`` tells."""
    return any(isinstance(rule, Provenance) and rule.parameters for rule in policy.rules)


def _alike(one: Evidence) -> _Alike:
    """All of a record that rules for papers look at: what is whole with one is with another."""
    build = build_of(one.predicate)[:3] if one.kind == "provenance" else (None, None, None)
    return one.kind, one.trust, one.signers, one.identity, one.issuer, *build


def _id_of(graph: Snapshot, lens: Lens, artifact: str) -> str | None:
    """The digest that runs; None of a name that means none."""
    named = thing_named(graph, lens, artifact)
    return named if strong_id_in(named) == named else None


def _nothing(id: str) -> _Papers:
    return _Papers(Same({}, frozenset(), (id,)), [], frozenset(), False)


def _papers_of(graph: Snapshot, lens: Lens, numbers: Collection[int]) -> dict[int, _Papers]:
    """What is recorded of each artifact, under all its names."""
    same = names_of_all(graph, lens, numbers)
    names = sorted({name for one in same.values() for name in one.links})
    steps = graph.steps(names, lens, up=False, only=DESCRIBES, rows_max=STEPS_MAX)
    cut = len(steps) >= STEPS_MAX
    judged = graph.judgements({step.first for step in steps}, lens)
    own = _own_entries(graph, lens, steps)
    more = graph.judgements(own.values() - judged.keys(), lens)
    judged |= more
    said = summaries(graph, sorted(_to_be_read(own, judged)), lens)
    about: dict[int, list[tuple[int, int]]] = defaultdict(list)  # name → documents, by entry
    for step in steps:
        if step.effect in own:
            about[step.cause].append((own[step.effect], step.effect))
    found: dict[int, _Papers] = {}
    for number, one in same.items():
        papers: dict[int, _Paper] = {}
        for name, links in one.links.items():
            for entry, document in about[name]:
                paper = _paper(entry, judged.get(entry), said.get(document), links)
                if paper is not None:
                    papers.setdefault(document, paper)
        ones = sorted(papers.values(), key=lambda paper: -paper.entry)
        is_cut = cut or one.truncated or len(ones) > EVIDENCE_MAX
        found[number] = _Papers(one, ones, frozenset(papers), is_cut)
    return found


def _own_entries(graph: Snapshot, lens: Lens, steps: Collection[Step]) -> dict[int, int]:
    """Documents that say themselves what they describe, each with its entry."""
    first = graph.documents_in({step.first for step in steps})
    found: dict[int, int] = {}
    for step in steps:
        if first.get(step.first) == step.effect:
            found.setdefault(step.effect, step.first)
            continue
        again = graph.documents_in(graph.statements(step, lens, EVIDENCE_MAX))
        entry = next((e for e, document in again.items() if document == step.effect), None)
        if entry is not None:
            found.setdefault(step.effect, entry)
    return found


def _to_be_read(own: Mapping[int, int], judged: Mapping[int, Judgement]) -> set[int]:
    """Documents whose entry does not tell all: what is in a bundle, and whose identity it has."""
    return {
        document
        for document, entry in own.items()
        if entry in judged and (judged[entry].kind == "bundle" or judged[entry].level == "keyless")
    }


def _paper(
    entry: int, judgement: Judgement | None, said: Summary | None, links: tuple[int, ...]
) -> _Paper | None:
    if judgement is None:
        return None
    type = judgement.type
    if said is not None:
        type = str(said.properties.get("predicateType") or type)
    if slsa.is_vsa(type) or (kind := kind_of(type, judgement.kind)) not in _KINDS:
        return None
    return _Paper(entry, kind, type, signed_of(judgement, said), links)


def _lacks(reasons: Iterable[Reason]) -> tuple[Lack, ...]:
    return tuple(
        Lack(rule=one.rule, needs=one.needs, says=one.says, remedy=one.remedy, entries=one.entries)
        for one in reasons
        if not one.ok
    )


def _best(levels: Iterable[str]) -> str:
    return max(levels, key=LEVELS.index, default="")

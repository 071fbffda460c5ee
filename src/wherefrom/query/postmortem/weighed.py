"""What was judged of what ran: how its canaries went, and which rules were excepted for it.

    artifacts, bundles, realities ──trusted names──► documents ─┬─ canary's verdicts
    the policies in force ──────────────────────────────────────┼─ exceptions: asked, answered
                                                                └─ summaries: passed by which of them

An exception counts by the policy that knows it, and this is no policy: it is told who asked, who
answered, and whether a decision rested on it. That what is held for the cause came in by one is
said only by words of those who are known (``let_in``).

Sizes:  THINGS_MAX things · READ_MAX records of each kind, those of the known first, then the first
Source: docs/formats/canary.md, docs/formats/exception.md, docs/formats/vsa.md
"""  # noqa: E501 - the picture

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from wherefrom.errors import Refused
from wherefrom.formats import canary, exception, slsa
from wherefrom.formats.canary import CanaryVerdict
from wherefrom.formats.digests import strong_id, strong_id_in
from wherefrom.formats.exception import ASKS, EVERYWHERE, Exceptional
from wherefrom.formats.shown import percent
from wherefrom.formats.timestamps import micros
from wherefrom.query.clocks import happened
from wherefrom.query.dossier import documents_about
from wherefrom.query.postmortem.words import Content
from wherefrom.query.same import TRUSTED, names_of_all
from wherefrom.query.statements import statement_in, whole_statement_in
from wherefrom.views.estate import Stay
from wherefrom.views.graph import Judgement, Lens, Snapshot

THINGS_MAX: Final = 100
READ_MAX: Final = 200
# What runs, and the settings and rules it runs by: each has a digest, so it can be judged.
_SLOTS: Final = frozenset({"artifact", "config", "policy", "safe_mode"})
_GATE: Final = "gate"
_PASSED: Final = "PASSED"
_WORDS: Final = {"failing": "fail", "slow": "are slow"}
T = TypeVar("T")


class Tested(NamedTuple):
    """A canary's verdict, and the record of it."""

    by: Judgement
    said: CanaryVerdict


class Used(NamedTuple):
    """That a decision let a thing in although a rule did not hold, by the exception of an entry."""

    by: Judgement
    thing: str
    environment: str
    rule: str
    says: str
    remedy: str
    exception: int


class Answered(NamedTuple):
    """An answer to a request: ``approved``, ``refused`` or ``withdrawn``."""

    by: Judgement
    said: Exceptional


class Excepted(NamedTuple):
    """A request, or broken glass, for some things; what was answered, and where it was used first.

    things  those of it that were looked at; none if it is for all that a policy judges
    """

    by: Judgement
    said: Exceptional
    things: tuple[str, ...]
    answers: tuple[Answered, ...]
    uses: tuple[Used, ...]

    @property
    def began(self) -> int:
        """From when on it may count, in microseconds: when it was said, or heard of before."""
        return micros(happened(self.by))

    @property
    def ends(self) -> int:
        """When it does no more: its own end, or when somebody known withdrew it."""
        ended = [
            micros(happened(one.by))
            for one in self.answers
            if one.said.stage == "withdrawn" and one.by.level in TRUSTED
        ]
        return min([micros(self.said.until), *ended])

    @property
    def approving(self) -> list[Answered]:
        """The answers of others whom somebody knows, for it; broken glass needs none."""
        return [
            one
            for one in self.answers
            if one.said.stage == "approved"
            and one.by.level in TRUSTED
            and one.by.signers
            and not set(one.by.signers) & set(self.by.signers)
        ]


class Weighed(NamedTuple):
    """All of it, in the order of the log; ``truncated`` if there was more.

    held  the rules of which a decision of somebody known says that they held, each with its thing
    """

    tested: list[Tested]
    excepted: list[Excepted]
    held: frozenset[tuple[str, str]]
    truncated: bool


class _Read(NamedTuple):
    """A record's judgement, what it says, and the things among those looked at that it is about."""

    by: Judgement
    predicate: dict[str, Any]
    things: tuple[str, ...]
    document: str


def things_of(stays: Iterable[Stay], first: Sequence[str] = ()) -> list[str]:
    """What ran, by digest: ``first`` before all others, then the newest."""
    found = [one.value for one in stays if one.slot in _SLOTS and _is_digest(one.value)]
    return list(dict.fromkeys([*(one for one in first if _is_digest(one)), *found]))


def weighed(
    graph: Snapshot, lens: Lens, content: Content, *, things: Sequence[str],
    realities: Collection[str], policies: Collection[str], environment: str,
    services: Collection[str],
) -> Weighed:  # fmt: skip
    """What was judged of some things in an environment; of canaries, of these services.

    policies  the digests of those that were in force: exceptions for all that they judge are told
              too, and so are those for the policies that judged one of the things
    """
    looked = [*things[:THINGS_MAX], *realities]
    known, too_many = _records(graph, lens, content, _named(graph, lens, looked))
    judging = {*policies, *(id for one in known for id in _policies(one))}
    whole = {number: id for id, number in graph.numbers(judging).items()}
    general, too_many_general = _records(graph, lens, content, whole)
    tested = [
        Tested(one.by, said)
        for one in known
        if one.by.type == canary.PREDICATE_TYPE
        and (said := _parsed(canary.parse, one.predicate)) is not None
        and said.environment == environment
        and (not services or said.service in services)
    ]
    uses = [use for one in known if slsa.is_vsa(one.by.type) for use in _uses(one)]
    told = {one.by.entry: one._replace(things=()) for one in general}
    told |= {one.by.entry: one for one in known}
    excepted = _excepted(
        {entry: one for entry, one in told.items() if one.by.type == exception.PREDICATE_TYPE},
        [use for use in uses if use.environment == environment],
        environment,
    )
    more = len(things) > THINGS_MAX or too_many or too_many_general
    held = frozenset(
        (thing, rule)
        for one in known
        if slsa.is_vsa(one.by.type) and one.by.level in TRUSTED
        for thing in one.things
        for rule in _held(one, environment)
    )
    return Weighed(tested, excepted, held, more)


def let_in(found: Weighed, thing: str, at: int) -> list[tuple[Excepted, list[Used]]]:
    """The exceptions by which a thing came in, by the words of those who are known.

    at  when it did, in microseconds. Where no decision is known to rest on one, it counts if it was
        in force then and somebody else had approved it, with no use; but not if its rules held
    """
    told = []
    for one in found.excepted:
        if one.by.level not in TRUSTED:
            continue
        uses = [use for use in one.uses if use.thing == thing and use.by.level in TRUSTED]
        granted = one.said.stage == "break_glass" or bool(one.approving)
        granted = granted and any((thing, rule) not in found.held for rule in one.said.rules)
        if uses or (granted and thing in one.things and one.began <= at < one.ends):
            told.append((one, uses))
    return told


def worst(one: CanaryVerdict) -> list[str]:
    """The measures that made a canary's verdict, in words."""
    return [
        f"{percent(m.canary)} {_WORDS[m.measure]} against {percent(m.baseline)}"
        if m.measure in _WORDS
        else f"{m.canary:,.1f} ms against {m.baseline:,.1f} ms"
        for m in one.measures
        if m.verdict == one.verdict
    ]


def _named(graph: Snapshot, lens: Lens, things: Sequence[str]) -> dict[int, str]:
    """The numbers of things and of their trusted names, each with the thing itself."""
    own = {number: id for id, number in graph.numbers(things).items()}
    found: dict[int, str] = {}
    for number, same in names_of_all(graph, lens, own).items():
        found |= dict.fromkeys(same.links, own[number])
    # A thing's own records are its own, whatever calls itself the same.
    return found | own


def _records(
    graph: Snapshot, lens: Lens, content: Content, names: Mapping[int, str]
) -> tuple[list[_Read], bool]:
    """The records of these kinds that are about some of ``names``; whether there are more."""
    documents, too_many = documents_about(graph, lens, names)
    judged = graph.judgements({entry for entry, _ in documents.values()}, lens)
    called = graph.ids(sorted(documents))
    id_of = {id: names[number] for number, id in graph.ids(sorted(names)).items()}
    found: list[_Read] = []
    by_kind: dict[str, list[tuple[Judgement, str]]] = {"canary": [], "exception": [], "vsa": []}
    for number, (entry, _) in documents.items():
        by = judged.get(entry)
        kind = None if by is None else _kind(by.type)
        if by is not None and kind is not None:
            by_kind[kind].append((by, called[number]))
    for some in by_kind.values():
        # The words of those who are known first: a stranger who says much must not drown them.
        some.sort(key=lambda one: (one[0].level not in TRUSTED, one[0].entry))
        too_many = too_many or len(some) > READ_MAX
        for by, document in some[:READ_MAX]:
            written = content(by.entry)
            statement = None if written is None else whole_statement_in(written)
            said = None if written is None else statement_in(written)
            if statement is not None and said is not None and said[0] == by.type:
                about = dict.fromkeys(filter(None, map(id_of.get, _subjects(statement))))
                found.append(_Read(by, said[1], tuple(about), document))
    return sorted(found, key=lambda one: one.by.entry), too_many


def _kind(type: str) -> str | None:
    if slsa.is_vsa(type):
        return "vsa"
    return {canary.PREDICATE_TYPE: "canary", exception.PREDICATE_TYPE: "exception"}.get(type)


def _subjects(statement: Mapping[str, Any]) -> Iterator[str]:
    for one in statement["subject"]:
        for algorithm, digits in one["digest"].items():
            yield strong_id(algorithm, digits) or f"{algorithm}:{digits}"


def _policies(one: _Read) -> Iterator[str]:
    """The policy that a summary was made by."""
    policy = one.predicate.get("policy") if slsa.is_vsa(one.by.type) else None
    digest = policy.get("digest") if isinstance(policy, dict) else None
    for algorithm, digits in digest.items() if isinstance(digest, dict) else ():
        id = strong_id(algorithm, digits) if isinstance(digits, str) else None
        if id is not None:
            yield id


def _parsed(parse: Callable[[Mapping[str, Any]], T], predicate: Mapping[str, Any]) -> T | None:
    try:
        return parse(predicate)
    except Refused:  # a newer program took what this one does not
        return None


def _reasons(one: _Read) -> tuple[str, list[dict[str, Any]]]:
    """Where a summary of ours let something in, and why; a stranger's may say anything."""
    ours = one.predicate.get("wherefrom")
    if not isinstance(ours, dict) or one.predicate.get("verificationResult") != _PASSED:
        return "", []
    reasons = ours.get("reasons")
    some = reasons if isinstance(reasons, list) else []
    return str(ours.get("environment", "")), [one for one in some if isinstance(one, dict)]


def _held(one: _Read, environment: str) -> Iterator[str]:
    """The rules that held, and not by an exception."""
    where, reasons = _reasons(one)
    for reason in reasons if where == environment else ():
        if reason.get("ok") is True and not reason.get("excused"):
            yield str(reason.get("rule", ""))


def _uses(one: _Read) -> Iterator[Used]:
    """The exceptions that a summary rests on."""
    environment, reasons = _reasons(one)
    for reason in reasons:
        excused = reason.get("excused")
        entry = excused.get("entry") if isinstance(excused, dict) else None
        if not isinstance(entry, int):
            continue
        for thing in one.things:
            yield Used(
                by=one.by, thing=thing, environment=environment,
                rule=str(reason.get("rule", "")), says=str(reason.get("says", "")),
                remedy=str(reason.get("remedy", "")), exception=entry,
            )  # fmt: skip


def _excepted(told: Mapping[int, _Read], uses: Sequence[Used], environment: str) -> list[Excepted]:
    said = {
        entry: word
        for entry, one in told.items()
        if (word := _parsed(exception.parse, one.predicate)) is not None
    }
    answers: dict[str, list[Answered]] = {}
    for entry, word in sorted(said.items()):
        if word.request:
            answers.setdefault(word.request, []).append(Answered(told[entry].by, word))
    found = []
    for entry, word in sorted(said.items()):
        if word.stage not in ASKS or word.environment not in (EVERYWHERE, environment):
            continue
        one = told[entry]
        first: dict[tuple[str, str, bool], Used] = {}
        for use in uses:
            if use.exception == entry:
                first.setdefault((use.thing, use.rule, use.by.level in TRUSTED), use)
        found.append(
            Excepted(
                by=one.by,
                said=word,
                things=one.things,
                answers=tuple(answers.get(one.document, ())),
                uses=tuple(first.values()),
            )
        )  # fmt: skip
    return found


def _is_digest(value: str) -> bool:
    return strong_id_in(value) == value

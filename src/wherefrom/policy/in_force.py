"""Which policy decides in an environment: the newest word of those who may say so.

    environment ◄──describes── documents ──counted──► newest first ──► Standing: a policy's digest

Whose word counts: those whom ``watch.yaml`` names under ``by``; else the keys that were
administrators when the word was logged; else, where there were none, anybody who is trusted. What
is erased, or signed by a key that was revoked since, says nothing any more, and the word before it
holds again. An end ends the policy that it names, and no other.

Sizes:  WORDS_MAX words of an environment are looked at, the newest; ENVIRONMENTS_MAX environments
Source: docs/formats/in-force.md; decision 0048
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import Ambiguous, Refused
from wherefrom.formats import names
from wherefrom.formats.in_force import PREDICATE_TYPE, InForce, parse
from wherefrom.formats.own import Administrators
from wherefrom.formats.policy import Signer
from wherefrom.formats.watch_settings import WatchSettings
from wherefrom.keys.keyring import Keyring
from wherefrom.policy.counting import who
from wherefrom.query.advisories import Content
from wherefrom.query.clocks import happened
from wherefrom.query.dossier import Evidence
from wherefrom.query.same import TRUSTED
from wherefrom.query.statements import whole_statement_in
from wherefrom.query.summary import IDENTITY_IS, summaries
from wherefrom.views.graph import Judgement, Lens, Snapshot

WORDS_MAX: Final = 20_000
ENVIRONMENTS_MAX: Final = 5_000


class Deciders(NamedTuple):
    """Whose word puts a policy in force.

    by              named by the settings; if none, it is the administrators
    administrators  from which entry on: ids of keys; oldest first
    """

    by: tuple[Signer, ...] = ()
    administrators: tuple[tuple[int, frozenset[str]], ...] = ()

    def counts(self, one: Evidence) -> bool:
        """Whether a record's word counts."""
        if one.trust not in TRUSTED:
            return False
        if self.by:
            return bool(who(one, self.by))
        then = [keys for entry, keys in self.administrators if entry < one.entry]
        return not then or not then[-1].isdisjoint(one.signers)


def deciders_of(settings: WatchSettings, keyring: Keyring) -> Deciders:
    """As the settings and the log say."""
    changes = tuple(keyring.changes)  # another thread may fold one meanwhile
    return Deciders(
        settings.by,
        tuple(
            (entry, frozenset(change.keys))
            for entry, change in changes
            if isinstance(change, Administrators)
        ),
    )


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that is in force somewhere.

    policy  its digest; ``since`` when, by the record ``entry``; ``until`` when it ends by itself
    by      who says so: key ids, or an identity
    """

    environment: str
    policy: str
    since: str
    entry: int
    by: tuple[str, ...]
    until: str | None = None
    reason: str = ""


class Words:
    """Reads words out of their records, each once; safe for several threads.

    content   gives the content of an entry, None if it is erased
    deciders  whose word counts, asked for at each question
    """

    def __init__(self, content: Content, deciders: Callable[[], Deciders]) -> None:
        self._content, self._deciders = content, deciders
        self._read: dict[int, tuple[InForce, str] | None] = {}
        self._lock = threading.Lock()

    def standing(self, graph: Snapshot, lens: Lens, environment: str, at: str) -> Standing | None:
        """What is in force in an environment at a time, RFC 3339."""
        found = self._counting(graph, lens, [environment], at)
        return next(iter(_holding(found, at)), None)

    def all_standing(self, graph: Snapshot, lens: Lens, at: str) -> list[Standing]:
        """What is in force at a time, environment by environment."""
        numbers = [number for _, number in graph.ids_from("environment:", ENVIRONMENTS_MAX)]
        some = [
            id.partition(":")[2] for id in graph.ids(self._spoken_of(graph, lens, numbers)).values()
        ]
        found = self._counting(graph, lens, some, at)
        return sorted(_holding(found, at), key=lambda one: one.environment)

    def _spoken_of(self, graph: Snapshot, lens: Lens, numbers: Sequence[int]) -> list[int]:
        return sorted({step.cause for step in graph.documents(numbers, lens, each_max=1)})

    def _counting(
        self, graph: Snapshot, lens: Lens, environments: Sequence[str], at: str
    ) -> list[tuple[Evidence, InForce, str]]:
        """Words that count and were said by then, newest first; each with its policy."""
        ids = {names.environment_id(one) for one in environments}
        numbers = graph.numbers(ids)
        steps = graph.documents(sorted(numbers.values()), lens, each_max=WORDS_MAX)
        judged = graph.judgements({step.first for step in steps}, lens)
        deciders = self._deciders()
        found = []
        for step in steps:
            judgement = judged.get(step.first)
            if (
                judgement is None
                or judgement.type != PREDICATE_TYPE
                or judgement.level not in TRUSTED
            ):
                continue  # whatever strangers say is not even read
            word = self._word(step.first)
            one = _evidence(graph, lens, step.effect, judgement)
            if word is not None and one.said <= at and deciders.counts(one):
                found.append((one, *word))
        return sorted(found, key=lambda w: (w[0].said, w[0].entry), reverse=True)

    def _word(self, entry: int) -> tuple[InForce, str] | None:
        written = self._content(entry)
        if written is None:  # erased, even if it was read before
            return None
        with self._lock:
            if entry in self._read:
                return self._read[entry]
        word = _read(written)
        with self._lock:
            if len(self._read) >= WORDS_MAX:
                self._read.clear()
            self._read[entry] = word
        return word


def need_standing(words: Words, graph: Snapshot, lens: Lens, environment: str, at: str) -> Standing:
    """The policy in force. Raises Ambiguous if there is none: nobody said by which to ask."""
    found = words.standing(graph, lens, environment, at)
    if found is None:
        raise Ambiguous(
            f"no policy is in force in {environment or 'no environment'}",
            do="Name one with --policy, or put one in force: wherefrom policy use DIR -e ENV",
        )
    return found


def _holding(words: Iterable[tuple[Evidence, InForce, str]], at: str) -> Iterator[Standing]:
    """Of each environment what its words come to; newest first."""
    settled: set[str] = set()
    ended: set[tuple[str, str]] = set()
    for one, said, policy in words:
        if said.environment in settled:
            continue
        if said.stage == "ended":
            ended.add((said.environment, policy))
            continue
        settled.add(said.environment)
        if (said.environment, policy) in ended or (said.until and said.until <= at):
            continue
        yield Standing(
            environment=said.environment, policy=policy, since=one.said, entry=one.entry,
            by=tuple(who(one)), until=said.until or None, reason=said.reason,
        )  # fmt: skip


def _read(written: bytes) -> tuple[InForce, str] | None:
    statement = whole_statement_in(written)
    if statement is None or statement.get("predicateType") != PREDICATE_TYPE:
        return None
    try:
        said = parse(statement["predicate"])
    except Refused:  # a newer program took what this one does not
        return None
    ((algorithm, digits), *_) = statement["subject"][0]["digest"].items()
    return said, f"{algorithm}:{digits}"


def _evidence(graph: Snapshot, lens: Lens, document: int, judgement: Judgement) -> Evidence:
    said = summaries(graph, [document], lens)
    properties = said[document].properties if document in said else {}
    proven = properties.get(IDENTITY_IS) == "verified"
    return Evidence(
        entry=judgement.entry, document="", kind="other", type=judgement.type,
        trust=judgement.level, signers=judgement.signers,
        identity=properties.get("identity") if proven else None,
        issuer=properties.get("issuer") if proven else None,
        said=happened(judgement), of="", links=(), predicate=None, properties={},
    )  # fmt: skip

"""Where the gate is asked: a policy, an artifact and an environment become a verdict.

    artifact ──graph──► survey ──content──► dossier ──policy──► Verdict ──► VSA, for the log to sign
                          └ untouched since the log signed a VSA of it ──────► that one

A verdict is of one log size, so it can be asked again of the same size, and is the same. A summary
that the log signed stands for the verdict as long as it counts and nothing was said since of all
that it hangs on.

Sizes:  ARTIFACTS_MAX artifacts in one question, SECONDS_MAX for all · an environment
        ENVIRONMENT_CHARS_MAX
Source: docs/formats/policy.md; slsa.dev/spec/v1.2/verification_summary
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec

from wherefrom import __version__
from wherefrom.errors import LimitPassed, Malformed, NotFound
from wherefrom.formats import entry as entries
from wherefrom.formats import policy as policies
from wherefrom.formats import slsa, timestamps, vsa
from wherefrom.formats.policy import Policy
from wherefrom.formats.statement_shape import digest_set
from wherefrom.log.reader import LogReader
from wherefrom.log.replay import service_key_id
from wherefrom.policy.builds import at as value_at
from wherefrom.policy.checks import Case
from wherefrom.policy.conditions import input_of
from wherefrom.policy.decide import decide, subject_of
from wherefrom.policy.in_force import Deciders, Standing, Words, need_standing
from wherefrom.policy.verdict import Reason, Verdict
from wherefrom.query.answers import LogPosition
from wherefrom.query.dossier import Dossier, Survey, dossier, survey, touched
from wherefrom.query.same import ROWS_MAX, TRUSTED
from wherefrom.query.sizes import need_size, wait_for_graph
from wherefrom.query.statements import statement_in
from wherefrom.views.graph import GraphReader, Lens, Snapshot
from wherefrom.views.graph.schema import DESCRIBES

ARTIFACTS_MAX: Final = 1_000
SECONDS_MAX: Final = 60.0
ENVIRONMENT_CHARS_MAX: Final = 256
_LEVEL: Final = "SLSA_BUILD_LEVEL_"


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked: may each of ``artifacts`` go to ``environment``, by ``policy``?

    policy   as its file says it; or its digest, if the log holds it; empty for the one in force
    at       as if it were this time, with what had been recorded by ``as_of``
    explain  tell also what conditions look at
    """

    artifacts: tuple[str, ...]
    policy: dict[str, Any] | str = ""
    environment: str = ""
    at: str | None = None
    as_of: int | None = None
    explain: bool = False


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The verdicts, in the order of what was asked; with ``explain`` the input of each."""

    verdicts: list[Verdict]
    inputs: list[dict[str, Any]] = []


class GateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """May ``artifact`` go to ``environment`` now, by ``policy``, with a summary that is signed?

    policy  as in ``Question``
    """

    artifact: str
    policy: dict[str, Any] | str = ""
    environment: str = ""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict, and what is to be signed for it.

    policy   the statement that holds the policy
    summary  the statement to sign; None where ``entry`` is one that was signed and counts still
    """

    verdict: Verdict
    policy: str
    summary: str | None
    entry: int | None


class Gated(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's answer.

    vsa     the signed summary, a DSSE envelope; ``entry`` is where the log holds it
    reused  it was signed before, and counts still
    """

    allowed: bool
    reasons: list[Reason]
    vsa: dict[str, Any]
    entry: int
    reused: bool
    artifact: str
    name: str | None
    environment: str
    policy: str
    version: str
    digest: str
    at: str
    until: str


def gated(prepared: Prepared, envelope: bytes, entry: int) -> Gated:
    """The answer, once the summary is in the log at ``entry``."""
    verdict = prepared.verdict
    return Gated(
        allowed=verdict.allowed,
        reasons=verdict.reasons,
        vsa=msgspec.json.decode(envelope),
        entry=entry,
        reused=prepared.entry is not None,
        artifact=verdict.artifact,
        name=verdict.name,
        environment=verdict.environment,
        policy=verdict.policy,
        version=verdict.version,
        digest=verdict.digest,
        at=verdict.at,
        until=verdict.until,
    )


def _need_short(environment: str) -> None:
    if len(environment) > ENVIRONMENT_CHARS_MAX:
        raise LimitPassed(
            "the name of an environment is too long", where="environment",
            expected=f"{ENVIRONMENT_CHARS_MAX} characters", got=str(len(environment)),
        )  # fmt: skip


class _Known(NamedTuple):
    """A summary that the log signed, and that counts."""

    entry: int
    predicate: dict[str, Any]


class Gate:
    """Decides over one log's graph; safe for several threads.

    words  tell which policy is in force, where none is named
    """

    def __init__(
        self,
        log: LogReader,
        graph: GraphReader,
        *,
        words: Words | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._graph, self._clock, self._elapsed = log, graph, clock, elapsed
        self._words = words or Words(self._content, Deciders)

    def decide(self, asked: Question) -> Decided:
        """A verdict each. Raises NotFound, Ambiguous, Malformed, LimitPassed, SettingError."""
        if not 0 < len(asked.artifacts) <= ARTIFACTS_MAX:
            raise LimitPassed(
                "a question about nothing, or too much", expected=f"1 to {ARTIFACTS_MAX} artifacts"
            )
        at = self._now() if asked.at is None else timestamps.canonical(asked.at, where="at")
        _need_short(asked.environment)
        if asked.as_of is not None and asked.as_of < 0:
            raise Malformed("a log size is not negative", where="as_of", got=str(asked.as_of))
        until = self._elapsed() + SECONDS_MAX
        wait_for_graph(self._graph, self._log)
        with self._graph.snapshot() as graph:
            need_size(asked.as_of, reached=graph.size, log=self._log)
            lens = graph.lens(as_of=asked.as_of)
            policy = self._asked_for(asked, graph, lens, at)
            told = []
            for one in asked.artifacts:
                self._need_before(until)
                looked = survey(graph, lens, one, also=[policy.digest], own=self._own)
                told.append(self._dossier(graph, lens, looked))
        verdicts = []
        for papers in told:
            self._need_before(until)
            verdicts.append(decide(policy, papers, environment=asked.environment, at=at))
        inputs = []
        if asked.explain:
            moment = timestamps.micros(at)
            inputs = [input_of(Case(one, asked.environment, moment)) for one in told]
        return Decided(verdicts=verdicts, inputs=inputs)

    def prepare(self, asked: GateRequest) -> Prepared:
        """The verdict of now, looked up if it can be, and what is to be signed. As ``decide``."""
        at = self._now()
        _need_short(asked.environment)
        wait_for_graph(self._graph, self._log)
        with self._graph.snapshot() as graph:
            lens = graph.lens()
            policy = self._asked_for(asked, graph, lens, at)
            looked = survey(graph, lens, asked.artifact, also=[policy.digest], own=self._own)
            statement = policies.to_statement(policy).decode()
            for known in self._known(graph, looked, policy, asked.environment, at):
                verdict = _verdict_of(known.predicate, looked, policy, asked.environment, graph)
                if not touched(
                    graph, looked, since=verdict.as_of, used=verdict.inputs, own=self._own
                ):
                    return Prepared(
                        verdict=verdict, policy=statement, summary=None, entry=known.entry
                    )
            told = self._dossier(graph, lens, looked)
            verdict = decide(policy, told, environment=asked.environment, at=at)
            summary = self._summary(verdict, graph).decode()
        return Prepared(verdict=verdict, policy=statement, summary=summary, entry=None)

    # -- what runs is asked about piece by piece (``watch``, ``standing``)

    @property
    def own(self) -> str:
        """The id of the key that signs what this log itself says."""
        return self._own

    @property
    def words(self) -> Words:
        """Which policy is in force where."""
        return self._words

    def in_force(self, environment: str = "") -> list[Standing]:
        """Which policies are in force now, everywhere or in one environment."""
        wait_for_graph(self._graph, self._log)
        with self._graph.snapshot() as graph:
            found = self._words.all_standing(graph, graph.lens(), self._now())
        return [one for one in found if environment in ("", one.environment)]

    def policy_of(self, digest: str, graph: Snapshot, lens: Lens) -> Policy:
        """A policy that the log holds. Raises NotFound."""
        return self._policy(digest, graph, lens)

    def verdict(
        self, looked: Survey, policy: Policy, environment: str, graph: Snapshot, lens: Lens, at: str
    ) -> Verdict:
        """What a policy says of what was looked at. Raises SettingError."""
        return decide(policy, self._dossier(graph, lens, looked), environment=environment, at=at)

    def summary(self, verdict: Verdict, graph: Snapshot) -> bytes:
        """The statement to sign. Raises Malformed for an artifact without a digest."""
        return self._summary(verdict, graph)

    def _asked_for(
        self, asked: Question | GateRequest, graph: Snapshot, lens: Lens, at: str
    ) -> Policy:
        said = asked.policy
        if said == "":
            said = need_standing(self._words, graph, lens, asked.environment, at).policy
        return self._policy(said, graph, lens)

    def _policy(self, said: dict[str, Any] | str, graph: Snapshot, lens: Lens) -> Policy:
        if not isinstance(said, str):
            return policies.parse(said, where="policy")
        number = graph.numbers([said]).get(said)
        if number is not None:
            steps = graph.steps([number], lens, up=False, only=DESCRIBES, rows_max=ROWS_MAX)
            judged = graph.judgements({step.first for step in steps}, lens)
            # Whoever recorded it: the door takes no statement about another policy than it holds.
            for entry in sorted(e for e, one in judged.items() if one.kind == "policy"):
                found = statement_in(self._content(entry) or b"")
                if found is not None and found[0] == policies.PREDICATE_TYPE:
                    policy = policies.parse(found[1], where=f"entry {entry}")
                    if policy.digest == said:
                        return policy
        raise NotFound(
            "the log holds no such policy", got=said,
            do="Give its file or folder, or record it first: wherefrom policy record",
        )  # fmt: skip

    def _known(
        self, graph: Snapshot, looked: Survey, policy: Policy, environment: str, at: str
    ) -> Iterator[_Known]:
        """Summaries by this log of just that which still count, the newest first."""
        about = graph.numbers([subject_of(looked.artifact, looked.digests) or ""]).values()
        newest = sorted(looked.signed, key=lambda n: looked.documents[n][0], reverse=True)
        for number in newest:
            judged, (entry, of) = looked.signed[number].judgement, looked.documents[number]
            # What was decided of its index was decided of something else.
            if of not in about or not slsa.is_vsa(judged.type):
                continue
            if self._own not in judged.signers or judged.level not in TRUSTED:
                continue
            found = statement_in(self._content(entry) or b"")
            predicate = None if found is None else found[1]
            if (
                value_at(predicate, "policy.digest") == digest_set(policy.digest)
                and value_at(predicate, "wherefrom.environment") == environment
                and str(value_at(predicate, "wherefrom.validUntil")) > at
            ):
                assert predicate is not None
                yield _Known(entry, predicate)

    def _summary(self, verdict: Verdict, graph: Snapshot) -> bytes:
        """The verdict as a statement. Raises Malformed for an artifact without a digest."""
        documents = {
            entry: number
            for entry in verdict.inputs
            if (number := graph.document(entry)) is not None
        }
        ids = graph.ids(sorted(documents.values()))
        if missing := [entry for entry in verdict.inputs if entry not in documents]:
            raise Malformed("a record that was used is gone", got=f"entry {missing[0]}")
        subject = verdict.subject
        if subject is None:
            raise Malformed(
                "no digest names it, so nothing can be signed about it", got=verdict.artifact,
                do="Ask about it by its digest",
            )  # fmt: skip
        levels = (f"SLSA_BUILD_LEVEL_{verdict.level}",) if verdict.level else ()
        return vsa.to_statement(
            vsa.Summary(
                artifact=subject,
                resource=f"{verdict.name}@{subject}" if verdict.name else subject,
                verifier=f"urn:wherefrom:log:{verdict.log.origin}",
                program=__version__,
                at=verdict.at,
                until=verdict.until,
                policy=f"urn:wherefrom:policy:{verdict.policy}:{verdict.version}",
                policy_digest=verdict.digest,
                environment=verdict.environment,
                allowed=verdict.allowed,
                levels=(*levels, f"WHEREFROM_{verdict.policy}"),
                inputs=[vsa.Input(entry, ids[number]) for entry, number in documents.items()],
                reasons=[msgspec.to_builtins(one) for one in verdict.reasons],
                origin=verdict.log.origin,
                size=verdict.as_of,
                root=verdict.log.root,
            )
        )

    def _dossier(self, graph: Snapshot, lens: Lens, looked: Survey) -> Dossier:
        return dossier(graph, lens, looked, self._content, self._producer)

    def _content(self, entry: int) -> bytes | None:
        self._log.refresh()
        return self._log.record(entry).content

    def _producer(self, index: int) -> str | None:
        self._log.refresh()
        return entries.parse(self._log.record(index).entry).producer

    @cached_property
    def _own(self) -> str:
        """The id of the key that signs what this log itself says."""
        return service_key_id(self._log)

    def _need_before(self, until: float) -> None:
        if self._elapsed() > until:
            raise LimitPassed(
                "a question takes too long", expected=f"{SECONDS_MAX:g} s for all artifacts",
                do="Ask about fewer of them at once",
            )  # fmt: skip

    def _now(self) -> str:
        return timestamps.to_text(self._clock())


def _verdict_of(
    predicate: dict[str, Any], looked: Survey, policy: Policy, environment: str, graph: Snapshot
) -> Verdict:
    """What a summary of ours says, as the verdict it was made of."""
    ours = predicate["wherefrom"]
    reasons = msgspec.convert(ours["reasons"], list[Reason])
    level = max(
        (int(one.removeprefix(_LEVEL)) for one in predicate["verifiedLevels"]
         if one.startswith(_LEVEL)), default=0,
    )  # fmt: skip
    names: Sequence[str] = sorted(graph.ids(sorted(looked.names)).values())
    return Verdict(
        allowed=predicate["verificationResult"] == "PASSED",
        artifact=looked.artifact,
        name=None if looked.start is None else looked.said[looked.start].name,
        subject=subject_of(looked.artifact, looked.digests),
        names=tuple(names),
        environment=environment,
        policy=policy.name,
        version=policy.version,
        digest=policy.digest,
        at=predicate["timeVerified"],
        until=ours["validUntil"],
        log=LogPosition(**ours["log"]),
        as_of=ours["log"]["size"],
        reasons=reasons,
        level=level,
        inputs=sorted({entry for one in reasons for entry in one.entries}),
    )

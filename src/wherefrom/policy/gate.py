"""Where the gate is asked: a policy, an artifact and an environment become a verdict.

    artifact ──graph──► dossier ──policy──► Verdict ──summary──► VSA, to be signed by the log

A verdict is of one log size, so it can be asked again of the same size, and is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from wherefrom import __version__
from wherefrom.errors import Malformed
from wherefrom.formats import policy as policies
from wherefrom.formats import timestamps, vsa
from wherefrom.formats.policy import Policy
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.log.reader import LogReader
from wherefrom.policy.decide import decide
from wherefrom.policy.verdict import Verdict
from wherefrom.query.dossier import dossier
from wherefrom.query.sizes import need_size
from wherefrom.views.graph import GraphReader

_SECOND = 1_000_000


class GateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked: may ``artifact`` go to ``environment``, by ``policy`` as a document?"""

    artifact: str
    policy: dict[str, Any]
    environment: str = ""
    at: str | None = None
    as_of: int | None = None


class Gate:
    """Decides over one log's graph; safe for several threads."""

    def __init__(
        self,
        log: LogReader,
        graph: GraphReader,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._log, self._graph, self._clock = log, graph, clock

    def decide(self, asked: GateRequest) -> Verdict:
        """The verdict. Raises NotFound, Ambiguous, Malformed, LimitPassed, SettingError."""
        policy = policies.parse(asked.policy, where="policy")
        at = timestamps.to_text(self._clock())
        if asked.at is not None:
            at = timestamps.canonical(asked.at, where="at")
        with self._graph.snapshot() as graph:
            need_size(asked.as_of, reached=graph.size, log=self._log)
            lens = graph.lens(as_of=asked.as_of)
            told = dossier(graph, lens, asked.artifact, self._content)
        return decide(policy, told, environment=asked.environment, at=at)

    def summary(self, verdict: Verdict, policy: Policy, *, resource: str) -> bytes:
        """The verdict as a statement, for the log to sign. Raises Malformed."""
        with self._graph.snapshot() as graph:
            documents = {
                entry: number
                for entry in verdict.inputs
                if (number := graph.document(entry)) is not None
            }
            ids = graph.ids(sorted(documents.values()))
        missing = [entry for entry in verdict.inputs if entry not in documents]
        if missing:
            raise Malformed("a record that was used is gone", got=f"entry {missing[0]}")
        levels = (f"SLSA_BUILD_LEVEL_{verdict.level}",) if verdict.level else ()
        return vsa.to_statement(
            vsa.Summary(
                artifact=verdict.artifact,
                resource=resource,
                verifier=f"urn:wherefrom:log:{verdict.log.origin}",
                program=__version__,
                at=verdict.at,
                until=of_micros(micros(verdict.at) + policy.valid_s * _SECOND),
                policy=f"urn:wherefrom:policy:{verdict.policy}:{verdict.version}",
                policy_digest=verdict.digest,
                environment=verdict.environment,
                allowed=verdict.allowed,
                levels=(*levels, f"WHEREFROM_{verdict.policy}"),
                inputs=[vsa.Input(entry, ids[number]) for entry, number in documents.items()],
                origin=verdict.log.origin,
                size=verdict.as_of,
                root=verdict.log.root,
            )
        )

    def _content(self, entry: int) -> bytes | None:
        self._log.refresh()
        return self._log.record(entry).content

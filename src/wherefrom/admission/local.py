"""A directory decides: its gate in this process, over its graph.

Nobody folds a directory that no server holds, so whoever opens one says how (``fold``); it is
called at each look, and does nothing where a server follows the log itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wherefrom.errors import Error
from wherefrom.formats.policy import Policy
from wherefrom.policy.gate import Gate, Question
from wherefrom.policy.verdict import Verdict
from wherefrom.query.answers import LogPosition, log_of
from wherefrom.views.graph import GraphReader


class LocalDecider:
    """Asks one gate; ``graph`` is the one it decides over."""

    def __init__(
        self, gate: Gate, graph: GraphReader, *, fold: Callable[[], None] = lambda: None
    ) -> None:
        self._gate, self._graph, self._fold = gate, graph, fold

    def decide(
        self, policy: Policy, artifacts: Sequence[str], environment: str
    ) -> list[Verdict | Error]:
        """As ``Decider``."""
        document = policy.to_document()
        return [self._one(document, artifact, environment) for artifact in artifacts]

    def _one(self, policy: dict[str, object], artifact: str, environment: str) -> Verdict | Error:
        try:
            asked = Question(artifacts=(artifact,), policy=policy, environment=environment)
            (verdict,) = self._gate.decide(asked).verdicts
            return verdict
        except Error as error:
            return error

    def reached(self) -> LogPosition:
        """As ``Decider``."""
        self._fold()
        with self._graph.snapshot() as snapshot:
            return log_of(snapshot)

"""What a cluster let in or kept out, as records: each decision once, in the background.

    image, verdict ──new?──► formats.admission_record ──► Outbox ──► the log

The same decision again (same digest, environment, policy and answer) is no news. A record is sent
by whoever has time, and never waited for; it is unsigned, so it counts as its token's word.

Sizes:  TOLD_MAX decisions are remembered; one that was forgotten is told again, and if it is of the
        same day the log knows it
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple, Protocol

from wherefrom.admission.deciding import CannotTell, No, Told, Yes
from wherefrom.formats import admission_record
from wherefrom.formats.policy import Policy

TOLD_MAX: Final = 50_000


class Outbox(Protocol):
    """Takes records, and waits for nothing: ``capture.outbox.Outbox``."""

    def put(self, record: bytes) -> None: ...


class _Decision(NamedTuple):
    artifact: str
    environment: str
    policy: str
    allowed: bool


class Decided:
    """Puts each new decision in an outbox; ``None`` for one that records nothing."""

    def __init__(self, outbox: Outbox | None, *, cluster: str) -> None:
        self._outbox = outbox
        self.cluster = cluster
        self._told: OrderedDict[_Decision, None] = OrderedDict()

    def tell(
        self, answer: Told, *, artifact: str, image: str, environment: str, policy: Policy,
        digest: str, day: str,
    ) -> bool:  # fmt: skip
        """Record a decision about ``artifact``, called ``image``; whether it is news."""
        if self._outbox is None or isinstance(answer, CannotTell):
            return False
        allowed = isinstance(answer, Yes)
        decision = _Decision(artifact, environment, digest, allowed)
        known = decision in self._told
        self._told[decision] = None
        self._told.move_to_end(decision)
        # The other answer is no longer the last one: it is news if it comes again.
        self._told.pop(decision._replace(allowed=not allowed), None)
        if known:
            return False
        while len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)
        said = admission_record.Decision(
            artifact=artifact,
            image=image,
            cluster=self.cluster,
            policy=(policy.name, policy.version),
            policy_digest=digest,
            environment=environment,
            allowed=allowed,
            reasons=[why[:2] for why in answer.reasons] if isinstance(answer, No) else [],
            day=day,
        )
        self._outbox.put(admission_record.to_statement(said))
        return True

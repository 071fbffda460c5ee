"""Whether enough witnesses cosigned a checkpoint, and which.

    note + policy ──► Witnessed(by paris and oslo, of 3, "2 of paris, oslo, quito", reached)

Source: C2SP tlog-policy
"""

from __future__ import annotations

import msgspec

from wherefrom.errors import ProofError
from wherefrom.formats.note import Note
from wherefrom.formats.tlog_policy import Policy
from wherefrom.keys.cosignatures import check_cosignatures


class Witnessed(msgspec.Struct, frozen=True):
    """Who cosigned a checkpoint, as a policy counts it.

    by       names of the policy's witnesses whose cosignatures hold, in its order
    of       how many witnesses the policy has
    quorum   what it asks for, in words
    reached  whether they are enough
    """

    by: list[str]
    of: int
    quorum: str
    reached: bool

    def says(self) -> str:
        """``2 of 3 witnesses: paris, oslo; the quorum is 2 of paris, oslo, quito``"""
        named = f": {', '.join(self.by)}" if self.by else ""
        return f"{len(self.by)} of {self.of} witnesses{named}; the quorum is {self.quorum}"


def witnessed(signed: Note, policy: Policy) -> Witnessed:
    """Count the cosignatures of a checkpoint. Raises SignatureError for a wrong one of a witness.

    Cosigners that the policy does not name are passed over.
    """
    found = check_cosignatures(signed, [w.key for w in policy.witnesses.values()])
    by = [name for name, witness in policy.witnesses.items() if witness.key in found]
    return Witnessed(
        by=[shown(name) for name in by],
        of=len(policy.witnesses),
        quorum=shown(policy.says_quorum()),
        reached=policy.is_reached(by),
    )


def none_of(policy: Policy) -> Witnessed:
    """What is to be said before anything is cosigned."""
    return Witnessed([], len(policy.witnesses), shown(policy.says_quorum()), False)


def need_quorum(signed: Note, policy: Policy) -> Witnessed:
    """The same, once it is enough. Raises ProofError, SignatureError."""
    found = witnessed(signed, policy)
    if not found.reached:
        raise ProofError(
            "too few witnesses cosigned the checkpoint",
            expected=found.quorum,
            got=f"{len(found.by)} of {found.of}: {', '.join(found.by) or 'nobody'}",
            do="Ask for newer evidence; if that lacks them too, the log may show you a history "
            "that its witnesses do not know",
        )
    return found


def shown(name: str) -> str:
    """A name of a policy as text; its bytes need not be UTF-8."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

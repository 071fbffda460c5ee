"""A verdict becomes a record: the policy it is by, and a summary that the log signs.

Prepared ──► Recorder.vouch(policy), vouch(summary) ──► Gated
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherefrom.collect.principals import Principal
from wherefrom.errors import Unavailable
from wherefrom.policy.gate import Gated, Prepared, gated

if TYPE_CHECKING:
    from wherefrom.log.recorder import Recorder  # the reader holds nothing that writes


def vouched_for(prepared: Prepared, recorder: Recorder, *, principal: Principal) -> Gated:
    """Record what was prepared, unless a summary that counts is there. Raises NotAllowed."""
    if prepared.summary is None:
        assert prepared.entry is not None
        content = recorder.writer.record(prepared.entry).content
        if content is None:
            raise Unavailable("the summary was erased just now", do="Ask again")
        return gated(prepared, content, prepared.entry)
    recorder.vouch(prepared.policy.encode(), principal=principal)
    done = recorder.vouch(prepared.summary.encode(), principal=principal)
    return gated(prepared, done.content, done.entry)

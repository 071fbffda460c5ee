"""What the judgement gives to the log. Only ``verify.judge`` makes one.

    Collected ──► judge ──► Verified ──► log.append

A path that skips the judgement does not type-check, for the log takes nothing else.
"""

from __future__ import annotations

import msgspec

from wherefrom.formats.entry import Trust


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """One record, heard and judged.

    content   the exact bytes to keep
    digest    SHA-256 of ``content``, 32 bytes; finds the same content again
    kind      of ``entry.ENTRY_KINDS``
    type      media type, predicate type or event type
    trust     the level at the door and the keys that signed
    producer  ``p:…``, ``local:<uid>`` or ``self``
    occurred  when it happened, or None; ``received`` when we heard (27-byte UTC text)
    facts     what it says, packed, for whoever folds it next; None if they must read it again
    """

    content: bytes
    digest: bytes
    kind: str
    type: str
    trust: Trust
    producer: str
    received: str
    occurred: str | None = None
    facts: bytes | None = None

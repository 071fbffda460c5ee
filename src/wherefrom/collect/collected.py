"""What the door gives: one record, recognised and allowed, not yet believed.

    bytes + Principal ──► collect ──► Collected ──► verify

The door limits, recognises, reads the facts, and asks the principal's scopes. It never edits: the
content is the sender's bytes, exactly.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from wherefrom.collect.principals import Principal
from wherefrom.errors import LimitPassed, Unsupported
from wherefrom.formats.batch import Batched
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import Signed, read

CONTENT_BYTES_MAX: Final = 64 * 1024 * 1024


class Collected(msgspec.Struct, frozen=True, kw_only=True):
    """One record at the door.

    content   the exact bytes; ``digest`` is their SHA-256
    format    the name of the format that knew it
    facts     what it says
    envelope  what was parsed, if the record itself carries signatures that are judged
    batched   the wrapper it came in, if it was signed with others; ``content`` is the wrapper's
    received  when we heard, 27-byte UTC text
    """

    content: bytes
    digest: bytes
    format: str
    facts: Facts
    principal: Principal
    received: str
    envelope: Signed | None = None
    batched: Batched | None = None


def collect(
    content: bytes,
    *,
    principal: Principal,
    received: str,
    only: str | None = None,
    content_bytes_max: int = CONTENT_BYTES_MAX,
) -> Collected:
    """Recognise one record and read its facts; ``only`` names the one format that is taken.

    Raises the fitting ``Refused``.
    """
    if len(content) > content_bytes_max:
        raise LimitPassed(
            "a record is too large",
            expected=f"content_bytes_max {content_bytes_max}",
            got=f"{len(content)} bytes",
        )
    digest = hashlib.sha256(content).digest()
    recognised = read(content, document_id="sha256:" + digest.hex())
    if only is not None and recognised.format != only:
        raise Unsupported(
            "another kind of record is expected here", expected=only, got=recognised.format
        )
    principal.need_may_send(recognised.facts)
    return Collected(
        content=content,
        digest=digest,
        format=recognised.format,
        facts=recognised.facts,
        principal=principal,
        received=received,
        envelope=recognised.envelope,
        batched=recognised.batched,
    )

"""What is kept of a log that is followed, beside the copy of it.

Source: docs/decisions/0023-federation.md
"""

from __future__ import annotations

from typing import Final

import msgspec

from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.note import VerifierKey
from wherefrom.log.monitor import Seen

# Enough to be told; a log that withholds more is in no better a state.
WITHHELD_MAX: Final = 1_000


class Follow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a log that is followed, beside the copy.

    url, vkey  where it is, and the key that was given for it
    token      with which its contents may be read, or None
    seen       what was seen of it last (``monitor``), or None before the first look
    trouble    why it is not followed any further, or empty; ``forked``: for ever
    looked     when it was last looked at, as entries write times
    held       entries of the copy that all was done for, also what they erased
    withheld   those whose contents were not given, though nothing says that they are erased
    """

    url: str
    vkey: str
    token: str | None = None
    seen: Seen | None = None
    trouble: str = ""
    forked: bool = False
    looked: str | None = None
    held: int = 0
    withheld: tuple[int, ...] = ()

    @property
    def key(self) -> VerifierKey:
        """The key that was given."""
        return notes.parse_verifier_key(self.vkey)

    def keys(self) -> list[VerifierKey]:
        """That, and those that it has named since."""
        later = self.seen.keys if self.seen is not None else ()
        return [self.key, *map(notes.parse_verifier_key, later)]

    @property
    def tree(self) -> Checkpoint | None:
        """The newest checkpoint that was found good; None before the first look."""
        if self.seen is None:
            return None
        return checkpoints.parse(notes.parse(self.seen.note.encode()).text)

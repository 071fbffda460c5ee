"""What is kept of a log that is followed, beside the copy of it.

Source: docs/decisions/0023-federation.md
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from wherefrom.errors import NotAllowed
from wherefrom.formats import checkpoint as checkpoints
from wherefrom.formats import note as notes
from wherefrom.formats.checkpoint import Checkpoint
from wherefrom.formats.log_keys import NamedKey
from wherefrom.formats.note import VerifierKey
from wherefrom.keys.log_keys import LogKey, LogKeys
from wherefrom.log.monitor import Seen
from wherefrom.log.own_keys import BEGINNING, OwnKeys

if TYPE_CHECKING:
    from wherefrom.keys.note_keys import NoteKey

# Enough to be told; a log that withholds more is in no better a state.
WITHHELD_MAX: Final = 1_000


class Follow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of a log that is followed, beside the copy.

    url, vkey  where it is, and the key that was given for it
    token      with which its contents may be read, or None
    seen       what was seen of it last (``monitor``), or None before the first look
    trouble    why it is not followed any further, or empty; ``forked``: for ever
    looked     when it was last looked at, as entries write times
    grown      when it was seen to have grown last: one that stopped looks like one with no news
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
    grown: str | None = None
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


class TheirKeys(OwnKeys):
    """The keys of a log that somebody else keeps: they check, and none of them can sign."""

    def __init__(self, folder: Path, *, follow: Callable[[], Follow]) -> None:
        super().__init__(folder, first=lambda: follow().key)
        self._follow = follow

    def read(self) -> LogKeys:
        """Those that were given or followed; since when each signs is not known here."""
        keys = self._follow().keys()
        named = tuple(LogKey(NamedKey(key, BEGINNING), "") for key in keys)
        return LogKeys(keys[0].name, named)

    def open(self, key: LogKey) -> NoteKey:
        """Raises NotAllowed: only those who keep a log sign for it."""
        raise NotAllowed(
            "only those who keep this log sign for it", got=key.key.to_text(),
            do=f"Ask its server: {self._follow().url}",
        )  # fmt: skip

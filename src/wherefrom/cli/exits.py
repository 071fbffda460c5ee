"""How a command ends: one table from the code of an error to the exit of the process.

    0  yes, proven, all recorded      2  misuse: the command, a setting or an id says too little
    1  a clear no                     3  the world failed: cannot tell

Source: INTERFACES, "Command line"; the codes are those of ``errors.py``
"""

from __future__ import annotations

from typing import Final

YES: Final = 0
NO: Final = 1
MISUSE: Final = 2
CANNOT_TELL: Final = 3
INTERRUPTED: Final = 130

EXITS: Final = {
    "refused": NO,
    "unsupported": NO,
    "malformed": NO,
    "limit": NO,
    "bad_signature": NO,
    "forbidden_field": NO,
    "not_allowed": NO,
    "proof": NO,
    "signature": NO,
    "corrupt": NO,
    "not_found": NO,
    "read_only": NO,
    "already_exists": NO,
    "ambiguous": MISUSE,
    "setting": MISUSE,
    "storage": CANNOT_TELL,
    "journal_failed": CANNOT_TELL,
    "fenced": CANNOT_TELL,
    "unavailable": CANNOT_TELL,
    "error": CANNOT_TELL,
}


def exit_of(code: str) -> int:
    """The exit for an error's code."""
    return EXITS.get(code, CANNOT_TELL)

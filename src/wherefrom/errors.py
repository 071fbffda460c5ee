"""The whole error tree, drawn once.

    Error
    ├── Refused                 this input may not enter the log (one record, never its neighbours)
    │   ├── Unsupported         a kind we do not read
    │   ├── Malformed           a kind we read, broken
    │   ├── LimitPassed         larger, deeper or longer than a setting allows
    │   ├── BadSignature        a signature that fails under a key we know
    │   ├── ForbiddenField      a field that policy keeps out
    │   └── NotAllowed          this principal may not send this
    ├── ProofError              a hash, path or root does not lead where it must
    ├── SignatureError          a note, envelope or checkpoint is not signed as claimed
    ├── Corrupt                 stored bytes are not what was stored
    ├── StorageError            the disk or store failed
    │   ├── JournalFailed       an append may or may not be durable: the writer stops for good
    │   ├── Fenced              another writer took over
    │   └── AlreadyExists       an immutable name is taken by other bytes
    ├── ReadOnly                a restored or held directory takes no writes
    ├── NotFound                no such id, entry, file or key
    ├── Ambiguous               an id that could be several things
    ├── SettingError            a setting, key or token file is wrong
    └── Unavailable             the world is not there, or too busy: try again

``code`` is stable and machine-readable; HTTP statuses and exit codes are given to codes in one
table in the doors (``api/problems.py``, ``cli/exits.py``). A slip of the caller stays a
``TypeError``, ``ValueError`` or ``IndexError``; a policy's "no" is a verdict, not an error.
"""

from __future__ import annotations

from typing import ClassVar, Final

GOT_CHARS_MAX: Final = 200
SAID_CHARS_MAX: Final = 1500


class Error(Exception):
    """What went wrong, where, what was expected, what came, and what to do next.

    what      one clause, lower case, no full stop
    where     the file, line, field (as a path such as ``subject[0].digest``) or address
    expected  what would have been right
    got       what came instead; shortened to GOT_CHARS_MAX, the two above to SAID_CHARS_MAX: all
              three may quote what came, and that may be megabytes
    do        the next step for the reader; without one, ``next_step`` is that of the class
    """

    code = "error"
    # What helps against any error of the class; the doors tell it where nothing closer is known.
    do_else: ClassVar[str] = "Try again; if it stays so, report it with this message"

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        got: object = None,
        do: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = None if where is None else _cut(where, SAID_CHARS_MAX)
        self.expected = None if expected is None else _cut(expected, SAID_CHARS_MAX)
        self.got = None if got is None else _short(got)
        self.do = do

    @property
    def next_step(self) -> str:
        """What to do next: never empty, so every error that a door tells ends with it."""
        return self.do or self.do_else

    def __str__(self) -> str:
        text = self.what
        if self.where:
            text += f", at {self.where}"
        wanted = [f"expected {self.expected}"] if self.expected else []
        wanted += [f"got {self.got}"] if self.got else []
        if wanted:
            text += ": " + ", ".join(wanted)
        if self.do:
            text += f". {self.do}"
        return text


def _short(got: object) -> str:
    return _cut(got if isinstance(got, str) else repr(got), GOT_CHARS_MAX)


def _cut(text: str, chars_max: int) -> str:
    if len(text) > chars_max:
        text = text[: chars_max - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class Refused(Error):
    """This input may not enter the log; what is already accepted is untouched."""

    code = "refused"
    do_else = "Mend the record and send it again; all others stand"


class Unsupported(Refused):
    """A kind of input that Wherefrom does not read."""

    code = "unsupported"
    do_else = "Send one of the kinds in docs/formats, or convert it to one first"


class Malformed(Refused):
    """A kind that Wherefrom reads, broken."""

    code = "malformed"
    do_else = "Mend what is named here and try again; docs/formats has an example of each kind"


class LimitPassed(Refused):
    """An input over a limit; the message names the limit."""

    code = "limit"
    do_else = "Send less at once, or split it; the limit is named here"


class BadSignature(Refused):
    """A signature that fails under a key we know."""

    code = "bad_signature"
    do_else = "Have it signed again with a key that is trusted: wherefrom keys list"


class ForbiddenField(Refused):
    """A field that policy keeps out of the log."""

    code = "forbidden_field"
    do_else = "Leave the field out, or redact it, before it is signed and sent"


class NotAllowed(Refused):
    """The principal may not send this kind, producer or namespace."""

    code = "not_allowed"
    do_else = "Ask an administrator of the log; wherefrom tokens list shows who may do what"


class ProofError(Error):
    """A proof does not lead to the root it must lead to."""

    code = "proof"
    do_else = "Fetch the entry, the path and the checkpoint again, from one log"


class SignatureError(Error):
    """Signed text or an envelope is not signed as it must be."""

    code = "signature"
    do_else = "Get the signed text again from its source, and check whose key is expected"


class Corrupt(Error):
    """Stored bytes are not the bytes that were stored."""

    code = "corrupt"
    do_else = "Run wherefrom log audit to see all that is damaged, then wherefrom log recover"


class StorageError(Error):
    """The store could not read or write."""

    code = "storage"
    do_else = "Look at the disk, its space and the permissions: wherefrom doctor"


class JournalFailed(StorageError):
    """An append may or may not be durable; the writer stops and never acknowledges again."""

    code = "journal_failed"
    do_else = "Look at the disk, then start the server again; what was acknowledged is kept"


class Fenced(StorageError):
    """Another writer holds the log; this one lost."""

    code = "fenced"
    do_else = "Use the writer that took over; two on one log can never both go on"


class AlreadyExists(StorageError):
    """An immutable name already holds other bytes."""

    code = "already_exists"
    do_else = "Use another name, or compare the two: what is there is never overwritten"


class ReadOnly(Error):
    """The log takes no writes now; the message says why and what lifts it."""

    code = "read_only"
    do_else = "Start it with a newer checkpoint of this log: wherefrom up --extends FILE"


class NotFound(Error):
    """Nothing has this id, index, name or path."""

    code = "not_found"
    do_else = "Look for it by a part of its name: wherefrom find TEXT"


class Ambiguous(Error):
    """A prefix or name that several things share."""

    code = "ambiguous"
    do_else = "Give more of the id, or the whole of it"


class SettingError(Error):
    """A setting, key file or token file is wrong."""

    code = "setting"
    do_else = "Mend the setting, then look at all of them: wherefrom doctor"


class Unavailable(Error):
    """A server, store or queue cannot answer now; trying again later may help."""

    code = "unavailable"
    do_else = "Try again in a moment; wherefrom doctor tells what is down"

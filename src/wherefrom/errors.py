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

from typing import Final

GOT_CHARS_MAX: Final = 200
SAID_CHARS_MAX: Final = 1500


class Error(Exception):
    """What went wrong, where, what was expected, what came, and what to do next.

    what      one clause, lower case, no full stop
    where     the file, line, field (as a path such as ``subject[0].digest``) or address
    expected  what would have been right
    got       what came instead; shortened to GOT_CHARS_MAX, the two above to SAID_CHARS_MAX: all
              three may quote what came, and that may be megabytes
    do        the next step for the reader
    """

    code = "error"

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


class Unsupported(Refused):
    """A kind of input that Wherefrom does not read."""

    code = "unsupported"


class Malformed(Refused):
    """A kind that Wherefrom reads, broken."""

    code = "malformed"


class LimitPassed(Refused):
    """An input over a limit; the message names the limit."""

    code = "limit"


class BadSignature(Refused):
    """A signature that fails under a key we know."""

    code = "bad_signature"


class ForbiddenField(Refused):
    """A field that policy keeps out of the log."""

    code = "forbidden_field"


class NotAllowed(Refused):
    """The principal may not send this kind, producer or namespace."""

    code = "not_allowed"


class ProofError(Error):
    """A proof does not lead to the root it must lead to."""

    code = "proof"


class SignatureError(Error):
    """Signed text or an envelope is not signed as it must be."""

    code = "signature"


class Corrupt(Error):
    """Stored bytes are not the bytes that were stored."""

    code = "corrupt"


class StorageError(Error):
    """The store could not read or write."""

    code = "storage"


class JournalFailed(StorageError):
    """An append may or may not be durable; the writer stops and never acknowledges again."""

    code = "journal_failed"


class Fenced(StorageError):
    """Another writer holds the log; this one lost."""

    code = "fenced"


class AlreadyExists(StorageError):
    """An immutable name already holds other bytes."""

    code = "already_exists"


class ReadOnly(Error):
    """The log takes no writes now; the message says why and what lifts it."""

    code = "read_only"


class NotFound(Error):
    """Nothing has this id, index, name or path."""

    code = "not_found"


class Ambiguous(Error):
    """A prefix or name that several things share."""

    code = "ambiguous"


class SettingError(Error):
    """A setting, key file or token file is wrong."""

    code = "setting"


class Unavailable(Error):
    """A server, store or queue cannot answer now; trying again later may help."""

    code = "unavailable"

"""Who is asking, and what they may do: bearer tokens, stored as hashes, with scopes.

    Authorization: Bearer wf_… ──► SHA-256 ──► Token ──► Principal ──► may_send(facts)

A token is 32 random bytes, so one SHA-256 is enough: there is nothing to guess. Nobody is
anonymous: without a token there is no principal, and a process that opens the directory itself
is ``local:<uid>``.

Sizes:  a token is ``wf_`` and 43 characters
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from wherefrom.errors import NotAllowed, NotFound, SettingError
from wherefrom.formats.facts import Facts

ROLES: Final = ("read", "record", "admin")
_PREFIX: Final = "wf_"
LOOK_EVERY_SECONDS: Final = 0.5


class Principal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Someone authenticated. Empty scopes allow everything; an entry ending in ``*`` a prefix.

    name        as given when the token was made, or ``local:<uid>``
    roles       of ``ROLES``; ``admin`` may do all
    kinds       entry kinds it may send
    producers   what a record may say made it
    namespaces  job and dataset namespaces a record may speak of
    """

    name: str
    roles: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    producers: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()

    def need(self, role: str) -> None:
        """Raises NotAllowed unless this principal has ``role``."""
        if role not in self.roles and "admin" not in self.roles:
            raise NotAllowed(
                f"{self.name} may not do this",
                expected=f"a token with the role {role}",
                got="roles " + " ".join(self.roles),
                do=f"Ask an administrator for one: wherefrom tokens new NAME --role {role}",
            )

    def need_may_send(self, facts: Facts) -> None:
        """Raises NotAllowed unless every scope covers what these facts speak of."""
        self.need("record")
        _need_covered("kind", self.kinds, (facts.kind,), self.name)
        _need_covered("producer", self.producers, facts.producers, self.name)
        _need_covered("namespace", self.namespaces, facts.namespaces, self.name)


def _need_covered(what: str, scope: Sequence[str], said: Iterable[str], name: str) -> None:
    for value in said if scope else ():
        if not any(value == s or (s.endswith("*") and value.startswith(s[:-1])) for s in scope):
            raise NotAllowed(
                f"the token of {name} does not cover this {what}",
                expected=" or ".join(scope),
                got=value,
                do="Send what it covers, or ask an administrator for another: wherefrom tokens new",
            )


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the token file: a principal, and the hash that opens it.

    check  first digits of the SHA-256 of the rest: a bit that flips must not widen a scope; empty
           in a file of an earlier version
    """

    id: str
    sha256: str
    principal: Principal
    check: str = ""

    def checked(self) -> Token:
        """With the ``check`` that fits."""
        written = msgspec.json.encode([self.id, self.sha256, self.principal])
        return msgspec.structs.replace(self, check=hashlib.sha256(written).hexdigest()[:16])


def local(uid: int) -> Principal:
    """The principal of a process that holds the directory itself."""
    return Principal(name=f"local:{uid}", roles=("admin",))


def producer_of(principal: Principal, *, key: bytes) -> str:
    """What an entry says of a principal: ``local:<uid>``, or a keyed hash that only we can link."""
    if principal.name.startswith("local:"):
        return principal.name
    return "p:" + hmac.new(key, principal.name.encode(), hashlib.sha256).hexdigest()[:32]


class TokenFile:
    """Tokens in one JSON file (mode 0600), read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._tokens: dict[str, Token] = {}
        self._looked = 0.0

    def authenticate(self, bearer: str) -> Principal | None:
        """The principal of a bearer token, or None if nobody has it.

        A token that another process made is known at once; one taken back is refused within
        LOOK_EVERY_SECONDS. Raises SettingError for a broken file.
        """
        digest = _sha256(bearer)
        if digest not in self._tokens or time.monotonic() - self._looked > LOOK_EVERY_SECONDS:
            self._load()
        token = self._tokens.get(digest)
        return token.principal if token else None

    def add(self, principal: Principal) -> tuple[str, Token]:
        """Make a token; its text is shown once and never stored. Raises SettingError."""
        unknown = set(principal.roles) - set(ROLES)
        if unknown or not principal.roles or not principal.name:
            raise SettingError(
                "a token needs a name and roles",
                expected=" ".join(ROLES),
                got=sorted(unknown),
                do="Give it a name, and --role of these",
            )
        if principal.name.startswith("local:"):
            raise SettingError(
                "a token's name may not begin with local:",
                got=principal.name,
                do="Give it another name",
            )
        text = _PREFIX + secrets.token_urlsafe(32)
        digest = _sha256(text)
        token = Token(id=digest[:8], sha256=digest, principal=principal)
        with self._changing():
            self._save([*self._tokens.values(), token])
        return text, self._tokens[digest]

    def revoke(self, id: str) -> Token:
        """Take a token back. Raises NotFound."""
        with self._changing():
            gone = [t for t in self._tokens.values() if t.id == id]
            if not gone:
                raise NotFound("no such token", got=id, do="See: wherefrom tokens list")
            self._save([t for t in self._tokens.values() if t.id != id])
        return gone[0]

    def list(self) -> Sequence[Token]:
        """Every token, oldest first."""
        self._load()
        return list(self._tokens.values())

    def _load(self) -> None:
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino)
            if seen != self._seen:
                tokens = msgspec.json.decode(self._path.read_bytes(), type=list[Token])
                for token in tokens:
                    if token.check and token != token.checked():
                        raise ValueError(f"the token {token.id} was changed")
                self._tokens, self._seen = {t.sha256: t for t in tokens}, seen
        except FileNotFoundError:
            self._tokens, self._seen = {}, None
        except (OSError, ValueError) as error:
            raise SettingError(
                "the token file is broken",
                where=str(self._path),
                got=str(error),
                do="Restore it, or remove it and make new tokens: wherefrom tokens new",
            ) from error
        self._looked = time.monotonic()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time: two that read the same file would undo each other's."""
        with open(self._path.with_suffix(".lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._load()
            yield

    def _save(self, tokens: Sequence[Token]) -> None:
        try:
            checked = [token.checked() for token in tokens]
        except UnicodeEncodeError as error:
            raise SettingError(
                "a name or scope that UTF-8 cannot hold",
                got=str(error),
                do="Write it in letters that UTF-8 has",
            ) from error
        written = msgspec.json.format(msgspec.json.encode(checked), indent=1)
        write_secret(self._path, written.decode() + "\n")
        self._tokens, self._seen = {t.sha256: t for t in checked}, None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def write_secret(path: Path, text: str) -> None:
    """Write ``text`` for this user alone, whole or not at all."""
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(new, path)

"""Who may post to ``/v1/webhooks/ADAPTER`` without a token of ours: a secret of their own.

    DIR/webhooks.toml ──► Hook(name, adapter, secret, where) ──check──► Principal webhook:NAME

    [shop]
    adapter = "github"
    secret = "…"
    environment = "prod"     # fixed here, it cannot be another in the address

The secret must stand there in clear, because a signature is checked with the secret itself; so the
file is for this user alone, and one that others can read is not taken.

Sizes:  a secret 16 to 1,024 characters
Source: GitHub "Validating webhook deliveries", GitLab "Webhooks", LaunchDarkly "Signing webhooks",
        Flux "Generic webhook with HMAC"
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from wherefrom.collect.principals import LOOK_EVERY_SECONDS, Principal, write_secret
from wherefrom.errors import NotAllowed, NotFound, SettingError
from wherefrom.formats.states import Scope
from wherefrom.formats.webhooks import ADAPTERS

SECRET_CHARS_MIN: Final = 16
SECRET_CHARS_MAX: Final = 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PARTS: Final = Scope._fields


class Signing(NamedTuple):
    """How a sender shows that it knows the secret.

    header   in lower case; ``prefix`` is what stands before the digits in it
    is_hmac  it holds HMAC-SHA256 of the body in hexadecimal; else the secret itself
    query    for who can set no header: the parameter of the address that holds the secret
    """

    header: str
    prefix: str = ""
    is_hmac: bool = True
    query: str | None = None

    @property
    def place(self) -> str:
        """Where to look for it."""
        return self.header if self.query is None else f"?{self.query}="


# The adapters whose senders sign, or cannot send a token of ours.
SIGNING: Final[Mapping[str, Signing]] = {
    "github": Signing("x-hub-signature-256", "sha256="),
    "gitlab": Signing("x-gitlab-token", is_hmac=False),
    "launchdarkly": Signing("x-ld-signature"),
    "flux": Signing("x-signature", "sha256="),
    "google": Signing("", is_hmac=False, query="secret"),
    "azure": Signing("", is_hmac=False, query="secret"),
}


class Hook(NamedTuple):
    """One sender."""

    name: str
    adapter: str
    secret: str
    where: Scope = Scope()

    @property
    def principal(self) -> Principal:
        """Who it is at the door."""
        return Principal(name=f"webhook:{self.name}", roles=("record",))

    def place(self, said: Scope) -> Scope:
        """Where its deliveries are of. Raises NotAllowed if the address says something else than
        the file: no signature is over an address."""
        for part, fixed, other in zip(_PARTS, self.where, said, strict=True):
            if fixed and other and fixed != other:
                raise NotAllowed(
                    f"the webhook {self.name} is of another {part}", where=f"?{part}=",
                    expected=fixed, got=other,
                    do="Correct the sender's address, or the webhook's place in webhooks.toml",
                )  # fmt: skip
        return Scope(*(fixed or other for fixed, other in zip(self.where, said, strict=True)))


def check(hooks: Sequence[Hook], adapter: str, *, body: bytes, shown: str) -> Hook:
    """The hook that signed ``body``, or whose secret was shown.

    hooks  those of this adapter
    shown  what stands where ``SIGNING`` says

    Every secret is tried, and each comparison takes the same time. Raises NotAllowed.
    """
    signing = SIGNING[adapter]
    given = shown.removeprefix(signing.prefix).encode("utf-8", "surrogateescape")
    found = None
    for hook in hooks:
        secret = hook.secret.encode()
        right = secret
        if signing.is_hmac:
            right = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
        if hmac.compare_digest(right, given):
            found = hook
    if found is None or not shown.startswith(signing.prefix):
        raise NotAllowed(
            "the signature is not of this body under any secret of this adapter"
            if signing.is_hmac
            else "nobody has this secret",
            where=signing.place,
            do="Compare the secret of the sender with that in webhooks.toml",
        )
    return found


class HookFile:
    """The hooks of a directory, read again when the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._hooks: dict[str, Hook] = {}
        self._looked = 0.0

    def of(self, adapter: str) -> list[Hook]:
        """Those of an adapter. A change of the file is seen within LOOK_EVERY_SECONDS.

        Raises SettingError for a file that is broken, or that others can read.
        """
        if time.monotonic() - self._looked > LOOK_EVERY_SECONDS:
            self._load()
        return [hook for hook in self._hooks.values() if hook.adapter == adapter]

    def list(self) -> Sequence[Hook]:
        """Every hook, in the order of the file."""
        self._load()
        return list(self._hooks.values())

    def add(self, name: str, adapter: str, where: Scope, *, secret: str | None = None) -> Hook:
        """Make a hook, with a new secret unless one is given. Raises SettingError."""
        hook = _checked(Hook(name, adapter, secret or secrets.token_urlsafe(32), where), self._path)
        self._load()
        if name in self._hooks:
            raise SettingError(
                "there is a webhook of this name",
                got=name,
                do="Give it another name, or remove that one: wherefrom webhooks remove",
            )
        self._save([*self._hooks.values(), hook])
        return hook

    def remove(self, name: str) -> Hook:
        """Take a hook back. Raises NotFound."""
        self._load()
        gone = self._hooks.get(name)
        if gone is None:
            raise NotFound("no such webhook", got=name, do="See: wherefrom webhooks list")
        self._save([hook for hook in self._hooks.values() if hook.name != name])
        return gone

    def _load(self) -> None:
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino)
            if seen != self._seen:
                if stat.st_mode & 0o077:
                    raise SettingError(
                        "others can read the secrets of webhooks", where=str(self._path),
                        expected="mode 0600", got=f"{stat.st_mode & 0o777:04o}",
                        do=f"chmod 600 {self._path}",
                    )  # fmt: skip
                self._hooks = _parse(self._path.read_text("utf-8"), self._path)
                self._seen = seen
        except FileNotFoundError:
            self._hooks, self._seen = {}, None
        except (OSError, ValueError) as error:
            raise SettingError(
                "the file of webhooks is broken",
                where=str(self._path),
                got=str(error),
                do="Mend it as TOML; wherefrom doctor names the line",
            ) from error
        self._looked = time.monotonic()

    def _save(self, hooks: Sequence[Hook]) -> None:
        lines = []
        for hook in hooks:
            said = {"adapter": hook.adapter, "secret": hook.secret, **hook.where._asdict()}
            lines.append(f"[{_quoted(hook.name)}]")
            lines += [f"{key} = {_quoted(text)}" for key, text in said.items() if text]
            lines.append("")
        write_secret(self._path, "\n".join(lines))
        self._hooks, self._seen = {hook.name: hook for hook in hooks}, None


def _quoted(text: str) -> str:
    """A basic string of TOML, which escapes as JSON does."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _parse(text: str, path: Path) -> dict[str, Hook]:
    found = {}
    for name, said in tomllib.loads(text).items():
        if not isinstance(said, dict) or not all(isinstance(v, str) for v in said.values()):
            raise SettingError(
                "a webhook is a table of texts",
                where=f"{path} [{name}]",
                do="Write it as wherefrom webhooks new does",
            )
        unknown = said.keys() - {"adapter", "secret", *_PARTS}
        if unknown:
            raise SettingError(
                "not a setting of a webhook", where=f"{path} [{name}]",
                expected=" ".join(("adapter", "secret", *_PARTS)), got=" ".join(sorted(unknown)),
                do="Take it out of the file",
            )  # fmt: skip
        where = Scope(**{part: said[part] for part in _PARTS if part in said})
        hook = Hook(name, said.get("adapter", ""), said.get("secret", ""), where)
        found[name] = _checked(hook, path)
    return found


def _checked(hook: Hook, path: Path) -> Hook:
    where = f"{path} [{hook.name}]"
    if not _NAME.fullmatch(hook.name):
        raise SettingError(
            "not a name for a webhook",
            expected="letters, digits, - . _",
            got=hook.name,
            do="Give it another name",
        )
    if hook.adapter not in SIGNING:
        do = "Others send a bearer token: wherefrom tokens new NAME --role record"
        raise SettingError(
            "no adapter with a secret of its own", where=where, expected=" ".join(SIGNING),
            got=hook.adapter, do=do if hook.adapter in ADAPTERS else None,
        )  # fmt: skip
    if not SECRET_CHARS_MIN <= len(hook.secret) <= SECRET_CHARS_MAX:
        raise SettingError(
            "a secret that is too short or too long", where=where,
            expected=f"{SECRET_CHARS_MIN} to {SECRET_CHARS_MAX} characters",
            got=f"{len(hook.secret)}",
            do="Make one: openssl rand -hex 32",
        )  # fmt: skip
    return hook

"""Which keys we know, since when, and what became of them: a fold over key records.

    KeyChange, KeyChange, … ──► Keyring ──► candidates(keyid) ──► PublicKey.check

A key stays in the ring for ever: retiring it stops new signatures from counting and leaves the
past valid; revoking it says it must not be believed. A ``keyid`` in an envelope is a hint that
orders the candidates; it never decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from wherefrom.errors import NotFound
from wherefrom.formats import base64_strict
from wherefrom.formats.own import KeyChange
from wherefrom.keys.public import PublicKey


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key and its state now: ``trusted``, ``retired`` or ``revoked``, since entry ``entry``."""

    id: str
    algorithm: str
    state: str
    names: tuple[str, ...]
    entry: int
    since: str | None
    reason: str


class Keyring:
    """Every key that a key record has named."""

    def __init__(self) -> None:
        self._keys: dict[str, PublicKey] = {}
        self._known: dict[str, KnownKey] = {}
        self._hints: dict[str, str] = {}
        self.changes: list[tuple[int, KeyChange]] = []

    def fold(self, entry: int, change: KeyChange) -> None:
        """Take the change that was logged at index ``entry``."""
        key = PublicKey(base64_strict.decode(change.spki, where="spki"), where="key record")
        state = {"trust": "trusted", "retire": "retired", "revoke": "revoked"}[change.action]
        before = self._known.get(key.id)
        names = tuple(dict.fromkeys([*(before.names if before else ()), *change.names]))
        self._keys[key.id] = key
        self._known[key.id] = KnownKey(
            id=key.id,
            algorithm=key.algorithm,
            state=state,
            names=names,
            entry=entry,
            since=change.since,
            reason=change.reason,
        )
        for hint in (key.id, hashlib.sha256(key.spki).hexdigest(), *names):
            self._hints[hint] = key.id
        self.changes.append((entry, change))

    def named(self, hint: str | None) -> PublicKey | None:
        """The key a ``keyid`` names: our id, SHA-256 (hex) of its SPKI, or a name given to it."""
        return self._keys.get(self._hints.get(hint or "", ""))

    def candidates(self) -> Sequence[PublicKey]:
        """Keys whose new signatures count."""
        return [self._keys[k.id] for k in self._known.values() if k.state == "trusted"]

    def state(self, id: str) -> str:
        """``trusted``, ``retired`` or ``revoked``. Raises NotFound."""
        return self.get(id).state

    def get(self, hint: str) -> KnownKey:
        """A key by id, unique prefix of it, or name. Raises NotFound."""
        id = self._hints.get(hint)
        if id is None:
            near = [k for k in self._known if k.startswith(hint) and len(hint) >= 6]
            if len(near) != 1:
                raise NotFound(
                    "no such key",
                    got=hint,
                    expected="an id (k:…), a unique prefix of one, or a name",
                    do="See: wherefrom keys list",
                )
            id = near[0]
        return self._known[id]

    def public_key(self, id: str) -> PublicKey:
        """The key itself, by full id."""
        return self._keys[id]

    def list(self) -> Sequence[KnownKey]:
        """Every key, in the order they were first named."""
        return list(self._known.values())

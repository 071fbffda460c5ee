"""Which keys we know, since when, and what became of them: a fold over key records.

    KeyChange, KeyChange, … ──► Keyring ──► candidates(keyid) ──► PublicKey.check

A key stays in the ring for ever: retiring it stops new signatures from counting and leaves the
past valid; revoking it says it must not be believed. A ``keyid`` in an envelope is a hint that
orders the candidates; it never decides. An id is one key's; a name may be given to several, such
as the key before and after a rotation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from wherefrom.errors import Ambiguous, NotFound
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
        self._ids: dict[str, str] = {}
        self._names: dict[str, tuple[str, ...]] = {}
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
        for own in (key.id, hashlib.sha256(key.spki).hexdigest()):
            self._ids[own] = key.id
        for name in names:
            self._names[name] = tuple(dict.fromkeys([*self._names.get(name, ()), key.id]))
        self.changes.append((entry, change))

    def named(self, hint: str | None) -> Sequence[PublicKey]:
        """The keys a ``keyid`` may mean: by our id or the SHA-256 (hex) of its SPKI one key, by a
        name every key it was given to; none for a hint we do not know.
        """
        if not hint:
            return ()
        id = self._ids.get(hint)
        return [self._keys[i] for i in ((id,) if id else self._names.get(hint, ()))]

    def candidates(self) -> Sequence[PublicKey]:
        """Keys whose new signatures count."""
        # Copied first: another thread may fold a change meanwhile.
        return [self._keys[k.id] for k in tuple(self._known.values()) if k.state == "trusted"]

    def state(self, id: str) -> str:
        """``trusted``, ``retired`` or ``revoked``. Raises NotFound."""
        return self.get(id).state

    def get(self, hint: str) -> KnownKey:
        """A key by id, prefix of it, or name. Raises NotFound, or Ambiguous if several have it."""
        id = self._ids.get(hint)
        found = [id] if id else list(self._names.get(hint, ()))
        if not found and len(hint) >= 6:
            found = [k for k in tuple(self._known) if k.startswith(hint)]
        if len(found) > 1:
            raise Ambiguous("several keys have this name", got=hint, expected=" or ".join(found))
        if not found:
            raise NotFound(
                "no such key",
                got=hint,
                expected="an id (k:…), a unique prefix of one, or a name",
                do="See: wherefrom keys list",
            )
        return self._known[found[0]]

    def public_key(self, id: str) -> PublicKey:
        """The key itself, by full id."""
        return self._keys[id]

    def list(self) -> Sequence[KnownKey]:
        """Every key, in the order they were first named."""
        return list(self._known.values())

"""Which keys we know, since when, and what became of them: a fold over key records.

    KeyChange, KeyChange, … ──► Keyring ──► why_not(key, Signing) ──► None: its signature counts

A key stays in the ring for ever, and a signature is judged at the time that is proven for it, never
now: retiring a key ends its window and leaves the past valid; revoking it says that nothing it
signed is believed, or nothing from some moment on. A ``keyid`` in an envelope is a hint that orders
the candidates; it never decides. An id is one key's; a name may be given to several, such as the
key before and after a rotation.

Source: docs/formats/own-records.md, docs/decisions/0013-key-history.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import msgspec

from wherefrom.errors import Ambiguous, BadSignature, NotAllowed, NotFound, Refused
from wherefrom.formats import base64_strict, own
from wherefrom.formats.facts import Facts, subjects
from wherefrom.formats.own import Administrators, Change, KeyChange
from wherefrom.formats.patterns import any_matches
from wherefrom.keys.public import PublicKey

STATES: Final = {"trust": "active", "retire": "retired", "revoke": "revoked"}


class KnownKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key and its state now: ``active``, ``retired`` or ``revoked``, since entry ``entry``.

    spki                  base64 SubjectPublicKeyInfo (DER)
    valid_from, valid_to  the first moment it counts, and the first at which it no longer does
    compromised_since     of a revoked key; None if nothing it ever signed is believed
    kinds, scopes         what it may sign; empty for everything
    replaces              id of the key before it
    """

    id: str
    algorithm: str
    spki: str
    state: str
    names: tuple[str, ...]
    entry: int
    since: str | None
    reason: str
    owner: str = ""
    valid_from: str | None = None
    valid_to: str | None = None
    compromised_since: str | None = None
    kinds: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    replaces: str | None = None


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The keyring as it is told to people.

    keyring         its digest, which a change names that others are to sign
    administrators  who must agree to a change; None while the service key alone decides
    """

    keys: list[KnownKey]
    keyring: str
    administrators: Administrators | None


class KeyHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A key, and every change that the log holds of it, oldest first."""

    key: KnownKey
    changes: list[Changed]


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a key, and the entry that says it."""

    entry: int
    change: KeyChange


class Signing(NamedTuple):
    """What a signature is judged by: the time that is proven for it, and what it is over."""

    at: str
    facts: Facts | None = None


class Keyring:
    """Every key that a key record has named."""

    def __init__(self) -> None:
        self._keys: dict[str, PublicKey] = {}
        self._known: dict[str, KnownKey] = {}
        self._ids: dict[str, str] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self.changes: list[tuple[int, KeyChange | Administrators]] = []
        self.administrators: Administrators | None = None
        self.digest = ""

    def fold(self, entry: int, change: KeyChange | Administrators) -> None:
        """Take the change that was logged at index ``entry``."""
        if isinstance(change, Administrators):
            self.administrators = change
        else:
            self._fold_key(entry, change)
        self.changes.append((entry, change))
        written = f"{self.digest} {entry} ".encode() + own.to_payload(change)
        self.digest = hashlib.sha256(written).hexdigest()

    def _fold_key(self, entry: int, change: KeyChange) -> None:
        key = PublicKey(base64_strict.decode(change.spki, where="spki"), where="key record")
        before = self._known.get(key.id)
        names = tuple(dict.fromkeys([*(before.names if before else ()), *change.names]))
        self._keys[key.id] = key
        said = KnownKey(
            id=key.id,
            algorithm=key.algorithm,
            spki=change.spki,
            state=STATES[change.action],
            names=names,
            entry=entry,
            since=change.since,
            reason=change.reason,
            owner=change.owner,
            valid_from=change.valid_from,
            valid_to=change.valid_to,
            kinds=change.kinds,
            scopes=change.scopes,
            replaces=change.replaces,
        )
        if change.action != "trust":
            said = _ended(said, before, change)
        self._known[key.id] = said
        for own_id in (key.id, hashlib.sha256(key.spki).hexdigest()):
            self._ids[own_id] = key.id
        for name in names:
            self._names[name] = tuple(dict.fromkeys([*self._names.get(name, ()), key.id]))

    def named(self, hint: str | None) -> Sequence[PublicKey]:
        """The keys a ``keyid`` may mean: by our id or the SHA-256 (hex) of its SPKI one key, by a
        name every key it was given to; none for a hint we do not know.
        """
        if not hint:
            return ()
        id = self._ids.get(hint)
        return [self._keys[i] for i in ((id,) if id else self._names.get(hint, ()))]

    def candidates(self) -> Sequence[PublicKey]:
        """Keys that may count at some time: all but those of which nothing is believed."""
        # Copied first: another thread may fold a change meanwhile.
        return [
            self._keys[k.id]
            for k in tuple(self._known.values())
            if k.state != "revoked" or k.compromised_since
        ]

    def why_not(self, id: str, signing: Signing) -> Refused | None:
        """Why a signature by the key ``id`` does not count, as an error; None if it does."""
        known = self._known[id]
        if (why := _not_at(known, signing.at)) is not None:
            return BadSignature(
                why,
                where="signatures",
                got=f"a signature that is known to exist since {signing.at}",
                do="Sign with a key that counts now: wherefrom keys list",
            )
        if (known.kinds or known.scopes) and (why := _not_over(known, signing.facts)) is not None:
            return NotAllowed(
                why, where="signatures", do=f"See what it may sign: wherefrom keys show {id}"
            )
        return None

    def counts(self, id: str, at: str) -> bool:
        """Does this key count at a time, whatever it signs?"""
        return id in self._known and _not_at(self._known[id], at) is None

    # -- who may change a key

    def need_may_change(self, change: Change, signers: Collection[str], *, at: str) -> None:
        """Return if ``signers``, keys that signed ``change``, may decide it: of keys, of who may
        change them, or of intake rules.

        Until administrators are named, the service key alone may. Then ``threshold`` of them must
        sign, or the key that is spoken of: to retire or revoke itself, or to name the one that
        replaces it and may do no more. Raises NotAllowed, also if the ring is another than the one
        the change was signed for; or if an administrator's key would be one that is not trusted.
        """
        # Signed once, a change could otherwise be brought again after it was taken back.
        if (signers or change.keyring) and change.keyring != self.digest:
            raise NotAllowed(
                "the keys have changed since this was signed",
                where="keyring",
                expected=self.digest or "empty: no key was named yet",
                got=change.keyring or "none",
                do="Make the change anew, and let it be signed again",
            )
        if isinstance(change, Administrators):
            self._need_active(change)
        if self.administrators is None:
            return
        active = {id for id in signers if self.counts(id, at)}
        agreed = active & set(self.administrators.keys)
        if len(agreed) >= self.administrators.threshold:
            return
        if isinstance(change, KeyChange) and self._by_its_own(change, active):
            return
        raise NotAllowed(
            "too few administrators signed this change",
            expected=f"{self.administrators.threshold} of {' '.join(self.administrators.keys)}",
            got=" ".join(sorted(agreed)) or "none of them",
            do="Write it with --propose FILE; each signs: wherefrom keys approve FILE --key KEY",
        )

    def _need_active(self, change: Administrators) -> None:
        for id in change.keys:
            state = self._known[id].state if id in self._known else "unknown"
            if state != "active":
                raise NotAllowed(
                    "only a key that is trusted can be an administrator's",
                    where="keys",
                    got=f"{id}, {state}",
                    do="Trust it first: wherefrom keys trust",
                )

    def _by_its_own(self, change: KeyChange, active: Collection[str]) -> bool:
        assert self.administrators is not None
        if change.action != "trust":
            return change.key in active
        if change.replaces not in active or change.key in self._known:
            return False
        assert change.replaces is not None
        before = self._known[change.replaces]
        return (
            change.replaces not in self.administrators.keys
            and change.owner == before.owner
            and (change.kinds, change.scopes) == (before.kinds, before.scopes)
        )

    # -- questions

    def state(self, id: str) -> str:
        """``active``, ``retired`` or ``revoked``. Raises NotFound."""
        return self.get(id).state

    def get(self, hint: str) -> KnownKey:
        """A key by id, prefix of it, or name. Raises NotFound, or Ambiguous if several have it."""
        id = self._ids.get(hint)
        found = [id] if id else list(self._names.get(hint, ()))
        if not found and len(hint) >= 6:
            found = [k for k in tuple(self._known) if k.startswith(hint)]
        if len(found) > 1:
            raise Ambiguous(
                "several keys have this name",
                got=hint,
                expected=" or ".join(found),
                do="Name it by its id",
            )
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

    def told(self) -> Keys:
        """All of it, for people."""
        return Keys(
            keys=[*self._known.values()], keyring=self.digest, administrators=self.administrators
        )

    def as_of(self, size: int | None) -> Keyring:
        """The keyring of the first ``size`` entries; this one if none is asked for."""
        if size is None:
            return self
        found = Keyring()
        for entry, change in self.changes:
            if entry < size:
                found.fold(entry, change)
        return found

    def history(self, hint: str) -> KeyHistory:
        """What became of a key. Raises NotFound, Ambiguous."""
        known = self.get(hint)
        return KeyHistory(
            key=known,
            changes=[
                Changed(entry=entry, change=change)
                for entry, change in self.changes
                if isinstance(change, KeyChange) and change.key == known.id
            ],
        )


def _ended(said: KnownKey, before: KnownKey | None, change: KeyChange) -> KnownKey:
    """A key that is retired or revoked: what it could do before, up to a moment.

    Nothing counts more for it: who was not trusted is not, and what was revoked stays so until the
    key is trusted again.
    """
    if before is None:
        return said  # whose ``compromised_since`` is None: nothing is believed
    ends = change.since if change.action == "retire" else change.compromised_since
    since = [change.compromised_since] if change.action == "revoke" else []
    if was_revoked := before.state == "revoked":
        since.append(before.compromised_since)
    times = [time for time in since if time is not None]
    return msgspec.structs.replace(
        said,
        state="revoked" if was_revoked else said.state,
        owner=before.owner,
        kinds=before.kinds,
        scopes=before.scopes,
        replaces=before.replaces,
        valid_from=before.valid_from,
        valid_to=min(filter(None, (ends, before.valid_to)), default=None),
        # None is before all times: nothing it ever signed is believed.
        compromised_since=min(times) if times and len(times) == len(since) else None,
    )


def _not_at(known: KnownKey, at: str) -> str | None:
    if known.state == "revoked" and known.compromised_since is None:
        return f"the key {known.id} is revoked"
    if known.valid_from is not None and at < known.valid_from:
        return f"the key {known.id} is valid from {known.valid_from} on"
    if known.valid_to is not None and at >= known.valid_to:
        how = {"active": "was valid", "retired": "is retired: it was valid"}.get(
            known.state, "is revoked: it is believed"
        )
        return f"the key {known.id} {how} until {known.valid_to}"
    if known.valid_to is None and known.state == "retired":
        return f"the key {known.id} is retired"
    return None


def _not_over(known: KnownKey, facts: Facts | None) -> str | None:
    kind, type = (facts.kind, facts.type) if facts else ("", "")
    if known.kinds and kind not in known.kinds and type not in known.kinds:
        return f"the key {known.id} may sign {' or '.join(known.kinds)}, not {type or 'this'}"
    spoken_of = subjects(facts) if facts else [("",)]
    for spellings in spoken_of if known.scopes else ():
        if not any_matches(known.scopes, spellings):
            return f"the key {known.id} may not speak of {spellings[-1]}"
    return None

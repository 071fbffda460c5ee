"""From what somebody wants changed to a change that the log takes, signed by who must.

    KeyWish ──► change_of ──► KeyChange ──┐ draft: an unsigned envelope, in a file
    ids, k   ──► Administrators ──────────┤
    rules    ──► rules_of ─► IntakeRules ─┤
    RootWish ──► root_of ──► TrustRoot ───┴──► approve, by each in turn ──► apply

A draft names the keyring that it was made for, and intake rules and a trusted root their version,
so it can be applied once and not after the keys, the rules or the root have changed.

Source: docs/formats/own-records.md, "Changing keys together"
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from wherefrom.errors import Malformed, NotAllowed, SettingError
from wherefrom.formats import base64_strict, dsse, intake, own, strict_json, timestamps
from wherefrom.formats.dsse import Envelope, Signature
from wherefrom.formats.intake import IntakeRule
from wherefrom.formats.own import Change, IntakeRules, KeyChange, TrustRoot
from wherefrom.keys.held import Signer
from wherefrom.keys.keyring import KnownKey
from wherefrom.keys.public import PublicKey


class KeyWish(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is to become of a key.

    ``action`` is trust, retire or revoke; a key to trust comes as ``pem``, others by ``key``, an id
    or a name. The other fields are those of a key record; times may be any RFC 3339.
    """

    action: str
    pem: str | None = None
    key: str | None = None
    names: tuple[str, ...] = ()
    reason: str = ""
    since: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    owner: str = ""
    kinds: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    replaces: str | None = None
    compromised_since: str | None = None


def change_of(
    wish: KeyWish, *, find: Callable[[str], KnownKey], now: str, keyring: str = ""
) -> KeyChange:
    """The change that a wish asks for. ``find`` knows keys by id and name.

    Raises Malformed for a bad key, time or action, NotFound, Ambiguous.
    """
    if wish.pem is not None:
        key = _read_key(wish.pem)
        id, spki = key.id, base64_strict.encode(key.spki)
    else:
        known = find(wish.key or "")
        id, spki = known.id, known.spki
    times = {name: _time(getattr(wish, name), name) for name in _TIMES}
    since = times.pop("since") or now
    _need_fitting(wish, times, since=since, now=now)
    return KeyChange(
        action=wish.action,
        key=id,
        spki=spki,
        names=wish.names,
        since=since,
        reason=wish.reason,
        owner=wish.owner,
        kinds=wish.kinds,
        scopes=wish.scopes,
        replaces=find(wish.replaces).id if wish.replaces else None,
        keyring=keyring,
        **times,
    )


_TIMES = ("since", "valid_from", "valid_to", "compromised_since")
_OF_TRUST = ("valid_from", "valid_to", "owner", "kinds", "scopes", "replaces")


def _need_fitting(wish: KeyWish, times: dict[str, str | None], *, since: str, now: str) -> None:
    unfit = [] if wish.action == "trust" else [name for name in _OF_TRUST if getattr(wish, name)]
    if wish.action != "revoke" and times["compromised_since"]:
        unfit.append("compromised_since")
    if unfit:
        raise Malformed(
            f"this says nothing when the action is {wish.action}",
            where=unfit[0],
            expected="one of the fields that go with it",
            do="See: wherefrom keys trust --help, wherefrom keys revoke --help",
        )
    for name in ("compromised_since", "since"):
        time = since if name == "since" else times[name]
        if time is not None and time > now:
            raise Malformed(
                "a time that has not come", where=name, expected=f"up to {now}", got=time
            )


def _time(text: str | None, name: str) -> str | None:
    return None if text is None else timestamps.canonical(text, where=name)


def _read_key(pem: str) -> PublicKey:
    """The key that a wish brings: a bad one is the sender's fault. Raises Malformed."""
    try:
        return PublicKey.from_pem(pem.encode("utf-8", "replace"), where="pem")
    except SettingError as error:
        raise Malformed(
            error.what, where=error.where, expected=error.expected, got=error.got, do=error.do
        ) from error


# -- intake rules


def rules_of(
    rules: Sequence[IntakeRule],
    *,
    before: IntakeRules | None,
    now: str,
    reason: str = "",
    keyring: str = "",
) -> IntakeRules:
    """The change to these rules; ``before`` are those in force. Raises Malformed, LimitPassed."""
    intake.check(rules)
    return IntakeRules(
        version=before.version + 1 if before else 1,
        rules=tuple(rules),
        digest=intake.digest_of(rules),
        since=now,
        reason=reason,
        keyring=keyring,
    )


# -- the trusted root

WARN_DAYS: Final = 180
REFUSE_DAYS: Final = 730


class RootWish(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Which trusted root is to be in force.

    trusted_root  the text of a ``trusted_root.json``; None for none any more
    as_of         since when it is what it is, any RFC 3339; now, if not given
    warn_days     how old it may be before it is warned about; ``refuse_days`` before nothing is
                  judged under it any more
    """

    trusted_root: str | None = None
    as_of: str | None = None
    warn_days: int = WARN_DAYS
    refuse_days: int = REFUSE_DAYS
    reason: str = ""


def root_of(wish: RootWish, *, before: TrustRoot | None, now: str, keyring: str = "") -> TrustRoot:
    """The change to this root; ``before`` is what was said last. Raises Malformed, Unsupported,
    LimitPassed."""
    written = wish.trusted_root
    if written == "":
        raise Malformed("an empty trusted root", where="trusted_root", expected="a JSON object")
    as_of = _time(wish.as_of, "as_of") or now
    if as_of > now:
        raise Malformed(
            "a time that has not come", where="as_of", expected=f"up to {now}", got=as_of
        )
    try:
        digest = own.digest_of_root((written or "").encode())
    except UnicodeEncodeError as error:
        raise Malformed("text that UTF-8 cannot hold", got=str(error)) from error
    change = TrustRoot(
        version=before.version + 1 if before else 1,
        trusted_root=written or "",
        digest=digest,
        as_of=as_of if written else None,
        warn_days=wish.warn_days,
        refuse_days=wish.refuse_days,
        since=now,
        reason=wish.reason,
        keyring=keyring,
    )
    own.to_payload(change)
    return change


def need_follows(change: IntakeRules | TrustRoot, before: IntakeRules | TrustRoot | None) -> None:
    """Return if ``change`` is the next after ``before``. Raises NotAllowed.

    Signed once, a change could otherwise be brought again after another took its place.
    """
    expected = before.version + 1 if before else 1
    if change.version != expected:
        what = "intake rules have" if isinstance(change, IntakeRules) else "trusted root has"
        raise NotAllowed(
            f"the {what} changed since this was written",
            where="version",
            expected=str(expected),
            got=change.version,
            do="Make the change anew, and let it be signed again",
        )


# -- changes that others sign


def draft(change: Change) -> bytes:
    """A change as an envelope that nobody has signed yet."""
    return dsse.to_bytes(Envelope(own.to_payload(change), own.media_type(change), ()))


def approve(written: bytes, key: Signer) -> bytes:
    """``written`` with one more signature, or the same again. Raises Malformed, LimitPassed."""
    document = strict_json.as_object(strict_json.decode(written), where="")
    _, envelope = read_draft(document)
    others = tuple(s for s in envelope.signatures if s.keyid != key.id)
    mine = Signature(key.id, key.sign(envelope.message()))
    return dsse.to_bytes(envelope._replace(signatures=(*others, mine)))


def read_draft(document: dict[str, Any]) -> tuple[Change, Envelope]:
    """The change that an envelope holds, signed or not. Raises Malformed, LimitPassed."""
    unsigned = not document.get("signatures")
    # DSSE has no envelope without a signature; a draft is one that waits for its first.
    filled = {**document, "signatures": [{"sig": "AAAA"}]} if unsigned else document
    envelope = dsse.parse(filled)
    envelope = envelope._replace(signatures=()) if unsigned else envelope
    change = own.parse_payload(envelope.payload_type, envelope.payload)
    if not isinstance(change, Change):
        raise Malformed(
            "not a change of keys, intake rules or the trusted root",
            where="payloadType",
            expected="an envelope made by wherefrom keys …, intake set or roots set, --propose",
            got=envelope.payload_type,
        )
    return change, envelope

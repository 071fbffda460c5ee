"""What Wherefrom itself decides and notes: genesis, keys, intake rules, trusted roots, verdicts,
tombstones, gaps.

Each is a DSSE envelope signed by the service key, whose payload is one small JSON object with a
media type of its own. A stranger's envelope of these types is refused at the door, and a view
believes one only when the entry's trust is ``self``.

    Decision ──► to_payload ──► DSSE (keys sign) ──► log ──► parse_payload ──► Decision

Sizes:  a reason is at most 1,024 bytes of UTF-8 · a payload at most 64 KiB, of a trusted root 768
Source: docs/formats/own-records.md
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

import msgspec

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import intake, log_keys, note, timestamps, trusted_root
from wherefrom.formats.entry import LEVELS, Trust
from wherefrom.formats.intake import IntakeRule

PREFIX: Final = "application/vnd.wherefrom."
REASON_BYTES_MAX: Final = 1024
PAYLOAD_BYTES_MAX: Final = 64 * 1024
# Sigstore's own root has 7 KB. It stands in the payload as a text, where quotation marks double.
ROOT_BYTES_MAX: Final = 256 * 1024
ROOT_PAYLOAD_BYTES_MAX: Final = 3 * ROOT_BYTES_MAX
ROOT_DAYS_MAX: Final = 36_500


class Genesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Entry 0: whose log this is.

    log_key      verifier key of the checkpoints, as signed-note text
    service_key  base64 SubjectPublicKeyInfo (DER) of the key that signs these records
    """

    origin: str
    log_key: str
    service_key: str
    format: int = 1


class KeyChange(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """A key becomes trusted, retired (its past stays valid) or revoked.

    action   ``trust``, ``retire`` or ``revoke``
    key      ``k:`` + 32 hex of SHA-256(SPKI DER)
    spki     base64 SubjectPublicKeyInfo (DER)
    names    other spellings that envelopes use as ``keyid`` for it
    since    when this was said, as the entry's times are written; a retired key stops counting then
    keyring  what the keyring was when others signed this (``Keyring.digest``), or empty

    Of a key that is trusted: ``valid_from`` and ``valid_to`` (the first moment it no longer
    counts), ``owner``, ``kinds`` (entry kinds or types it may sign; none: every one), ``scopes``
    (patterns with ``*`` that every subject must match) and ``replaces``, the key before it.

    Of one that is revoked: ``compromised_since``, from when it may have been in other hands; None
    if nothing it ever signed is believed.
    """

    action: str
    key: str
    spki: str
    names: tuple[str, ...] = ()
    since: str | None = None
    reason: str = ""
    valid_from: str | None = None
    valid_to: str | None = None
    owner: str = ""
    kinds: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    replaces: str | None = None
    compromised_since: str | None = None
    keyring: str = ""


class Administrators(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From here on a key changes only if ``threshold`` of ``keys`` sign the change.

    keys     ids of keys that are trusted now
    since    when this was said
    keyring  as in ``KeyChange``
    """

    keys: tuple[str, ...]
    threshold: int
    since: str | None = None
    reason: str = ""
    keyring: str = ""


class IntakeRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From here on the door asks these rules, all of them; those before are gone.

    version  one more than that of the rules before, the first is 1
    rules    senders as entries write producers, never by name
    digest   ``intake.digest_of(rules)``
    since    when this was said
    keyring  as in ``KeyChange``
    """

    version: int
    rules: tuple[IntakeRule, ...]
    digest: str
    since: str | None = None
    reason: str = ""
    keyring: str = ""


class LogKeysChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From here on the log signs with other keys.

    note  the signed text that says so (``formats.log_keys``), by keys that signed before
    """

    note: str
    reason: str = ""


class KeyUses(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How often the log's keys have signed since the log began, up to ``at``.

    heads  how often the head was moved, once for each signature of its keys
    taken  SHA-256, hex, of the lines that were counted since the record before; or empty
    uses   8 hex digits of a key's id → what for → how often
    """

    at: str
    heads: int
    taken: str
    uses: dict[str, dict[str, int]]


class TrustRoot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """From here on Sigstore's signatures are judged under this trusted root; those before are gone.

    version       one more than that of the root before, the first is 1
    trusted_root  the JSON text of a ``trusted_root.json``, exactly; empty: none, nothing is judged
    digest        SHA-256 (hex) of its UTF-8, or empty
    as_of         since when it is what it is: from there its age counts; None without a root
    warn_days     older than so many days, it is time to renew it
    refuse_days   older than so many, nothing is judged under it any more
    since         when this was said
    keyring       as in ``KeyChange``
    """

    version: int
    trusted_root: str
    digest: str
    as_of: str | None
    warn_days: int
    refuse_days: int
    since: str | None = None
    reason: str = ""
    keyring: str = ""

    def aged(self, days: int) -> str:
        """The moment at which the root is ``days`` old, as entries write times; empty without one.

        Raises Malformed for one that no calendar has.
        """
        if self.as_of is None:
            return ""
        try:
            moment = timestamps.parse(self.as_of, where="as_of") + timedelta(days=days)
        except OverflowError as error:
            raise Malformed("not a time that exists", where="as_of", got=self.as_of) from error
        return timestamps.to_text(moment)


class Verdict(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """A later judgement of an entry; the latest below N is the effective trust at size N.

    content   the salted commitment that the entry makes, so that a verdict stands by itself
    at        when, so that the same judgement made again is a record of its own
    verifier  who judged, such as ``wherefrom/0.3.0``
    keyring   under which keys: ``Keyring.digest``
    root      under which trusted root: ``TrustRoot.digest``; empty if there was none
    """

    entry: int
    trust: Trust
    reason: str
    at: str = ""
    content: str = ""
    verifier: str = ""
    keyring: str = ""
    root: str = ""


class Renewal(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True
):
    """Everything signed in the entries below ``until`` was judged again.

    keyring   under which keys: ``Keyring.digest``
    root      under which trusted root; empty if there was none, or it was too old to judge by
    verifier  who judged, as in ``Verdict``
    looked    how many there were; ``changed`` of them got a verdict
    since     when it began, and ``at`` when it was done
    """

    until: int
    keyring: str
    verifier: str
    looked: int
    changed: int
    since: str
    at: str
    root: str = ""


class Tombstone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An entry's content and nonce are erased; its facts leave every view at every size."""

    entry: int
    reason: str
    by: str
    at: str = ""


class Gap(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that should be here and is not: ``what`` is missing, and ``why``."""

    what: str
    why: str
    count: int = 1


class Refusals(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much of one principal was refused from ``since`` on, for each code of a refusal."""

    producer: str
    since: str
    counts: dict[str, int]


Change = KeyChange | Administrators | IntakeRules | TrustRoot
Decision = (
    Genesis | Change | LogKeysChange | KeyUses | Verdict | Renewal | Tombstone | Gap | Refusals
)

# media type ⇄ class ⇄ the entry kind that carries it
_TYPES: Final[dict[type, tuple[str, str]]] = {
    Genesis: (PREFIX + "genesis.v1+json", "genesis"),
    KeyChange: (PREFIX + "key.v1+json", "key"),
    Administrators: (PREFIX + "administrators.v1+json", "key"),
    IntakeRules: (PREFIX + "intake.v1+json", "policy"),
    LogKeysChange: (PREFIX + "log-keys.v1+json", "key"),
    KeyUses: (PREFIX + "key-uses.v1+json", "system"),
    TrustRoot: (PREFIX + "root.v1+json", "policy"),
    Verdict: (PREFIX + "verdict.v1+json", "verdict"),
    Renewal: (PREFIX + "renewal.v1+json", "system"),
    Tombstone: (PREFIX + "tombstone.v1+json", "tombstone"),
    Gap: (PREFIX + "gap.v1+json", "gap"),
    Refusals: (PREFIX + "refusals.v1+json", "refusals"),
}
_CLASSES: Final = {media_type: cls for cls, (media_type, _) in _TYPES.items()}
KEY_ACTIONS: Final = ("trust", "retire", "revoke")


def media_type(decision: Decision) -> str:
    """The payload type that carries ``decision``."""
    return _TYPES[type(decision)][0]


def entry_kind(decision: Decision) -> str:
    """The entry kind that carries ``decision``."""
    return _TYPES[type(decision)][1]


def to_payload(decision: Decision) -> bytes:
    """The payload bytes of ``decision``, keys in alphabetical order.

    Raises Malformed or LimitPassed for what ``parse_payload`` would refuse: logged, it would
    decide nothing for ever.
    """
    try:
        payload = msgspec.json.encode(decision, order="sorted")
    except UnicodeEncodeError as error:
        raise Malformed("text that UTF-8 cannot hold", got=str(error)) from error
    _check_size(type(decision), payload)
    _check(decision)
    return payload


def parse_payload(payload_type: str, payload: bytes) -> Decision:
    """Read a decision. Raises Malformed for an unknown type or a wrong field, LimitPassed."""
    cls = _CLASSES.get(payload_type)
    if cls is None:
        raise Malformed(
            "not a record of Wherefrom's own", expected=" ".join(_CLASSES), got=payload_type
        )
    _check_size(cls, payload)
    try:
        decision: Decision = msgspec.json.decode(payload, type=cls)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("a broken record of Wherefrom's own", got=str(error)) from error
    _check(decision)
    return decision


def _check_size(cls: type, payload: bytes) -> None:
    bytes_max = ROOT_PAYLOAD_BYTES_MAX if cls is TrustRoot else PAYLOAD_BYTES_MAX
    if len(payload) > bytes_max:
        raise LimitPassed("a payload is too long", expected=f"{bytes_max} bytes at most")


def _check(decision: Decision) -> None:
    reason = getattr(decision, "reason", "")
    if len(reason.encode("utf-8", "surrogatepass")) > REASON_BYTES_MAX:
        raise LimitPassed("a reason is too long", expected=f"{REASON_BYTES_MAX} bytes at most")
    if isinstance(decision, KeyChange):
        _check_key_change(decision)
    if isinstance(decision, IntakeRules):
        _check_intake_rules(decision)
    if isinstance(decision, LogKeysChange):
        log_keys.parse(note.parse(decision.note.encode(), where="note").text, where="note")
    if isinstance(decision, TrustRoot):
        _check_trust_root(decision)
    if isinstance(decision, Administrators) and not (
        1 <= decision.threshold <= len(set(decision.keys)) == len(decision.keys)
    ):
        raise Malformed(
            "not a number of administrators that can agree",
            where="threshold",
            expected=f"1 to {len(set(decision.keys))}, and no key twice",
            got=decision.threshold,
        )
    if isinstance(decision, Verdict) and decision.trust.level not in LEVELS:
        raise Malformed("not a level", expected=" ".join(LEVELS), got=decision.trust.level)


def _check_intake_rules(decision: IntakeRules) -> None:
    intake.check(decision.rules)
    for at, rule in enumerate(decision.rules):
        for sender in (*rule.senders, *rule.except_senders, *(rule.only or ())):
            if not intake.is_producer(sender):
                raise Malformed(
                    "a record names no sender by name",
                    where=f"rules[{at}]",
                    expected="p: and 32 hex digits, local:UID or local:*",
                    got=sender,
                )
    said = (decision.version >= 1, decision.digest)
    if said != (True, digest := intake.digest_of(decision.rules)):
        raise Malformed(
            "rules under another version or digest than theirs",
            expected=f"a version from 1, {digest}",
            got=f"{decision.version}, {decision.digest}",
        )


def digest_of_root(written: bytes) -> str:
    """What a record calls a trusted root; empty for none."""
    return hashlib.sha256(written).hexdigest() if written else ""


def _check_trust_root(decision: TrustRoot) -> None:
    written = decision.trusted_root.encode()
    if len(written) > ROOT_BYTES_MAX:
        raise LimitPassed(
            "a trusted root is too large for the log", expected=f"{ROOT_BYTES_MAX} bytes at most"
        )
    said = (decision.version >= 1, decision.digest)
    if said != (True, digest := digest_of_root(written)):
        raise Malformed(
            "a trusted root under another version or digest than its own",
            expected=f"a version from 1, {digest or 'no digest'}",
            got=f"{decision.version}, {decision.digest}",
        )
    days = (decision.warn_days, decision.refuse_days)
    if not 0 <= days[0] <= days[1] <= ROOT_DAYS_MAX:
        raise Malformed(
            "not an age to warn at and one to refuse at",
            where="warn_days, refuse_days",
            expected=f"two numbers of days, the first not more, up to {ROOT_DAYS_MAX}",
            got=days,
        )
    if bool(written) != (decision.as_of is not None):
        raise Malformed(
            "a trusted root has an age, and none has none", where="as_of", got=decision.as_of
        )
    if written:
        trusted_root.parse(written)
        _need_canonical(decision.as_of, "as_of")
        decision.aged(ROOT_DAYS_MAX)


def _need_canonical(time: str | None, where: str) -> None:
    # Times are compared as text, so they have one spelling.
    if time is not None and timestamps.canonical(time, where=where) != time:
        raise Malformed(
            "not the spelling of a time that records keep",
            where=where,
            expected=timestamps.canonical(time, where=where),
            got=time,
        )


def _check_key_change(change: KeyChange) -> None:
    if change.action not in KEY_ACTIONS:
        raise Malformed("not a key action", expected=" ".join(KEY_ACTIONS), got=change.action)
    for name in ("valid_from", "valid_to", "compromised_since"):
        _need_canonical(getattr(change, name), name)
    if change.valid_from and change.valid_to and change.valid_from >= change.valid_to:
        raise Malformed(
            "a key that is never valid",
            where="valid_to",
            expected=f"a time after valid_from, {change.valid_from}",
            got=change.valid_to,
        )

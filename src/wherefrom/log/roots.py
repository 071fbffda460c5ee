"""The trusted root that a log judges under, as it is told to people: what it names, and its age.

TrustRoot, TrustRoot, … ──► told ──► the one in force, every version before
now ─────────────────────────┘       └► good ──► old: renew it ──► too_old: it judges no more
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from wherefrom.errors import Malformed, NotFound
from wherefrom.formats import timestamps
from wherefrom.formats.own import TrustRoot
from wherefrom.formats.trusted_root import Window
from wherefrom.keys.keyring import Keyring
from wherefrom.verify.dated_root import dated, held

if TYPE_CHECKING:  # it reads certificates, which most logs never do
    from wherefrom.verify.sigstore.trusted_root import Authority, Log, TrustedRoot


class RootVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the trusted root, without the root."""

    version: int
    entry: int
    digest: str
    as_of: str | None
    since: str | None
    reason: str


class Believed(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Somebody whom a root names, and when they are believed: from ``start`` to ``end``, both
    included; None for until further notice.

    what  ``authority``, ``log``, ``ct_log`` or ``timestamp_authority``
    """

    what: str
    address: str
    start: str
    end: str | None


class RootsTold(msgspec.Struct, frozen=True, kw_only=True):
    """The trusted root in force, or of the version that was asked for; version 0 if never any.

    state         ``none``, ``good``, ``old`` (renew it), ``too_old`` (it judges no more), or
                  ``past`` of a version before
    age_days      whole days since ``as_of``; None without a root
    trusted_root  its JSON text, exactly as it was set; empty for none
    believed      whom it names; ``unusable`` what in it counts for nothing, and why
    versions      every version there was, oldest first
    keyring       its digest, which a change names that others are to sign
    """

    version: int
    entry: int | None
    digest: str
    state: str
    as_of: str | None
    age_days: int | None
    warn_days: int
    refuse_days: int
    since: str | None
    reason: str
    keyring: str
    believed: list[Believed]
    unusable: list[str]
    versions: list[RootVersion]
    trusted_root: str


class RootChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Which trusted root is in force now, and the entry that says so.

    judged_again  how many records that came in meanwhile got a verdict
    """

    entry: int
    version: int
    digest: str
    judged_again: int


class Said(Protocol):
    """What a log has said of trusted roots: ``Decisions``."""

    @property
    def keyring(self) -> Keyring: ...

    @property
    def roots(self) -> Sequence[tuple[int, TrustRoot]]: ...


_NEVER = TrustRoot(version=0, trusted_root="", digest="", as_of=None, warn_days=0, refuse_days=0)


def told(said: Said, *, now: str, version: int | None = None) -> RootsTold:
    """The root in force at ``now``, or of a version. Raises NotFound."""
    entry, root, is_newest = _version(said.roots, version)
    read = dated(held(root))
    return RootsTold(
        version=root.version,
        entry=entry,
        digest=root.digest,
        state=state_of(root, now) if is_newest else "past",
        as_of=root.as_of,
        age_days=_age_days(root, now),
        warn_days=root.warn_days,
        refuse_days=root.refuse_days,
        since=root.since,
        reason=root.reason,
        keyring=said.keyring.digest,
        believed=_believed(read.trusted) if read else [],
        unusable=[*read.trusted.unusable] if read else [],
        versions=[
            RootVersion(
                version=r.version,
                entry=index,
                digest=r.digest,
                as_of=r.as_of,
                since=r.since,
                reason=r.reason,
            )
            for index, r in said.roots
        ],
        trusted_root=root.trusted_root,
    )


def _version(
    roots: Sequence[tuple[int, TrustRoot]], version: int | None
) -> tuple[int | None, TrustRoot, bool]:
    for entry, root in reversed(roots):
        if version in (None, root.version):
            return entry, root, (entry, root) == roots[-1]
    if version is not None:
        raise NotFound(
            "no such version of the trusted root",
            got=str(version),
            do="wherefrom roots show lists every version",
        )
    return None, _NEVER, True


def state_of(root: TrustRoot | None, now: str) -> str:
    """``none``, ``good``, ``old`` or ``too_old``."""
    if root is None or not root.trusted_root:
        return "none"
    if now >= root.aged(root.refuse_days):
        return "too_old"
    return "old" if now >= root.aged(root.warn_days) else "good"


def warning(root: TrustRoot | None, now: str) -> str | None:
    """What to tell whoever runs a log whose root is too old, in a line; None if it is not."""
    state = state_of(root, now)
    if root is None or state not in ("old", "too_old"):
        return None
    which = f"the trusted root (version {root.version}) is {_age_days(root, now)} days old"
    if state == "old":
        return f"{which}: keys may have been added or given up since; wherefrom roots set FILE"
    limit = f"{which}, and judges no more after {root.refuse_days}"
    return f"{limit}: what Sigstore's clients signed stays channel; wherefrom roots set FILE"


def _age_days(root: TrustRoot, now: str) -> int | None:
    if root.as_of is None:
        return None
    age = timestamps.parse(now, where="now") - timestamps.parse(root.as_of, where="as_of")
    return max(0, age.days)


def need_usable(change: TrustRoot) -> None:
    """Return for a root under which something can be proven, and for none. Raises Malformed."""
    root = dated(held(change))
    if root is not None and not root.trusted.authorities:
        raise Malformed(
            "a trusted root without a certificate authority that can be used",
            where="trusted_root",
            expected="one under which something can be proven",
            got="; ".join(root.trusted.unusable) or "no certificateAuthorities",
            do="To judge under none: wherefrom roots remove",
        )


def _believed(root: TrustedRoot) -> list[Believed]:
    kinds: Mapping[str, Sequence[Authority | Log]] = {
        "authority": root.authorities,
        "log": root.logs,
        "ct_log": root.ct_logs,
        "timestamp_authority": root.timestamp_authorities,
    }
    return [
        _one(what, named.address, named.window) for what, some in kinds.items() for named in some
    ]


def _one(what: str, address: str, window: Window) -> Believed:
    end = None if window.end is None else timestamps.to_text(window.end)
    return Believed(what=what, address=address, start=timestamps.to_text(window.start), end=end)

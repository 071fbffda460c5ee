"""The id of a reality: what an instance is made of, in one digest.

    {"artifact": "sha256:…", "config": "sha256:…", "flags": null, "policy": null}
        └ canonical JSON ──SHA-256──► sha256:4f0c91…   its first 12 hex digits are its short name

The artifact is the platform manifest's digest; null is what an instance does not have or does not
know. Region, pool and rollout scope are dimensions beside it, so two instances that are made of the
same have one reality wherever they run.

    flag set   {"checkout-v2": "on", "limit": 20}  key → variant, or the value where it has none
        └ canonical JSON ──SHA-256──► sha256:…

Sizes:  a short name is 12 hex digits
Source: DESIGN, "Reality"; RFC 8785
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from wherefrom.errors import Malformed
from wherefrom.formats.canonical_json import to_bytes
from wherefrom.formats.digests import STRONG, sha256_id, strong_id_in

SHORT_HEX: Final = 12


class Reality(NamedTuple):
    """What an instance is made of; each part a digest, or None."""

    artifact: str | None = None
    config: str | None = None
    flags: str | None = None
    policy: str | None = None

    @property
    def id(self) -> str:
        """``sha256:`` and 64 hex digits."""
        return _digest(self._asdict())

    @property
    def short(self) -> str:
        """How it is called where there is little room: on metrics, in tables."""
        return short(self.id)


def short(id: str) -> str:
    """The short name of a reality id."""
    return id.partition(":")[2][:SHORT_HEX]


def part(text: str, *, where: str) -> str:
    """One part of a reality in its one spelling. Raises Malformed if it is not a strong digest."""
    found = strong_id_in(text)
    if found is None:
        raise Malformed(
            "not a digest", where=where, expected=f"sha256: and {STRONG['sha256']} hex digits",
            got=text, do="An image's is what a registry answers for its platform, not a tag",
        )  # fmt: skip
    return found


def id_of(text: str, *, where: str) -> str:
    """A reality id in its one spelling. Raises Malformed."""
    if not text.startswith("sha256:") or text != text.lower():
        raise Malformed("not a reality id", where=where, expected="sha256:…", got=text)
    return part(text, where=where)


def flag_set(flags: Mapping[str, Any]) -> str:
    """The digest of a set of flags, each with its variant or its value. Raises Malformed."""
    return _digest(dict(flags))


def settings(config: Mapping[str, Any]) -> str:
    """The digest of loaded settings that no bundle brought. Raises Malformed."""
    return _digest(dict(config))


def _digest(value: dict[str, Any]) -> str:
    return sha256_id(to_bytes(value))

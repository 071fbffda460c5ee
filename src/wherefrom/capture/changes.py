"""Changes as CDEvents: what a person, a script or an agent says was decided or was seen.

    deploy         ──► service.deployed
    place, end     ──► dev.cdeventsx.prov-<what>.<predicate>
    estate         ──► dev.cdeventsx.prov-estate.declared, observed
    invocation     ──► dev.cdeventsx.prov-invocation.finished

The id of an event is the digest of what it says, so that the same change sent twice is known.

Source: docs/formats/cdevents.md
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wherefrom.formats import cdevents
from wherefrom.formats.invocation import TYPE as TYPE_OF_CALLS
from wherefrom.formats.states import Scope

VERSION: Final = "0.1.0"
DEPLOYED_VERSION: Final = "0.3.0"
JSON: Final = "application/json"
# slot → the custom type of one place in it: what sets it, and what empties it
TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "config": ("prov-configbundle.activated", "prov-configbundle.deactivated"),
    "policy": ("prov-policy.activated", "prov-policy.deactivated"),
    "flag": ("prov-flag.changed", "prov-flag.deleted"),
    "secret": ("prov-secret.rotated", "prov-secret.removed"),
    "migration": ("prov-migration.applied", "prov-migration.removed"),
    "safe_mode": ("prov-safemode.entered", "prov-safemode.exited"),
    "resource": ("prov-resource.changed", "prov-resource.removed"),
}


def deploy(scope: Scope, artifact: str | None, *, at: str, source: str) -> bytes:
    """A service that runs ``artifact`` from now on, or nothing any more."""
    content = {"environment": {"id": scope.environment}, **_narrower(scope)}
    content.pop("service", None)
    type = "service.removed"
    if artifact is not None:
        type, content["artifactId"] = "service.deployed", artifact
    return _event(type, DEPLOYED_VERSION, scope.service, content, at=at, source=source)


def place(
    slot: str,
    name: str,
    value: str | None,
    scope: Scope,
    *,
    at: str,
    source: str,
    told: Mapping[str, str],
) -> bytes:
    """One place of a slot of ``TYPES``: what it holds from now on; None for nothing."""
    type = TYPES[slot][value is None]
    content: dict[str, Any] = {"environment": {"id": scope.environment}, **_narrower(scope), **told}
    if value is not None:
        content["after"] = value
    return _event(type, VERSION, name, content, at=at, source=source, custom=True)


def failed_migration(
    database: str, scope: Scope, *, at: str, source: str, told: Mapping[str, str]
) -> bytes:
    """A migration that was tried and failed: it says nothing of what the database holds."""
    content = {"environment": {"id": scope.environment}, **_narrower(scope), **told}
    return _event(
        "prov-migration.failed", VERSION, database, content, at=at, source=source, custom=True
    )


def invocation(event: str, content: Mapping[str, Any], *, at: str, source: str) -> bytes:
    """One call of a function; ``content`` as ``formats.invocation`` reads it."""
    return _event(TYPE_OF_CALLS, VERSION, event, content, at=at, source=source, custom=True)


def estate(
    mode: str,
    scope: Scope,
    states: Sequence[Mapping[str, Any]],
    *,
    all_of: Sequence[str],
    at: str,
    source: str,
    gaps: Sequence[str] = (),
) -> bytes:
    """Many places at once; ``all_of`` are the slots that are stated entirely.

    gaps  what the source could not read, for people
    """
    content: dict[str, Any] = {
        "scope": {"environment": scope.environment, **_narrower(scope)},
        "states": list(states),
    }
    if all_of:
        content["all"] = list(all_of)
    rest = {"customData": {"gaps": list(gaps)}, "customDataContentType": JSON} if gaps else {}
    return _event(
        f"prov-estate.{mode}", VERSION, scope.environment, content, at=at, source=source,
        custom=True, rest=rest,
    )  # fmt: skip


def _narrower(scope: Scope) -> dict[str, Any]:
    return {part: text for part, text in zip(Scope._fields[1:], scope[1:], strict=True) if text}


def _event(
    type: str,
    version: str,
    subject: str,
    content: Mapping[str, Any],
    *,
    at: str,
    source: str,
    custom: bool = False,
    rest: Mapping[str, Any] = {},
) -> bytes:
    said = json.dumps([type, subject, source, at, content], sort_keys=True)
    document = cdevents.make(
        type, version, id=hashlib.sha256(said.encode()).hexdigest()[:32], source=source,
        timestamp=at, subject=subject, content=content, custom=custom,
    )  # fmt: skip
    return cdevents.to_bytes({**document, **rest})

"""How a report calls what was set somewhere, and how two bundles differ, setting by setting.

    a value, what people call it, its bundle if the log holds that ──► one short text

Sizes:  SETTINGS_MAX settings of a difference are told, SHOWN_MAX characters of each value
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from wherefrom.errors import Refused
from wherefrom.formats import config_bundle, purl
from wherefrom.formats.config_bundle import KINDS, SettingChange
from wherefrom.formats.shown import cut, short_id
from wherefrom.query.bundles import Held, recorded
from wherefrom.query.postmortem.words import Content
from wherefrom.views.graph import Lens, Snapshot

SETTINGS_MAX: Final = 12
SHOWN_MAX: Final = 60
NOTHING: Final = "nothing"
_SLOTS_OF_BUNDLES: Final = frozenset(KINDS.values())


class Naming:
    """Asks once a value, in one look at the graph."""

    def __init__(self, graph: Snapshot, lens: Lens, content: Content) -> None:
        self._graph, self._lens, self._content = graph, lens, content
        self._bundles: dict[str, Held | None] = {}

    @property
    def entries(self) -> set[int]:
        """The records of the bundles that were spoken of."""
        return {held.entry for held in self._bundles.values() if held is not None}

    def value(self, slot: str, value: str | None, says: str | None = None) -> str:
        """A value, as people call it."""
        if value is None:
            return NOTHING
        held = self.bundle(value) if slot in _SLOTS_OF_BUNDLES else None
        if held is not None:
            version = held.bundle.version or short_id(value)
            return cut(f"{held.bundle.name} {version}", SHOWN_MAX)
        # What people call it no other than by its digest, is told short.
        return cut(_image(says) if says and says != value else short_id(value), SHOWN_MAX)

    def bundle(self, digest: str) -> Held | None:
        """What the bundle of this digest holds, if the log knows."""
        if digest not in self._bundles:
            self._bundles[digest] = recorded(self._graph, self._lens, digest, self._content)
        return self._bundles[digest]

    def apart(self, slot: str, before: str | None, after: str | None) -> list[str]:
        """The settings that differ; nothing unless both are bundles that the log holds."""
        if slot not in _SLOTS_OF_BUNDLES or before is None or after is None:
            return []
        a, b = self.bundle(before), self.bundle(after)
        if a is None or b is None:
            return []
        found = config_bundle.difference(a.bundle, b.bundle)
        told = [_told(one) for one in found[:SETTINGS_MAX]]
        more = len(found) - len(told)
        return [*told, f"and {more} more settings"] if more else told


def _image(says: str) -> str:
    """An image that is named by a package URL, as people write it."""
    if not says.startswith("pkg:oci/"):
        return says
    try:
        found = purl.canonical(says)
    except Refused:
        return says
    name = found.qualifiers.get("repository_url") or found.name
    return f"{name}:{found.qualifiers['tag']}" if found.qualifiers.get("tag") else name


def place(slot: str, name: str, service: str) -> str:
    """``flag pay-later of till``; the name only where it tells more than the service does."""
    named = f" {cut(name, 40)}" if name not in ("", service) else ""
    return f"{slot.replace('_', ' ')}{named}" + (f" of {cut(service, 40)}" if service else "")


def _told(one: SettingChange) -> str:
    if one.secret:
        return f"{cut(one.key, SHOWN_MAX)}: a secret, {one.what}"
    if one.what == "added":
        return f"{cut(one.key, SHOWN_MAX)}: {_json(one.after)}, added"
    if one.what == "removed":
        return f"{cut(one.key, SHOWN_MAX)}: {_json(one.before)}, removed"
    return f"{cut(one.key, SHOWN_MAX)}: {_json(one.before)} → {_json(one.after)}"


def _json(value: Any) -> str:
    return cut(msgspec.json.encode(value).decode(), SHOWN_MAX)

"""Settings that differ between two bundles, for people: one a line, and no secret."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from wherefrom.cli.render import columns
from wherefrom.formats.shown import cut, printable

if TYPE_CHECKING:
    from wherefrom.formats.config_bundle import SettingChange

_KEYS_LISTED: Final = 40


def draw_keys(keys: Sequence[SettingChange]) -> Iterator[str]:
    """The settings that differ, a line each."""
    for key in keys[:_KEYS_LISTED]:
        if key.what == "unknown":
            said = "secret, hashed under two keys: nobody can tell"
        elif key.secret:
            said = f"secret, {key.what}"
        elif key.what == "changed":
            said = f"{_setting(key.before)} → {_setting(key.after)}"
        else:
            said = f"{key.what}: {_setting(key.after if key.what == 'added' else key.before)}"
        yield cut(f"     {printable(key.key)}  {said}", columns())
    if len(keys) > _KEYS_LISTED:
        yield f"     and {len(keys) - _KEYS_LISTED:,} more settings"


def _setting(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)

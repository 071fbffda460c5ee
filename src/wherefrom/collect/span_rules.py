"""The rules for spans in force: those that people write, beside what the catalogue says.

What the catalogue in force says is written by the fold of the log (``query.catalog.noted``); where
that cannot be read, it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from wherefrom.collect.settings_file import SPAN_RULES, SettingsFile
from wherefrom.formats.span_rules import Catalogued, SpanRules, parse


class RulesFile:
    """The rules in ``folder``; those of ``SpanRules`` where there is no file."""

    def __init__(
        self,
        folder: Path,
        *,
        catalogued: Path | None = None,
        on_trouble: Callable[[str], None] = lambda says: None,
    ) -> None:
        """Raises SettingError for a file that is wrong."""
        self._written = SettingsFile(
            folder / SPAN_RULES, parse, SpanRules(), what="the rules for spans",
            on_trouble=on_trouble,
        )  # fmt: skip
        self._noted = None
        if catalogued is not None:
            self._noted = SettingsFile(catalogued, _noted, Catalogued(), what="what is catalogued")
        self._of: tuple[SpanRules, Catalogued] | None = None
        self._rules = SpanRules()

    def __call__(self) -> SpanRules:
        of = self._written(), Catalogued() if self._noted is None else self._noted()
        if of != self._of:
            self._of, self._rules = of, of[0].beside(of[1])
        return self._rules


def _noted(content: bytes, *, where: str) -> Catalogued:
    try:
        return msgspec.json.decode(content, type=Catalogued)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Catalogued()

"""Does every settings file of the directory say something, and on which line does it not?

A server that runs keeps what a file said before it was broken; the next start then fails. So each
file is read here as the server would read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from wherefrom.app import DataFolder
from wherefrom.collect import settings_file
from wherefrom.doctor.found import Found, Ground
from wherefrom.doctor.lines import line_of
from wherefrom.errors import Error
from wherefrom.formats import (
    coverage_policy,
    feed_settings,
    notify_settings,
    objectives,
    question_settings,
    rollback_settings,
    series_settings,
    span_rules,
    trusted_root,
    watch_settings,
)
from wherefrom.remedies import RULES, read_rules

Read = Callable[[DataFolder, Path], object]


def _parsed(parse: settings_file.Parse[object]) -> Read:
    return lambda folder, path: parse(path.read_bytes(), where=str(path))


def _trusted_root(folder: DataFolder, path: Path) -> object:
    from wherefrom.verify.sigstore.trusted_root import parse  # late: it reads certificates

    return parse(path.read_bytes())


# By file, how it is read.
FILES: Final[Mapping[str, Read]] = {
    "tokens.json": lambda folder, _: folder.tokens.list(),
    "webhooks.toml": lambda folder, _: folder.hooks.list(),
    settings_file.WATCH: _parsed(watch_settings.parse),
    settings_file.NOTIFY: _parsed(notify_settings.parse),
    settings_file.SERIES: _parsed(series_settings.parse),
    settings_file.SPAN_RULES: _parsed(span_rules.parse),
    settings_file.ROLLBACK: _parsed(rollback_settings.parse),
    settings_file.FEEDS: _parsed(feed_settings.parse),
    settings_file.COVERAGE: _parsed(coverage_policy.parse),
    settings_file.OBJECTIVES: _parsed(objectives.parse),
    settings_file.QUESTIONS: _parsed(question_settings.parse),
    RULES: lambda _, path: read_rules(path),
    "witness.policy": lambda folder, _: folder.policy(),
    "anchor-settings.json": lambda folder, _: folder.anchor_settings(),
    trusted_root.FILE_NAME: _trusted_root,
}


def settings(ground: Ground) -> Iterator[Found]:
    """Each file that is there is read; one that is wrong is named with its line."""
    there = [name for name in FILES if (ground.path / name).is_file()]
    wrong = [found for name in there if (found := _wrong(ground, name)) is not None]
    yield from wrong
    good = len(there) - len(wrong)
    if not wrong:
        files = f"{', '.join(there)}: all read" if there else "no settings file, so the defaults"
        yield Found(True, files)
    elif good:
        yield Found(True, f"{good} other {'file is' if good == 1 else 'files are'} read")


def _wrong(ground: Ground, name: str) -> Found | None:
    path = ground.path / name
    try:
        FILES[name](ground.folder, path)
        return None
    except Error as error:
        said = error
    line = line_of(said, path.read_bytes(), str(path))
    place = f"{path}, line {line}" if line else str(path)
    # Where it is wrong stands in front; the rest of the message says what and how.
    parts = [said.what]
    inner = (said.where or "").removeprefix(str(path)).lstrip(":, ")
    parts += [f"at {inner}"] if inner else []
    parts += [f"expected {said.expected}"] if said.expected else []
    parts += [f"got {said.got}"] if said.got else []
    fix = said.do or f"Mend {place}"
    return Found(False, f"{place}: {', '.join(parts)}", fix)

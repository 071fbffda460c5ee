"""docs/commands.md against the program: every verb, option and exit, and nothing that is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from tests.paths import REPOSITORY
from wherefrom.cli.exits import EXITS, INTERRUPTED
from wherefrom.cli.main import root

PAGE = (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `([^`]+)`\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def verbs(
    group: click.Group = root, path: str = "wherefrom"
) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


VERBS = dict(verbs())


def options_of(command: click.Command) -> set[str]:
    options = (p for p in command.params if isinstance(p, click.Option))
    return {name for option in options for name in (*option.opts, *option.secondary_opts)}


def test_the_page_has_a_section_for_every_verb_and_for_no_other() -> None:
    assert list(SECTIONS) == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_section_has_every_option_of_its_verb_and_no_other(verb: str) -> None:
    rows = re.findall(r"^\| (`-.+?) \| ", SECTIONS[verb], re.M)
    named = {name for row in rows for name in re.findall(r"(?<![\w-])-{1,2}[a-z][a-z-]*", row)}
    assert named == options_of(VERBS[verb])


@pytest.mark.parametrize("verb", VERBS)
def test_a_section_says_how_its_verb_ends(verb: str) -> None:
    said = re.search(r"^Exits: (.+?)(?:\n\n|\Z)", SECTIONS[verb], re.M | re.S)
    assert said is not None
    codes = {int(code) for code in re.findall(r"\b([0-9])\b", said[1])}
    assert 0 in codes
    assert codes <= set(EXITS.values()) | {0}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_every_option_has_help(verb: str) -> None:
    command = VERBS[verb]
    assert command.help
    assert len(command.get_short_help_str(80)) < 64, "too long for the list of verbs"
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_answer_in_json(verb: str) -> None:
    assert "--json" in options_of(VERBS[verb])


def test_every_group_has_help() -> None:
    groups = [c for c in root.commands.values() if isinstance(c, click.Group)]
    assert len(groups) == 28
    assert all(group.help for group in groups)


def test_the_table_of_exits_is_the_programs() -> None:
    table = PAGE.partition("## How a command ends")[2].partition("\n## ")[0]
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)}
    assert codes == {0, INTERRUPTED, *EXITS.values()}

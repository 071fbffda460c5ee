"""Runbooks against the program: a page for each rule and failure; every command parses."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from tests.docs.test_commands import VERBS
from tests.paths import REPOSITORY
from wherefrom.cli.main import root
from wherefrom.query.alerts import signals
from wherefrom.query.health.indicators import named

FOLDER = REPOSITORY / "docs" / "runbooks"
PAGES = {page.stem: page.read_text(encoding="utf-8") for page in sorted(FOLDER.glob("*.md"))}
INDEX = PAGES.pop("README")
RULES = (
    "integrity-production", "coverage-burn", "freshness-burn", "query-errors-burn",
    "query-latency-burn", "gaps", "clock-skew", "storage-forecast", "verification-failed",
    "redaction-finding", "admission-blocks-production", "view-behind", "witness-lost",
    "key-near-expiry", "service-burn", "missing-emitter", "integrity", "denied", "coverage-drop",
    "burns",
)  # fmt: skip
FAILURES = [name for name in PAGES if re.match(r"f\d+-", name)]


def commands(text: str) -> list[str]:
    """Every command line that a page names: of its blocks, and of its sentences."""
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines), lines
    typed = [re.sub(r"\s+# .*$", "", line[2:]) for line in lines]
    outside = re.sub(r"^```console\n.*?^```$", "", text, flags=re.M | re.S)
    named = re.findall(r"`(wherefrom [^`]+)`", outside)
    return [line for line in [*typed, *named] if line.startswith("wherefrom ")]


ALL = [(name, line) for name, text in {**PAGES, "README": INDEX}.items() for line in commands(text)]


def parsed(line: str) -> click.Context:
    """The command that a line is, with its arguments read; files need not be there."""
    words = shlex.split(line)[1:]
    command: click.Command = root
    context = click.Context(root, info_name="wherefrom")
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, f"no command {words[0]}"
        command, context = found, click.Context(found, info_name=words[0], parent=context)
        words = words[1:]
    return command.make_context(command.name, words, parent=context.parent)


@pytest.fixture(autouse=True)
def _files_that_are_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (click.Path, click.File):
        monkeypatch.setattr(kind, "convert", lambda self, value, param, ctx: value)


@pytest.mark.parametrize(("page", "line"), ALL, ids=lambda text: text[:70])
def test_every_command_of_a_runbook_is_one_of_the_program(page: str, line: str) -> None:
    line = line.replace(" ID", " incident:x")  # whatever it is called
    verb = line.removesuffix(" --help")
    if any(f"{name} ".startswith(f"{verb} ") for name in VERBS):
        return  # a verb by its name
    try:
        parsed(line)
    except click.UsageError as error:
        raise AssertionError(f"{page}: {line}: {error.format_message()}") from error


def test_every_indicator_that_a_runbook_asks_for_is_one() -> None:
    asked = {name for _, line in ALL for name in re.findall(r"--(?:explain|history) (\S+)", line)}
    assert len(asked) > 5
    for name in asked:
        assert named(name).id


@pytest.mark.parametrize("line", [
    "wherefrom nothing", "wherefrom why --colour red", "wherefrom erase 7", "wherefrom erase x",
    "wherefrom keys trust a b", "wherefrom log rotate --grace",
])  # fmt: skip
def test_a_command_that_is_none_would_be_found(line: str) -> None:
    with pytest.raises((AssertionError, click.UsageError)):
        parsed(line)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_of_the_alerts_has_a_page(rule: str) -> None:
    assert rule in PAGES
    assert f"[`{rule}`]({rule}.md)" in INDEX


def test_every_rule_that_is_decided_here_has_a_page() -> None:
    assert {signals.INTEGRITY, signals.DENIED, signals.COVERAGE} <= set(PAGES)


def test_every_failure_has_one_page_and_no_page_is_of_nothing() -> None:
    numbers = [int(name[1:].partition("-")[0]) for name in FAILURES]
    assert sorted(numbers) == list(range(1, 15))
    assert set(PAGES) == {*RULES, *FAILURES}
    for name in FAILURES:
        assert f"[{name.partition('-')[0].upper()}]({name}.md)" in INDEX


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_who_where_how_and_when_it_is_over(name: str) -> None:
    text = PAGES[name]
    assert text.startswith(f"# `{name}`: ")
    for part in ("**What it means.** ", "**Who is hurt.** ", "## Look\n", "## Mend\n", "## Over\n"):
        assert text.count(part) == 1, part
    look = text.partition("## Look\n")[2].partition("## Mend\n")[0]
    assert len(commands(look)) >= 2
    assert len(text.partition("## Over\n")[2].strip()) > 20

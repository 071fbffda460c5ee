"""The docs say what the code does: names, links, tables, and nothing of anybody's machine."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from tests.paths import REPOSITORY
from wherefrom import errors
from wherefrom.api.problems import STATUSES
from wherefrom.cli.exits import EXITS
from wherefrom.formats import entry, facts, recognise

PAGES = sorted(
    p
    for p in [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")]
    if "data" not in p.parts
)
ERRORS = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.Error)]


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:src|tests|docs|bench)/[\w./-]+?)`", page.read_text(encoding="utf-8"))
    for name in named:
        found = (REPOSITORY / name).exists() or any(REPOSITORY.glob(name + "*"))
        assert found, f"{page.name} names {name}"


def test_every_error_code_is_explained_with_its_status_and_exit() -> None:
    page = text_of("docs/errors.md")
    for error in ERRORS:
        row = re.search(rf"^\| `{error.code}` \| .+ \| (\d+) \| (\d) \|$", page, re.M)
        assert row is not None, error.code
        assert (int(row[1]), int(row[2])) == (STATUSES[error.code], EXITS[error.code]), error.code
        assert error.__doc__


def test_every_relation_and_kind_is_on_its_page_and_no_other() -> None:
    page = text_of("docs/formats/relations.md")
    assert set(re.findall(r"^\| `([a-z_]+)` \| .* → ", page, re.M)) == set(facts.RELATIONS)
    assert set(re.findall(r"^\| `([a-z_]+)` \| (?:Entity|Activity|Agent) \|", page, re.M)) == set(
        facts.KINDS
    )


def test_every_format_that_is_read_has_a_page() -> None:
    pages = {p.stem for p in (REPOSITORY / "docs" / "formats").glob("*.md")}
    named = {"statement": "in-toto"}
    for format in recognise.FORMATS:
        assert named.get(format.name, format.name.replace("_", "-")) in pages, format.name


def test_the_entry_page_names_every_kind_and_level() -> None:
    page = text_of("docs/formats/entry.md")
    for word in (*entry.ENTRY_KINDS, *entry.LEVELS):
        assert f"`{word}`" in page, word


def test_the_architecture_names_every_folder_of_the_source() -> None:
    page = text_of("ARCHITECTURE.md")
    for folder in (REPOSITORY / "src" / "wherefrom").iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            assert f"`{folder.name}/" in page, folder.name


def test_every_decision_is_numbered_once_and_says_what_was_chosen() -> None:
    pages = sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))
    assert [p.name[:4] for p in pages] == [f"{n:04}" for n in range(1, len(pages) + 1)]
    for page in pages:
        assert page.read_text().startswith(f"# {page.name[:4]}. "), page.name

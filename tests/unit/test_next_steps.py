"""Every error ends with what to do next: of its own, or of its class; and a door tells it.

What only a person can mend (a setting, a name, a permission, a server that is away) says it
closer than its class can. Those that do not yet are counted by file; the numbers may only shrink.
"""

from __future__ import annotations

import ast
import inspect
from collections import Counter

import pytest

from tests.paths import REPOSITORY
from wherefrom import errors
from wherefrom.api.problem_object import problem_of
from wherefrom.cli.failures import tell
from wherefrom.errors import Error, NotFound

SOURCE = REPOSITORY / "src" / "wherefrom"
CLASSES = {n: c for n, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, Error)}
# What a person does about these depends on the place, so the place says it.
CLOSER = {
    "SettingError", "NotFound", "Unavailable", "NotAllowed", "ReadOnly", "Ambiguous",
    "AlreadyExists", "Fenced",
}  # fmt: skip
# Why some leave it to their class: libraries below the doors do not know what their caller can do
# (a journal, a note, a key), and programs that watch others have nobody to tell.
LEFT: dict[str, int] = {}


def unsaid() -> Counter[str]:
    """By file, how many errors of CLOSER are made without ``do``."""
    found: Counter[str] = Counter()
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in CLOSER:
                given = {keyword.arg for keyword in node.keywords}
                if not given & {"do", None}:  # None: ``**parts``, which hand one on
                    found[str(path.relative_to(SOURCE))] += 1
    return found


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_says_what_helps_and_as_a_sentence_without_its_full_stop(name: str) -> None:
    said = vars(CLASSES[name])["do_else"]  # its own, not that of a class above
    assert said[0].isupper()
    assert not said.endswith(".")
    assert 20 <= len(said) <= 88


def test_no_two_classes_say_the_same() -> None:
    assert len({c.do_else for c in CLASSES.values()}) == len(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("do", [None, "Do this"])
def test_both_doors_tell_it(
    name: str, do: str | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    error = CLASSES[name]("what", do=do)
    expected = do or CLASSES[name].do_else
    assert problem_of(error)["do"] == expected
    tell(error, as_json=False)
    assert capsys.readouterr().err.endswith(f"  do        {expected}\n")


def test_what_an_error_says_inside_another_has_no_advice_of_its_class() -> None:
    assert str(NotFound("nothing", got="x")) == "nothing: got x"


def test_an_error_that_a_person_mends_says_how_where_it_is_made_and_the_rest_shrinks() -> None:
    assert dict(unsaid()) == LEFT


def test_every_command_that_advice_names_is_one() -> None:
    from wherefrom.cli.main import root

    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.keyword) and node.arg == "do"):
                continue
            text = "".join(
                part.value
                for part in ast.walk(node.value)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )
            for rest in text.split("wherefrom ")[1:]:
                verb = rest.split()[0].strip("`.,;:") if rest.split() else ""
                assert verb in root.commands or not verb.islower(), f"{path.name}: {text}"

"""Every error ends with what to do next: of its own, or of its class; and a door tells it.

What only a person can mend (a setting, a name, a permission, a server that is away) says it
closer than its class can. Those that do not yet are counted by file; the numbers may only shrink.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator

import click
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
# Why some leave it to their class: stores, trees and tiles do not know what their caller can do,
# and what is only handed on, or caught on the way, is told by whoever catches it.
LEFT: dict[str, int] = {
    "admission/asking.py": 1,
    "admission/deciding.py": 1,
    "admission/remote.py": 1,
    "api/rekor.py": 1,
    "api/tlog.py": 3,
    "capture/identity.py": 2,
    "gameday/asking.py": 1,
    "gameday/eyes.py": 2,
    "gameday/faults/clock.py": 1,
    "gameday/processes.py": 3,
    "gameday/report.py": 1,
    "gameday/stage.py": 5,
    "log/anchoring.py": 4,
    "log/reader.py": 2,
    "log/tile_client.py": 1,
    "log/tree.py": 1,
    "merkle/checked_tiles.py": 1,
    "notify/event_sinks.py": 3,
    "notify/grafana.py": 1,
    "notify/mail.py": 2,
    "notify/posting.py": 2,
    "notify/receivers.py": 1,
    "notify/tickets/tracker.py": 3,
    "query/alerts/covering.py": 1,
    "query/alerts/desk.py": 1,
    "storage/file_blobs.py": 2,
    "storage/file_head.py": 2,
    "storage/memory.py": 3,
    "testing/faulty.py": 2,
    "testing/flips.py": 1,
    "verify/sigstore/artifacts.py": 1,
    "views/rekor/view.py": 4,
}


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


def advice() -> Iterator[tuple[str, str]]:
    """Every sentence that says what to do: of errors, of their classes, of the doctor; what is
    filled in stands there as ``X``."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "do":
                yield path.name, _text(node.value)
            elif path.parent.name == "doctor":
                yield from ((path.name, _text(one)) for one in _fixes(node))
    yield from ((name, kind.do_else) for name, kind in CLASSES.items())


def _fixes(node: ast.AST) -> list[ast.expr]:
    """What a doctor's check says to do there."""
    if isinstance(node, ast.Call) and _name(node.func) == "Found":
        return node.args[2:3]
    if isinstance(node, ast.Assign) and any(
        isinstance(one, ast.Name) and one.id == "fix" for one in node.targets
    ):
        return [node.value]
    return []


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "X"
    parts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
    return " ".join(part for part in parts if isinstance(part, str))


def _options(command: click.Command) -> set[str]:
    return {name for one in command.params for name in (*one.opts, *one.secondary_opts)}


def test_every_command_and_option_that_advice_names_is_one() -> None:
    from wherefrom.cli.main import root

    every = {name for _, command in verbs(root, "wherefrom") for name in _options(command)}
    found = list(advice())
    assert len(found) > 500
    for where, text in found:
        for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text):
            foreign = {"--flatten", "--raw", "--help"}  # of kubectl, and of every verb
            assert option in every | foreign, f"{where}: {text}"
        for said in re.findall(r"wherefrom ((?:[a-z][a-z-]*[ :,.;)]?)+)", text):
            verb, *rest = (word.strip(":,.;)") for word in said.split())
            if verb not in root.commands:
                # No command, but the program itself in a sentence.
                assert verb in ("server", "itself", "and", "of"), f"{where}: {text}"
                continue
            command = root.commands[verb]
            if isinstance(command, click.Group) and rest and said[len(verb)] == " ":
                assert rest[0] in command.commands, f"{where}: {text}"


def verbs(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command

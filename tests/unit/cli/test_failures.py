"""What goes wrong is told once, in lines or as a problem object, with the right exit."""

import inspect
import subprocess
import sys

import click
import pytest

from tests.unit.cli.running import run
from wherefrom import errors
from wherefrom.cli.exits import CANNOT_TELL, EXITS, INTERRUPTED, MISUSE, NO, exit_of
from wherefrom.cli.failures import tell
from wherefrom.errors import Malformed, NotFound

CODES = {
    c.code for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.Error)
}


def test_every_error_has_an_exit_and_the_table_has_no_other():
    assert set(EXITS) == CODES


@pytest.mark.parametrize(
    ("code", "expected"),
    [("not_found", NO), ("bad_signature", NO), ("corrupt", NO), ("ambiguous", MISUSE),
     ("setting", MISUSE), ("unavailable", CANNOT_TELL), ("storage", CANNOT_TELL),
     ("of a later server", CANNOT_TELL)],
)  # fmt: skip
def test_a_no_a_misuse_and_a_failure_of_the_world_are_told_apart(code, expected):
    assert exit_of(code) == expected


def test_a_person_reads_what_where_expected_got_and_do(capsys):
    error = NotFound("nothing is called this", where="here", expected="an id", got="x", do="Look")
    assert tell(error, as_json=False) == NO
    assert capsys.readouterr().err == (
        "wherefrom: nothing is called this\n"
        "  where     here\n"
        "  expected  an id\n"
        "  got       x\n"
        "  do        Look\n"
    )


def test_a_script_reads_the_same_as_a_problem_object():
    ran = run("trace", "x", "--data", "/nowhere/at/all", "--json")
    assert ran.code == CANNOT_TELL
    assert ran.out == ""
    assert ran.problem["code"] == "unavailable"
    assert ran.problem["type"] == "urn:wherefrom:error:unavailable"
    assert ran.problem["where"] == "/nowhere/at/all"


def test_misuse_is_a_problem_object_too():
    ran = run("trace", "x", "--json", "--no-such-option")
    assert ran.code == MISUSE
    assert ran.problem["code"] == "usage"
    assert ran.problem["status"] == 400
    assert "--no-such-option" in ran.problem["title"]
    assert ran.problem["do"] == "See: wherefrom trace --help"


def test_misuse_is_told_with_the_usage_line():
    ran = run("log", "nosuch")
    assert ran.code == MISUSE
    assert ran.err.startswith("Usage: wherefrom log")
    assert "No such command 'nosuch'" in ran.err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_an_interruption_says_nothing_and_exits_130(error, capsys):
    assert tell(error, as_json=False) == INTERRUPTED
    assert capsys.readouterr() == ("", "")


def test_what_the_system_refuses_names_the_file(capsys):
    assert tell(PermissionError(13, "Permission denied", "a/b"), as_json=False) == CANNOT_TELL
    assert capsys.readouterr().err == (
        "wherefrom: permission denied\n"
        "  where     a/b\n"
        "  do        Look at the disk, its space and the permissions: wherefrom doctor\n"
    )


def test_a_mistake_of_ours_shows_where_and_never_counts_as_a_no(capsys):
    assert tell(RuntimeError("oops"), as_json=False) == CANNOT_TELL
    said = capsys.readouterr().err
    assert "RuntimeError: oops" in said
    assert "a mistake in wherefrom itself" in said


def test_a_long_value_is_wrapped_under_its_label(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    tell(Malformed("broken", expected=" ".join(["word"] * 30)), as_json=False)
    _, first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith("  expected  word")
    assert len(rest) >= 2
    assert all(line.startswith((" " * 12, "  do        ")) and len(line) <= 60 for line in rest)


def test_help_imports_nothing_but_click():
    code = (
        "import sys\n"
        "from wherefrom.cli.main import main\n"
        "assert main(['--help']) == 0\n"
        "heavy = {'msgspec', 'httpx', 'rich', 'starlette', 'cryptography', 'numpy', 'apsw'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_checking_evidence_offline_opens_no_place():
    code = (
        "import sys\n"
        "from wherefrom.cli.main import main\n"
        "assert main(['verify', './x', '--offline', '--log-key', 'a+b+c']) == 2\n"
        "heavy = {'httpx', 'rich', 'starlette', 'numpy', 'apsw', 'wherefrom.app'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)

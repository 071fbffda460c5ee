"""The live page in a real terminal: what is seen, what keys do, and that it is given back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

from tests.served import WHEREFROM, ServerProcess
from tests.terminal import Terminal
from tests.unit.cli.running import run
from wherefrom.cli import top_frame
from wherefrom.cli.top_frame import Wish, asked
from wherefrom.cli.top_keys import Keys

UP, DOWN, END = "\x1b[A", "\x1b[B", "\x1b[F"
SIZES = [(80, 24), (100, 30)]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The sample estate at rest, with an incident that is open."""
    path = tmp_path_factory.mktemp("top") / "data"
    with ServerProcess(path, "--sample"):
        pass
    ran = run("incident", "open", "the till would not open", "--service", "till", "-e", "prod",
              data=path)  # fmt: skip
    assert ran.code == 0
    return path


def top(data, *options, size=(80, 24), env=None):
    columns, lines = size
    return Terminal(
        [WHEREFROM, "top", "--data", data, *options], columns=columns, lines=lines, env=env
    )


# -- what is seen


@pytest.mark.parametrize("size", SIZES)
def test_a_page_fits_its_terminal_and_shows_health_alerts_and_changes(data, size):
    with top(data, size=size) as terminal:
        terminal.wait_for("q quit")
        rows = terminal.rows()
        assert len(rows) == size[1]
        assert all(len(row) <= size[0] for row in rows)
        assert re.match(r"[0-9:]{8}Z  wherefrom\.local/", rows[0])
        text = terminal.text()
        for said in (
            "1 Health of the evidence",
            "2 Alerts",
            "3 Changes",
            "have all ",
            "coverage",
        ):
            assert said in text
        assert "incident  prod/till  the till would not open" in text
        assert "drift     prod/till/south" in text
        assert rows[-1].startswith("Tab pane")
        assert "" not in rows  # no line is wasted while there is more to show


def test_a_terminal_that_changes_its_size_is_drawn_anew(data):
    with top(data) as terminal:
        terminal.wait_for("q quit")
        terminal.resize(60, 12)
        os.kill(terminal.pid, signal.SIGWINCH)
        until = time.monotonic() + 20
        while not terminal.rows()[11].startswith("Tab pane") and time.monotonic() < until:
            terminal.read()
        assert terminal.rows()[11].startswith("Tab pane")


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "vt100"}, False)],
)
def test_colours_are_left_out_where_nobody_wants_them_and_marks_stay(data, env, coloured):
    with top(data, env=env) as terminal:
        terminal.wait_for("q quit")
        colours = re.findall(rb"\x1b\[[0-9;]*3[0-7][;m]", terminal.written)
        assert bool(colours) is coloured
        assert " !" in terminal.text()


def test_what_is_recorded_meanwhile_comes_to_the_page_and_a_pause_keeps_it_away(tmp_path):
    path = tmp_path / "data"
    with ServerProcess(path) as server, top(path, "--every", "0.5") as terminal:
        terminal.wait_for("size 1 ")
        told = ["incident", "open", "the oven is cold", "-e", "prod"]
        terminal.press("p")
        terminal.wait_for("PAUSED")
        env = {**os.environ, "WHEREFROM_TOKEN": server.token}
        subprocess.run([WHEREFROM, *told, "--server", server.url], env=env, check=True)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            terminal.read()
        assert "size 1 " in terminal.text()
        terminal.press("p")
        terminal.wait_for("incident: the oven is cold")
        assert "PAUSED" not in terminal.text()


def test_it_watches_a_server_that_goes_and_comes_again(tmp_path):
    path = tmp_path / "data"
    with ServerProcess(path) as server:
        port = server.url.rpartition(":")[2]
        env = {"WHEREFROM_TOKEN": server.token}
        with Terminal(
            [WHEREFROM, "top", "--server", server.url, "--every", "0.5"], env=env
        ) as terminal:
            terminal.wait_for("size 1 ")
            server.terminate()
            terminal.wait_for("the server does not answer")
            assert "1 Health" in terminal.text()  # what was seen last stays
            with ServerProcess(path, "--port", port):
                terminal.wait_for("the server does not answer", gone=True)
            terminal.press("q")
            assert terminal.wait_end() == 0


# -- keys


def test_keys_go_from_pane_to_pane_open_a_thing_trace_it_and_go_back(data):
    with top(data, size=(100, 30)) as terminal:
        terminal.wait_for("▸ 2 Alerts")
        terminal.press("\t")
        terminal.wait_for("▸ 3 Changes")
        terminal.press("\x1b[Z")
        terminal.wait_for("▸ 2 Alerts")
        terminal.press("1")
        terminal.wait_for("▸ 1 Health")
        terminal.press("\r")
        terminal.wait_for("this line opens nothing")
        terminal.press(DOWN + "\r")
        terminal.wait_for("coverage  ")
        terminal.wait_for("What to mend, the one that closes most first:")
        terminal.press("\x1b")
        terminal.wait_for("▸ 1 Health")
        terminal.press("2")
        terminal.press(DOWN)
        terminal.wait_for(">!   ")
        terminal.press("\r")
        terminal.wait_for("records:")
        assert "Esc back" in terminal.rows()[-1]
        shown = run("show", "sha256:2603639f206b", data=data).out.splitlines()
        assert terminal.rows()[1] == shown[0].rstrip()  # word for word what show says
        terminal.press("t")
        terminal.wait_for("came from")
        terminal.press("\x1b")
        terminal.wait_for("2 Alerts")


def test_a_long_answer_is_read_line_by_line_and_to_its_end(data):
    with top(data, size=(80, 10)) as terminal:
        terminal.wait_for("▸ 2 Alerts")
        terminal.press(DOWN + "\r")
        terminal.wait_for("more lines below")
        first = terminal.rows()[2]
        terminal.press(DOWN)
        until = time.monotonic() + 20
        while terminal.rows()[1] != first and time.monotonic() < until:
            terminal.read()
        assert terminal.rows()[1] == first
        terminal.press(END)
        terminal.wait_for("more lines below", gone=True)
        assert "root" in terminal.text()


def test_a_change_of_what_nobody_describes_opens_its_record(data):
    with top(data) as terminal:
        terminal.wait_for("q quit")
        terminal.press("3" + "\r")
        terminal.wait_for("records:")


def test_filters_are_typed_and_kept_and_empty_shows_all(data):
    with top(data, size=(100, 30)) as terminal:
        terminal.wait_for("till")
        terminal.press("s")
        terminal.wait_for("service (empty for all):")
        terminal.press("shelg\x7ff\r")
        terminal.wait_for("only */shelf")
        terminal.wait_for("prod/till", gone=True)
        assert "prod/shelf" in terminal.text()
        terminal.press("s\x15\r")
        terminal.wait_for("prod/till")
        terminal.press("e")
        terminal.wait_for("environment (empty for all):")
        terminal.press("nowhere\r")
        terminal.wait_for("nothing changed in the last 30 days")
        terminal.press("e")
        terminal.press("\x1b")
        terminal.wait_for("Tab pane")
        assert "only nowhere" in terminal.rows()[0]  # left as it was


def test_help_names_every_key(data):
    with top(data) as terminal:
        terminal.wait_for("q quit")
        terminal.press("?")
        terminal.wait_for("open the thing of the line")
        terminal.press("\x1b")
        terminal.wait_for("2 Alerts")


@pytest.mark.parametrize("pieces", [[b"\x1b[A"], [b"\x1b", b"[A"], [b"\x1b[", b"A"], [b"\x1bOA"]])
def test_an_arrow_is_one_key_however_it_comes(pieces):
    keys = Keys()
    assert [key for piece in pieces for key in keys.read(piece)] == ["up"]
    assert not keys.waits


def test_an_escape_alone_is_a_key_once_nothing_follows():
    keys = Keys()
    assert keys.read(b"\x1b") == []
    assert keys.waits
    assert keys.flush() == ["escape"]
    assert keys.read(b"\xc3") + keys.read(b"\xbcq") == ["ü", "q"]
    assert keys.read(b"\x1b[5~\x1b[1;5B\x1b[200~x\t\x01") == ["page-up", "down", "x", "tab"]
    assert keys.read(b"\xff\xff\xff\xffq")[-1] == "q"


# -- the terminal is given back


def test_q_gives_the_terminal_back(data):
    with top(data) as terminal:
        terminal.wait_for("q quit")
        assert terminal.is_alternate
        assert terminal.modes != terminal.modes_before
        terminal.press("q")
        assert terminal.wait_end() == 0
        terminal.assert_given_back()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_gives_the_terminal_back(data, number):
    with top(data) as terminal:
        terminal.wait_for("q quit")
        os.kill(terminal.pid, number)
        assert terminal.wait_end() == 128 + number
        terminal.assert_given_back()


def test_an_interrupt_from_the_keyboard_gives_the_terminal_back(data):
    with top(data) as terminal:
        terminal.wait_for("q quit")
        terminal.press("\x03")
        assert terminal.wait_end() == 130
        terminal.assert_given_back()


def test_a_stop_from_the_keyboard_gives_it_back_until_it_is_woken(data):
    with top(data) as terminal:
        terminal.wait_for("q quit")
        os.kill(terminal.pid, signal.SIGTSTP)
        _, status = os.waitpid(terminal.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        terminal.read(1)
        terminal.assert_given_back()
        os.kill(terminal.pid, signal.SIGCONT)
        terminal.wait_for("q quit")
        until = time.monotonic() + 20
        while not terminal.is_alternate and time.monotonic() < until:
            terminal.read()
        assert terminal.is_alternate
        terminal.press("q")
        assert terminal.wait_end() == 0
        terminal.assert_given_back()


def test_a_mistake_of_ours_gives_the_terminal_back_and_is_told(data, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text(
        "import sys\n"
        "from wherefrom.cli import top_live\n"
        "from wherefrom.cli.main import main\n"
        "def draw(*_, **__):\n"
        "    raise RuntimeError('drawn wrong')\n"
        "top_live.draw = draw\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    python = WHEREFROM.with_name("python")
    with Terminal([python, broken, "top", "--data", data]) as terminal:
        assert terminal.wait_end() == 3
        terminal.assert_given_back()
        assert "drawn wrong" in terminal.text()
        assert "please report it" in terminal.text()


def test_what_cannot_be_asked_at_first_is_an_error_before_anything_is_shown(tmp_path):
    with Terminal([WHEREFROM, "top", "--data", tmp_path]) as terminal:
        assert terminal.wait_end() == 3
        assert b"\x1b[?1049h" not in terminal.written
        assert "no log in this directory" in terminal.text()


# -- for scripts


def test_once_prints_one_frame_and_json_the_same_facts(data):
    ran = run("top", "--once", data=data)
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert all(len(line) <= 100 for line in ran.out.splitlines())
    for said in ("Health of the evidence", "Alerts", "Changes", "the till would not open"):
        assert said in ran.out
    frame = run("top", "--json", data=data).json
    assert frame["incidents"][0]["slot"] == "incident"
    assert {place["service"] for place in frame["drifting"]} == {"till"}
    assert set(frame["log"]["views"].values()) == {frame["log"]["size"]}
    only = run("top", "--json", "-e", "prod", "-s", "shelf", data=data).json
    assert only["incidents"] == []
    assert {change["service"] for change in only["changes"]} == {"shelf"}


def test_without_a_terminal_it_says_so():
    ran = run("top", "--data", ".")
    assert ran.code == 2
    assert "--once prints one frame" in ran.err


def test_a_part_that_fails_is_told_in_its_place_and_costs_the_others_nothing(data, monkeypatch):
    from wherefrom.cli.local import LocalReading
    from wherefrom.cli.settings import Where
    from wherefrom.errors import Unavailable

    def fails(*_, **__):
        raise Unavailable("not today")

    monkeypatch.setattr(LocalReading, "changes", fails)
    frame = asked(Where(data), Wish())
    assert frame.troubles == {"changes": "not today"}
    assert frame.incidents
    assert "changes    not today" in run("top", "--once", data=data).out


def test_while_the_log_does_not_grow_it_is_not_asked_again(data, monkeypatch):
    from wherefrom.cli.local import LocalReading
    from wherefrom.cli.settings import Where

    first = asked(Where(data), Wish())
    monkeypatch.setattr(LocalReading, "changes", None)
    again = asked(Where(data), Wish(), first)
    assert again.changes == first.changes
    assert again.at > first.at
    with pytest.raises(TypeError):
        asked(Where(data), Wish("prod"), first)


def test_a_denied_thing_is_an_alert_above_drift():
    from types import SimpleNamespace

    place = SimpleNamespace(observed=[SimpleNamespace(marks=("denied",))])
    assert top_frame.is_denied(place)
    place.observed[0].marks = ()
    assert not top_frame.is_denied(place)

"""Each kind of debt, what is none, and that it names what takes it away."""

from __future__ import annotations

import pytest

from wherefrom.capture.recorder.ambient import SEEN_MAX, Seen, debts

TREE, HOME = "/home/ada/project", "/home/ada"


def seen(**changes):
    nothing = Seen(
        reads=[], owned=[], unlisted=[], connected=[], sockets=[], devices=[], programs=[],
        marks=[], environ={"LC_ALL": "C.UTF-8"}, tree=TREE, home=HOME,
    )  # fmt: skip
    return nothing._replace(**changes)


def kinds(**changes):
    return [debt.kind for debt in debts(seen(**changes))]


CASES = {
    "network": ({"connected": [("/usr/bin/curl", "192.0.2.1:443")]}, "by digest"),
    "socket": ({"sockets": ["/run/docker.sock"]}, "this process"),
    "clock": ({"marks": [("clock", "a.zip")]}, "SOURCE_DATE_EPOCH=$(git log"),
    "dates": ({"marks": [("dates", "a.tar")]}, "--mtime"),
    "path": ({"marks": [("path", "a.o")]}, "-ffile-prefix-map"),
    "cache": ({"reads": [f"{HOME}/.cache/pip/http/1"]}, "--no-cache-dir"),
    "home": ({"reads": [f"{HOME}/.gitconfig"]}, "HOME="),
    "certificates": ({"reads": ["/etc/ssl/certs/ca-certificates.crt"]}, "SSL_CERT_FILE"),
    "time_zone": ({"owned": ["/usr/share/zoneinfo/Europe/Berlin"]}, "TZ=UTC0"),
    "names": ({"reads": ["/etc/passwd"], "unlisted": ["/etc/passwd"]}, "--numeric-owner"),
    "locale": ({"owned": ["/usr/lib/locale/x"], "environ": {"LANG": "de_DE"}}, "LC_ALL=C.UTF-8"),
    "random": ({"devices": ["/dev/urandom"]}, "seed"),
    "unlisted": ({"unlisted": ["notes.txt"]}, "--input"),
}


@pytest.mark.parametrize("kind", CASES)
def test_a_debt_is_found_alone_with_what_takes_it_away(kind):
    changes, remedy = CASES[kind]
    found = debts(seen(**changes))
    assert [debt.kind for debt in found] == [kind]
    assert remedy in found[0].remedy
    assert found[0].number == 1


def test_a_command_that_leans_on_nothing_has_no_debt():
    assert kinds(reads=[f"{TREE}/a.c", "/opt/tool"], owned=["/usr/lib/libc.so.6"]) == []


def test_what_lies_in_the_tree_is_not_home_though_the_tree_does():
    assert kinds(reads=[f"{TREE}/.gitconfig", f"{TREE}/.cache/pip/x"]) == []


def test_a_toolchain_in_the_home_is_a_package_and_no_debt_but_what_pip_put_there_for_one_is():
    assert kinds(owned=[f"{HOME}/.pyenv/versions/3.11.7/lib/python3.11/os.py"]) == []
    assert kinds(owned=[f"{HOME}/.local/lib/python3.11/site-packages/x.py"]) == ["home"]


def test_what_is_told_of_home_does_not_say_whose_it_is():
    [debt] = debts(seen(reads=[f"{HOME}/.gitconfig", f"{HOME}/letters/to-bob.txt"]))
    assert debt.seen == ("~/.gitconfig", "~/…")


def test_python_has_its_seed_of_hashes_or_a_debt():
    python = {"programs": ["/usr/bin/python3.11"]}
    assert kinds(**python) == ["random"]
    assert kinds(**python, environ={"LC_ALL": "C", "PYTHONHASHSEED": "random"}) == ["random"]
    assert kinds(**python, environ={"LC_ALL": "C", "PYTHONHASHSEED": "0"}) == []


def test_the_remedy_for_the_network_is_that_of_who_asked():
    [debt, _] = debts(
        seen(connected=[("/usr/bin/pip", "192.0.2.1:443")], programs=["/usr/bin/pip",
             "/usr/bin/python3"])
    )  # fmt: skip
    assert "--require-hashes" in debt.remedy


def test_a_clock_that_was_pinned_in_vain_has_another_remedy():
    [debt] = debts(seen(marks=[("clock", "a")], environ={"SOURCE_DATE_EPOCH": "1"}))
    assert "ignores SOURCE_DATE_EPOCH" in debt.remedy


def test_a_long_list_is_cut_and_counted():
    [debt] = debts(seen(unlisted=[f"{n}.txt" for n in range(SEEN_MAX + 5)]))
    assert (len(debt.seen), debt.number) == (SEEN_MAX, SEEN_MAX + 5)

"""``wherefrom release`` asked of a directory and of a server, and a group that is a verb too."""

import pytest

from tests.served import Inside
from tests.unit.cli.running import run
from wherefrom.formats.release import Code, Release, to_statement

NAME = "acme/cart"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Inside(tmp_path_factory.mktemp("release") / "data") as inside:
        for version, before in (("1.0", None), ("feature/x", "1.0")):
            said = Release(
                name=NAME, version=version, previous=before, code=Code(commit="c" * 40),
                released="2026-01-01T00:00:00.000000Z",
            )  # fmt: skip
            sent = inside.client.post("/v1/records", content=to_statement(said))
            assert sent.status_code == 201
        # Its name goes on where the other's version begins.
        other = Release(
            name=f"{NAME}:api", version="9", code=Code(commit="d" * 40),
            released="2026-02-01T00:00:00.000000Z",
        )  # fmt: skip
        assert inside.client.post("/v1/records", content=to_statement(other)).status_code == 201
        inside.fold()
        yield inside


@pytest.mark.parametrize(
    "asked",
    [
        ("list", NAME), ("list", NAME, "--limit", 1), ("show", NAME), ("show", NAME, "1.0"),
        ("show", NAME, "feature/x"), ("diff", f"{NAME}:1.0", f"release:{NAME}:feature/x"),
        ("show", NAME, "2.0"), ("list", "acme"), ("diff", "acme", f"{NAME}:1.0"),
    ],
)  # fmt: skip
def test_a_server_answers_as_the_directory_does(server, monkeypatch, asked):
    monkeypatch.setenv("WHEREFROM_TOKEN", server.token["reader"])
    there = run("release", *asked, "--json", "--server", server.url)
    here = run("release", *asked, "--json", data=server.folder.path)
    assert (there.code, there.written) == (here.code, here.written)
    assert here.code in (0, 1)
    assert bool(here.written) == (here.code == 0)


def test_the_newest_comes_first_and_what_is_cut_off_is_said(server):
    one = run("release", "list", NAME, "--limit", 1, data=server.folder.path)
    assert "give --limit" in one.out
    assert one.out.startswith("  feature/x ")


def test_help_is_the_groups_and_a_name_is_a_release():
    assert "compare releases" in run("release", "--help").out
    for words in ((), ("make",)):
        missing = run("release", *words, "cart", "1.0")
        assert missing.code == 2
        assert "--key" in missing.err

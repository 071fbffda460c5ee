"""Where a command works: which of options, environment and file wins."""

from pathlib import Path

import click
import pytest

from wherefrom.cli.settings import where
from wherefrom.errors import SettingError

URL = "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("data", "server", "environment", "expected"),
    [
        (None, None, {}, ("wherefrom-data", None)),
        ("d", None, {}, ("d", None)),
        (None, URL, {}, ("wherefrom-data", URL)),
        (None, None, {"WHEREFROM_DATA": "e"}, ("e", None)),
        (None, None, {"WHEREFROM_URL": URL, "WHEREFROM_DATA": "e"}, ("e", URL)),
        ("d", None, {"WHEREFROM_URL": URL}, ("d", None)),
        (None, URL, {"WHEREFROM_URL": "http://other"}, ("wherefrom-data", URL)),
        (None, URL + "/", {}, ("wherefrom-data", URL)),
    ],
)
def test_an_option_wins_over_the_environment_and_a_server_over_a_directory(
    data, server, environment, expected
):
    found = where(data, server, environment)
    assert (str(found.data), found.server) == expected


def test_the_file_comes_last_and_its_token_gives_way_to_the_environments(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(f'server = "{URL}"\ntoken = "from file"\nca = "ca.pem"\n')
    config = {"WHEREFROM_CONFIG": str(path)}
    assert where(None, None, config)[:3] == (Path("wherefrom-data"), URL, "from file")
    assert where(None, None, config).ca == Path("ca.pem")
    assert where("d", None, config)[:2] == (Path("d"), None)
    assert where(None, None, {**config, "WHEREFROM_DATA": "e"})[:2] == (Path("e"), None)
    assert where(None, None, {**config, "WHEREFROM_TOKEN": "mine"}).token == "mine"


def test_two_places_are_misuse():
    with pytest.raises(click.UsageError, match="name two places"):
        where("d", URL, {})


@pytest.mark.parametrize("written", ["colour = 'blue'", "data = 3", "data ="])
def test_a_file_with_anything_else_in_it_is_refused(tmp_path, written):
    (tmp_path / "c").write_text(written)
    with pytest.raises(SettingError, match=r"a setting that is none|cannot be read"):
        where(None, None, {"WHEREFROM_CONFIG": str(tmp_path / "c")})


def test_a_server_without_a_scheme_is_refused():
    with pytest.raises(SettingError, match="not the address of a server"):
        where(None, "localhost:8474", {})

"""``wherefrom webhooks``: the secrets that senders sign with."""

import pytest

from tests.unit.cli.running import run
from wherefrom.app import DataFolder
from wherefrom.cli.webhooks import ADAPTERS
from wherefrom.collect.hooks import SIGNING


@pytest.fixture
def data(tmp_path):
    DataFolder(tmp_path / "data").create(origin="log.example/hooks")
    return tmp_path / "data"


def test_the_command_offers_the_adapters_that_sign():
    assert tuple(sorted(SIGNING)) == ADAPTERS


def test_a_secret_is_shown_once_and_then_only_what_it_is_for(data):
    made = run("webhooks", "new", "shop", "--adapter", "github", "--environment", "prod", data=data)
    assert made.code == 0
    (secret,) = made.out.split()
    assert "/v1/webhooks/github" in made.err
    (hook,) = DataFolder(data).hooks.list()
    assert (hook.secret, hook.where.environment) == (secret, "prod")
    listed = run("webhooks", "list", data=data)
    assert "shop" in listed.out
    assert secret not in listed.out + run("webhooks", "list", "--json", data=data).out


def test_json_says_the_same(data):
    made = run(
        "webhooks", "new", "shop", "--adapter", "flux", "--region", "eu", "--json", data=data
    )
    said = made.json
    assert len(said.pop("secret")) > 40
    held = {"name": "shop", "adapter": "flux", "region": "eu"}
    assert said == {"path": "/v1/webhooks/flux", **held}
    assert run("webhooks", "list", "--json", data=data).json == {"webhooks": [held]}
    assert run("webhooks", "remove", "shop", "--json", data=data).json == {"removed": held}
    assert "No webhooks" in run("webhooks", "list", data=data).out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("new", "shop", "--adapter", "alertmanager"), 2),
        (("new", "a b", "--adapter", "github"), 2),
        (("new", "shop"), 2),
        (("remove", "none"), 1),
    ],
)
def test_what_cannot_be_is_told_by_the_exit(data, arguments, code):
    assert run("webhooks", *arguments, data=data).code == code


def test_there_must_be_a_log(tmp_path):
    ran = run("webhooks", "new", "shop", "--adapter", "github", data=tmp_path / "none")
    assert ran.code == 3

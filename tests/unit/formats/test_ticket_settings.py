"""Trackers in the settings of notifications: what they may say, and no secret in any message."""

import json

import pytest

from wherefrom.errors import Malformed, Refused
from wherefrom.formats.notify_settings import parse

ONE = {"name": "shop", "kind": "github", "project": "acme/shop", "token": "s3cret"}


def read(*trackers, **more):
    content = json.dumps({"tickets": list(trackers), **more}).encode()
    return parse(content, where="notify.yaml").tickets


def test_what_is_not_said_is_the_usual():
    (one,) = read(ONE)
    assert one.address == "https://api.github.com"
    assert (one.severities, one.environments, one.open_max) == (("ticket",), (), 50)
    (lab,) = read({**ONE, "kind": "gitlab", "project": "a/b/c"})
    assert lab.address == "https://gitlab.com"
    jira = {"kind": "jira", "project": "OPS", "url": "https://acme.example/", "user": "a@b.example"}
    (ops,) = read({**ONE, **jira})
    assert (ops.address, ops.issue_type) == ("https://acme.example", "Task")


@pytest.mark.parametrize(("changes", "says"), [
    ({"name": "Not This"}, "not a name"),
    ({"kind": "trac"}, "not settings of notifications"),
    ({"project": "acme"}, "not a project of github"),
    ({"project": "acme/shop/../x"}, "not a project of github"),
    ({"kind": "gitlab", "project": "a b"}, "not a project of gitlab"),
    ({"kind": "jira", "url": "https://j.example", "project": "ops"}, "not a project of jira"),
    ({"kind": "jira", "project": "OPS"}, "not the address of a tracker"),
    ({"url": "http://github.example"}, "not the address of a tracker"),
    ({"url": "https://me:s3cret@github.example"}, "not the address of a tracker"),
    ({"url": "file:///etc/passwd"}, "not the address of a tracker"),
    ({"token": "s3cret x"}, "not a token"),
    ({"token": ""}, "not a token"),
    ({"labels": ["two words"]}, "not a label"),
    ({"labels": ["a"] * 11}, "too many labels"),
    ({"user": "bot"}, "only Jira has a user"),
    ({"severities": ["loud"]}, "not settings of notifications"),
    ({"open_max": 0}, "not a number of tickets"),
    ({"colour": "red"}, "not settings of notifications"),
])  # fmt: skip
def test_what_is_wrong_is_told_and_never_the_token(changes, says):
    with pytest.raises(Refused, match=says) as error:
        read({**ONE, **changes})
    assert "s3cret" not in str(error.value)


def test_trackers_have_names_of_their_own():
    with pytest.raises(Malformed, match="two trackers of one name"):
        read(ONE, ONE)

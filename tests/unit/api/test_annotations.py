"""``GET /v1/annotations``: what changed, in milliseconds, as datasources of JSON read it."""

from datetime import UTC, datetime, timedelta

import pytest

from wherefrom.capture import changes
from wherefrom.formats import timestamps
from wherefrom.formats.states import Scope

NOW = datetime.now(UTC).replace(microsecond=0)
IMAGE = "sha256:" + "ab" * 32


def ms(moment):
    return int(moment.timestamp() * 1000)


@pytest.fixture(scope="module")
def told(server, client):
    """A rollout of ten minutes an hour ago, and a flag half an hour ago."""
    for pool, slot, name, value, ago in (
        ("a", "artifact", "", IMAGE, 60),
        ("b", "artifact", "", IMAGE, 50),
        ("", "flag", "dark", "true", 30),
    ):
        states = [{"slot": slot, "name": name, "value": value}]
        content = changes.estate(
            "declared", Scope("prod", "till", pool=pool), states, all_of=[slot],
            at=timestamps.to_text(NOW - timedelta(minutes=ago)), source="/cd",
        )  # fmt: skip
        assert client.post("/v1/records", content=content).status_code == 201
    server.fold()
    return client


def asked(client, **parameters):
    answer = client.get("/v1/annotations", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_rollout_is_a_region_and_what_was_over_at_once_a_moment(told):
    rollout, flag = asked(told, **{"from": ms(NOW - timedelta(hours=2)), "to": ms(NOW)})
    began, ended = (ms(NOW - timedelta(minutes=ago)) for ago in (60, 50))
    assert rollout == {
        "time": began, "timeEnd": ended, "isRegion": True, "title": "deploy of prod/till",
        "text": rollout["text"], "tags": ["wherefrom", "deploy", "env:prod", "svc:till"],
    }  # fmt: skip
    assert "by /cd" in rollout["text"]
    at = ms(NOW - timedelta(minutes=30))
    assert (flag["time"], flag["timeEnd"], flag["isRegion"]) == (at, at, False)
    assert flag["title"] == "flag dark of prod/till"


def test_a_day_back_is_shown_if_nobody_says_more(told):
    assert len(asked(told)) == 2
    assert asked(told, to=ms(NOW - timedelta(hours=2))) == []


def test_only_what_has_every_tag_is_shown(told):
    assert [one["title"] for one in asked(told, tags="flag,env:prod")] == ["flag dark of prod/till"]
    assert asked(told, tags="flag,deploy") == []
    assert len(asked(told, scope="prod/till", tags="wherefrom")) == 2


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"from": "yesterday"}, "?from="),
        ({"to": "-5"}, "?to="),
        ({"to": "1" * 15}, "?to="),
        ({"from": "2000", "to": "1000"}, "?from="),
        ({"limit": "0"}, ""),
    ],
)
def test_what_is_no_time_is_refused_with_what_is_one(told, parameters, where):
    answer = told.get("/v1/annotations", params=parameters)
    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed"
    assert where in answer.text


def test_it_takes_a_token_that_may_read(server, told):
    for name, status in ((None, 401), ("sender", 403), ("reader", 200)):
        with server.as_(name) as client:
            assert client.get("/v1/annotations").status_code == status

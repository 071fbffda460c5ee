"""A maintenance: where, between which times and why; it has an end, and its own subject."""

import json

import pytest

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import maintenance, recognise
from wherefrom.formats.maintenance import Maintenance, is_on, maintenance_id, parse, to_statement
from wherefrom.formats.states import DECLARED, Scope
from wherefrom.formats.timestamps import micros

AT = "2026-01-01T10:00:00.000000Z"
SINCE, UNTIL = "2026-01-01T22:00:00.000000Z", "2026-01-02T02:00:00.000000Z"
SAID = {
    "maintenance": "maintenance:ab", "stage": "declared", "at": AT, "environment": "prod",
    "service": "cart", "since": SINCE, "until": UNTIL, "reason": "new database",
}  # fmt: skip


def test_what_is_declared_states_its_times_and_why():
    read = recognise.read(to_statement(parse(SAID)))
    assert read.facts.kind == "change"
    assert read.facts.type == maintenance.PREDICATE_TYPE
    (state,) = read.facts.states
    assert (state.mode, state.scope, state.slot) == (DECLARED, Scope("prod", "cart"), "maintenance")
    assert (state.value, state.at) == ("maintenance:ab", AT)
    assert state.properties == {"since": SINCE, "until": UNTIL, "reason": "new database"}


def test_what_ended_is_there_no_more():
    said = Maintenance(maintenance="maintenance:ab", stage="ended", at=AT, environment="prod")
    (state,) = recognise.read(to_statement(said)).facts.states
    assert state.value is None


def test_it_lasts_from_since_until_just_before_until():
    properties = {"since": SINCE, "until": UNTIL}
    said = [is_on(properties, at) for at in (
        micros(SINCE) - 1, micros(SINCE), micros(UNTIL) - 1, micros(UNTIL))]  # fmt: skip
    assert said == [False, True, True, False]
    assert not is_on({}, 0)
    assert not is_on({"since": "x", "until": UNTIL}, 0)


def test_ids_tell_maintenances_apart():
    ids = {maintenance_id(e, s, at=AT, since=since) for e in ("a", "b") for s in ("", "x")
           for since in (SINCE, UNTIL)}  # fmt: skip
    assert len(ids) == 8


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"until": ""}, "has an end"),
        ({"since": ""}, "has an end"),
        ({"until": SINCE}, "ends before it begins"),
        ({"reason": " "}, "without a reason"),
        ({"environment": ""}, "of nowhere"),
        ({"maintenance": "ab"}, "not the id of a maintenance"),
        ({"stage": "ended"}, "says when in at"),
        ({"stage": "begun"}, "not a maintenance"),
        ({"at": "noon"}, "not a time|not RFC|time"),
        ({"more": 1}, "not a maintenance"),
    ],
)
def test_what_is_no_maintenance_is_refused(more, says):
    with pytest.raises(Malformed, match=says):
        parse({**SAID, **more})


def test_it_is_not_for_ever():
    with pytest.raises(LimitPassed, match="too long"):
        parse({**SAID, "until": "2026-01-15T22:00:00.000001Z"})
    assert parse({**SAID, "until": "2026-01-15T22:00:00.000000Z"})


def test_another_subject_is_refused():
    document = json.loads(to_statement(parse(SAID)))
    document["subject"][0]["digest"]["sha256"] = "a" * 64
    with pytest.raises(Malformed, match="another subject"):
        recognise.read(json.dumps(document).encode())

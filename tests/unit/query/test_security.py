"""Which records give which security events, on a log that holds each of them."""

import json

import msgspec
import pytest

from tests.unit.formats.test_security_events import faults, parsed
from tests.watched_world import SCANNED, World, image, key_id, policy, statement
from wherefrom.collect.principals import Principal
from wherefrom.errors import Malformed
from wherefrom.formats import (
    admission_record,
    exception,
    incident,
    maintenance,
    own,
    response,
    turned,
    vsa,
)
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.entry import Trust
from wherefrom.formats.intake import IntakeRule
from wherefrom.formats.ocsf import to_object
from wherefrom.formats.own import (
    Administrators,
    Gap,
    Genesis,
    KeyChange,
    LogKeysChange,
    TrustRoot,
)
from wherefrom.formats.response import Plan, PlannedStep
from wherefrom.formats.security_event import KINDS
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.query.security import SecurityDesk
from wherefrom.query.security import stream as streams
from wherefrom.query.security.reading import events_of

AT = "2026-01-01T10:00:00.000000Z"


@pytest.fixture(autouse=True)
def sealing():
    """Once is enough: no graph is asked."""


class Told:
    """A world, and the names of the events of each record that was made in it."""

    def __init__(self, world):
        self.world, self.expected = world, {}

    def expect(self, entry, *names):
        self.expected[entry] = names

    def newest(self):
        return self.world.log.refresh().size - 1


def an_exception(stage, **more):
    asks = {"rules": ("scanned",), "environment": "prod", "until": "2030-01-01T00:00:00Z"}
    said = {"reason": "night"} | (asks if stage in exception.ASKS else {})
    return exception.to_statement(
        exception.Exceptional(stage=stage, at=AT, **said, **more), {image(1): "cart"}
    )


def a_maintenance(stage):
    asks = {"since": AT, "until": "2026-01-01T12:00:00.000000Z", "reason": "a new disk"}
    return maintenance.to_statement(
        maintenance.Maintenance(
            maintenance="maintenance:aa", stage=stage, at=AT, environment="prod", service="cart",
            **(asks if stage == "declared" else {}),
        )
    )  # fmt: skip


def alerts(status, **more):
    return json.dumps(
        {
            "version": "4", "groupKey": "{}", "status": status, "receiver": "w",
            "alerts": [
                {"status": status, "startsAt": AT, "fingerprint": fingerprint, **more,
                 "labels": {"alertname": f"Slow{fingerprint}", "environment": "prod",
                            "service": "cart", "severity": "page"}}
                for fingerprint in ("aa", "bb")
            ],
        }
    ).encode()  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    with World(tmp_path_factory.mktemp("siem") / "data") as world:
        made = Told(world)
        made.expect(0, "log.began")
        made.expect(made.newest(), "key.trusted")
        make_decisions(world, made)
        make_records(world, made)
        yield made


def make_decisions(world, made):
    recorder = world.recorder
    world.trust(world.other)
    made.expect(made.newest(), "key.trusted")
    seen = world.sign(statement(image(3), "https://example.com/seen/v1", {}), world.other)
    recorder.set_intake([IntakeRule(name="a", kinds=("sbom",), least="signed")], reason="strict")
    made.expect(made.newest(), "intake.changed")
    recorder.set_intake([], reason="not strict")
    made.expect(made.newest(), "intake.changed")
    stone = recorder.erase(world.record(b'{"_type":"https://in-toto.io/Statement/v1",'
        b'"subject":[{"digest":{"sha256":"' + b"7" * 64 + b'"}}],"predicateType":"https://e.x/1",'
        b'"predicate":{}}')[0], reason="asked to", principal=world.principal)  # fmt: skip
    made.expect(stone, "record.erased")
    sender = Principal(name="ci", roles=("record",))
    recorder.note_refusals(sender, since=AT, counts={"malformed": 2})
    made.expect(made.newest(), "records.refused")
    recorder.note_refusals(sender, since=AT, counts={"bad_signature": 3, "limit": 1})
    made.expect(made.newest(), "records.refused", "signature.failed")
    recorder._decide(Gap(what="clock", why="it went back"))
    made.expect(made.newest(), "gap.found")
    before = made.newest()
    world.revoke(world.other)
    made.expect(before + 1, "key.revoked")
    made.expect(before + 2, "record.distrusted")
    assert made.newest() == before + 2, "one record rested on it"
    world.revoked, world.distrusted = before + 1, seen


def make_records(world, made):
    rules = policy(SCANNED)
    entry = world.use(rules, "prod")
    made.expect(entry - 1, "policy.recorded")
    made.expect(entry, "policy.in_force")
    made.expect(world.use(rules, "prod", stage="ended"), "policy.ended")
    world.deploy("cart", 1)
    world.scan(1, "critical")
    made.expect(made.newest(), "vulnerability.found")
    summary = world.ask_the_gate(1, policy=rules)
    made.expect(summary.entry - 2, "key.trusted")  # that the log may sign it
    made.expect(summary.entry - 1, "policy.recorded")
    made.expect(summary.entry, "summary.denied")
    world.use(rules, "prod")
    made.expect(made.newest(), "policy.in_force")
    turn(world, made, "artifact.denied")
    made.expect(world.break_glass(1, "scanned", hours=1), "glass.broken")
    world.vex(1)
    turn(world, made, "artifact.allowed")
    asked = world.sign(an_exception("requested"))
    made.expect(asked, "exception.requested")
    request = sha256_id(world.log.content_of(asked))
    for stage in ("approved", "refused", "withdrawn"):
        word = world.sign(an_exception(stage, request=request))
        made.expect(word, f"exception.{stage}")
    decided = admission_record.Decision(
        image(1), "shop/cart:1", "eu-1", ("production", "3"), rules.digest, "prod", False,
        [("scanned", "CVE-2026-1234 is critical")], "2026-01-01",
    )  # fmt: skip
    made.expect(world.sign(admission_record.to_statement(decided)), "admission.denied")
    passed = admission_record.to_statement(decided._replace(allowed=True))
    made.expect(world.sign(passed))
    make_responses(world, made)
    for stage in ("declared", "ended"):
        made.expect(world.sign(a_maintenance(stage)), f"maintenance.{stage}")
    made.expect(world.record(alerts("firing"))[0], "incident.opened", "incident.opened")
    ended = alerts("resolved", endsAt="2026-01-01T11:00:00Z")
    made.expect(world.record(ended)[0], "incident.closed", "incident.closed")
    for stage, rule, names in (
        ("opened", "integrity-production", ("incident.opened", "integrity.failed")),
        ("noted", "", ("incident.updated",)),
        ("marked", "", ("incident.updated",)),
        ("baseline", "", ()),
        ("closed", "integrity-production", ("incident.closed",)),
    ):
        said = incident.IncidentStage(
            incident="incident:wherefrom:x@2026-01-01T10:00:00Z", stage=stage, at=AT,
            service="cart", environment="prod", title="x" if stage == "opened" else "",
            severity="page" if stage == "opened" else "", rule=rule,
            text="seen" if stage == "noted" else "",
            baseline_s=60.0 if stage == "baseline" else None,
        )  # fmt: skip
        made.expect(world.sign(incident.to_statement(said)), *names)


def make_responses(world, made):
    plan = Plan(
        rule="r", rule_digest="sha256:" + "e" * 64, action="rollback", service="cart",
        environment="prod", made=AT, until="2030-01-01T00:00:00.000000Z", trouble="by_hand",
        steps=[PlannedStep(argv=["true"])],
    )  # fmt: skip
    stages = (
        (response.asked(plan), "response.asked"),
        (response.of(plan, response.DRY_RUN, at=AT, outcome="done"), "response.tried"),
        (response.of(plan, response.APPROVED, at=AT), "response.approved"),
        (response.of(plan, response.STARTED, at=AT), "response.started"),
        (response.of(plan, response.ENDED, at=AT, outcome="failed"), "response.ended"),
    )
    for said, name in stages:
        made.expect(world.sign(response.to_statement(said)), name)


def turn(world, made, name):
    before = made.newest()
    world.rounds()
    size = world.log.refresh().size
    (entry,) = [
        logged.index for logged in world.log.read(before + 1, size)
        if logged.entry.type == "urn:wherefrom:turned:v1"
    ]  # fmt: skip
    made.expect(entry, name)


def stream(world, form="ocsf", since=0):
    desk, lines = SecurityDesk(world.log), []
    while (page := desk.page(form, since)).next != since:
        lines += page.lines
        since = page.next
    return lines


def by_entry(lines):
    found = {}
    for line in lines:
        found.setdefault(line.entry, []).append(line.name)
    return found


def test_every_record_gives_the_events_that_the_page_says(told):
    found = by_entry(stream(told.world))
    expected = {entry: list(names) for entry, names in told.expected.items() if names}
    assert {e: n for e, n in found.items() if e in expected} == expected
    assert not {e for e, names in told.expected.items() if not names} & set(found)


# What takes more than this world has; each of them is read further down.
ELSEWHERE = {
    "administrators.changed", "log_keys.changed", "root.changed", "key.retired", "artifact.gone",
    "access.recorded",
}  # fmt: skip


def test_every_event_of_the_page_is_given_by_a_record_of_the_tests(told):
    assert {line.name for line in stream(told.world)} | ELSEWHERE == set(KINDS)


def test_what_is_written_is_what_the_schema_describes_and_cef_says_the_same(told):
    written, lines = stream(told.world), stream(told.world, "cef")
    assert len(written) == len(lines)
    for one, other in zip(written, lines, strict=True):
        made = json.loads(one.text)
        assert faults(made) == [], one.text
        header, values = parsed(other.text)
        assert header[4] == values["act"] == made["metadata"]["event_code"] == one.name
        assert int(values["externalId"]) == made["metadata"]["sequence"] == one.entry
        assert values["msg"].split() == made["message"].split()


def test_an_event_says_who_what_where_and_how_far_it_is_believed(told):
    world = told.world
    made = {line.name: json.loads(line.text) for line in stream(world)}
    lost = next(json.loads(x.text) for x in stream(world) if x.entry == world.revoked)
    assert lost["entity"]["uid"] == key_id(world.other)
    distrusted = made["record.distrusted"]
    assert distrusted["resources"][0]["uid"] == f"entry:{world.distrusted}"
    assert distrusted["unmapped"]["keys"] == key_id(world.other)
    assert made["artifact.denied"]["resources"][0] == {
        "uid": image(1), "type": "artifact", "namespace": "prod",
    }  # fmt: skip
    assert made["artifact.denied"]["compliance"]["requirements"] == ["scanned"]
    assert made["admission.denied"]["unmapped"]["cluster"] == "eu-1"
    assert made["glass.broken"]["severity"] == "Critical"
    assert made["glass.broken"]["unmapped"]["record"]["trust"] == "signed"
    assert made["incident.opened"]["unmapped"]["record"]["signers"] == [key_id(world.key)]
    assert made["vulnerability.found"]["vulnerabilities"] == [
        {"cve": {"uid": "CVE-2026-1234"}, "title": "CVE-2026-1234"}
    ]
    assert made["vulnerability.found"]["severity"] == "Critical"
    assert (made["response.ended"]["severity"], made["response.ended"]["status_id"]) == ("High", 2)
    assert made["record.erased"]["unmapped"]["reason"] == "asked to"
    silenced = made["maintenance.declared"]
    assert silenced["entity"] == {
        "type": "maintenance", "uid": "maintenance:aa", "name": "prod/cart",
    }  # fmt: skip
    assert silenced["comment"] == "a new disk"
    assert silenced["unmapped"]["until"] == "2026-01-01T12:00:00.000000Z"
    assert silenced["message"] == (
        "alerts of prod/cart are to be told to nobody from 2026-01-01T10:00:00Z to "
        "2026-01-01T12:00:00Z: a new disk"
    )
    assert made["maintenance.ended"]["entity"] == silenced["entity"]
    assert made["signature.failed"]["unmapped"]["count"] == "3"


def test_what_closes_an_alert_has_the_id_of_what_opened_it(told):
    lines = [json.loads(x.text) for x in stream(told.world) if x.name.startswith("incident.")]
    ids = {kind: [x["finding_info_list"][0]["uid"] for x in lines if x["activity_id"] == kind]
           for kind in (1, 3)}  # fmt: skip
    assert sorted(ids[1]) == sorted(ids[3])
    assert len(set(ids[1])) == 3


KEY_CHANGE = {"key": "k:" + "a" * 32, "spki": "AA=="}
DECISIONS = {
    "administrators.changed": Administrators(keys=("k:" + "a" * 32,), threshold=1, reason="two"),
    "log_keys.changed": LogKeysChange(note="x"),
    "root.changed": TrustRoot(
        version=1, trusted_root="", digest="", as_of=None, warn_days=1, refuse_days=2
    ),
    "key.retired": KeyChange(action="retire", **KEY_CHANGE),
    "gap.found": Gap(what="facts", why="unread", count=2),
    "log.began": Genesis(origin="o", log_key="k", service_key="s"),
}


def decided(world, said, level):
    """The entry of a decision, as a door of some other making would let it in."""
    payload = msgspec.json.encode(said)
    content = sign_envelope(own.media_type(said), payload, world.other)
    logged = next(world.log.read(0, 1))
    entry = msgspec.structs.replace(
        logged.entry, kind=own.entry_kind(said), type=own.media_type(said), trust=Trust(level)
    )
    return msgspec.structs.replace(logged, entry=entry, content=content)


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_is_an_event_only_if_the_log_itself_made_it(told, name, monkeypatch):
    monkeypatch.setattr(own, "_check", lambda decision: None)  # notes and keys that are none
    for level in ("channel", "signed"):
        logged = decided(told.world, DECISIONS[name], level)
        assert events_of(logged, lambda index: None, own_key="k:x") == []
    (event,) = events_of(
        decided(told.world, DECISIONS[name], "self"), lambda index: None, own_key="k:x"
    )
    assert event.name == name
    assert faults(to_object(event, origin="o", version="1")) == []


def test_a_look_is_an_event(told):
    logged = next(told.world.log.read(0, 1))
    entry = msgspec.structs.replace(logged.entry, kind="access", trust=Trust("channel"))
    there = msgspec.structs.replace(logged, entry=entry)
    assert [e.name for e in events_of(there, lambda i: None, own_key="")] == ["access.recorded"]


def test_a_turn_that_others_sign_is_no_event_and_one_of_ours_is(told):
    world = told.world
    size = world.log.refresh().size
    said = turned.Turned(to="gone", environment="prod", at=AT, policy="sha256:" + "f" * 64)
    world.sign(turned.to_statement(said, image(9)))
    assert stream(world, since=size) == []
    world.recorder.vouch(turned.to_statement(said, image(8)), principal=world.principal)
    assert [line.name for line in stream(world, since=size)] == ["artifact.gone"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"payload": 7}', None])
@pytest.mark.parametrize("kind", ["key", "incident", "exception", "attestation", "policy"])
def test_a_content_that_cannot_be_read_or_is_erased_says_nothing(told, kind, content):
    logged = next(told.world.log.read(0, 1))
    types = {"exception": exception.PREDICATE_TYPE, "attestation": vsa.PREDICATE_TYPE}
    entry = msgspec.structs.replace(logged.entry, kind=kind, type=types.get(kind, "t"))
    there = msgspec.structs.replace(logged, entry=entry, content=content)
    assert events_of(there, lambda index: None, own_key="k:x") == []


# -- pages


@pytest.mark.parametrize(("records", "events"), [(1, 1), (2, 100), (7, 2), (100, 3)])
def test_pages_of_any_size_give_each_event_once_in_order(told, monkeypatch, records, events):
    whole = stream(told.world)
    monkeypatch.setattr(streams, "RECORDS_MAX", records)
    monkeypatch.setattr(streams, "EVENTS_MAX", events)
    assert stream(told.world) == whole
    for since in range(0, told.newest(), 5):
        assert stream(told.world, since=since) == [x for x in whole if x.entry >= since]


@pytest.mark.parametrize("since", [-1, 10**9])
def test_a_place_that_the_log_has_not_reached_is_no_place(told, since):
    with pytest.raises(Malformed, match="no such place in the log"):
        SecurityDesk(told.world.log).page("ocsf", since)


def test_another_format_is_none(told):
    with pytest.raises(Malformed, match="not a format"):
        SecurityDesk(told.world.log).page("leef", 0)

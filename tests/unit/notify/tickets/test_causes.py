"""What is wrong now, as the log says it: opened, ended, and the same after a restart."""

import json

import pytest

from tests.docs.test_runbooks import parsed
from tests.paths import REPOSITORY
from tests.watched_world import SBOM, SCANNED, World, image, policy
from wherefrom.collect.principals import Principal
from wherefrom.formats import incident, turned
from wherefrom.notify.tickets import CauseFile
from wherefrom.notify.tickets import causes as module
from wherefrom.query.word import Words

AT = "2026-01-01T10:00:00.000000Z"
URL = "https://w.example"


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "data") as world:
        yield world


def causes_of(world, **told):
    """The causes as a process that just started would see them."""
    found = CauseFile(world.folder.path / "causes.json", world.log, words=Words(world.log))
    while found.look(**{"url": URL, **told}):
        pass
    return found


def stage(stage="opened", **changes):
    said = {"title": "cart fails", "severity": "ticket"} if stage == "opened" else {}
    return incident.to_statement(
        incident.IncidentStage(
            **{"incident": "incident:wherefrom:cart@2026-01-01T10:00:00Z", "stage": stage,
               "at": AT, "service": "cart", "environment": "prod", **said, **changes}
        )
    )  # fmt: skip


def test_what_the_log_found_denied_is_a_cause_until_it_is_good_again(world):
    world.use(policy(SCANNED), "prod")
    world.deploy("cart", 1)
    world.scan(1, "critical")
    world.rounds()
    found = causes_of(world)
    (cause,) = found.open.values()
    assert cause.root == f"artifact:{image(1)}"
    assert cause.title == f"{image(1)[:12]} is denied in prod: scanned"
    for command in cause.commands:
        parsed(command)
    facts = dict(cause.facts)
    assert (facts["services"], facts["environment"]) == ("cart", "prod")
    assert "CVE-2026-1234" in facts["rule scanned"]
    assert ("the record", f"{URL}/records/{cause.entry}") in cause.links
    assert f"wherefrom affected {image(1)}" in cause.commands
    world.vex(1)
    world.rounds()
    after = causes_of(world)
    assert after.open == {}
    assert "is allowed again in prod" in after.why_ended(cause.root)


def test_an_artifact_is_one_cause_in_all_environments_and_ends_with_the_last(world):
    world.use(policy(SCANNED), "prod", "stage")
    for environment in ("prod", "stage"):
        world.deploy("cart", 1, environment)
    world.scan(1, "critical")
    world.rounds()
    (cause,) = causes_of(world).open.values()
    assert set(cause.environments) == {"prod", "stage"}
    world.deploy("cart", None, "prod")
    world.rounds()
    (cause,) = causes_of(world).open.values()
    assert cause.environments == ("stage",)
    world.deploy("cart", None, "stage")
    world.rounds()
    found = causes_of(world)
    assert found.open == {}
    assert "runs no more in stage" in found.why_ended(cause.root)


def test_other_rules_or_another_policy_are_still_the_same_cause(world):
    world.use(policy(SCANNED), "prod")
    world.deploy("cart", 1)
    world.scan(1, "critical")
    world.rounds()
    (before,) = causes_of(world).open.values()
    world.use(policy(SCANNED, SBOM, version="2"), "prod")
    world.rounds()
    (after,) = causes_of(world).open.values()
    assert (after.root, after.at) == (before.root, before.at)
    world.use(policy(SBOM, version="3"), "prod")
    world.sbom(1, "pkg:npm/a@1")
    world.rounds()
    assert causes_of(world).open == {}


def test_a_turn_that_others_sign_is_no_cause(world):
    lie = turned.Turned(to="denied", environment="prod", at=AT, policy="sha256:" + "f" * 64)
    world.sign(turned.to_statement(lie, image(9)))
    assert causes_of(world).open == {}
    world.recorder.vouch(turned.to_statement(lie, image(8)), principal=world.principal)
    assert list(causes_of(world).open) == [f"artifact:{image(8)}"]


def test_an_incident_is_a_cause_until_it_is_closed(world):
    world.sign(stage(text="every tenth request", rule="service-burn", links=["https://x.example"],
                     entries=[0, 1], root=incident.Root(kind="digest", id=image(1))))  # fmt: skip
    (cause,) = causes_of(world, runbooks="https://docs.example/runbooks/").open.values()
    assert (cause.title, cause.severity) == ("cart fails (prod/cart)", "ticket")
    assert len(cause.commands) == 3
    for command in cause.commands:
        parsed(command)
    facts = dict(cause.facts)
    assert facts["says"] == "every tenth request"
    assert facts["about"] == f"digest {image(1)}"
    assert facts["records"] == "#0 #1"
    assert cause.links == (
        ("the incident", f"{URL}/incidents/incident%3Awherefrom%3Acart%402026-01-01T10%3A00%3A00Z"),
        ("the record", f"{URL}/records/{cause.entry}"),
        ("the runbook", "https://docs.example/runbooks/service-burn.md"),
        ("link 1", "https://x.example"),
    )
    world.sign(stage("noted", text="looking"))
    assert len(causes_of(world).open) == 1
    entry = world.sign(stage("closed", text="rolled back"))
    found = causes_of(world)
    assert found.open == {}
    assert found.why_ended(cause.root) == f"rolled back: #{entry}."


def test_an_alert_about_what_turned_bad_has_its_ticket_already(world):
    said = turned.Turned(to="denied", environment="prod", at=AT, policy="sha256:" + "f" * 64)
    about = {"rule": "denied", "root": incident.Root(kind="digest", id=image(8))}
    world.recorder.vouch(turned.to_statement(said, image(8)), principal=world.principal)
    world.sign(stage(**about))
    assert list(causes_of(world).open) == [f"artifact:{image(8)}"]
    good = turned.Turned(to="allowed", environment="prod", at=AT, policy=said.policy)
    world.recorder.vouch(turned.to_statement(good, image(8)), principal=world.principal)
    assert causes_of(world).open == {}, "the alert ends a while later, and is no cause of its own"
    world.sign(stage(incident="incident:wherefrom:other@2026-01-01T11:00:00Z", **about))
    assert len(causes_of(world).open) == 1


@pytest.mark.parametrize(("rule", "page"), [
    ("burns-cart-errors", "burns"), ("coverage-drop", "coverage-drop"), ("burns", "burns"),
    ("../secrets", None), ("", None),
])  # fmt: skip
def test_a_rule_leads_to_its_runbook(world, rule, page):
    world.sign(stage(rule=rule))
    (cause,) = causes_of(world, url="", runbooks="https://d.example").open.values()
    wanted = () if page is None else (("the runbook", f"https://d.example/{page}.md"),)
    assert cause.links == wanted
    if page is not None:
        assert (REPOSITORY / "docs" / "runbooks" / f"{page}.md").exists()


def test_an_incident_that_was_no_trouble_is_over(world):
    world.sign(stage())
    world.sign(stage("marked", is_false=True))
    assert causes_of(world).open == {}


def test_what_opened_and_ended_between_two_looks_never_was(world):
    world.sign(stage())
    world.sign(stage("closed"))
    found = causes_of(world)
    assert found.open == {}


def test_no_links_lead_anywhere_where_nobody_says_where_the_log_is(world):
    world.sign(stage(rule="service-burn"))
    (cause,) = causes_of(world, url="").open.values()
    assert cause.links == ()


@pytest.mark.parametrize("records", [1, 2, 1000])
def test_a_restart_at_any_record_or_a_lost_file_changes_nothing(world, monkeypatch, records):
    monkeypatch.setattr(module, "RECORDS_MAX", records)
    seen = []
    for number in range(4):
        opened = {"incident": f"incident:wherefrom:{number}@2026-01-01T10:00:00Z"}
        world.sign(stage(**opened))
        if number % 2:
            world.sign(stage("closed", **opened))
        seen.append(sorted(causes_of(world).open))
    path = world.folder.path / "causes.json"
    path.unlink()
    assert sorted(causes_of(world).open) == seen[-1]
    path.write_bytes(b"half a mess")
    assert sorted(causes_of(world).open) == seen[-1]
    held = json.loads(path.read_bytes())
    path.write_text(json.dumps({**held, "next": 10**6, "open": {}}))
    assert sorted(causes_of(world).open) == seen[-1], "another log lies there"
    assert len(seen[-1]) == 2


TOKEN, OTHER = (Principal(name=name, roles=("record",)) for name in ("ci", "other"))


def by(world, principal, content):
    (outcome,) = world.recorder.record([content], principal=principal)
    assert outcome.status == "recorded"


@pytest.mark.parametrize("ending", [
    {"stage": "closed"}, {"stage": "marked", "is_false": True},
])  # fmt: skip
def test_a_token_alone_ends_only_what_it_opened(world, ending):
    mine, theirs = ("incident:mine", "incident:theirs")
    world.sign(stage(incident=mine))
    by(world, TOKEN, stage(incident=theirs))
    for name in (mine, theirs):
        by(world, OTHER, stage(incident=name, **ending))
    assert sorted(causes_of(world).open) == [mine, theirs]
    for name in (mine, theirs):
        by(world, TOKEN, stage(incident=name, text="again", **ending))
    assert sorted(causes_of(world).open) == [mine]
    world.sign(stage(incident=mine, **ending))
    assert causes_of(world).open == {}


def test_many_incidents_of_a_token_push_out_no_alert(world, monkeypatch):
    monkeypatch.setattr(module, "CAUSES_MAX", 3)
    for number in range(5):
        by(world, TOKEN, stage(incident=f"incident:{number}"))
    world.sign(stage(incident="incident:real"))
    assert "incident:real" in causes_of(world).open
    assert len(causes_of(world).open) == 3

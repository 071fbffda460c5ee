"""A log that stopped signs no alert; people are paged all the same, once, and told its end."""

import pytest

from tests.watched_world import World, image
from tests.webhook_receiver import SECRET
from wherefrom.notify import Spool
from wherefrom.notify.alert_message import told_in
from wherefrom.serving.stop_telling import DAMAGED, STOPPED, StopTelling

NOTIFY = f"""
url: https://w.example
runbooks: https://r.example
webhooks: [{{name: hook, url: "http://127.0.0.1:9/", secret: {SECRET}, environments: [staging]}}]
pagerduty: [{{name: pager, routing_key: {"a" * 32}, severities: [page], environments: [prod]}}]
slack: [{{name: chat, url: "http://127.0.0.1:9/", severities: [ticket]}}]
"""
DAMAGE = (
    "nothing is signed over what is damaged, at {}: got entry {}: its content or nonce is not"
    " what the entry commits to. Run wherefrom log audit"
)


@pytest.fixture
def world(tmp_path):
    with World(tmp_path / "d") as world:
        path = world.folder.path / "notify.yaml"
        path.write_text(NOTIFY)
        path.chmod(0o600)
        yield world


class Told:
    """What waits in the spool, as its receivers are told."""

    def __init__(self, world):
        self.troubles = []
        self.spool = Spool(world.folder.path / "notify")
        self.telling = StopTelling(world.folder, on_trouble=self.troubles.append)

    def stopped(self, why):
        self.telling._tell(why)
        assert self.troubles == []

    def waiting(self):
        return [
            (one.receiver, (said := self.spool.read(one)).type, told_in(said.data))
            for one in self.spool.waiting()
        ]

    def deliver(self):
        for one in self.spool.waiting():
            self.spool.remove(one)


def test_damage_pages_everybody_who_is_paged_whatever_environments_they_have(world):
    told = Told(world)
    told.stopped(DAMAGE.format("journal/x", 812))
    assert [(to, what) for to, what, _ in told.waiting()] == [
        ("hook", "alert.opened"), ("pager", "alert.opened"),
    ]  # fmt: skip
    said = told.waiting()[0][2]
    assert (said.rule, said.severity, said.entries) == (DAMAGED, "page", (812,))
    assert (said.root.kind, said.root.id, said.entry) == ("log", world.log.origin, None)
    assert "entry 812: its content or nonce is not" in said.text
    assert said.links["runbook"] == "https://r.example/f3-tampering.md"
    assert not told.troubles


def test_it_names_what_runs_in_production_and_rests_on_the_damaged_entry(world):
    world.deploy("cart", 1)
    world.deploy("pay", 2)
    world.deploy("lab", 3, "staging")
    entries = [world.built(number) for number in (1, 2, 3)]
    world.fold()
    told = Told(world)
    told.stopped(DAMAGE.format("journal/x", entries[1]))
    said = told.waiting()[0][2]
    assert (said.environment, said.service) == ("prod", "pay")
    assert image(2) in said.text
    assert image(1) not in said.text
    told.stopped(DAMAGE.format("journal/x", entries[2]))
    assert image(3) not in told.waiting()[-1][2].text, "nothing of production rests on it"


def test_the_same_damage_is_told_once_however_often_it_is_found(world):
    told = Told(world)
    told.stopped(DAMAGE.format("journal/x", 8))
    told.deliver()
    told.stopped(DAMAGE.format("journal/x", 8))
    Told(world).stopped(DAMAGE.format("journal/x", 8))  # after a restart
    assert told.waiting() == []
    told.stopped(DAMAGE.format("journal/x", 9))
    assert {one.entries for _, _, one in told.waiting()} == {(9,)}


def test_a_whole_log_ends_it_and_what_rots_again_is_told_again(world):
    told = Told(world)
    told.stopped(DAMAGE.format("journal/x", 8))
    opened = told.waiting()[0][2]
    assert [one.incident for one in told.telling.standing()] == [opened.incident]
    told.deliver()
    told.telling.whole()
    to, what, said = told.waiting()[-1]
    assert (to, what, said.incident) == ("pager", "alert.closed", opened.incident)
    assert said.closed is not None
    assert told.telling.standing() == []
    told.deliver()
    told.telling.whole()
    assert told.waiting() == []
    told.stopped(DAMAGE.format("journal/x", 8))
    assert len(told.waiting()) == 2


def test_a_write_that_failed_is_told_with_another_rule_and_runbook(world):
    told = Told(world)
    told.stopped("the append was interrupted: the disk did not confirm a write: Input/output error")
    said = told.waiting()[0][2]
    assert (said.rule, said.entries) == (STOPPED, ())
    assert "Input/output error" in said.text
    assert "f14-store-down" in said.text


def test_views_that_cannot_be_read_hold_back_no_page(world):
    for path in (world.folder.path / "views").glob("*.db*"):
        path.write_bytes(b"no view")
    told = Told(world)
    told.stopped(DAMAGE.format("journal/x", 8))
    assert len(told.waiting()) == 2

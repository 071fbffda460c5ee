"""The report of an incident: its order, what was known when, what was uncertain; never another."""

from __future__ import annotations

import re

import click
import msgspec
import pytest

from tests.incident_story import Story, bundle, evening, image, moment
from tests.paths import REPOSITORY
from wherefrom.capture import changes
from wherefrom.cli.main import root
from wherefrom.errors import Malformed, NotFound
from wherefrom.formats.states import Scope
from wherefrom.query.postmortem import pages
from wherefrom.query.postmortem.question import IncidentsWanted

ID = "incident:wherefrom:cart-fails@then"


@pytest.fixture
def story(tmp_path, monkeypatch):
    return Story(tmp_path, monkeypatch)


@pytest.fixture
def told(story):
    evening(story)
    return story


def stretches(report):
    """By code: how long, in minutes, and what was missing."""
    return {
        one.code: (None if one.seconds is None else one.seconds / 60, one.gap)
        for one in reversed(report.unsure)
    }


def test_the_timeline_has_it_in_the_order_in_which_it_happened(told):
    report = told.report()
    lines = [(row.at, row.what) for row in report.timeline]
    assert lines == [
        (moment(0), "change"), (moment(1), "seen"), (moment(10), "change"), (moment(15), "opened"),
        (moment(20), "noted"), (moment(26), "cause"), (moment(30), "response"),
        (moment(40), "closed"),
    ]  # fmt: skip
    settings = report.timeline[2]
    assert settings.says == "config of cart: cart 7 → cart 8"
    assert settings.detail == ["calls.timeout_ms: 700 → 800"]
    assert (settings.known, settings.late_s) == (moment(24), 840)
    assert all(row.entry in report.entries for row in report.timeline)


def test_what_was_accepted_and_how_long_that_took(told):
    report = told.report()
    found = report.explained
    assert found is not None
    assert (found.what, found.after_s) == ("config of cart to cart 8", 11 * 60)
    # Before it was recorded the ranking could not have it: then it was on top at once.
    assert (found.on_top, found.on_top_after_s) == (moment(24), 9 * 60)
    first = report.rankings[0]
    assert (first.at, first.place) == (moment(15), None)
    assert first.leader.startswith("artifact of cart") or first.entry is None
    on_top = next(one for one in report.rankings if one.place == 1)
    assert on_top.size == found.on_top_size
    assert on_top.size > first.size


def test_what_the_log_said_at_the_detection_and_learnt_later(told):
    (one,) = told.report().learnt
    assert (one.at, one.then, one.now, one.learnt) == (
        moment(15), "cart 7", "cart 8", moment(24),
    )  # fmt: skip
    assert "the log said cart 7, it was cart 8" in one.says


def test_each_stretch_of_uncertainty_has_the_gap_behind_it(told):
    found = stretches(told.report())
    assert found["no_config"] == (
        14, "config bundle not attached to deploy of cart: 14 minutes"
    )  # fmt: skip
    assert found["late"] == (14, "config of cart recorded late: 14 minutes")
    assert found["unexplained"] == (11, "no accepted cause: 11 minutes")
    # From what caused it to the end.
    assert found["unmeasured"][0] == 30
    assert found["unmade"] == (30, f"no record says how {image(2)[:19]} was made: 30 minutes")
    assert found["unsigned"][0] is None
    assert not {"unseen", "undeclared", "by_name", "unrecorded"} & found.keys()


def test_the_explanation_names_what_it_waited_for(told):
    (one,) = (one for one in told.report().unsure if one.code == "unexplained")
    assert one.says == (
        "the ranking had it on top 9 minutes after the detection, when config of cart: cart 7 → "
        "cart 8 was recorded"
    )
    assert one.fix == "Send that when it happens: the explanation waited for it"


def test_what_nobody_declared_reported_or_recorded_is_told(story):
    story.deploy("cart", 1)
    story.config(9)  # nobody packed it
    story.seen(1)
    story.at(0)
    story.say("opened", title="cart fails")
    story.at(30)
    story.seen(3, instances=1)
    story.at(50)
    story.deploy("cart", 2)
    story.at(60)
    story.say("closed")
    found = stretches(story.report())
    assert found["undeclared"][0] == 30
    assert found["unseen"] == (30, "what runs in cart was not reported: 30 minutes")
    assert found["unrecorded"] == (60, "contents of config of cart not recorded: 60 minutes")
    assert found["unexplained"] == (60, "no accepted cause: 60 minutes")
    accept = next(one.command for one in story.report().unsure if one.code == "unexplained")
    assert accept.startswith(f"wherefrom why --alert {ID} --accept ")


def test_what_is_deployed_by_a_name_or_seen_by_nobody_is_told(story):
    story.record(changes.deploy(Scope("prod", "cart"), "shop/cart:1", at=moment(-60),
                                source="/cd"))  # fmt: skip
    story.at(0)
    story.say("opened", title="cart fails")
    story.at(20)
    story.say("closed")
    found = stretches(story.report())
    assert found["by_name"] == (20, "shop/cart:1 deployed by a name: 20 minutes")
    assert found["unseen"] == (20, "nobody reports what runs in cart: 20 minutes")
    assert found["no_config"][1] == "config bundle not attached to deploy of cart: 20 minutes"


def test_a_log_that_was_told_afterwards_says_so_and_ranks_by_when_it_happened(story):
    evening(story)
    assert not story.report().told_later
    story.at(600)
    id = "incident:wherefrom:later@then"
    story.say("opened", minute=500, title="later", id=id)
    story.say("closed", minute=520, id=id)
    report = story.report("later")
    assert report.told_later
    assert {one.size for one in report.rankings} == {report.log.size}
    (doubt,) = (one for one in report.unsure if one.code == "late")
    assert doubt.gap == "all of it was recorded later: 100 minutes after the detection"
    assert report.learnt == []


def test_an_open_incident_lasts_until_the_newest_record(story):
    story.deploy("cart", 1)
    story.at(0)
    story.say("opened", title="cart fails")
    story.at(45)
    story.say("noted", text="still looking")
    report = story.report()
    assert report.incident.ended is None
    assert stretches(report)["unexplained"] == (45, "no accepted cause: 45 minutes")


def test_a_report_of_one_size_is_the_same_whatever_comes_later(told):
    before = told.report()
    written = [write(before) for write in (pages.markdown, pages.html, pages.pdf)]
    told.at(300)
    told.say("marked", is_false=True)
    told.accept(8, withdrawn=True)
    told.deploy("cart", 5, minute=12)
    after = told.report(as_of=before.as_of)
    assert msgspec.json.encode(after) == msgspec.json.encode(before)
    assert [write(after) for write in (pages.markdown, pages.html, pages.pdf)] == written
    now = told.report()
    assert (now.incident.is_false, now.explained) == (True, None)
    assert now.timeline[-1].what == "withdrawn"  # long after the end, and about it all the same
    assert moment(12) in {row.at for row in now.timeline}


def test_the_first_cause_that_still_stands_counts(told):
    told.at(27)
    told.accept(7)
    told.at(28)
    told.accept(8, withdrawn=True)
    report = told.report()
    assert report.explained is not None
    assert (report.explained.cause.value, report.explained.after_s) == (bundle(7).digest, 12 * 60)
    assert [(one.withdrawn, one.stands) for one in report.causes] == [
        (False, False), (False, True), (True, False),
    ]  # fmt: skip


def test_what_was_said_of_an_incident_is_listed_and_shown(told):
    told.say("baseline", minute=41, baseline_s=7200.0)
    told.say("marked", minute=42, is_false=True)
    desk = told.desk().postmortems
    (one,) = desk.list(IncidentsWanted()).incidents
    assert (one.id, one.title, one.severity, one.opened_by) == (ID, "cart fails", "page",
                                                               "wherefrom")  # fmt: skip
    assert (one.seconds, one.notes, one.is_false, one.baseline_s) == (1500, 1, True, 7200)
    assert (one.explained, one.explained_s) == (moment(26), 660)
    assert desk.list(IncidentsWanted(open=True)).incidents == []
    assert desk.list(IncidentsWanted(service="till")).incidents == []
    shown = desk.show(ID)
    assert [word.stage for word in shown.words] == ["opened", "noted", "closed", "baseline",
                                                    "marked"]  # fmt: skip
    assert [cause.stands for cause in shown.causes] == [True]
    earlier = desk.show("cart fails", as_of=shown.words[0].entry + 1)
    assert (earlier.incident.ended, earlier.incident.notes, earlier.causes) == (None, 0, [])
    with pytest.raises(NotFound, match="no incident is called so"):
        desk.show(ID, as_of=shown.words[0].entry)
    with pytest.raises(Malformed, match="not a limit"):
        desk.list(IncidentsWanted(limit=0))


HOSTILE = "<script>alert(1)</script> [x](javascript:y) | `#set` *b* https://evil.example \u202e#1"


def test_what_strangers_wrote_is_text_in_every_form(story):
    story.deploy("cart", 1)
    story.at(0)
    story.say("opened", title=HOSTILE)
    story.at(5)
    story.say("noted", text=HOSTILE + "\n# heading\n- list\n| a | b |")
    story.at(9)
    story.say("closed", text='#import "/etc/passwd" #eval("1") $x$ \\')
    report = story.report(ID)
    html = pages.html(report).decode()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "[U+202E]" in html
    assert "\u202e" not in html
    markdown = pages.markdown(report).decode()
    assert "\\<script\\>" in markdown
    assert "\\[x\\](javascript:y)" in markdown
    assert "https:\\/\\/evil.example" in markdown
    tables = [line for line in markdown.splitlines() if line.startswith("| 13:05")]
    assert len(tables) == 1  # a line of a note begins no row, heading or list
    assert not [line for line in markdown.splitlines() if line.startswith(("# heading", "- list"))]
    assert pages.pdf(report).startswith(b"%PDF-")


def test_the_pages_say_what_an_engineer_asks(told):
    told.say("baseline", minute=41, baseline_s=7200.0)
    text = pages.markdown(told.report()).decode()
    for said in (
        "An incident (page) of cart in prod",
        "It was over at 2026-03-01 13:40:00, 25 minutes later.",
        "First credible explanation: config of cart to cart 8. Somebody accepted it at "
        "2026-03-01 13:26:00, 11 minutes after the detection",
        "the ranking had it on top 9 minutes after it",
        "Before Wherefrom, finding such a cause took 2 h, this time 11 minutes.",
        "calls.timeout\\_ms: 700 → 800; recorded 14 minutes later",
        "only carts with coupons; https:\\/\\/chat.example/1",
        "config bundle not attached to deploy of cart: 14 minutes",
        "Pack the settings and activate them in the step that deploys",
    ):
        assert said in text, said


def test_every_command_that_mends_something_exists():
    source = (REPOSITORY / "src/wherefrom/query/postmortem/unsure.py").read_text()
    named = re.findall(r"wherefrom ([a-z][a-z -]*[a-z])", source)
    assert len(named) > 8
    for words in named:
        command = root
        for word in words.split(" --")[0].split():
            if isinstance(command, click.Group):
                assert word in command.commands, words
                command = command.commands[word]

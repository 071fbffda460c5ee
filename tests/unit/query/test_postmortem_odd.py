"""Incidents that went otherwise than they should: late, twice, by a wrong clock, disputed."""

from __future__ import annotations

import json
import re

import pytest

from tests.incident_story import Story, bundle, evening, moment
from wherefrom.cli.draw_incident import draw_list, draw_report, draw_shown
from wherefrom.formats import cause, incident
from wherefrom.keys.ed25519 import SigningKey
from wherefrom.query.postmortem import pages
from wherefrom.query.postmortem.question import IncidentsWanted
from wherefrom.query.postmortem.timeline import LINES_MAX

ID = "incident:wherefrom:cart-fails@then"
KNOWN = SigningKey(bytes([2] * 32))


@pytest.fixture
def story(tmp_path, monkeypatch):
    made = Story(tmp_path, monkeypatch)
    made.deploy("cart", 1)
    return made


def gaps(report, code):
    return [one.gap for one in report.unsure if one.code == code]


def down_to(report):
    return "\n".join(pages.comes_down_to(report))


def caused(version, minute, *, withdrawn=False):
    return cause.to_statement(
        cause.Cause(
            service="cart", environment="prod", slot="config", name="cart", withdrawn=withdrawn,
            at=moment(minute), value=bundle(version).digest, incident=ID,
        )
    )  # fmt: skip


def written(report):
    return [write(report) for write in (pages.markdown, pages.html, pages.pdf)]


def test_what_is_opened_again_says_that_it_had_been_over(story):
    for minute, stage in ((15, "opened"), (30, "closed"), (50, "opened"), (60, "closed")):
        story.at(minute)
        story.say(stage, **({"title": "cart fails"} if stage == "opened" else {}))
    report = story.report()
    assert (report.incident.began, report.incident.ended) == (moment(50), moment(60))
    assert [(one.began, one.ended) for one in report.earlier] == [(moment(15), moment(30))]
    assert "It was opened again, and this is of the last time" in down_to(report)
    assert not gaps(report, "clock")
    assert written(report)


def test_an_end_before_the_beginning_ends_nothing_and_that_is_said(story):
    story.at(15)
    story.say("opened", title="cart fails")
    story.at(40)
    story.say("closed", minute=10)
    report = story.report()
    assert report.incident.ended is None
    assert gaps(report, "clock") == ["closed before it was detected: that ended nothing"]


def test_what_is_dated_later_than_it_was_heard_stands_when_it_was_heard_and_is_doubtful(story):
    story.at(15)
    story.say("opened", minute=1455, title="cart fails")
    story.at(40)
    story.accept(8, minute=9_000)
    story.say("closed", minute=9_000)
    report = story.report()
    assert [(row.at, row.what, row.marks) for row in report.timeline] == [
        (moment(15), "opened", ("future",)), (moment(40), "cause", ("future",)),
        (moment(40), "closed", ("future",)),
    ]  # fmt: skip
    assert report.explained.after_s == report.incident.explained_s == 25 * 60
    assert len(gaps(report, "clock")) == 3


def test_a_detection_that_was_recorded_late_is_a_stretch_of_uncertainty(story):
    story.at(300)
    story.say("opened", minute=15, title="cart fails")
    story.at(320)
    story.say("closed")
    report = story.report()
    assert not report.told_later
    assert "the detection recorded late: 4 h 45 min" in gaps(report, "late")


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00.000000Z", "1970-01-01T00:00:00.000000Z",
                                "9999-12-31T23:59:59.999999Z"])  # fmt: skip
def test_an_incident_that_nobody_dated_is_reported_all_the_same(story, at):
    story.at(15)
    said = incident.IncidentStage(
        incident=ID, stage="opened", at=at, title="cart fails", service="cart", environment="prod"
    )
    story.record(incident.to_statement(said))
    report = story.report()
    assert report.incident.ended is None
    assert written(report)


def test_a_cause_that_was_accepted_before_was_found_in_no_time(story):
    story.pack(8)
    story.config(8)
    story.at(15)
    story.say("opened", title="cart fails")
    story.at(16)
    story.accept(8, minute=1)
    report = story.report()
    assert report.explained.after_s == report.incident.explained_s == 0
    assert "no later than the detection" in down_to(report)


def test_a_stranger_takes_back_nothing_that_somebody_known_said(story):
    evening(story)
    story.trust(KNOWN)
    story.at(41)
    story.sign(caused(7, 41), KNOWN)
    story.at(42)
    story.record(caused(7, 42, withdrawn=True))
    report = story.report()
    # The word of somebody known comes before that of a stranger who was first.
    assert (report.explained.cause.value, report.explained.cause.trust) == (
        bundle(7).digest, "signed"
    )  # fmt: skip
    story.at(43)
    story.sign(caused(7, 43, withdrawn=True), KNOWN)
    report = story.report()
    assert [one.stands for one in report.causes] == [True, False, False, False]
    assert report.explained.cause.value == bundle(8).digest


def test_many_notes_leave_room_for_the_rest_of_the_incident(story):
    story.at(15)
    story.say("opened", title="cart fails")
    words = [
        incident.to_statement(incident.IncidentStage(
            incident=ID, stage="noted", at=moment(16), text=f"note {number}", service="cart",
            environment="prod",
        ))
        for number in range(LINES_MAX + 5)
    ]  # fmt: skip
    story.at(16)
    story.record(*words)
    story.at(20)
    story.deploy("cart", 2)
    story.at(40)
    story.say("closed")
    report = story.report()
    assert len(report.timeline) == LINES_MAX
    assert {"opened", "closed", "response"} <= {row.what for row in report.timeline}
    assert report.truncated
    assert "There is more than is told here" in pages.markdown(report).decode()


def test_what_is_left_out_of_very_many_words_is_said(story, monkeypatch):
    monkeypatch.setattr("wherefrom.query.postmortem.words.WORDS_MAX", 3)
    story.at(15)
    story.say("opened", title="cart fails")
    for number in range(9):
        story.at(16 + number)
        story.say("noted", text=f"note {number}")
    story.at(40)
    story.say("closed")
    shown = story.desk().postmortems.show(ID)
    assert [word.text for word in shown.words] == ["", "note 0", "note 1", "note 7", "note 8", ""]
    assert shown.truncated
    assert "There is more between" in "\n".join(draw_shown(shown))
    assert story.report().truncated
    assert not story.desk().postmortems.show(ID, as_of=shown.words[2].entry + 1).truncated


def test_what_a_note_rests_on_is_in_the_evidence_and_pushes_nothing_out(story, monkeypatch):
    story.at(5)
    mine = story.pack(9)
    story.at(15)
    opened = story.say("opened", title="cart fails")
    story.at(16)
    story.say("noted", text="look", entries=[mine, 0, 9_999])
    report = story.report()
    assert {mine, 0, opened} <= set(report.entries)
    assert 9_999 not in report.entries
    monkeypatch.setattr("wherefrom.query.postmortem.report.ENTRIES_MAX", len(report.entries) - 2)
    assert opened in story.report().entries
    assert mine not in story.report().entries


def test_an_incident_that_nobody_closed_is_looked_at_for_a_month(story, monkeypatch):
    monkeypatch.setattr("wherefrom.query.postmortem.timeline.STAYS_MAX", 4)
    story.at(10)
    story.deploy("cart", 2)
    story.at(15)
    story.say("opened", title="cart fails")
    before = story.report().rankings[-1].leader
    for day in range(40, 48):
        story.at(day * 1_440)
        story.deploy("cart", day % 2 + 3)
    story.say("noted", text="still open?")
    report = story.report()
    assert [row.at for row in report.timeline if row.what == "change"] == [moment(10)]
    assert report.rankings[-1].leader == before
    assert report.timeline[-1].says == "still open?"
    assert any("it lasted longer than is looked at" in line for line in report.says)


def test_two_incidents_of_one_service_stand_in_each_other_s_timeline(story):
    other = "incident:wherefrom:slow@then"
    for minute, stage, id in ((15, "opened", ID), (20, "opened", other), (25, "closed", ID),
                              (30, "closed", other)):  # fmt: skip
        story.at(minute)
        title = {"title": "slow" if id == other else "cart fails"} if stage == "opened" else {}
        story.say(stage, id=id, **title)
    report = story.report(ID)
    assert (report.incident.ended, report.earlier) == (moment(25), [])
    assert [row.says for row in report.timeline if row.what == "seen"] == [
        "another incident is open: slow", "another incident is over: slow",
    ]  # fmt: skip


def test_beside_an_erased_record_the_rest_is_reported(story):
    evening(story)
    opened = story.report().incident.entry
    for entry in range(story.report().as_of - 1, 0, -1):
        if entry == opened:
            continue
        story.erase(entry)
        report = story.report()
        assert entry not in report.entries
        assert pages.markdown(report)
    assert [row.what for row in report.timeline] == ["opened"]
    story.erase(opened)
    assert story.desk().postmortems.list(IncidentsWanted()).incidents == []


ODD = "page\x1b]0;x\x07\u202e\x9b2J<b>"


def test_what_an_alert_s_labels_hold_moves_no_cursor_and_turns_no_line(story):
    labels = {"alertname": f"Slow{ODD}", "environment": "prod", "service": "cart", "severity": ODD,
              "region": f"eu{ODD}"}  # fmt: skip
    story.at(15)
    story.record(json.dumps({
        "version": "4", "groupKey": "g", "status": "firing",
        "alerts": [{"status": "firing", "fingerprint": "ab12", "labels": labels,
                    "annotations": {"summary": f"slow{ODD}"}, "startsAt": moment(15)}],
    }).encode())  # fmt: skip
    desk = story.desk().postmortems
    report = desk.report("ab12")
    assert report.incident.severity == ODD
    for written in (
        pages.markdown(report).decode(), pages.html(report).decode(),
        *map("\n".join, (draw_list(desk.list(IncidentsWanted())), draw_shown(desk.show("ab12")),
                         draw_report(report))),
    ):  # fmt: skip
        plainly = re.sub("\x1b\\[[0-9;]*m", "", written)
        assert not [one for one in plainly if one != "\n" and not one.isprintable()]

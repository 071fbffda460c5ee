"""Alerts on their way: to a real Alertmanager, a real server of mail, and what takes JSON."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.alertmanager_server import alertmanager
from tests.mail_server import PASSWORD, USER, Mailbox
from tests.served import until
from tests.webhook_receiver import SECRET, Receiver
from wherefrom.errors import LimitPassed, Malformed, Unavailable
from wherefrom.formats.notify_settings import parse
from wherefrom.formats.timestamps import micros, to_text
from wherefrom.notify import Delivery, Spool
from wherefrom.notify.alert_message import message_of, told_in, told_of
from wherefrom.notify.alertmanager import RESEND_SECONDS
from wherefrom.notify.mail import send as send_mail
from wherefrom.notify.slack import TEXT_CHARS_MAX
from wherefrom.views.health.alerting import Alert, Root, Stage

RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"
URL = "https://wherefrom.example/"
DIGEST = "sha256:" + "ab" * 32


def alert(severity="page", **more):
    said = {
        "incident": "incident:wherefrom:integrity-ab@2026-01-01T00:00:00Z", "rule": "integrity",
        "root": Root("digest", DIGEST), "severity": severity, "title": "cart <1> fails & runs",
        "environment": "prod", "service": "cart", "opened": datetime.now(UTC).timestamp(),
    }  # fmt: skip
    return Alert(**{**said, **more})


def message(stage="opened", severity="page", *, was="", **more):
    one = alert(severity, **more)
    said = Stage(stage=stage, alert=one, text="no signature", at=one.opened, entries=(7, 9))
    return message_of(
        said, entry=12, was=was, origin="log.example/a", url=URL, runbooks=f"{URL}runbooks"
    )


class Json:
    """What takes JSON, as Slack and PagerDuty do. Leaving the block ends it."""

    def __init__(self):
        self.got, self.status = [], 202
        taker = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                taker.got.append(json.loads(body))
                self.send_response(taker.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/x"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Clock:
    now = 1_000_000_000.0

    def __call__(self):
        return self.now


def settings(**kinds):
    return parse(json.dumps({"url": URL, **kinds}).encode(), where="notify.yaml")


def delivered(tmp_path, said, *messages, standing=(), clock=None, troubles=None):
    spool = Spool(tmp_path / "spool")
    for one in messages:
        spool.put(one, [to.name for to in said.receivers])
    made = Delivery(
        spool, lambda: said, standing=lambda: standing, clock=clock or Clock(),
        on_trouble=(troubles if troubles is not None else []).append,
    )  # fmt: skip
    made.once()
    return made, spool


# -- the message


def test_a_message_links_to_the_incident_its_root_its_service_and_its_records():
    told = told_in(message().data)
    assert told.links == {
        "runbook": "https://wherefrom.example/runbooks/integrity.md",
        "incident": "https://wherefrom.example/incidents/"
        "incident%3Awherefrom%3Aintegrity-ab%402026-01-01T00%3A00%3A00Z",
        "digest": f"https://wherefrom.example/things/sha256%3A{'ab' * 32}",
        "service": "https://wherefrom.example/services/prod/cart",
        "record 7": "https://wherefrom.example/records/7",
        "record 9": "https://wherefrom.example/records/9",
    }
    assert told_of(alert(), text="", origin="o", url="").links == {}


@pytest.mark.parametrize(
    ("rule", "page"), [("integrity", "integrity"), ("burns-cart-errors", "burns"), ("Odd", None)]
)
def test_a_message_links_to_the_runbook_of_its_rule(rule, page):
    told = told_of(alert(rule=rule), text="", origin="o", url="", runbooks="https://w.example/r/")
    link = None if page is None else f"https://w.example/r/{page}.md"
    assert told.links.get("runbook") == link
    if page is not None:
        assert (RUNBOOKS / f"{page}.md").is_file()


def test_what_many_lost_their_proof_by_links_to_the_keys():
    told = told_of(alert(root=Root("change", "k:ab")), text="", origin="o", url=URL)
    assert told.links["change"] == "https://wherefrom.example/keys#k%3Aab"


def test_what_is_told_twice_has_one_id_and_each_stage_another():
    ids = {m.id for m in (message(), message(), message("closed"), message("noted", was="ticket"))}
    assert len(ids) == 3
    assert [message(s).type for s in ("opened", "noted", "closed")] == [
        "alert.opened", "alert.raised", "alert.closed",
    ]  # fmt: skip


# -- an Alertmanager


def test_a_real_alertmanager_holds_one_alert_until_it_is_over(tmp_path):
    with alertmanager(tmp_path / "am") as am:
        said = settings(alertmanagers=[{"name": "am", "url": am.url}])
        delivered(tmp_path, said, message())
        (one,) = until(am.alerts)
        assert one["labels"] == {
            "alertname": "integrity", "severity": "page", "environment": "prod",
            "service": "cart", "root_kind": "digest", "root": DIGEST, "log": "log.example/a",
        }  # fmt: skip
        assert one["annotations"]["records"] == "#7 #9"
        assert one["annotations"]["runbook_url"].endswith("/runbooks/integrity.md")
        assert "link_runbook" not in one["annotations"]
        assert one["annotations"]["link_record_7"] == "https://wherefrom.example/records/7"
        assert one["generatorURL"].startswith("https://wherefrom.example/incidents/")
        delivered(tmp_path, said, message())
        assert len(am.alerts()) == 1, "what is sent twice is there once"
        delivered(tmp_path, said, message("closed"))
        until(lambda: not am.alerts())


def test_one_that_is_raised_is_one_there_too(tmp_path):
    with alertmanager(tmp_path / "am") as am:
        said = settings(alertmanagers=[{"name": "am", "url": am.url}])
        delivered(tmp_path, said, message(severity="ticket"))
        until(lambda: am.alerts(severity="ticket"))
        delivered(tmp_path, said, message("noted", was="ticket"))
        until(lambda: [a["labels"]["severity"] for a in am.alerts()] == ["page"])


def test_what_stands_is_sent_again_each_minute_and_to_whom_it_concerns(tmp_path):
    standing, clock = [told_of(alert(), text="t", origin="o", url="")], Clock()
    with alertmanager(tmp_path / "am") as am, Json() as pager:
        said = settings(
            alertmanagers=[
                {"name": "am", "url": am.url},
                {"name": "test-only", "url": pager.url, "environments": ["test"]},
                {"name": "tickets", "url": pager.url, "severities": ["ticket"]},
            ]
        )
        made, _ = delivered(tmp_path, said, standing=standing, clock=clock)
        assert len(am.alerts()) == 1
        first = am.alerts()[0]["updatedAt"]
        clock.now += RESEND_SECONDS - 1
        made.once()
        assert am.alerts()[0]["updatedAt"] == first
        clock.now += 1
        made.once()
        assert am.alerts()[0]["updatedAt"] > first
        ends = micros(am.alerts()[0]["endsAt"]) - micros(to_text(datetime.now(UTC)))
        assert 200e6 < ends <= 240e6, "it ends by itself if we do"
    assert pager.got == []


def test_an_alertmanager_that_is_away_is_told_when_it_is_back(tmp_path):
    troubles, clock = [], Clock()
    with Json() as am:
        am.status = 503
        said = settings(alertmanagers=[{"name": "am", "url": am.url}])
        made, spool = delivered(tmp_path, said, message(), clock=clock, troubles=troubles)
        assert spool.waiting()
        assert "am does not take it" in troubles[0]
        am.status = 200
        clock.now += 1
        assert made.once() == 1
        assert spool.waiting() == []
        assert am.got[0] == am.got[1] or am.got[0][0]["labels"] == am.got[1][0]["labels"]


# -- Slack and PagerDuty


def test_slack_is_told_in_its_mark_up_and_nothing_breaks_out_of_it(tmp_path):
    with Json() as slack:
        said = settings(slack=[{"name": "chat", "url": slack.url, "channel": "#alerts"}])
        delivered(tmp_path, said, message(), message("closed"))
    opened, closed = slack.got
    assert opened["text"] == "[page] cart &lt;1&gt; fails &amp; runs"
    assert opened["channel"] == "#alerts"
    first, where, links = (block["text"]["text"] for block in opened["blocks"])
    assert first.startswith(":rotating_light: *[page] cart &lt;1&gt;")
    assert where == f"prod · cart · {DIGEST}"
    assert "<https://wherefrom.example/records/7|record 7>" in links
    assert opened["blocks"][0]["block_id"] == f"{message().id}-0"
    assert closed["text"].startswith("[ended]")
    assert all(block["text"]["verbatim"] for block in opened["blocks"])
    assert all(len(b["text"]["text"]) <= TEXT_CHARS_MAX for b in opened["blocks"])


def test_pagerduty_opens_raises_and_resolves_one_alert(tmp_path):
    key = "R" * 32
    with Json() as pager:
        said = settings(pagerduty=[{"name": "pd", "routing_key": key, "url": pager.url}])
        delivered(
            tmp_path, said, message(severity="ticket"), message("noted", was="ticket"),
            message("closed"),
        )  # fmt: skip
    opened, raised, closed = pager.got
    assert [one["event_action"] for one in pager.got] == ["trigger", "trigger", "resolve"]
    assert {one["dedup_key"] for one in pager.got} == {alert().incident}
    assert (opened["payload"]["severity"], raised["payload"]["severity"]) == ("warning", "critical")
    assert {"summary", "source", "severity"} <= opened["payload"].keys()
    assert opened["payload"]["component"] == "cart"
    assert {"href": "https://wherefrom.example/records/9", "text": "record 9"} in opened["links"]
    assert closed == {"routing_key": key, "event_action": "resolve", "dedup_key": alert().incident}


def test_a_webhook_is_told_of_alerts_signed_as_ever(tmp_path):
    with Receiver() as hook:
        said = settings(webhooks=[{"name": "hook", "url": hook.url, "secret": SECRET}])
        delivered(tmp_path, said, message())
    assert hook.got[0]["type"] == "alert.opened"
    assert hook.got[0]["data"]["root"] == {"kind": "digest", "id": DIGEST}


# -- mail


def mailed(box, **more):
    login = {} if box.security == "none" else {"user": USER, "password": PASSWORD}
    one = {
        "name": "mail", "host": box.host, "port": box.port, "security": box.security,
        "from": "wherefrom@example.com", "to": ["a@example.com", "b@example.com"],
        **({} if box.security == "none" else {"ca": str(box.ca)}), **login, **more,
    }  # fmt: skip
    return settings(email=[one])


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_real_server_of_mail_takes_it_whole(tmp_path, security):
    with Mailbox(tmp_path, security) as box:
        troubles = []
        delivered(tmp_path, mailed(box), message(), message("closed"), troubles=troubles)
    assert troubles == []
    (to, opened), (_, closed) = box.got
    assert to == ["a@example.com", "b@example.com"]
    assert opened["Subject"] == "[page] cart <1> fails & runs"
    assert opened["Message-ID"] == f"<{message().id}@log.example.a>"
    assert opened["References"] == closed["References"] != opened["Message-ID"]
    assert opened["Auto-Submitted"] == "auto-generated"
    body = opened.get_payload(decode=True).decode()
    assert "no signature" in body
    assert "records:  #7 #9" in body
    assert "record 7: https://wherefrom.example/records/7" in body
    assert closed["Subject"].startswith("[ended]")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_to_nobody_whom_no_authority_names(tmp_path, security):
    with Mailbox(tmp_path, security) as box:
        (to,) = mailed(box, ca="").email
        with pytest.raises(Unavailable, match="does not take it") as refused:
            sent(to)
        assert "CERTIFICATE_VERIFY_FAILED" in str(refused.value)
    assert box.got == []


def test_a_password_that_is_wrong_is_told_and_not_shown(tmp_path):
    with Mailbox(tmp_path) as box:
        (to,) = mailed(box, password="wrong battery").email
        with pytest.raises(Unavailable, match="refuses who sends") as refused:
            sent(to)
    assert "battery" not in str(refused.value)


def test_mail_that_is_not_taken_waits(tmp_path):
    clock = Clock()
    with Mailbox(tmp_path) as box:
        box.refuses = "451 later"
        made, spool = delivered(tmp_path, mailed(box), message(), clock=clock)
        assert spool.waiting()
        box.refuses = None
        clock.now += 1
        assert made.once() == 1
    assert len(box.got) == 1


def test_a_title_begins_no_header(tmp_path):
    with Mailbox(tmp_path) as box:
        delivered(tmp_path, mailed(box), message(title="a\r\nBcc: evil@example.com\r\n\r\nx"))
    ((to, mail),) = box.got
    assert mail["Bcc"] is None
    assert to == ["a@example.com", "b@example.com"]


def sent(to):
    one = message()
    send_mail(told_in(one.data), to, id=one.id, timestamp=one.timestamp)


# -- settings

MAIL = {"name": "m", "host": "smtp.example", "from": "a@example", "to": ["b@example"]}


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ({"alertmanagers": [{"name": "a", "url": "http://am.example:9093"}]}, "not an address to"),
        ({"slack": [{"name": "a", "url": "ftp://x/secret"}]}, "not an address to send to"),
        ({"pagerduty": [{"name": "a", "routing_key": "short"}]}, "not a routing key"),
        ({"pagerduty": [{"name": "A", "routing_key": "R" * 32}]}, "not a name"),
        ({"email": [{**MAIL, "security": "none"}]}, "others can read it"),
        ({"email": [{**MAIL, "security": "ssl"}]}, "not settings of notifications"),
        ({"email": [{**MAIL, "to": ["nobody"]}]}, "not an address of mail"),
        ({"email": [{**MAIL, "from": "a@b\r\nX: y"}]}, "not an address of mail"),
        ({"email": [{**MAIL, "user": "u"}]}, "half of who sends"),
        ({"email": [{**MAIL, "port": 70_000}]}, "no server of mail"),
        ({"email": [{**MAIL, "severities": ["info"]}]}, "not settings of notifications"),
        ({"email": [MAIL], "slack": [{"name": "m", "url": "https://x"}]}, "two receivers of one"),
    ],
)
def test_settings_that_will_not_do_are_refused_and_no_secret_is_shown(kinds, says):
    with pytest.raises(Malformed, match=says) as refused:
        settings(**kinds)
    assert "secret" not in str(refused.value)


def test_there_are_not_too_many_of_them():
    with pytest.raises(LimitPassed, match="too many receivers"):
        settings(email=[{**MAIL, "name": f"m{n}"} for n in range(21)])
    with pytest.raises(LimitPassed, match="mail to nobody"):
        settings(email=[{**MAIL, "to": []}])


def test_the_defaults_are_what_people_mean():
    said = settings(email=[MAIL], pagerduty=[{"name": "p", "routing_key": "R" * 32}])
    assert said.email[0].security == "starttls"
    assert said.pagerduty[0].url == "https://events.pagerduty.com/v2/enqueue"
    assert said.email[0].wants("prod", "ticket")

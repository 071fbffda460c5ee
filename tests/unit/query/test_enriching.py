"""An alert is given back in time with what is known of it, whatever the answers do."""

import json
import threading
from datetime import UTC, datetime

import pytest

from wherefrom.errors import NotFound, Unavailable
from wherefrom.formats.alert_shapes import TEXT_CHARS_MAX, About
from wherefrom.formats.states import Scope
from wherefrom.formats.timestamps import micros
from wherefrom.query import scopes
from wherefrom.query.enrich import Enriching
from wherefrom.query.enrich.enriching import ALERTS_LOOKED_UP, THREADS_MAX
from wherefrom.query.enrich.looking import alert_of
from wherefrom.query.enrich.told import ChangeTold, OwnerTold, Told, note_of

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BODY = b'{"service":"cart","environment":"prod"}'


@pytest.fixture(autouse=True)
def sealing():
    """Once is enough: no graph is asked."""


class Looking:
    """Steps that do as they are told; ``first`` and ``then`` are lists of functions."""

    def __init__(self, first=(), then=()):
        self._first, self._then, self.asked = list(first), list(then), []

    def first(self, alert):
        self.asked.append(alert)
        return self._first

    def then(self, alert):
        return self._then


def owned(told):
    return told.but(owner=OwnerTold(team="payments"))


def enriched(body=BODY, *, within=30.0, first=(), then=(), **options):
    enriching = Enriching(Looking(first, then), clock=lambda: NOW, **options)
    return enriching.enrich(body, within=within)


def wherefrom(answer):
    return json.loads(answer.body)["wherefrom"]


def test_what_every_step_finds_is_in_the_alert():
    answer = enriched(first=[owned], then=[lambda told: told.but("not ranked", none=0.5)])
    assert wherefrom(answer)["owner"] == "payments"
    assert answer.says == ("not ranked",)


@pytest.mark.parametrize(
    "error", [NotFound("no such thing"), Unavailable("not there"), KeyError("x")]
)
def test_a_step_that_fails_is_said_and_the_next_goes_on(error):
    def fails(told):
        raise error

    answer = enriched(first=[fails, owned])
    assert wherefrom(answer)["owner"] == "payments"
    assert str(error) in answer.says[0]


def test_once_the_time_is_over_the_alert_goes_back_with_what_was_found_by_then():
    free = threading.Event()

    def waits(told):
        free.wait(60)
        return told.but(environment="changed later")

    answer = enriched(within=0.2, first=[owned], then=[waits])
    free.set()
    assert wherefrom(answer)["owner"] == "payments"
    assert answer.says == ("it took too long to look everything up",)
    assert "changed later" not in answer.body.decode()


def test_alerts_that_find_no_place_come_back_with_a_note_and_the_next_one_is_looked_up():
    free = threading.Event()

    def waits(told):
        free.wait(60)
        return told

    enriching = Enriching(Looking([waits]), clock=lambda: NOW)
    threads = [
        threading.Thread(target=enriching.enrich, args=(BODY,), kwargs={"within": 60.0})
        for _ in range(THREADS_MAX)
    ]
    for thread in threads:
        thread.start()
    answer = enriching.enrich(BODY, within=0.2)
    assert answer.says == ("too many alerts came at once",)
    free.set()
    for thread in threads:
        thread.join()
    assert enriching.enrich(BODY, within=30.0).says == ()


@pytest.mark.parametrize("body", [b"not json", b"[1]", b'{"a":1}'])
def test_what_cannot_be_read_comes_back_byte_for_byte_and_says_why(body):
    answer = enriched(body)
    assert answer.body == body
    assert answer.says[0]


def test_alerts_of_one_place_and_time_are_looked_up_once_and_only_so_many():
    def alert(number):
        return {"labels": {"service": f"s{number}", "environment": "prod"}, "annotations": {}}

    looking = Looking([owned])
    alerts = [alert(n // 2) for n in range(2 * (ALERTS_LOOKED_UP + 3))]
    body = json.dumps(alerts).encode()
    answer = Enriching(looking, clock=lambda: NOW).enrich(body, within=30.0)
    assert len(set(looking.asked)) == ALERTS_LOOKED_UP
    made = json.loads(answer.body)
    assert [one["labels"] for one in made] == [one["labels"] for one in alerts]
    assert made[0]["annotations"]["wherefrom_owner"] == "payments"
    assert made[-1]["annotations"] == {
        "wherefrom_note": f"only the first {ALERTS_LOOKED_UP} were looked up"
    }


@pytest.mark.parametrize("name", ["a,b=c", "svc%31", "a@2020-01-01", "a/b", "é ü", "\u202e"])
def test_an_alert_asks_about_its_own_names_whatever_they_hold(name):
    alert, _ = alert_of(About(f"e{name}", name, f"r{name}"), now=0)
    assert scopes.parse(alert.scope, now=NOW).named == Scope(f"e{name}", name, f"r{name}")


def test_what_is_said_of_an_alert_is_short_and_moves_no_cursor():
    about = About("prod", "cart", started="x" * 100_000)
    _, says = alert_of(about, now=0)
    assert len(says) < 100
    texts = note_of(Told("prod", "cart", says=("\x9b2J\u202e" + "y" * 9_000,)), url="").texts
    assert len(texts["note"]) == TEXT_CHARS_MAX
    assert texts["note"].isprintable()


@pytest.mark.parametrize(("started", "at", "odd"), [
    ("", None, None),
    ("0001-01-01T00:00:00Z", None, None),
    ("2026-01-01T11:00:00+01:00", "2026-01-01T10:00:00.000000Z", None),
    ("2026-01-01T13:00:00Z", None, "later than now"),
    ("yesterday", None, "is no time"),
])  # fmt: skip
def test_an_alert_is_looked_up_as_of_when_it_began(started, at, odd):
    now = micros("2026-01-01T12:00:00Z")
    alert, says = alert_of(About("prod", "cart", started=started), now=now)
    assert alert.at == at
    assert (says is None) if odd is None else (odd in says)


def test_no_links_lead_anywhere_where_nobody_says_where_the_log_is():
    change = ChangeTold(
        slot="flag", name="fast", service="cart", before=None, after="on", by="", entry=7,
        at="2026-01-01T11:00:00.000000Z", probability=0.62,
    )  # fmt: skip
    told = Told("prod", "a/b", changes=(change,), none=0.38)
    assert note_of(told, url="").links == {}
    note = note_of(told, url="https://w.example/")
    assert note.links == {
        "service": "https://w.example/services/prod/a%2Fb",
        "change": "https://w.example/records/7",
    }
    assert note.texts["changes"] == (
        "62 % flag fast nothing → on at 2026-01-01T11:00:00Z, record #7; 38 % none of these"
    )

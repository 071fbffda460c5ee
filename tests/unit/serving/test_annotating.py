"""What changed is drawn: once when it begins, once whole, to whom the settings name."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.grafana_stub import TOKEN, Grafana
from tests.watched_world import World, image
from wherefrom.app import open_desk, open_log
from wherefrom.capture import changes
from wherefrom.errors import Malformed, Unavailable
from wherefrom.formats import timestamps
from wherefrom.formats.grafana_annotations import Annotation
from wherefrom.formats.notify_settings import parse
from wherefrom.formats.states import Scope
from wherefrom.notify import Delivery, Spool
from wherefrom.notify import grafana as sending
from wherefrom.serving.annotating import SETTLED_SECONDS, Annotating

BACK = timedelta(hours=1)  # nothing holds after it was heard of: tests move up to now


def settings(*some, **more):
    return parse(json.dumps({"grafana": list(some), **more}).encode(), where="notify.yaml")


def boards(url, **more):
    return {"name": "boards", "url": url, "token": TOKEN, **more}


class Drawn:
    """A log, a spool and a Grafana, at a time that tests move."""

    def __init__(self, path, grafana, **more):
        self.world, self.grafana = World(path / "d"), grafana
        self.now = datetime.now(UTC).replace(microsecond=0) - BACK
        self.said = settings(boards(grafana.url, **more), url="https://wherefrom.example")
        self.spool, self.path = Spool(path / "notify"), path / "notify" / "annotated"
        self.delivery = Delivery(self.spool, lambda: self.said)

    def __enter__(self):
        self.world.__enter__()
        self.log = open_log(self.world.folder)
        self.restart()
        assert self.annotating.once() == 0
        return self

    def __exit__(self, *raised):
        self.world.__exit__(*raised)

    def restart(self):
        desk = open_desk(self.world.folder, self.log)
        self.annotating = Annotating(
            self.log, lambda: desk.reality, self.spool, lambda: self.said, self.path,
            clock=lambda: self.now.timestamp(),
        )  # fmt: skip

    def after(self, **how_long):
        self.now += timedelta(**how_long)

    def state(
        self, value, *, slot="artifact", name="", pool="", mode="declared", at=None, env="prod"
    ):
        states = [{"slot": slot, "name": name, "value": value}]
        (entry,) = self.world.record(
            changes.estate(
                mode, Scope(env, "till", pool=pool), states, all_of=[slot],
                at=timestamps.to_text(at or self.now), source="/cd",
            )
        )  # fmt: skip
        self.world.fold()
        return entry

    def drawn(self):
        told = self.annotating.once()
        while self.delivery.once():
            pass
        return told


@pytest.fixture
def grafana():
    with Grafana() as one:
        yield one


@pytest.fixture
def drawn(tmp_path, grafana):
    with Drawn(tmp_path, grafana) as one:
        yield one


def ms(moment):
    return int(moment.timestamp() * 1000)


def test_a_change_is_a_moment_with_what_where_and_by_whom_and_a_link_to_its_record(drawn, grafana):
    drawn.after(minutes=1)
    entry = drawn.state(image(1))
    drawn.after(seconds=2)
    assert drawn.drawn() == 1
    (one,) = grafana.added
    assert one["time"] == ms(drawn.now) - 2000
    assert "timeEnd" not in one
    assert one["tags"] == ["wherefrom", "deploy", "env:prod", "svc:till"]
    assert "deploy of prod/till" in one["text"]
    assert f"(#{entry})" in one["text"]
    assert f'href="https://wherefrom.example/records/{entry}"' in one["text"]


def test_a_rollout_is_a_moment_when_it_begins_and_a_stretch_once_it_is_over(drawn, grafana):
    began = drawn.now
    for pool in ("a", "b", "c"):
        drawn.state(image(1), pool=pool)
        drawn.after(minutes=1)
        drawn.drawn()
    ended = drawn.now - timedelta(minutes=1)
    assert [("timeEnd" in one) for one in grafana.added] == [False]
    drawn.after(seconds=SETTLED_SECONDS)
    assert drawn.drawn() == 1
    assert [(one["time"], one.get("timeEnd")) for one in grafana.added] == [
        (ms(began), None), (ms(began), ms(ended))
    ]  # fmt: skip


def test_nothing_is_drawn_twice_whatever_happens_between(drawn, grafana):
    drawn.state(image(1), pool="a")
    drawn.after(minutes=1)
    drawn.state(image(1), pool="b")
    drawn.drawn()
    drawn.restart()
    drawn.drawn()
    drawn.after(seconds=2 * SETTLED_SECONDS)
    drawn.drawn()
    drawn.restart()
    drawn.after(minutes=30)
    assert drawn.drawn() == 0
    assert len(grafana.added) == 2


def test_what_happened_before_the_first_look_is_not_drawn(tmp_path, grafana):
    with Drawn(tmp_path, grafana) as drawn:
        drawn.state(image(1))
        drawn.path.unlink()
        assert drawn.drawn() == 0
        drawn.after(minutes=1)
        drawn.state(image(2))
        assert drawn.drawn() == 1


def test_a_grafana_that_takes_nothing_gets_it_later_and_only_once(drawn, grafana):
    grafana.status = 503
    drawn.state(image(1))
    drawn.drawn()
    assert (grafana.asked, grafana.added) == (1, [])
    grafana.status = None
    drawn.restart()
    assert drawn.drawn() == 0, "it lies in the spool"
    drawn.delivery._rests.clear()
    drawn.drawn()
    assert len(grafana.added) == 1


def test_only_the_environments_of_a_receiver_are_drawn_to_it(tmp_path, grafana):
    with Drawn(tmp_path, grafana, environments=["prod"]) as drawn:
        drawn.state(image(1), env="test")
        drawn.state(image(1), env="prod")
        drawn.drawn()
    assert [one["tags"][2] for one in grafana.added] == ["env:prod"]


def test_without_a_grafana_nothing_is_asked_or_kept(tmp_path, grafana):
    with Drawn(tmp_path, grafana) as drawn:
        drawn.path.unlink()
        drawn.said = settings()
        drawn.state(image(1))
        drawn.annotating.look()
        assert not drawn.path.exists()


def test_views_that_are_not_there_are_said_once_and_waited_for(drawn, monkeypatch):
    said = []

    def fails():
        raise Unavailable("no views yet")

    drawn.annotating._on_trouble, drawn.annotating._open = said.append, fails
    drawn.annotating._reality = None
    for _ in range(3):
        drawn.annotating._looked = float("-inf")
        drawn.annotating.look()
    assert said == ["annotations wait: no views yet"]


def test_what_people_wrote_is_no_markup_where_it_is_drawn():
    one = Annotation(at=1, title="<script>", text='a & "b"', link='https://x/"onload=')
    said = one.to_post()["text"]
    assert "<script>" not in said
    assert "a &amp; &quot;b&quot;" in said
    assert 'href="https://x/&quot;onload="' in said


def test_a_grafana_is_told_of_changes_alone(grafana):
    from tests.unit.notify.test_spool import message

    (to,) = settings(boards(grafana.url)).grafana
    with pytest.raises(Unavailable, match="of changes alone"):
        sending.send(message(1), to, None)
    assert not to.wants("prod", "page")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"url": "http://grafana.example"}, "not an address"),
        ({"url": "ftp://x"}, "not an address"),
        ({"token": ""}, "not a token"),
        ({"token": "a\nb"}, "not a token"),
        ({"token": "ключ"}, "not a token"),
        ({"name": "Boards!"}, "not a name"),
        ({"dashboard": "x"}, "settings of notifications"),
    ],
)
def test_a_receiver_that_cannot_be_used_is_told_without_its_token(change, what):
    with pytest.raises(Malformed, match=what) as raised:
        settings({**boards("https://grafana.example"), **change})
    assert TOKEN not in str(raised.value)

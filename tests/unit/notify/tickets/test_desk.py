"""Tickets are opened once and closed when the cause is gone, whatever trackers and answers do."""

import itertools
import re

import msgspec
import pytest

from tests.trackers import GitHubStub, GitLabStub, JiraStub, body_of
from wherefrom.notify.tickets import Cause, TicketDesk
from wherefrom.notify.tickets import desk as module
from wherefrom.notify.tickets.cause import Marker
from wherefrom.notify.tickets.kept import KeptTickets

ORIGIN = "log.example/tickets"
TRACKERS = {
    "github": GitHubStub, "gitlab": GitLabStub, "jira": JiraStub,
    "jira in the cloud": lambda: JiraStub(is_cloud=True),
}  # fmt: skip


def cause(number=1, **changes):
    return Cause(
        **{
            "root": f"artifact:sha256:{number:064x}", "entry": 10 + number,
            "at": "2026-01-01T10:00:00.000000Z", "title": f"till {number} is denied: scanned",
            "environments": ("prod",), "facts": (("artifact", f"sha256:{number:064x}"),),
            "commands": ("wherefrom policy status -e prod",),
            "links": (("the record", "https://w.example/records/11"),), **changes,
        }
    )  # fmt: skip


class Clock:
    now = 1_000_000.0

    def __call__(self):
        return self.now


class Bench:
    """A desk, and what it is to see to."""

    def __init__(self, path, stub, **settings):
        self.path, self.stub, self.clock = path, stub, Clock()
        self.trackers = (stub.settings(**settings),)
        self.open, self.troubles, self.desk = {}, [], None
        self.restart()

    def restart(self):
        """Another process: what it knows lies on the disk."""
        if self.desk is not None:
            self.desk.close()
        self.desk = TicketDesk(
            KeptTickets(self.path), origin=ORIGIN, on_trouble=self.troubles.append, clock=self.clock
        )

    def round(self, *, later=0.0):
        self.clock.now += later
        return self.desk.round(self.trackers, self.open, lambda root: f"{root} is gone.")

    def wrong(self, *causes):
        self.open = {one.root: one for one in causes}


@pytest.fixture(params=TRACKERS)
def bench(request, tmp_path):
    with TRACKERS[request.param]() as stub:
        bench = Bench(tmp_path / "tickets", stub)
        yield bench
        bench.desk.close()


def test_a_ticket_is_opened_once_and_closed_when_its_cause_is_gone(bench):
    bench.wrong(cause(1), cause(2))
    assert bench.round() == 2
    calls = len(bench.stub.calls)
    assert bench.round() == 0
    assert len(bench.stub.calls) == calls, "nothing is asked of what is known"
    bench.wrong(cause(2))
    assert bench.round() == 1
    assert [one["state"] == "closed" for one in bench.stub.issues] == [True, False]
    (said,) = bench.stub.issues[0]["said"]
    assert said.strip("`").startswith(f"{cause(1).root} is gone.")
    assert bench.round() == 0
    assert bench.troubles == []


def test_a_ticket_says_what_where_to_look_and_what_to_type(bench):
    bench.wrong(cause())
    bench.round()
    (issue,) = bench.stub.issues
    body = body_of(issue)
    assert issue["title"] == cause().title
    for said in ("sha256:", "wherefrom policy status -e prod", "https://w.example/records/11"):
        assert said in body
    marker = Marker(ORIGIN, cause().root, cause().at)
    assert re.search(rf"^`?{marker.text}`?$", body, re.M)
    labels = issue["fields"]["labels"] if "fields" in issue else issue["labels"]
    assert "wherefrom" in labels


def test_a_restart_opens_nothing_again_and_still_closes(bench):
    bench.wrong(cause())
    bench.round()
    bench.restart()
    assert bench.round() == 0
    bench.wrong()
    assert bench.round() == 1
    assert bench.stub.open_ones() == []


@pytest.mark.parametrize("lost", ["answer", "file"])
def test_a_ticket_whose_number_was_never_heard_is_found_again(bench, lost):
    bench.wrong(cause())
    if lost == "answer":
        searches = 2 if bench.stub.kind == "github" or getattr(bench.stub, "is_cloud", 0) else 1
        bench.stub.next(*[""] * searches, "unanswered")
        assert bench.round() == 0
        assert len(bench.stub.issues) == 1, "it was opened, and the answer lost"
    else:
        bench.round()
        for path in bench.path.rglob("*.json"):
            path.unlink()
    bench.restart()
    assert bench.round(later=2) == 1
    assert len(bench.stub.issues) == 1
    bench.wrong()
    assert bench.round() == 1
    assert bench.stub.open_ones() == []


def test_a_search_that_lags_behind_opens_no_second(tmp_path):
    with GitHubStub() as stub:
        stub.lag = 10
        bench = Bench(tmp_path, stub)
        bench.wrong(cause())
        bench.stub.next("", "", "unanswered")
        bench.round()
        assert bench.round(later=2) == 1
        assert len(stub.issues) == 1
        bench.desk.close()


def test_what_comes_back_gets_a_ticket_of_its_own(bench):
    bench.wrong(cause())
    bench.round()
    bench.wrong()
    bench.round()
    again = cause(at="2026-02-01T10:00:00.000000Z")
    bench.wrong(again)
    assert bench.round() == 1
    assert [one["state"] == "closed" for one in bench.stub.issues] == [True, False]
    # And one that was closed, and whose file was lost before it was noted, is not opened again.
    for path in bench.path.rglob("*.json"):
        path.unlink()
    bench.wrong(cause())
    bench.round()
    assert len(bench.stub.issues) == 2


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("how", ["unanswered", "broken", "limited"])
def test_closing_goes_on_wherever_it_was_cut_off_and_says_why_once(bench, how, step):
    bench.wrong(cause())
    bench.round()
    bench.wrong()
    bench.stub.next(*[""] * step, how)
    for _ in range(4):
        bench.round(later=200)
        bench.restart()
    assert bench.stub.open_ones() == []
    assert len(bench.stub.issues[0]["said"]) == 1
    assert not any(bench.path.rglob("wf*.json"))


@pytest.mark.parametrize("deleted", [False, True])
def test_a_ticket_that_somebody_closed_or_deleted_is_left_alone(bench, deleted):
    bench.wrong(cause())
    bench.round()
    bench.stub.issues[0].update({"deleted": True} if deleted else {"state": "closed"})
    bench.wrong()
    assert bench.round() == 1
    assert bench.stub.issues[0]["said"] == []
    assert bench.troubles == []


def test_a_tracker_that_asks_to_be_left_alone_is(bench):
    bench.wrong(cause())
    bench.stub.next("limited")
    assert bench.round() == 0
    calls = len(bench.stub.calls)
    rest = 90 if bench.stub.kind == "github" else 7
    assert bench.round(later=rest - 3) == 0
    assert len(bench.stub.calls) == calls
    assert bench.round(later=4) == 1
    assert "asks to be left alone" in bench.troubles[0]


def test_a_tracker_that_is_down_rests_longer_each_time_and_holds_up_no_other(bench, tmp_path):
    bench.wrong(cause())
    with GitLabStub() as other:
        bench.trackers += (other.settings(name="other"),)
        bench.stub.next(*["broken"] * 4)
        assert bench.round() == 1, "the other one took it"
        assert bench.round(later=0.5) == 0
        rests = []
        for _ in range(3):
            while len(bench.stub.calls) == len(rests) + 1:
                bench.round(later=0.25)
                assert bench.clock.now < 1_000_100
            rests.append(bench.clock.now)
        gaps = [b - a for a, b in itertools.pairwise(rests)]
        assert gaps == sorted(gaps)
        assert gaps[1] == pytest.approx(2 * gaps[0], abs=0.5)
        assert len(other.issues) == 1


def test_a_token_that_is_none_is_told_once_and_tried_again(bench):
    bench.trackers = (msgspec.structs.replace(bench.trackers[0], token="other"),)
    bench.wrong(cause())
    for _ in range(5):
        bench.round(later=400)
    assert bench.stub.issues == []
    (said,) = bench.troubles
    assert "401" in said
    assert "other" not in said


def test_what_a_tracker_refuses_holds_up_nothing_else(bench):
    bench.wrong(cause(1, title=""), cause(2))
    assert bench.round() == 1
    (issue,) = bench.stub.issues
    assert issue["title"] == cause(2).title
    (said,) = bench.troubles
    assert "does not take it" in said
    calls = len(bench.stub.calls)
    bench.round(later=60)
    assert len(bench.stub.calls) == calls, "it would say no again"
    bench.round(later=module.REFUSED_SECONDS)
    assert len(bench.stub.calls) > calls


def test_an_answer_of_something_else_is_told_and_nothing_is_opened_twice(bench):
    bench.wrong(cause())
    bench.stub.next("odd", "odd", "odd")
    for _ in range(6):
        bench.round(later=400)
    assert len(bench.stub.issues) == 1


def test_only_so_many_are_open_at_once_and_the_rest_waits(tmp_path):
    with GitLabStub() as stub:
        bench = Bench(tmp_path, stub, open_max=2)
        bench.wrong(*(cause(n) for n in range(5)))
        assert bench.round() == 2
        assert bench.round() == 0
        assert bench.troubles == [
            "3 tickets wait for room in gitlab: 0 are open, and open_max is 2",
            "3 tickets wait for room in gitlab: 2 are open, and open_max is 2",
        ]
        bench.wrong(*(cause(n) for n in range(1, 5)))
        bench.round()
        assert bench.round() == 0
        assert len(stub.open_ones()) == 2
        bench.desk.close()


@pytest.mark.parametrize(("settings", "changes", "opens"), [
    ({"environments": ("prod",)}, {}, True),
    ({"environments": ("stage",)}, {}, False),
    ({"environments": ("stage",)}, {"environments": ("prod", "stage")}, True),
    ({}, {"severity": "ticket"}, True),
    ({}, {"severity": "page"}, False),
    ({"severities": ("page",)}, {"severity": "page"}, True),
])  # fmt: skip
def test_a_tracker_gets_what_it_wants(tmp_path, settings, changes, opens):
    with GitLabStub() as stub:
        bench = Bench(tmp_path, stub, **settings)
        bench.wrong(cause(**changes))
        assert bench.round() == opens
        bench.desk.close()


def test_jira_is_closed_by_the_transition_that_is_named(tmp_path):
    with JiraStub() as stub:
        bench = Bench(tmp_path, stub, done="Start")
        bench.wrong(cause())
        bench.round()
        bench.wrong()
        bench.round()
        assert len(stub.open_ones()) == 1, "it was told to start it"
        bench.desk.close()
        bench = Bench(tmp_path, stub, done="Finish")
        bench.wrong(cause(2))
        bench.round()
        bench.wrong()
        assert bench.round() == 0
        (said,) = bench.troubles
        assert "no transition that closes OPS-2: Start, Won't do, Done" in said
        bench.desk.close()


STRANGE = "`a``b` @everyone ![x](http://evil) {code} [~jane] <script> ```\n# big"


@pytest.mark.parametrize("name", TRACKERS)
def test_a_text_of_a_record_calls_nobody_and_leads_nowhere(tmp_path, name):
    with TRACKERS[name]() as stub:
        bench = Bench(tmp_path, stub)
        bench.wrong(cause(title=STRANGE, facts=(("says", STRANGE),), commands=(STRANGE,)))
        bench.round()
        body = body_of(stub.issues[0])
        if stub.kind == "jira":
            outside = re.sub(r"\{noformat\}.*?\{noformat\}", "", body, flags=re.S)
            outside = re.sub(r"\\.", "", outside)
            assert not re.search(r"@|\{code|\[~|!", outside)
        else:
            outside = re.sub(r"^```console\n.*?^```$", "", body, flags=re.S | re.M)
            outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", outside)
            assert not re.search(r"@|!\[|<script|^#", outside, re.M)
        assert "\n" not in stub.issues[0]["title"]
        bench.desk.close()


EVIL = "http://x/<@jane>|]{color}`y`[~jane]"


@pytest.mark.parametrize("name", TRACKERS)
def test_what_ends_it_and_where_links_lead_are_a_strangers_words_too(tmp_path, name):
    with TRACKERS[name]() as stub:
        bench = Bench(tmp_path, stub)
        commands = ("a {nofor{noformat}mat} [~jane]",)
        bench.wrong(cause(links=(("link 1", EVIL),), commands=commands))
        bench.round()
        bench.open = {}
        bench.desk.round(bench.trackers, {}, lambda root: f"/close\n{STRANGE} closes #7: #3.")
        (said,) = stub.issues[0]["said"]
        body = body_of(stub.issues[0])
        if stub.kind == "jira":
            assert "\\@everyone" in said
            assert not re.search(r"(?<!\\)[@\[{!]", said)
            assert body.count("{noformat}") == 2
            assert "[~" not in body.replace(commands[0].replace("{", "("), "")
        else:
            shown = said.partition("<!--")[0]
            outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", shown)
            assert outside.strip() == ""
            assert "<@" not in body
        bench.desk.close()


def test_incidents_of_strangers_leave_room_for_alerts(tmp_path):
    with TRACKERS["github"]() as stub:
        bench = Bench(tmp_path, stub, open_max=4)
        bench.wrong(*(cause(n, by="p:" + "1" * 32) for n in range(10)))
        for _ in range(4):
            bench.round()
        assert len(stub.issues) == 2
        bench.wrong(*bench.open.values(), cause(50), cause(51))
        bench.round()
        bench.round()
        titles = sorted(one["title"] for one in stub.issues)
        assert len(titles) == 4
        assert any("till 50" in one for one in titles)
        bench.desk.close()

"""Lists and watches against an API server that speaks the protocol, and breaks it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from tests import kube_objects as k8s
from tests.kube_api import KubeApi
from wherefrom.capture.kubernetes import api as kube
from wherefrom.capture.kubernetes import following
from wherefrom.capture.kubernetes.access import given
from wherefrom.capture.kubernetes.api import RESOURCES, Api, Closed, Failed, Gone
from wherefrom.capture.kubernetes.following import Pause, follow

RESOURCE = {resource.name: resource for resource in RESOURCES}
PODS = RESOURCE["pods"]


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch):
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(following, "PAUSE_SECONDS_MAX", 0.01)
    monkeypatch.setattr(following, "CLOSED_SECONDS", 0.01)


class Heard:
    """What was told, in order; ``there`` is what a follower that believes it would have."""

    def __init__(self):
        self.said = []
        self.there = {}
        self._news = asyncio.Event()

    def _say(self, *what):
        self.said.append(what)
        self._news.set()

    def listed(self, kind, namespace, items):
        self.there = {item["metadata"]["name"]: item for item in items}
        self._say("listed", *sorted(self.there))

    def changed(self, kind, event, item):
        name = item["metadata"]["name"]
        if event == "DELETED":
            self.there.pop(name, None)
        else:
            self.there[name] = item
        self._say(event, name)

    def current(self, kind, namespace):
        self._say("current")

    def lost(self, kind, namespace, said):
        self._say("lost", said)

    def closed(self, kind, namespace, said):
        self._say("closed", said)

    async def until(self, holds):
        """Wait until ``holds(said)``."""
        while not holds(self.said):
            self._news.clear()
            await self._news.wait()

    async def comes(self, *what, times=1):
        await self.until(lambda said: said.count(what) >= times)


@asynccontextmanager
async def followed(server, resource=PODS, namespace=""):
    """A follower of one kind; yields what it hears."""
    api, heard = Api(given(server.url, token_file=None, ca=None)), Heard()
    task = asyncio.create_task(follow(api, resource, namespace, heard))
    try:
        await heard.until(lambda said: said)
        yield heard
        assert not task.done(), task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await api.close()


def played(script, *, before=(), namespace="", **settings):
    """Run ``script(server, heard)`` beside a follower of pods."""

    async def run():
        with KubeApi() as server:
            for name in before:
                server.put("pods", k8s.pod(name))
            for setting, value in settings.items():
                setattr(server, setting, value)
            async with followed(server, namespace=namespace) as heard:
                await script(server, heard)

    asyncio.run(run())


def names_of(server):
    return {name for _, name in server.objects["pods"]}


# -- the usual way


def test_what_is_listed_comes_first_and_then_every_change_in_order():
    async def script(server, heard):
        await heard.comes("current")
        server.put("pods", k8s.pod("b"))
        server.put("pods", k8s.pod("a", phase="Failed"))
        server.delete("pods", "b")
        await heard.comes("DELETED", "b")
        assert heard.said == [
            ("listed", "a"), ("current",), ("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b"),
        ]  # fmt: skip
        assert heard.there["a"]["status"]["phase"] == "Failed"

    played(script, before=["a"])


def test_a_watch_begins_where_the_list_ended_and_asks_for_bookmarks():
    async def script(server, heard):
        await heard.comes("current")
        (listed,) = server.asked("pods", watch=False)
        (watched,) = server.asked("pods", watch=True)
        assert listed == {"limit": str(kube.PAGE)}
        assert watched["resourceVersion"] == str(server.version)
        assert watched["allowWatchBookmarks"] == "true"
        assert 200 < int(watched["timeoutSeconds"]) <= kube.WATCH_SECONDS

    played(script, before=["a", "b"])


def test_a_long_list_comes_in_pages_and_what_changed_between_them_follows():
    async def run():
        with KubeApi() as server:
            for name in "abcde":
                server.put("pods", k8s.pod(name))
            late = iter([k8s.pod("late")])
            server.page_max = 2
            server.between_pages = lambda: [server.put("pods", pod) for pod in late]
            async with followed(server) as heard:
                await heard.comes("ADDED", "late")
            assert names_of(server) == set(heard.there)
            assert len(server.asked("pods", watch=False)) == 3

    asyncio.run(run())


def test_one_namespace_is_asked_for_where_only_one_is_wanted():
    async def script(server, heard):
        await heard.comes("current")
        server.put("pods", k8s.pod("other", "bank"))
        server.put("pods", k8s.pod("mine", "shop"))
        await heard.comes("ADDED", "mine")
        assert ("ADDED", "other") not in heard.said
        assert {path for path, *_ in server.requests} == {"/api/v1/namespaces/shop/pods"}

    played(script, namespace="shop")


def test_an_event_that_comes_byte_by_byte_is_one_event():
    async def script(server, heard):
        await heard.comes("current")
        server.put("pods", k8s.pod("é"))
        await heard.comes("ADDED", "é")

    played(script, slow=0.0001)


# -- connections that end


def test_a_connection_that_ends_between_two_events_is_taken_up_after_the_last_one():
    async def script(server, heard):
        await heard.comes("current")
        server.put("pods", k8s.pod("a"))
        await heard.comes("ADDED", "a")
        version = str(server.version)
        server.drop("pods")
        server.put("pods", k8s.pod("b"))
        await heard.comes("ADDED", "b")
        assert heard.said.count(("ADDED", "a")) == 1
        assert server.asked("pods", watch=True)[-1]["resourceVersion"] == version
        assert len(server.asked("pods", watch=False)) == 1

    played(script)


def test_an_event_that_was_cut_off_is_not_believed_and_comes_again():
    async def script(server, heard):
        await heard.comes("current")
        server.cut_next("pods")
        server.put("pods", k8s.pod("a"))
        await heard.comes("ADDED", "a")
        assert [what for what, *_ in heard.said if what != "current"] == [
            "listed", "lost", "ADDED",
        ]  # fmt: skip

    played(script)


def test_a_watch_that_the_server_ends_in_its_time_is_no_loss():
    async def script(server, heard):
        await heard.comes("current")
        server.end("pods")
        await heard.comes("current", times=2)
        assert not [said for said in heard.said if said[0] == "lost"]

    played(script)


def test_what_happened_while_nobody_listened_is_heard_of():
    async def script(server, heard):
        await heard.comes("current")
        server.busy = [(503, "")] * 2
        server.drop("pods")
        server.delete("pods", "a")
        server.put("pods", k8s.pod("b"))
        await heard.comes("ADDED", "b")
        assert set(heard.there) == {"b"}

    played(script, before=["a"])


# -- 410 Gone


@pytest.mark.parametrize("gone", ["status", "event"])
def test_a_version_that_is_gone_leads_to_a_list_and_what_it_lacks_has_vanished(gone):
    async def script(server, heard):
        await heard.comes("current")
        with server.changed:  # all of it before the follower can be back
            server.drop("pods")
            server.delete("pods", "a")
            server.put("pods", k8s.pod("c"))
            server.compact()
        await heard.comes("listed", "b", "c")
        await heard.comes("current", times=2)
        assert set(heard.there) == {"b", "c"}
        assert len(server.asked("pods", watch=False)) == 2
        server.put("pods", k8s.pod("d"))
        await heard.comes("ADDED", "d")

    played(script, before=["a", "b"], gone=gone)


def test_a_version_that_expires_in_the_middle_of_a_watch_leads_to_a_list():
    async def script(server, heard):
        await heard.comes("current")
        server.expire("pods")
        await heard.comes("listed", "a", times=2)
        assert any(said[0] == "lost" for said in heard.said)

    played(script, before=["a"])


def test_a_bookmark_moves_the_version_so_that_a_compaction_costs_no_list():
    async def script(server, heard):
        await heard.comes("current")
        server.put("nodes", k8s.node())  # others move on, pods do not
        server.bookmark("pods")
        server.put("pods", k8s.pod("b"))
        await heard.comes("ADDED", "b")
        server.bookmark("pods")
        marked = server.version
        server.drop("pods")
        await heard.comes("current", times=2)
        assert server.asked("pods", watch=True)[-1]["resourceVersion"] in (
            str(marked), str(marked - 1),
        )  # fmt: skip

    played(script, before=["a"])


def test_a_page_of_a_list_that_is_gone_leads_to_the_whole_list_again():
    async def run():
        with KubeApi() as server:
            for name in "abc":
                server.put("pods", k8s.pod(name))
            once = iter([server.compact])
            server.page_max = 2
            server.between_pages = lambda: [compact() for compact in once]
            async with followed(server) as heard:
                await heard.comes("listed", "a", "b", "c")
            pages = [("continue" in query) for query in server.asked("pods", watch=False)]
            assert pages == [False, True, False, True]

    asyncio.run(run())


# -- a server that says no, or later


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_is_asked_again_and_told_of(status):
    async def script(server, heard):
        await heard.comes("listed", "a")
        assert heard.said[0][0] == "lost"
        assert f"HTTP {status}" in heard.said[0][1]

    played(script, before=["a"], busy=[(status, "0"), (status, "")])


def test_a_wait_that_the_server_asks_for_is_kept_up_to_a_minute(monkeypatch):
    waits = []

    async def waited(self, seconds=None):
        waits.append(seconds)

    monkeypatch.setattr(Pause, "wait", waited)

    async def script(server, heard):
        await heard.comes("listed", "a")
        assert waits[:4] == [7.0, 60.0, None, None]

    busy = [(429, "7"), (503, "86400"), (503, "soon"), (500, "-1")]
    played(script, before=["a"], busy=busy)


def test_waits_grow_until_something_comes():
    async def run():
        slept = []

        async def sleep(seconds):
            slept.append(seconds)

        original, asyncio.sleep = asyncio.sleep, sleep
        try:
            pause = Pause()
            for _ in range(12):
                await pause.wait()
            grown = list(slept)
            pause.reset()
            await pause.wait()
        finally:
            asyncio.sleep = original
        return grown, slept[-1]

    grown, after = asyncio.run(run())
    assert grown[-1] <= following.PAUSE_SECONDS_MAX * 1.2
    assert grown[3] > 2 * grown[0]
    assert after <= following.PAUSE_SECONDS * 1.2


def test_a_kind_that_is_forbidden_is_closed_and_opens_when_it_is_allowed():
    async def script(server, heard):
        await heard.until(lambda said: said[0][0] == "closed")
        server.forbidden.clear()
        await heard.comes("listed", "a")

    played(script, before=["a"], forbidden={"pods"})


def test_a_watch_that_fails_at_one_version_again_and_again_is_given_up_for_a_list():
    async def script(server, heard):
        await heard.comes("current")
        server.busy = [(500, "")] * (following.FAILURES_MAX + 1)
        server.drop("pods")
        await heard.comes("listed", "a", times=2)

    played(script, before=["a"])


# -- what no server should say


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (b"[]", "not a JSON object"),
        (b"{", "not JSON"),
        (b'{"items": {}, "metadata": {}}', "not a list"),
        (b'{"items": []}', "not a list"),
        (b'{"metadata": []}', "not a list"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_list_that_is_none_is_a_failure_that_says_so(written, said):
    async def run():
        with KubeApi() as server:
            server.instead = written
            api = Api(given(server.url, token_file=None, ca=None))
            try:
                with pytest.raises(Failed, match=said):
                    await api.list(PODS)
            finally:
                await api.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("line", "error", "said"),
    [
        (b"[]", Failed, "not a JSON object"),
        (b'{"type": "ADDED"}', Failed, "not an event"),
        (b'{"type": 1, "object": {}}', Failed, "not an event"),
        (b'{"type": "ERROR", "object": {"code": 500, "message": "etcd"}}', Failed, "etcd"),
        (b'{"type": "ERROR", "object": {"reason": "Expired"}}', Gone, "pods"),
        (b'{"type": "ERROR", "object": {"code": 410}}', Gone, "pods"),
    ],
)
def test_a_line_of_a_watch_that_is_no_event_is_a_failure_that_says_so(line, error, said):
    with pytest.raises(error, match=said):
        kube._event(line, PODS)


def test_a_line_without_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(kube, "LINE_BYTES_MAX", 1000)

    async def script(server, heard):
        await heard.comes("current")
        big = k8s.pod("a")
        big["metadata"]["annotations"] = {"x": "y" * 5000}
        server.put("pods", big)
        await heard.until(lambda said: any("too long" in s[-1] for s in said))

    played(script, slow=0.00001)


def test_a_kind_that_the_cluster_does_not_have_is_closed():
    async def run():
        with KubeApi() as server:
            api = Api(given(server.url, token_file=None, ca=None))
            try:
                with pytest.raises(Closed, match="HTTP 404"):
                    await api.list(kube.Resource("widgets", "/apis/example/v1"))
            finally:
                await api.close()

    asyncio.run(run())


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda r: r.name)
def test_every_kind_is_asked_for_where_the_api_has_it(resource):
    async def run():
        with KubeApi() as server:
            async with followed(server, resource) as heard:
                await heard.comes("listed")
                await heard.comes("current")

    asyncio.run(run())

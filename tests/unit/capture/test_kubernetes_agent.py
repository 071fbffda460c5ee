"""The agent between an API server and a server that takes records, either of which may be away."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime
from functools import partial

import pytest

from tests import kube_objects as k8s
from tests.kube_api import KubeApi, Records
from tests.told_states import Told
from wherefrom.capture.keyed_hashes import keyed_hash, read_or_make
from wherefrom.capture.kubernetes import agent as agents
from wherefrom.capture.kubernetes import following
from wherefrom.capture.kubernetes.access import given
from wherefrom.capture.kubernetes.agent import Agent, Wanted
from wherefrom.capture.kubernetes.api import Api
from wherefrom.capture.kubernetes.cluster import Cluster
from wherefrom.capture.kubernetes.picture import Painter
from wherefrom.capture.kubernetes.sending import Server
from wherefrom.capture.kubernetes.spool import Spool
from wherefrom.capture.kubernetes.telling import Teller
from wherefrom.formats import timestamps
from wherefrom.formats.states import Scope

A, B, C = ("sha256:" + c * 64 for c in "abc")
LATER = "2099-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch):
    monkeypatch.setattr(agents, "GATHER_SECONDS", 0.01)
    monkeypatch.setattr(following, "PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(following, "PAUSE_SECONDS_MAX", 0.02)
    monkeypatch.setattr(following, "CLOSED_SECONDS", 0.02)


@pytest.fixture
def kube():
    with KubeApi() as server:
        server.put("nodes", k8s.node())
        yield server


@pytest.fixture
def records():
    with Records() as server:
        yield server


class Agency:
    """An agent in a thread of its own while the block lasts."""

    def __init__(self, state, kube, records, *, token_file=None, every=3600.0, leave_out=(),
                 namespaces=(), token="t0ken"):  # fmt: skip
        self._place = (state, kube.url, records.url, token_file, token)
        self._wanted = Wanted(["prod"], tuple(namespaces), frozenset(leave_out), every)
        self.warnings = []
        self.objects = None
        self._started = threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._started.wait()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self):
        state, api_url, url, token_file, token = self._place
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        spool = Spool(state / "spool")
        key, _ = read_or_make(state / "hash.key")
        cluster = Cluster(keyed=partial(keyed_hash, key=key))
        api = Api(given(api_url, token_file=token_file, ca=None))
        server = Server(url, token=token, tls=False)
        self.agent = Agent(
            self._wanted, api=api, cluster=cluster,
            painter=Painter(cluster, environment_of=lambda _: "prod"),
            teller=Teller(source="/kubernetes/test"), spool=spool, server=server,
            now=lambda: timestamps.to_text(datetime.now(UTC)), warn=self.warnings.append,
        )  # fmt: skip
        try:
            await self.agent.run(self._stop, started=lambda n: setattr(self, "objects", n))
        finally:
            await api.close()
            await server.close()
            spool.close()


def estate(documents):
    told = Told()
    told.add([json.dumps(document) for document in documents])
    return told.values(LATER)


def images(documents):
    """What runs, by pod."""
    return {
        scope.instance: value
        for (mode, scope, slot, _), value in estate(documents).items()
        if (mode, slot) == ("observed", "artifact")
    }


def pod(name, digest="a", **more):
    return k8s.pod(name, uid=name, statuses=[k8s.status(digest=digest)], **more)


def wholes(documents):
    return [d["subject"]["content"].get("all", []) for d in documents]


# -- the usual way


def test_what_is_there_is_told_whole_and_then_each_change(kube, records, tmp_path):
    kube.put("pods", pod("p1"))
    with Agency(tmp_path, kube, records) as agency:
        records.wait_for(lambda d: images(d) == {"p1": A})
        assert any("artifact" in whole for whole in wholes(records.documents))
        kube.put("pods", pod("p2", "b"))
        records.wait_for(lambda d: images(d) == {"p1": A, "p2": B})
        kube.put("pods", pod("p1", "c"))
        records.wait_for(lambda d: images(d) == {"p1": C, "p2": B})
        kube.delete("pods", "p2")
        records.wait_for(lambda d: images(d) == {"p1": C})
    assert agency.objects == 2
    assert agency.warnings == []
    (told, *_) = records.documents
    assert told["context"]["source"] == "/kubernetes/test"


def test_where_it_runs_and_whether_it_serves_is_told_with_it(kube, records, tmp_path):
    kube.put("pods", pod("p1"))
    ready = {"ready": True, "serving": True, "terminating": False}
    with Agency(tmp_path, kube, records):
        records.wait_for(lambda d: images(d) == {"p1": A})
        kube.put("endpointslices", k8s.endpoint_slice("web-1", "web", [("p1", ready)]))
        (state,) = records.wait_for(
            lambda d: [
                s
                for document in d[-1:]
                for s in document["subject"]["content"]["states"]
                if s.get("properties", {}).get("serving")
            ]
        )
    assert state["scope"]["region"] == "eu-west-1"
    assert state["scope"]["pool"] == "spot"
    assert state["properties"]["zone"] == "eu-west-1a"


def test_a_relist_ends_what_vanished_while_nobody_watched(kube, records, tmp_path):
    for name in ("p1", "p2"):
        kube.put("pods", pod(name))
    with Agency(tmp_path, kube, records):
        records.wait_for(lambda d: images(d) == {"p1": A, "p2": A})
        with kube.changed:
            kube.drop("pods")
            kube.delete("pods", "p2")
            kube.compact()
        records.wait_for(lambda d: images(d) == {"p1": A})


def test_an_object_that_cannot_be_read_costs_no_other_and_is_named(kube, records, tmp_path):
    broken = pod("p2")
    broken["status"]["containerStatuses"] = "none"
    kube.put("pods", broken)
    kube.put("pods", pod("p1"))
    kube.put("deployments", {"metadata": k8s.meta("d"), "spec": {"template": 7}})
    with Agency(tmp_path, kube, records) as agency:
        records.wait_for(lambda d: images(d) == {"p1": A})
        gaps = records.documents[-1]["customData"]["gaps"]
        assert [gap.split(":")[0] for gap in gaps] == ["deployments shop/d", "pods shop/p2"]
        kube.put("pods", pod("p2", "b"))
        records.wait_for(lambda d: images(d) == {"p1": A, "p2": B})
    assert any("cannot read pods shop/p2" in said for said in agency.warnings)


def test_only_what_is_wanted_is_asked_for(kube, records, tmp_path):
    kube.put("pods", pod("p1"))
    kube.put("pods", k8s.pod("other", "bank", uid="other"))
    with Agency(tmp_path, kube, records, namespaces=["shop"], leave_out=["secrets"]):
        records.wait_for(lambda d: images(d) == {"p1": A})
    asked = {path for path, *_ in kube.requests}
    assert "/api/v1/namespaces/shop/pods" in asked
    assert "/api/v1/nodes" in asked
    assert not [path for path in asked if path.endswith("secrets")]


# -- the API server says no, or goes away


def test_a_kind_that_is_forbidden_is_gone_without_and_not_vouched_for(kube, records, tmp_path):
    kube.forbidden = {"secrets", "deployments"}
    kube.put("pods", pod("p1"))
    with Agency(tmp_path, kube, records) as agency:
        records.wait_for(lambda d: images(d) == {"p1": A})
    told = {
        (d["context"]["type"].split(".")[3], slot)
        for d in records.documents
        for slot in d["subject"]["content"].get("all", [])
    }
    assert ("observed", "artifact") in told
    assert not told & {("declared", "secret"), ("declared", "artifact"), ("declared", "scale")}
    assert any("goes on without secrets" in said for said in agency.warnings)


def test_a_token_that_was_replaced_is_read_again(kube, records, tmp_path):
    token = tmp_path / "token"
    token.write_text("one")
    kube.token = "one"
    kube.put("pods", pod("p1"))
    with Agency(tmp_path / "state", kube, records, token_file=token):
        records.wait_for(lambda d: images(d) == {"p1": A})
        token.write_text("two")
        with kube.changed:
            kube.token = "two"
            kube.drop("pods")
        kube.put("pods", pod("p2"))
        records.wait_for(lambda d: images(d) == {"p1": A, "p2": A})
    assert {token for *_, token in kube.requests} == {"Bearer one", "Bearer two"}


def test_while_the_api_server_fails_nothing_is_ended(kube, records, tmp_path):
    kube.put("pods", pod("p1"))
    with Agency(tmp_path, kube, records, every=0.05):
        records.wait_for(lambda d: images(d) == {"p1": A})
        with kube.changed:
            kube.busy = [(500, "")] * 30
            kube.drop("pods")
        kube.put("pods", pod("p2"))
        records.wait_for(lambda d: images(d) == {"p1": A, "p2": A})
    seen = [set(images(records.documents[:n])) for n in range(1, len(records.documents) + 1)]
    assert all("p1" in pods for pods in seen if pods)


# -- the server of records goes away


@pytest.mark.parametrize("away", ["busy", "unanswered"])
def test_what_happens_while_the_server_is_away_is_told_when_it_is_back(
    away, kube, records, tmp_path
):
    records.away = away
    kube.put("pods", pod("p1"))
    with Agency(tmp_path, kube, records) as agency:
        with records.changed:
            while records.requests < 2:
                records.changed.wait(0.01)
        kube.put("pods", pod("p1", "b"))
        kube.put("pods", pod("p2", "c"))
        records.away = None
        records.wait_for(lambda d: images(d) == {"p1": B, "p2": C})
    ids = [document["context"]["id"] for document in records.documents]
    assert len(ids) == len(set(ids))
    assert any("waits in the spool" in said for said in agency.warnings)
    assert not list((tmp_path / "spool").glob("*.json"))


def test_an_agent_that_ends_while_the_server_is_away_tells_when_it_starts_again(
    kube, records, tmp_path, monkeypatch
):
    monkeypatch.setattr(agents, "LAST_SEND_SECONDS", 0.1)
    records.away = "busy"
    kube.put("pods", pod("p1"))
    with Agency(tmp_path, kube, records) as agency:
        while agency.objects is None or not list((tmp_path / "spool").glob("*.json")):
            agency._thread.join(0.01)
        kube.put("pods", pod("gone"))
        while not any(b"gone" in p.read_bytes() for p in (tmp_path / "spool").glob("*.json")):
            agency._thread.join(0.01)
    waited = len(list((tmp_path / "spool").glob("*.json")))
    assert waited
    kube.delete("pods", "gone")
    records.away = None
    with Agency(tmp_path, kube, records):
        records.wait_for(lambda d: images(d) == {"p1": A} and len(d) > waited)


def test_while_the_server_is_away_snapshots_do_not_pile_up(kube, records, tmp_path):
    records.away = "busy"
    kube.put("pods", pod("p1"))
    with Agency(tmp_path, kube, records, every=0.01):
        with records.changed:
            while records.requests < 20:
                records.changed.wait(0.01)
        assert len(list((tmp_path / "spool").glob("*.json"))) <= 2
        records.away = None
        records.wait_for(lambda d: len(d) > 4)


def test_a_token_that_the_server_does_not_take_is_told_and_loses_nothing(kube, records, tmp_path):
    kube.put("pods", pod("p1"))
    with Agency(tmp_path, kube, records, token="wrong") as agency:
        while not agency.warnings:
            agency._thread.join(0.01)
        records.token = "wrong"
        records.wait_for(lambda d: images(d) == {"p1": A})
    assert "WHEREFROM_TOKEN must be a token with the role record" in agency.warnings[0]


def test_a_record_that_is_refused_lies_aside_and_the_others_go_on(kube, records, tmp_path):
    records.refuses = lambda d: d["context"]["type"].endswith("declared.0.1.0")
    kube.put("pods", pod("p1"))
    kube.put("deployments", k8s.workload("cart"))
    with Agency(tmp_path, kube, records) as agency:
        records.wait_for(lambda d: images(d) == {"p1": A})
    aside = list((tmp_path / "spool" / "refused").glob("*.json"))
    assert aside
    assert agency.agent.refused == len(aside)
    assert any("the server refused a record" in said for said in agency.warnings)


# -- secrets


def test_no_byte_of_a_secret_is_sent_or_kept(kube, records, tmp_path):
    leaks = ["hunter2", "aHVudGVyMg==", "Passw0rd", "UGFzc3cwcmQ="]
    kube.put("secrets", k8s.secret("db", {"password": "hunter2"}))
    broken = k8s.secret("worse", {"password": "Passw0rd"})
    broken["data"]["list"] = ["hunter2"]
    kube.put("secrets", broken)
    annotated = k8s.secret("applied", {"password": "Passw0rd"})
    annotated["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(annotated)
    }
    annotated["stringData"] = {"password": "hunter2"}
    kube.put("secrets", annotated)
    env = [{"name": "PW", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]
    kube.put("deployments", k8s.workload("cart", containers=[k8s.container(env=env)]))
    records.away = "busy"
    with Agency(tmp_path, kube, records) as agency:
        while not list((tmp_path / "spool").glob("*.json")):
            agency._thread.join(0.01)
        spooled = b"".join(p.read_bytes() for p in (tmp_path / "spool").glob("*.json"))
        records.away = None
        first = records.wait_for(lambda d: secrets_of(d))
        kube.put("secrets", k8s.secret("db", {"password": "Passw0rd"}))
        records.wait_for(lambda d: secrets_of(d).get("shop/db") != first["shop/db"])
    assert set(first) == {"shop/db", "shop/applied"}
    assert all(value.startswith("hmac-sha256:") for value in first.values())
    said = [json.dumps(records.documents), spooled.decode(), json.dumps(agency.warnings),
            repr(agency.agent._cluster._things), repr(agency.agent._cluster._versions)]  # fmt: skip
    said += [p.read_bytes().decode() for p in tmp_path.rglob("*") if p.is_file()]
    for leak in leaks:
        assert not [text for text in said if leak in text], leak


def secrets_of(documents):
    found = estate(documents)
    return {name: value for (_, _, slot, name), value in found.items() if slot == "secret"}


# -- drift of what is wanted


def test_what_is_wanted_is_told_by_tag_or_digest(kube, records, tmp_path):
    containers = [k8s.container("web", "nginx:1.25"), k8s.container("side", f"mesh@{B}")]
    kube.put("deployments", k8s.workload("cart", containers=containers, replicas=3, ready=1))
    scope = Scope("prod", "cart")
    with Agency(tmp_path, kube, records):
        found = records.wait_for(lambda d: len(estate(d)) >= 4 and estate(d))
    assert found["declared", scope, "artifact", "web"] == "nginx:1.25"
    assert found["declared", scope, "artifact", "side"] == B
    assert (found["declared", scope, "scale", ""], found["observed", scope, "scale", ""]) == (
        "3", "1",
    )  # fmt: skip

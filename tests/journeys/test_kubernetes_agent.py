"""A cluster, its agent and a server, each a program: what runs is known, and where it drifts."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

import pytest
import yaml

from tests import kube_objects as k8s
from tests.kube_api import KubeApi
from tests.served import WHEREFROM, ServerProcess

WITHIN_SECONDS = 60
A, B, C = ("sha256:" + c * 64 for c in "abc")
CONFIG = {"name": "conf", "configMap": {"name": "cart-config"}}


class AgentProcess:
    """``wherefrom agent kubernetes`` as a person starts it."""

    def __init__(self, state, kube, server, token, *options):
        self._command = [
            WHEREFROM, "agent", "kubernetes", "--api", kube.url, "--server", server.url,
            "--state", state, "--cluster", "eu", "--environment", "prod", *options,
        ]  # fmt: skip
        self._environment = {**os.environ, "WHEREFROM_TOKEN": token}
        self.errors_path = state.with_name(state.name + ".stderr")

    def __enter__(self):
        with open(self.errors_path, "ab") as errors:
            self.process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        watch = threading.Timer(WITHIN_SECONDS, self.process.kill)
        watch.start()
        self.line = self.process.stdout.readline().decode()
        watch.cancel()
        assert self.line, self.errors_path.read_text()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(WITHIN_SECONDS) == 0, self.errors_path.read_text()
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def kube():
    with KubeApi() as server:
        server.put("nodes", k8s.node("n1", pool="spot"))
        server.put("nodes", k8s.node("n2", region="us-east-1", zone="us-east-1b", pool="fixed"))
        yield server


def token_of(data):
    """A token that may only tell what this agent has to tell."""
    told = subprocess.run(
        [WHEREFROM, "tokens", "new", "agent", "--role", "record", "--kind", "observation",
         "--kind", "change", "--producer", "/kubernetes/eu", "--data", data, "--json"],
        capture_output=True, check=True,
    )  # fmt: skip
    return json.loads(told.stdout)["token"]


@contextlib.contextmanager
def following(tmp_path, kube, *options):
    """A server and an agent that tells it; yields both."""
    with ServerProcess(tmp_path / "data") as server:
        token = token_of(server.data)
        with AgentProcess(tmp_path / "state", kube, server, token, *options) as agent:
            yield server, agent


def deploy(kube, image, *, config=None):
    """The cart, as a deployment of version 1 or later wants it."""
    spec = {"volumes": [CONFIG]} if config else {}
    if config:
        kube.put("configmaps", k8s.config_map("cart-config", config))
    containers = [k8s.container("web", image)]
    kube.put("deployments", k8s.workload("cart", containers=containers, spec=spec))
    kube.put("replicasets", k8s.workload("cart-7d9f", owner=("Deployment", "cart"),
                                         containers=containers, spec=spec))  # fmt: skip


def pod(kube, name, digest, *, image, node="n1"):
    kube.put(
        "pods",
        k8s.pod(name, uid=f"uid-{name}", node=node, owner=("ReplicaSet", "cart-7d9f"),
                containers=[k8s.container("web", image)], statuses=[k8s.status("web", digest)],
                labels={"pod-template-hash": "7d9f"}),
    )  # fmt: skip


def answers(server, holds, *, path="/v1/running", **asked):
    """Ask until the answer is as it must become; returns it."""
    until = time.monotonic() + WITHIN_SECONDS
    with server.client() as client:
        while True:
            answer = client.get(path, params={"scope": "prod/cart", **asked})
            if answer.status_code == 200 and holds(answer.json()):
                return answer.json()
            assert time.monotonic() < until, answer.text[:3000]
            time.sleep(0.02)


def places(answer, slot="artifact"):
    return {(p["region"], p["pool"]): p for p in answer["places"] if p["slot"] == slot}


def runs(answer):
    """What runs in each region and pool: the value, and by how many."""
    return {
        where: {one["value"]: one["instances"] for one in place["observed"]}
        for where, place in places(answer).items()
        if place["observed"]
    }


BOTH = {("eu-west-1", "spot"): {A: 2}, ("us-east-1", "fixed"): {A: 1}}


def test_what_runs_is_known_by_region_and_pool_and_drift_is_red(kube, tmp_path):
    pinned = f"registry.example/cart@{A}"
    deploy(kube, pinned, config={"level": "info"})
    for name, node in (("p1", "n1"), ("p2", "n1"), ("p3", "n2")):
        pod(kube, name, "a", image=pinned, node=node)
    ready = {"ready": True, "serving": True, "terminating": False}
    down = {"ready": False, "serving": False, "terminating": True}
    kube.put("endpointslices", k8s.endpoint_slice("cart-1", "cart", [
        ("uid-p1", ready), ("uid-p2", down), ("uid-p3", ready)]))  # fmt: skip
    with following(tmp_path, kube) as (server, agent):
        assert agent.line.startswith(f"wherefrom: following {kube.url} (cluster eu, ")
        answer = answers(server, lambda a: runs(a) == BOTH)
        spot = places(answer)["eu-west-1", "spot"]
        assert spot["declared"]["value"] == A
        assert spot["drift"] is None
        (observed,) = spot["observed"]
        assert (observed["instances"], observed["serving"]) == (2, 1)
        assert observed["since"].startswith("2026-01-01T00:10:00")
        assert observed["source"] == "/kubernetes/eu"
        assert observed["properties"]["zone"] == "eu-west-1a"
        assert {p["drift"] for p in places(answer, "config").values()} == {None}

        # One pod runs something else than is wanted: red, there and nowhere else.
        pod(kube, "p3", "b", image=pinned, node="n2")
        drifts = answers(server, lambda a: a["places"], path="/v1/drift")
        assert [(p["region"], p["pool"], p["drift"], p["observed"][0]["value"])
                for p in drifts["places"] if p["slot"] == "artifact"] == [
            ("us-east-1", "fixed", "differs", B),
        ]  # fmt: skip
        told = subprocess.run(
            [WHEREFROM, "drift", "prod/cart", "--server", server.url], capture_output=True,
            text=True, env={**os.environ, "WHEREFROM_TOKEN": server.token}, check=False,
        )  # fmt: skip
        assert told.returncode == 1
        assert "! artifact web" in told.stdout

        # Then it is what is wanted, by a new digest, everywhere.
        newer = f"registry.example/cart@{B}"
        deploy(kube, newer, config={"level": "info"})
        for name, node in (("p1", "n1"), ("p2", "n1"), ("p3", "n2")):
            pod(kube, name, "b", image=newer, node=node)
        answer = answers(server, lambda a: not [p for p in places(a).values() if p["drift"]]
                         and set(runs(a)["eu-west-1", "spot"]) == {B})  # fmt: skip
        assert places(answer)["us-east-1", "fixed"]["declared"]["value"] == B


def test_a_tag_is_marked_unpinned_and_drifts_only_when_it_was_moved(kube, tmp_path):
    tag = "registry.example/cart:1.4.2"
    deploy(kube, tag)
    pod(kube, "p1", "a", image=tag)
    with following(tmp_path, kube) as (server, _):
        answer = answers(server, lambda a: runs(a) == {("eu-west-1", "spot"): {A: 1}})
        place = places(answer)["eu-west-1", "spot"]
        assert place["declared"]["marks"] == ["unpinned"]
        assert place["drift"] is None
        assert place["observed"][0].get("marks") is None
        pod(kube, "p2", "b", image=tag)
        answer = answers(server, lambda a: runs(a) == {("eu-west-1", "spot"): {A: 1, B: 1}})
        assert places(answer)["eu-west-1", "spot"]["drift"] == "differs"


def test_an_agent_that_is_killed_and_started_again_leaves_the_estate_as_it_is(kube, tmp_path):
    deploy(kube, f"cart@{A}")
    pod(kube, "p1", "a", image=f"cart@{A}")
    pod(kube, "p2", "a", image=f"cart@{A}")
    here = {("eu-west-1", "spot"): {A: 2}}
    with ServerProcess(tmp_path / "data") as server:
        token = token_of(server.data)
        with AgentProcess(tmp_path / "state", kube, server, token) as agent:
            before = answers(server, lambda a: runs(a) == here)
            agent.kill()
        with AgentProcess(tmp_path / "state", kube, server, token) as agent:
            newest = before["log"]["size"]
            after = answers(server, lambda a: a["log"]["size"] > newest and runs(a) == here)
            agent.kill()
        for was, is_now in zip(before["places"], after["places"], strict=True):
            for one, other in zip(was["observed"], is_now["observed"], strict=True):
                assert (one["value"], one["since"]) == (other["value"], other["since"])
        changes = answers(server, lambda a: True, path="/v1/changes", since="2026-01-01T00:00:00Z")
        kept = [c for c in changes["changes"] if c["slot"] == "artifact"]
        # Two pods began and one image is wanted; nothing of it a second time.
        assert len(kept) == 3, kept
        # What vanished while no agent ran is told by the next one.
        kube.delete("pods", "p2")
        with AgentProcess(tmp_path / "state", kube, server, token):
            answers(server, lambda a: runs(a) == {("eu-west-1", "spot"): {A: 1}})


def test_what_happens_while_the_server_is_away_is_there_when_it_is_back(kube, tmp_path):
    deploy(kube, f"cart@{A}")
    pod(kube, "p1", "a", image=f"cart@{A}")
    with ServerProcess(tmp_path / "data") as server:
        token = token_of(server.data)
        port = server.url.rpartition(":")[2]
        with AgentProcess(tmp_path / "state", kube, server, token) as agent:
            answers(server, lambda a: runs(a) == {("eu-west-1", "spot"): {A: 1}})
            server.kill()
            pod(kube, "p2", "b", image=f"cart@{B}")
            waiting = tmp_path / "state" / "spool"
            until = time.monotonic() + WITHIN_SECONDS
            while not list(waiting.glob("*.json")):
                assert time.monotonic() < until
                time.sleep(0.01)
            agent.kill()
        with (
            ServerProcess(tmp_path / "data", "--port", port) as again,
            AgentProcess(tmp_path / "state", kube, again, token),
        ):
            answers(again, lambda a: runs(a) == {("eu-west-1", "spot"): {A: 1, B: 1}})


def test_once_tells_all_of_it_and_ends(kube, tmp_path):
    deploy(kube, f"cart@{A}")
    pod(kube, "p1", "a", image=f"cart@{A}")
    config = tmp_path / "config"
    config.write_text(yaml.safe_dump({
        "current-context": "k", "contexts": [{"name": "k", "context": {"cluster": "eu"}}],
        "clusters": [{"name": "eu", "cluster": {"server": kube.url}}],
    }))  # fmt: skip
    with ServerProcess(tmp_path / "data") as server:
        told = subprocess.run(
            [WHEREFROM, "agent", "kubernetes", "--kubeconfig", config, "--once", "--state",
             tmp_path / "state", "--environment", "shop=prod", "--data", server.data, "--json"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (told.returncode, told.stderr) == (0, "")
        assert json.loads(told.stdout) == {"objects": 5, "refused": 0}
        answers(server, lambda a: runs(a) == {("eu-west-1", "spot"): {A: 1}})

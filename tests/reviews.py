"""Reviews as an API server sends them, and a log that says what a test wants."""

from __future__ import annotations

import threading

from wherefrom.errors import NotFound
from wherefrom.formats import policy as policies
from wherefrom.formats.timestamps import micros, of_micros
from wherefrom.policy.verdict import Reason, Verdict
from wherefrom.query.answers import LogPosition

AT = "2026-11-26T12:00:00.000000Z"
RULES = {
    "name": "prod", "version": "1", "rules": [{"name": "inside", "needs": "sbom"}],
}  # fmt: skip
POLICY = policies.parse(RULES, where="policy")


def digest(number):
    return f"sha256:{number:064x}"


def image(number, name="registry.example.com/cart"):
    return f"{name}@{digest(number)}"


def pod_spec(*images, init=(), ephemeral=(), volumes=()):
    def listed(some, name):
        return [{"name": f"{name}-{n}", "image": one} for n, one in enumerate(some)]

    spec = {"containers": listed(images, "c")}
    if init:
        spec["initContainers"] = listed(init, "i")
    if ephemeral:
        spec["ephemeralContainers"] = listed(ephemeral, "e")
    if volumes:
        spec["volumes"] = [
            {"name": f"v-{n}", "image": {"reference": one}} for n, one in enumerate(volumes)
        ]
    return spec


def pod(*images, **more):
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "cart"},
        "spec": pod_spec(*images, **more),
    }  # fmt: skip


def workload(kind, *images, **more):
    spec = pod_spec(*images, **more)
    if kind == "Pod":
        return pod(*images, **more)
    made = {"kind": kind, "metadata": {"name": "cart"}}
    template = {"metadata": {}, "spec": spec}
    if kind == "CronJob":
        return {**made, "spec": {"jobTemplate": {"spec": {"template": template}}}}
    if kind == "PodTemplate":
        return {**made, "template": template}
    return {**made, "spec": {"template": template}}


GROUPS = {
    "Pod": "", "PodTemplate": "", "ReplicationController": "", "Deployment": "apps",
    "ReplicaSet": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "Job": "batch",
    "CronJob": "batch",
}  # fmt: skip


def review(item, *, operation="CREATE", namespace="default", old=None, **more):
    kind = item.get("kind", "Pod") if item else "Pod"
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": GROUPS.get(kind, "example.com"), "version": "v1", "kind": kind},
            "resource": {"group": GROUPS.get(kind, ""), "version": "v1", "resource": "things"},
            "name": "cart",
            "namespace": namespace,
            "operation": operation,
            "userInfo": {"username": "admin", "groups": ["system:authenticated"]},
            "object": item,
            "oldObject": old,
            "dryRun": False,
            "options": None,
            **more,
        },
    }


def verdict(
    artifact, *, allowed=True, environment="prod", policy=POLICY, size=10, origin="log.example/a",
    at=AT,
):  # fmt: skip
    reason = Reason(
        rule="inside", needs="sbom", ok=allowed, entries=[], remedy="Record its SBOM",
        says="it is recorded" if allowed else "nothing says what is inside it",
    )  # fmt: skip
    return Verdict(
        allowed=allowed, artifact=artifact, name="cart", subject=artifact, names=(artifact,),
        environment=environment, policy=policy.name, version=policy.version, digest=policy.digest,
        at=at, until=of_micros(micros(at) + policy.valid_s * 1_000_000),
        log=LogPosition(origin=origin, size=size, root="00"), as_of=size, reasons=[reason],
        level=0, inputs=[],
    )  # fmt: skip


class SaidLog:
    """A decider: ``good`` artifacts may run, ``bad`` ones not, of others nothing is recorded.

    ``fails`` is raised instead; while ``held`` nothing is answered; ``asked`` is what came.
    """

    def __init__(self, *good, bad=()):
        self.good, self.bad = set(good), set(bad)
        self.size, self.origin, self.at = 10, "log.example/a", AT
        self.fails = None
        self.asked = []
        self._free = threading.Event()
        self._free.set()

    def hold(self):
        self._free.clear()

    def free(self):
        self._free.set()

    def decide(self, policy, artifacts, environment):
        self.asked.append(list(artifacts))
        self._free.wait(30)
        if self.fails:
            raise self.fails
        return [self._one(policy, one, environment) for one in artifacts]

    def _one(self, policy, artifact, environment):
        if artifact not in self.good | self.bad:
            return NotFound("nothing is called this", got=artifact)
        return verdict(
            artifact, allowed=artifact in self.good, environment=environment, policy=policy,
            size=self.size, origin=self.origin, at=self.at,
        )  # fmt: skip

    def reached(self):
        if self.fails:
            raise self.fails
        return LogPosition(origin=self.origin, size=self.size, root="00")

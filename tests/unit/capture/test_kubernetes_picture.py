"""From objects to states: identity, service, place, what is wanted, what a pod began with."""

from __future__ import annotations

import json
from functools import partial

import pytest

from tests import kube_objects as k8s
from wherefrom.capture.keyed_hashes import keyed_hash
from wherefrom.capture.kubernetes.bundles import digest
from wherefrom.capture.kubernetes.cluster import VERSIONS_MAX, Cluster
from wherefrom.capture.kubernetes.picture import Painter, Place
from wherefrom.capture.kubernetes.reading import identity, read
from wherefrom.errors import Malformed
from wherefrom.formats.keyed_hash import is_keyed
from wherefrom.formats.states import Scope

KEYED = partial(keyed_hash, key=b"k" * 32)
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def world(*things, environment_of=lambda _: "prod"):
    """A painter of a cluster with these (kind, object)."""
    cluster = Cluster(keyed=KEYED)
    for kind, thing in things:
        cluster.put(kind, thing)
    return cluster, Painter(cluster, environment_of=environment_of)


def cart(*, uid="pod-1", containers=None, statuses=None, config=(), **more):
    """A Deployment, its ReplicaSet, a pod of it and its node."""
    spec = {"volumes": list(config)} if config else {}
    labels = {"pod-template-hash": "7d9f"}
    return [
        ("deployments", k8s.workload("cart", containers=containers, spec=spec)),
        ("replicasets", k8s.workload("cart-7d9f", owner=("Deployment", "cart"), spec=spec,
                                     containers=containers)),
        ("pods", k8s.pod("cart-7d9f-x2x", owner=("ReplicaSet", "cart-7d9f"), uid=uid,
                         containers=containers, statuses=statuses, labels=labels, **more)),
        ("nodes", k8s.node()),
    ]  # fmt: skip


def observed(picture, slot="artifact"):
    return {p: s for p, s in picture.states.items() if (p.mode, p.slot) == ("observed", slot)}


def declared(picture, slot="artifact"):
    return {p: s for p, s in picture.states.items() if (p.mode, p.slot) == ("declared", slot)}


# -- identity


@pytest.mark.parametrize(
    ("image_id", "expected"),
    [
        (f"docker.io/library/nginx@{A}", (A, "manifest")),
        (f"docker-pullable://nginx@{A}", (A, "manifest")),
        (f"docker://{A}", (A, "image")),
        (A, (A, "image")),
        ("a" * 64, (A, "image")),
        ("registry.example/x:1", ("registry.example/x:1", "none")),
        (f"nginx@{A}0", (f"nginx@{A}0", "none")),
        ("nginx@sha256:" + "A" * 64, ("nginx@sha256:" + "A" * 64, "none")),
    ],
)
def test_an_image_id_is_a_manifest_s_digest_an_image_s_or_none(image_id, expected):
    assert identity(image_id) == expected


# -- what runs, and where


def test_a_running_container_is_told_in_its_region_pool_and_service():
    _, painter = world(*cart())
    ((place, stated),) = observed(painter.picture()).items()
    assert place == Place(
        "observed", Scope("prod", "cart", "eu-west-1", "spot", "pod-1"), "artifact", "web"
    )
    assert (stated.value, stated.says) == (A, "registry.example/cart:1.4.2")
    assert stated.since == "2026-01-01T00:10:00.000000Z"
    assert stated.properties["zone"] == "eu-west-1a"
    assert stated.properties["pod"] == "shop/cart-7d9f-x2x"
    assert stated.properties["workload"] == "Deployment/cart"
    assert stated.properties["digest_of"] == "manifest"


def test_init_sidecar_and_ephemeral_containers_are_told_with_their_kind():
    made = k8s.pod(
        "p", init=[k8s.container("proxy", "mesh:1")], init_statuses=[k8s.status("proxy", "b")]
    )
    made["spec"]["ephemeralContainers"] = [k8s.container("debug", "busybox")]
    made["status"]["ephemeralContainerStatuses"] = [k8s.status("debug", "c")]
    _, painter = world(("pods", made))
    kinds = {p.name: (s.properties["container_kind"], s.says)
             for p, s in observed(painter.picture()).items()}  # fmt: skip
    assert kinds == {
        "web": ("container", "registry.example/cart:1.4.2"),
        "proxy": ("init", "mesh:1"),
        "debug": ("ephemeral", "busybox"),
    }


def test_a_container_whose_image_is_not_there_yet_does_not_run():
    statuses = [k8s.status(digest=None, state=k8s.waiting("ImagePullBackOff"), ready=False)]
    _, painter = world(*cart(statuses=statuses))
    assert observed(painter.picture()) == {}


def test_a_container_between_two_restarts_is_told_as_waiting():
    statuses = [k8s.status(state=k8s.waiting("CrashLoopBackOff"), ready=False)]
    _, painter = world(*cart(statuses=statuses))
    (stated,) = observed(painter.picture()).values()
    assert (stated.properties["state"], stated.properties["reason"]) == (
        "waiting", "CrashLoopBackOff",
    )  # fmt: skip
    assert stated.properties["ready"] is False


def test_a_container_that_ended_is_told_with_its_end():
    statuses = [k8s.status(state=k8s.terminated(), ready=False)]
    _, painter = world(*cart(statuses=statuses))
    (stated,) = observed(painter.picture()).values()
    assert stated.until == "2026-01-01T00:20:00.000000Z"


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"ready": True, "serving": True, "terminating": False}, (True, True, False)),
        ({"ready": False, "serving": True, "terminating": True}, (False, True, True)),
        ({"ready": False, "serving": False, "terminating": False}, (False, False, False)),
        ({}, (True, True, False)),
        ({"ready": False}, (False, False, False)),
    ],
)
def test_running_is_not_serving(conditions, expected):
    _, painter = world(
        *cart(), ("endpointslices", k8s.endpoint_slice("cart-x", "cart", [("pod-1", conditions)]))
    )
    (stated,) = observed(painter.picture()).values()
    said = stated.properties
    assert (said["endpoint_ready"], said["serving"], said["terminating"]) == expected
    assert said["services"] == ["cart"]


def test_a_pod_that_no_service_has_is_not_told_as_serving_or_not():
    _, painter = world(*cart())
    (stated,) = observed(painter.picture()).values()
    assert "serving" not in stated.properties


def test_a_pod_serves_if_one_of_its_services_says_so():
    down, up = {"ready": False, "serving": False}, {"ready": True, "serving": True}
    _, painter = world(
        *cart(),
        ("endpointslices", k8s.endpoint_slice("a-1", "a", [("pod-1", up)])),
        ("endpointslices", k8s.endpoint_slice("b-1", "b", [("pod-1", down)])),
    )
    (stated,) = observed(painter.picture()).values()
    assert stated.properties["serving"] is True
    assert stated.properties["services"] == ["a", "b"]


# -- services


@pytest.mark.parametrize(
    ("things", "owner", "labels", "service"),
    [
        ([("replicasets", k8s.workload("web-1", owner=("Deployment", "web")))],
         ("ReplicaSet", "web-1"), {}, "web"),
        ([], ("ReplicaSet", "web-5b8"), {"pod-template-hash": "5b8"}, "web"),
        ([], ("ReplicaSet", "web-5b8"), {}, "web-5b8"),
        ([("replicasets", k8s.workload("web-1", owner=("Rollout", "canary")))],
         ("ReplicaSet", "web-1"), {}, "canary"),
        ([], ("StatefulSet", "db"), {"app.kubernetes.io/name": "postgres"}, "db"),
        ([], ("DaemonSet", "logs"), {}, "logs"),
        ([("jobs", k8s.workload("backup-291", owner=("CronJob", "backup")))],
         ("Job", "backup-291"), {}, "backup"),
        ([("jobs", k8s.workload("once"))], ("Job", "once"), {}, "once"),
        ([], None, {"app.kubernetes.io/name": "tool"}, "tool"),
        ([], None, {}, "p"),
        ([], ("Node", "node-1"), {"component": "etcd"}, "p"),
    ],
)  # fmt: skip
def test_a_service_is_called_after_what_makes_its_pods(things, owner, labels, service):
    _, painter = world(*things, ("pods", k8s.pod("p", owner=owner, labels=labels)))
    (place,) = observed(painter.picture())
    assert place.scope.service == service


def test_a_static_pod_is_called_without_its_node():
    _, painter = world(("pods", k8s.pod("etcd-node-1", owner=("Node", "node-1"))))
    (place,) = observed(painter.picture())
    assert place.scope.service == "etcd"


def test_of_two_services_with_one_name_the_younger_is_told_apart_by_its_namespace():
    old = k8s.workload("cart", "shop", created="2026-01-01T00:00:00Z")
    new = k8s.workload("cart", "beta", created="2026-01-02T00:00:00Z")
    pod = k8s.pod("p", "beta", owner=("StatefulSet", "cart"))
    things = [("deployments", old), ("statefulsets", new), ("pods", pod)]
    for order in (things, things[::-1]):
        _, painter = world(*order)
        picture = painter.picture()
        assert {p.scope.service for p in declared(picture)} == {"cart", "beta/cart"}
        (place,) = observed(picture)
        assert place.scope.service == "beta/cart"


def test_a_namespace_without_an_environment_is_not_told():
    _, painter = world(
        *cart(), ("secrets", k8s.secret("db", {"a": "b"})), environment_of=lambda _: None
    )
    assert painter.picture().states == {}


# -- what is wanted


def test_a_workload_declares_its_images_pinned_or_not_and_its_scale():
    containers = [k8s.container("web", "nginx:1.25"), k8s.container("side", f"mesh@{B}")]
    _, painter = world(("deployments", k8s.workload("cart", containers=containers, replicas=3)))
    picture = painter.picture()
    said = {p.name: (s.value, s.says, s.since) for p, s in declared(picture).items()}
    created = "2026-01-01T00:00:00.000000Z"
    assert said == {
        "web": ("nginx:1.25", "nginx:1.25", created), "side": (B, f"mesh@{B}", created),
    }  # fmt: skip
    assert {p.scope: s.value for p, s in declared(picture, "scale").items()} == {
        Scope("prod", "cart"): "3"
    }


def test_a_template_that_was_changed_is_not_dated():
    _, painter = world(("deployments", k8s.workload("cart", generation=2)))
    assert {s.since for s in declared(painter.picture()).values()} == {None}


def test_a_replica_set_of_a_deployment_declares_nothing_itself():
    _, painter = world(*cart())
    assert {p.scope.service for p in declared(painter.picture())} == {"cart"}
    assert len(declared(painter.picture(), "scale")) == 1


def test_how_many_are_ready_is_observed_beside_how_many_are_wanted():
    _, painter = world(("deployments", k8s.workload("cart", replicas=3, ready=1)))
    (stated,) = observed(painter.picture(), "scale").values()
    assert stated.value == "1"
    assert stated.properties["updated"] == 3


def test_a_daemon_set_is_wanted_on_as_many_nodes_as_the_cluster_says():
    made = k8s.workload("logs")
    del made["spec"]["replicas"]
    made["status"] = {"desiredNumberScheduled": 4, "numberReady": 3, "currentNumberScheduled": 4}
    _, painter = world(("daemonsets", made))
    picture = painter.picture()
    assert [s.value for s in declared(picture, "scale").values()] == ["4"]
    assert [s.value for s in observed(picture, "scale").values()] == ["3"]


def test_a_cron_job_declares_the_image_of_its_jobs():
    _, painter = world(("cronjobs", k8s.cron_job("backup")))
    ((place, stated),) = declared(painter.picture()).items()
    assert (place.scope.service, stated.value) == ("backup", "registry.example/cart:1.4.2")


# -- configuration

CONFIG = {"name": "conf", "configMap": {"name": "cart-config"}}
EARLY, LATE = "2026-01-01T00:05:00Z", "2026-01-01T00:15:00Z"  # the pod started between them


def test_a_pod_that_started_after_its_config_has_what_is_declared():
    _, painter = world(
        *cart(config=[CONFIG]),
        ("configmaps", k8s.config_map("cart-config", {"level": "info"}, changed=EARLY)),
    )
    picture = painter.picture()
    (wanted,) = declared(picture, "config").values()
    (had,) = observed(picture, "config").values()
    assert wanted.value == had.value
    assert wanted.value.startswith("sha256:")
    assert "configmap/cart-config" in had.properties["of"]
    assert picture.unknown == frozenset()


def test_a_pod_that_started_before_its_config_was_changed_has_what_it_began_with():
    cluster, painter = world(
        *cart(config=[CONFIG]),
        ("configmaps", k8s.config_map("cart-config", {"level": "info"}, changed=EARLY)),
    )
    (before,) = observed(painter.picture(), "config").values()
    cluster.put("configmaps", k8s.config_map("cart-config", {"level": "debug"}, changed=LATE))
    picture = painter.picture()
    assert [s.value for s in observed(picture, "config").values()] == [before.value]
    assert [s.value for s in declared(picture, "config").values()] != [before.value]


def test_what_a_pod_began_with_is_unknown_where_only_the_change_was_seen():
    _, painter = world(
        *cart(config=[CONFIG]),
        ("configmaps", k8s.config_map("cart-config", {"level": "debug"}, changed=LATE)),
    )
    picture = painter.picture()
    assert observed(picture, "config") == {}
    assert {p.scope.instance for p in picture.unknown} == {"pod-1"}


def test_a_config_map_that_is_only_annotated_is_as_old_as_it_was():
    annotated = k8s.config_map("cart-config", {"level": "info"}, changed=EARLY)
    annotated["metadata"]["managedFields"] += k8s.written(LATE, field="f:metadata")
    _, painter = world(*cart(config=[CONFIG]), ("configmaps", annotated))
    assert len(observed(painter.picture(), "config")) == 1


def test_versions_of_a_config_map_are_forgotten_after_a_few():
    cluster, painter = world(
        *cart(config=[CONFIG]),
        ("configmaps", k8s.config_map("cart-config", {"n": "0"}, changed=EARLY)),
    )
    for number in range(1, VERSIONS_MAX + 1):
        changed = f"2026-01-01T00:{20 + number}:00Z"
        cluster.put(
            "configmaps", k8s.config_map("cart-config", {"n": str(number)}, changed=changed)
        )
    picture = painter.picture()
    assert observed(picture, "config") == {}
    assert len(picture.unknown) == 1


def config_of(*containers, **spec):
    """The references of a template, read."""
    made = k8s.workload("cart", containers=list(containers), spec=spec)
    return read("deployments", made, KEYED).references


def test_every_way_to_take_a_setting_is_seen():
    found = config_of(
        k8s.container(
            "web",
            env=[
                {"name": "LEVEL", "value": "info"},
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m1", "key": "a"}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s1", "key": "b"}}},
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
            envFrom=[
                {"configMapRef": {"name": "m2"}},
                {"prefix": "DB_", "secretRef": {"name": "s2", "optional": True}},
            ],
        ),
        volumes=[
            {"name": "v1", "configMap": {"name": "m3", "items": [{"key": "k", "path": "f"}]}},
            {"name": "v2", "secret": {"secretName": "s3"}},
            {"name": "v3", "projected": {"sources": [{"configMap": {"name": "m4"}},
                                                     {"secret": {"name": "s4"}}]}},
            {"name": "tmp", "emptyDir": {}},
        ],
    )  # fmt: skip
    assert {(one.place, one.kind, one.name, one.keys) for one in found if one.kind} == {
        ("web/env/A", "configmap", "m1", (("a", "a"),)),
        ("web/env/B", "secret", "s1", (("b", "b"),)),
        ("web/envFrom/0/", "configmap", "m2", None),
        ("web/envFrom/1/DB_", "secret", "s2", None),
        ("volume/v1", "configmap", "m3", (("k", "f"),)),
        ("volume/v2", "secret", "s3", None),
        ("volume/v3/0", "configmap", "m4", None),
        ("volume/v3/1", "secret", "s4", None),
    }
    assert {one.place for one in found if not one.kind} == {"web/env/LEVEL", "web/env/POD"}


def test_only_the_keys_that_are_taken_are_in_the_digest():
    found = config_of(
        k8s.container(
            env=[{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "a"}}}]
        )
    )

    def digest_with(data):
        made = read("configmaps", k8s.config_map("m", data), KEYED)
        return digest(found, {("configmap", "m"): made})[0]

    assert digest_with({"a": "1", "b": "1"}) == digest_with({"a": "1", "b": "2"})
    assert digest_with({"a": "1"}) != digest_with({"a": "2"})
    assert digest_with({"a": "1"}) != digest_with({"b": "1"})


def test_a_digest_says_which_objects_are_absent_or_unread():
    cluster, painter = world(
        ("deployments", k8s.workload("cart", spec={"volumes": [
            CONFIG, {"name": "s", "secret": {"secretName": "db"}}]})),
    )  # fmt: skip
    cluster.unread.add("secret")
    (stated,) = declared(painter.picture(), "config").values()
    assert stated.properties["of"] == {"configmap/cart-config": "absent", "secret/db": "unread"}


def test_binary_data_and_text_with_the_same_bytes_have_the_same_hash():
    text = read("configmaps", k8s.config_map("m", {"a": "x"}), KEYED)
    binary = read("configmaps", k8s.config_map("m", {}, binary={"a": b"x"}), KEYED)
    assert text.whole == binary.whole


# -- secrets


def test_a_secret_is_a_keyed_hash_and_nothing_of_it_is_kept_or_told():
    cluster, painter = world(("secrets", k8s.secret("db", {"password": "hunter2"})))
    ((place, stated),) = declared(painter.picture(), "secret").items()
    assert (place.scope, place.name) == (Scope("prod"), "shop/db")
    assert is_keyed(stated.value)
    kept = repr(list(cluster.secrets())) + repr(painter.picture())
    for leak in ("hunter2", "aHVudGVyMg=="):
        assert leak not in kept


def test_two_keys_hash_one_secret_to_two_values():
    made = k8s.secret("db", {"password": "hunter2"})
    one = read("secrets", made, KEYED).whole
    assert one == read("secrets", made, KEYED).whole
    assert one != read("secrets", made, partial(keyed_hash, key=b"x" * 32)).whole


@pytest.mark.parametrize("type", ["helm.sh/release.v1", "kubernetes.io/service-account-token"])
def test_secrets_that_the_cluster_keeps_for_itself_are_not_told(type):
    _, painter = world(("secrets", k8s.secret("x", {"a": "b"}, type=type)))
    assert painter.picture().states == {}


# -- what cannot be read


def test_an_object_that_cannot_be_read_is_named_and_costs_no_other():
    broken = k8s.pod("broken", uid="pod-2")
    broken["status"]["containerStatuses"] = "none"
    _, painter = world(*cart(), ("pods", broken))
    picture = painter.picture()
    assert len(observed(picture)) == 1
    assert picture.gaps == (
        "pods shop/broken: a field has the wrong type, at status.containerStatuses, an array",
    )


def test_what_was_last_read_of_an_object_stays_until_it_is_readable_or_gone():
    cluster, painter = world(*cart())
    broken = k8s.pod("cart-7d9f-x2x", uid="pod-1")
    broken["spec"]["nodeName"] = 7
    cluster.replace("pods", "", [broken])
    assert len(observed(painter.picture())) == 1
    assert len(painter.picture().gaps) == 1
    cluster.put("pods", k8s.pod("cart-7d9f-x2x", uid="pod-1"))
    assert painter.picture().gaps == ()
    cluster.put("pods", broken)
    cluster.replace("pods", "", [])
    assert painter.picture().gaps == ()
    assert observed(painter.picture()) == {}


@pytest.mark.parametrize("thing", [None, [], {"metadata": None}, {"metadata": {"name": ""}}, "x"])
def test_what_is_no_object_at_all_is_a_gap(thing):
    _, painter = world(*cart(), ("pods", thing))
    assert len(painter.picture().gaps) == 1
    assert len(observed(painter.picture())) == 1


def test_a_gap_never_shows_what_a_secret_held():
    broken = k8s.secret("db", {})
    broken["data"] = {"password": ["hunter2"]}
    worse = k8s.secret("db2", {})
    worse["data"] = "hunter2"
    _, painter = world(("secrets", broken), ("secrets", worse))
    gaps = painter.picture().gaps
    assert len(gaps) == 2
    assert "hunter2" not in json.dumps(gaps)


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("pods", {"metadata": {"name": "x"}}, "metadata.uid"),
        ("pods", {"status": {"containerStatuses": [{"state": {"running": {"startedAt": "now"}}}]}},
         "startedAt"),
        ("deployments", {"spec": {"replicas": "3", "template": k8s.template()}}, "spec.replicas"),
        ("nodes", {"metadata": {"name": "n", "labels": {"a": 1}}}, "labels.a"),
        ("endpointslices", {"endpoints": [7]}, "endpoints[0]"),
        ("configmaps", {"data": {"a": 1}}, "data.a"),
    ],
)  # fmt: skip
def test_a_field_of_the_wrong_type_is_named(kind, change, field):
    whole = {"pods": k8s.pod("p"), "deployments": k8s.workload("d"), "nodes": k8s.node(),
             "endpointslices": k8s.endpoint_slice("s", "s", []),
             "configmaps": k8s.config_map("m", {})}[kind]  # fmt: skip
    with pytest.raises(Malformed) as caught:
        read(kind, {**whole, **change}, KEYED)
    assert field in str(caught.value.where)

"""Objects as Kubernetes 1.30 gives them, with the fields that matter here and their neighbours."""

from __future__ import annotations

import base64

CREATED = "2026-01-01T00:00:00Z"
STARTED = "2026-01-01T00:10:00Z"
ZEROS = {"a": "a" * 64, "b": "b" * 64, "c": "c" * 64, "d": "d" * 64}


def uid_of(kind, name):
    """A uid that is the same for the same name."""
    return f"{kind[:8].encode().hex():0<8.8}-0000-4000-8000-{name.encode().hex():0>12.12}"


def meta(name, namespace="shop", *, owner=None, uid=None, labels=None, created=CREATED, **more):
    found = {
        "name": name,
        "namespace": namespace,
        "uid": uid or uid_of(namespace + name, name[-6:]),
        "creationTimestamp": created,
        "labels": dict(labels or {}),
        **more,
    }
    if owner is not None:
        kind, owner_name = owner
        found["ownerReferences"] = [
            {"apiVersion": "apps/v1", "kind": kind, "name": owner_name, "uid": "u-" + owner_name,
             "controller": True, "blockOwnerDeletion": True},
        ]  # fmt: skip
    return found


def container(name="web", image="registry.example/cart:1.4.2", **more):
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "resources": {},
            "terminationMessagePath": "/dev/termination-log", **more}  # fmt: skip


def running(started=STARTED):
    return {"running": {"startedAt": started}}


def terminated(started=STARTED, finished="2026-01-01T00:20:00Z", reason="Completed", code=0):
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": started,
                           "finishedAt": finished, "containerID": "containerd://x"}}  # fmt: skip


def waiting(reason="ContainerCreating"):
    return {"waiting": {"reason": reason}}


def status(
    name="web", digest="a", *, image="registry.example/cart", state=None, ready=True, image_id=None
):
    if image_id is None:
        image_id = f"{image}@sha256:{digest * 64}" if digest else ""
    return {
        "name": name, "image": f"{image}:1.4.2", "imageID": image_id, "ready": ready,
        "containerID": "containerd://" + "0" * 64, "restartCount": 0, "started": ready,
        "state": state or running(), "lastState": {},
    }  # fmt: skip


def pod(
    name, namespace="shop", *, owner=None, node="node-1", containers=None, statuses=None,
    labels=None, init=(), init_statuses=(), phase="Running", uid=None, deleted=None,
):  # fmt: skip
    about = meta(name, namespace, owner=owner, labels=labels, uid=uid)
    if deleted:
        about |= {"deletionTimestamp": deleted, "deletionGracePeriodSeconds": 30}
    return {
        "metadata": about,
        "spec": {
            "nodeName": node, "serviceAccountName": "default", "restartPolicy": "Always",
            "containers": containers if containers is not None else [container()],
            "initContainers": list(init),
            "volumes": [{"name": "kube-api-access-x7x9q", "projected": {"sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt",
                               "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            ]}}],
        },
        "status": {
            "phase": phase, "qosClass": "BestEffort", "hostIP": "10.0.0.1", "podIP": "10.1.0.7",
            "startTime": STARTED,
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": STARTED}],
            "containerStatuses": statuses if statuses is not None else [status()],
            "initContainerStatuses": list(init_statuses),
        },
    }  # fmt: skip


def template(containers=None, **spec):
    return {"metadata": {"labels": {"app": "x"}},
            "spec": {"containers": containers or [container()], "restartPolicy": "Always",
                     "dnsPolicy": "ClusterFirst", **spec}}  # fmt: skip


def workload(
    name, namespace="shop", *, containers=None, replicas=2, ready=2, owner=None, generation=1,
    spec=None, created=CREATED, status=None, labels=None, annotations=None,
):  # fmt: skip
    return {
        "metadata": meta(name, namespace, owner=owner, created=created, generation=generation,
                         labels=labels, annotations=annotations or {}),
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                 "template": template(containers, **(spec or {}))},
        "status": {"observedGeneration": generation, "replicas": replicas, "readyReplicas": ready,
                   "updatedReplicas": replicas, "availableReplicas": ready, **(status or {})},
    }  # fmt: skip


def cron_job(name, namespace="shop", *, containers=None):
    return {"metadata": meta(name, namespace, generation=1),
            "spec": {"schedule": "0 4 * * *", "jobTemplate": {"spec": {
                "template": template(containers)}}},
            "status": {}}  # fmt: skip


def node(name="node-1", *, region="eu-west-1", zone="eu-west-1a", pool="spot"):
    labels = {"kubernetes.io/hostname": name}
    if region:
        labels |= {"topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone}
    if pool:
        labels["eks.amazonaws.com/nodegroup"] = pool
    found = {"metadata": meta(name, labels=labels), "spec": {"providerID": "aws:///x"},
             "status": {"nodeInfo": {"containerRuntimeVersion": "containerd://1.7"}}}  # fmt: skip
    del found["metadata"]["namespace"]
    return found


def endpoint_slice(name, service, pods, namespace="shop"):
    """``pods`` are (uid, conditions)."""
    return {
        "metadata": meta(name, namespace, labels={"kubernetes.io/service-name": service}),
        "addressType": "IPv4",
        "ports": [{"name": "", "protocol": "TCP", "port": 8080}],
        "endpoints": [
            {"addresses": ["10.1.0.7"], "conditions": conditions, "nodeName": "node-1",
             "zone": "eu-west-1a", "targetRef": {"kind": "Pod", "name": "p", "uid": uid}}
            for uid, conditions in pods
        ],
    }  # fmt: skip


def written(time, field="f:data"):
    return [{"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "time": time,
             "fieldsType": "FieldsV1", "fieldsV1": {field: {".": {}}}}]  # fmt: skip


def config_map(name, data, namespace="shop", *, changed=CREATED, binary=None):
    found = {"metadata": meta(name, namespace, managedFields=written(changed)), "data": data}
    if binary is not None:
        found["binaryData"] = {k: base64.b64encode(v).decode() for k, v in binary.items()}
    return found


def secret(name, data, namespace="shop", *, changed=CREATED, type="Opaque"):
    encoded = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()}
    about = meta(name, namespace, managedFields=written(changed))
    return {"metadata": about, "type": type, "data": encoded}

"""What a cluster needs to run the agent, as YAML: an account that may read, and nothing else.

    Namespace · ServiceAccount · ClusterRole (list and watch of what RESOURCES names)
    · ClusterRoleBinding · StatefulSet (one replica, a read-only root, a volume for its state)

A StatefulSet, since two agents must not share a state, and the key of hashes must outlive a pod.

Source: Kubernetes 1.30: rbac/v1, apps/v1; Pod Security Standards, "Restricted"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from wherefrom.capture.kubernetes.api import RESOURCES

NAME: Final = "wherefrom-agent"
STATE: Final = "/var/lib/wherefrom-agent"


class _Plain(yaml.SafeDumper):
    """YAML that kubectl's users know: no anchors for what is said twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def manifests(
    *, namespace: str, image: str, server: str, cluster: str, environments: Sequence[str],
    namespaces: Sequence[str] = (), secrets: bool = True,
) -> str:  # fmt: skip
    """YAML documents for ``kubectl apply -f -``."""
    command = ["agent", "kubernetes", "--server", server, "--cluster", cluster, "--state", STATE]
    command += [word for one in environments for word in ("--environment", one)]
    command += [word for one in namespaces for word in ("--namespace", one)]
    command += [] if secrets else ["--no-secrets"]
    account = {"kind": "ServiceAccount", "name": NAME, "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME}
    cluster_wide = not namespaces
    made: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount",
         "metadata": {"name": NAME, "namespace": namespace}},
        _role(NAME, rules(secrets=secrets, namespaced=None if cluster_wide else True)),
    ]  # fmt: skip
    if cluster_wide:
        made.append(_binding("ClusterRoleBinding", {"name": NAME}, role, account))
    else:
        nodes = {**role, "name": f"{NAME}-nodes"}
        made.append(_role(nodes["name"], rules(secrets=secrets, namespaced=False)))
        made.append(_binding("ClusterRoleBinding", {"name": nodes["name"]}, nodes, account))
        for one in namespaces:
            about = {"name": NAME, "namespace": one}
            made.append(_binding("RoleBinding", about, role, account))
    made.append(_stateful_set(namespace, image, command))
    printed: str = yaml.dump_all(made, Dumper=_Plain, sort_keys=False, width=1000)
    return printed


def rules(*, secrets: bool, namespaced: bool | None = None) -> list[dict[str, Any]]:
    """What the agent may do, exactly; ``namespaced``: only of what is in namespaces, or is not."""
    groups: dict[str, list[str]] = {}
    for resource in RESOURCES:
        if resource.name == "secrets" and not secrets:
            continue
        if namespaced is None or resource.namespaced == namespaced:
            parts = resource.prefix.split("/")  # /api/v1, /apis/GROUP/v1
            group = parts[2] if parts[1] == "apis" else ""
            groups.setdefault(group, []).append(resource.name)
    return [
        {"apiGroups": [group], "resources": names, "verbs": ["list", "watch"]}
        for group, names in groups.items()
    ]


def _role(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": name}, "rules": rules,
    }  # fmt: skip


def _binding(
    kind: str, about: Mapping[str, str], role: Mapping[str, str], account: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": dict(about),
        "roleRef": dict(role), "subjects": [dict(account)],
    }  # fmt: skip


def _stateful_set(namespace: str, image: str, command: list[str]) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": NAME}
    token = {"secretKeyRef": {"name": NAME, "key": "token"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": NAME, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 1,
            "serviceName": NAME,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": NAME,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": {
                        "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532,
                        "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": "agent",
                            "image": image,
                            "command": ["wherefrom"],
                            "args": command,
                            "env": [{"name": "WHEREFROM_TOKEN", "valueFrom": token}],
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "resources": {
                                "requests": {"cpu": "50m", "memory": "128Mi"},
                                "limits": {"memory": "1Gi"},
                            },
                            "volumeMounts": [{"name": "state", "mountPath": STATE}],
                        }
                    ],
                },
            },
            "volumeClaimTemplates": [
                {
                    "metadata": {"name": "state"},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": "1Gi"}},
                    },
                }
            ],
        },
    }  # fmt: skip

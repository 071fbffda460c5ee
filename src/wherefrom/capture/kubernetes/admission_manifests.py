"""What a cluster needs to be guarded, as YAML: the webhook, and who answers it.

    Namespace · ServiceAccount (no token, no rights) · ConfigMap (policy, settings) · Deployment ·
    Service · PodDisruptionBudget · NetworkPolicy · ValidatingWebhookConfiguration
    optional: MutatingWebhookConfiguration · Gatekeeper's Provider · cert-manager's Certificate

The guard asks the API server for nothing, so its account has no rights and mounts no token. Its own
namespace is exempt, or it could never start again. A namespace that has another mode than the rest
gets a webhook of its own: what happens when nobody answers is said to the API server alone.

Source: Kubernetes 1.33: admissionregistration.k8s.io/v1, apps/v1, policy/v1, networking.k8s.io/v1;
Pod Security Standards, "Restricted"
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import yaml

from wherefrom.formats.admission_settings import AdmissionSettings

NAME: Final = "wherefrom-admission"
PORT: Final = 8443
TIMEOUT_SECONDS: Final = 10
WAIT: Final = "7s"
FILES: Final = "/etc/wherefrom"
TLS_FILES: Final = "/etc/wherefrom-tls"
_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
_LABELS: Final = {"app.kubernetes.io/name": NAME}
# What makes pods, and pods themselves: subresources are listed where a pod's images may change.
_RULES: Final[Sequence[tuple[str, Sequence[str], Sequence[str]]]] = (
    ("", ("CREATE", "UPDATE"),
     ("pods", "pods/ephemeralcontainers", "replicationcontrollers", "podtemplates")),
    ("apps", ("CREATE", "UPDATE"), ("deployments", "replicasets", "statefulsets", "daemonsets")),
    ("batch", ("CREATE", "UPDATE"), ("jobs", "cronjobs")),
)  # fmt: skip


class Wish(NamedTuple):
    """What is to be made.

    policy      the files of the policy, by their name
    settings    as they are, and the text of their file
    server      the log, as pods reach it
    ca_bundle   PEM of the authority that signed the guard's certificate; None: cert-manager's
    record      decisions are recorded, so that a dry run must be told apart
    """

    namespace: str
    image: str
    server: str
    policy: Mapping[str, str]
    settings: AdmissionSettings
    settings_text: str
    ca_bundle: bytes | None
    mutate: bool = False
    gatekeeper: bool = False
    record: bool = False
    replicas: int = 2


class _Plain(yaml.SafeDumper):
    """YAML that kubectl's users know: no anchors for what is said twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def to_yaml(documents: Sequence[Mapping[str, Any]]) -> str:
    """Documents for ``kubectl apply -f -``."""
    written: str = yaml.dump_all(
        [dict(one) for one in documents], Dumper=_Plain, sort_keys=False, width=1000
    )
    return written


def manifests(wish: Wish) -> dict[str, list[dict[str, Any]]]:
    """Documents by the file they belong in, in the order in which they are applied."""
    made = {
        "namespace.yaml": [
            {
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {
                    "name": wish.namespace,
                    "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
                },
            }
        ],
        "rbac.yaml": [_account(wish)],
        "config.yaml": [_config(wish)],
        "deployment.yaml": [_deployment(wish), _service(wish), _budget(wish)],
        "network.yaml": [_network(wish)],
    }  # fmt: skip
    if wish.ca_bundle is None:
        made["certificate.yaml"] = _certificate(wish)
    made["webhook.yaml"] = [_validating(wish)]
    if wish.mutate:
        made["webhook.yaml"].append(_mutating(wish))
    if wish.gatekeeper:
        made["gatekeeper.yaml"] = [_provider(wish)]
    return made


def _about(wish: Wish, name: str = NAME) -> dict[str, Any]:
    return {"name": name, "namespace": wish.namespace, "labels": dict(_LABELS)}


def _account(wish: Wish) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": _about(wish),
        "automountServiceAccountToken": False,
    }  # fmt: skip


def _config(wish: Wish) -> dict[str, Any]:
    files = {**wish.policy, "settings.yaml": wish.settings_text}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _about(wish), "data": files}


def _deployment(wish: Wish) -> dict[str, Any]:
    command = [
        "admission", "serve", "--server", wish.server, "--policy", f"{FILES}/policy",
        "--settings", f"{FILES}/settings/settings.yaml", "--own-namespace", wish.namespace,
        "--host", "0.0.0.0", "--port", str(PORT), "--timeout", WAIT,
        "--tls-cert", f"{TLS_FILES}/tls.crt", "--tls-key", f"{TLS_FILES}/tls.key",
    ]  # fmt: skip
    if wish.record:
        command.append("--record")
    token = {"secretKeyRef": {"name": NAME, "key": "token"}}
    spread = {
        "maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": dict(_LABELS)},
    }  # fmt: skip
    policy = [{"key": name, "path": name} for name in wish.policy]
    settings = [{"key": "settings.yaml", "path": "settings.yaml"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _about(wish),
        "spec": {
            "replicas": wish.replicas,
            "selector": {"matchLabels": dict(_LABELS)},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": dict(_LABELS)},
                "spec": {
                    "serviceAccountName": NAME,
                    "automountServiceAccountToken": False,
                    "terminationGracePeriodSeconds": 30,
                    "topologySpreadConstraints": [spread],
                    "securityContext": {
                        "runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532,
                        "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": "admission",
                            "image": wish.image,
                            "command": ["wherefrom"],
                            "args": command,
                            "env": [{"name": "WHEREFROM_TOKEN", "valueFrom": token}],
                            "ports": [{"name": "https", "containerPort": PORT}],
                            "readinessProbe": _probe("/readyz", 5),
                            "livenessProbe": _probe("/healthz", 10),
                            "startupProbe": {**_probe("/healthz", 2), "failureThreshold": 30},
                            # Those who are told to stop first get no new reviews.
                            "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "privileged": False,
                                "readOnlyRootFilesystem": True,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "resources": {
                                "requests": {"cpu": "200m", "memory": "128Mi"},
                                "limits": {"memory": "512Mi"},
                            },
                            "volumeMounts": [
                                {"name": "policy", "mountPath": f"{FILES}/policy",
                                 "readOnly": True},
                                {"name": "settings", "mountPath": f"{FILES}/settings",
                                 "readOnly": True},
                                {"name": "tls", "mountPath": TLS_FILES, "readOnly": True},
                            ],
                        }
                    ],
                    "volumes": [
                        {"name": "policy", "configMap": {"name": NAME, "items": policy}},
                        {"name": "settings", "configMap": {"name": NAME, "items": settings}},
                        {"name": "tls", "secret": {"secretName": f"{NAME}-tls"}},
                    ],
                },
            },
        },
    }  # fmt: skip


def _probe(path: str, every: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "https", "scheme": "HTTPS"},
        "periodSeconds": every, "timeoutSeconds": 3,
    }  # fmt: skip


def _service(wish: Wish) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": _about(wish),
        "spec": {
            "selector": dict(_LABELS),
            "ports": [{"name": "https", "port": 443, "targetPort": "https"}],
        },
    }  # fmt: skip


def _budget(wish: Wish) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": _about(wish),
        "spec": {"minAvailable": 1, "selector": {"matchLabels": dict(_LABELS)}},
    }  # fmt: skip


def _network(wish: Wish) -> dict[str, Any]:
    parts = urlsplit(wish.server)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    ports = {port, *([443] if wish.mutate else [])}
    dns = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": _about(wish),
        "spec": {
            "podSelector": {"matchLabels": dict(_LABELS)},
            "policyTypes": ["Ingress", "Egress"],
            # An API server comes from outside of every namespace, so nobody can be named.
            "ingress": [{"ports": [{"protocol": "TCP", "port": PORT}]}],
            "egress": [
                {"ports": dns},
                {"ports": [{"protocol": "TCP", "port": one} for one in sorted(ports)]},
            ],
        },
    }  # fmt: skip


def _certificate(wish: Wish) -> list[dict[str, Any]]:
    """A certificate of cert-manager, by an authority of its own."""
    host = f"{NAME}.{wish.namespace}.svc"
    return [
        {
            "apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": _about(wish),
            "spec": {"selfSigned": {}},
        },
        {
            "apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": _about(wish),
            "spec": {
                "secretName": f"{NAME}-tls",
                "dnsNames": [host, f"{host}.cluster.local"],
                "issuerRef": {"kind": "Issuer", "name": NAME},
                "privateKey": {"algorithm": "ECDSA", "rotationPolicy": "Always"},
            },
        },
    ]  # fmt: skip


# -- webhooks


def _validating(wish: Wish) -> dict[str, Any]:
    return _configuration(wish, "Validating", "/validate", {})


def _mutating(wish: Wish) -> dict[str, Any]:
    # Others may add containers after us: then the API server asks again.
    return _configuration(wish, "Mutating", "/mutate", {"reinvocationPolicy": "IfNeeded"})


def _configuration(wish: Wish, kind: str, path: str, more: Mapping[str, Any]) -> dict[str, Any]:
    settings = wish.settings
    plain = {name: one for name, one in settings.namespaces.items() if not name.endswith("*")}
    apart = sorted(
        name for name, one in plain.items()
        if not one.exempt and one.mode is not None and one.mode != settings.mode
    )  # fmt: skip
    exempt = sorted({wish.namespace, *(name for name, one in plain.items() if one.exempt)})
    webhooks = [_webhook(wish, path, "NotIn", sorted({*exempt, *apart}), settings.mode, more)]
    if apart:
        other = "open" if settings.mode == "closed" else "closed"
        webhooks.append(_webhook(wish, path, "In", apart, other, more))
    about: dict[str, Any] = {"name": NAME, "labels": dict(_LABELS)}
    if wish.ca_bundle is None:
        about["annotations"] = {"cert-manager.io/inject-ca-from": f"{wish.namespace}/{NAME}"}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": about,
        "webhooks": webhooks,
    }


def _webhook(
    wish: Wish, path: str, operator: str, names: list[str], mode: str, more: Mapping[str, Any]
) -> dict[str, Any]:
    client: dict[str, Any] = {
        "service": {"namespace": wish.namespace, "name": NAME, "path": path, "port": 443}
    }
    if wish.ca_bundle is not None:
        client["caBundle"] = base64.b64encode(wish.ca_bundle).decode()
    recorded = wish.record and path == "/validate"
    selector = {"key": _NAMESPACE_LABEL, "operator": operator, "values": names}
    return {
        "name": f"{path.strip('/')}.{mode}.{NAME}.io",
        "clientConfig": client,
        "rules": [
            {"operations": list(operations), "apiGroups": [group], "apiVersions": ["v1"],
             "resources": list(resources), "scope": "Namespaced"}
            for group, operations, resources in _RULES
        ],
        "failurePolicy": "Fail" if mode == "closed" else "Ignore",
        "matchPolicy": "Equivalent",
        "namespaceSelector": {"matchExpressions": [selector]},
        "sideEffects": "NoneOnDryRun" if recorded else "None",
        "timeoutSeconds": TIMEOUT_SECONDS,
        "admissionReviewVersions": ["v1"],
        **more,
    }  # fmt: skip


def _provider(wish: Wish) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "url": f"https://{NAME}.{wish.namespace}.svc:443/external-data", "timeout": 3,
    }  # fmt: skip
    if wish.ca_bundle is not None:
        spec["caBundle"] = base64.b64encode(wish.ca_bundle).decode()
    return {
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "Provider",
        "metadata": {"name": NAME}, "spec": spec,
    }  # fmt: skip

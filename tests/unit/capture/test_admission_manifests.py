"""What guards a cluster is what Kubernetes' own schemas take, and no more than it needs."""

import base64

import kubernetes_validate
import pytest
import yaml

from tests.unit.cli.running import run
from wherefrom.capture.kubernetes.admission_manifests import Wish, manifests, to_yaml
from wherefrom.cli.main import root as VERBS
from wherefrom.formats.admission_settings import parse

POLICY = 'name: prod\nversion: "1"\nrules: [{name: inside, needs: sbom}]\n'
SETTINGS = {
    "environment": "prod",
    "namespaces": {
        "kube-system": {"exempt": True}, "sandbox": {"mode": "open"}, "team-*": {"mode": "open"},
    },
}  # fmt: skip
OURS = ("cert-manager.io/v1", "externaldata.gatekeeper.sh/v1beta1")  # of others, not Kubernetes'


def made(**changes):
    wish = Wish(
        namespace="guard", image="wherefrom:1", server="https://log.example:8474",
        policy={"policy.yaml": POLICY}, settings=parse(SETTINGS, where="s"),
        settings_text=yaml.safe_dump(SETTINGS), ca_bundle=b"PEM", mutate=True, gatekeeper=True,
        record=True,
    )._replace(**changes)  # fmt: skip
    documents = [one for some in manifests(wish).values() for one in some]
    # As kubectl would read them.
    assert list(yaml.safe_load_all(to_yaml(documents))) == documents
    return {one["kind"]: one for one in documents}


@pytest.mark.parametrize("version", ["1.30", "1.33", "1.37"])
@pytest.mark.parametrize("changes", [{}, {"ca_bundle": None, "gatekeeper": False, "record": False}])
def test_kubernetes_takes_every_document(version, changes):
    for document in made(**changes).values():
        if document["apiVersion"] not in OURS:
            kubernetes_validate.validate(document, version, strict=True)


def test_the_guard_may_do_nothing_and_writes_nowhere():
    documents = made()
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} & set(documents)
    assert documents["ServiceAccount"]["automountServiceAccountToken"] is False
    pods = documents["Deployment"]["spec"]["template"]["spec"]
    (container,) = pods["containers"]
    assert pods["automountServiceAccountToken"] is False
    assert pods["securityContext"]["runAsNonRoot"] is True
    assert pods["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    secured = container["securityContext"]
    assert secured["readOnlyRootFilesystem"] is True
    assert secured["allowPrivilegeEscalation"] is secured["privileged"] is False
    assert secured["capabilities"] == {"drop": ["ALL"]}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        assert container[probe]["httpGet"]["scheme"] == "HTTPS"


def test_what_the_pod_runs_is_a_command_that_there_is():
    pods = made()["Deployment"]["spec"]["template"]["spec"]
    (container,) = pods["containers"]
    assert container["command"] == ["wherefrom"]
    group, verb, *options = container["args"]
    context = VERBS.get_command(None, group).get_command(None, verb).make_context(verb, options)
    said = context.params
    assert said["record"] is True
    assert said["server"] == "https://log.example:8474"
    assert said["own_namespace"] == "guard"
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert str(said["policy"]) == mounted["policy"]
    assert str(said["settings"]).startswith(mounted["settings"])
    assert str(said["tls_cert"]).startswith(mounted["tls"])
    assert said["port"] == container["ports"][0]["containerPort"]


@pytest.mark.parametrize("kind", ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"])
def test_each_mode_has_its_own_webhook_and_no_namespace_has_two(kind):
    closed, opened = made()[kind]["webhooks"]
    assert (closed["failurePolicy"], opened["failurePolicy"]) == ("Fail", "Ignore")
    (outside,) = closed["namespaceSelector"]["matchExpressions"]
    (inside,) = opened["namespaceSelector"]["matchExpressions"]
    assert (outside["operator"], outside["values"]) == (
        "NotIn", ["guard", "kube-system", "sandbox"],
    )  # fmt: skip
    assert (inside["operator"], inside["values"]) == ("In", ["sandbox"])
    for webhook in (closed, opened):
        assert webhook["matchPolicy"] == "Equivalent"
        assert webhook["admissionReviewVersions"] == ["v1"]
        assert base64.b64decode(webhook["clientConfig"]["caBundle"]) == b"PEM"
    assert closed["name"] != opened["name"]


def test_every_place_where_images_change_is_asked_about():
    (webhook, _) = made()["ValidatingWebhookConfiguration"]["webhooks"]
    found = {
        f"{group}/{resource}": rule["operations"]
        for rule in webhook["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert set(found) == {
        "/pods", "/pods/ephemeralcontainers", "/replicationcontrollers", "/podtemplates",
        "apps/deployments", "apps/replicasets", "apps/statefulsets", "apps/daemonsets",
        "batch/jobs", "batch/cronjobs",
    }  # fmt: skip
    assert all(operations == ["CREATE", "UPDATE"] for operations in found.values())


def test_side_effects_are_said_as_they_are():
    kinds = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
    recorded = [made()[kind]["webhooks"][0]["sideEffects"] for kind in kinds]
    silent = [made(record=False)[kind]["webhooks"][0]["sideEffects"] for kind in kinds]
    assert (recorded, silent) == (["NoneOnDryRun", "None"], ["None", "None"])


def test_without_an_authority_cert_manager_makes_the_certificate():
    documents = made(ca_bundle=None, gatekeeper=False)
    (closed, _) = documents["ValidatingWebhookConfiguration"]["webhooks"]
    assert "caBundle" not in closed["clientConfig"]
    annotations = documents["ValidatingWebhookConfiguration"]["metadata"]["annotations"]
    assert annotations == {"cert-manager.io/inject-ca-from": "guard/wherefrom-admission"}
    mounted = documents["Deployment"]["spec"]["template"]["spec"]["volumes"][-1]["secret"]
    assert documents["Certificate"]["spec"]["secretName"] == mounted["secretName"]


def test_only_the_log_and_names_may_be_asked():
    def ports(**changes):
        rules = made(**changes)["NetworkPolicy"]["spec"]["egress"]
        return [port["port"] for rule in rules for port in rule["ports"]]

    assert ports(mutate=False) == [53, 53, 8474]
    assert ports() == [53, 53, 443, 8474]


def test_the_command_prints_them_or_writes_files(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    ask = ["admission", "manifests", "--server", "https://log.example", "--policy",
           str(tmp_path / "policy.yaml")]  # fmt: skip
    printed = run(*ask)
    assert printed.code == 0
    kinds = [one["kind"] for one in yaml.safe_load_all(printed.out)]
    assert kinds[0] == "Namespace"
    assert kinds[-1] == "ValidatingWebhookConfiguration"
    written = run(*ask, "-o", str(tmp_path / "out"))
    assert written.code == 0
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [
        "certificate.yaml", "config.yaml", "deployment.yaml", "namespace.yaml", "network.yaml",
        "rbac.yaml", "webhook.yaml",
    ]  # fmt: skip
    assert run(*ask, "--gatekeeper").code == 2
    (tmp_path / "policy.yaml").write_text("name: x")
    assert run(*ask).code == 1

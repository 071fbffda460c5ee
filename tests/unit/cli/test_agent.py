"""``wherefrom agent``: how it is told what to do, and what a cluster is given to run it."""

from __future__ import annotations

import pytest
import yaml

from tests import kube_objects as k8s
from tests.kube_api import KubeApi, Records
from tests.unit.cli.running import run
from wherefrom.capture.kubernetes.manifests import STATE
from wherefrom.cli.agent import _environments
from wherefrom.cli.main import root

FOLLOW = ("agent", "kubernetes")
PRINT = ("agent", "manifests", "--cluster", "eu", "--server", "https://w.example")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch, tmp_path):
    for name in ("WHEREFROM_URL", "WHEREFROM_DATA", "WHEREFROM_CONFIG", "WHEREFROM_TOKEN",
                 "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "which environment?"),
        (["--environment", ""], "which environment?"),
        (["--environment", "a", "--environment", "b"], "which environment?"),
        (["--environment", "ns="], "which environment?"),
        (["--environment", "=prod"], "which environment?"),
        (["--environment", "prod", "--snapshot-every", "soon"], "--snapshot-every"),
        (["--environment", "prod", "--kubeconfig", "c", "--api", "http://x"], "give --kubeconfig"),
        (["--environment", "prod", "--token-file", "t"], "give --kubeconfig"),
        (["--environment", "prod", "--context", "c"], "give --kubeconfig"),
        (["--environment", "prod", "--api", "x"], "not the address of a Kubernetes API"),
        (["--environment", "prod"], "no cluster is named here"),
        (["--environment", "prod", "--kubeconfig", "none"], "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_misuse_and_says_why(options, said):
    ran = run(*FOLLOW, "--server", "http://127.0.0.1:1", *options)
    assert ran.code == 2
    assert said in ran.err


def test_an_agent_without_a_server_says_how_to_name_one(tmp_path):
    ran = run(*FOLLOW, "--environment", "prod", "--api", "http://127.0.0.1:1", data=tmp_path)
    assert ran.code == 2
    assert "an agent needs a server to tell" in ran.err


@pytest.mark.parametrize(
    ("given", "namespace", "environment"),
    [
        (("prod",), "anything", "prod"),
        (("shop=prod",), "shop", "prod"),
        (("shop=prod",), "other", None),
        (("shop=prod", "test"), "other", "test"),
        (("team-*=dev", "prod"), "team-a", "dev"),
        (("team-a=prod", "team-*=dev"), "team-a", "prod"),
    ],
)
def test_a_namespace_has_the_environment_of_the_first_option_that_names_it(
    given, namespace, environment
):
    found = _environments(given)
    assert found.of(namespace) == environment
    assert environment is None or environment in found.all


def once(kube, records, monkeypatch, *more):
    monkeypatch.setenv("WHEREFROM_TOKEN", "t0ken")
    return run(*FOLLOW, "--api", kube.url, "--server", records.url, "--environment", "prod",
               "--once", *more)  # fmt: skip


def test_once_tells_all_of_it_and_counts_it(monkeypatch):
    with KubeApi() as kube, Records() as records:
        kube.put("pods", k8s.pod("p1"))
        ran = once(kube, records, monkeypatch)
        assert (ran.code, ran.out) == (0, "told of 1 objects\n")
        assert once(kube, records, monkeypatch, "--json").json == {"objects": 1, "refused": 0}


def test_a_refused_record_ends_with_1_and_a_server_that_is_away_with_3(monkeypatch):
    with KubeApi() as kube, Records() as records:
        records.refuses = lambda document: True
        ran = once(kube, records, monkeypatch)
        assert ran.code == 1
        assert "refused" in ran.out
        records.away = "busy"
        assert once(kube, records, monkeypatch).code == 3


def test_a_cluster_that_cannot_be_listed_ends_with_3(monkeypatch):
    with KubeApi() as kube, Records() as records:
        kube.token = "another"
        ran = once(kube, records, monkeypatch)
    assert ran.code == 3
    assert "the cluster cannot be listed" in ran.err
    assert "HTTP 401" in ran.err


def test_without_secrets_none_is_asked_for(monkeypatch):
    with KubeApi() as kube, Records() as records:
        once(kube, records, monkeypatch, "--no-secrets")
        assert not kube.asked("secrets", watch=False)
        assert kube.asked("configmaps", watch=False)


# -- manifests


def printed(*options):
    ran = run(*PRINT, *options)
    assert ran.code == 0, ran.err
    return list(yaml.safe_load_all(ran.out))


def of_kind(documents, kind):
    return [document for document in documents if document["kind"] == kind]


def asked_for(*options):
    """Group and name of all that an agent asks a cluster for."""
    with KubeApi() as kube, Records() as records, pytest.MonkeyPatch.context() as patch:
        once(kube, records, patch, *options)
        paths = {path for path, *_ in kube.requests}
    return {
        ("" if path.startswith("/api/") else path.split("/")[2], path.rsplit("/", 1)[1])
        for path in paths
    }


def allowed(*roles):
    return {(group, name) for role in roles for rule in role["rules"]
            for group in rule["apiGroups"] for name in rule["resources"]}  # fmt: skip


@pytest.mark.parametrize("options", [(), ("--no-secrets",)])
def test_the_account_may_list_and_watch_exactly_what_the_agent_asks_for(options):
    documents = printed("--environment", "prod", *options)
    (role,) = of_kind(documents, "ClusterRole")
    assert allowed(role) == asked_for(*options)
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list", "watch"}
    (binding,) = of_kind(documents, "ClusterRoleBinding")
    (account,) = of_kind(documents, "ServiceAccount")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"][0]["name"] == account["metadata"]["name"]


def test_an_agent_of_some_namespaces_may_read_nothing_of_the_others():
    documents = printed("--environment", "prod", "--namespace", "shop", "--namespace", "bank")
    role, nodes = of_kind(documents, "ClusterRole")
    assert allowed(nodes) == {("", "nodes")}
    assert allowed(role, nodes) == asked_for()
    assert {b["metadata"]["namespace"] for b in of_kind(documents, "RoleBinding")} == {
        "shop", "bank",
    }  # fmt: skip
    (everywhere,) = of_kind(documents, "ClusterRoleBinding")
    assert everywhere["roleRef"]["name"] == nodes["metadata"]["name"]


def test_the_pod_may_do_nothing_but_run_the_agent_and_keep_its_state():
    (workload,) = of_kind(printed("--environment", "prod"), "StatefulSet")
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert workload["spec"]["replicas"] == 1
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    security = container["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == [STATE]


def test_the_pod_runs_a_command_that_the_program_knows():
    options = ["--environment", "shop=prod", "--environment", "test", "--namespace", "shop",
               "--no-secrets"]  # fmt: skip
    (workload,) = of_kind(printed(*options), "StatefulSet")
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    verb, name, *args = container["args"]
    given = root.commands[verb].commands[name].make_context("kubernetes", list(args)).params
    assert (verb, name) == FOLLOW
    assert container["command"] == ["wherefrom"]
    assert given["environments"] == ("shop=prod", "test")
    assert given["namespaces"] == ("shop",)
    assert given["no_secrets"] is True
    assert (given["server"], given["cluster"]) == ("https://w.example", "eu")


def test_manifests_as_json_are_the_same_text():
    plain = run(*PRINT, "--environment", "prod")
    assert run(*PRINT, "--environment", "prod", "--json").json == {"manifests": plain.out}


def test_what_could_be_read_as_something_else_stays_text():
    documents = printed("--environment", "on=1.0", "--in-namespace", "null")
    (workload,) = of_kind(documents, "StatefulSet")
    assert workload["metadata"]["namespace"] == "null"
    assert "on=1.0" in workload["spec"]["template"]["spec"]["containers"][0]["args"]

"""How a cluster is reached: kubeconfigs, the account of a pod, tokens that change, TLS."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys

import pytest
import yaml

from tests import kube_objects as k8s
from tests.journeys.test_http_tls import certificate, write_pair
from tests.kube_api import KubeApi
from wherefrom.capture.kubernetes import access
from wherefrom.capture.kubernetes.access import Access, from_kubeconfig, given, in_cluster
from wherefrom.capture.kubernetes.api import RESOURCES, Api, Failed
from wherefrom.errors import SettingError

PODS = RESOURCES[-1]


def config(**parts):
    """A kubeconfig with two contexts; ``cluster`` and ``user`` are those of the current one."""
    cluster = {"server": "http://127.0.0.1:1/", **parts.get("cluster", {})}
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": "main",
        "contexts": [
            {"name": "main", "context": {"cluster": "eu", "user": "agent", "namespace": "x"}},
            {"name": "other", "context": {"cluster": "us", "user": "agent"}},
        ],
        "clusters": [
            {"name": "eu", "cluster": cluster},
            {"name": "us", "cluster": {"server": "http://127.0.0.1:2"}},
        ],
        "users": [{"name": "agent", "user": parts.get("user", {"token": "t0"})}],
    }  # fmt: skip


def read(tmp_path, document, **options):
    path = tmp_path / "config"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return from_kubeconfig(path, **options)


def shown(found):
    return asyncio.run(found.headers())


def lists(found):
    """What one list gives through an access."""

    async def run():
        api = Api(found)
        try:
            return await api.list(PODS)
        finally:
            await api.close()

    return asyncio.run(run())


# -- kubeconfig


def test_the_current_context_of_a_kubeconfig_is_taken_or_the_one_that_is_named(tmp_path):
    found = read(tmp_path, config())
    assert (found.url, found.cluster) == ("http://127.0.0.1:1", "eu")
    assert shown(found) == {"Authorization": "Bearer t0"}
    assert read(tmp_path, config(), context="other").cluster == "us"


def test_a_kubeconfig_in_json_is_the_same(tmp_path):
    assert read(tmp_path, json.dumps(config())).cluster == "eu"


def test_files_that_a_kubeconfig_names_lie_beside_it(tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    found = read(tmp_path, config(user={"tokenFile": "token"}))
    assert shown(found) == {"Authorization": "Bearer from-a-file"}


def test_a_program_of_a_kubeconfig_is_asked_for_the_token(tmp_path):
    program = (
        "import json, os; asked = json.loads(os.environ['KUBERNETES_EXEC_INFO']);"
        "print(json.dumps({'kind': asked['kind'],"
        " 'status': {'token': os.environ['WHO'] + asked['apiVersion'][-2:]}}))"
    )
    env = [{"name": "WHO", "value": "me-"}]
    asked = {"apiVersion": "client.authentication.k8s.io/v1", "env": env}
    user = {"exec": {**asked, "command": sys.executable, "args": ["-c", program]}}
    assert shown(read(tmp_path, config(user=user))) == {"Authorization": "Bearer me-v1"}


@pytest.mark.parametrize("program", ["import sys; sys.exit(1)", "print(1)", "print('{}')"])
def test_a_program_that_gives_no_token_is_named(tmp_path, program):
    user = {"exec": {"command": sys.executable, "args": ["-c", program]}}
    with pytest.raises(SettingError, match="gives no token"):
        shown(read(tmp_path, config(user=user)))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("[]", "not a kubeconfig"),
        ("a: [", "not a kubeconfig"),
        ({**config(), "current-context": "none"}, "without that context.*got none"),
        ({**config(), "current-context": ""}, "without that context"),
        ({**config(), "clusters": None}, "without that cluster"),
        ({**config(), "users": [7]}, "without that user"),
        (config(cluster={"server": "ftp://x"}), "not the address of a Kubernetes API"),
        (config(cluster={"server": "https://x", "certificate-authority-data": "%"}), "not base64"),
        (config(cluster={"server": "https://x", "certificate-authority-data": "eHg="}),
         "certificates cannot be used"),
        (config(cluster={"server": "https://x", "certificate-authority": "none.pem"}),
         "cannot be read"),
    ],
)  # fmt: skip
def test_a_kubeconfig_that_cannot_be_used_says_why(tmp_path, document, said):
    with pytest.raises(SettingError, match=said):
        read(tmp_path, document)


def test_a_kubeconfig_that_is_not_there_says_so(tmp_path):
    with pytest.raises(SettingError, match="cannot be read"):
        from_kubeconfig(tmp_path / "none")


# -- in a pod


def test_in_a_pod_its_account_is_used(tmp_path):
    (tmp_path / "token").write_text("mounted")
    pair = write_pair(tmp_path, "authority", certificate("ca", is_ca=True))
    pair[0].rename(tmp_path / "ca.crt")
    where = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    found = in_cluster(where, tmp_path)
    assert found.url == "https://[fd00::1]:443"
    assert shown(found) == {"Authorization": "Bearer mounted"}


def test_outside_a_pod_it_says_what_to_give(tmp_path):
    with pytest.raises(SettingError, match="--kubeconfig, --api"):
        in_cluster({}, tmp_path)


# -- tokens


def test_a_token_that_is_not_taken_is_read_again(tmp_path):
    token = tmp_path / "token"
    token.write_text("old")
    with KubeApi() as server:
        server.token = "new"
        server.put("pods", k8s.pod("a"))
        found = given(server.url, token_file=token, ca=None)

        async def run():
            api = Api(found)
            try:
                with pytest.raises(Failed, match="HTTP 401"):
                    await api.list(PODS)
                token.write_text("new\n")
                return await api.list(PODS)
            finally:
                await api.close()

        items, _ = asyncio.run(run())
        assert [item["metadata"]["name"] for item in items] == ["a"]
        assert [asked for *_, asked in server.requests] == ["Bearer old", "Bearer new"]


def test_a_token_is_asked_for_once_a_minute_and_no_more():
    asked, now = [], [0.0]

    async def token():
        asked.append(now[0])
        return "t"

    async def run():
        found = Access(
            "http://x", tls=False, token=token, cluster="c", clock=lambda: now[0]
        )  # fmt: skip
        for now[0] in (0.0, 1.0, 59.0, 60.0, 61.0):
            await found.headers()
        found.renew()
        await found.headers()

    asyncio.run(run())
    assert asked == [0.0, 60.0, 61.0]


def test_a_file_without_a_token_says_so_and_too_long_a_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(SettingError, match="cannot be read"):
        shown(given("http://x", token_file=tmp_path / "none", ca=None))
    monkeypatch.setattr(access, "FILE_BYTES_MAX", 10)
    (tmp_path / "long").write_text("x" * 11)
    with pytest.raises(SettingError, match="too long"):
        shown(given("http://x", token_file=tmp_path / "long", ca=None))


# -- TLS


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    authority = certificate("clients", is_ca=True)
    return {
        "server": write_pair(folder, "server", certificate("127.0.0.1")),
        "other": write_pair(folder, "other", certificate("127.0.0.1")),
        "authority": write_pair(folder, "authority", authority),
        "client": write_pair(folder, "client", certificate("client", signer=authority)),
    }


def serving(pems, *, asks=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, pems["server"]))
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(str(pems["authority"][0]))
    return KubeApi(tls=context)


def test_the_cluster_s_own_authority_is_believed_and_no_other(pems):
    with serving(pems) as server:
        server.put("pods", k8s.pod("a"))
        items, _ = lists(given(server.url, token_file=None, ca=pems["server"][0]))
        assert len(items) == 1
        for ca in (pems["other"][0], None):
            with pytest.raises(Failed, match="CERTIFICATE_VERIFY_FAILED"):
                lists(given(server.url, token_file=None, ca=ca))


def test_certificates_in_a_kubeconfig_are_shown_and_believed(pems, tmp_path):
    def data(name, part):
        return base64.b64encode(pems[name][part].read_bytes()).decode()

    with serving(pems, asks=True) as server:
        server.put("pods", k8s.pod("a"))
        cluster = {"server": server.url, "certificate-authority-data": data("server", 0)}
        user = {"client-certificate-data": data("client", 0), "client-key-data": data("client", 1)}
        items, _ = lists(read(tmp_path, config(cluster=cluster, user=user)))
        assert len(items) == 1
        by_file = {"client-certificate": str(pems["client"][0]),
                   "client-key": str(pems["client"][1])}  # fmt: skip
        assert len(lists(read(tmp_path, config(cluster=cluster, user=by_file)))[0]) == 1
        with pytest.raises(Failed):
            lists(read(tmp_path, config(cluster=cluster)))


def test_certificates_go_unchecked_only_where_the_kubeconfig_says_so(pems, tmp_path):
    with serving(pems) as server:
        unchecked = {"server": server.url, "insecure-skip-tls-verify": True}
        assert lists(read(tmp_path, config(cluster=unchecked)))[0] == []
        checked = {"server": server.url, "insecure-skip-tls-verify": "true"}
        with pytest.raises(Failed, match="CERTIFICATE_VERIFY_FAILED"):
            lists(read(tmp_path, config(cluster=checked)))

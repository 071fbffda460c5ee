"""A cluster is guarded: the real server over TLS, a real log that grows, goes away and returns."""

import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import warnings

import httpx
import pytest

from tests.journeys.test_http_tls import certificate, write_pair
from tests.registry import RegistryProcess
from tests.reviews import pod, review, workload
from tests.served import STARTED_WITHIN_SECONDS, WHEREFROM, ServerProcess, until
from wherefrom.sample.signed import digest

POLICY = """
name: prod
version: "{version}"
rules:
  - {{name: built, needs: {needs}, within: 3650d}}
"""
GOOD = f"registry.example.com/till@sha256:{digest('till 1.1.0')}"
BAD = f"registry.example.com/till@sha256:{digest('till hotfix')}"
UNKNOWN = "registry.example.com/till@sha256:" + "e" * 64


class GuardProcess:
    """``wherefrom admission serve``; at the end of the block SIGTERM, and it must end well."""

    def __init__(self, folder, url, *options, token=None):
        self.folder, self.url_of_log = folder, url
        self.pair = write_pair(folder, "guard", certificate("127.0.0.1"))
        (folder / "policy.yaml").write_text(POLICY.format(version=1, needs="provenance"))
        self._options, self._token = options, token

    def __enter__(self):
        self.errors = self.folder / "guard.stderr"
        environment = {"WHEREFROM_TOKEN": self._token} if self._token else {}
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [
                    WHEREFROM, "admission", "serve", "--server", self.url_of_log, "--port", "0",
                    "--policy", self.folder / "policy.yaml", "--environment", "prod",
                    "--tls-cert", self.pair[0], "--tls-key", self.pair[1], "--json",
                    *self._options,
                ],
                stdout=subprocess.PIPE, stderr=errors, env=environment,
            )  # fmt: skip
        watch = threading.Timer(STARTED_WITHIN_SECONDS, self.process.kill)
        watch.start()
        line = self.process.stdout.readline()
        watch.cancel()
        assert line, self.errors.read_text()
        self.url = json.loads(line)["url"]
        self.client = self.connected()
        return self

    def __exit__(self, *_):
        self.client.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            assert self.process.wait(30) == 0, self.errors.read_text()
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def connected(self):
        context = ssl.create_default_context(cafile=str(self.pair[0]))
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        return httpx.Client(base_url=self.url, verify=context, timeout=60)

    def ask(self, document, path="/validate"):
        answer = self.client.post(path, json=document)
        assert answer.status_code == 200, answer.text
        response = answer.json()["response"]
        assert response["uid"] == document["request"]["uid"]
        return response

    def allows(self, *images, **more):
        return self.ask(review(pod(*images), **more))["allowed"]


@pytest.fixture
def log(tmp_path):
    with ServerProcess(tmp_path / "log", "--sample") as server:
        with server.client() as client:
            until(lambda: min(client.get("/v1/log").json()["views"].values()) > 70)
        yield server


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "guard"
    made.mkdir()
    return made


def test_what_is_proven_runs_and_what_is_not_is_kept_out_with_the_reason(log, folder):
    with GuardProcess(folder, log.url, "--record", token=log.token) as guard:
        assert guard.allows(GOOD)
        for kind in ("Deployment", "CronJob"):
            assert guard.ask(review(workload(kind, GOOD, GOOD)))["allowed"]
        no = guard.ask(review(workload("StatefulSet", GOOD, init=(BAD,))))
        assert not no["allowed"]
        assert BAD in no["status"]["message"]
        assert 'rule "built"' in no["status"]["message"]
        assert (
            "nothing says how it was built" in guard.ask(review(pod(UNKNOWN)))["status"]["message"]
        )
        assert not guard.allows("nginx:latest")
        # What was decided comes to the log, once.
        with log.client() as client:

            def recorded():
                found = client.get(f"/v1/show/{GOOD.partition('@')[2]}").json()
                (match,) = [m for m in found["matches"] if m["id"] in GOOD]
                contents = [client.get(f"/v1/records/{i}/content") for i in match["entries"]]
                return [one for one in contents if "urn:wherefrom:admission:" in one.text]

            until(recorded)
            (said,) = recorded()
            assert said.json()["predicate"]["verificationResult"] == "PASSED"


def test_hostile_requests_let_nothing_in_and_leave_it_serving(log, folder):
    with GuardProcess(folder, log.url, token=log.token) as guard:
        hostile = [
            b"", b"{", b"null", b"[]", b'"x"', b"\x00" * 100, b"\xff\xfe", b"[" * 1_000_000,
            b'{"kind":"AdmissionReview","kind":"Pod"}', b"{}" * 1000,
            json.dumps(review(pod(GOOD))).encode() + b"{}",
            json.dumps({**review(pod(GOOD)), "apiVersion": "v1"}).encode(),
            json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                        "request": {"uid": "x"}}).encode(),
            b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"'
            + b"a" * 1_000_000 + b'","operation":"CREATE","kind":{"kind":"Pod"}}}',
        ]  # fmt: skip
        for path in ("/validate", "/mutate", "/external-data"):
            for body in hostile:
                answer = guard.client.post(path, content=body)
                assert 400 <= answer.status_code < 500, (path, body[:60], answer.text)
                assert '"allowed":true' not in answer.text
        # What is no HTTP, no TLS, and a connection that says nothing.
        host, port = guard.url.removeprefix("https://").split(":")
        with socket.create_connection((host, int(port))):
            with socket.create_connection((host, int(port))) as plain:
                plain.sendall(b"POST /validate HTTP/1.1\r\nhost: x\r\n\r\n")
                assert plain.recv(100) == b""
            with pytest.raises(ssl.SSLError):
                _speak(host, int(port), ssl.TLSVersion.TLSv1_1)
            assert guard.allows(GOOD)


def _speak(host, port, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with socket.create_connection((host, port)) as raw, context.wrap_socket(raw):
        pass


def test_while_the_log_is_away_what_stands_stands_for_its_time_and_then_the_mode_decides(
    log, folder
):
    (folder / "settings.yaml").write_text("namespaces: {sandbox: {mode: open}}")
    options = ("--fresh", "4s", "--timeout", "3s", "--settings", folder / "settings.yaml")
    port = log.url.rpartition(":")[2]
    with GuardProcess(folder, log.url, *options, token=log.token) as guard:
        assert guard.allows(GOOD)
        log.terminate()
        assert guard.allows(GOOD)  # it said so a moment ago
        assert not guard.allows(BAD)
        until(lambda: not guard.allows(GOOD))
        no = guard.ask(review(pod(GOOD)))
        assert "the log does not answer" in no["status"]["message"]
        opened = guard.ask(review(pod(GOOD), namespace="sandbox"))
        assert opened["allowed"]
        assert "let in without a verdict" in opened["warnings"][0]
        assert guard.allows(BAD, operation="DELETE")
        assert not guard.allows("nginx", namespace="sandbox")
        assert "wherefrom_admission_log_reachable 0.0" in guard.client.get("/metrics").text
        log._options = ["--port", port]
        log._close()
        log.start()
        until(lambda: guard.allows(GOOD))
        assert not guard.allows(BAD)
        until(lambda: "reachable 1.0" in guard.client.get("/metrics").text)


def test_what_is_recorded_turns_a_no_into_a_yes_and_a_revoked_key_a_yes_into_a_no(log, folder):
    with GuardProcess(folder, log.url, token=log.token) as guard:
        assert guard.allows(GOOD)
        with log.client() as client:
            keys = client.get("/v1/keys").json()["keys"]
            for key in keys:
                wish = {"action": "revoke", "key": key["id"], "reason": "stolen"}
                client.post("/v1/keys", json=wish)
        until(lambda: not guard.allows(GOOD))


def test_a_new_certificate_and_a_new_policy_are_used_and_nobody_is_cut_off(log, folder):
    with GuardProcess(folder, log.url, token=log.token) as guard:
        assert guard.allows(GOOD)
        old = guard.client
        before = ssl.get_server_certificate(_address(guard))
        write_pair(folder, "guard", certificate("127.0.0.1"))
        until(lambda: ssl.get_server_certificate(_address(guard)) != before)
        assert guard.allows(GOOD)  # on the connection that was there
        with guard.connected() as fresh:
            assert fresh.post("/validate", json=review(pod(GOOD))).json()["response"]["allowed"]
        # Half a pair is not used; the policy is.
        (folder / "guard.pem").write_text("nothing")
        (folder / "policy.yaml").write_text(POLICY.format(version=2, needs="approvals"))
        until(lambda: not guard.allows(GOOD))
        (folder / "policy.yaml").write_text("name: broken")
        until(lambda: "the policy changed and cannot be used" in guard.errors.read_text())
        until(lambda: "the certificate changed and cannot be used" in guard.errors.read_text())
        assert not guard.allows(GOOD)
        assert guard.client is old


def _address(guard):
    host, port = guard.url.removeprefix("https://").split(":")
    return host, int(port)


def test_tags_become_digests_and_gatekeeper_is_answered(log, folder, tmp_path):
    with RegistryProcess(tmp_path) as registry:
        pushed, _ = registry.push("acme/till", "1")
        (folder / "settings.yaml").write_text(f'registries: {{"{registry.host}": {registry.url}}}')
        options = ("--settings", folder / "settings.yaml")
        with GuardProcess(folder, log.url, *options, token=log.token) as guard:
            tagged = f"{registry.host}/acme/till:1"
            answer = guard.ask(review(pod(tagged)), "/mutate")
            assert answer["allowed"]
            assert answer["patchType"] == "JSONPatch"
            pinned = review(pod(f"{tagged}@{pushed}"))
            assert "nothing says how it was built" in guard.ask(pinned)["status"]["message"]
            asked = {
                "apiVersion": "externaldata.gatekeeper.sh/v1beta1", "kind": "ProviderRequest",
                "request": {"keys": [GOOD, BAD]},
            }  # fmt: skip
            items = guard.client.post("/external-data", json=asked).json()["response"]["items"]
            assert [bool(item["error"]) for item in items] == [False, True]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: (f / "policy.yaml").write_text("name: x"), "not a policy"),
        (lambda f: (f / "policy.yaml").unlink(), "no policy here"),
        (lambda f: (f / "guard.pem").write_text("x"), "the TLS files cannot be used"),
    ],
)
def test_what_it_cannot_start_with_is_said(folder, change, says):
    cert, key = write_pair(folder, "guard", certificate("127.0.0.1"))
    (folder / "policy.yaml").write_text(POLICY.format(version=1, needs="sbom"))
    change(folder)
    said = subprocess.run(
        [WHEREFROM, "admission", "serve", "--server", "http://127.0.0.1:9", "--port", "0",
         "--policy", folder / "policy.yaml", "--tls-cert", cert, "--tls-key", key],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode in (1, 2)
    assert says in said.stderr
    assert "Traceback" not in said.stderr


def test_with_a_client_authority_only_its_certificates_are_answered(log, folder):
    authority = certificate("api server", is_ca=True)
    ca, _ = write_pair(folder, "authority", authority)
    shown = write_pair(folder, "client", certificate("client", signer=authority))
    options = ("--tls-client-ca", ca)
    with GuardProcess(folder, log.url, *options, token=log.token) as guard:
        with pytest.raises(httpx.TransportError):
            guard.allows(GOOD)
        context = ssl.create_default_context(cafile=str(guard.pair[0]))
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        context.load_cert_chain(*shown)
        with httpx.Client(base_url=guard.url, verify=context, timeout=60) as client:
            answer = client.post("/validate", json=review(pod(GOOD)))
            assert answer.json()["response"]["allowed"]


def test_a_directory_decides_too(tmp_path, folder):
    with ServerProcess(tmp_path / "d", "--sample"):
        pass
    cert, key = write_pair(folder, "guard", certificate("127.0.0.1"))
    (folder / "policy.yaml").write_text(POLICY.format(version=1, needs="provenance"))
    process = subprocess.Popen(
        [WHEREFROM, "admission", "serve", "--data", tmp_path / "d", "--port", "0", "--json",
         "--policy", folder / "policy.yaml", "--tls-cert", cert, "--tls-key", key],
        stdout=subprocess.PIPE, stderr=sys.stderr,
    )  # fmt: skip
    try:
        url = json.loads(process.stdout.readline())["url"]
        context = ssl.create_default_context(cafile=str(cert))
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        with httpx.Client(base_url=url, verify=context, timeout=60) as client:
            told = [
                client.post("/validate", json=review(pod(one))).json()["response"]["allowed"]
                for one in (GOOD, BAD)
            ]
        assert told == [True, False]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        process.stdout.close()

"""What a real registry, and answers of CI, clusters and clouds, list against what the log holds."""

import json
import re
import socket

import httpx
import pytest

from tests.kube_api import KubeApi
from tests.paths import DATA
from tests.registry import RegistryProcess
from tests.served import ServerProcess
from tests.unit.cli.running import run
from wherefrom.formats import inventory
from wherefrom.formats.recognise import facts_of

CATALOG = """
teams: {shop: {}}
services:
  cart:
    owner: shop
    repository: github.com/acme/cart
    images: ["HOST/acme/cart"]
"""
DIGEST = "sha256:" + "d" * 64
# The password is "secret"; as htpasswd -B writes it.
USERS = "ops:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"
PODS = {
    "kind": "List", "apiVersion": "v1",
    "items": [
        {
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "cart-5d9c-x", "namespace": "shop",
                         "labels": {"app.kubernetes.io/name": "cart"}},
            "status": {"containerStatuses": [
                {"name": "server", "image": "ghcr.io/acme/cart:2", "ready": True,
                 "imageID": f"ghcr.io/acme/cart@{DIGEST}",
                 "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}},
                {"name": "job", "image": "busybox", "imageID": "",
                 "state": {"waiting": {"reason": "ImagePullBackOff"}}},
            ]},
        }
    ],
}  # fmt: skip


def run_of(number, conclusion="success", branch="main"):
    return {
        "id": number, "name": "build", "head_branch": branch, "run_attempt": 2,
        "status": "completed", "conclusion": conclusion, "head_sha": "b" * 40,
        "html_url": f"https://github.com/acme/cart/actions/runs/{number}",
        "updated_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip


def provenance(name, digest, *, invocation="https://github.com/acme/cart/actions/runs/10"):
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}],
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": {
                "buildDefinition": {"buildType": "t", "externalParameters": {}},
                "runDetails": {"builder": {"id": "https://ci.example/b"},
                               "metadata": {"invocationId": f"{invocation}/attempts/1"}},
            },
        }
    ).encode()  # fmt: skip


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def ok(*arguments, **named):
    done = run(*arguments, **named)
    assert done.code == 0, done.out + done.err
    return done


def put(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def reconciled(data, *arguments, code=1):
    done = run("reconcile", *arguments, "--json", data=data)
    assert done.code == code, done.out + done.err
    return done.json["inventories"][0]


def test_a_registry_is_asked_and_each_image_that_only_one_side_has_is_named(tmp_path, data):
    with RegistryProcess(tmp_path) as registry:
        cart = f"{registry.host}/acme/cart"
        known, _ = registry.push("acme/cart", "1", config=b'{"a": 1}')
        unknown, _ = registry.push("acme/cart", "2", config=b'{"a": 2}')
        part = registry.push("acme/cart", None, config=b'{"a": 3}')
        index, _ = registry.push("acme/cart", "multi", of=[part])
        registry.push("acme/cart", known.replace(":", "-") + ".sig", config=b'{"a": 4}')
        registry.push("other", "1", config=b'{"a": 5}')
        ok("catalog", "record", put(tmp_path / "catalog.yaml",
           CATALOG.replace("HOST", registry.host)), data=data)  # fmt: skip
        # Of an index it is enough that its platform is known.
        for name, digest in ((f"{cart}:1", known), (cart, part[0]), (f"{cart}:old", DIGEST)):
            ok("record", "-", stdin=provenance(name, digest), data=data)

        found = reconciled(data, "--registry", registry.url, "--repository", "acme/cart")
        assert (found["listed"], found["held"]) == (3, 2)
        assert found["left_out"] == {"hangs on an image": 1}
        (only,) = found["only_listed"]
        assert (only["id"], only["where"], only["owner"]) == (unknown, cart, "shop")
        assert only["says"] == f"{cart}:2@{unknown} is in the registry; no record names it"
        (gone,) = found["only_held"]
        assert (gone["id"], gone["owner"]) == (DIGEST, "shop")
        assert gone["says"] == f"{cart}@{DIGEST} is recorded; it is gone from the registry"

        # All of it, through its catalogue; one repository, by its address; and after a deletion.
        everything = reconciled(data, "--registry", registry.url)
        assert {one["where"] for one in everything["only_listed"]} == {
            cart, f"{registry.host}/other",
        }  # fmt: skip
        assert reconciled(data, "--registry", f"{registry.url}/acme/cart") | {
            "taken": 0,
            "log": 0,
        } == found | {"taken": 0, "log": 0}
        registry.delete("acme/cart", index)
        registry.delete("acme/cart", unknown)
        after = reconciled(data, "--registry", f"{registry.url}/acme/cart")
        assert after["only_listed"] == []
        held = {one["id"]: one["says"].partition("; ")[2] for one in after["only_held"]}
        assert held == {
            DIGEST: "it is gone from the registry",
            part[0]: "it is in the registry, and no tag leads to it",
        }
    assert run("reconcile", "--registry", registry.url, data=data).code == 3


def test_a_registry_that_wants_a_password_is_given_it_and_no_other(tmp_path, data, monkeypatch):
    with RegistryProcess(tmp_path, htpasswd=USERS) as registry:
        ok("record", "-", stdin=provenance("x", DIGEST), data=data)
        refused = run("reconcile", "--registry", registry.url, data=data)
        assert refused.code == 3
        assert "WHEREFROM_REGISTRY_USER" in refused.err
        monkeypatch.setenv("WHEREFROM_REGISTRY_USER", "ops")
        monkeypatch.setenv("WHEREFROM_REGISTRY_PASSWORD", "wrong")
        assert run("reconcile", "--registry", registry.url, data=data).code == 3
        monkeypatch.setenv("WHEREFROM_REGISTRY_PASSWORD", "secret")
        assert reconciled(data, "--registry", registry.url, code=0)["listed"] == 0


def test_a_run_that_left_no_provenance_is_named(tmp_path, data):
    ok("record", "-", stdin=provenance("cart", DIGEST), data=data)
    later = "https://github.com/acme/cart/actions/runs/11"
    ok("record", "-", stdin=provenance("cart", DIGEST, invocation=later), data=data)
    # Of one that is older than all that are listed nobody can tell.
    older = "https://github.com/acme/cart/actions/runs/5"
    ok("record", "-", stdin=provenance("cart", DIGEST, invocation=older), data=data)
    runs = put(tmp_path / "runs.json", {"total_count": 4, "workflow_runs": [
        run_of(9), run_of(10), run_of(12), run_of(13, "failure"), run_of(14, branch="x"),
    ]})  # fmt: skip
    found = reconciled(data, "--ci", runs)
    assert [one["says"] for one in found["only_listed"]] == [
        "build 9 of main ended well; no provenance names it",
        "build 12 of main ended well; no provenance names it",
        "build 14 of x ended well; no provenance names it",
    ]
    assert [one["id"] for one in found["only_held"]] == [later]
    assert found["left_out"] == {"failure": 1}
    told = run("reconcile", "--ci", runs, data=data)
    assert "ci runs.json  1 of 4 listed are held" in told.out
    assert "build 9 of main ended well; no provenance names it" in told.out
    assert "left out: 1, failure" in told.out
    assert "4 differences" in told.out
    only_main = reconciled(data, "--ci", runs, "--branch", "main")
    assert len(only_main["only_listed"]) == 2
    assert only_main["left_out"]["another branch"] == 1


def test_provenances_that_others_made_name_their_runs_in_every_form(tmp_path, data):
    found = {}
    for name in (
        "bundle-provenance.json",  # <id>-<attempt>
        "binary-linux-amd64-push-v13.0.30.intoto.build.slsa",  # a page, of a builder
        "sigstore.js@2.0.0-provenance.sigstore.json",  # a page
    ):
        content = next((DATA / "supply").rglob(name)).read_bytes()
        ok("record", "-", stdin=content, data=data)
        for node in facts_of(content).nodes:
            if node.kind == "build":
                said = node.properties["invocationId"]
                number = re.search(r"([0-9]{8,})", said)[1]
                repository = re.match(r"https://github.com/[^/]+/[^/]+", said)
                page = repository[0] if repository else "https://github.com/sigstore/sigstore-js"
                found[name] = {**run_of(int(number)), "html_url": f"{page}/actions/runs/{number}"}
    assert len(found) == 3
    runs = put(tmp_path / "runs.json", [*found.values(), run_of(1)])
    answer = reconciled(data, "--ci", runs)
    assert (answer["listed"], answer["held"]) == (4, 3)
    assert answer["only_listed"][0]["id"].endswith("/runs/1")


def test_a_container_that_nobody_declared_is_named_and_so_is_what_is_declared_and_not_run(
    tmp_path, data
):
    pods = put(tmp_path / "pods.json", PODS)
    ok("catalog", "record", put(tmp_path / "catalog.yaml", CATALOG.replace("HOST", "ghcr.io")),
       data=data)  # fmt: skip
    (only,) = reconciled(data, "--cluster", pods, "-e", "prod")["only_listed"]
    assert only["says"].endswith(f"no record names {DIGEST}")
    assert only["owner"] == "shop"
    ok("record", "-", stdin=provenance("ghcr.io/acme/cart", DIGEST), data=data)
    ok("change", "deploy", "cart", "ghcr.io/acme/cart:1", "-e", "prod", data=data)
    found = reconciled(data, "--cluster", pods, "-e", "prod")
    assert found["only_listed"][0]["says"].endswith(f"nobody declared {DIGEST}")
    (held,) = found["only_held"]
    assert (held["where"], held["owner"]) == ("prod/cart", "shop")
    assert held["says"].endswith("is declared in prod/cart; no pod runs it")
    assert found["left_out"] == {"does not run": 1}
    for artifact in (DIGEST, "ghcr.io/acme/cart:2"):  # by its digest, or by what it was pulled by
        ok("change", "deploy", "cart", artifact, "-e", "prod", data=data)
        agreed = reconciled(data, "--cluster", pods, "-e", "prod", code=0)
        assert agreed["held"] == 1


def test_a_cluster_is_asked_by_its_context(tmp_path, data):
    ok("record", "-", stdin=provenance("ghcr.io/acme/cart", DIGEST), data=data)
    ok("change", "deploy", "cart", DIGEST, "-e", "prod", data=data)
    with KubeApi() as api:
        api.put("pods", PODS["items"][0])
        config = put(tmp_path / "config", {
            "current-context": "other",
            "contexts": [{"name": "prod", "context": {"cluster": "c"}}],
            "clusters": [{"name": "c", "cluster": {"server": api.url}}],
        })  # fmt: skip
        asked = ("--cluster", "prod", "--kubeconfig", config, "-e", "prod")
        found = reconciled(data, *asked, code=0)
        assert (found["source"], found["listed"], found["held"]) == ("prod", 1, 1)
    assert run("reconcile", *asked, data=data).code == 3


def test_resources_of_three_clouds_and_plain_lists_are_compared(tmp_path, data):
    bucket = "arn:aws:s3:::cart-uploads"
    ok("change", "set", "resource", bucket, "sha256:" + "e" * 64, "-e", "prod", data=data)
    gone = "arn:aws:sqs:eu-central-1:1:gone"
    ok("change", "set", "resource", gone, "sha256:" + "e" * 64, "-e", "prod", data=data)
    aws = put(tmp_path / "aws.json", {"ResourceTagMappingList": [
        {"ResourceARN": bucket, "Tags": [{"Key": "Service", "Value": "cart"}]},
        {"ResourceARN": "arn:aws:lambda:eu-central-1:1:function:new", "Tags": []},
    ]})  # fmt: skip
    found = reconciled(data, "--cloud", aws)
    assert [one["id"] for one in found["only_listed"]] == [
        "arn:aws:lambda:eu-central-1:1:function:new"
    ]
    google = put(tmp_path / "google.ndjson", '{"name": "//storage.googleapis.com/b", "assetType":'
                 ' "storage.googleapis.com/Bucket", "resource": {"data": {"labels": {"app": "x"}}}}'
                 "\n" * 1)  # fmt: skip
    azure = put(tmp_path / "azure.json", {"count": 1, "data": [
        {"id": "/subscriptions/1/resourceGroups/g/providers/p/v", "type": "p/v",
         "resourceGroup": "g", "tags": {"service": "cart"}}]})  # fmt: skip
    for file in (google, azure):
        assert reconciled(data, "--cloud", file)["listed"] == 1
    listed = put(tmp_path / "list.txt", f"# what we ship\n{DIGEST}\npkg:npm/left-pad@1.3.0\n"
                 f"ghcr.io/acme/cart:2\n{bucket}\n")  # fmt: skip
    ok("record", "-", stdin=provenance("ghcr.io/acme/cart:2", DIGEST), data=data)
    assert [one["id"] for one in reconciled(data, "--list", listed)["only_listed"]] == [
        "pkg:npm/left-pad@1.3.0"
    ]


def test_what_is_recorded_of_an_inventory_is_an_observation_that_makes_nothing_known(
    tmp_path, data
):
    listed = put(tmp_path / "list.txt", f"ghcr.io/acme/cart@{DIGEST}\n")
    before = run("reconcile", "--list", listed, "--record", "--json", data=data)
    assert before.code == 3  # no log yet: nobody can tell
    ok("record", "-", stdin=provenance("x", "sha256:" + "1" * 64), data=data)
    first = run("reconcile", "--list", listed, "--record", "--json", data=data).json
    (index,) = first["recorded"]
    content = ok("show", f"entry:{index}", "--json", data=data).json
    assert content["matches"][0]["kind"] == "attestation"
    assert len(reconciled(data, "--list", listed)["only_listed"]) == 1
    assert run("show", DIGEST, data=data).code == 1
    made = inventory.Inventory(kind="list", source="x", taken="2026-01-01T00:00:00Z", listed=())
    assert facts_of(inventory.to_statement(made)).kind == "observation"


def test_a_server_reconciles_for_whoever_may_ask(tmp_path, data, monkeypatch):
    ok("record", "-", stdin=provenance("x", "sha256:" + "1" * 64), data=data)
    listed = put(tmp_path / "list.txt", f"ghcr.io/acme/cart@{DIGEST}\n" * 3)
    with ServerProcess(data) as server:
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token)
        found = run("reconcile", "--list", listed, "--json", "--server", server.url)
        assert found.code == 1, found.err
        assert found.json["inventories"][0]["only_listed"][0]["id"] == DIGEST
        said = {"kind": "list", "source": "x", "taken": "2026-01-01T00:00:00Z", "listed": []}
        anonymous = httpx.post(f"{server.url}/v1/reconcile", json=said)
        assert anonymous.status_code == 401
        # Whoever may not ask is told before anything of the body is read.
        with socket.create_connection(server.url.removeprefix("http://").split(":"), 30) as raw:
            raw.sendall(b"POST /v1/reconcile HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 401")
        with server.client() as client:
            assert client.post("/v1/reconcile", json=said).json()["listed"] == 0
            assert client.post("/v1/reconcile", json={**said, "kind": "x"}).status_code == 400
            many = {
                "kind": "list",
                "source": "x",
                "taken": "2026-01-01T00:00:00Z",
                "listed": [{"what": "thing", "id": f"sha256:{n:064x}"} for n in range(50_000)],
            }
            answer = client.post("/v1/reconcile", json=many)
            assert len(answer.json()["only_listed"]) == 50_000


def test_nothing_to_compare_with_is_misuse_and_what_is_no_inventory_is_refused(tmp_path, data):
    ok("record", "-", stdin=provenance("x", DIGEST), data=data)
    assert run("reconcile", data=data).code == 2
    for option in ("--ci", "--cluster", "--cloud"):
        done = run("reconcile", option, put(tmp_path / "x.json", {"a": 1}), "--json", data=data)
        assert (done.code, done.problem["code"]) == (1, "malformed")
    assert run("reconcile", "--registry", "http://[", data=data).code == 2

"""Inventories as the APIs of others write them: read whole, counted where left out, or refused."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import Error, Malformed
from wherefrom.formats import (
    inventory,
    inventory_ci,
    inventory_cloud,
    inventory_cluster,
    inventory_list,
    inventory_oci,
)
from wherefrom.formats.inventory import Inventory, Listed
from wherefrom.formats.recognise import facts_of

TAKEN = {"source": "x", "taken": "2026-01-01T00:00:00Z"}
D, E = "sha256:" + "d" * 64, "sha256:" + "e" * 64


def ci(*runs, **asked):
    return inventory_ci.read(json.dumps(list(runs)).encode(), **TAKEN, **asked)


def test_runs_of_github_are_read_from_its_api_and_from_its_program():
    api = {
        "id": 30433642, "name": "Build", "head_branch": "master", "run_number": 562,
        "run_attempt": 2, "event": "push", "status": "completed", "conclusion": "success",
        "html_url": "https://github.com/octo-org/octo-repo/actions/runs/30433642",
        "url": "https://api.github.com/repos/octo-org/octo-repo/actions/runs/30433642",
        "updated_at": "2020-01-22T19:33:08Z",
    }  # fmt: skip
    program = {
        "attempt": 1, "conclusion": "success", "headBranch": "trunk", "databaseId": 5,
        "url": "https://github.com/cli/cli/actions/runs/5", "workflowName": "Go",
        "updatedAt": "2020-01-22T19:33:08Z",
    }  # fmt: skip
    found = ci(api, program)
    one, other = found.listed
    assert found.covers == (
        "git+https://github.com/octo-org/octo-repo", "git+https://github.com/cli/cli",
    )  # fmt: skip
    assert one.says == "Build 30433642 of master"
    assert one.names == (
        f"{api['html_url']}/attempts/1", f"{api['html_url']}/attempts/2",
        "30433642-1", "30433642-2",
    )  # fmt: skip
    assert other.says == "Go 5 of trunk"
    wrapped = json.dumps({"total_count": 1, "workflow_runs": [api]}).encode()
    assert inventory_ci.read(wrapped, **TAKEN).listed == (one,)


def test_pipelines_and_jobs_of_gitlab_are_read_and_those_that_failed_are_counted():
    pipeline = {"id": 47, "iid": 12, "status": "success", "ref": "main", "sha": "a" * 40,
                "web_url": "https://gitlab.example.com/foo/sub/bar/-/pipelines/47"}  # fmt: skip
    job = {
        "id": 7,
        "name": "rubocop",
        "status": "success",
        "ref": "main",
        "web_url": "https://gitlab.example.com/foo/bar/-/jobs/7",
        "pipeline": {"id": 6, "web_url": "https://gitlab.example.com/foo/bar/-/pipelines/6"},
    }
    failed = "https://gitlab.example.com/foo/bar/-/jobs/8"
    found = ci(pipeline, job, {**job, "id": 8, "status": "failed", "web_url": failed})
    assert [(one.id, one.where) for one in found.listed] == [
        (pipeline["web_url"], "git+https://gitlab.example.com/foo/sub/bar"),
        (job["web_url"], "git+https://gitlab.example.com/foo/bar"),
    ]
    assert found.listed[1].names == ("7", job["pipeline"]["web_url"])
    assert found.left_out == {"failed": 1}


def test_only_some_branches_cover_nothing_so_that_nothing_is_missing_there():
    run = {"id": 1, "conclusion": "success", "head_branch": "x",
           "html_url": "https://github.com/a/b/actions/runs/1"}  # fmt: skip
    assert ci(run).covers
    asked = ci(run, branches=("main",))
    assert (asked.covers, asked.listed, asked.left_out) == ((), (), {"another branch": 1})
    assert ci().listed == ()


def pod(*statuses, **metadata):
    return {"kind": "Pod", "metadata": {"name": "p", "namespace": "n", **metadata},
            "status": {"containerStatuses": list(statuses)}}  # fmt: skip


def cluster(*pods):
    written = json.dumps({"kind": "List", "items": list(pods)}).encode()
    return inventory_cluster.read(written, **TAKEN)


def status(image_id, image="a", state="running"):
    return {"name": "c", "image": image, "imageID": image_id, "state": {state: {}}}


@pytest.mark.parametrize(
    ("image_id", "id"),
    [
        (f"ghcr.io/a/b@{D}", D),
        (f"docker-pullable://ghcr.io/a/b@{D}", D),
        (f"docker://{D}", D),
        (D, D),
        ("ghcr.io/a/b:1", None),
        ("", None),
        (f"ghcr.io/a/b@{D}x", None),
    ],
)
def test_a_container_is_by_the_digest_that_was_pulled(image_id, id):
    found = cluster(pod(status(image_id)))
    assert [one.id for one in found.listed] == ([id] if id else [])
    assert found.left_out == ({} if id else {"no digest": 1})


def test_a_pod_says_its_service_by_its_labels_or_by_what_made_it():
    labelled = pod(status(D), labels={"app": "x", "app.kubernetes.io/name": "cart"})
    made = pod(status(D), name="q", ownerReferences=[
        {"kind": "ReplicaSet", "name": "cart-5d9c", "controller": True}])  # fmt: skip
    daemon = pod(status(D), name="r", ownerReferences=[
        {"kind": "DaemonSet", "name": "log-agent", "controller": True}])  # fmt: skip
    assert [one.service for one in cluster(labelled, made, daemon).listed] == [
        "cart", "cart", "log-agent",
    ]  # fmt: skip
    assert cluster(pod(status(D, state="terminated"))).left_out == {"does not run": 1}


def cloud(value):
    return inventory_cloud.read(json.dumps(value).encode(), **TAKEN)


def test_clouds_name_their_resources_each_in_its_way():
    aws = cloud(
        {
            "PaginationToken": "",
            "ResourceTagMappingList": [
                {
                    "ResourceARN": "arn:aws:ec2:us-east-1:123456789012:instance/i-1",
                    "Tags": [{"Key": "Name", "Value": "web"}, {"Key": "service", "Value": "cart"}],
                }
            ],
        }
    )
    assert (aws.covers, aws.listed[0].service, aws.listed[0].where) == (
        ("arn:aws:ec2",), "cart", "us-east-1:123456789012",
    )  # fmt: skip
    line = {"name": "//compute.googleapis.com/projects/p/zones/z/instances/i",
            "assetType": "compute.googleapis.com/Instance",
            "resource": {"version": "v1", "data": {"labels": {"app": "cart"}}}}  # fmt: skip
    text = f"{json.dumps(line)}\n{json.dumps({**line, 'name': line['name'] + '2'})}\n"
    google = inventory_cloud.read(text.encode(), **TAKEN)
    assert [one.service for one in google.listed] == ["cart", "cart"]
    id = "/subscriptions/S/resourceGroups/g/providers/Microsoft.Web/sites/a"
    azure = cloud({"count": 1, "data": [{"id": id, "type": "microsoft.web/sites",
                                         "tags": None, "resourceGroup": "g"}]})  # fmt: skip
    assert (azure.listed[0].names, azure.covers) == ((id.lower(),), ("/subscriptions/s",))


def test_a_list_is_of_digests_packages_images_and_names():
    text = f"# all\n\n{D}\npkg:NPM/a@1  # shipped\nghcr.io/a/b:1@{E}\nghcr.io/a/b:1\nanything\n"
    found = inventory_list.read(text.encode(), **TAKEN)
    assert [(one.what, one.id) for one in found.listed] == [
        ("thing", D), ("thing", "pkg:npm/a@1"), ("image", E), ("thing", "ghcr.io/a/b:1"),
        ("thing", "anything"),
    ]  # fmt: skip
    with pytest.raises(Malformed, match="not an image of a registry, at x, line 1"):
        inventory_list.read(b"anything", **TAKEN, kind="registry")


def test_an_index_has_its_platforms_and_not_its_attestations():
    def part(digest, os):
        return {"digest": digest, "platform": {"os": os}}

    written = json.dumps({"manifests": [part(D, "linux"), part(E, "unknown")]}).encode()
    digest, platforms = inventory_oci.manifest(written, said=None, where="x")
    assert platforms == (D,)
    assert inventory_oci.is_attached(digest.replace(":", "-") + ".att")
    assert inventory_oci.is_attached(digest.replace(":", "-"))
    assert not inventory_oci.is_attached("sha256-abc")


def test_a_statement_says_that_an_inventory_was_taken_and_names_nothing_that_it_lists():
    made = Inventory(kind="list", source="x", taken=TAKEN["taken"],
                     listed=(Listed(what="thing", id=D),))  # fmt: skip
    facts = facts_of(inventory.to_statement(made))
    assert (facts.kind, facts.type) == ("observation", inventory.PREDICATE_TYPE)
    assert D not in {node.id for node in facts.nodes}
    document = json.loads(inventory.to_statement(made))
    document["predicate"]["listed"] = []
    with pytest.raises(Malformed, match="an inventory under another digest"):
        facts_of(json.dumps(document).encode())
    with pytest.raises(Malformed, match="a name with a NUL"):
        inventory.parse({**TAKEN, "kind": "list", "listed": [{"what": "thing", "id": "x\0"}]},
                        where="i")  # fmt: skip


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.sampled_from([D, f"a@{D}", "arn:aws:a:b:c:d", "//a/b", "/subscriptions/x",
                       "https://github.com/a/b/actions/runs/1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["items", "kind", "status", "metadata", "containerStatuses", "imageID",
                         "state", "running", "workflow_runs", "html_url", "url", "conclusion",
                         "ResourceTagMappingList", "ResourceARN", "Tags", "name", "assetType", "id",
                         "data", "labels", "ownerReferences", "pipeline", "run_attempt"]),
        inner, max_size=5,
    ),
)  # fmt: skip
READERS = (inventory_ci.read, inventory_cluster.read, inventory_cloud.read, inventory_list.read)


@pytest.mark.parametrize("read", READERS)
@given(value=ODD | st.binary(max_size=30))
def test_no_answer_is_more_than_refused(read, value):
    written = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        found = read(written, **TAKEN)
    except Error:
        return
    assert inventory.parse(msgspec.to_builtins(found), where="i") == found


@pytest.mark.parametrize("name", ["\0", "x" * 2049])
def test_a_name_that_no_record_may_hold_is_refused_where_it_is_read(name):
    with pytest.raises(Error, match=r"x\.listed\[0\]"):
        inventory_list.read(name.encode(), **TAKEN)

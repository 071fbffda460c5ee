"""Attestations on images: from one log over a registry into another, and what is verified there.

Debian's docker-registry has no referrers API, so the tag for them is tested on it; the API is that
of an honest registry in this process.
"""

import base64
import json
import re

import pytest

from tests.oci_registry import INDEX, MANIFEST, FakeRegistry
from tests.paths import DATA
from tests.registry import RegistryProcess
from tests.served import ServerProcess
from tests.sigstore_world import Made, world
from tests.unit.cli.running import run
from wherefrom.formats import release as releases
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.dsse import IN_TOTO_TYPE
from wherefrom.keys.envelopes import sign_envelope
from wherefrom.keys.held import open_signer

# The password is "secret"; as htpasswd -B writes it.
USERS = "ops:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"
AMD64, ARM64 = (
    json.dumps({"os": "linux", "architecture": one}).encode() for one in ("amd64", "arm64")
)


def statement(*digests, predicate_type="https://slsa.dev/provenance/v1", name="cart", **more):
    subject = [{"name": name, "digest": {"sha256": d.removeprefix("sha256:")}} for d in digests]
    predicate = {
        "buildDefinition": {"buildType": "t", "externalParameters": {}},
        "runDetails": {"builder": {"id": "https://ci.example/b"}},
        **more,
    }
    said = {"_type": "https://in-toto.io/Statement/v1", "subject": subject}
    return json.dumps({**said, "predicateType": predicate_type, "predicate": predicate}).encode()


def sbom(digest):
    return json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {"type": "container", "name": "cart", "version": digest,
                                   "bom-ref": "it"}},
        "components": [{"type": "library", "name": "left-pad", "version": "1.3.0",
                        "purl": "pkg:npm/left-pad@1.3.0", "bom-ref": "p"}],
    }).encode()  # fmt: skip


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture(params=["a tag", "the API"])
def registry(request, tmp_path):
    """Each kind of registry, with ``image`` and ``index`` to put there; gives host and both."""
    if request.param == "a tag":
        with RegistryProcess(tmp_path) as process:
            yield Docker(process)
    else:
        fake = FakeRegistry()
        with fake.serving() as host:
            yield Modern(fake, host)


class Docker:
    api = False

    def __init__(self, process):
        self.host, self._process = process.host, process

    def image(self, name, tag, config):
        digest, size = self._process.push(name, tag, config=config)
        return {"mediaType": MANIFEST, "digest": digest, "size": size}

    def index(self, name, tag, *parts):
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": parts}).encode()
        answer = self._process.client.put(
            f"/v2/{name}/manifests/{tag}", content=body, headers={"Content-Type": INDEX}
        )
        assert answer.status_code == 201, answer.text
        return sha256_id(body)


class Modern:
    api = True

    def __init__(self, fake, host):
        self.host, self.fake = host, fake

    def image(self, name, tag, config):
        platform = "/".join(json.loads(config).values())
        return self.fake.image(name, tag, platform)

    def index(self, name, tag, *parts):
        return self.fake.index(name, tag, *parts)["digest"]


def ok(*arguments, **named):
    done = run(*arguments, **named)
    assert done.code == 0, done.out + done.err
    return done


def told(*arguments, code=0, **named):
    done = run(*arguments, "--json", **named)
    assert done.code == code, done.out + done.err
    return done.json


def recorded(content, data):
    item = told("record", "-", stdin=content, data=data)["items"][0]
    assert item["status"] == "recorded", item
    return item["index"]


def signer(tmp_path, data, name="ci"):
    """A key that the log believes; signs statements."""
    ok("keys", "new", name, "-o", tmp_path)
    ok("keys", "trust", tmp_path / f"{name}.pub", "--name", name, data=data)
    key = open_signer(str(tmp_path / f"{name}.key"))
    return lambda content: sign_envelope(IN_TOTO_TYPE, content, key)


def two_platforms(registry, tag="1"):
    """An index, and its two platforms by their digests."""
    parts = []
    for config, architecture in ((AMD64, "amd64"), (ARM64, "arm64")):
        part = registry.image("acme/cart", None, config)
        parts.append({**part, "platform": {"os": "linux", "architecture": architecture}})
    return registry.index("acme/cart", tag, *parts), [part["digest"] for part in parts]


def test_what_one_log_holds_of_an_image_is_pushed_and_comes_into_another_bit_for_bit(
    registry, tmp_path, data
):
    image = registry.image("acme/cart", "1", AMD64)["digest"]
    contents = [
        signer(tmp_path, data)(statement(image)), statement(image, build=2), sbom(image),
    ]  # fmt: skip
    for content in contents:
        recorded(content, data)
    # Of another image, and one that only names this one as a material: neither is about it.
    recorded(statement("sha256:" + "a" * 64), data)
    material = {"uri": "x", "digest": {"sha256": image.removeprefix("sha256:")}}
    built = {"buildType": "t", "externalParameters": {}, "resolvedDependencies": [material]}
    recorded(statement("sha256:" + "b" * 64, buildDefinition=built), data)
    name = f"{registry.host}/acme/cart:1"

    pushed = told("oci", "push", name, data=data)
    assert pushed["digest"] == image
    assert pushed["api"] is registry.api
    assert sorted((i["status"], i["type"], i["digest"]) for i in pushed["items"]) == sorted([
        ("pushed", "application/vnd.dsse.envelope.v1+json", sha256_id(contents[0])),
        ("pushed", "application/vnd.in-toto+json", sha256_id(contents[1])),
        ("pushed", "application/vnd.cyclonedx+json", sha256_id(contents[2])),
    ])  # fmt: skip
    again = told("oci", "push", name, data=data)
    assert [i["status"] for i in again["items"]] == ["known"] * 3
    assert [i["manifest"] for i in again["items"]] == [i["manifest"] for i in pushed["items"]]

    other = tmp_path / "other"
    pulled = told("oci", "pull", name, data=other)
    assert [i["status"] for i in pulled["items"]] == ["recorded"] * 3
    assert {i["by"] for i in pulled["items"]} == {"referrers" if registry.api else "tag"}
    held = {told("show", f"entry:{i['index']}", data=other)["matches"][0]["id"]
            for i in pulled["items"]}  # fmt: skip
    assert held == {sha256_id(content) for content in contents}
    assert {i["status"] for i in told("oci", "pull", name, data=other)["items"]} == {"known"}
    # What came from there is there: pushed back, nothing is pushed.
    back = told("oci", "push", f"{registry.host}/acme/cart@{image}", data=other)
    assert [i["status"] for i in back["items"]] == ["known"] * 3

    folder = tmp_path / "out"
    told("oci", "pull", name, "-o", folder)
    assert {file.read_bytes() for file in folder.iterdir()} == set(contents)
    assert {file.name.partition(".")[2] for file in folder.iterdir()} == {
        "dsse.json", "intoto.json", "cdx.json",
    }  # fmt: skip
    again = told("oci", "pull", name, "-o", folder)
    assert {i["status"] for i in again["items"]} == {"known"}
    next(folder.iterdir()).write_bytes(b"something else")
    taken = run("oci", "pull", name, "-o", folder, "--json")
    assert (taken.code, taken.problem["code"]) == (1, "already_exists")


def test_an_image_is_proven_once_somebody_we_know_vouches_for_it(registry, tmp_path, data):
    image = registry.image("acme/cart", "1", AMD64)["digest"]
    name = f"{registry.host}/acme/cart:1"
    assert run("oci", "verify", name, data=data).code == 3  # no log: nobody can tell
    recorded(statement("sha256:" + "a" * 64), data)
    unknown = told("oci", "verify", name, data=data, code=1)
    assert unknown["result"] == "unproven"
    assert {s["name"]: s["ok"] for s in unknown["steps"]} == {
        "tag": True, "digest": True, "platforms": True, "tag in the log": True, "records": False,
        "documents": True, "trust": False,
    }  # fmt: skip
    recorded(statement(image), data)
    assert told("oci", "verify", name, data=data, code=1)["result"] == "unproven"

    # By what hangs on it, under a key that the log believes: it need not be in the log.
    sign = signer(tmp_path, data)
    file = tmp_path / "it.json"
    file.write_bytes(sign(statement(image, name=f"{registry.host}/acme/cart:1")))
    told("oci", "push", name, file)
    proven = told("oci", "verify", name, data=data)
    assert proven["result"] == "proven"
    (document,) = proven["documents"]
    assert (document["status"], document["entry"], document["trust"]) == (
        "unrecorded", None, "signed",
    )  # fmt: skip
    assert document["about"] == [image]
    told("oci", "pull", name, data=data)
    proven = told("oci", "verify", name, data=data)
    (document,) = proven["documents"]
    assert (document["status"], document["entry"]) == ("recorded", 4)
    assert {"name": "tag in the log", "ok": True, "says": "entry 4 says so too"} in proven["steps"]
    lines = ok("oci", "verify", name, data=data).out
    assert lines.endswith("PROVEN\n")
    assert "recorded, entry 4, signed k:" in lines

    # Revoked, it vouches for nothing; and the tag that moves on is not where the log says.
    ok("keys", "revoke", "ci", data=data)
    assert told("oci", "verify", name, data=data, code=1)["result"] == "unproven"
    registry.image("acme/cart", "1", ARM64)
    moved = told("oci", "verify", name, data=data, code=1)
    assert moved["result"] == "failed"
    (step,) = [s for s in moved["steps"] if s["name"] == "tag in the log"]
    assert step["says"].startswith(f"entry 4 says that it leads to {image}")
    pinned = told("oci", "verify", f"{name}@{image}", data=data, code=1)
    assert [s["name"] for s in pinned["steps"] if not s["ok"]] == ["tag", "trust"]
    assert pinned["result"] == "failed"


def test_a_retired_or_revoked_keys_signature_on_a_document_is_judged_as_at_the_door(
    registry, tmp_path, data
):
    image = registry.image("acme/cart", "1", AMD64)["digest"]
    name = f"{registry.host}/acme/cart:1"
    sign = signer(tmp_path, data)
    file = tmp_path / "it.json"
    file.write_bytes(sign(statement(image)))
    told("oci", "push", name, file)
    assert told("oci", "verify", name, data=data)["documents"][0]["trust"] == "signed"
    ok("keys", "revoke", "ci", data=data)
    (document,) = told("oci", "verify", name, data=data, code=1)["documents"]
    door = told("record", file, data=data, code=1)["items"][0]
    assert (document["status"], document["trust"]) == ("unrecorded", None)
    said, at_door = (
        re.sub(r"T[0-9:.]+Z", "", text) for text in (document["reason"], door["reason"])
    )
    assert said == at_door


def test_an_index_its_platforms_and_what_the_log_says_of_its_parts(registry, tmp_path, data):
    index, (amd64, arm64) = two_platforms(registry)
    name = f"{registry.host}/acme/cart:1"
    sign = signer(tmp_path, data)
    recorded(sign(statement(amd64)), data)
    # Nothing is about the index itself: said, with where there is something.
    done = run("oci", "push", name, "--json", data=data)
    assert (done.code, done.problem["code"]) == (1, "not_found")
    assert "of linux/amd64: --platform all" in done.problem["do"]
    half = told("oci", "verify", name, data=data, code=1)
    assert half["result"] == "unproven"
    assert half["steps"][-1]["says"].startswith("nobody we know vouches for it; for 1 of its 2")
    recorded(sign(statement(arm64)), data)
    both = told("oci", "verify", name, data=data)
    assert both["steps"][-1]["says"] == "somebody we know vouches for each of its platforms"
    assert [(p["platform"], p["records"], p["trust"]) for p in both["platforms"]] == [
        ("linux/amd64", 1, "signed"), ("linux/arm64", 1, "signed"),
    ]  # fmt: skip

    recorded(sign(statement(index)), data)
    pushed = told("oci", "push", name, data=data)
    assert [i["of"] for i in pushed["items"]] == [index]
    assert [(p["records"], p["pushed"]) for p in pushed["platforms"]] == [(1, False), (1, False)]
    lines = ok("oci", "push", name, "--platform", "linux/arm64", data=data).out
    assert "1 pushed" in lines
    assert f"linux/amd64 {amd64[:19]}: 1 record about it, not pushed: --platform all" in lines
    pushed = told("oci", "push", name, "--platform", "all", data=data)
    assert [(i["of"], i["status"]) for i in pushed["items"]] == [
        (index, "known"), (amd64, "pushed"), (arm64, "known"),
    ]  # fmt: skip
    other = tmp_path / "other"
    pulled = told("oci", "pull", name, "--platform", "linux/amd64", data=other)
    assert [(i["of"], i["status"]) for i in pulled["items"]] == [(amd64, "recorded")]
    assert len(told("oci", "pull", name, "--platform", "all", data=other)["items"]) == 3
    assert {d["subject"] for d in told("oci", "verify", name, data=data)["documents"]} == {
        index, amd64, arm64,
    }  # fmt: skip
    done = run("oci", "pull", name, "--platform", "linux/s390x", "--json", data=other)
    assert (done.code, done.problem["expected"]) == (1, "linux/amd64, linux/arm64")


def test_a_release_that_names_other_parts_of_an_index_is_a_contradiction(registry, tmp_path, data):
    index, (amd64, arm64) = two_platforms(registry)
    name = f"{registry.host}/acme/cart:1"

    def release(version, platforms):
        artifact = {"name": "cart", "digest": index, "platforms": platforms}
        said = {"name": "cart", "version": version, "artifacts": [artifact],
                "released": "2026-01-01T00:00:00.000000Z"}  # fmt: skip
        recorded(releases.to_statement(releases.parse(said)), data)

    release("1", {"linux/amd64": amd64})
    said = {s["name"]: s for s in told("oci", "verify", name, data=data, code=1)["steps"]}
    assert said["parts in the log"]["says"] == "1 of its 2 platforms are known to be parts of it"
    release("2", {"linux/arm64": arm64, "linux/s390x": "sha256:" + "5" * 64})
    found = told("oci", "verify", name, data=data, code=1)
    assert found["result"] == "failed"
    said = {s["name"]: s for s in found["steps"]}
    assert said["parts in the log"]["says"] == (
        f"entry 2 says that it contains sha256:{'5' * 64}, and it does not"
    )


def test_an_sbom_that_a_record_only_names_is_not_in_the_log(registry, tmp_path, data):
    image = registry.image("acme/cart", "1", AMD64)["digest"]
    name = f"{registry.host}/acme/cart:1"
    content = sbom(image)
    (tmp_path / "sbom.json").write_bytes(content)
    said = {"name": "cart", "version": "1", "released": "2026-01-01T00:00:00.000000Z",
            "artifacts": [{"name": "cart", "digest": image}],
            "dependencies": {"sboms": [sha256_id(content)]}}  # fmt: skip
    recorded(signer(tmp_path, data)(releases.to_statement(releases.parse(said))), data)
    told("oci", "push", name, tmp_path / "sbom.json")
    # The release is signed, and vouches for the image; the log would take the SBOM from anybody.
    (document,) = told("oci", "verify", name, data=data)["documents"]
    assert (document["status"], document["entry"], document["trust"]) == (
        "unrecorded", None, "channel",
    )  # fmt: skip


def test_a_tag_that_went_away_and_came_back_is_said_by_who_said_it_last(registry, data):
    first = registry.image("acme/cart", None, AMD64)["digest"]
    second = registry.image("acme/cart", "1", ARM64)["digest"]
    name = f"{registry.host}/acme/cart:1"
    for number, digest in enumerate((second, first, second)):
        recorded(statement(digest, name=name, n=number), data)
    said = {s["name"]: s["says"] for s in told("oci", "verify", name, data=data, code=1)["steps"]}
    assert said["tag in the log"] == "entry 3 says so too"


def test_files_that_are_about_something_else_or_have_no_type_are_refused(registry, tmp_path, data):
    image = registry.image("acme/cart", "1", AMD64)["digest"]
    name = f"{registry.host}/acme/cart:1"
    files = {
        "other.json": statement("sha256:" + "a" * 64),
        "lines.jsonl": statement(image, n=1) + b"\n" + b'{"a": 1}\n',
        "vex.json": json.dumps({
            "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://x.example/1",
            "author": "x", "timestamp": "2026-01-01T00:00:00Z", "version": 1,
            "statements": [{"vulnerability": {"name": "CVE-2026-1"}, "status": "fixed",
                            "products": [{"@id": "pkg:oci/cart"}]}],
        }).encode(),
        "named.spdx.json": json.dumps({
            "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "cart",
            "documentNamespace": "https://x.example/spdx", "dataLicense": "CC0-1.0",
            "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: x"]},
            "packages": [{"name": "cart", "SPDXID": "SPDXRef-cart", "versionInfo": "1",
                          "downloadLocation": "NOASSERTION"}],
            "documentDescribes": ["SPDXRef-cart"],
        }).encode(),
    }  # fmt: skip
    for file, content in files.items():
        (tmp_path / file).write_bytes(content)
    done = told("oci", "push", name, *(tmp_path / file for file in files), code=1)
    found = {i["source"].rpartition("/")[2]: i for i in done["items"]}
    assert {key: (i["status"], i["code"]) for key, i in found.items()} == {
        "other.json": ("refused", "malformed"),
        "lines.jsonl:1": ("pushed", None),
        "lines.jsonl:2": ("refused", "unsupported"),
        "vex.json": ("refused", "unsupported"),
        "named.spdx.json": ("pushed", None),
    }
    assert "the document is about something else" in found["other.json"]["reason"]
    assert "wherefrom sign" in found["vex.json"]["reason"]
    assert found["named.spdx.json"]["type"] == "application/spdx+json"
    assert run("oci", "push", name, tmp_path / "none.json", data=data).code == 3


def test_bundles_that_others_made_come_into_the_log_from_where_cosign_and_oras_hang_them(
    tmp_path, data
):
    bundles = list((DATA / "supply" / "chainloop").rglob("*.sigstore.json"))
    assert len(bundles) > 1
    fake = FakeRegistry()
    image = fake.image("acme/cart", "1")
    contents = {path.read_bytes() for path in bundles}
    for content in contents:
        kind = "application/vnd.dev.sigstore.bundle.v0.3+json"
        fake.put("acme/cart", {
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind,
            "config": fake.blob(b"{}", "application/vnd.oci.empty.v1+json"),
            "layers": [fake.blob(content, kind)], "subject": image,
        })  # fmt: skip
    envelope = json.loads(next(iter(contents)))["dsseEnvelope"]
    att = fake.blob(json.dumps(envelope).encode(), "application/vnd.dsse.envelope.v1+json")
    fake.image("acme/cart", f"sha256-{image['digest'][7:]}.att", layers=[att])
    with fake.serving() as host:
        pulled = told("oci", "pull", f"{host}/acme/cart:1", data=data)
        assert [i["status"] for i in pulled["items"]] == ["recorded"] * (len(contents) + 1)
        assert [i["by"] for i in pulled["items"]][-1] == "cosign"
        # They are about packages: nobody vouches for the image by hanging them there.
        found = told("oci", "verify", f"{host}/acme/cart:1", data=data, code=1)
    assert found["result"] == "unproven"
    assert all(d["status"] == "recorded" and d["about"] == [] for d in found["documents"])
    (step,) = [s for s in found["steps"] if s["name"] == "documents"]
    assert f"{len(contents) + 1} about something else" in step["says"]


@pytest.mark.parametrize("content", ["dsse", "message"])
def test_a_bundle_on_an_image_is_judged_by_the_root_that_the_log_believes(content, tmp_path, data):
    fake = FakeRegistry()
    image = fake.image("acme/cart", "1")
    signed = fake.manifests["acme/cart", image["digest"]][0]
    kind = "dsse 0.0.1" if content == "dsse" else "hashedrekord 0.0.1"
    bundle = tmp_path / "it.sigstore.json"
    bundle.write_text(json.dumps(Made(artifact=signed, content=content, kind=kind).document()))
    recorded(statement("sha256:" + "a" * 64), data)
    with fake.serving() as host:
        name = f"{host}/acme/cart:1"
        (item,) = told("oci", "push", name, bundle)["items"]
        assert item["type"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
        said = json.loads(fake.manifests["acme/cart", item["manifest"]][0])["annotations"]
        assert said["dev.sigstore.bundle.content"] == (
            "dsse-envelope" if content == "dsse" else "message-signature"
        )
        (document,) = told("oci", "verify", name, data=data, code=1)["documents"]
        assert (document["trust"], document["about"]) == ("channel", [image["digest"]])
        (tmp_path / "root.json").write_text(json.dumps(world().root()))
        ok("roots", "set", tmp_path / "root.json", data=data)
        proven = told("oci", "verify", name, data=data)
        assert proven["steps"][-1]["says"] == "somebody we know vouches for it: keyless"
        assert proven["documents"][0]["status"] == "unrecorded"
        told("oci", "pull", name, data=data)
        (document,) = told("oci", "verify", name, data=data)["documents"]
        assert (document["status"], document["trust"]) == ("recorded", "keyless")


def test_evidence_is_pushed_when_asked_for_and_proves_itself_where_it_comes_out(
    registry, tmp_path, data
):
    image = registry.image("acme/cart", "1", AMD64)["digest"]
    name = f"{registry.host}/acme/cart:1"
    recorded(signer(tmp_path, data)(statement(image)), data)
    pushed = told("oci", "push", name, "--evidence", data=data)
    assert [i["type"] for i in pushed["items"]][1] == "application/vnd.wherefrom-evidence.v1+zip"
    again = told("oci", "push", name, "--evidence", data=data)
    assert [i["status"] for i in again["items"]] == ["known", "known"]
    assert told("oci", "verify", name, data=data)["documents"][1]["status"] == "left_out"
    pulled = told("oci", "pull", name, data=tmp_path / "other")
    assert [i["status"] for i in pulled["items"]] == ["recorded", "skipped"]
    told("oci", "pull", name, "-o", tmp_path / "out")
    (evidence,) = (tmp_path / "out").glob("*.zip")
    vkey = told("log", "status", data=data)["vkey"]
    report = told("verify", evidence, "--offline", "--log-key", vkey)
    assert report["result"] == "proven"


def test_what_hangs_on_an_image_and_is_a_lie_makes_it_fail(tmp_path, data):
    fake = FakeRegistry()
    with fake.serving() as host:
        image = fake.image("acme/cart", "1")["digest"]
        name = f"{host}/acme/cart:1"
        sign = signer(tmp_path, data)
        recorded(sign(statement(image)), data)
        assert told("oci", "verify", name, data=data)["result"] == "proven"
        envelope = json.loads(sign(statement(image, n=2)))
        keyid = envelope["signatures"][0]["keyid"]
        forged = {**envelope, "signatures": [
            {"keyid": keyid, "sig": base64.b64encode(b"\0" * 64).decode()}]}  # fmt: skip
        layer = fake.blob(json.dumps(forged).encode(), "application/vnd.dsse.envelope.v1+json")
        noise = fake.blob(b'{"no": "record"}', "application/json")
        fake.image("acme/cart", f"sha256-{image[7:]}.att", layers=[layer, noise])
        found = told("oci", "verify", name, data=data, code=1)
        assert found["result"] == "failed"
        assert [(d["status"], d["trust"]) for d in found["documents"]] == [
            ("unrecorded", None), ("refused", None),
        ]  # fmt: skip
        assert [s["name"] for s in found["steps"] if not s["ok"]] == ["documents"]
        pulled = told("oci", "pull", name, data=data, code=1)
        assert [i["code"] for i in pulled["items"]] == ["bad_signature", "unsupported"]
        # And one that serves something else than it names.
        fake.twist(f"/blobs/{noise['digest']}", lambda a: a._replace(body=b'{"no": "recorx"}'))
        broken = told("oci", "verify", name, data=data, code=1)["documents"][1]
        assert broken["status"] == "broken"
        assert "other bytes than were asked for" in broken["reason"]
        fake.twist("/manifests/1", lambda a: a._replace(body=a.body + b" "))
        lie = told("oci", "verify", name, data=data, code=1)
        assert (lie["result"], lie["steps"][0]["name"]) == ("failed", "digest")
        done = run("oci", "pull", name, "--json", data=data)
        assert (done.code, done.problem["code"]) == (1, "malformed")


def test_a_platform_that_is_another_one_makes_an_index_fail(registry, tmp_path, data):
    part = registry.image("acme/cart", None, ARM64)
    wrong = {**part, "platform": {"os": "linux", "architecture": "amd64"}}
    index = registry.index("acme/cart", "1", wrong)
    recorded(signer(tmp_path, data)(statement(index)), data)
    found = told("oci", "verify", f"{registry.host}/acme/cart:1", data=data, code=1)
    assert found["result"] == "failed"
    (step,) = [s for s in found["steps"] if not s["ok"]]
    assert step["name"] == "platforms"
    assert "expected linux/amd64, got linux/arm64" in step["says"]


def test_a_server_is_asked_and_written_to_as_a_directory_is(registry, tmp_path, data, monkeypatch):
    image = registry.image("acme/cart", "1", AMD64)["digest"]
    name = f"{registry.host}/acme/cart:1"
    recorded(signer(tmp_path, data)(statement(image)), data)
    here = told("oci", "verify", name, data=data)
    with ServerProcess(data) as server:
        monkeypatch.setenv("WHEREFROM_TOKEN", server.token)
        there = told("oci", "verify", name, "--server", server.url)
        assert there == here
        pushed = told("oci", "push", name, "--server", server.url)
        assert [i["status"] for i in pushed["items"]] == ["pushed"]
        pulled = told("oci", "pull", name, "--server", server.url)
        assert [i["status"] for i in pulled["items"]] == ["known"]


def test_a_registry_that_wants_a_password_takes_the_one_that_docker_keeps(
    tmp_path, data, monkeypatch
):
    with RegistryProcess(tmp_path, htpasswd=USERS) as registry:
        registry.client.auth = ("ops", "secret")
        image, _ = registry.push("acme/cart", "1", config=AMD64)
        name = f"{registry.host}/acme/cart:1"
        recorded(statement(image), data)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
        refused = run("oci", "push", name, data=data)
        assert refused.code == 3
        assert "WHEREFROM_REGISTRY_USER" in refused.err
        (tmp_path / "docker").mkdir()
        auth = base64.b64encode(b"ops:secret").decode()
        (tmp_path / "docker" / "config.json").write_text(
            json.dumps({"auths": {registry.host: {"auth": auth}}})
        )
        assert [i["status"] for i in told("oci", "push", name, data=data)["items"]] == ["pushed"]
        assert len(told("oci", "pull", name, data=tmp_path / "other")["items"]) == 1


def test_what_is_not_there_and_what_is_no_reference_end_as_they_should(registry, tmp_path, data):
    recorded(statement("sha256:" + "a" * 64), data)
    for verb in ("push", "pull", "verify"):
        assert run("oci", verb, f"{registry.host}/acme/none:1", data=data).code == 1
        assert run("oci", verb, "cart:1", data=data).code == 2
        assert run("oci", verb, "127.0.0.1:1/acme/cart", data=data).code == 3
    registry.image("acme/cart", "1", AMD64)
    nothing = ok("oci", "pull", f"{registry.host}/acme/cart:1", data=tmp_path / "other")
    assert nothing.out == "Nothing hangs on this image.\n"
    assert not (tmp_path / "other").exists()


def test_what_is_pulled_comes_in_by_batches_each_told_in_its_place(tmp_path, data, monkeypatch):
    monkeypatch.setattr("wherefrom.cli.oci_pull.BATCH_RECORDS", 2)
    fake = FakeRegistry()
    image = fake.image("acme/cart", "1")
    contents = [statement(image["digest"], n=n) for n in range(5)]
    layers = [fake.blob(content, "application/vnd.in-toto+json") for content in contents]
    layers.insert(2, fake.blob(b"\0", "application/vnd.oci.image.layer.v1.tar"))
    fake.image("acme/cart", f"sha256-{image['digest'][7:]}.att", layers=layers)
    with fake.serving() as host:
        pulled = told("oci", "pull", f"{host}/acme/cart:1", data=data)
    assert [i["index"] for i in pulled["items"]] == [1, 2, None, 3, 4, 5]
    assert [i["digest"] for i in pulled["items"]] == [layer["digest"] for layer in layers]
    assert pulled["items"][2]["status"] == "skipped"
    assert pulled["log"]["size"] == 6

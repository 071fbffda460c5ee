"""References, manifests and media types of OCI registries, and what docker keeps of passwords."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.errors import Malformed, Refused, SettingError, Unsupported
from wherefrom.formats import docker_config, oci_artifacts, oci_manifest, oci_reference, recognise
from wherefrom.formats.digests import sha256_id
from wherefrom.formats.oci_manifest import INDEX, MANIFEST, Descriptor

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
TYPES = st.sampled_from([MANIFEST, "application/spdx+json", "text/x;a=b"])
DESCRIPTORS = st.builds(
    Descriptor,
    media_type=TYPES,
    digest=st.sampled_from([A, B, "sha512:" + "c" * 128]),
    size=st.integers(0, 2**53),
    artifact_type=st.sampled_from(["", "application/spdx+json", "sbom/x", "ünusual"]),
    annotations=st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=2),
)


@pytest.mark.parametrize(
    ("text", "url", "name", "pointer"),
    [
        ("ghcr.io/acme/cart:1", "https://ghcr.io", "ghcr.io/acme/cart", "1"),
        ("ghcr.io/acme/cart", "https://ghcr.io", "ghcr.io/acme/cart", "latest"),
        (f"ghcr.io/acme/cart:1@{A}", "https://ghcr.io", "ghcr.io/acme/cart", A),
        (f"r.example:443/a/b.c__d-e@{A}", "https://r.example:443", "r.example:443/a/b.c__d-e", A),
        ("localhost/cart:1", "http://localhost", "localhost/cart", "1"),
        ("localhost:5000/cart:1", "http://localhost:5000", "localhost:5000/cart", "1"),
        ("127.0.0.8:5000/cart", "http://127.0.0.8:5000", "127.0.0.8:5000/cart", "latest"),
        ("[::1]:5000/cart:1", "http://[::1]:5000", "[::1]:5000/cart", "1"),
        ("https://localhost:5000/cart:1", "https://localhost:5000", "localhost:5000/cart", "1"),
        ("http://r.example/cart:1", "http://r.example", "r.example/cart", "1"),
        ("10.0.0.1:5000/cart:1", "https://10.0.0.1:5000", "10.0.0.1:5000/cart", "1"),
        ("docker.io/nginx:1", "https://registry-1.docker.io", "docker.io/library/nginx", "1"),
        ("index.docker.io/a/b:1", "https://registry-1.docker.io", "docker.io/a/b", "1"),
    ],
)
def test_a_reference_says_where_to_ask_and_by_tls_unless_it_is_here(text, url, name, pointer):
    found = oci_reference.parse(text)
    assert (found.url, found.name, found.pointer) == (url, name, pointer)


@pytest.mark.parametrize("text", [
    "", "cart", "cart:1", "acme/cart:1", "ghcr.io/Acme/cart", "ghcr.io/acme/../cart", "ghcr.io/",
    "ghcr.io//cart", "u:p@ghcr.io/cart", "ghcr.io/cart:", "ghcr.io/cart@sha256:abc",
    "ghcr.io/cart@md5:a",
    "ftp://ghcr.io/cart", "ghcr.io/cart:1\n", "ghcr.io/cart:é", "ghcr.io/" + "a" * 256,
    "ghcr.io:99999999/cart", "ghcr.io/cart?x", "ghcr.io/cart#x", "-x.io/cart",
])  # fmt: skip
def test_what_is_no_reference_is_refused_and_no_registry_is_guessed_at(text):
    with pytest.raises(SettingError, match=r"not an image in a registry|name is too long"):
        oci_reference.parse(text)


@given(DESCRIPTORS, st.binary(max_size=20), TYPES)
def test_a_referrer_says_what_it_was_made_of(subject, content, kind):
    made = oci_manifest.referrer(subject, kind, content, annotations={"b": "2", "a": "1"})
    again = oci_manifest.referrer(subject, kind, content, annotations={"a": "1", "b": "2"})
    assert made == again
    read = oci_manifest.parse(made, where="x")
    assert (read.digest, read.size) == (sha256_id(made), len(made))
    assert (read.media_type, read.artifact_type) == (MANIFEST, kind)
    assert (read.subject.digest, read.subject.size) == (subject.digest, subject.size)
    (layer,) = read.layers
    assert (layer.digest, layer.size, layer.media_type) == (sha256_id(content), len(content), kind)
    oci_manifest.need_same(content, layer, where="x")


@given(st.lists(DESCRIPTORS, max_size=4))
def test_a_list_of_referrers_grows_by_one_at_a_time_and_keeps_what_it_does_not_know(some):
    written = None
    for number, one in enumerate(some):
        body = oci_manifest.referrer(one, "application/spdx+json", b"%d" % number, annotations={})
        manifest = oci_manifest.parse(body, where="x")
        written = oci_manifest.with_listed(written, [manifest])
        if not number:
            document = json.loads(written)
            document["manifests"][0]["data"] = "as it was"
            document["annotations"] = {"a": "b"}
            written = json.dumps(document).encode()
        assert oci_manifest.parse(written, where="x").manifests[-1] == oci_manifest.listed(manifest)
    if written is not None:
        document = json.loads(written)
        assert len(document["manifests"]) == len(some)
        assert document["manifests"][0]["data"] == "as it was"
        assert document["annotations"] == {"a": "b"}


def described(**said):
    return {"mediaType": MANIFEST, "digest": A, "size": 1, **said}


@pytest.mark.parametrize(
    ("document", "error", "says"),
    [
        ({"schemaVersion": 1}, Unsupported, "not a manifest that is read"),
        ({"schemaVersion": 2, "mediaType": "text/plain"}, Unsupported, "not a manifest that is"),
        ({"schemaVersion": 2, "mediaType": MANIFEST, "manifests": []}, Malformed, "two kinds"),
        ({"schemaVersion": 2, "mediaType": INDEX, "layers": []}, Malformed, "two kinds"),
        ({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "layers": []}, Malformed, "two"),
        ({"schemaVersion": 2, "layers": [described(digest="sha256:AB")]}, Malformed,
         r"not a digest, at x\.layers\[0\]\.digest"),
        ({"schemaVersion": 2, "layers": [described(digest="md5:" + "a" * 32)]}, Malformed,
         "not a digest"),
        ({"schemaVersion": 2, "layers": [described(size=-1)]}, Malformed, "not a size"),
        ({"schemaVersion": 2, "layers": [described(size=True)]}, Malformed, "not a size"),
        ({"schemaVersion": 2, "layers": [described(size=1.0)]}, Malformed, "not a size"),
        ({"schemaVersion": 2, "layers": [described(mediaType="x")]}, Malformed, "not a media type"),
        ({"schemaVersion": 2, "layers": [described(annotations={"a": 1})]}, Malformed, "no text"),
        ({"schemaVersion": 2, "layers": [], "subject": {}}, Malformed, "missing"),
        ({"schemaVersion": 2, "layers": [], "artifactType": "a\nb"}, Malformed, "type of an art"),
        ({"schemaVersion": 2, "manifests": [described()] * 10_001}, Refused, "lists too much"),
        ([], Malformed, "an object"),
    ],
)  # fmt: skip
def test_a_manifest_that_could_mean_two_things_or_names_nothing_is_refused(document, error, says):
    with pytest.raises(error, match=says):
        oci_manifest.parse(json.dumps(document).encode(), where="x")


def test_platforms_are_told_from_what_attests_them():
    def on(platform, **more):
        return described(platform=dict(zip(("os", "architecture", "variant"), platform.split("/"),
                                           strict=False)), **more)  # fmt: skip

    note = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": B}
    index = oci_manifest.parse(json.dumps({"schemaVersion": 2, "manifests": [
        on("linux/arm64/v8", digest=A), on("linux/arm64", digest=B), on("linux/arm/v7"),
        on("unknown/unknown", annotations=note), on("unknown/unknown"),
        on("unknown/unknown", annotations={**note, "vnd.docker.reference.digest": "../x"}),
    ]}).encode(), where="x")  # fmt: skip
    assert [d.platform_name for d in index.platforms] == [
        "linux/arm64/v8", "linux/arm64", "linux/arm/v7",
    ]  # fmt: skip
    assert [d.attests for d in index.manifests] == [None, None, None, B, None, None]
    assert index.of_platform("linux/arm64").digest == B
    assert index.of_platform("linux/arm64/v8").digest == A
    assert index.of_platform("linux/arm").platform_name == "linux/arm/v7"
    assert index.of_platform("linux/ar") is None


def test_every_real_document_that_has_a_media_type_is_read_back_by_it():
    found = {}
    for path in sorted((DATA / "supply").rglob("*.json")):
        content = path.read_bytes()
        try:
            read = recognise.read(content)
        except Refused:
            continue
        try:
            made = oci_artifacts.artifact_of(content, read)
        except Unsupported:
            found.setdefault(read.format, set())
            continue
        assert oci_artifacts.is_read(made.media_type)
        assert made.file == oci_artifacts.file_name(content, made.media_type)
        assert all(isinstance(value, str) for value in made.annotations.values())
        found.setdefault(read.format, set()).add(made.media_type)
    assert found["sigstore_bundle"] == {
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "application/vnd.dev.sigstore.bundle+json",
    }
    assert found["cyclonedx"] == {"application/vnd.cyclonedx+json"}
    assert found["spdx"] == {"application/spdx+json"}
    assert found["dsse"] == {"application/vnd.dsse.envelope.v1+json"}
    assert found["statement"] == {"application/vnd.in-toto+json"}
    assert found["openvex"] == set()


def config(auths):
    return json.dumps({"auths": auths, "credsStore": "pass"}).encode()


def test_a_password_is_that_of_the_host_and_of_no_other():
    auth = base64.b64encode(b"user:pa:ss").decode()
    written = config({
        "ghcr.io": {"auth": auth},
        "https://index.docker.io/v1/": {"username": "h", "password": "p"},
        "r.example:5000": {}, "broken.example": {"auth": "!"}, "none.example": {"auth": "dXNlcg=="},
    })  # fmt: skip

    def of(host):
        return docker_config.credentials(written, host, where="config.json")

    assert of("ghcr.io") == ("user", "pa:ss")
    assert of("registry-1.docker.io") == ("h", "p")
    for host in ("r.example:5000", "broken.example", "none.example", "hcr.io", "xghcr.io",
                 "ghcr.io:443"):  # fmt: skip
        assert of(host) is None
    with pytest.raises(Malformed):
        docker_config.credentials(b"{", "ghcr.io", where="config.json")

"""What hangs on an image in a registry that is honest, and in registries that are not."""

import json
from types import SimpleNamespace

import httpx
import pytest

from tests.oci_registry import INDEX, MANIFEST, Answer, FakeRegistry, digest_of
from wherefrom.capture import attaching
from wherefrom.capture import repository as repositories
from wherefrom.capture.attaching import TRIES_MAX, Attacher
from wherefrom.capture.repository import Repository, check_platforms
from wherefrom.errors import (
    LimitPassed,
    Malformed,
    NotFound,
    SettingError,
    Unavailable,
    Unsupported,
)
from wherefrom.formats import oci_artifacts, oci_manifest, oci_reference, recognise

NAME = "acme/cart"
REF = f"registry.example/{NAME}:1"
ZERO = "sha256:" + "0" * 64


def statement(digest, number=0):
    return json.dumps({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/t/v1",
        "subject": [{"digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicate": {"number": number},
    }).encode()  # fmt: skip


def opened(fake, *, actions="pull", ref=REF, environment=None):
    return Repository(
        oci_reference.parse(ref), environment=environment or {}, actions=actions,
        transport=fake.transport,
    )  # fmt: skip


def attach(fake, subject, *contents, ref=REF):
    with opened(fake, actions="pull,push", ref=ref) as repository:
        image = repository.manifest(subject["digest"]).manifest
        attacher = Attacher(repository, image.descriptor)
        done = [
            attacher.attach(c, oci_artifacts.artifact_of(c, recognise.read(c))) for c in contents
        ]
        attacher.finish()
        return done


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """What others do meanwhile, tests do at once; gives how long was waited."""
    waited = []
    monkeypatch.setattr(attaching, "time", SimpleNamespace(sleep=waited.append))
    return waited


def hanging(fake, subject):
    with opened(fake) as repository:
        return list(repository.hanging(repository.manifest(subject["digest"]).manifest))


def puts(fake):
    return [path for method, path, _ in fake.asked if method == "PUT"]


@pytest.mark.parametrize("api", [True, False])
def test_what_is_hung_on_an_image_is_found_there_and_is_pushed_once(api):
    fake = FakeRegistry(api=api)
    image = fake.image(NAME, "1")
    contents = [statement(image["digest"], n) for n in range(5)]
    done = attach(fake, image, *contents)
    assert [one.status for one in done] == ["pushed"] * 5
    found = hanging(fake, image)
    assert [one.content for one in found] == contents
    assert {one.by for one in found} == {"referrers" if api else "tag"}
    assert (("acme/cart", f"sha256-{image['digest'][7:]}") in fake.tags) is not api
    before = len(puts(fake))
    again = attach(fake, image, *contents)
    assert again == [one._replace(status="known") for one in done]
    assert len(puts(fake)) == before


def test_a_referrer_is_the_manifest_that_the_specification_says():
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    content = statement(image["digest"])
    (done,) = attach(fake, image, content)
    document = json.loads(fake.manifests[NAME, done.manifest][0])
    assert document == {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.in-toto+json",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"),
                   "size": 2},
        "layers": [{"mediaType": "application/vnd.in-toto+json", "digest": digest_of(content),
                    "size": len(content),
                    "annotations": {"org.opencontainers.image.title":
                                    f"{digest_of(content)[7:23]}.intoto.json"}}],
        "subject": image,
        "annotations": {"in-toto.io/predicate-type": "https://example.com/t/v1"},
    }  # fmt: skip


def test_a_document_that_somebody_else_hung_there_is_not_pushed_again():
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    content = statement(image["digest"])
    theirs = fake.put(NAME, {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.in-toto+json",
        "config": fake.blob(b"{}"), "layers": [fake.blob(content, "application/vnd.in-toto+json")],
        "subject": image,
        "annotations": {"org.opencontainers.image.created": "2026-01-01T00:00:00Z"},
    })  # fmt: skip
    (done,) = attach(fake, image, content)
    assert (done.status, done.manifest) == ("known", theirs["digest"])


def test_a_list_that_somebody_else_writes_meanwhile_ends_with_both():
    fake = FakeRegistry(api=False)
    image = fake.image(NAME, "1")
    tag = f"sha256-{image['digest'][7:]}"
    theirs = {"mediaType": MANIFEST, "digest": ZERO, "size": 7, "x": "as they wrote it"}
    # Theirs, written from what was there before, takes the place of ours: once.
    lost = fake.index
    fake.twist(
        f"PUT /v2/{NAME}/manifests/{tag}",
        lambda answer: lost(NAME, tag, theirs) and answer, times=1,
    )  # fmt: skip
    (done,) = attach(fake, image, statement(image["digest"]))
    listed = json.loads(fake.manifests[NAME, fake.tags[NAME, tag]][0])["manifests"]
    assert listed[0] == theirs
    assert [one["digest"] for one in listed] == [ZERO, done.manifest]
    assert listed[1]["artifactType"] == "application/vnd.in-toto+json"
    sent = [h.get("if-match") for m, p, h in fake.asked if m == "PUT" and tag in p]
    assert sent[0] is None
    assert sent[1].startswith('"sha256:')


def test_a_list_that_somebody_who_read_before_us_writes_after_us_is_written_again(monkeypatch):
    fake = FakeRegistry(api=False)
    image = fake.image(NAME, "1")
    tag = f"sha256-{image['digest'][7:]}"
    theirs = {"mediaType": MANIFEST, "digest": ZERO, "size": 7}
    waits = iter([lambda: fake.index(NAME, tag, theirs), lambda: None])
    monkeypatch.setattr(attaching, "time", SimpleNamespace(sleep=lambda _: next(waits)()))
    done = attach(fake, image, *(statement(image["digest"], n) for n in range(2)))
    listed = json.loads(fake.manifests[NAME, fake.tags[NAME, tag]][0])["manifests"]
    assert [one["digest"] for one in listed] == [ZERO, *(one.manifest for one in done)]


def test_a_registry_that_stumbles_over_two_who_write_one_tag_is_asked_again(no_waiting):
    fake = FakeRegistry(api=False)
    image = fake.image(NAME, "1")
    tag = f"sha256-{image['digest'][7:]}"
    # It is written, and the answer lost.
    fake.twist(f"PUT /v2/{NAME}/manifests/{tag}", lambda a: Answer(500, {}), times=1)
    (done,) = attach(fake, image, statement(image["digest"]))
    assert [one.manifest for one in hanging(fake, image)] == [done.manifest]
    assert len(no_waiting) == 2
    fake.twist(f"GET /v2/{NAME}/manifests/{tag}", lambda a: Answer(500, {}), times=1)
    with pytest.raises(Unavailable, match="HTTP 500"):  # what hangs there must be known first
        attach(fake, image, statement(image["digest"]))
    fake.twist("PUT", lambda a: Answer(500, {}, b'{"errors": [{"code": "UNKNOWN"}]}'))
    with pytest.raises(Unavailable, match="HTTP 500, UNKNOWN"):
        attach(fake, image, statement(image["digest"], 1))


def test_a_list_that_never_holds_what_was_pushed_ends_in_an_error():
    fake = FakeRegistry(api=False)
    image = fake.image(NAME, "1")
    tag = f"sha256-{image['digest'][7:]}"
    fake.twist(f"PUT /v2/{NAME}/manifests/{tag}", lambda a: fake.index(NAME, tag) and a)
    with pytest.raises(Unavailable, match="others write the same list"):
        attach(fake, image, statement(image["digest"]))
    assert sum(tag in path for path in puts(fake)) == TRIES_MAX


def test_a_registry_that_lists_but_does_not_say_so_gets_no_second_list():
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    fake.twist("PUT", lambda a: a._replace(headers={}))
    attach(fake, image, statement(image["digest"]))
    assert set(fake.tags) == {(NAME, "1")}


def test_a_registry_that_hangs_it_on_another_image_is_refused():
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    fake.twist("PUT", lambda a: a._replace(headers={"oci-subject": ZERO}))
    with pytest.raises(Malformed, match="hung a document on another image"):
        attach(fake, image, statement(image["digest"]))


def test_what_cosign_and_buildkit_hang_there_is_found_and_what_is_no_record_is_left_out():
    fake = FakeRegistry()
    part = fake.image(NAME)
    content = statement(part["digest"])
    build = fake.image(NAME, layers=[fake.blob(content, "application/vnd.in-toto+json")])
    beside = {**build, "platform": {"os": "unknown", "architecture": "unknown"}, "annotations": {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": part["digest"]}}  # fmt: skip
    index = fake.index(NAME, "1", {**part, "platform": {"os": "linux"}}, beside)
    tag = f"sha256-{index['digest'][7:]}"
    dsse = b'{"payload": ""}'
    fake.image(NAME, f"{tag}.att",
               layers=[fake.blob(dsse, "application/vnd.dsse.envelope.v1+json")])  # fmt: skip
    fake.image(NAME, f"{tag}.sig", layers=[
        fake.blob(b"{}", "application/vnd.dev.cosign.simplesigning.v1+json"),
        fake.blob(b"\x00", "application/vnd.oci.image.layer.v1.tar+gzip")])  # fmt: skip
    found = hanging(fake, index)
    assert [(one.by, one.subject, one.content) for one in found] == [
        ("cosign", index["digest"], dsse),
        ("cosign", index["digest"], None),
        ("cosign", index["digest"], None),
        ("index", part["digest"], content),
    ]
    assert "older kind" in found[1].left_out
    assert "layer.v1.tar+gzip is not read" in found[2].left_out


TWO_KINDS = b'{"schemaVersion": 2, "manifests": [], "layers": []}'
LIES = [
    ("GET /v2/acme/cart/blobs", lambda a: a._replace(body=a.body + b" "), "other bytes than"),
    ("GET /v2/acme/cart/blobs", lambda a: Answer(404, {}), "does not have what a manifest names"),
    ("GET /v2/acme/cart/blobs", lambda a: a._replace(body=b"x" * 1_000_000), "too large"),
    ("/referrers/", lambda a: a._replace(body=a.body.replace(b'"size": ', b'"size": 1')),
     "another size than is named"),
    ("/referrers/", lambda a: a._replace(body=b"{"), "not JSON"),
    ("/referrers/", lambda a: a._replace(body=a.body.replace(b"sha256:", b"sha256:../", 1)),
     "not a digest"),
    ("/referrers/", lambda a: a._replace(body=TWO_KINDS), "two kinds"),
    ("/referrers/", lambda a: a._replace(headers={**a.headers, "link": '<//x.example/>; rel=next'}),
     "on another host"),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "lie", "says"), LIES, ids=[says for *_, says in LIES])
def test_a_lie_about_a_document_is_its_trouble_and_costs_no_other(wanted, lie, says):
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    attach(fake, image, statement(image["digest"]))
    dsse = b'{"payload": ""}'
    held = fake.blob(dsse, "application/vnd.dsse.envelope.v1+json")
    fake.image(NAME, f"sha256-{image['digest'][7:]}.att", layers=[held])
    fake.twist(wanted, lie, times=1)
    found = hanging(fake, image)
    troubled = [one for one in found if one.trouble is not None]
    assert len(troubled) == 1, found
    assert says in str(troubled[0].trouble)
    assert found[-1].content == dsse


def test_a_manifest_that_refers_to_another_image_is_told():
    fake = FakeRegistry(api=False)
    image, other = fake.image(NAME, "1"), fake.image(NAME, "2", "linux/arm64")
    (done,) = attach(fake, other, statement(other["digest"]))
    body, _ = fake.manifests[NAME, done.manifest]
    listed = {"mediaType": MANIFEST, "digest": done.manifest, "size": len(body)}
    fake.index(NAME, f"sha256-{image['digest'][7:]}", listed)
    (found,) = hanging(fake, image)
    assert "refers to something else" in str(found.trouble)


@pytest.mark.parametrize(
    ("twist", "error", "says"),
    [
        (lambda a: a._replace(body=a.body + b" "), Malformed, "other bytes than were asked for"),
        (lambda a: a._replace(headers={"docker-content-digest": ZERO}), Malformed, "other bytes"),
        (
            lambda a: a._replace(body=b'{"schemaVersion": 1}', headers={}),
            Unsupported,
            "not a manifest that is",
        ),
    ],
)
def test_an_image_that_is_not_what_the_registry_says_is_refused(twist, error, says):
    fake = FakeRegistry()
    fake.image(NAME, "1")
    fake.twist("/manifests/1", twist)
    with opened(fake) as repository, pytest.raises(error, match=says):
        repository.manifest("1")


def test_an_image_by_its_digest_must_have_it_and_one_that_is_not_there_is_not_found():
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    with opened(fake) as repository:
        assert repository.manifest(image["digest"]).manifest.digest == image["digest"]
        fake.twist("/manifests/sha256:", lambda a: a._replace(headers={}, body=a.body + b"\n"))
        with pytest.raises(Malformed, match="other bytes than were asked for"):
            repository.manifest(image["digest"])
        with pytest.raises(NotFound, match="no such image"):
            repository.manifest("2")


def test_lists_without_an_end_and_lists_that_are_too_long_are_refused(monkeypatch):
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    pages = iter(range(10**9))

    def more(answer):
        there = f"/v2/{NAME}/referrers/{image['digest']}?page={next(pages)}"
        return answer._replace(headers={**answer.headers, "link": f'<{there}>; rel="next"'})

    monkeypatch.setattr("wherefrom.capture.registry_http.PAGES_MAX", 20)
    fake.twist("/referrers/", more)
    (found,) = hanging(fake, image)
    assert "has no end" in str(found.trouble)
    fake.twists.clear()
    attach(fake, image, *(statement(image["digest"], n) for n in range(4)))
    monkeypatch.setattr(repositories, "HANGING_MAX", 3)
    assert "too much hangs on an image" in str(hanging(fake, image)[0].trouble)
    monkeypatch.setattr(repositories, "HANGING_MAX", 1000)
    monkeypatch.setattr(repositories, "HANGING_BYTES_MAX", 300)
    with pytest.raises(LimitPassed, match="is too large"):
        hanging(fake, image)


def test_a_document_that_says_that_it_is_huge_is_not_fetched():
    fake = FakeRegistry()
    layer = {**fake.blob(b"{}", "application/spdx+json"), "size": 2**40}
    image = fake.image(NAME, "1")
    fake.image(NAME, f"sha256-{image['digest'][7:]}.sbom", layers=[layer])
    (found,) = hanging(fake, image)
    assert "a document is too large" in str(found.trouble)
    assert not any("/blobs/" in path for _, path, _ in fake.asked)


def redirecting(fake, where, seen):
    """Its blobs lie at ``where``; ``seen`` keeps what is asked there."""
    honest = fake.answer

    def over(request):
        if request.url.host != "registry.example":
            seen.append(request)
            digest = request.url.path.rpartition("/")[2]
            return httpx.Response(200, content=fake.blobs[digest])
        path = request.url.raw_path.decode()
        if request.headers.get("authorization") is None and "/v2/" in path:
            return httpx.Response(401, headers={"www-authenticate": 'Basic realm="x"'})
        if "/blobs/" in path:
            return httpx.Response(307, headers={"location": where + path.rpartition("/")[2]})
        answer = honest(request.method, path, dict(request.headers), request.read())
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)

    fake.transport = httpx.MockTransport(over)


def test_a_blob_that_lies_elsewhere_is_fetched_by_tls_and_without_our_password():
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    content = statement(image["digest"])
    attach(fake, image, content)
    seen: list[httpx.Request] = []
    environment = {"WHEREFROM_REGISTRY_USER": "u", "WHEREFROM_REGISTRY_PASSWORD": "p"}
    redirecting(fake, "https://blobs.example/", seen)
    with opened(fake, environment=environment) as repository:
        (found,) = repository.hanging(repository.manifest("1").manifest)
        assert found.content == content
    assert [request.headers.get("authorization") for request in seen] == [None]
    for where in ("http://blobs.example/", "ftp://x/", "https://u:p@blobs.example/", "http://[/"):
        redirecting(fake, where, seen)
        with opened(fake, environment=environment) as repository:
            image = repository.manifest("1").manifest
            with pytest.raises(Unavailable, match="elsewhere, and not by TLS"):
                list(repository.hanging(image))
    assert len(seen) == 1


def test_a_registry_that_sends_us_in_circles_is_left():
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    attach(fake, image, statement(image["digest"]))
    fake.twist(
        "GET /v2/acme/cart/blobs", lambda a: Answer(302, {"location": "/v2/acme/cart/blobs/x"})
    )
    with pytest.raises(Unavailable, match="from place to place"):
        hanging(fake, image)


def test_an_upload_that_leads_elsewhere_gets_no_password_and_none_in_the_clear():
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    fake.twist("POST", lambda a: Answer(202, {"location": "http://thief.example/up"}))
    with pytest.raises(Unavailable, match="elsewhere, and not by TLS"):
        attach(fake, image, statement(image["digest"]))


def test_each_platform_of_an_index_must_be_served_as_it_is_named():
    fake = FakeRegistry()
    good = {**fake.image(NAME), "platform": {"os": "linux", "architecture": "amd64"}}
    arm = fake.image(NAME, None, "linux/arm64/v8")
    parts = [
        good,
        {**arm, "platform": {"os": "linux", "architecture": "arm64"}},
        {**arm, "platform": {"os": "linux", "architecture": "s390x"}},
        {**good, "size": good["size"] + 1},
        {**good, "digest": ZERO},
        {**good, "mediaType": INDEX},
    ]
    fake.index(NAME, "1", *parts)
    with opened(fake) as repository:
        told = check_platforms(repository, repository.manifest("1").manifest)
    assert [one.trouble for one in told[:2]] == ["", ""]
    for one, says in zip(
        told[2:], ["another platform than", "another size", "no such image", "another type"],
        strict=True,
    ):  # fmt: skip
        assert says in one.trouble
    # What is checked is the configuration itself, not what its descriptor says.
    fake.twist("GET /v2/acme/cart/blobs", lambda a: a._replace(body=b"{}"))
    with opened(fake) as repository:
        told = check_platforms(repository, repository.manifest("1").manifest)
    assert "other bytes than were asked for" in told[0].trouble


def test_who_logged_in_with_docker_is_known_and_the_environment_comes_first(tmp_path):
    fake = FakeRegistry()
    fake.image(NAME, "1")
    honest = fake.transport
    seen = []

    def wants_basic(request):
        seen.append(request.headers.get("authorization"))
        if seen[-1] is None:
            return httpx.Response(401, headers={"www-authenticate": 'Basic realm="x"'})
        return honest.handle_request(request)

    fake.transport = httpx.MockTransport(wants_basic)
    auths = {"https://registry.example/v1/": {"auth": "dTpw"}, "other.example": {"auth": "eDp5"}}
    (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
    with opened(fake, environment={"DOCKER_CONFIG": str(tmp_path)}) as repository:
        repository.manifest("1")
    assert seen == [None, "Basic dTpw"]
    named = {"DOCKER_CONFIG": str(tmp_path), "WHEREFROM_REGISTRY_USER": "a"}
    with opened(fake, environment=named) as repository:
        repository.manifest("1")
    assert seen[-1] == "Basic YTo="
    with opened(fake, environment={"HOME": str(tmp_path)}) as repository, pytest.raises(
        Unavailable, match="does not let us ask"
    ):  # fmt: skip
        repository.manifest("1")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(SettingError, match="docker's file of passwords"):
        opened(fake, environment={"DOCKER_CONFIG": str(tmp_path)})


def test_pushing_asks_for_a_token_that_may_push(monkeypatch):
    fake = FakeRegistry()
    image = fake.image(NAME, "1")
    honest, wanted = fake.transport, []

    def with_tokens(request):
        if request.url.path == "/token":
            wanted.append(request.url.params["scope"])
            return httpx.Response(200, json={"token": f"T{len(wanted)}"})
        if "authorization" not in request.headers:
            realm = 'Bearer realm="https://registry.example/token",service="r"'
            return httpx.Response(401, headers={"www-authenticate": realm})
        return honest.handle_request(request)

    fake.transport = httpx.MockTransport(with_tokens)
    attach(fake, image, statement(image["digest"]))
    assert wanted == [f"repository:{NAME}:pull,push"]


def test_a_fallback_tag_is_cut_as_the_specification_says():
    assert oci_manifest.fallback_tag("sha512:" + "a" * 128) == "sha512-" + "a" * 64

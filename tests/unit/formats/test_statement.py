"""in-toto statements: their shape, and the ids under which things are known."""

import contextlib
import copy
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.paths import DATA, REPOSITORY
from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import descriptors, dsse, pep740, sigstore_bundle, statement, strict_json
from wherefrom.formats.digests import GitPlace, expected, git_place, ids_of, weak_id
from wherefrom.formats.facts import Facts, FactsBuilder, Tag

ID = "sha256:" + "0" * 64
A, B, C = "a" * 64, "b" * 128, "c" * 40
SUPPLY = DATA / "supply"
GUAC = SUPPLY / "guac/internal/testing/testdata/exampledata"
REAL = [
    GUAC / "crev-review.json",
    GUAC / "oci-kubectl-linux-arm64-in-toto.json",
    SUPPLY / "guac-data/docs/slsa/kube-slsa-v1.25.2.json",
    SUPPLY / "slsa-verifier/verifiers/internal/gcb/slsaprovenance/v0.1/testdata"
    / "gcloud-container-github.json",
]  # fmt: skip


def said(*subjects: dict, predicate_type="https://example.com/p/v1", **fields) -> dict:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": list(subjects) or [{"name": "app", "digest": {"sha256": A}}],
        "predicateType": predicate_type,
    } | fields


def read(document: dict) -> Facts:
    return statement.facts(document, document_id=ID)


def edges(facts: Facts) -> set[tuple[str, str, str]]:
    return {(e.source, e.relation, e.target) for e in facts.edges}


def kinds(facts: Facts) -> dict[str, str]:
    return {n.id: n.kind for n in facts.nodes}


def check_ends(facts: Facts) -> None:
    ids = {n.id for n in facts.nodes}
    assert {end for e in facts.edges for end in (e.source, e.target)} <= ids
    assert {t.node for t in facts.tags} <= ids


@pytest.mark.parametrize("version", ["v0.1", "v1"])
def test_both_versions_of_the_statement_describe_their_subjects(version):
    facts = read(said(_type=f"https://in-toto.io/Statement/{version}"))
    assert (facts.kind, facts.type) == ("attestation", "https://example.com/p/v1")
    assert edges(facts) == {(ID, "describes", f"sha256:{A}")}
    assert facts.nodes[0].properties["predicateType"] == "https://example.com/p/v1"


@pytest.mark.parametrize(
    ("document", "error", "message"),
    [
        (said(_type="https://in-toto.io/Statement/v0.2"), Unsupported, "at _type: expected .*v1"),
        (said(_type=7), Malformed, "at _type: expected a string"),
        (said(subject=None), Malformed, "missing, at subject"),
        (said(subject=[]), Malformed, "about nothing, at subject: expected a subject"),
        (said(subject=[3]), Malformed, r"at subject\[0\]: expected an object"),
        (said({"name": "x"}), Malformed, r"missing, at subject\[0\]\.digest"),
        (said({"digest": {}}), Malformed, r"without a digest, at subject\[0\]\.digest"),
        (said({"digest": A}), Malformed, r"at subject\[0\]\.digest: expected an object"),
        (said({"digest": {"sha256": 1}}), Malformed, r"digest\.sha256: expected a string"),
        (said({"digest": {"x": ""}}), Malformed, r"digest\.x: expected a string"),
        (said({"digest": {"sha256": C}}), Malformed, "sha256: expected 64 hex digits, got ccc"),
        (said({"digest": {"SHA-1": "xyz"}}), Malformed, "SHA-1: expected 40 hex digits, got xyz"),
        (said({"digest": {"gitCommit": "1"}}), Malformed, "gitCommit: expected 40 or 64 hex"),
        (said(predicateType=""), Malformed, "missing, at predicateType"),
        (said(predicate=[]), Malformed, "at predicate: expected an object"),
        (said(predicate_type="x" * 257), LimitPassed, "at predicateType: expected 256 bytes"),
    ],
)
def test_a_statement_without_its_required_fields_is_refused(document, error, message):
    with pytest.raises(error, match=message):
        read(document)


def test_a_statement_that_lost_its_type_is_still_recognised():
    assert statement.recognises({"predicateType": "x", "subject": []})
    assert statement.recognises({"_type": "https://in-toto.io/StatementA/v0.1"})
    assert not statement.recognises({"_type": "link", "subject": [], "predicateType": "x"})
    assert not statement.recognises({"subject": [], "predicate": {}})


def test_the_preferred_digest_is_the_id_and_the_others_are_its_alternates():
    subject = {"name": "x", "digest": {"sha1": C, "sha512": B, "SHA-256": A.upper()}}
    facts = read(said(subject))
    assert (f"sha256:{A}", "alternate", f"sha512:{B}") in edges(facts)
    assert (ID, "describes", f"sha256:{A}") in edges(facts)
    assert facts.nodes[1].properties == {"hash_sha1": C}


@pytest.mark.parametrize(
    ("digest", "id"),
    [
        ({"sha1": C, "md5": "d" * 32}, f"sha1:{C}"),
        ({"gce_image_id": "8970095005306000053"}, "gce_image_id:8970095005306000053"),
        ({"arn": "arn:aws:lambda:x"}, "arn:aws:lambda:x"),
        ({"sha1": "'quoted'", "dirHash1": "h1:x="}, "dirHash1:h1:x="),
        ({"sha1": "'quoted'"}, None),
        ({"x": 3}, None),
    ],
)
def test_what_has_only_weak_or_foreign_ids_is_known_by_the_best_of_them(digest, id):
    assert weak_id(digest) == id


def test_a_digest_of_an_unknown_algorithm_has_no_shape_to_break():
    assert expected("gitoid:sha1", "gitoid:blob:sha1:1") is None
    assert expected("sha224", "0") == "56 hex digits"
    assert ids_of({"gitCommit": 5, "sha256": A}) == [f"sha256:{A}"]


def test_a_git_commit_is_known_by_its_hash_and_its_repository():
    facts = read(said({"uri": "git+https://github.com/o/r@v1", "digest": {"gitCommit": C}}))
    commit, source = f"gitCommit:{C}", "git+https://github.com/o/r"
    assert {(ID, "describes", commit), (commit, "specializes", source)} == edges(facts)
    assert kinds(facts)[source] == "source"
    assert facts.nodes[1].properties == {"repository": source, "ref": "v1"}


@pytest.mark.parametrize(
    "named",
    [
        {"name": "git.head"},
        {"name": f"https://witness.dev/attestations/git/v0.1/commithash:{C}"},
        {"name": "git://github.com/kubernetes/kubernetes"},
        {"uri": "https://github.com/o/r.git"},
    ],
)
def test_a_sha1_is_a_commit_where_the_subject_says_so(named):
    assert (ID, "describes", f"gitCommit:{C}") in edges(read(said(named | {"digest": {"sha1": C}})))
    assert (ID, "describes", f"sha1:{C}") in edges(read(said({"name": "f", "digest": {"sha1": C}})))


GITHUB = "git+https://github.com/o/r"


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("git+https://github.com/o/r@refs/heads/main", GitPlace(GITHUB, "refs/heads/main")),
        ("git+https://GitHub.com/o/r.git/", GitPlace(GITHUB)),
        ("https://user:secret@github.com:443/o/r.git", GitPlace(GITHUB)),
        ("https://github.com/o/r", GitPlace(GITHUB)),
        ("https://github.com/o/r.git#" + C, GitPlace(GITHUB, None, f"gitCommit:{C}")),
        (f"https://github.com/o/r/commit/{C}", GitPlace(GITHUB, None, f"gitCommit:{C}")),
        ("git://github.com/o/r", GitPlace(GITHUB)),
        ("git@GitHub.com:o/r.git", GitPlace(GITHUB)),
        ("ssh://git@github.com:o/r.git", GitPlace(GITHUB)),
        ("git+ssh://git@github.com:22/o/r", GitPlace(GITHUB)),
        (GITHUB + "@refs/tags/@scope/p@1.0", GitPlace(GITHUB, "refs/tags/@scope/p@1.0")),
        ("git+https://h:8443/A/b", GitPlace("git+https://h:8443/A/b")),
        ("git+https://[::1]:80/x", GitPlace("git+https://[::1]/x")),
        ("https://dev.azure.com/o/p/_git/r", GitPlace("git+https://dev.azure.com/o/p/_git/r")),
        ("git+file:///srv/r.git", GitPlace("git+file:///srv/r")),
        ("https://github.com/actions/images/releases/tag/ubuntu22", None),
        ("https://example.com/o/r", None),
        ("git+https://github.com", None),
        ("person@example.com:o/r", None),
        ("bash@sha256:" + A, None),
        ("pkg:npm/a@1", None),
    ],
)
def test_one_repository_has_one_id_however_its_uri_is_spelled(uri, place):
    assert git_place(uri) == place


def test_a_package_url_is_an_alternate_of_the_digest():
    facts = read(said({"name": "pkg:npm/%40a/B@1", "digest": {"sha512": B}}))
    assert ("pkg:npm/%40a/b@1", "alternate", f"sha512:{B}") in edges(facts)
    assert (ID, "describes", f"sha512:{B}") in edges(facts)
    assert kinds(facts)["pkg:npm/%40a/b@1"] == "package"


def test_a_subject_with_a_package_url_and_a_weak_digest_is_the_package():
    facts = read(said({"uri": "pkg:deb/debian/curl@8?arch=amd64", "digest": {"md5": "d" * 32}}))
    assert edges(facts) == {(ID, "describes", "pkg:deb/debian/curl@8")}
    assert facts.nodes[1].properties == {
        "purl": "pkg:deb/debian/curl@8?arch=amd64",
        "hash_md5": "d" * 32,
    }


def test_a_broken_package_url_is_only_a_name():
    facts = read(said({"name": "pkg:npm/", "digest": {"sha256": A}}))
    assert (facts.nodes[1].name, kinds(facts)) == (
        "pkg:npm/",
        {ID: "attestation", f"sha256:{A}": "artifact"},
    )


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("ghcr.io/o/r", None),
        ("ghcr.io/o/r:v1", "ghcr.io/o/r:v1"),
        ("docker.io/library/nginx:1.25", "nginx:1.25"),
        ("index.docker.io/bitnami/nginx:1", "bitnami/nginx:1"),
        (f"registry.example/o/r:v1@sha256:{A}", "registry.example/o/r:v1"),
        ("https://us-west2-docker.pkg.dev/p/q/image:v14", "us-west2-docker.pkg.dev/p/q/image:v14"),
        ("localhost:5000/app:dev", "localhost:5000/app:dev"),
        (f"bash@sha256:{A}", None),
        ("pkg:docker/ghcr.io/o/r@main?platform=linux%2Famd64", "ghcr.io/o/r:main"),
        ("pkg:docker/o/r@v1?repository_url=quay.io", "quay.io/o/r:v1"),
        (
            f"pkg:oci/debian@sha256%3A{A}?repository_url=docker.io/library/debian&tag=12",
            "debian:12",
        ),
    ],
)
def test_an_image_is_an_image_and_its_tag_pointed_to_it(name, tag):
    facts = read(said({"name": name, "digest": {"sha256": A}}))
    assert kinds(facts) == {ID: "attestation", f"sha256:{A}": "image"}
    assert facts.tags == ((Tag(tag, f"sha256:{A}"),) if tag else ())


@pytest.mark.parametrize(
    "name",
    ["chainloop.dev/workflow/old", "/mnt/vss/kubectl", "a.jar", "https://e.com/f:1", "a/b:1"],
)
def test_what_could_be_a_file_is_not_taken_for_an_image(name):
    assert kinds(read(said({"name": name, "digest": {"sha256": A}})))[f"sha256:{A}"] == "artifact"


def test_an_image_without_a_digest_set_is_known_by_the_digest_in_its_name():
    builder = FactsBuilder(document=ID)
    named = descriptors.resource(builder, {"uri": f"ghcr.io/o/r@sha256:{A}"}, where="x")
    assert named == f"sha256:{A}"


def test_neither_users_nor_e_mail_addresses_stand_in_ids():
    assert descriptors.public_id("https://me:secret@host/x@1") == "https://host/x@1"
    assert descriptors.public_id("https://github.com/npm/cli@9.5.0").endswith("cli@9.5.0")
    hidden = descriptors.public_id("mailto:Person@Example.com")
    assert hidden == descriptors.public_id("person@example.com")
    assert hidden.startswith("person:")
    assert "example" not in hidden


def test_a_broken_digest_of_a_material_falls_back_to_its_uri():
    builder = FactsBuilder(document=ID)
    material = {"uri": "git+https://github.com/o/r", "digest": {"sha1": f"'{C}"}}
    assert descriptors.resource(builder, material, where="m") == "git+https://github.com/o/r"
    quoted = {"uri": "git+https://github.com/o/r", "digest": {"sha1": f"'{C}'"}}
    assert descriptors.resource(builder, quoted, where="m") == f"gitCommit:{C}"
    assert descriptors.resource(builder, {"content": "Zg=="}, where="m") is None


def test_the_word_for_no_name_is_no_name():
    assert read(said({"name": "_", "digest": {"sha256": A}})).nodes[1].name is None


CYCLONEDX = {
    "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
    "components": [{"type": "library", "name": "left", "purl": "pkg:npm/left@1"}],
}  # fmt: skip
SPDX = {
    "spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "x",
    "documentNamespace": "https://example.com/x",
    "packages": [
        {"SPDXID": "SPDXRef-p", "name": "left", "externalRefs": [
            {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
             "referenceLocator": "pkg:npm/left@1"}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "sbom"),
    [("https://cyclonedx.org/bom/v1.5", CYCLONEDX), ("https://spdx.dev/Document/v2.3", SPDX)],
)
def test_an_attested_sbom_is_read_for_the_subject(kind, sbom):
    facts = read(said(predicate_type=kind, predicate=sbom))
    assert facts.kind == "attestation"
    assert (ID, "describes", f"sha256:{A}") in edges(facts)
    assert "pkg:npm/left@1" in kinds(facts)
    check_ends(facts)


def test_a_broken_attested_sbom_is_refused_and_an_unread_version_is_told():
    kind = "https://cyclonedx.org/bom"
    with pytest.raises(Malformed, match="components"):
        read(said(predicate_type=kind, predicate=CYCLONEDX | {"components": 7}))
    facts = read(said(predicate_type=kind, predicate=CYCLONEDX | {"specVersion": "99.0"}))
    assert "99.0" in facts.nodes[0].properties["predicate_unread"]


def test_a_predicate_that_nobody_reads_says_no_more_than_its_subjects():
    facts = read(said(predicate_type="https://slsa.dev/provenanc/v0.2", predicate={"builder": 1}))
    assert edges(facts) == {(ID, "describes", f"sha256:{A}")}


@pytest.mark.parametrize("path", REAL, ids=lambda p: p.name)
def test_a_real_statement_is_read_and_not_changed(path):
    document = strict_json.decode(path.read_bytes())
    before = copy.deepcopy(document)
    facts = read(document)
    check_ends(facts)
    assert document == before
    described = [e for e in facts.edges if e.relation == "describes"]
    assert len(described) == len({str(s["digest"]) for s in document["subject"]})


@pytest.mark.parametrize(
    ("page", "format"),
    [
        ("dsse", dsse),
        ("in-toto", statement),
        ("slsa", statement),
        ("sigstore-bundle", sigstore_bundle),
        ("pep740", pep740),
    ],
)
def test_the_worked_example_of_each_page_gives_the_facts_it_shows(page, format):
    text = (REPOSITORY / f"docs/formats/{page}.md").read_text()
    document = strict_json.decode(re.search("```json\n(.*?)```", text, re.DOTALL)[1].encode())
    shown = re.search("```text\n(.*?)```", text, re.DOTALL)[1].splitlines()
    assert format.recognises(document)
    facts = format.facts(document, document_id="record")
    told = [f"{e.source} {e.relation} {e.target}" for e in facts.edges]
    short = [re.sub("([0-9a-f]{8})[0-9a-f]{32,}", r"\1…", line) for line in told]
    assert sorted(short) == sorted(" ".join(line.split()) for line in shown)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    | st.sampled_from([A, C, "pkg:npm/a", "ghcr.io/o/r:1", "git+https://h/p@x", "a@b.c", "@", ":"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["uri", "name", "digest", "sha256", "id", "x"]), inner),
    max_leaves=6,
)  # fmt: skip


@given(st.data(), json_values)
def test_a_mutated_real_statement_gives_whole_facts_or_is_refused(data, value):
    path = data.draw(st.sampled_from(REAL))
    document = strict_json.decode(path.read_bytes())
    document["subject"] = document["subject"][:3]
    place, key = document, data.draw(st.sampled_from(sorted(document)))
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
        place = place[key]
        steps = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(steps)))
    place[key] = value
    with contextlib.suppress(Refused):
        check_ends(read(document))


@given(st.dictionaries(st.text(max_size=12), json_values, max_size=4))
@example({"uri": "https://\x00@h", "name": "/@"})
def test_any_descriptor_names_something_or_is_refused(descriptor):
    builder = FactsBuilder(document=ID)
    try:
        descriptors.resource(builder, descriptor, where="x")
    except Refused:
        return
    check_ends(builder.build(kind="attestation", type="x"))


@given(
    st.sampled_from(
        ["", "git@", "git+https://", "git://", "ssh://git@", "https://", "git+file://"]
    ),
    st.text("aG/@.#:[]1?\n", max_size=20),
    st.sampled_from(["", ".git", "/", "/x.git", "@refs/heads/@a@b", ":22/x"]),
)
def test_the_id_of_a_repository_reads_back_to_itself(scheme, middle, end):
    place = git_place(scheme + middle + end)
    if place is not None:
        assert git_place(place.repository) == GitPlace(place.repository)

"""Digests, commits and git places: one spelling each, and weak ones never carry identity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.formats import digests
from wherefrom.formats.digests import GitPlace, git_place

SHA = "a1" * 32


@pytest.mark.parametrize("spelling", ["sha256", "SHA256", "SHA-256", "sha-256", "Sha_256"])
def test_the_spellings_of_an_algorithm_are_one(spelling):
    assert digests.algorithm(spelling) == "sha256"
    assert digests.strong_id(spelling, SHA.upper()) == f"sha256:{SHA}"


@pytest.mark.parametrize("name", digests.STRONG)
def test_every_strong_digest_is_an_id_at_its_own_length_and_no_other(name):
    value = "0f" * (digests.STRONG[name] // 2)
    assert digests.strong_id(name, value) == f"{name}:{value}"
    for wrong in (value[:-1], value + "0", value[:-1] + "g", ""):
        assert digests.strong_id(name, wrong) is None


@pytest.mark.parametrize(
    "name", ["md5", "sha1", "sha224", "ripemd160", "md2", "md4", "md6", "adler32"]
)
def test_a_weak_digest_is_never_a_strong_id(name):
    assert digests.strong_id(name, SHA) is None


def test_the_ids_of_a_digest_set_come_in_order_of_preference_the_commit_first():
    found = digests.ids_of(
        {"sha512": "b" * 128, "md5": "c" * 32, "SHA-256": SHA, "gitCommit": "D" * 40}
    )
    assert found == ["gitCommit:" + "d" * 40, f"sha256:{SHA}", "sha512:" + "b" * 128]
    assert digests.ids_of({"sha1": "a" * 40, "sha256": "short"}) == []
    assert digests.ids_of({"sha256": 3, "gitCommit": None}) == []


@pytest.mark.parametrize(
    ("value", "right"), [("a" * 40, True), ("a" * 64, True), ("a" * 39, False)]
)
def test_a_commit_has_40_or_64_hex_digits(value, right):
    assert (digests.commit_id(value) is not None) == right
    assert (digests.expected("gitCommit", value) is None) == right


def test_a_broken_digest_is_told_what_it_should_be_and_an_unknown_one_has_no_shape():
    assert digests.expected("sha256", "ab") == "64 hex digits"
    assert digests.expected("SHA-1", "zz" * 20) == "40 hex digits"
    assert digests.expected("sha256", SHA) is None
    assert digests.expected("whatever", "?") is None


def test_the_longest_weak_digest_names_what_has_no_other_name():
    assert digests.weak_id({"md5": "a" * 32, "SHA-1": "B" * 40}) == "sha1:" + "b" * 40
    assert digests.weak_id({"arn": "arn:aws:x"}) == "arn:aws:x"
    assert digests.weak_id({"gce_image_id": "77"}) == "gce_image_id:77"
    assert digests.weak_id({"md5": "broken"}) is None
    assert digests.weak_id({"sha1": ""}) is None


ONE = "git+https://github.com/owner/Name"


@pytest.mark.parametrize(
    "uri",
    [
        "git+https://github.com/owner/Name",
        "https://github.com/owner/Name",
        "https://github.com/owner/Name.git",
        "https://GitHub.com/owner/Name/",
        "https://user:secret@github.com:443/owner/Name.git",
        "git+ssh://git@github.com/owner/Name.git",
        "ssh://git@github.com:owner/Name.git",
        "git@github.com:owner/Name.git",
        "git://github.com/owner/Name",
    ],
)
def test_every_spelling_of_a_repository_is_one_id_without_its_user(uri):
    assert git_place(uri) == GitPlace(ONE)


@pytest.mark.parametrize(
    ("uri", "ref", "commit"),
    [
        (f"{ONE}@refs/heads/main", "refs/heads/main", None),
        (f"{ONE}@refs/tags/@scope/package@1.0", "refs/tags/@scope/package@1.0", None),
        (f"{ONE}#v1", "v1", None),
        (f"{ONE}@{'A' * 40}", None, "gitCommit:" + "a" * 40),
        (f"https://github.com/owner/Name/commit/{'a' * 40}", None, "gitCommit:" + "a" * 40),
    ],
)
def test_a_ref_and_a_commit_are_told_apart_from_the_repository(uri, ref, commit):
    assert git_place(uri) == GitPlace(ONE, ref, commit)


@pytest.mark.parametrize(
    "uri",
    ["", "https://example.com/a/file.tar.gz", "https://github.com/", "pkg:npm/x@1", "git+https://"],
)
def test_what_does_not_plainly_point_into_a_repository_is_none(uri):
    assert git_place(uri) is None


def test_a_repository_on_disk_keeps_its_path_and_is_no_network_place():
    assert git_place("git+file:///srv/x.git") == GitPlace("git+file:///srv/x")


@given(st.text(max_size=60))
def test_arbitrary_text_is_a_place_or_none(text):
    place = git_place(text)
    assert place is None or place.repository.startswith("git+")

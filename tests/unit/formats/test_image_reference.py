"""References are read as a container runtime reads them, and guessed at never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import image_reference
from wherefrom.formats.image_reference import parse

SHA = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("nginx", "docker.io", "library/nginx", None, None),
        ("nginx:1.25", "docker.io", "library/nginx", "1.25", None),
        ("acme/cart", "docker.io", "acme/cart", None, None),
        ("docker.io/nginx", "docker.io", "library/nginx", None, None),
        ("index.docker.io/a/b", "docker.io", "a/b", None, None),
        ("localhost/x", "localhost", "x", None, None),
        ("host:5000/x:t", "host:5000", "x", "t", None),
        ("[::1]:5000/x", "[::1]:5000", "x", None, None),
        (f"eu.gcr.io/a/b/c:1@{SHA}", "eu.gcr.io", "a/b/c", "1", SHA),
        (f"ghcr.io/a/b__c-d@sha512:{'b' * 128}", "ghcr.io", "a/b__c-d", None,
         "sha512:" + "b" * 128),
    ],
)  # fmt: skip
def test_a_reference_is_read_as_a_runtime_reads_it(text, registry, repository, tag, digest):
    assert parse(text) == (text, registry, repository, tag, digest)


@pytest.mark.parametrize(
    "text",
    ["", " nginx", "nginx ", "nginx\n", "Nginx", "ghcr.io/A/b", "a//b", "/a", "a/", "a:", "a@",
     "https://ghcr.io/a/b", f"a@{SHA.upper()}", f"a@sha256:{'A' * 64}", f"a@sha256:{'a' * 63}",
     f"a@{SHA}@{SHA}", f"a@{SHA}:tag", "a@md5:" + "a" * 32, f"@{SHA}", SHA, "a:b:c", "a\u200bb",
     "-a.example/b", "a..b/c", "ACME/cart"],
)  # fmt: skip
def test_what_is_no_reference_is_refused(text):
    if text == SHA:  # a repository called sha256, with a tag: so a runtime reads it
        assert parse(text).digest is None
        return
    with pytest.raises(Malformed, match="not an image reference"):
        parse(text, where="image")


def test_a_reference_that_is_too_long_is_refused_by_its_limit():
    with pytest.raises(LimitPassed, match="image reference is too long"):
        parse("a" * (image_reference.REFERENCE_CHARS_MAX + 1))
    with pytest.raises(LimitPassed, match="name is too long"):
        parse("a" * 256)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    try:
        read = parse(text)
    except (Malformed, LimitPassed):
        return
    assert read.text == text
    assert read.digest is None or text.endswith(f"@{read.digest}")

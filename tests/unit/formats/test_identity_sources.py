"""What builds leave behind, read as it is written, and refused where it is wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import LimitPassed, Malformed
from wherefrom.formats import identity_sources as sources

A, COMMIT = "sha256:" + "a" * 64, "0" * 39 + "f"
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=["L", "N", "P"]),
                min_size=1, max_size=60)  # fmt: skip
FOUND = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(sources.PARTS, st.sampled_from([A, "sha256:" + "b" * 64])),
        "commit": st.just(COMMIT),
        **dict.fromkeys(("build", "version", "service", *sources.PLACES), WORDS),
    },
)


@given(FOUND)
def test_what_is_baked_is_read_back(found):
    assert sources.baked(sources.to_baked(found), where="x") == found


def test_the_worked_example_of_annotations():
    written = b'prov.artifact.digest="%s"\nkubernetes.io/note="a \\"b\\"\\tc \\x00 \\\\a"\n' % (
        A.encode()
    )
    assert sources.annotated(written, where="x") == {"artifact": A}
    assert sources.annotated(json.dumps({"prov.artifact.digest": A}).encode(), where="x") == {
        "artifact": A
    }


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(
    lambda t: t.strip() and t.isprintable()))  # fmt: skip
def test_a_value_is_unquoted(text):
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    written = f'service.name="{quoted}"'.encode()
    assert sources.annotated(written, where="x") == {"service": text}


def test_revisions_of_other_systems_are_passed_over_and_ours_are_not():
    said = {"org.opencontainers.image.revision": "r4711", "vcs.ref.head.revision": COMMIT}
    assert sources.attributes(said, where="x") == {"commit": COMMIT}
    with pytest.raises(Malformed, match="not a git commit, at x, commit"):
        sources.baked(b'{"commit": "r4711"}', where="x")


def test_resource_attributes_are_percent_decoded():
    from urllib.parse import unquote

    text = "service.name=a%20b, prov.pool=canary,other=1"
    found = sources.resource_attributes(text, where="x", unquote=unquote)
    assert found == {"service": "a b", "pool": "canary"}


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"archive_info": {"hashes": {"sha256": "A" * 64}}}, {"artifact": A}),
        ({"archive_info": {"hash": "sha256=" + "a" * 64}}, {"artifact": A}),
        ({"vcs_info": {"vcs": "git", "commit_id": COMMIT}}, {"commit": COMMIT}),
        ({"vcs_info": {"vcs": "hg", "commit_id": "r1"}}, {}),
        ({"dir_info": {}, "url": "file:///src"}, {}),
    ],
)
def test_an_installer_says_what_it_installed(document, found):
    assert sources.direct_url(json.dumps(document).encode(), where="x") == found


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b'{"artifact": "app:latest"}', "not a digest, at x, artifact: .*got app:latest"),
        (b'{"artefact": "x"}', "a field that is none, at x: .*got artefact"),
        (b'{"artifact": 1}', "at x.artifact: expected a string"),
        (b'{"v": 2}', "a version we do not read"),
        (b"[]", "an object"),
        (b"{", "not JSON, at x, line 1"),
        (b"\xff", "not UTF-8 text, at x"),
        (b'{"service": "a\\nb"}', "not a service"),
    ],
)
def test_a_baked_file_that_is_wrong_says_where(written, says):
    with pytest.raises(Malformed, match=says):
        sources.baked(written, where="x")


@pytest.mark.parametrize("line", [b"x", b"x=1", b'x="', b'x="a" y', b'x="\\q"'])
def test_a_line_that_is_no_annotation_is_named(line):
    with pytest.raises(Malformed, match="x, line 2"):
        sources.annotated(b'a="1"\n' + line, where="x")


def test_sizes_have_limits():
    with pytest.raises(LimitPassed, match="1048576 bytes"):
        sources.baked(b" " * (sources.FILE_BYTES_MAX + 1), where="x")
    with pytest.raises(LimitPassed, match="a service is too long"):
        sources.baked(json.dumps({"service": "x" * 257}).encode(), where="x")

"""Package URLs: the conformance suite of purl-spec, and the laws that identity rests on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packageurl.validate import DEFINITIONS_BY_TYPE

from tests.paths import DATA
from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import purl, purl_types

SUITE = sorted((DATA / "supply/purl-spec/tests").glob("*/*.json"))
CASES = [
    pytest.param(case, id=f"{path.stem}-{at}-{case['test_type']}")
    for path in SUITE
    for at, case in enumerate(json.loads(path.read_text())["tests"])
]
PARTS = ("type", "namespace", "name", "version", "qualifiers", "subpath")


def answer(case: dict[str, Any]) -> object:
    if case["test_type"] == "build":
        return purl.build(**case["input"]).text
    if case["test_type"] == "validate":
        return purl.canonical(case["input"]).text
    read = purl.parse(case["input"])
    return {part: getattr(read, part) or None for part in PARTS}


@pytest.mark.parametrize("case", CASES)
def test_the_conformance_suite_of_the_specification_holds(case: dict[str, Any]) -> None:
    if case.get("expected_failure"):
        with pytest.raises(Malformed, match=r"package URL|qualifier|not a (name|version) that"):
            answer(case)
        return
    expected = case["expected_output"]
    if isinstance(expected, dict):
        expected = {part: expected.get(part) or None for part in PARTS}
    assert answer(case) == expected


def test_the_suite_is_whole() -> None:
    assert len(CASES) == 586


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "pkg:golang/github.com/antlr/antlr4/runtime/Go/antlr@v1.4.10?type=module",
            "pkg:golang/github.com/antlr/antlr4/runtime/go/antlr@v1.4.10",
        ),
        ("pkg:pypi/Zope.Interface@5", "pkg:PyPI/zope-interface@5"),
        ("pkg:npm/@babel/core@7", "pkg:npm/%40Babel/core@7#lib"),
        ("pkg:oci/App@sha256%3AABCD", "pkg:oci/app@sha256:abcd?tag=v1"),
        ("pkg:deb/Debian/curl@1?arch=amd64", "pkg://deb/debian/curl@1?arch=arm64"),
        ("pkg:golang/github.com%2Fgorilla/mux@v1", "pkg:golang/github.com/gorilla/mux@v1"),
        ("pkg:git/GitHub.com/A/B@1", "pkg:git/github.com/a/b@1"),
        ("pkg:golang/github.com/BurntSushi/TOML@v1", "pkg:golang/github.com/burntsushi/toml@v1"),
        ("pkg:npm/JSONStream@1", "pkg:npm/jsonstream@1"),
        ("pkg:apk/Alpine/Curl@1", "pkg:apk/alpine/curl@1"),
        ("pkg:hex/Acme/Foo@1", "pkg:hex/acme/foo@1"),
        ("pkg:hackage/a_b@1", "pkg:hackage/a-b@1"),
        ("pkg:pub/A-b@1", "pkg:pub/a_b@1"),
        ("pkg:cpan/gdt/X@1", "pkg:cpan/GDT/X@1"),
    ],
)
def test_spellings_of_one_package_have_one_id(one: str, other: str) -> None:
    assert purl.canonical(one).id == purl.canonical(other).id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pkg:maven/org/A@1", "pkg:maven/org/a@1"),
        ("pkg:npm/a@1", "pkg:npm/a@1.0"),
        ("pkg:nuget/Moq@1", "pkg:nuget/moq@1"),
        ("pkg:rpm/fedora/A@1", "pkg:rpm/fedora/a@1"),
        ("pkg:golang/x.org/a@v1-RC", "pkg:golang/x.org/a@v1-rc"),
        ("pkg:git/gitlab.gnome.org/GNOME/fonts", "pkg:git/gitlab.gnome.org/gnome/fonts"),
        ("pkg:julia/Dates?uuid=1", "pkg:julia/Dates?uuid=2"),
    ],
)
def test_packages_that_differ_have_different_ids(one: str, other: str) -> None:
    assert purl.canonical(one).id != purl.canonical(other).id


def test_namespaces_are_required_and_prohibited_as_packageurl_python_has_it() -> None:
    ours = {type: rule.namespace for type, rule in purl_types.RULES.items()}
    theirs = {type: rule.namespace_requirement for type, rule in DEFINITIONS_BY_TYPE.items()}
    differ = {type for type in theirs if ours.get(type, "optional") != theirs[type]}
    assert differ == set()


def test_the_id_has_no_subpath_and_no_qualifier_but_a_required_one() -> None:
    read = purl.canonical("pkg:julia/Dates@1?repository_url=https://x.org&uuid=ade2#src")
    assert read.id == "pkg:julia/Dates@1?uuid=ade2"
    assert purl.canonical(read.id).id == read.id
    assert purl.canonical("pkg:npm/a@1?vcs_url=git://x#src").id == "pkg:npm/a@1"


@pytest.mark.parametrize("text", ["pkg:golang/stdlib@1.21.5", "pkg:oci/reg.io/team/app@sha256:ab"])
def test_what_producers_write_is_read_but_not_by_the_letter(text: str) -> None:
    assert purl.canonical(text).name in ("stdlib", "app")
    with pytest.raises(Malformed, match="namespace"):
        purl.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("npm/a@1", "no scheme"),
        ("pkg:npm/a?b=1&B=2", "one qualifier twice"),
        ("pkg:npm/%ff", "not UTF-8"),
        ("pkg:npm/a?1a=b", "not a qualifier key"),
        ("pkg:swift/Alamofire@5", "needs a namespace"),
        ("pkg:cargo/x/y@5", "may have no namespace"),
        ("pkg:cocoapods/a+b", "not a name that cocoapods has"),
        ("pkg:npm/\ud800", "half a surrogate pair"),
        ("pkg:swid/a", r"needs a qualifier, at qualifiers\.tag_id"),
    ],
)
def test_a_broken_purl_is_refused_with_its_reason(text: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        purl.canonical(text)


def test_a_purl_over_the_limit_is_refused_before_and_after_encoding() -> None:
    assert purl.canonical("pkg:npm/" + "a" * 2040).name
    with pytest.raises(LimitPassed, match="2048 bytes at most"):
        purl.canonical("pkg:npm/" + "a" * 2041)
    with pytest.raises(LimitPassed, match="once it is encoded"):
        purl.canonical("pkg:npm/" + "é" * 1000)


def test_build_is_the_inverse_of_parse() -> None:
    text = "pkg:maven/org.x/a@1%202?classifier=b#c/d"
    read = purl.parse(text)
    assert purl.build(**{part: getattr(read, part) for part in PARTS}).text == text


SPELLINGS = st.one_of(
    st.text(max_size=60),
    st.text(max_size=60).map("pkg:".__add__),
    st.builds(
        "pkg:{}/{}/{}@{}?{}={}#{}".format,
        st.sampled_from(["npm", "pypi", "golang", "git", "pub", "mlflow", "cpan", "oci", "x"]),
        *[st.text(alphabet="aAé@/%2F+._-: ?#&=İ", max_size=8) for _ in range(6)],
    ),
)


@settings(max_examples=400)
@given(SPELLINGS)
def test_any_text_is_refused_or_has_a_canonical_form_that_stays(text: str) -> None:
    try:
        read = purl.canonical(text)
    except Refused:
        return
    assert purl.canonical(read.text) == read
    again = purl.canonical(read.id)
    assert (again.id, again.text) == (read.id, read.id)

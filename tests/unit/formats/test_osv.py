"""OSV: what is affected, in which versions, how severely; and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats.changed import need_facts_or_refusal, with_one_change
from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import osv
from wherefrom.formats.facts import Facts, Node
from wherefrom.formats.recognise import facts_of, read

V3 = {"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H"}
V4 = {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N"}


def affected(
    name: str = "left-pad", ecosystem: str = "npm", events: Any = None, **more: Any
) -> dict[str, Any]:
    events = [{"introduced": "0"}, {"fixed": "1.3.0"}] if events is None else events
    kind = "SEMVER" if ecosystem == "npm" else "ECOSYSTEM"
    return {
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": [{"type": kind, "events": events}],
        **more,
    }


def advisory(**fields: Any) -> dict[str, Any]:
    document = {
        "schema_version": "1.7.4",
        "id": "GHSA-2222-3333-4444",
        "modified": "2024-05-06T07:08:09Z",
        "published": "2024-05-01T00:00:00Z",
        "aliases": ["CVE-2024-0001"],
        "summary": "Padding on the wrong side",
        "severity": [V3],
        "affected": [affected()],
    } | fields
    return {key: value for key, value in document.items() if value is not None}


def facts_in(**fields: Any) -> Facts:
    return facts_of(json.dumps(advisory(**fields)).encode())


def nodes(facts: Facts) -> dict[str, Node]:
    return {node.id: node for node in facts.nodes}


def claims(facts: Facts) -> list[dict[str, Any]]:
    return [dict(node.properties or {}) for node in facts.nodes if node.kind == "claim"]


def packages(facts: Facts) -> list[str]:
    return [node.id for node in facts.nodes if node.kind == "package"]


def test_an_advisory_claims_of_a_package_without_version_in_which_versions_it_is() -> None:
    facts = facts_in()
    assert (facts.kind, facts.type) == ("attestation", "application/vnd.osv+json; version=1.7.4")
    assert facts.occurred == "2024-05-06T07:08:09.000000Z"
    document, claim = facts.document, f"{facts.document}#/affected[0]"
    assert [(e.source, e.relation, e.target, e.properties) for e in facts.edges] == [
        (document, "specializes", "osv:GHSA-2222-3333-4444", None),
        ("GHSA-2222-3333-4444", "alternate", "CVE-2024-0001", None),
        (document, "contains", claim, None),
        (claim, "describes", "GHSA-2222-3333-4444", None),
        (claim, "describes", "pkg:npm/left-pad", {"as": "product"}),
    ]
    assert claims(facts) == [{
        "status": "affected", "vulnerability": "GHSA-2222-3333-4444", "severity": "high",
        "timestamp": "2024-05-06T07:08:09.000000Z", "ecosystem": "npm", "fixed": ["1.3.0"],
        "advisory": "GHSA-2222-3333-4444",
        "ranges": ["SEMVER introduced 0 fixed 1.3.0"],
    }]  # fmt: skip


def test_one_that_is_withdrawn_claims_nothing_and_says_since_when() -> None:
    facts = facts_in(withdrawn="2024-06-01T00:00:00Z")
    assert claims(facts) == []
    said = nodes(facts)[facts.document].properties or {}
    assert said["withdrawn"] == "2024-06-01T00:00:00.000000Z"
    assert "osv:GHSA-2222-3333-4444" in nodes(facts)


def test_one_of_a_distribution_is_about_the_vulnerabilities_it_collects() -> None:
    facts = facts_in(id="DSA-5000-1", aliases=[], upstream=["CVE-2024-0001", "CVE-2024-0002"])
    claim = f"{facts.document}#/affected[0]"
    about = [e.target for e in facts.edges if e.source == claim and not e.properties]
    assert about == ["CVE-2024-0001", "CVE-2024-0002"]
    known = {(e.source, e.target) for e in facts.edges if e.relation == "derived_from"}
    assert known == {("DSA-5000-1", "CVE-2024-0001"), ("DSA-5000-1", "CVE-2024-0002")}


@pytest.mark.parametrize(
    ("ecosystem", "name", "id"),
    [
        ("npm", "@angular/core", "pkg:npm/%40angular/core"),
        ("PyPI", "Flask_Login", "pkg:pypi/flask-login"),
        ("Go", "github.com/Acme/Tool/v2", "pkg:golang/github.com/acme/tool/v2"),
        ("Go", "stdlib", "pkg:golang/stdlib"),
        ("Maven", "org.acme:tool", "pkg:maven/org.acme/tool"),
        ("Maven:https://maven.google.com", "org.acme:tool", "pkg:maven/org.acme/tool"),
        ("Packagist", "acme/tool", "pkg:composer/acme/tool"),
        ("crates.io", "tool", "pkg:cargo/tool"),
        ("RubyGems", "tool", "pkg:gem/tool"),
        ("NuGet", "Acme.Tool", "pkg:nuget/Acme.Tool"),
        ("SwiftURL", "https://github.com/acme/tool.git", "pkg:swift/github.com/acme/tool"),
        ("Debian:12", "openssl", "pkg:deb/debian/openssl"),
        ("Ubuntu:22.04:LTS", "openssl", "pkg:deb/ubuntu/openssl"),
        ("Alpine:v3.19", "libc++", "pkg:apk/alpine/libc%2B%2B"),
        ("Red Hat:rhel_eus:8.6::baseos", "openssl", "pkg:rpm/redhat/openssl"),
        ("GitHub Actions", "actions/checkout", "pkg:github/actions/checkout"),
    ],
)
def test_a_package_is_named_as_sboms_name_it(ecosystem: str, name: str, id: str) -> None:
    assert packages(facts_in(affected=[affected(name, ecosystem)])) == [id]


def test_a_package_url_of_the_advisory_is_taken_too_without_its_version() -> None:
    one = affected("tool", "npm")
    one["package"]["purl"] = "pkg:npm/%40acme/tool@1.0?arch=x"
    assert packages(facts_in(affected=[one])) == ["pkg:npm/%40acme/tool", "pkg:npm/tool"]


def test_what_no_package_url_names_is_known_in_this_document_and_by_its_repository() -> None:
    git = {"type": "GIT", "repo": "https://github.com/acme/tool.git",
           "events": [{"introduced": "0"}, {"fixed": "a" * 40}]}  # fmt: skip
    linux = {"package": {"ecosystem": "Linux", "name": "Kernel"}, "ranges": [git]}
    facts = facts_in(affected=[linux, {"ranges": [git]}])
    assert packages(facts) == []
    known = nodes(facts)
    assert known["git+https://github.com/acme/tool"].kind == "source"
    assert known[f"{facts.document}#/affected[0].package"].name == "Kernel"
    assert [one["ecosystem"] for one in claims(facts)] == ["Linux", ""]
    assert "fixed" not in claims(facts)[0]  # a commit is no version


@pytest.mark.parametrize(
    ("fields", "severity"),
    [
        ({"severity": [V3]}, "high"),
        ({"severity": [V4]}, None),
        ({"severity": [V4], "database_specific": {"severity": "MODERATE"}}, "medium"),
        ({"severity": [V3], "database_specific": {"severity": "LOW"}}, "high"),
        ({"severity": [V3, V4], "database_specific": {"severity": "CRITICAL"}}, "critical"),
        ({"severity": [{"type": "Ubuntu", "score": "negligible"}]}, "low"),
        ({"severity": [], "database_specific": {"severity": "IMPORTANT"}}, "high"),
        ({"severity": [], "database_specific": {"severity": ["?"]}}, None),
        ({"severity": [], "affected": [affected(severity=[V3])]}, "high"),
        ({"severity": [], "affected": [affected(ecosystem_specific={"severity": "Low"})]}, "low"),
        ({"severity": []}, None),
    ],
)
def test_how_severe_it_is_follows_from_the_vector_else_from_the_databases_word(
    fields: dict[str, Any], severity: str | None
) -> None:
    (claim,) = claims(facts_in(**fields))
    assert claim.get("severity") == severity


def test_what_is_too_long_for_a_claim_is_read_in_the_record() -> None:
    many = affected(versions=[f"1.0.{n}" for n in range(1000)])
    document = advisory(affected=[affected(), many])
    facts = facts_of(json.dumps(document).encode())
    short, long = claims(facts)
    assert osv.affected_of(short) == osv.affected_at(document, 0)
    assert long["in_content"] is True
    assert osv.affected_of(long) is None
    assert len(osv.affected_at(document, 1).versions) == 1000


@given(
    st.lists(st.text(max_size=12), max_size=5),
    st.lists(st.tuples(st.sampled_from(osv.EVENTS), st.text(max_size=12)), min_size=1, max_size=6),
    st.text(min_size=1, max_size=12),
)
def test_what_a_claim_says_is_what_the_document_says(
    versions: list[str], events: list[tuple[str, str]], kind: str
) -> None:
    document = advisory(affected=[{
        "package": {"ecosystem": "npm", "name": "a"}, "versions": versions,
        "ranges": [{"type": kind, "events": [{"introduced": "0"}, *({w: v} for w, v in events)]}],
    }])  # fmt: skip
    try:
        facts = facts_of(json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except Refused:
        return
    (claim,) = claims(facts)
    assert osv.affected_of(claim) == osv.affected_at(document, 0)


def test_a_signed_statement_may_carry_one() -> None:
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a", "digest": {"sha256": "a" * 64}}],
        "predicateType": "https://ossf.github.io/osv-schema",
        "predicate": advisory(),
    }
    recognised = read(json.dumps(statement).encode())
    assert recognised.format == "statement"
    assert recognised.facts.occurred == "2024-05-06T07:08:09.000000Z"
    assert [one["status"] for one in claims(recognised.facts)] == ["affected"]


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"schema_version": "2.0.0"}, Unsupported, "an OSV version that is not read"),
        ({"schema_version": "new"}, Malformed, "not a version of OSV"),
        ({"modified": None}, Malformed, "modified"),
        ({"modified": "yesterday"}, Malformed, "modified"),
        ({"withdrawn": "soon"}, Malformed, "withdrawn"),
        ({"id": " "}, Malformed, "an advisory without a name"),
        ({"aliases": [1]}, Malformed, r"aliases\[0\]"),
        ({"affected": [1]}, Malformed, r"affected\[0\]"),
        ({"affected": [{"package": {"name": "a"}}]}, Malformed, r"package\.ecosystem"),
        ({"affected": [affected(events=[{"fixed": "1"}])]}, Malformed, "begins nowhere"),
        ({"affected": [affected(events=[{"since": "1"}])]}, Malformed, "an event of no kind"),
        ({"affected": [affected(events=[{"introduced": 1}])]}, Malformed, "introduced"),
        ({"affected": [{}] * 10_001}, LimitPassed, "too many packages"),
        # What is taken back is read too.
        ({"withdrawn": "2024-06-01T00:00:00Z", "affected": [1]}, Malformed, r"affected\[0\]"),
    ],
)
def test_what_is_broken_is_refused_and_it_is_said_where(
    fields: dict[str, Any], error: type[Refused], says: str
) -> None:
    with pytest.raises(error, match=says):
        facts_in(**fields)


def test_an_older_document_without_a_version_of_the_schema_is_read() -> None:
    facts = facts_in(schema_version=None)
    assert facts.type == "application/vnd.osv+json; version=1.0.0"
    older = affected(events=[{"introduced": "1.0", "fixed": "1.1"}])
    assert claims(facts_in(affected=[older]))[0]["ranges"] == ["SEMVER introduced 1.0 fixed 1.1"]


@settings(max_examples=200)
@given(place=st.integers(0, 400), value=st.sampled_from([None, 1, "", "x", [], {}, [{}], "1.0"]))
def test_one_change_gives_facts_that_hang_together_or_a_refusal(place: int, value: Any) -> None:
    document = advisory(affected=[affected(versions=["1.0"]), affected("a", "Debian:12")])
    need_facts_or_refusal(with_one_change(document, place, value))

"""JUnit XML: tests are counted, failures named, output left out, and XML's traps refused."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.collect.decompress import open_plain
from wherefrom.collect.split import split
from wherefrom.errors import LimitPassed, Malformed, Refused
from wherefrom.formats import junit, xml_strict
from wherefrom.formats.facts import Facts
from wherefrom.formats.recognise import facts_of, read

MATERIALS = DATA / "supply/chainloop/pkg/attestation/crafter/materials/testdata"
COMMIT = "1" * 40
REPORT = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- made by a test -->
<testsuites name="all" tests="4" time="1,002.5">
  <testsuite name="outer" tests="4" timestamp="2024-01-02T03:04:05+01:00">
    <properties>
      <property name="git.commit" value="{COMMIT}"/>
      <property name="build.url" value="https://me:secret@ci.example/7"/>
      <property name="git.token" value="hush"/>
      <property name="user.name" value="somebody"/>
    </properties>
    <testsuite name="inner">
      <testcase classname="C" name="passes"><system-out>{{"a": 1}}</system-out></testcase>
      <testcase classname="C" name="fails"><failure message="hush">stack</failure></testcase>
    </testsuite>
    <testcase name="breaks"><error/><failure/></testcase>
    <testcase name="waits"><skipped/></testcase>
    <testcase name="never" status="notrun"/>
    <system-err>hush</system-err>
  </testsuite>
</testsuites>
""".encode()  # fmt: skip


def said(content: bytes) -> dict[str, Any]:
    facts = facts_of(content)
    (node,) = [n for n in facts.nodes if n.id == facts.document]
    assert node.kind == "report"
    return dict(node.properties or {})


def pieces(content: bytes) -> list[bytes | None]:
    return [piece.content for piece in split(content)]


def test_a_real_report_is_counted() -> None:
    content = (MATERIALS / "junit.xml").read_bytes()
    assert said(content) == {
        "format": "JUnit",
        "tests": 9,
        "failures": 1,
        "errors": 0,
        "skipped": 0,
        "time": 15.682687,
        "suites": ["Tests.Registration", "Tests.Authentication", "Tests.Authentication.Login"],
        "suites_count": 3,
        "failed_tests": ["Tests.Authentication.testCase9"],
    }
    assert pieces(content) == [content]


def test_suites_in_suites_are_counted_once_and_what_the_document_says_else_is_shown() -> None:
    facts: Facts = facts_of(REPORT)
    assert (facts.kind, facts.type) == ("observation", "application/vnd.junit+xml")
    assert facts.occurred == "2024-01-02T02:04:05.000000Z"
    assert read(REPORT).format == "junit"
    assert said(REPORT) == {
        "format": "JUnit",
        "tests": 5,
        "failures": 1,
        "errors": 1,
        "skipped": 2,
        "time": 1002.5,
        "declared_tests": 4,
        "suites": ["outer", "inner"],
        "suites_count": 2,
        "failed_tests": ["C.fails", "breaks"],
        "properties": [f"git.commit={COMMIT}", "build.url=https://ci.example/7"],
    }
    assert [(e.relation, e.target) for e in facts.edges] == [("describes", f"gitCommit:{COMMIT}")]


def test_output_messages_people_and_secrets_are_left_out() -> None:
    text = repr(facts_of(REPORT))
    assert not [word for word in ("hush", "stack", "somebody", "secret") if word in text]


def test_one_suite_alone_is_a_report_and_a_time_without_zone_is_shown() -> None:
    content = (
        b'<testsuite name="s" timestamp="2024-01-02T03:04:05"><testcase name="a"/></testsuite>'
    )
    assert said(content) == {
        "format": "JUnit",
        "tests": 1,
        "failures": 0,
        "errors": 0,
        "skipped": 0,
        "suites": ["s"],
        "suites_count": 1,
        "time_unread": "2024-01-02T03:04:05",
    }


@pytest.mark.parametrize("time", ["9.0E-4", "0.", "fast", "", "inf", "-0.001"])
def test_a_time_in_any_spelling_refuses_nothing(time: str) -> None:
    assert said(f'<testsuite time="{time}"/>'.encode())["tests"] == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<testsuite>", "not XML, at line 1 column 11: got no element found"),
        (b"<testsuites><a></testsuites>", "not XML, at line 1 .*mismatched tag"),
        (b"<testsuites/><testsuites/>", "not XML, at line 1 .*junk after document element"),
        (b'<testsuites tests="many"/>', "not a number, at testsuites.tests: .*got many"),
        (b'<testsuites tests="-1"/>', "not a number, at testsuites.tests"),
        (b"<testsuites name='\xff'/>", "not XML, .*invalid token"),
        (b"<testsuites>&lol;</testsuites>", "not XML, .*undefined entity"),
        (
            b'<!DOCTYPE testsuites [<!ENTITY a "b">]><testsuites>&a;</testsuites>',
            "a document type in XML, at line 1: .*Write the document without <!DOCTYPE",
        ),
        (
            b'<!DOCTYPE testsuites SYSTEM "file:///etc/passwd"><testsuites/>',
            "a document type in XML",
        ),
    ],
)
def test_what_is_broken_or_could_grow_is_malformed(content: bytes, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        facts_of(content)


def test_depth_elements_and_attributes_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = b"<testsuite>" * 129 + b"</testsuite>" * 129
    with pytest.raises(LimitPassed, match="XML nested too deeply: expected depth_max 128"):
        facts_of(deep)
    many = " ".join(f'a{n}=""' for n in range(257))
    with pytest.raises(LimitPassed, match="too many attributes, at <testsuite>, line 1"):
        facts_of(f"<testsuite {many}/>".encode())
    monkeypatch.setattr(xml_strict, "ELEMENTS_MAX", 5)
    with pytest.raises(LimitPassed, match="too many XML elements: expected elements_max 5"):
        facts_of(REPORT)


def test_a_report_that_prints_json_lines_is_one_record_also_when_it_is_compressed() -> None:
    lines = "\n".join(json.dumps({"n": n}) for n in range(60))
    content = f"<testsuites>\n<testsuite>\n{lines}\n</testsuite>\n</testsuites>\n".encode()
    assert pieces(content) == [content]
    (piece,) = split(open_plain(gzip.compress(content)))
    assert piece.content == content
    assert said(content)["tests"] == 0


@pytest.mark.parametrize("content", [b"<report/>", b"<testsuites2/>", b"<html><testsuite/></html>"])
def test_other_xml_is_refused_as_before(content: bytes) -> None:
    assert not junit.recognises(content)
    (piece,) = split(content)
    assert piece.refusal is not None
    assert piece.refusal.code == "unsupported"


def test_a_report_longer_than_a_record_is_over_a_limit() -> None:
    (piece,) = split(REPORT, content_bytes_max=100)
    assert piece.refusal is not None
    assert piece.refusal.code == "limit"


@given(content=st.binary(max_size=80), at=st.integers(min_value=0, max_value=len(REPORT)))
@settings(max_examples=300, deadline=None)
def test_a_report_with_any_bytes_put_in_gives_facts_or_our_refusals(
    content: bytes, at: int
) -> None:
    for changed in (REPORT[:at] + content + REPORT[at:], b"<testsuites " + content):
        try:
            facts = facts_of(changed)
        except Refused:
            continue
        ids = {node.id for node in facts.nodes}
        assert all(edge.target in ids for edge in facts.edges)

"""JUnit XML as facts: how many tests ran, how many failed and which, and of which commit.

    report {tests, failures, errors, skipped, failed_tests} ── describes ──► commit

There is no one schema: testsuites around testsuite, or one testsuite alone, suites in suites. So
the tests are counted here, and what the document says of itself is kept only where it differs
(``declared_tests``). A report names its subject only partly: by a property that holds a commit.
What carries it (an in-toto statement) says the rest. Output, messages and most properties are
left out: they quote environments, and those hold secrets.

Sizes:  64 suites and 64 failed tests are named · 16 properties
Source: the XML that Ant, Maven Surefire, pytest, Gradle and GoogleTest write
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from wherefrom.errors import Malformed
from wherefrom.formats import components as parts
from wherefrom.formats import xml_strict
from wherefrom.formats.descriptors import public_id
from wherefrom.formats.digests import commit_id
from wherefrom.formats.facts import Facts, FactsBuilder

MEDIA_TYPE: Final = "application/vnd.junit+xml"
NAMED_MAX: Final = 64
PROPERTIES_MAX: Final = 16
HEAD_BYTES: Final = 4096

_ROOT = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:[^-]|-[^-])*-->\s*)*"
    rb"(?:<!DOCTYPE\s+testsuites?\b|<testsuites?[\s/>])"
)
# Properties that say where something comes from; the others may be anything.
_TELLING = re.compile(r"(?i)(?:^|[._-])(?:git|scm|vcs|commit|revision|branch|build)(?:[._-]|$)")
_SECRET = re.compile(r"(?i)token|secret|passw|key|credential|auth")
_OUTCOMES: Final = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def recognises(head: bytes) -> bool:
    """Whether these bytes start a JUnit report; looks at the first 4,096."""
    return _ROOT.match(head[:HEAD_BYTES]) is not None


def facts(content: bytes, *, document_id: str) -> Facts:
    """What the report says.

    content      the bytes as they came
    document_id  ``sha256:`` + hex of their digest: the node of the report itself

    Raises Malformed for what is no XML, declares a document type, has another root or a count
    that is no number; LimitPassed.
    """
    builder = FactsBuilder(document=document_id)
    occurred = embed(builder, content, document_id=document_id)
    return builder.build(kind="observation", type=MEDIA_TYPE, occurred=occurred)


def embed(
    builder: FactsBuilder, content: bytes, *, document_id: str, kind: str = "report"
) -> str | None:
    """Add what the report says to ``builder``, as ``facts`` does; returns when it was made.

    kind  of the document's node: ``attestation`` inside a statement
    """
    report = _Report()
    xml_strict.walk(content, start=report.start, end=report.end)
    occurred, unread = parts.occurred(report.timestamp)
    builder.node(
        document_id,
        kind,
        parts.shown(report.name),
        {
            "format": "JUnit",
            **report.counts,
            "time": report.time,
            "declared_tests": report.differs(),
            "suites": [parts.shown(name) for name in report.suites[:NAMED_MAX]] or None,
            "suites_count": len(report.suites) or None,
            "failed_tests": report.failed[:NAMED_MAX] or None,
            "properties": [f"{key}={value}" for key, value in report.telling.items()] or None,
            **unread,
        },
    )
    for commit in dict.fromkeys(report.commits):
        builder.edge(document_id, "describes", builder.node(commit, "commit"))
    return occurred


class _Report:
    """What one document says, as its elements go by."""

    def __init__(self) -> None:
        self.path: list[str] = []
        self.counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
        self.name: str | None = None
        self.suites: list[str] = []
        self.failed: list[str] = []
        self.time: float | None = None
        self.timestamp: str | None = None
        self.declared: int | None = None
        self.telling: dict[str, str] = {}
        self.commits: list[str] = []
        self.case: str | None = None
        self.outcome: str | None = None

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if not self.path and name not in ("testsuites", "testsuite"):
            raise Malformed("not a JUnit report", expected="<testsuites>", got=f"<{name}>")
        top = self.path[-1] if self.path else None
        self.path.append(name)
        if name in ("testsuites", "testsuite"):
            self._suite(name, top, attributes)
        elif name == "testcase" and top == "testsuite":
            self._case(attributes)
        elif top == "testcase" and name in _OUTCOMES and self.outcome is None:
            self.outcome = _OUTCOMES[name]
        elif name == "property" and top == "properties":
            self._property(attributes)

    def end(self, name: str) -> None:
        self.path.pop()
        if name == "testcase" and self.case is not None:
            if self.outcome is not None:
                self.counts[self.outcome] += 1
            if self.outcome in ("failures", "errors") and len(self.failed) < NAMED_MAX:
                self.failed.append(self.case)
            self.case = None

    def differs(self) -> int | None:
        """How many tests the document says it has, when those that are there are not so many."""
        return self.declared if self.declared != self.counts["tests"] else None

    def _suite(self, name: str, top: str | None, attributes: Mapping[str, str]) -> None:
        tests, *_ = (_count(attributes, key, name) for key in ("tests", "failures", "errors"))
        if top is None:
            self.name = attributes.get("name")
            self.declared = tests
            self.time = _seconds(attributes.get("time"))
        if name == "testsuite":
            self.suites.append(attributes.get("name", ""))
        self.timestamp = self.timestamp or attributes.get("timestamp")

    def _case(self, attributes: Mapping[str, str]) -> None:
        self.counts["tests"] += 1
        where = attributes.get("classname")
        called = attributes.get("name", "")
        self.case = parts.shown(f"{where}.{called}" if where else called) or "a test"
        ran = attributes.get("status") != "notrun" and attributes.get("result") != "skipped"
        self.outcome = None if ran else "skipped"

    def _property(self, attributes: Mapping[str, str]) -> None:
        key, value = attributes.get("name", ""), attributes.get("value", "").strip()
        if not _TELLING.search(key) or _SECRET.search(key) or not value:
            return
        if len(self.telling) < PROPERTIES_MAX:
            self.telling.setdefault(parts.shown(key) or "", parts.shown(public_id(value)) or "")
        commit = commit_id(value)
        if commit is not None and len(self.commits) < PROPERTIES_MAX:
            self.commits.append(commit)


def _count(attributes: Mapping[str, str], key: str, element: str) -> int | None:
    """A count; Surefire groups thousands with commas."""
    text = attributes.get(key)
    if text is None or text == "":
        return None
    if not re.fullmatch(r"[0-9]{1,12}(?:,[0-9]{3}){0,3}", text):
        raise Malformed("not a number", where=f"{element}.{key}", expected="a count", got=text)
    return int(text.replace(",", ""))


def _seconds(text: str | None) -> float | None:
    """Seconds in any spelling of a number; what cannot be read says nothing."""
    try:
        seconds = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None

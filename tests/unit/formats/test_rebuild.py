"""The verdict of a rebuild: what it says of its subject, and what is refused."""

from __future__ import annotations

import json
import re

import pytest

from tests.paths import REPOSITORY
from wherefrom.errors import Malformed
from wherefrom.formats import statement

DOCUMENT = "sha256:" + "d" * 64
GOOD = {
    "result": "differs",
    "provenance": {"digest": {"sha256": "b" * 64}},
    "builds": [{"status": 0}],
    "causes": ["order: x"],
    "finished": "2026-01-01T00:00:00Z",
}


def read(**changes):
    said = {k: v for k, v in {**GOOD, **changes}.items() if v is not None}
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": "a" * 64}}],
        "predicateType": "urn:wherefrom:rebuild:v1",
        "predicate": said,
    }
    return statement.facts(document, document_id=DOCUMENT)


def test_a_verdict_stands_on_the_attestation_and_leads_to_the_provenance():
    facts = read(reason="x", pinned=["clock"], free=["kernel"], varied=["a"], dependsOn=["a"])
    document = next(n for n in facts.nodes if n.id == DOCUMENT)
    assert (document.kind, document.name) == ("attestation", "rebuild: differs")
    said = dict(document.properties)
    wanted = {
        "result": "differs",
        "reason": "x",
        "builds": 1,
        "causes": ["order: x"],
        "pinned": ["clock"],
        "free": ["kernel"],
        "varied": ["a"],
        "depends_on": ["a"],
    }
    assert wanted == {name: said[name] for name in wanted}
    assert {(e.relation, e.target) for e in facts.edges} == {
        ("describes", "sha256:" + "a" * 64),
        ("used", "sha256:" + "b" * 64),
    }
    assert facts.occurred == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"result": "maybe"}, "not a result of a rebuild"),
        ({"result": None}, "required field"),
        ({"provenance": None}, "required field"),
        ({"provenance": {}}, "names no provenance"),
        ({"causes": ["x"] * 65}, "too many"),
        ({"causes": [1]}, "causes"),
        ({"pinned": ["x"] * 65}, "too many"),
        ({"dependsOn": [1]}, "dependsOn"),
        ({"varied": "clock"}, "varied"),
        ({"free": [None]}, "free"),
        ({"builds": [1]}, "builds"),
        ({"builds": [{}] * 17}, "too many"),
        ({"finished": "yesterday"}, "finished"),
    ],
)
def test_what_is_no_verdict_is_refused(changes, message):
    with pytest.raises(Malformed, match=message):
        read(**changes)


def test_the_worked_example_says_what_its_page_says():
    page = (REPOSITORY / "docs/formats/rebuild.md").read_text()
    [example] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    facts = statement.facts(json.loads(example), document_id=DOCUMENT)
    told = re.findall(r"^record +(\w+) +(sha256:\w+)…$", page, re.MULTILINE)
    assert [(e.relation, e.target[:15]) for e in facts.edges] == told

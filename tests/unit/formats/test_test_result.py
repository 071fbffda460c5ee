"""in-toto's test-result predicate: what it says of its subject, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from wherefrom.errors import Malformed
from wherefrom.formats import statement
from wherefrom.formats.facts import Facts

DOCUMENT = "sha256:" + "d" * 64
SHA256, COMMIT = "a" * 64, "1" * 40


def read(**predicate: Any) -> Facts:
    said = {"result": "FAILED", "configuration": [], **predicate}
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"gitCommit": COMMIT}}],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": said,
    }
    return statement.facts(document, document_id=DOCUMENT)


def test_a_result_stands_on_the_attestation_of_its_subject() -> None:
    facts = read(
        url="https://me:secret@ci.example/7",
        configuration=[{"name": "ci.yml", "digest": {"sha256": SHA256}}],
        passedTests=["a", "b"],
        failedTests=["c"],
    )
    (node,) = [n for n in facts.nodes if n.id == DOCUMENT]
    said = dict(node.properties or {})
    assert said.items() >= {
        "result": "FAILED", "passed": 2, "warned": 0, "failed": 1,
        "url": "https://ci.example/7",
    }.items()  # fmt: skip
    assert said["failed_tests"] == ["c"]
    assert {(e.relation, e.target) for e in facts.edges} == {
        ("describes", f"gitCommit:{COMMIT}"),
        ("used", f"sha256:{SHA256}"),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"result": None}, r"missing, at predicate\.result"),
        ({"result": "passed"}, r"not a test result, at predicate\.result: .*got passed"),
        ({"configuration": None}, r"missing, at predicate\.configuration"),
        ({"configuration": ["x"]}, r"at predicate\.configuration\[0\]: expected an object"),
        ({"failedTests": [1]}, r"at predicate\.failedTests\[0\]: expected a string"),
    ],
)
def test_a_broken_predicate_is_refused_and_its_field_named(change: Any, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        read(**change)

"""Evidence of every kind, recorded by the command line and traced in the graph it makes."""

import json

from tests.unit.cli.running import run
from tests.unit.formats import test_csaf, test_openvex


def test_two_kinds_of_vex_meet_at_the_vulnerability_and_the_product(tmp_path):
    lib = {"@id": "pkg:rpm/example/lib@1.2"}
    documents = {
        "vex.json": test_openvex.vex(test_openvex.said(products=[lib])),
        "csaf.json": test_csaf.advisory(vulnerabilities=[test_csaf.flaw(cve="CVE-2024-0001")]),
    }
    for name, document in documents.items():
        (tmp_path / name).write_text(json.dumps(document))
    (tmp_path / "junit.xml").write_text("<testsuite><testcase name='a'/></testsuite>")
    data = tmp_path / "d"
    recorded = run(
        "record", *(tmp_path / n for n in (*documents, "junit.xml")), "--json", data=data
    )
    assert recorded.json["recorded"] == 3
    for thing in ("CVE-2024-0001", "pkg:rpm/example/lib@1.2"):
        said = run("trace", thing, "--down", "--json", data=data).json
        claims = [n for n in said["nodes"] if n["kind"] == "claim"]
        assert len(claims) == 2
        assert {n["properties"]["status"] for n in claims} == {"fixed"}
        for claim in claims:
            up = run("trace", claim["id"], "--up", "--json", data=data).json
            assert {"CVE-2024-0001", lib["@id"]} <= {n["id"] for n in up["nodes"]}

"""PEP 740: attestations of Python packages and what an index says of their publisher."""

import base64
import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.errors import LimitPassed, Malformed, Refused, Unsupported
from wherefrom.formats import pep740, strict_json
from wherefrom.formats.facts import Facts

ID = "sha256:" + "0" * 64
ASSETS = DATA / "supply/pypi-attestations/test/assets"
ATTESTATIONS = sorted(ASSETS.glob("*.attestation"))
PROVENANCE = ASSETS / "pypi_attestations-0.0.19.tar.gz.provenance"
AGENT = "https://github.com/trailofbits/pypi-attestations/.github/workflows/release.yml"


def load(path) -> dict:
    return strict_json.decode(path.read_bytes())


def read(document: dict) -> Facts:
    return pep740.facts(document, document_id=ID)


def changed(path: str, value: object) -> dict:
    document = load(PROVENANCE)
    *steps, last = [int(step) if step.isdecimal() else step for step in path.split("/")]
    target = document
    for step in steps:
        target = target[step]
    target[last] = value
    return document


@pytest.mark.parametrize("path", ATTESTATIONS, ids=lambda p: p.name)
def test_a_real_attestation_is_read_and_not_changed(path):
    document = load(path)
    before = copy.deepcopy(document)
    facts = read(document)
    assert document == before
    statement = json.loads(base64.b64decode(document["envelope"]["statement"]))
    assert (facts.kind, facts.type) == ("bundle", statement["predicateType"])
    digest = statement["subject"][0]["digest"]["sha256"]
    assert (ID, "describes", f"sha256:{digest}") in [
        (e.source, e.relation, e.target) for e in facts.edges
    ]
    assert facts.nodes[0].properties["issuer"].startswith("https://")
    assert facts.nodes[0].properties["logIndex"] > 0


def test_a_provenance_object_attributes_record_and_file_to_the_publisher():
    facts = read(load(PROVENANCE))
    assert (facts.kind, facts.type) == ("bundle", "application/vnd.pypi.integrity.v1+json")
    (file,) = (e.target for e in facts.edges if e.relation == "describes")
    attributed = {(e.source, e.target) for e in facts.edges if e.relation == "attributed_to"}
    assert attributed == {(ID, AGENT), (file, AGENT)}
    assert facts.producers == (AGENT,)
    agent = next(n for n in facts.nodes if n.id == AGENT)
    assert agent.kind == "software"
    assert agent.properties == {
        "publisher": "GitHub",
        "repository": "trailofbits/pypi-attestations",
    }


def test_two_statements_of_one_record_do_not_share_a_nameless_build():
    document = load(PROVENANCE)
    listed = document["attestation_bundles"][0]["attestations"]
    for digit in "12":
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "x", "digest": {"sha256": digit * 64}}],
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "predicate": {"builder": {"id": "https://b"}},
        }
        envelope = listed[0]["envelope"] | {
            "statement": base64.b64encode(json.dumps(statement).encode()).decode()
        }
        listed.append(listed[0] | {"envelope": envelope})
    builds = {n.id for n in read(document).nodes if n.kind == "build"}
    assert builds == {f"build:{ID}#1", f"build:{ID}#2"}


@pytest.mark.parametrize(
    ("publisher", "id"),
    [
        (
            {"kind": "GitLab", "repository": "g/p", "workflow_filepath": ".gitlab-ci.yml"},
            "https://gitlab.com/g/p//.gitlab-ci.yml",
        ),
        ({"kind": "GitHub", "repository": "o/r"}, "publisher:GitHub/o/r"),
        ({"kind": "Google", "email": "person@example.com"}, "publisher:Google"),
        ({"kind": "ActiveState", "organization": "o"}, "publisher:ActiveState"),
    ],
)
def test_a_publisher_is_known_by_its_workflow_and_never_by_an_e_mail_address(publisher, id):
    facts = read(changed("attestation_bundles/0/publisher", publisher))
    assert id in {n.id for n in facts.nodes}
    assert "person@example.com" not in str(facts)


ONE = "attestation_bundles/0/attestations/0"


@pytest.mark.parametrize(
    ("path", "value", "error", "message"),
    [
        ("version", None, Malformed, "missing, at version"),
        ("version", 2, Unsupported, "at version: expected 1, got 2"),
        ("version", True, Unsupported, "at version"),
        ("attestation_bundles", None, Malformed, "missing, at attestation_bundles"),
        ("attestation_bundles", [], Malformed, "empty list, at attestation_bundles"),
        ("attestation_bundles", [{}] * 65, LimitPassed, "expected 64 at most, got 65"),
        ("attestation_bundles/0/publisher", None, Malformed, r"bundles\[0\].publisher"),
        ("attestation_bundles/0/publisher", {}, Malformed, r"missing, at .*publisher.kind"),
        ("attestation_bundles/0/attestations", [], Malformed, r"bundles\[0\].attestations"),
        (f"{ONE}/version", 2, Unsupported, r"attestations\[0\].version: expected 1, got 2"),
        (f"{ONE}/verification_material", None, Malformed, "missing, at .*verification_material"),
        (
            f"{ONE}/verification_material/certificate",
            "MAA=",
            Malformed,
            "cannot be read, at .*verification_material.certificate",
        ),
        (
            f"{ONE}/verification_material/transparency_entries",
            None,
            Malformed,
            "missing, at .*transparency_entries",
        ),
        (
            f"{ONE}/verification_material/transparency_entries/0/logIndex",
            -1,
            Malformed,
            r"transparency_entries\[0\].logIndex",
        ),
        (f"{ONE}/envelope", [], Malformed, "at .*envelope: expected an object"),
        (f"{ONE}/envelope/signature", "Zg", Malformed, "not base64, at .*envelope.signature"),
        (
            f"{ONE}/envelope/statement",
            "Zg==",
            Malformed,
            "no statement: .*, at .*envelope.statement",
        ),
        (f"{ONE}/envelope/statement", "e30=", Malformed, "missing, at .*envelope.statement._type"),
    ],
)
def test_an_object_of_another_shape_is_refused(path, value, error, message):
    with pytest.raises(error, match=message):
        read(changed(path, value))


def test_an_object_that_lost_a_part_is_still_recognised():
    assert pep740.recognises({"attestation_bundles": None})
    assert pep740.recognises({"verification_material": {}})
    assert not pep740.recognises({"envelope": {}, "version": 1})
    with pytest.raises(Malformed, match="missing, at version"):
        read({"verification_material": {}})


@pytest.mark.filterwarnings("ignore")  # cryptography warns of certificates that are only odd
@settings(deadline=None)
@given(st.data())
def test_a_mutated_real_object_gives_whole_facts_or_is_refused(data):
    document = load(data.draw(st.sampled_from([PROVENANCE, *ATTESTATIONS])))
    place, key = document, data.draw(st.sampled_from(sorted(document)))
    while isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
        place = place[key]
        steps = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(steps)))
    place[key] = data.draw(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just([{}])
    )
    try:
        facts = read(document)
    except Refused:
        return
    ids = {n.id for n in facts.nodes}
    assert {end for e in facts.edges for end in (e.source, e.target)} <= ids

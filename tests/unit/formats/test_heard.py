"""What a record is heard as: of which service, image or repository, where, and of which kind."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.paths import DATA
from wherefrom.capture import changes
from wherefrom.errors import Refused
from wherefrom.formats import heard
from wherefrom.formats.facts import Facts, Node
from wherefrom.formats.heard import Heard, heard_of, is_asked, is_kind
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.states import SLOTS, Scope, State

SLSA = DATA / "supply" / "slsa-verifier"


def kinds(content):
    return {(one.environment, one.about, one.kind) for one in heard_of(facts_of(content))}


def test_a_deployment_is_heard_of_its_service_where_it_is():
    content = changes.deploy(
        Scope("prod", "cart"), "ghcr.io/acme/cart:1", at="2026-01-01T00:00:00Z", source="ci"
    )
    assert ("prod", "service:cart", "deployment") in kinds(content)


def statement(predicate_type, predicate, name="ghcr.io/acme/cart"):
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": name, "digest": {"sha256": "a" * 64}}],
            "predicateType": predicate_type, "predicate": predicate,
        }
    ).encode()  # fmt: skip


def test_a_provenance_is_heard_of_its_image_and_of_the_repository_it_was_built_from():
    predicate = {
        "buildDefinition": {
            "buildType": "t", "externalParameters": {},
            "resolvedDependencies": [
                {"uri": "git+https://github.com/acme/cart@refs/heads/main",
                 "digest": {"gitCommit": "b" * 40}},
            ],
        },
        "runDetails": {"builder": {"id": "https://ci.example/b"}},
    }  # fmt: skip
    content = statement("https://slsa.dev/provenance/v1", predicate)
    assert kinds(content) == {
        ("", "image:ghcr.io/acme/cart", "provenance"),
        ("", "repository:git+https://github.com/acme/cart", "provenance"),
    }


@pytest.mark.parametrize(
    ("predicate_type", "predicate", "kind"),
    [
        ("https://cyclonedx.org/bom", {"bomFormat": "CycloneDX", "specVersion": "1.5"}, "sbom"),
        (
            "https://in-toto.io/attestation/test-result/v0.1",
            {"result": "PASSED", "configuration": []},
            "test",
        ),
        ("https://example.com/anything", {}, "event"),
    ],
)
def test_the_kind_is_by_what_the_statement_says(predicate_type, predicate, kind):
    assert {k for _, _, k in kinds(statement(predicate_type, predicate))} == {kind}


def test_every_slot_of_state_is_heard_or_left_out_on_purpose():
    for slot in SLOTS:
        facts = Facts(
            kind="event", type="t", document="d",
            states=(State("declared", Scope("p", "cart"), slot, "n", "v"),),
        )  # fmt: skip
        of_service = {one.kind for one in heard_of(facts) if one.about == "service:cart"}
        expected = {
            "artifact": {"deployment"}, "scale": {"deployment"}, "share": {"deployment"},
            "catalog": set(), "gate": set(), "denied": set(), "response": set(),
            "maintenance": set(),
        }.get(slot, {slot})  # fmt: skip
        assert of_service == expected, slot


def test_a_list_of_services_is_not_heard_from_them():
    facts = Facts(kind="attestation", type="urn:wherefrom:catalog:v1", document="d",
                  nodes=(Node("service:cart", "service"),))  # fmt: skip
    assert heard_of(facts) == []


def test_a_word_is_that_kind_and_a_pattern_that_type():
    assert is_asked("sbom", "sbom", "x")
    assert not is_asked("sbom", "event", "sbom")
    assert is_asked("dev.cdevents.*", "event", "dev.cdevents.a.b.0.1")
    assert not is_asked("dev.cdevents.*", "dev.cdevents.a", "x")
    assert is_kind("https://slsa.dev/*")
    assert not is_kind("provenence")


def test_every_real_attestation_is_heard_as_something_and_within_limits():
    seen = set()
    for path in sorted(SLSA.rglob("*.intoto.*"))[:120]:
        for line in path.read_bytes().splitlines()[:1]:
            try:
                facts = facts_of(line)
            except Refused:
                continue
            found = heard_of(facts)
            assert found
            assert len(found) <= 4 * heard.ABOUTS_MAX
            seen |= {one.kind for one in found}
            assert {one.type for one in found} == {facts.type}
    assert "provenance" in seen


@given(st.text(max_size=20), st.text(max_size=20))
def test_nothing_that_a_node_is_called_ends_the_fold(id, name):
    facts = Facts(kind="event", type="t", document="d", nodes=(Node(id, "source", name),))
    assert all(isinstance(one, Heard) for one in heard_of(facts))

"""PROV: both notations are read back by another program as the same document, with every edge."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prov.model import ProvAssociation, ProvDocument

from tests.unit.cli.test_draw import edge, node, trace
from tests.unit.query.exports.answers import ANSWERS, HOSTILE, KEY, OTHER_KEY
from wherefrom.formats.facts import KINDS, RELATIONS
from wherefrom.query.exports.prov import to_prov_json, to_prov_n
from wherefrom.query.exports.prov_names import Names

TERMS = "urn:wherefrom:term:"
PLAIN = {"specializationOf", "alternateOf", "hadMember"}


def from_json(answer):
    return ProvDocument.deserialize(content=to_prov_json(answer), format="json")


def from_n(answer):
    return ProvDocument.deserialize(content=to_prov_n(answer), format="provn", profile="strict")


def values(record, name):
    return [v for key, v in record.attributes if key.uri == name]


def word(record):
    return record.get_type().localpart


def elements(document):
    """Records of things by the id that they say they have."""
    made = {}
    for record in document.get_records():
        if record.is_element() and (ids := values(record, TERMS + "id")):
            assert ids[0] not in made
            made[ids[0]] = record
    return made


def ours(record):
    """Which of our relations a record says it is, or None."""
    types = [str(t.uri) for t in record.get_asserted_types() if hasattr(t, "uri")]
    found = [t.removeprefix(TERMS) for t in types if t.startswith(TERMS)]
    return found[0] if found else None


def ends(record):
    names = [value for _, value in record.formal_attributes if value is not None]
    return names[0].uri, names[-1].uri


def statements(document):
    """``(relation, source, target, entry)`` of everything that is said, bundles included."""
    ids = {record.identifier.uri: id for id, record in elements(document).items()}
    found = set()
    for record in document.get_records():
        if record.is_relation() and (relation := ours(record)):
            source, target = ends(record)
            (entry,) = values(record, TERMS + "entry")
            found.add((relation, ids[source], ids[target], entry))
    for bundle in document.bundles:
        for record in bundle.get_records():
            (entry,) = values(record, TERMS + "entry")
            of = ids[bundle.identifier.uri], ids[record.identifier.uri]
            found.add((ours(record), *of, entry))
    return found


@pytest.mark.parametrize("name", ANSWERS)
def test_both_notations_are_one_document_with_every_node_and_edge(name):
    answer = ANSWERS[name]
    document = from_json(answer)
    assert document == from_n(answer)
    assert {id: values(r, TERMS + "kind") for id, r in elements(document).items()} == {
        n.id: [n.kind] for n in answer.nodes
    }
    assert statements(document) == {(e.relation, e.source, e.target, e.entry) for e in answer.edges}


def test_each_relation_is_the_one_of_the_table_where_its_ends_allow():
    nodes = {"Entity": "artifact", "Activity": "run", "Agent": "person"}
    ends = {
        "wasGeneratedBy": ("Entity", "Activity"),
        "used": ("Activity", "Entity"),
        "wasAttributedTo": ("Entity", "Agent"),
        "wasAssociatedWith": ("Activity", "Agent"),
        "actedOnBehalfOf": ("Agent", "Agent"),
        "wasInformedBy": ("Activity", "Activity"),
        "wasInvalidatedBy": ("Entity", "Activity"),
    }
    words = {"wasRevisionOf": "wasDerivedFrom"}
    in_prov = {"Derivation": "wasDerivedFrom", "Generation": "wasGeneratedBy", "Usage": "used",
               "Attribution": "wasAttributedTo", "Association": "wasAssociatedWith",
               "Delegation": "actedOnBehalfOf", "Communication": "wasInformedBy",
               "Invalidation": "wasInvalidatedBy", "Specialization": "specializationOf",
               "Alternate": "alternateOf", "Membership": "hadMember"}  # fmt: skip
    for relation, prov in RELATIONS.items():
        if relation == "describes":
            continue
        one, other = ends.get(prov, ("Entity", "Entity"))
        answer = trace([node("x", nodes[one]), node("y", nodes[other])], [
            edge("x", relation, "y", 1)
        ])  # fmt: skip
        found = [word(r) for r in from_json(answer).get_records() if r.is_relation()]
        assert in_prov[found[0]] == words.get(prov, prov), relation
        assert found[1:] == (["Influence"] if prov in PLAIN else [])


def test_no_relation_joins_an_activity_where_prov_wants_an_entity():
    document = from_json(ANSWERS["every relation"])
    kinds = {r.identifier.uri: word(r) for r in document.get_records() if r.is_element()}
    wanted = {"prov:entity": "Entity", "prov:activity": "Activity", "prov:agent": "Agent",
              "prov:plan": "Entity", "prov:generatedEntity": "Entity", "prov:usedEntity": "Entity",
              "prov:informed": "Activity", "prov:informant": "Activity",
              "prov:specificEntity": "Entity", "prov:generalEntity": "Entity",
              "prov:alternate1": "Entity", "prov:alternate2": "Entity",
              "prov:collection": "Entity"}  # fmt: skip
    for record in document.get_records():
        for key, value in record.formal_attributes:
            if str(key) in wanted and value is not None:
                assert kinds[value.uri] in (wanted[str(key)], "Agent"), record


def test_a_run_is_associated_with_its_job_as_its_plan():
    answer = trace([node("run:1", "run"), node("job:n:j", "job")],
                   [edge("run:1", "specializes", "job:n:j", 4)])  # fmt: skip
    (record,) = from_json(answer).get_records(ProvAssociation)
    assert [str(key) for key, value in record.formal_attributes if value] == [
        "prov:activity", "prov:plan",
    ]  # fmt: skip
    assert "wasAssociatedWith(wfid:run%3A1" not in to_prov_n(answer)
    assert "wasAssociatedWith(run:1, -, wfid:job%3An%3Aj, [prov:type='wf:specializes'" in (
        to_prov_n(answer)
    )


def test_a_document_that_describes_is_a_bundle_with_what_it_describes():
    answer = trace(
        [node("sha256:" + "b" * 64, "attestation"), node("build:1", "build")],
        [edge("sha256:" + "b" * 64, "describes", "build:1", 5, signers=[KEY], annotation=True)],
    )
    (bundle,) = from_n(answer).bundles
    (described,) = bundle.get_records()
    assert bundle.identifier.uri == "sha256:" + "b" * 64
    assert described.identifier.uri == "build:1"
    assert values(described, TERMS + "signer") == [KEY]
    document = elements(from_n(answer))["sha256:" + "b" * 64]
    assert [str(t) for t in document.get_asserted_types()] == ["prov:Bundle"]


def test_every_statement_has_its_entry_its_trust_and_each_signer():
    document = from_json(ANSWERS["every relation"])
    for record in document.get_records():
        if ours(record) is not None:
            assert values(record, TERMS + "trust") == ["signed"]
            assert sorted(values(record, TERMS + "signer")) == [KEY, OTHER_KEY]


def test_a_node_has_the_word_of_the_best_edge_that_names_it():
    answer = trace(
        [node("a:1", "artifact"), node("b:1", "artifact"), node("c:1", "artifact")],
        [
            edge("a:1", "derived_from", "b:1", 2),
            edge("b:1", "derived_from", "c:1", 9, signers=[KEY]),
        ],
    )
    said = elements(from_json(answer))
    word_of = {
        id: values(r, TERMS + "entry") + values(r, TERMS + "trust") for id, r in said.items()
    }
    assert word_of == {"a:1": [2, "channel"], "b:1": [9, "signed"], "c:1": [9, "signed"]}


def test_the_document_says_of_which_log_and_what_is_not_in_it():
    answer = ANSWERS["hostile names"]
    (record,) = from_n(answer).get_record("wf:answer")
    said = {key.localpart: value for key, value in record.attributes}
    assert said["origin"] == answer.log.origin
    assert (said["size"], said["root"]) == (20, "e" * 64)
    assert (said["truncated"], said["reason"], said["erased"]) == (True, "nodes", 7)
    assert (said["frontier"], said["gap"]) == ("a\nb", "x generated_by")


def test_properties_keep_their_types():
    record = next(
        r for r in from_json(ANSWERS["hostile names"]).get_records()
        if r.is_relation() and values(r, "urn:wherefrom:property:n")
    )  # fmt: skip
    assert values(record, "urn:wherefrom:property:n") == [1]
    assert values(record, "urn:wherefrom:property:f") == [1.5]
    assert values(record, "urn:wherefrom:property:t") == [True]
    assert values(record, "urn:wherefrom:property:l") == ['[1,"x"]']


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("sha256:7d", "sha256:7d"),
        ("pkg:npm/%40a/b@1.0", "pkg:npm/%40a/b@1.0"),
        ("https://github.com/o/r", "https:github.com/o/r"),
        ("git+https://host/o/r", "git_https:host/o/r"),
        ("https://host:80/a", "wfid:https%3A%2F%2Fhost%3A80%2Fa"),
        ("a b", "wfid:a%20b"),
        ("prov:x", "wfid:prov%3Ax"),
        ("urn:wherefrom:id:a%20b", "wfid:urn%3Awherefrom%3Aid%3Aa%2520b"),
    ],
)
def test_an_id_that_is_a_harmless_uri_is_named_by_itself(id, name):
    assert Names().of(id) == name


texts = st.one_of(
    st.text(max_size=12), st.text("ab:/%2F.-_~@", max_size=8).map("pkg:".__add__),
    st.sampled_from(HOSTILE),
)  # fmt: skip


@given(st.lists(texts, min_size=2, max_size=6, unique=True))
def test_no_two_ids_share_a_name_or_an_iri(ids):
    names = Names()
    made = [names.of(id) for id in ids]
    assert len(set(made)) == len(ids)
    iris = [names.prefixes[n.partition(":")[0]] + n.partition(":")[2] for n in made]
    assert len(set(iris)) == len(ids)
    assert len(set(names.prefixes.values())) == len(names.prefixes)
    for name in made:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*:[A-Za-z0-9_@~&+*?#$!%/.-]+", name)
        assert "//" not in name
        assert "/*" not in name


@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=2, max_size=2), texts, texts)
def test_any_name_is_read_back_as_it_was(kinds, one, other):
    if one == other or not one or not other:
        return
    nodes = [node(id, kind, id) for id, kind in zip((one, other), kinds, strict=True)]
    answer = trace(nodes, [edge(one, "derived_from", other, 1)])
    document = from_n(answer)
    assert document == from_json(answer)
    assert {id: values(r, "http://www.w3.org/ns/prov#label") for id, r in
            elements(document).items()} == {one: [one], other: [other]}  # fmt: skip


def test_the_same_answer_is_the_same_text_and_json():
    text = to_prov_json(ANSWERS["every relation"])
    assert text == to_prov_json(ANSWERS["every relation"])
    assert json.loads(text)["prefix"]["wf"] == TERMS

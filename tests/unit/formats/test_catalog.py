"""Catalogues: what is written is what is recorded; what is misspelt is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from wherefrom.errors import Error, LimitPassed, Malformed, Unsupported
from wherefrom.formats import catalog, catalog_yaml
from wherefrom.formats.catalog import Catalog, Emitter, Service, Team
from wherefrom.formats.recognise import facts_of
from wherefrom.formats.states import State

ISSUED = "2026-01-01T00:00:00Z"
WRITTEN = b"""
version: 1
environments: {production: {production: true}, staging: {}}
teams: {shop: {contacts: {slack: "#shop"}}, web: {parent: shop}}
defaults:
  environments: [production]
  emitters: [{name: cluster, kinds: [observation], within: 15m}]
services:
  cart:
    owner: shop
    criticality: high
    environments: [production, staging]
    repository: https://github.com/Acme/cart.git
    images: [docker.io/acme/cart, ghcr.io/acme/cart]
    billable: true
    emitters:
      - {name: ci, kinds: [provenance, "dev.cdevents.*"], builder: "https://ci.example/*"}
  site: {owner: web}
"""


def read(written=WRITTEN):
    return catalog_yaml.parse(written, where="catalog.yaml")


def issued(made, at=ISSUED):
    return structs.replace(made, issued=at)


def test_a_file_says_what_it_says_and_defaults_are_of_services_that_say_nothing():
    cart, site = read().services
    assert cart == Service(
        name="cart", owner="shop", criticality="high", environments=("production", "staging"),
        emitters=(
            Emitter(name="ci", kinds=("provenance", "dev.cdevents.*"),
                    source="https://ci.example/*"),
        ),
        repositories=("git+https://github.com/Acme/cart",),
        images=("acme/cart", "ghcr.io/acme/cart"), billable=True,
    )  # fmt: skip
    assert site.environments == ("production",)
    assert site.emitters == (Emitter(name="cluster", kinds=("observation",), within=900),)
    assert cart.abouts()[:2] == ["service:cart", "repository:git+https://github.com/Acme/cart"]


def test_an_emitter_of_all_services_is_of_each_only_where_that_is():
    written = (
        b"defaults: {emitters: [{name: x, kinds: [sbom], environments: [p, q]}]}\n"
        b"services: {a: {environments: [p, r]}, b: {environments: [r]}, c: {}}"
    )
    a, b, c = catalog_yaml.parse(written, where="c").services
    assert [e.environments for e in a.emitters] == [("p",)]
    assert b.emitters == ()
    assert [e.environments for e in c.emitters] == [("p", "q")]


def test_a_statement_tells_the_graph_whose_a_service_is_and_the_estate_what_is_in_force():
    made = issued(read())
    facts = facts_of(catalog.to_statement(made))
    assert (facts.type, facts.occurred) == (catalog.PREDICATE_TYPE, "2026-01-01T00:00:00.000000Z")
    edges = {(e.source, e.relation, e.target) for e in facts.edges}
    assert ("service:cart", "attributed_to", "team:shop") in edges
    assert ("team:web", "acted_for", "team:shop") in edges
    assert (made.digest, "contains", "service:site") in edges
    (state,) = facts.states
    assert isinstance(state, State)
    assert (state.slot, state.name, state.value) == ("catalog", "catalog", made.digest)


def test_when_it_was_issued_is_no_part_of_what_it_is():
    made = read()
    assert issued(made).digest == issued(made, "2027-01-01T00:00:00Z").digest
    assert made.digest != structs.replace(made, services=made.services[:1]).digest


def test_a_catalogue_under_another_digest_is_refused():
    document = json.loads(catalog.to_statement(issued(read())))
    document["predicate"]["services"][0]["owner"] = "web"
    with pytest.raises(Malformed, match="a catalogue under another digest than its own"):
        facts_of(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"services: {a: {ownr: x}}", "unknown field `ownr`, at c.services.a: expected owner"),
        (b"services: {a: {owner: 3}}", "c.services.a.owner: expected str | null, got int"),
        (b"services: {a: {criticality: urgent}}", "invalid enum value 'urgent'"),
        (b"services: {a: {emitters: [{name: x, kinds: [prov]}]}}", "not a kind of record, at"),
        (b"services: {a: {emitters: [{name: x, kinds: []}]}}", "need not send anything"),
        (b"services: {a: {emitters: [{name: x, kinds: [sbom], within: soon}]}}", "not a duration"),
        (b"services: {a: {emitters: [{name: x, kinds: [sbom], within: 0}]}}", "that a record may"),
        (b"services: {a: {emitters: [{name: x, kinds: [sbom], source: a, builder: b}]}}", "two wo"),
        (b"services: {a: {environments: [x], emitters: [{name: x, kinds: [sbom], environments: "
         b"[y]}]}}", "an emitter where the service is not, at .*: expected x, got y"),
        (b"services: {a: {image: 'cart:1'}}", "not the name of an image"),
        (b"services: {a: {repository: nowhere}}", "not a repository"),
        (b"services: {a: {aliases: [b]}, b: {}}", "two of one name"),
        (b"services: {' a': {}}", "not a name"),
        (b"services: {a: {owner: jane@acme.example}}", "somebody's address"),
        (b"teams: {t: {contacts: {mail: t@acme.example}}}", "somebody's address"),
        (b"teams: {t: {title: Ask t@acme.example}}", r"somebody's address, at c.teams\[t\].title"),
        (b"teams: {t: {parent: u}}", "no team is called so"),
        (b"teams: {t: {}}\nservices: {a: {owner: u}}", "no team is called so.*expected t, got u"),
        (b"environments: {p: {}}\nservices: {a: {environments: [q]}}", "no environment is called"),
        (b"services: []", "expected an object"),
        (b"service: {}", "a field that catalogues do not have"),
    ],
)  # fmt: skip
def test_what_is_misspelt_is_refused_and_says_where(written, says):
    with pytest.raises(Malformed, match=says):
        catalog_yaml.parse(written, where="c")


def test_another_version_and_too_much_are_refused():
    with pytest.raises(Unsupported, match=r"not a version of catalog\.yaml"):
        catalog_yaml.parse(b"version: 2\nservices: {}", where="c")
    many = "services:\n" + "".join(f"  s{n}: {{}}\n" for n in range(catalog.SERVICES_MAX + 1))
    with pytest.raises(LimitPassed, match="too many services"):
        catalog_yaml.parse(many.encode(), where="c")


def test_files_are_one_catalogue_unless_they_say_two_things_of_one_service():
    a = catalog_yaml.parse(b"services: {a: {tags: [x]}}", where="a")
    b = catalog_yaml.parse(b"services: {a: {tags: [x]}, b: {}}", where="b")
    both = catalog_yaml.merged([("a", a), ("b", b)], name="all")
    assert ([s.name for s in both.services], both.name) == (["a", "b"], "all")
    c = catalog_yaml.parse(b"services: {a: {tags: [y]}}", where="c")
    with pytest.raises(Malformed, match="two services of one name, which differ, at c: got a"):
        catalog_yaml.merged([("a", a), ("c", c)], name="all")


def test_two_catalogues_differ_by_the_fields_of_their_parts():
    before = Catalog(services=(Service(name="a"), Service(name="b")), teams=(Team(name="t"),))
    after = Catalog(services=(Service(name="b", owner="t", tags=("x",)), Service(name="c")),
                    teams=(Team(name="t"),))  # fmt: skip
    found = [(d.kind, d.name, d.what, d.fields) for d in catalog.difference(before, after)]
    assert found == [
        ("service", "a", "removed", ()),
        ("service", "b", "changed", ("owner", "tags")),
        ("service", "c", "added", ()),
    ]


NAMES = st.text("abcdefgh-0123", min_size=1, max_size=8).filter(lambda t: t == t.strip())
SERVICES = st.lists(
    st.builds(
        Service, name=NAMES, owner=st.none() | NAMES, environments=st.just(("p", "q")),
        criticality=st.none() | st.sampled_from(catalog.CRITICALITIES), billable=st.booleans(),
        emitters=st.lists(
            st.builds(Emitter, name=NAMES, kinds=st.just(("sbom", "x.y")),
                      within=st.none() | st.integers(1, 9999)),
            max_size=2, unique_by=lambda e: e.name,
        ).map(tuple),
    ),
    max_size=4, unique_by=lambda s: s.name,
)  # fmt: skip


@given(SERVICES.map(tuple))
def test_a_catalogue_comes_back_from_its_statement_as_it_was(services):
    made = issued(Catalog(services=services))
    assert catalog.parse(json.loads(catalog.to_statement(made))["predicate"]) == made


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=6),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["services", "teams", "owner", "emitters", "kinds", "name", "a"]),
                inner,
            )
        ),
    )
)
def test_no_document_is_more_than_refused(document):
    try:
        catalog_yaml.read(document, where="c")
    except Error:
        return

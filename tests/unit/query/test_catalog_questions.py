"""Questions about the catalogue over views that were folded of facts written by hand."""

import contextlib

import pytest
from msgspec import structs

from tests.unit.views.fakes import FakeLog, sha
from wherefrom.formats import catalog
from wherefrom.formats.catalog import Catalog, Emitter, Service, Team
from wherefrom.formats.facts import Edge, Facts, Node
from wherefrom.formats.recognise import facts_of as read
from wherefrom.formats.states import Scope, State
from wherefrom.query.catalog import CatalogQuestions, Catalogs
from wherefrom.query.catalog.questions import CatalogOptions
from wherefrom.views.estate import EstateReader, EstateView
from wherefrom.views.graph import GraphReader, GraphView

INDEX, PLATFORM, OTHER = (f"sha256:{c * 64}" for c in "abc")
SLSA = "https://slsa.dev/provenance/v1"
THEN = "2026-01-01T00:00:00.000000Z"
HEARD = "2026-03-01T00:00:00.000000Z"


class Log(FakeLog):
    """A log whose records say what they are given; catalogues are read as they are."""

    def __init__(self):
        super().__init__()
        self.said = {}

    def say(self, *, type="test", nodes=(), edges=(), states=(), describes=()):
        content = f"record {self.size}".encode()
        document = sha(content.decode())
        named = {node.id for node in nodes}
        nodes = (
            Node(document, "attestation"), *nodes,
            *(Node(id, "image") for id in describes if id not in named),
        )  # fmt: skip
        edges = (*edges, *(Edge(document, "describes", id) for id in describes))
        self.said[content] = Facts(
            kind="attestation", type=type, document=document, nodes=nodes, edges=edges,
            states=states,
        )  # fmt: skip
        return self.add_content(content, kind="attestation", occurred=THEN, received=HEARD)

    def catalogue(self, *services, name="catalog", issued=THEN, **more):
        made = Catalog(name=name, issued=issued, services=services, **more)
        return self.add_content(
            catalog.to_statement(made), kind="attestation", occurred=issued, received=HEARD
        )

    def facts_of(self, content):
        return self.said[content] if content in self.said else read(content)

    def refresh(self):
        return self.position()


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def ask(log, tmp_path):
    ends = contextlib.ExitStack()

    def asked():
        number = len(list(tmp_path.iterdir()))
        paths = [tmp_path / f"{view}{number}.db" for view in ("estate", "graph")]
        for path, view in zip(paths, (EstateView, GraphView), strict=True):
            with view.open(path, facts_of=log.facts_of, facts_version=1) as opened:
                opened.fold(log)
        estate, graph = EstateReader(paths[0]), GraphReader(paths[1])
        ends.callback(estate.close)
        ends.callback(graph.close)
        return CatalogQuestions(
            log, estate, graph, catalogs=Catalogs(lambda index: log.records[index].content)
        )

    with ends:
        yield asked


def runs(value, service="cart"):
    return State("declared", Scope("prod", service), "artifact", "", value)


CART = Service(
    name="cart", owner="shop", environments=("prod",), aliases=("cart-v2",),
    emitters=(Emitter(name="ci", kinds=("provenance",)),),
)  # fmt: skip


@pytest.mark.parametrize(
    ("about", "state"), [(PLATFORM, "covered"), (INDEX, "covered"), (OTHER, "missing")]
)
def test_a_provenance_of_the_index_is_one_of_the_platform_that_runs(log, ask, about, state):
    log.catalogue(CART)
    images = (Node(INDEX, "image"), Node(PLATFORM, "image"))
    log.say(nodes=images, edges=(Edge(INDEX, "contains", PLATFORM),))
    log.say(states=(runs(PLATFORM),))
    log.say(type=SLSA, describes=(about,))
    found = ask().gaps("", CatalogOptions())
    assert [one.state for one in found.gaps] == ([] if state == "covered" else [state])
    assert found.coverage.all.expected == 1


def test_what_a_service_is_called_besides_its_name_is_the_service(log, ask):
    log.catalogue(CART)
    log.say(states=(runs(PLATFORM, "cart-v2"),))
    found = ask().gaps("cart-v2", CatalogOptions())
    assert [(one.service, one.without) for one in found.gaps] == [("cart", [PLATFORM])]
    assert ask().gaps("", CatalogOptions()).unknown == []
    assert ask().owner_of("cart-v2", CatalogOptions()) == "shop"


def test_of_two_catalogues_that_name_a_service_the_newest_counts_and_both_are_told(log, ask):
    log.catalogue(CART, name="a", teams=(Team(name="shop"),))
    log.catalogue(structs.replace(CART, owner="web"), name="b",
                  issued="2026-02-01T00:00:00.000000Z")  # fmt: skip
    shown = ask().catalog("cart", CatalogOptions())
    assert [one.service.owner for one in shown.services] == ["web"]
    assert shown.named_twice == ["cart"]
    assert [one.name for one in shown.catalogs] == ["b", "a"]
    before = ask().catalog("cart", CatalogOptions(at="2026-01-15T00:00:00Z"))
    assert [one.service.owner for one in before.services] == ["shop"]
    known = ask().catalog("cart", CatalogOptions(as_of=1))
    assert [one.service.owner for one in known.services] == ["shop"]


def test_what_comes_after_the_time_that_is_asked_about_closes_no_gap(log, ask):
    log.catalogue(CART, issued="2025-01-01T00:00:00.000000Z")
    log.say(type=SLSA, nodes=(Node("service:cart", "service"),))
    late = CatalogOptions(at="2025-06-01T00:00:00Z")
    assert [one.state for one in ask().gaps("", late).gaps] == ["missing"]
    assert ask().gaps("", CatalogOptions()).gaps == []
    assert [one.state for one in ask().gaps("", CatalogOptions(as_of=1)).gaps] == ["missing"]


def test_nor_does_one_of_an_artifact_that_ran_then(log, ask):
    log.catalogue(CART, issued="2025-01-01T00:00:00.000000Z")
    log.say(states=(structs.replace(runs(PLATFORM), at="2025-02-01T00:00:00.000000Z"),))
    log.say(type=SLSA, describes=(PLATFORM,))
    then = ask().gaps("", CatalogOptions(at="2025-06-01T00:00:00Z"))
    assert [one.without for one in then.gaps] == [[PLATFORM]]
    assert ask().gaps("", CatalogOptions()).gaps == []


def test_a_service_that_runs_where_the_catalogue_does_not_say_is_told(log, ask):
    log.catalogue(CART)
    log.say(states=(State("observed", Scope("test", "cart"), "artifact", "", OTHER),))
    assert ask().gaps("", CatalogOptions()).undeclared == {"cart": ["test"]}

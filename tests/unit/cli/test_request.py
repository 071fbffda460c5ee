"""``wherefrom request``: a request's way, of a directory and of a server."""

import pytest

from tests.served import Inside
from tests.unit.cli.running import run
from tests.unit.formats.test_otlp import TRACE, request, span
from wherefrom.formats.reality_id import Reality

A = "sha256:" + "a" * 64


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Inside(tmp_path_factory.mktemp("request") / "data") as inside:
        said = {"prov.correlation.id": "order-7", "prov.origin.reality.id": "sha256:" + "9" * 64}
        web = request(span(1, said=said), resource={"service.name": "web"})
        cart = request(
            span(2, parentSpanId=f"{1:016x}", status={"code": 2},
                 said={**said, "prov.caller.id": "spiffe://shop/web"}),
            span(3, parentSpanId="9" * 16),
            resource={"service.name": "cart", "service.version": "1.4",
                      "deployment.environment.name": "prod", "prov.artifact.digest": A},
        )  # fmt: skip
        for sent in (web, cart):
            assert inside.client.post("/v1/traces", json=sent).status_code == 200
        yield inside


def test_each_hop_is_shown_with_its_reality_below_the_one_that_called(server, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    ran = run("request", "order-7", data=server.folder.path)
    assert ran.code == 0
    first, came, web, cart, lone, missing, *_ = ran.out.splitlines()
    assert first == f"2026-11-01T12:00:00Z  trace {TRACE}"
    assert came == "request order-7, came in at reality 999999999999"
    assert web.startswith("  web n1  12.0 ms  reality unknown")
    assert cart.startswith(f"    cart:1.4 n2 (prod)  12.0 ms  1 error  reality {Reality(A).short}")
    assert "called by spiffe://shop/web  artifact aaaaaaaaaaaa" in cart
    assert lone.startswith("  cart:1.4 n3")
    assert missing == "  1 span named as a caller and not held"


def test_a_server_gives_the_same(server, monkeypatch):
    monkeypatch.setenv("WHEREFROM_TOKEN", server.token["reader"])
    there = run("request", f"00-{TRACE}-00f067aa0ba902b7-01", "--json", "--server", server.url)
    here = run("request", TRACE, "--json", data=server.folder.path)
    assert there.code == here.code == 0
    assert there.json["traces"] == here.json["traces"]
    assert [hop["depth"] for hop in here.json["traces"][0]["hops"]] == [0, 1, 0]


def test_a_request_of_which_nothing_is_held_is_a_clear_no(server):
    ran = run("request", "order-8", "--json", data=server.folder.path)
    assert (ran.code, ran.problem["code"]) == (1, "not_found")

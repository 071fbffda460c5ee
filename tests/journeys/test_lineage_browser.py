"""The lineage explorer as people use it: Chromium on the sample and an image of 150 packages."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser import browser, signed_in
from tests.paths import DATA
from tests.served import ServerProcess, followed

SBOM = (
    DATA / "supply/guac-data/docs/cyclonedx/syft-cyclonedx-docker.io-library-postgres.latest.json"
)
POSTGRES = "/lineage/docker.io%2Flibrary%2Fpostgres:latest"
SHELF = "registry.corner-shop.example/shelf:1.1.0"
SHELF_PATH = f"/lineage/{SHELF.replace('/', '%2F')}"
MODEL = "what-to-restock-3.safetensors"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("lineage") / "data", "--sample") as running:
        with running.client() as client:
            assert client.post("/v1/records", content=SBOM.read_bytes()).status_code == 201
            followed(client)
        yield running


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture
def page(chromium, server):
    with signed_in(chromium, server) as opened:
        yield opened


def corner(page, selector):
    box = page.locator(selector).first.bounding_box()
    return round(box["x"]), round(box["y"]), round(box["width"])


@pytest.mark.parametrize(("path", "what", "adds"), [
    (POSTGRES, "svg.lineage a.group", 150), (SHELF_PATH, "svg.lineage a.more", 1),
])  # fmt: skip
def test_it_opens_in_place_and_what_is_there_stays_on_the_screen(page, path, what, adds):
    page.goto(path)
    boxes = page.locator("svg.lineage .n")
    count, opens = boxes.count(), page.locator(what).first
    opens.scroll_into_view_if_needed()
    before = corner(page, "svg.lineage .start")
    opens.click()
    page.wait_for_url("**?open=**")
    assert corner(page, "svg.lineage .start") == before
    assert boxes.count() >= count + adds
    # The address is the drawing: whoever opens it sees the same boxes.
    page.goto(page.url)
    assert boxes.count() >= count + adds
    page.go_back()
    expect(boxes).to_have_count(count)


def test_arrow_keys_walk_the_drawing_and_enter_opens_what_they_reach(page):
    page.goto(SHELF_PATH)
    page.locator("svg.lineage .start").focus()
    reached = "document.activeElement.querySelector('text:last-of-type').textContent"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(reached) == "service.deployed"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert "shelf" in page.evaluate(reached)
    page.keyboard.press("Enter")
    page.wait_for_url("**/things/sha256:**")


def test_what_was_asked_for_is_in_view_with_scripts_and_without(chromium, server):
    for scripts in (True, False):
        with signed_in(chromium, server, scripts=scripts) as page:
            page.goto(f"{SHELF_PATH}?depth=20")
            frame = page.locator(".drawing").bounding_box()
            box = page.locator("svg.lineage .start").bounding_box()
            assert frame["x"] <= box["x"]
            assert box["x"] + box["width"] <= frame["x"] + frame["width"]
            # It is far wider than its frame, so that is not a matter of course.
            assert page.locator("svg.lineage").bounding_box()["width"] > 1.5 * frame["width"]


def test_without_scripts_links_open_filters_apply_and_the_list_says_the_same(chromium, server):
    with signed_in(chromium, server, scripts=False) as page:
        page.goto(POSTGRES)
        page.locator("svg.lineage a.group").click()
        page.wait_for_url("**?open=**")
        assert page.locator("svg.lineage .small").count() == 150
        page.locator("summary:has-text('In words')").click()
        assert page.locator(".lineage-list a:has-text('zlib1g')").count() == 1
        page.goto(SHELF_PATH)
        page.locator("summary:has-text('Kinds')").click()
        page.check("input[name=kind][value=commit]")
        page.fill("input[name=from]", SHELF)
        page.fill("input[name=to]", MODEL)
        page.locator("form.filters button").click()
        page.wait_for_url("**kind=commit**")
        assert page.locator("[role=status]").inner_text() == "The way has 2 steps; it is lit."
        assert page.locator("svg.lineage .n.on").count() == 3
        assert page.locator("svg.lineage .builder").count() == 0


def test_every_box_has_a_name_and_tab_goes_from_causes_to_effects(page):
    page.goto(SHELF_PATH)
    lefts = page.evaluate(
        """() => [...document.querySelectorAll("svg.lineage a.n")].map(
             (one) => [one.getBoundingClientRect().left, one.querySelector("title").textContent])"""
    )
    assert all(name.strip() for _, name in lefts)
    assert [left for left, _ in lefts] == sorted(left for left, _ in lefts)

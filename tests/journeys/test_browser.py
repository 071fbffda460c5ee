"""The pages as people use them: Chromium, on the sample estate and an incident of today."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import NARROW, THEMES, WIDE, browser, faults, signed_in
from tests.browser.pages import PAGES
from tests.served import followed
from tests.shop_incident import ALERT, incident
from wherefrom.capture import changes
from wherefrom.formats.states import Scope


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with incident(tmp_path_factory.mktemp("browser"), "--sample") as made:
        with made.server.client() as client:
            followed(client)
        yield made


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


@pytest.fixture
def page(chromium, world):
    with signed_in(chromium, world.server) as opened:
        yield opened


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_page_has_a_serious_fault_or_is_wider_than_its_window(chromium, world, theme, size):
    found = {}
    with signed_in(
        chromium, world.server, size=size, theme=theme, bypass_csp=True, reduced_motion="reduce"
    ) as page:
        for name, path in PAGES.items():
            page.goto(path)
            if said := faults(page):
                found[name] = said
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                found[f"{name}, wider"] = over
    assert found == {}


def test_the_checker_finds_a_fault_that_is_there(chromium, world):
    with signed_in(chromium, world.server, bypass_csp=True) as page:
        page.goto("/log")
        page.evaluate("document.querySelector('main').innerHTML += '<img src=\"data:,\"><input>'")
        said = faults(page)
        assert any("image-alt" in one for one in said)


def test_from_the_alert_to_the_cause_to_the_command_that_goes_back(page, world):
    page.goto(f"/incidents/{ALERT}")
    top = page.locator("section[aria-labelledby=causes] tbody tr").first
    assert "cart deploy" in top.inner_text()
    assert "verified" in page.locator(".standing").first.inner_text()
    # What matters is seen without scrolling.
    for part in (".answers", ".chart", "section[aria-labelledby=causes] tbody tr >> nth=0"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= WIDE["height"], part
    # The record that says so, beside the page; its command checks it.
    before = page.url
    top.locator("a.entry").click()
    drawer = page.locator("dialog.drawer[open]")
    drawer.wait_for()
    assert "Record #" in drawer.inner_text()
    assert "wherefrom verify" in drawer.inner_text()
    page.keyboard.press("Escape")
    assert page.locator("dialog.drawer[open]").count() == 0
    assert page.url == before
    # The way back, as a command that runs.
    command = re.search(
        r"wherefrom (rollback -e prod cart)", page.locator("main > .check").inner_text()
    )
    said = world.json(*command[1].split())
    assert said["service"] == "cart"
    # And the change's own page: what differs, and where it came from.
    top.locator("a.id").last.click()
    page.wait_for_url("**/things/**")
    assert "bbbbbbbbbbbb" in page.locator("h1").inner_text()


def test_find_expand_and_look_at_the_evidence(page):
    page.goto("/")
    page.fill("#q", "till")
    page.press("#q", "Enter")
    page.locator("main tbody a.id").nth(2).click()
    page.wait_for_url("**/things/**")
    page.locator(".hops a.id").first.click()
    page.locator("a.entry").first.click()
    page.locator("dialog.drawer[open] >> text=The whole record").click()
    page.wait_for_url("**/records/**")
    page.locator("details >> text=The inclusion proof").click()
    assert "c2sp.org/tlog-proof" in page.locator("details[open] pre").inner_text()


def test_everything_reads_without_scripts(chromium, world):
    with signed_in(chromium, world.server, scripts=False) as page:
        for name, path in PAGES.items():
            page.goto(path)
            assert page.locator("h1").count() >= 1, name
            assert page.locator("main").inner_text().strip(), name
        page.goto(f"/incidents/{ALERT}")
        assert page.locator("svg.chart polyline").count() >= 2
        page.locator("section[aria-labelledby=causes] a.entry").first.click()
        page.wait_for_url("**/records/**")
        page.fill("#q", "shelf")
        page.press("#q", "Enter")
        assert page.locator("main tbody tr").count() > 3
        page.locator("button:has-text('Sign out')").click()
        page.wait_for_url("**/login")


def test_everything_is_done_with_a_keyboard(page):
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the answer"
    page.keyboard.press("/")
    page.keyboard.type("till")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find**")
    page.locator("main").focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.className") == "id"
    page.keyboard.press("Enter")
    page.wait_for_url("**/things/**")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/changes")
    page.goto("/records/17")
    page.locator("summary >> nth=1").focus()
    page.keyboard.press("Enter")
    assert page.locator("details[open]").count() == 1


def test_the_order_of_tab_is_the_order_of_reading(page):
    page.goto("/services/prod/till")
    order = page.evaluate(
        """() => [...document.querySelectorAll("a[href], button, input, summary")]
             .filter((one) => one.tabIndex > 0).length"""
    )
    assert order == 0


def test_a_checkpoint_is_verified_in_the_browser_and_a_changed_one_is_not(page):
    page.goto("/log")
    button = page.locator(".verify button")
    button.click()
    says = page.locator(".verify output")
    expect(says).to_contain_text("✓ signed: ")
    for wrong in (
        lambda note: re.sub(r"\n\d+\n", "\n1\n", note, count=1),
        lambda note: note.replace("— ", "— other/", 1),
    ):

        def changed(route, wrong=wrong):
            route.fulfill(body=wrong(route.fetch().text()))

        page.route("**/checkpoint", lambda route: changed(route))
        button.click()
        expect(says).to_contain_text("✗")
        page.unroute("**/checkpoint")


def test_an_open_page_counts_what_comes(page, world):
    page.goto("/")
    shown = page.locator("[data-live] b")
    before = int(shown.inner_text())
    said = changes.deploy(
        Scope("test", "cart"), "sha256:" + "c" * 64, at="2026-11-22T10:00:00Z", source="/ci"
    )
    with world.server.client() as api:
        assert api.post("/v1/records", content=said).status_code == 201
    expect(shown).not_to_have_text(str(before))
    assert int(shown.inner_text()) > before


def test_the_theme_is_the_systems_until_one_is_chosen_and_then_stays(chromium, world):
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    with signed_in(chromium, world.server, theme="dark") as page:
        dark = page.evaluate(paper)
        page.locator("button.theme").click()
        light = page.evaluate(paper)
        assert light != dark
        page.goto("/log")
        assert page.evaluate(paper) == light

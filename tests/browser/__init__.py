"""Chromium, driven as people use it: what every test with a browser needs.

browser()   Debian's Chromium, headless
signed_in() a context that signed in, and fails on anything that the page complains of
faults()    what axe-core finds
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 480, "height": 900}
THEMES = ("light", "dark")


@contextlib.contextmanager
def browser():
    """Debian's Chromium."""
    program = shutil.which("chromium")
    assert program, "no chromium here: make tools"
    # A sandbox needs namespaces that root in a container does not have.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=program, args=options)
        try:
            yield running
        finally:
            running.close()


class Complaints(list):
    """What pages wrote to the console as errors, or threw; a broken policy is among them."""

    def watch(self, page):
        page.on("pageerror", lambda error: self.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, said):
        if said.type == "error":
            self.append(said.text)


@contextlib.contextmanager
def signed_in(running, server, *, size=WIDE, theme="light", scripts=True, **more):
    """A page of somebody who signed in with the form. Ends with what it complained of."""
    context = running.new_context(
        viewport=size, color_scheme=theme, java_script_enabled=scripts, base_url=server.url, **more
    )
    said = Complaints()
    try:
        page = context.new_page()
        said.watch(page)
        page.goto("/login")
        page.fill("#token", server.token)
        page.press("#token", "Enter")
        page.wait_for_url("**/")
        yield page
    finally:
        context.close()
    assert said == []


def faults(page):
    """What axe-core finds in a page of a context with ``bypass_csp``, the serious and critical."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [
        f"{one['id']}: {one['help']}: {json.dumps(one['nodes'][0]['target'])}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]

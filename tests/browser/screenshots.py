"""Screenshots of every page: two widths, both themes, into ``screenshots/``.

Run:  make screenshots
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.browser import NARROW, THEMES, WIDE, browser, signed_in
from tests.browser.pages import PAGES
from tests.served import followed
from tests.shop_incident import incident

INTO = Path(__file__).parents[2] / "screenshots"


def main():
    INTO.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        incident(Path(folder), "--sample") as world,
        browser() as running,
    ):
        with world.server.client() as client:
            followed(client)
        for theme in THEMES:
            for called, size in (("wide", WIDE), ("narrow", NARROW)):
                with signed_in(running, world.server, size=size, theme=theme) as page:
                    for name, path in PAGES.items():
                        page.goto(path, wait_until="networkidle")  # what a page loads later, too
                        page.screenshot(path=INTO / f"{name}-{called}-{theme}.png")
    print(f"{len(list(INTO.glob('*.png')))} screenshots in {INTO.name}/")


if __name__ == "__main__":
    main()

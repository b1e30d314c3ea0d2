"""Takes pictures of every page, light and dark, at two sizes: ``python screenshots.py FOLDER``."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from served_page import serving
from test_every_page import PAGES

from ops.bench.browser import chromium

SIZES = {1280: 900, 1920: 1080}
WARM_S = 20
"""Seconds that the telescope takes data before."""

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as store,
        serving("demo", "--muons", "300", "--json", "--store", store) as (_, address),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        here = address.split("#")[0]
        page = browser.new_page()
        page.set_default_timeout(180_000)
        page.goto(address)
        page.locator("svg.event").wait_for()
        page.wait_for_timeout(1000 * WARM_S)
        for name, sign in PAGES.items():
            page.goto(f"{here}#/{name}")
            page.locator(sign).first.wait_for()
            page.wait_for_timeout(2000)
            for width, height in SIZES.items():
                page.set_viewport_size({"width": width, "height": height})
                for scheme in ("light", "dark"):
                    page.emulate_media(color_scheme=scheme)
                    page.wait_for_timeout(700)
                    of = name.partition("?")[0]
                    page.screenshot(path=folder / f"{of}-{scheme}-{width}.png", full_page=True)
        browser.close()

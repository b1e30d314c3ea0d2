"""What shuts somebody out of a page, by axe's rules."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page


def barriers(page: "Page") -> list[tuple[str, str, str, str]]:
    """Return what is serious on a page, in light and dark: contrast, names of what one presses,
    order of headings."""
    from axe_playwright_python.sync_playwright import Axe  # not needed to collect the tests

    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [
            (page.url.partition("#")[2], scheme, each["id"], each["nodes"][0]["html"])
            for each in Axe().run(page).response["violations"]
            if each["impact"] in ("serious", "critical")
        ]
    return found

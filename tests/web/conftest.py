"""A browser without a window, and a telescope that serves it a page."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from served_page import serving

from ops.bench.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The system's chromium; tests skip where there is none, but not where one is demanded.

    It ends with a file: its event loop would stand in the way of tests that bring their own.
    """
    found = chromium()
    if found is None:
        told = "no chromium here: 'make browser' installs it; EVERYHIT_CHROMIUM names another"
        if "EVERYHIT_NEED_BROWSER" in os.environ:
            pytest.fail(told)
        pytest.skip(told)
    from playwright.sync_api import sync_playwright  # not needed to collect the tests

    with sync_playwright() as playwright:
        # Without its own sandbox, since tests may run as root in a container.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Seen:
    """A page in the browser, and what it did that it must not do."""

    page: "Page"
    faults: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def open(self, address: str, title: str) -> "Page":
        """Sign in with an address that has a token, and go to a page by its link."""
        self.page.goto(address)
        pages = self.page.get_by_role("navigation", name="Pages")
        pages.get_by_role("link", name=title).click()
        return self.page


@pytest.fixture
def seen(browser: "Browser") -> Iterator[Seen]:
    """An empty page whose console and requests are watched."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    seen = Seen(context.new_page())
    seen.page.on("console", lambda m: m.type == "error" and seen.faults.append(m.text))
    seen.page.on("pageerror", lambda fault: seen.faults.append(str(fault)))
    seen.page.on("request", lambda asked: seen.hosts.add(asked.url.split("/")[2]))
    seen.page.set_default_timeout(30_000)
    yield seen
    context.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page of a telescope that takes data; it would go on for other files."""
    store = tmp_path_factory.mktemp("telescope")
    with serving("demo", "--muons", "300", "--json", "--store", str(store)) as (_, address):
        yield address

"""A browser without a window that looks at the page as people do, and tells what it saw."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from db.errors import UsageError
from ops.chaos.numbered import LINKS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Position

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_DRAWN = "() => document.querySelector('dl.figures dd') && document.querySelector('.plot canvas')"
_FRAMES = """() => {
  window.frames_ms = [];
  let before = performance.now();
  const frame = (now) => {
    window.frames_ms.push(now - before);
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
_PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
_PRESSED = """() => addEventListener(
  "click", (event) => { window.pressed_at = event.timeStamp; }, { capture: true })"""
_ROWS_OF_ONE_LINK = """() => {
  const names = [...document.querySelectorAll(".panel.rows th")].map((each) => each.textContent);
  const rows = [...document.querySelectorAll(".panel.rows tbody tr")];
  const links = new Set(rows.map((row) => row.cells[names.indexOf("link")]?.textContent));
  return links.size === 1 && !links.has(undefined);
}"""
_ASKED = """() => performance.getEntriesByType("resource")
  .filter((each) => each.name.endsWith("/graphql")).length"""
_EVENT = "() => document.querySelector('svg.event')"
_SEEN = """() => {
  const seen = SEEN;
  window.seen_at = new Promise((told) => {
    const look = () => (seen() ? told(performance.now()) : requestAnimationFrame(look));
    look();
  });
}"""
_TOOK = "async () => (await window.seen_at) - window.pressed_at"


@dataclass(frozen=True)
class Times:
    """Milliseconds of what was done so often."""

    n: int
    p50_ms: float
    p95_ms: float
    most_ms: float


@dataclass(frozen=True)
class Loaded:
    """The page on a cold cache."""

    first_paint: Times
    interactive: Times
    """State of the run and its history are drawn."""


@dataclass(frozen=True)
class Watched:
    """Live, looked at for a while."""

    seconds: float
    updates_per_s: float
    frames: Times
    heap_mb: list[float]
    """Of the page's JavaScript at equal distances, garbage collected before."""
    nodes: list[int]
    """Elements and texts that it holds, at the same moments."""


def chromium() -> str | None:
    """Return where a chromium is on this machine, if one is."""
    return os.environ.get("EVERYHIT_CHROMIUM") or next(
        filter(None, map(shutil.which, _NAMES)), None
    )


@contextmanager
def browser() -> "Iterator[tuple[Browser, int]]":
    """Start a chromium that leaves the processor to whoever needs it; yields the process, too,
    whose children it consists of. UsageError without one."""
    found = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        raise UsageError("the page is looked at by playwright: pip install playwright") from None
    if found is None:
        raise UsageError("there is no chromium here: install it, or name one in EVERYHIT_CHROMIUM")
    before = set(psutil.Process().children())
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        (driver,) = set(psutil.Process().children()) - before
        for process in (driver, *driver.children(recursive=True)):
            with suppress(psutil.Error):
                process.nice(10)  # those who look sit at other machines
        yield made, driver.pid
        made.close()


def loaded(browser: "Browser", address: str, n: int) -> Loaded:
    """Load the page n times, each time as if never before."""
    painted, drawn = [], []
    for _ in range(n):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(address, wait_until="commit")
        page.wait_for_function(_DRAWN, polling="raf")
        drawn.append(page.evaluate("() => performance.now()"))
        painted.append(page.evaluate(_PAINTED))
        context.close()
    return Loaded(times(painted), times(drawn))


def watched(browser: "Browser", address: str, view: str, seconds: float, looks: int) -> Watched:
    """Look at a view of Live for so long, and at its memory so often."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    updates = 0

    def count_question(answer: Any) -> None:
        nonlocal updates
        updates += "rates(" in (answer.request.post_data or "")

    page.on("response", count_question)
    page.goto(address)
    page.wait_for_function(_DRAWN)
    page.goto(f"{address.split('#')[0]}{view}")
    page.wait_for_function(_DRAWN)
    page.wait_for_timeout(3000)
    session = page.context.new_cdp_session(page)
    page.evaluate(_FRAMES)
    updates, began = 0, time.monotonic()
    heap, nodes, frames = [], [], list[float]()
    for n in range(looks):
        page.wait_for_timeout(max(0.0, began + seconds * (n + 1) / looks - time.monotonic()) * 1e3)
        # What the look itself takes is not counted among the frames.
        frames += page.evaluate("() => window.frames_ms.splice(0)")[1:]
        session.send("HeapProfiler.collectGarbage")
        heap.append(round(session.send("Runtime.getHeapUsage")["usedSize"] / 1e6, 2))
        nodes.append(int(session.send("Memory.getDOMCounters")["nodes"]))
        page.evaluate("() => window.frames_ms.splice(0)")
    took = time.monotonic() - began
    page.close()
    return Watched(round(took, 1), round(updates / took, 2), times(frames), heap, nodes)


def clicked(
    browser: "Browser", address: str, view: Callable[[int], str], n: int
) -> tuple[Times, Times]:
    """Click a link in a histogram until its rows stand there, and a row until its event does.

    ``view`` returns the address of the k-th of n views, behind the page's own: rows of all links,
    counted by link.
    """
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address)
    page.wait_for_function(_DRAWN)
    page.evaluate(_PRESSED)
    here, to_rows, to_event = address.split("#")[0], [], []
    bars = page.locator("[aria-label='Histogram'] .u-over")
    row = page.locator(".panel.rows tbody tr").first
    for k in range(n):
        page.goto(here + view(k))
        page.get_by_text("rows by").wait_for()
        row.wait_for()
        box = bars.bounding_box()
        assert box
        place: Position = {
            "x": box["width"] * (k % LINKS + 0.5) / LINKS,
            "y": box["height"] - 5,
        }
        bars.hover(position=place)
        page.evaluate(_SEEN.replace("SEEN", _ROWS_OF_ONE_LINK))
        bars.click(position=place)
        to_rows.append(page.evaluate(_TOOK))
        page.evaluate(_SEEN.replace("SEEN", _EVENT))
        row.click()
        to_event.append(page.evaluate(_TOOK))
    page.close()
    return times(to_rows), times(to_event)


@dataclass(frozen=True)
class Opened:
    """Pages that are open at once."""

    pages: "list[Page]"

    def asked(self) -> int:
        """Return how many answers they have had until now."""
        return sum(int(page.evaluate(_ASKED)) for page in self.pages)


@contextmanager
def opened_often(browser: "Browser", address: str, n: int) -> Iterator[Opened]:
    """Open the page so often, each in a window of its own."""
    pages = []
    for _ in range(n):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script("performance.setResourceTimingBufferSize(1e6)")
        page = context.new_page()
        page.goto(address, wait_until="commit")
        pages.append(page)
    for page in pages:
        page.wait_for_function(_DRAWN, timeout=600_000)
    yield Opened(pages)
    for page in pages:
        page.context.close()


def times(found: Sequence[float]) -> Times:
    """Return what a list of milliseconds comes to."""
    p50, p95, most = np.quantile(found, [0.5, 0.95, 1]).round(1).tolist()
    return Times(len(found), p50, p95, most)

import pytest
from barriers import barriers

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# What each page shows when it has read what it shows.
PAGES = {
    "live": "svg.event",
    "runs": "section[aria-label='A run'] dl.pairs dd",
    "events": "svg.event",
    "triggers?edit=new": "section[aria-label^='Dry run'] dl.figures",
    "reprocess": "svg.timeline .done",
    "store": "meter",
}


def test_nobody_is_shut_out_by_how_a_page_is_made(demo, seen):
    page = seen.page
    page.goto(demo)
    page.locator("svg.event").wait_for()
    here, found = demo.split("#")[0], []
    for name, sign in PAGES.items():
        page.goto(f"{here}#/{name}")
        page.locator(sign).first.wait_for()
        found += barriers(page)
    assert found == []
    assert seen.faults == []
    assert seen.hosts == {here.split("/")[2]}

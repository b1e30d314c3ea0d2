import re

import pytest
from served_page import serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def number(text):
    return int(text.replace(",", ""))


def words_of(page):
    figure = page.locator("dl.figures div", has_text="words stored").locator("dd")
    return number(re.match(r"[\d,]+", figure.inner_text())[0])


def test_the_page_shows_a_run_that_takes_data(demo, seen):
    page = seen.page
    page.goto(demo)
    page.get_by_text("taking data").wait_for()
    assert "token" not in page.url
    before = words_of(page)
    page.wait_for_function(
        "n => Number(document.querySelector('dl.figures dd').firstChild.data.replaceAll(',', '')) > n",
        arg=before,
    )
    links = page.get_by_role("region", name="Links of the run").locator("tbody tr")
    links.nth(1).wait_for()
    assert links.count() == 2
    assert page.locator(".chamber .cell").count() == 4 * 64
    page.locator(".plot canvas").wait_for()
    page.locator("svg.event").wait_for()
    page.get_by_text("No alarm stands.").wait_for()

    page.get_by_role("button", name="1 min", exact=True).click()
    assert "span=1+min" in page.url
    page.reload()  # the token is kept, and the view stands in the address
    page.get_by_role("button", name="1 min", pressed=True).wait_for()

    assert seen.faults == []
    assert seen.hosts == {demo.split("/")[2]}


EMPTY = {
    "Live": "Start one on the page",
    "Runs": "No run yet. Start one",
    "Events": "No run yet. Start one",
    "Triggers": "No run yet: triggers run on runs.",
    "Reprocess": "No run yet. Start one",
    "Store": "Nothing is pinned.",
}


def test_pages_without_a_run_say_what_to_do_and_a_line_that_is_cut_is_told_within_seconds(
    seen, tmp_path
):
    with serving("api", "--port", "0", "--store", str(tmp_path / "empty")) as (process, address):
        seen.page.goto(address)
        for title, told in EMPTY.items():
            pages = seen.page.get_by_role("navigation", name="Pages")
            pages.get_by_role("link", name=title).click()
            seen.page.get_by_text(told).first.wait_for()
        assert seen.faults == []
        process.kill()
        process.wait(30)
        seen.page.get_by_text("No sign of the server").wait_for(timeout=4000)


def test_who_has_no_token_is_asked_for_one(demo, seen):
    page = seen.page
    page.goto(demo.split("#")[0])
    page.get_by_label("Your token").fill("of nobody")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("this token is unknown, expired or revoked").wait_for()
    page.get_by_label("Your token").fill(demo.split("token=")[1])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("taking data").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Your token").wait_for()

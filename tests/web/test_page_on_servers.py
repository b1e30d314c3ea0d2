"""The same pages in front of two ClickHouse servers, Redis, a worker, a conductor and a readout."""

import re

import pytest
from cluster import served_cluster
from test_page_recovers import wait_for_more, words_of
from test_triggers_page import TEXT

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.servers]


@pytest.fixture(scope="module")
def lab(browser, servers, tmp_path_factory):
    with served_cluster(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def test_a_run_is_started_tried_selected_from_and_stopped(lab, seen):
    seen.page.set_default_timeout(90_000)
    page = seen.open(lab.page, "Runs")
    page.get_by_text("No run yet. Start one").wait_for()
    page.get_by_text("waits for a run").wait_for()
    start(page, "beam 1")

    page = seen.open(lab.page, "Live")
    page.locator(".title .good", has_text="taking data").wait_for()
    page.get_by_role("region", name="Links of the run").locator("tbody tr").nth(1).wait_for()
    wait_for_more(page, words_of(page))
    page.locator("svg.event").wait_for()
    page.locator(".chamber .cell").first.wait_for()

    page = seen.open(lab.page, "Triggers")
    page.get_by_role("button", name="Write a trigger").click()
    text = page.get_by_label("The trigger's text, in SQL")
    text.fill(TEXT.replace("FROM hits", "FROM hitz"))
    page.get_by_role("button", name=re.compile("^line ")).wait_for()
    text.fill(TEXT)
    page.get_by_text("Nothing is wrong with it.").wait_for()
    dry = page.get_by_role("region", name=re.compile("^Dry run"))
    figure = dry.locator("dl.figures div", has_text="rows").locator("dd")
    figure.wait_for()
    assert int(figure.inner_text().replace(",", "")) > 0

    page = seen.open(lab.page, "Events")
    page.locator("svg.event").wait_for()
    page.get_by_role("textbox", name="To").fill("1 s")
    page.get_by_role("textbox", name="To").press("Enter")
    page.get_by_role("combobox", name="Rows of", exact=True).select_option("segments")
    page.get_by_role("combobox", name="Histogram of").select_option("chamber")
    page.get_by_text("rows by chamber").wait_for()
    bars = page.get_by_role("img", name="Histogram").locator(".u-over")
    box = bars.bounding_box()
    bars.click(position={"x": box["width"] * 0.9, "y": box["height"] - 5})
    page.wait_for_url(re.compile("where="))
    rows = page.get_by_role("region", name=re.compile("^Rows of")).locator("tbody tr")
    rows.first.wait_for()
    rows.first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Chunks of the event").wait_for()
    assert "0x" in page.get_by_role("region", name="Raw words").inner_text()

    page = seen.open(lab.page, "Store")
    page.get_by_role("region", name="What lies on shard 1").wait_for()

    page = seen.open(lab.page, "Runs")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop the run").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for(state="detached")
    page.get_by_text("waits for a run").wait_for()
    assert seen.faults == []


def test_a_readout_that_dies_is_told_and_goes_on(lab, seen):
    page = seen.open(lab.page, "Runs")
    page.get_by_text("waits for a run").wait_for()
    start(page, "beam 2")
    page = seen.open(lab.page, "Live")
    page.locator(".title .good", has_text="taking data").wait_for()
    wait_for_more(page, words_of(page))
    lab.readout.kill()
    page.get_by_text("no readout takes this run").wait_for()
    page.get_by_text("stands still").wait_for()
    before = words_of(page)
    lab.cluster.mend()
    lab.readout.start()
    page.get_by_text("no readout takes this run").wait_for(state="hidden", timeout=60_000)
    wait_for_more(page, before)
    page.locator(".title .good", has_text="taking data").wait_for()


def start(page, name):
    page.get_by_role("button", name="Start a run").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name").fill(name)
    for group, names in (
        ("Triggers that run on it", ("segments", "tracks")),
        ("Events are made of", ("tracks",)),
    ):
        for trigger in names:
            dialog.get_by_role("group", name=group).get_by_label(trigger, exact=True).check()
    page.get_by_role("button", name="Start the run").click()
    page.get_by_role("status").get_by_text("crate acknowledged").wait_for()

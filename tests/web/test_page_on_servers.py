"""The same pages in front of two ClickHouse servers, Redis, a worker, a conductor and a readout."""

import re

import pytest
from barriers import barriers
from cluster import served_cluster
from test_page_recovers import wait_for_more, words_of
from test_reprocess_page import reprocess
from test_triggers_page import TEXT

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.servers]


@pytest.fixture(scope="module")
def lab(browser, servers, tmp_path_factory):
    with served_cluster(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def test_a_run_is_started_tried_selected_from_and_stopped(lab, seen):
    seen.page.set_default_timeout(90_000)
    seen.open(lab.page, "Runs").get_by_text("No run yet. Start one").wait_for()
    start(seen, lab, "beam 1")

    page = seen.open(lab.page, "Live")
    page.locator(".title .good", has_text="taking data").wait_for()
    page.get_by_role("region", name="Links of the run").locator("tbody tr").nth(1).wait_for()
    wait_for_more(page, words_of(page))
    page.locator("svg.event").wait_for()
    page.locator(".chamber .cell").first.wait_for()
    assert barriers(page) == []

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
    assert barriers(page) == []

    page = seen.open(lab.page, "Store")
    page.get_by_role("region", name="What lies on shard 1").wait_for()
    assert barriers(page) == []

    stop(seen, lab)
    assert seen.faults == []
    assert seen.hosts == {lab.page.split("/")[2]}


def test_a_range_is_done_again_and_its_run_pinned(lab, seen):
    seen.page.set_default_timeout(90_000)
    start(seen, lab, "beam 2")
    seen.open(lab.page, "Live").locator("svg.event").wait_for()
    page = seen.open(lab.page, "Reprocess")
    page.locator("svg.timeline .done").first.wait_for()
    page.get_by_role("textbox", name="From").fill("0 s")
    page.get_by_role("textbox", name="To").fill("1 s")
    page.get_by_role("textbox", name="To").blur()
    reprocess(page, {"segments": {"max_chi2": "0.1"}})
    work = page.get_by_role("region", name="Reprocessings").locator("tbody tr").first
    work.get_by_text("done", exact=True).wait_for()
    assert "segments max_chi2 0.1" in work.inner_text()
    compared = page.locator("section[aria-label='Two lineages compared']")
    only = compared.locator("dl div", has_text="times only in the one").locator("dd")
    only.wait_for()
    assert int(only.inner_text().replace(",", "")) > 0

    page = seen.open(lab.page, "Store")
    page.get_by_role("button", name="Pin a run").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Number or name").fill("beam 2")
    dialog.get_by_label("Why").fill("for the paper")
    dialog.get_by_role("button", name="Pin it").click()
    pins = page.get_by_role("region", name="Pins", exact=True)
    pins.locator("tr", has_text="beam 2").get_by_text("for the paper").wait_for()
    page.get_by_role("button", name="Let go").click()
    page.get_by_role("button", name="Let it go").click()
    page.get_by_text("Nothing is pinned.").wait_for()
    stop(seen, lab)
    assert seen.faults == []


def test_a_readout_that_dies_is_told_and_goes_on(lab, seen):
    start(seen, lab, "beam 3")
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
    stop(seen, lab)
    assert seen.faults == []


def start(seen, lab, name):
    page = seen.open(lab.page, "Runs")
    page.get_by_text("waits for a run").wait_for()
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


def stop(seen, lab):
    page = seen.open(lab.page, "Runs")
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop the run").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for(state="detached")
    page.get_by_text("waits for a run").wait_for()

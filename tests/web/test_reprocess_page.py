import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def reprocess(page, wanted):
    """Fill in the dialog: parameters of each trigger, by name."""
    page.get_by_role("button", name="Reprocess", exact=True).click()
    dialog = page.get_by_role("dialog")
    chosen = dialog.locator("input[type=checkbox]:checked")
    while chosen.count():
        chosen.first.uncheck()
    for name, params in wanted.items():
        own = dialog.get_by_role("group", name=name, exact=True)
        own.get_by_role("checkbox").check()
        for key, value in params.items():
            own.get_by_role("textbox", name=key, exact=True).fill(value)
    dialog.get_by_role("button", name="Reprocess").click()
    dialog.wait_for(state="detached")


def test_a_range_is_done_again_compared_and_another_one_cancelled(demo, seen):
    page = seen.page
    page.goto(demo)
    page.locator("svg.event").wait_for()  # triggers have run
    asked = []
    page.on("request", lambda each: asked.append(each.post_data_json or {}))
    seen.open(demo, "Reprocess")
    timeline = page.locator("svg.timeline")
    timeline.locator(".done").first.wait_for()
    page.get_by_text("Each trigger has one lineage here").wait_for()
    timeline.hover(position={"x": 2, "y": 9})
    box = timeline.bounding_box()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 9, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=[\d.]+\+s&to=[\d.]+\+s"))
    page.get_by_role("textbox", name="From").fill("0 s")
    page.get_by_role("textbox", name="To").fill("1 s")
    page.get_by_role("textbox", name="To").blur()

    reprocess(page, {"segments": {"max_chi2": "0.1"}})
    work = page.get_by_role("region", name="Reprocessings").locator("tbody tr")
    work.filter(has_text="segments max_chi2 0.1").get_by_text("done", exact=True).wait_for(
        timeout=60_000
    )
    assert "0.000 s to 1.000 s" in work.first.inner_text()
    compared = page.locator("section[aria-label='Two lineages compared']")
    only = compared.locator("dl div", has_text="times only in the one").locator("dd")
    only.wait_for()
    assert int(only.inner_text().replace(",", "")) > 0
    compared.locator("canvas").wait_for()
    of = [each["variables"] for each in asked if "column" in each.get("variables", {})]
    assert of[-1]["lineage"] != of[-2]["lineage"]
    ends = [(each["low"], each["high"]) for each in of[-2:]]
    assert ends[0] == ends[1] != (None, None)  # one over the other

    page.get_by_role("button", name="All of the run").click()
    everything = {"tracks": {}, "coincidence": {"within": "600 ns"}, "noisy_channels": {}}
    reprocess(page, {"segments": {"max_chi2": "0.2"}} | everything)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel it").click()
    work.first.get_by_text("cancelled").wait_for()

    compared.locator("section", has_text="Times only in the one").get_by_role("link").first.click()
    page.locator("svg.event").wait_for()
    assert seen.faults == []

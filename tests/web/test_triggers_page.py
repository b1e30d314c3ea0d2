import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TEXT = """-- trigger: crowded
-- about: <b>many</b> hits at once
-- reach: 400 ns
-- params: least UInt16 = 4
SELECT t, chamber, n FROM (SELECT t, chamber, count() OVER (PARTITION BY chamber ORDER BY t
  RANGE BETWEEN CURRENT ROW AND 480 FOLLOWING) AS n FROM hits) WHERE n >= {least:UInt16}
"""


def test_a_trigger_is_written_tried_on_real_hits_registered_and_switched_off(demo, seen):
    page = seen.page
    page.goto(demo)
    page.locator("svg.event").wait_for()  # the run has hits
    page = seen.open(demo, "Triggers")
    page.get_by_role("row", name=re.compile("^noisy_channels")).click()
    page.get_by_label("Text of noisy_channels").get_by_text("SELECT").first.wait_for()
    page.locator("section[aria-label='What it found'] tbody tr").first.wait_for()
    assert "name=noisy_channels" in page.url

    page.get_by_role("button", name="Write a trigger").click()
    text = page.get_by_label("The trigger's text, in SQL")
    text.fill(TEXT.replace("FROM hits", "FROM hitz"))
    page.locator(".editor mark").get_by_text("hitz").wait_for()
    page.get_by_role("button", name=re.compile("^line 6, column")).wait_for()
    assert page.get_by_role("button", name="Register").is_disabled()

    text.press("Control+End")
    text.press_sequentially("AND cham")
    page.get_by_role("option", name="chamber", exact=True).wait_for()
    text.press("ArrowDown")
    text.press("Enter")
    assert text.input_value().endswith("AND chamber")
    page.reload()  # what was written is not lost
    page.wait_for_function(
        "() => document.querySelector('textarea')?.value.endsWith('AND chamber')"
    )

    text.fill(TEXT)
    page.get_by_text("Nothing is wrong with it.").wait_for()
    dry = page.get_by_role("region", name=re.compile("^Dry run"))
    dry.locator("canvas").wait_for()
    figure = dry.locator("dl.figures div", has_text="rows").locator("dd")
    assert int(figure.inner_text().replace(",", "")) > 0
    rows = page.get_by_role("region", name="First rows of the dry run").locator("tbody tr")
    assert int(rows.first.locator("td").last.inner_text()) >= 4

    page.get_by_role("button", name="Register").click()
    page.get_by_role("button", name="Register it").click()
    page.locator("p", has_text="<b>many</b> hits at once").wait_for()
    page.get_by_role("button", name="Switch it off").click()
    page.get_by_role("dialog").get_by_role("button", name="Switch it off").click()
    page.get_by_role("row", name=re.compile("^crowded.*off")).wait_for()
    page.get_by_role("button", name="Switch it on").wait_for()
    assert seen.faults == []

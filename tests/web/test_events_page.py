import re
from urllib.parse import parse_qs

import polars as pl
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def params(page):
    return {name: values[0] for name, values in parse_qs(page.url.partition("?")[2]).items()}


def test_from_a_bin_to_the_rows_to_the_event_and_its_words(demo, seen, tmp_path):
    page = seen.open(demo, "Events")
    drawing = page.locator("svg.event")
    drawing.wait_for()  # of the newest event
    rows = page.get_by_role("region", name=re.compile("^Rows of")).locator("tbody tr")
    page.get_by_role("textbox", name="From").fill("0 s")
    page.get_by_role("textbox", name="To").fill("0.5 s")
    page.get_by_role("textbox", name="To").press("Enter")
    page.get_by_role("combobox", name="Rows of", exact=True).select_option("segments")
    page.get_by_role("combobox", name="Histogram of").select_option("chamber")
    page.get_by_role("region", name="Rows of segments").wait_for()
    assert params(page) | {"to": "0.5 s", "of": "segments", "x": "chamber"} == params(page)

    bars = page.get_by_role("img", name="Histogram").locator(".u-over")
    page.get_by_text("rows by chamber").wait_for()
    box = bars.bounding_box()
    with page.expect_response(lambda told: "candidates" in (told.request.post_data or "")):
        bars.click(position={"x": box["width"] * 0.7, "y": box["height"] - 5})
    assert params(page)["where"] == "1.5 <= chamber < 2.5"
    told = page.get_by_role("status").filter(has_text=re.compile(r"^[\d,]+ rows$"))
    told.wait_for()
    in_chamber = page.get_by_role("columnheader", name="chamber").evaluate("e => e.cellIndex")
    found = rows.locator(f"td:nth-child({in_chamber + 1})").all_inner_texts()
    assert found
    assert set(found) == {"2"}

    with page.expect_download() as saved:
        page.get_by_label("Download what is selected").select_option("parquet")
    saved.value.save_as(tmp_path / "rows.parquet")
    stored = pl.read_parquet(tmp_path / "rows.parquet")
    assert f"{len(stored):,} rows" == told.inner_text()
    assert stored["chamber"].unique().to_list() == [2]

    asked = []
    page.on("request", lambda each: asked.append(each.post_data or ""))
    rows.nth(2).focus()
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Chunks of the event").wait_for()
    first, *later = [each for each in asked if "t: $t" in each]
    assert "eventAt" in first  # what is drawn is asked for alone
    assert not re.search("previous|broughtBy", first)
    assert ["broughtBy" in each for each in later] == [True]
    t = params(page)["t"]
    first = page.locator("section[aria-label='The event'] strong").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("t => !location.hash.includes(t)", arg=f"t={t}")
    page.wait_for_function(
        "s => document.querySelector(\"section[aria-label='The event'] strong\")?.textContent != s",
        arg=first,
    )
    assert "0x" in page.get_by_role("region", name="Raw words").inner_text()
    page.get_by_text("The declaration of drift_tubes_v2").click()
    page.get_by_text("[calibration").first.wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="SVG").click()
    saved.value.save_as(tmp_path / "event.svg")
    assert "<svg" in (tmp_path / "event.svg").read_text()
    with page.expect_download() as saved:
        page.get_by_role("button", name="PNG").click()
    saved.value.save_as(tmp_path / "event.png")
    assert (tmp_path / "event.png").read_bytes()[:4] == b"\x89PNG"

    here = params(page)
    page.reload()  # the whole view stands in the address
    drawing.wait_for()
    assert params(page) == here
    assert page.get_by_role("combobox", name="Selection").input_value() == here["where"]

    page.get_by_role("combobox", name="against").select_option("slope")
    page.get_by_role("img", name="Two columns against each other").wait_for()
    page.get_by_role("combobox", name="Selection").fill("slop < 1")
    page.get_by_text("did you mean slope").wait_for()
    assert seen.faults == []

import re

import httpx
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MARKUP = '<img src=x onerror="alert(1)"> & <b>bold</b>'


def test_a_run_is_configured_stopped_and_started(demo, seen):
    page = seen.open(demo, "Runs")
    rows = page.get_by_role("region", name="Runs").locator("tbody tr")
    rows.first.wait_for()
    before = rows.count()

    page.get_by_label("Search").fill("no run is called so")
    page.get_by_text("No run is like that").wait_for()
    assert "text=no+run" in page.url
    page.get_by_label("Search").fill("")
    rows.first.wait_for()

    page.get_by_role("button", name="Write a note").click()
    page.get_by_role("textbox", name="Note").fill(MARKUP)
    page.get_by_role("button", name="Keep it").click()
    page.locator("dd", has_text=MARKUP).wait_for()
    assert page.locator("main img").count() == 0

    page.get_by_role("button", name="Fields and tags").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Fields").fill("beam_GeV = 22\ntarget = <b>lead</b>")
    dialog.get_by_role("textbox", name="Tags").fill("test, night")
    page.get_by_role("button", name="Keep them").click()
    page.locator("dd", has_text="beam_GeV 22, target <b>lead</b>").wait_for()
    page.get_by_role("textbox", name="Fields and tags").fill("beam_GeV > 20 and 'night' in tags")
    page.get_by_role("textbox", name="Fields and tags").press("Enter")
    page.get_by_text("1 run found").wait_for()
    page.get_by_role("textbox", name="Fields and tags").fill("beam_GeV > 30")
    page.get_by_role("textbox", name="Fields and tags").press("Enter")
    page.get_by_text("No run is like that").wait_for()
    page.get_by_role("textbox", name="Fields and tags").fill("")
    page.get_by_role("textbox", name="Fields and tags").press("Enter")
    rows.first.wait_for()

    page.get_by_role("button", name="Configure").click()
    page.get_by_role("button", name="Add a mask").click()
    mask = page.get_by_role("combobox", name="Mask")
    mask.fill("chambr == 1")
    page.get_by_text("did you mean chamber?").wait_for()
    assert page.locator("mark").inner_text() == "chambr"
    mask.fill("")
    mask.press_sequentially("chamb")
    mask.press("ArrowDown")
    mask.press("Enter")
    mask.press_sequentially(" == 1 and wire == 3")
    page.locator("[aria-invalid=true]").wait_for(state="detached")
    page.get_by_role("button", name="Let this hold").click()
    page.get_by_role("status").get_by_text("telescope acknowledged").wait_for()
    page.locator("dd", has_text="masked: chamber == 1 and wire == 3").wait_for()

    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop the run").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for(state="detached")
    page.get_by_text("waits for a run").wait_for()

    page.get_by_role("button", name="Start a run").click()
    assert (
        page.get_by_role("group", name="Triggers that run")
        .get_by_label("segments", exact=True)
        .is_checked()
    )  # as in the run before
    page.get_by_role("textbox", name="Name").fill("<b>beam</b>")
    page.get_by_role("button", name="Start the run").click()
    page.get_by_role("strong").get_by_text("<b>beam</b>").first.wait_for()
    rows.nth(before).wait_for()
    number = int(re.search(r"run=(\d+)", page.url)[1])
    page.get_by_text(f"takes run {number}").wait_for()
    assert seen.faults == []


def test_what_a_role_may_not_do_is_not_offered(demo, seen):
    address, token = demo.split("#token=")
    made = httpx.post(
        f"{address}graphql",
        headers={"Authorization": f"Bearer {token}"},
        json={"query": 'mutation { createToken(name: "v", role: VIEWER) { text } }'},
    ).json()["data"]["createToken"]["text"]
    seen.open(demo, "Runs").get_by_role("button", name="Start a run").wait_for()
    page = seen.open(f"{address}#token={made}", "Runs")  # in the same tab
    page.get_by_role("link", name="Its events").wait_for()
    page.get_by_text("telescope").first.wait_for()
    assert (
        offered(page) & {"Start a run", "Stop", "Configure", "Write a note", "Fields and tags"}
        == set()
    )
    for title, sign, refused in (
        ("Triggers", "Its text", {"Write a trigger", "Edit it, and try it out"}),
        ("Reprocess", "Drag over the lines", {"Reprocess", "Cancel"}),
        ("Store", "not replicated", {"Set a policy", "Change", "Pin a run"}),
    ):
        seen.open(f"{address}#token={made}", title)
        page.get_by_text(sign).first.wait_for()
        assert offered(page) & refused == set()
    page.get_by_text("This is told to those who set how long words are kept").wait_for()
    assert seen.faults == []


def offered(page):
    return set(page.get_by_role("button").all_inner_texts())

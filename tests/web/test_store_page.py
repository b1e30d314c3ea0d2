import os
import subprocess
import sys
from pathlib import Path

import pytest
from served_page import serving

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HERE = Path(__file__).parent


def test_the_plan_says_what_goes_and_why_the_rest_stays(seen, tmp_path):
    store = str(tmp_path / "store")
    subprocess.run(
        [sys.executable, HERE / "old_words.py", store],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE.parent)])},
        check=True,
    )
    with serving("api", "--port", "0", "--store", store) as (_, address):
        page = seen.open(address, "Store")
        page.get_by_text("Nothing goes now").wait_for()
        page.get_by_role("region", name="What lies on shard 0").get_by_text("words").wait_for()
        page.get_by_text("free of").wait_for()

        page.get_by_role("button", name="Set a policy").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("A type of run").fill("<i>old</i>*")
        dialog.get_by_label("Days").fill("some")
        dialog.get_by_role("button", name="Keep them so long").click()
        dialog.get_by_text("Days are a whole number").wait_for()
        dialog.get_by_label("Days").fill("30")
        dialog.get_by_label("Then move them to").fill("tape://robot")
        dialog.get_by_role("button", name="Keep them so long").click()
        dialog.get_by_role("alert").get_by_text("tape://robot").wait_for()
        dialog.get_by_label("Then move them to").fill("s3://attic/words")
        dialog.get_by_role("button", name="Keep them so long").click()
        policy = page.get_by_role("region", name="Policies").locator("tr", has_text="<i>old</i>*")
        policy.get_by_text("30 days").wait_for()
        policy.get_by_text("moved to s3://attic/words").wait_for()
        steps = page.get_by_role("region", name="Steps").locator("tbody tr")
        steps.filter(has_text="to s3://attic/words").first.wait_for()
        policy.get_by_role("button", name="Change").click()
        assert dialog.get_by_label("Then move them to").input_value() == "s3://attic/words"
        dialog.get_by_label("Then move them to").fill("")
        dialog.get_by_role("button", name="Keep them so long").click()
        policy.get_by_text("dropped").wait_for()
        steps.filter(has_text="to s3://").first.wait_for(state="detached")
        steps.nth(1).wait_for()
        assert steps.locator("td:first-child").all_inner_texts() == ["2024-03-02", "2024-03-01"]
        assert steps.locator(".state").all_inner_texts() == ["put aside", "put aside"]

        page.get_by_role("button", name="Pin a run").click()
        dialog.get_by_label("Number or name").fill("1")
        dialog.get_by_label("To").fill("2000")
        dialog.get_by_label("Why").fill("for the <b>paper</b>")
        dialog.get_by_role("button", name="Pin it").click()
        pin = page.get_by_role("region", name="Pins", exact=True).locator("tbody tr")
        pin.get_by_text("for the <b>paper</b>").wait_for()
        assert "its start" in pin.inner_text()
        steps.nth(1).get_by_text("pinned").wait_for()
        assert steps.locator(".state").all_inner_texts() == ["put aside", "stays"]
        page.get_by_label("Which hours").select_option("stays")
        steps.nth(1).wait_for(state="detached")
        assert "show=stays" in page.url

        page.get_by_role("button", name="Let go").click()
        page.get_by_role("button", name="Let it go").click()
        page.get_by_text("Nothing is pinned.").wait_for()
        assert seen.faults == []

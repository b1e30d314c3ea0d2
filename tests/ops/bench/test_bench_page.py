"""The page in a browser, briefly: that each figure is of what it says."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from ops.bench.browser import NAMES

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_each_figure_is_there():
    if not any(map(shutil.which, NAMES)) and "EVERYHIT_CHROMIUM" not in os.environ:
        if "EVERYHIT_NEED_BROWSER" in os.environ:
            pytest.fail("no chromium here: 'make browser' installs it")
        pytest.skip("no chromium here")
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from ops.cli import main; main()", "bench", "page", "--json"),
            *("--hits", "2000000", "--seconds", "3", "--pages", "2", "--rounds", "1"),
        ],
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["words"] > 2_000_000
    assert 0 < found["cold"]["first_paint"]["p50_ms"] < found["cold"]["interactive"]["p50_ms"]
    history = found["history"]
    assert history["updates_per_s"] > 1
    assert history["frames"]["n"] > 10
    assert len(history["heap_mb"]) == len(history["nodes"]) > 1
    for clicks in (found["bin_to_rows"], found["row_to_event"]):
        assert 0 < clicks["p50_ms"] <= clicks["p95_ms"] <= clicks["most_ms"]
    crowd = found["crowd"]
    assert crowd["words_per_s"][0] > 0
    assert crowd["words_per_s_looked_at"][0] > 0

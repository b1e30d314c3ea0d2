"""The page in a browser, briefly: that each figure is of what it says."""

import json
import os
import subprocess
import sys

import pytest

from ops.bench.browser import chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_each_figure_is_there():
    if chromium() is None:
        if "EVERYHIT_NEED_BROWSER" in os.environ:
            pytest.fail("no chromium here: 'make browser' installs it")
        pytest.skip("no chromium here")
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from ops.cli import main; main()", "bench", "page", "--json"),
            *("--hits", "2000000", "--seconds", "3", "--pace", "100", "--pages", "2", "--rounds", "1", "--phase", "2"),
        ],
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["words"] > 2_000_000
    assert 0 < found["cold"]["first_paint"]["p50_ms"] < found["cold"]["interactive"]["p50_ms"]
    history = found["history"]
    assert history["updates_per_s"] > 0
    assert history["frames"]["n"] > 10
    assert len(history["heap_mb"]) == len(history["nodes"]) > 1
    for clicks in (found["bin_to_rows"], found["row_to_event"]):
        assert 0 < clicks["p50_ms"] <= clicks["p95_ms"] <= clicks["most_ms"]
    (alone,), (looked_at,) = found["crowd"]["alone"], found["crowd"]["looked_at"]
    assert alone["words_per_s"] > 0
    assert looked_at["words_per_s"] > 0
    assert alone["answers_per_s"] == 0 < looked_at["answers_per_s"]
    assert looked_at["browser_cores"] > 0

"""Ten thousand links in one run: each word is stored, and nobody waits for ever."""

import time

import numpy as np
import psutil
import pytest
from ticks import TOY

from db.catalogue.runs import open_run
from db.words.totals import link_totals
from readout.readout import Readout
from readout.source.block import Block

pytestmark = pytest.mark.slow

LINKS, ROUNDS = 10_000, 2


def test_ten_thousand_links_are_taken(engine):
    run = open_run(engine, TOY, name="ten thousand links", cell=10_000)
    before, began = psutil.Process().memory_info().rss, time.monotonic()
    with Readout(engine, run, 0, flush_s=1, whole=True) as readout:
        for k in range(ROUNDS):
            times = np.arange(k * 10_000, (k + 1) * 10_000, 1000, dtype=np.uint64)
            for link in range(LINKS):
                readout.push(Block(link, times | np.uint64(link % 16) << np.uint64(34)))
    took = time.monotonic() - began
    assert readout.written.hits == LINKS * ROUNDS * 10
    totals = link_totals(engine, [run.run_id])
    assert totals["link"].to_list() == list(range(LINKS))
    assert set(totals["words"]) == {ROUNDS * 10}
    assert totals["watermark"].min() > (ROUNDS - 1) * 10_000
    # Bounds of a machine that others use, too: seconds would do.
    assert took < 300
    assert psutil.Process().memory_info().rss - before < 1 << 30

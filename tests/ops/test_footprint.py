from pathlib import Path

import numpy as np
import polars as pl

from db.store import Store
from ops.footprint import forget_loading, frugal
from readout.source.block import Block


def resident_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("RssFile:"))
    return int(line.split()[1]) / 1024


def test_pages_of_libraries_go_and_come_back_when_they_are_needed():
    numbers = pl.Series(np.arange(1000))
    before = resident_mb()
    forget_loading()
    after = resident_mb()
    assert after < before / 2
    assert numbers.sort(descending=True).head(2).to_list() == [999, 998]
    assert np.linalg.inv(np.eye(3) * 2)[0, 0] == 0.5


def test_frugality_changes_no_block_and_keeps_the_store_whole(chdb_engine, tmp_path):
    blocks = [Block(n, np.full(1 << 20, n, np.uint64)) for n in range(5)]
    store = Store("here", tmp_path, chdb_engine)
    store.engine.execute("CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    store.engine.execute("INSERT INTO kept SELECT number FROM numbers(100000)")
    seen = list(frugal(iter(blocks), store))
    assert all(one is other for one, other in zip(seen, blocks, strict=True))
    assert store.engine.fetch("SELECT sum(n) AS n FROM kept")["n"].to_pylist() == [4999950000]

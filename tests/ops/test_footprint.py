import ctypes
import mmap
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


def test_what_was_written_before_it_was_made_read_only_stays(tmp_path):
    """As a loader does with a library's relocations."""
    (tmp_path / "file").write_bytes(bytes(8192))
    with (tmp_path / "file").open("r+b") as file:
        pages = mmap.mmap(file.fileno(), 8192, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
    pages[0] = 7
    place = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    size = ctypes.c_size_t(8192)
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(place), size, mmap.PROT_READ) == 0
    forget_loading()
    assert pages[0] == 7


def test_frugality_changes_no_block_and_keeps_the_store_whole(chdb_engine, tmp_path):
    blocks = [Block(n, np.full(1 << 20, n, np.uint64)) for n in range(5)]
    store = Store("here", tmp_path, chdb_engine)
    store.engine.execute("CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    store.engine.execute("INSERT INTO kept SELECT number FROM numbers(100000)")
    seen = list(frugal(iter(blocks), store))
    assert all(one is other for one, other in zip(seen, blocks, strict=True))
    assert store.engine.fetch("SELECT sum(n) AS n FROM kept")["n"].to_pylist() == [4999950000]

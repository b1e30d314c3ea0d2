"""Tables into the store: rows a second beside plain Polars, and whether memory grows with them."""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from db.catalogue.runs import close_run, open_run
from db.detector import loads
from db.store import open_store
from db.words.hits_view import create_views
from ops.bench.export import memory_mb, reset_peak
from readout.link.unwrap import run_start
from readout.readout import Readout
from readout.source.open import open_source

FORMATS = ("csv", "parquet")
_DECLARED = """
name = "list_mode"
title = "A table of a benchmark"
[clock]
disorder = "1 us"
[table]
time = { time_ns = "1 ns" }
[table.values]
channel = { column = "channel", type = "uint8" }
adc = { column = "adc", type = "uint16" }
"""
_PIECE = 1_000_000
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class TableIngest:
    """A file of ``rows`` rows into a store, and one of a quarter of them before it."""

    format: str
    rows: int
    bytes: int
    seconds: float
    base_mb: float
    """Resident memory before: libraries, compiled code, the engine."""
    quarter_mb: float
    """Its peak with the quarter."""
    peak_mb: float
    """Its peak with all."""
    peer_seconds: float
    """What Polars takes to read the same file in pieces and add up its columns."""

    def as_row(self) -> dict[str, Any]:
        """Return it with rates."""
        return {
            "format": self.format,
            "rows": self.rows,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "rows_per_s": round(self.rows / self.seconds),
            "base_MB": round(self.base_mb),
            "peak_MB_at_a_quarter": round(self.quarter_mb),
            "peak_MB": round(self.peak_mb),
            "polars_rows_per_s": round(self.rows / self.peer_seconds),
            "ratio": round(self.peer_seconds / self.seconds, 3),
        }


def tables(folder: Path, rows: int) -> list[TableIngest]:
    """Measure each format, in a process of its own that takes nothing else.

    Files are written piece by piece, and removed when they were taken. Linux only: a process is
    asked for its peak.
    """
    return [_measured(folder, form, rows) for form in FORMATS]


def _measured(folder: Path, form: str, rows: int) -> TableIngest:
    files = {}
    for name, n in (("first", 10_000), ("quarter", rows // 4), ("whole", rows)):
        files[name] = folder / f"{name}.{form}"
        _write(files[name], n)
    size = files["whole"].stat().st_size
    try:
        base, quarter, peak, seconds = _asked(_ingest, folder / f"store_{form}", files)
        (peer,) = _asked(_read, folder, files)
    finally:
        for file in files.values():
            file.unlink()
    return TableIngest(form, rows, size, seconds, base, quarter, peak, peer)


def _write(file: Path, rows: int) -> None:
    """Write rows of a million hits a second."""
    rng, t = np.random.default_rng(3), 0
    with file.open("wb") as out:
        parquet: pq.ParquetWriter | None = None
        for begin in range(0, rows, _PIECE):
            n = min(_PIECE, rows - begin)
            times = t + np.cumsum(rng.integers(1, 2000, n))
            t = int(times[-1])
            frame = pl.DataFrame(
                {
                    "time_ns": times,
                    "channel": rng.integers(0, 64, n).astype(np.uint8),
                    "adc": rng.integers(0, 4096, n).astype(np.uint16),
                }
            )
            if file.suffix == ".csv":
                frame.write_csv(out, include_header=begin == 0)
                continue
            table: pa.Table = frame.to_arrow()
            parquet = parquet or pq.ParquetWriter(out, table.schema)
            parquet.write_table(table)
        if parquet is not None:
            parquet.close()


def _asked(work: Callable[..., None], *given: object) -> Any:
    """Return what a function sends that is called in a process of its own."""
    end, other = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=work, args=(*given, other))
    process.start()
    other.close()
    try:
        return end.recv()
    except EOFError:
        raise RuntimeError("the process that was measured ended early") from None
    finally:
        process.join()


def _ingest(folder: Path, files: dict[str, Path], out: Connection) -> None:
    detector, peaks = loads(_DECLARED), []
    with open_store(str(folder)) as at:
        for name, file in files.items():
            reset_peak("self")
            base = memory_mb("self", "VmRSS")
            began = time.perf_counter()
            source = open_source(file, detector)
            first = next(source.blocks)
            run = open_run(at.engine, detector, name=name, cell=10**8)
            create_views(at.engine, detector)
            with Readout(at.engine, run, run_start(detector, first.words)) as readout:
                readout.push(first)
                for block in source.blocks:
                    readout.push(block)
            seconds = time.perf_counter() - began
            close_run(at.engine, run)
            peaks.append((base, memory_mb("self", "VmHWM")))
    out.send((peaks[1][0], peaks[1][1], peaks[2][1], seconds))


def _read(folder: Path, files: dict[str, Path], out: Connection) -> None:
    for file in (files["first"], files["whole"]):
        began = time.perf_counter()
        scan = pl.scan_csv(file) if file.suffix == ".csv" else pl.scan_parquet(file)
        scan.select(pl.all().cast(pl.Int64).sum()).collect(engine="streaming")
    out.send((time.perf_counter() - began,))

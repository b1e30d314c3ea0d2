"""Exports over HTTP: how fast, and that memory does not grow with what is exported."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx

from api.export.formats import FORMATS
from db.catalogue.runs import close_run
from db.engine import Engine
from db.store import open_store
from ops.bench.telescope import BEAM_HZ, WORDS_A_MUON, blocks, new_run
from ops.services.serving import serving
from readout.readout import Readout

AT_ONCE = 2_000_000
"""Words that are simulated and written at a time."""
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Export:
    """A run of ``hits`` hits in one format, and a run of a quarter of them."""

    format: str
    hits: int
    seconds: float
    bytes: int
    base_mb: float
    """Resident memory of the server before it."""
    quarter_mb: float
    """Its peak while the quarter went out."""
    peak_mb: float
    """Its peak while all went out."""

    def as_row(self) -> dict[str, Any]:
        """Return it with rates."""
        return {
            "format": self.format,
            "hits": self.hits,
            "seconds": round(self.seconds, 3),
            "hits_per_s": round(self.hits / self.seconds),
            "MB_per_s": round(self.bytes / self.seconds / 1e6, 1),
            "base_MB": round(self.base_mb),
            "peak_MB_at_a_quarter": round(self.quarter_mb),
            "peak_MB": round(self.peak_mb),
        }


def export(folder: Path, hits: int) -> list[Export]:
    """Measure each format over HTTP, from a server in a process of its own.

    One client takes what is sent and drops it. The store is filled in another process, so that
    nothing of that is in the server's memory. Linux only: it is asked for a process's peak.
    """
    filler = _SPAWN.Process(target=_fill, args=(folder, hits))
    filler.start()
    filler.join()
    if filler.exitcode:
        raise RuntimeError(f"the store could not be filled: exit code {filler.exitcode}")
    with _server(folder) as (url, pid), httpx.Client(base_url=url, timeout=600) as http:
        for name in FORMATS:  # libraries are loaded, code is compiled
            _take(http, "quarter", name, stop="1 ms")
        return [_measured(http, pid, name, hits) for name in FORMATS]


def _measured(http: httpx.Client, pid: int, name: str, hits: int) -> Export:
    base = memory_mb(pid, "VmRSS")
    reset_peak(pid)
    _take(http, "quarter", name)
    quarter = memory_mb(pid, "VmHWM")
    reset_peak(pid)
    began = time.perf_counter()
    size = _take(http, "whole", name)
    seconds = time.perf_counter() - began
    return Export(name, hits, seconds, size, base, quarter, memory_mb(pid, "VmHWM"))


def _take(http: httpx.Client, run: str, name: str, **more: str) -> int:
    """Return how many bytes came."""
    with http.stream("GET", f"/export/{run}/hits", params={"format": name, **more}) as answer:
        answer.raise_for_status()
        return sum(map(len, answer.iter_raw()))


def _fill(folder: Path, hits: int) -> None:
    with open_store(str(folder)) as at:
        _store(at.engine, "quarter", hits // 4)
        _store(at.engine, "whole", hits)


def _store(engine: Engine, name: str, hits: int) -> None:
    run = new_run(engine, name)
    missing, piece_s, start_s = hits, AT_ONCE / WORDS_A_MUON / BEAM_HZ, 0.0
    with Readout(engine, run) as taking:
        while missing > 0:
            for block in blocks(start_s, start_s + piece_s, BEAM_HZ, missing):
                taking.push(block)
                missing -= len(block.words)
            start_s += piece_s
    close_run(engine, run)


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, int]]:
    """Serve the store; yield the address and the number of the process."""
    end, other = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(folder, other))
    process.start()
    try:
        yield end.recv(), process.pid or 0
    finally:
        end.send("stop")
        process.join()


def _serve(folder: Path, end: Connection) -> None:
    with open_store(str(folder)) as at, serving(at, open_to_all=True) as here:
        end.send(here.url)
        end.recv()


def memory_mb(pid: int | str, what: str) -> float:
    """Return a figure of a process's memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith(what))


def reset_peak(pid: int | str) -> None:
    """Let a process's peak of memory begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")

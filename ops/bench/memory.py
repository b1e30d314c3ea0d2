"""How much memory processes hold, looked at every few seconds, and whether it grows."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import psutil

from ops.bench.machine import Pids, family

_MB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """Of a process and its children together, in MB."""

    at: float
    """Seconds on the monotonic clock."""
    rss: float
    """Pages in memory; those that several processes share count in each."""
    pss: float
    """The same, shared ones divided by who shares them."""
    private: float
    """Pages that nobody else has."""


@dataclass(frozen=True)
class Memory:
    """What came of the samples of one process, in MB."""

    rss_peak: float
    pss_peak: float
    private_peak: float
    private_slope: float
    """MB a minute, by least squares over the samples after the first third."""
    samples: int


@contextmanager
def watched(pids: Callable[[], Pids], every_s: float) -> Iterator[dict[str, list[Sample]]]:
    """Sample the processes as long as the context lasts; what it yields grows meanwhile."""
    samples: dict[str, list[Sample]] = {}
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(every_s):
            for name, pid in pids().items():
                if found := sample(pid, pids()):
                    samples.setdefault(name, []).append(found)

    thread = threading.Thread(target=look, name="memory", daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


def sample(pid: int, pids: Pids) -> Sample | None:
    """Return what a process and its nameless children hold; None when it is gone."""
    rss = pss = private = 0
    for process in family(pid, pids):
        try:
            held = process.memory_full_info()
        except psutil.Error:
            continue
        rss, pss, private = rss + held.rss, pss + held.pss, private + held.uss
    return Sample(time.monotonic(), rss / _MB, pss / _MB, private / _MB) if rss else None


def memory(samples: Sequence[Sample]) -> Memory:
    """Return the peaks, and the slope of what is private."""
    late = samples[len(samples) // 3 :]
    return Memory(
        round(max(each.rss for each in samples), 1),
        round(max(each.pss for each in samples), 1),
        round(max(each.private for each in samples), 1),
        round(slope([each.at / 60 for each in late], [each.private for each in late]), 2),
        len(samples),
    )


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the slope of the straight line by least squares; 0 for fewer than two points."""
    if len(x) < 2:
        return 0.0
    return float(np.polyfit(np.asarray(x) - x[0], y, 1)[0])

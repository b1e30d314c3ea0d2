"""What each process of a trial takes of the machine."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
Pids = Mapping[str, int]
"""Processes by the names under which they are told."""


@dataclass(frozen=True)
class Spent:
    """CPU seconds of each process so far, at a moment, its living children included; a child that
    has a name of its own counts under that."""

    at: float
    cpu: Mapping[str, float]

    def cores_since(self, before: "Spent") -> dict[str, float]:
        """Return how many cores each process kept busy since then, on average."""
        seconds = max(self.at - before.at, 1e-9)
        return {n: round(max(0.0, v - before.cpu[n]) / seconds, 3) for n, v in self.cpu.items()}


def spent(pids: Pids) -> Spent:
    """Return what the processes have spent until now; one that is gone has spent nothing."""
    return Spent(time.monotonic(), {name: _cpu(pid, pids) for name, pid in pids.items()})


def at_the_limit(cores: Mapping[str, float]) -> bool:
    """Return whether the processes together leave the machine less than a tenth of its cores."""
    return sum(cores.values()) > 0.9 * CORES


def family(pid: int, pids: Pids) -> Iterator[psutil.Process]:
    """Yield a process and its children, and theirs, that have no name of their own."""
    named = set(pids.values())
    try:
        process = psutil.Process(pid)
        yield process
        for child in process.children():
            if child.pid not in named:
                yield from family(child.pid, pids)
    except psutil.NoSuchProcess:
        return


def _cpu(pid: int, pids: Pids) -> float:
    total = 0.0
    for process in family(pid, pids):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total

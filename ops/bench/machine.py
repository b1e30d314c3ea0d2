"""What each process of a trial takes of the machine."""

import os
import time
from collections.abc import Mapping
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
    return Spent(time.monotonic(), {n: _cpu(pid, set(pids.values())) for n, pid in pids.items()})


def at_the_limit(cores: Mapping[str, float]) -> bool:
    """Return whether the processes together leave the machine less than a tenth of its cores."""
    return sum(cores.values()) > 0.9 * CORES


def _cpu(pid: int, named: set[int]) -> float:
    try:
        process = psutil.Process(pid)
        times = process.cpu_times()
        children = process.children()
    except psutil.NoSuchProcess:
        return 0.0
    of_children = (_cpu(child.pid, named) for child in children if child.pid not in named)
    return float(times.user + times.system + sum(of_children))

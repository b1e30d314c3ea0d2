"""A trigger that does as it is told in windows with a hit on wire 9, and is good in all others."""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl

from software_triggers.trigger import trigger


def loop():
    while True:
        pass


def memory():
    np.ones(3_000_000_000 // 8).sum()


def memory_of_a_child():
    if not os.fork():
        held = np.ones(3_000_000_000 // 8)
        time.sleep(60)
        held.sum()
    time.sleep(60)


def null():
    ctypes.string_at(0)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def stop():
    os.kill(os.getpid(), signal.SIGSTOP)


def end():
    os._exit(0)


def leave():
    sys.exit("enough")


def close():
    os.closerange(3, 1000)


def divide():
    return 1 // 0


def recursion():
    recursion()


def native_recursion():
    sys.setrecursionlimit(10**9)
    hold = []
    for _ in range(10**6):
        hold = [hold]
    repr(hold)


def text():
    return "no frame"


def fork(note):
    if pid := os.fork():
        Path(note).write_text(str(pid))
    else:
        time.sleep(60)


def fork_away(note):
    """Leave a process that hides from its parent, as daemons do."""
    if pid := os.fork():
        os.waitpid(pid, 0)
    elif pid := os.fork():
        Path(note).write_text(str(pid))
        os._exit(0)
    else:
        os.setsid()
        time.sleep(60)


def fork_both(note):
    """Come back twice."""
    if not os.fork():
        Path(note).write_text(str(os.getpid()))
    while not Path(note).exists():
        time.sleep(0.01)


def thread(note):
    Path(note).write_text(str(os.getpid()))
    threading.Thread(target=time.sleep, args=(60,)).start()


def talk(note):
    print("this is no JSON")  # noqa: T201
    os.write(1, b"nor is this\n")


@trigger(reach="0 ns")
def rogue(hits: pl.DataFrame, deed: str = "", note: str = "") -> pl.DataFrame:
    """Each hit."""
    if deed and (hits["wire"] == 9).any():
        returned = globals()[deed](*[note] * bool(note))
        if isinstance(returned, str):
            return returned
    return hits.select("t", "wire")

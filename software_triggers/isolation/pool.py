"""The trigger processes of this process: started when they are needed, used again, replaced."""

import atexit
import threading
import time
from collections.abc import Mapping
from typing import Any

import polars as pl
import structlog

from software_triggers.isolation.limits import IDLE_S, limits
from software_triggers.isolation.process import CallError, TriggerProcess

_log = structlog.get_logger()
_lock = threading.Lock()
_idle: list[TriggerProcess] = []


def ask(
    head: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]
) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
    """Ask a process that has nothing else to do; see ``TriggerProcess.ask``.

    There are as many as are asked at a time. One that ends, or is left with threads or children by
    the call, is replaced.
    """
    process = _take()
    try:
        answer = process.ask(head, frames, limits())
    except CallError as fault:
        process.end() if fault.ended else _give_back(process)
        raise
    except BaseException:
        process.end()
        raise
    if left := answer[0].get("left"):
        _log.warning("trigger left something running: its process is ended", left=left)
        process.end()
    else:
        _give_back(process)
    return answer


def _take() -> TriggerProcess:
    with _lock:
        while _idle:
            process = _idle.pop()
            if time.monotonic() - process.idle_since < IDLE_S / 2:
                return process
            process.end()  # about to end by itself
    return TriggerProcess()


def _give_back(process: TriggerProcess) -> None:
    with _lock:
        _idle.append(process)


@atexit.register
def _end_all() -> None:
    with _lock:
        while _idle:
            _idle.pop().end()

"""The process in which triggers that people wrote are loaded and computed."""

import base64
import ctypes
import faulthandler
import os
import pickle
import resource
import signal
import socket
import threading
import traceback
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import psutil

from db.detector import Detector
from db.errors import EveryhitError, TriggerError
from software_triggers.isolation.limits import IDLE_S
from software_triggers.isolation.messages import receive, send
from software_triggers.isolation.opened import files_opened, watch_opens
from software_triggers.isolation.origin import Origin, described, digest, run_code
from software_triggers.trigger import Trigger

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main(way_fd: int, trace_fd: int) -> None:
    """Answer what is asked on a socket, until nobody asks any more; then end, whatever runs."""
    try:
        _serve(way_fd, trace_fd)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _serve(way_fd: int, trace_fd: int) -> None:
    way = socket.socket(fileno=way_fd)
    _prepare(way, trace_fd)
    way.settimeout(IDLE_S)
    pid = os.getpid()
    send(way, {})
    while True:
        try:
            head, frames = receive(way)
        except (EOFError, TimeoutError):
            return
        answer, rows = _answer(head, frames)
        if os.getpid() != pid:
            os._exit(0)  # a fork that came back from the trigger
        try:
            send(way, answer, rows)
        except (Exception, pl.exceptions.PanicException) as fault:  # a column of objects, say
            send(way, _failed(fault))
        del frames, rows


def _prepare(way: socket.socket, trace_fd: int) -> None:
    os.set_inheritable(way.fileno(), False)
    # Dumps would be as large as what was in memory; and memory is short, it is to come from here.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Path("/proc/self/oom_score_adj").write_text("1000")
    faulthandler.enable(trace_fd)
    faulthandler.register(signal.SIGUSR1, trace_fd)
    watch_opens()
    prctl = ctypes.CDLL(None).prctl
    prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what a trigger's children leave behind stays in sight

    def in_a_fork() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        way.close()

    os.register_at_fork(after_in_child=in_a_fork)


def _answer(
    head: dict[str, Any], frames: dict[str, pl.DataFrame]
) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
    files = head.get("files", {})
    try:
        origin = Origin(head["path"], base64.b64decode(head["text"]), head["plug_in"])
        # What the code keeps of a file's content is forgotten when that changes: it is run anew.
        with files_opened() as opened:
            triggers = _triggers(origin, tuple(sorted(map(tuple, files.values()))))
        if "name" not in head:
            told = [described(trigger) for trigger in triggers]
            return {"triggers": told, "opened": sorted(opened)}, {}
        trigger = _find(triggers, head["name"], head["digest"])
    except BaseException as fault:
        return _failed(fault), {}
    given = head["params"] | {name: Path(path) for name, (path, _) in files.items()} | frames
    if head["detector"]:
        given["detector"] = _detector(head["detector"])
    before = set(threading.enumerate())
    try:
        with files_opened() as opened:
            rows = _called(trigger, given)
    except BaseException as fault:
        return _failed(fault) | {"left": _left(before)}, {}
    return {"left": _left(before), "opened": sorted(opened)}, {"rows": rows}


def _find(triggers: Iterable[Trigger], name: str, expected: str) -> Trigger:
    for trigger in triggers:
        if trigger.name == name and digest(described(trigger)) == expected:
            return trigger
    raise TriggerError("its code changed on disk since it was loaded: start again")


def _called(trigger: Trigger, given: Mapping[str, Any]) -> pl.DataFrame:
    assert trigger.compute
    rows = trigger.compute(**given)
    if not isinstance(rows, pl.DataFrame):
        raise TriggerError(
            f"it must return a Polars frame with an integer column t, got {type(rows).__name__}"
        )
    return rows


@lru_cache(maxsize=64)
def _triggers(origin: Origin, _files: tuple[tuple[str, str], ...]) -> list[Trigger]:
    return run_code(origin)


@lru_cache(maxsize=8)
def _detector(text: str) -> Detector:
    detector = pickle.loads(base64.b64decode(text))  # noqa: S301 - our parent made it
    assert isinstance(detector, Detector)
    return detector


def _left(before: set[threading.Thread]) -> str:
    """Return what a call left running; empty if nothing."""
    threads = [t for t in threading.enumerate() if t not in before]
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        processes = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    except ChildProcessError:
        processes = []
    named = [f"thread {t.name}" for t in threads] + [f"process {p.pid}" for p in processes]
    return ", ".join(named)


def _failed(fault: BaseException) -> dict[str, Any]:
    told = str(fault) if isinstance(fault, EveryhitError) else f"{type(fault).__name__}: {fault}"
    return {"fault": told, "trace": "".join(traceback.format_exception(fault))}

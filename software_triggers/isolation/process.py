"""A trigger's process as seen from outside: asked, watched, ended."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from multiprocessing.connection import wait
from typing import Any

import polars as pl
import psutil

from db.child_process import start_python
from db.errors import StoreError, TriggerError
from software_triggers.isolation.limits import Limits
from software_triggers.isolation.messages import receive, send

START_S = 60.0
_LOOK_S, _LOOK_AT_CHILDREN_S = 0.02, 0.5
_DUMP_S, _DYING_S = 0.1, 1.0


class CallError(TriggerError):
    """A trigger's code raised, or its process ended or was ended (``ended``)."""

    def __init__(self, told: str, trace: str = "", *, ended: bool = False) -> None:
        super().__init__(told)
        self.ended = ended
        if trace.strip():
            self.add_note(trace)


class TriggerProcess:
    """A process that loads triggers and calls them, one at a time; it ends with this one."""

    def __init__(self) -> None:
        self.idle_since = time.monotonic()
        self._way, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._trace = os.memfd_create("everyhit-trace")
        with theirs:
            self._process = start_python(
                "from software_triggers.isolation.child import main;"
                f" main({theirs.fileno()}, {self._trace})",
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a trigger prints must not mix with what a command answers
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                pass_fds=(theirs.fileno(), self._trace),
                start_new_session=True,
            )
        self._seen = psutil.Process(self._process.pid)
        try:
            self._answer(Limits(START_S))
        except CallError as fault:
            self.end()
            raise StoreError(f"no process for triggers can be started: {fault}") from fault

    def ask(
        self, head: Mapping[str, Any], frames: Mapping[str, pl.DataFrame], limits: Limits
    ) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        """Return the answer; CallError when there is none within the limits.

        After ``ended`` the process is of no more use: call ``end``.
        """
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ended: told below
            send(self._way, head, frames)
        answer, rows = self._answer(limits)
        self.idle_since = time.monotonic()
        if "fault" in answer:
            raise CallError(answer["fault"], answer["trace"], ended=bool(answer.get("left")))
        return answer, rows

    def end(self) -> None:
        """Kill it, and all that it started."""
        below = self._children()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for child in below:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self._process.wait()
        self._way.close()
        with contextlib.suppress(OSError):
            os.close(self._trace)

    def _answer(self, limits: Limits) -> tuple[dict[str, Any], dict[str, pl.DataFrame]]:
        began = looked = time.monotonic()
        below: list[psutil.Process] = []
        while not wait([self._way], _LOOK_S):
            now = time.monotonic()
            if self._process.poll() is not None:
                break
            if now - looked > _LOOK_AT_CHILDREN_S:
                looked, below = now, self._children()
            if self._memory(below) > limits.memory_mb * 1_000_000:
                raise self._lost(f"it took more than {limits.memory_mb} MB of memory", dump=True)
            if now - began > limits.seconds:
                raise self._lost(f"it took longer than {limits.seconds:g} s", dump=True)
        try:
            return receive(self._way)
        except ValueError as fault:
            raise self._lost(f"its process does not answer as it should: {fault}") from None
        except (EOFError, ConnectionResetError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_DYING_S)
        raise self._lost(f"its process {_ended(self._process.returncode)}")

    def _lost(self, told: str, *, dump: bool = False) -> CallError:
        if dump:  # where is it?
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGUSR1)
            time.sleep(_DUMP_S)
        trace = os.pread(self._trace, 100_000, 0).decode(errors="replace")
        return CallError(told, trace, ended=True)

    def _memory(self, below: list[psutil.Process]) -> int:
        total = 0
        for process in (self._seen, *below):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    def _children(self) -> list[psutil.Process]:
        try:
            return list(self._seen.children(recursive=True))
        except psutil.NoSuchProcess:
            return []


def _ended(code: int | None) -> str:
    if code is None:
        return "closed its connection"
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"

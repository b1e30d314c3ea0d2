"""A run of one process whose words a benchmark hands over, block by block."""

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from db.catalogue.runs import Run
from db.detector import Detector
from db.store import Store
from ops.services.data_taking import DataTaking, WantedRun, data_taking
from ops.services.front_ends import FrontEnds
from ops.services.one_process import OneProcess, one_process
from readout.control.journal import HeldConfiguration
from readout.source.block import Block
from readout.writer.writer import Written
from software_triggers.conductor.conductor import Job

SPOOL_BYTES = 4 * 10**9
_WAITING = 64
"""Blocks between a benchmark and the readout; whoever hands over more waits."""


@dataclass(frozen=True)
class FedRun:
    """A run under way."""

    process: OneProcess
    run: Run
    _taking: DataTaking
    _blocks: "queue.Queue[Block | None]"

    def push(self, block: Block) -> None:
        """Hand words over; waits when the readout can't follow."""
        self._blocks.put(block)

    @property
    def written(self) -> Written:
        """What is committed so far."""
        return self._taking.service.agent.writer.written

    @property
    def configurations(self) -> tuple[HeldConfiguration, ...]:
        """Those that the readout was ordered, the newest last."""
        return self._taking.service.agent.standing.steps

    @property
    def job(self) -> Job | None:
        """What the conductor knows of the run; None before it has seen it."""
        return self._taking.view.job


@contextmanager
def fed_run(
    store: Store,
    detector: Detector,
    wanted: Mapping[str, Mapping[str, Any]],
    *,
    name: str,
    events: Sequence[str] = (),
    origin: int = 0,
    told: Mapping[str, Any] | None = None,
) -> Iterator[FedRun]:
    """Begin a run; at the context's end it is closed, and its last windows are done.

    ``told`` are settings of the run beside its triggers.
    """
    blocks: queue.Queue[Block | None] = queue.Queue(_WAITING)
    source = {"benchmark": iter(blocks.get, None)}
    asked = WantedRun(name, wanted, tuple(events), origin=origin, told=told or {})
    with (
        one_process(store) as process,
        data_taking(
            process, detector, FrontEnds(recorded=source), threading.Event(),
            name="benchmark", spool_bytes=SPOOL_BYTES, wanted=asked, once=True,
        ) as taking,
    ):  # fmt: skip
        run = taking.view.run
        assert run
        reader = threading.Thread(target=taking.serve, name="readout")
        reader.start()
        try:
            yield FedRun(process, run, taking, blocks)
        finally:
            blocks.put(None)
            reader.join()

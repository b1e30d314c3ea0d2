"""Turns watermarks into tasks: which windows are due, which must be done again.

It keeps no state that it could not find again in the store, and all tasks may be done twice: it is
safe to kill, and safe to start twice.
"""

import math
import time
from collections.abc import Callable, Container, Sequence

import polars as pl
import structlog

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import TriggerError
from db.results import ledger
from db.time import WHOLE
from db.words.chunks import read_arrivals
from software_triggers.conductor.progress import EVER, Progress, Sent, Submit, Task
from software_triggers.conductor.watermarks import Watermarks
from software_triggers.task.bind import Stage
from software_triggers.task.inputs import input_state
from software_triggers.task.process import set_aside

_log = structlog.get_logger()

# A task is lost with its worker: after this time it is sent again. Doing it twice is harmless.
LOST_AFTER_S = 120.0
# A cell whose tasks were lost so often kills its workers: it is set aside.
MOST_LOSSES = 3
# A store or a broker that fails is given time: from so many seconds, doubled up to so many.
PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
LONGEST_PATIENCE_S = 3600.0
# Where a task is under way already, another goes out when at least so many cells are due.
BATCH_CELLS = 10
# For so long a task that waits for a worker keeps smaller ones back.
PATIENT_S = 2.0
# Looking at what is due takes no more than this share of the time, as long as it is often enough.
LOOKING, OFTEN_S, SELDOM_S = 0.1, 0.03, 0.2


class Job:
    """The stages of a run, followed from its first hit to its last, or over a given range.

    ``latency`` ticks after the newest hit, windows run even when a link's watermark lags; what
    they missed is repaired when it comes. A task that a worker began and that does not
    end in ``lost_after_s`` is lost: its windows are sent again one by one, and one that is lost
    ``MOST_LOSSES`` times is set aside. Tasks that none began are sent again when nothing at all
    was heard for so long, then for twice as long, and so on: a long queue is no loss, and while
    there are no workers messages don't pile up.
    """

    def __init__(
        self,
        engine: Engine,
        run: Run,
        stages: Sequence[Stage],
        span: tuple[int, int] | None = None,
        latency: int | None = None,
        links: Sequence[int] = (),
        lost_after_s: float = LOST_AFTER_S,
    ) -> None:
        self.run, self.stages, self.latency = run, stages, latency
        self._lost_after_s = lost_after_s
        self._heard, self._patience_s = -math.inf, lost_after_s
        self._pause_s, self._paused_until = PAUSE_S, 0.0
        self.watermarks = Watermarks(links)
        self.closed = False
        self._ended = run.state == "closed"
        self._engine = engine
        self._span = span
        self._looked = False
        # Rows may lie that far before the first hit and behind the last, along a chain of triggers.
        self._margin = sum(stage.reach for stage in stages)
        self.progress: dict[str, Progress] = {}

    def advance(self, submit: Submit, now: float, most_cells: int, most_pending: int) -> None:
        """Look at what arrived, collect what is done, and send out what is due."""
        ended = self._ended  # asked before looking: what came before the end must be seen
        self._see()
        self.closed = ended
        if not self.progress and (self.watermarks.seen or self._span):
            self._begin()
        lost = [self._collect(progress, now) for progress in self.progress.values()]
        if any(lost):
            self._heard, self._patience_s = now, min(2 * self._patience_s, LONGEST_PATIENCE_S)
        if now < self._paused_until:
            return
        for progress in sorted(self.progress.values(), key=self._n_due, reverse=True):
            self._send(progress, submit, now, most_cells, most_pending)
            self._repair(progress, submit, now, most_cells)

    def close(self) -> None:
        """Wait for nothing more: all chunks of the run are committed."""
        self._ended = True

    @property
    def finished(self) -> bool:
        """Whether everything that can be done is done."""
        if not self.progress:
            return self.closed and self._looked
        return self.closed and all(
            p.done_to >= self.stop_of(p) and not p.pending and not p.suspects
            for p in self.progress.values()
        )

    @property
    def backlog(self) -> int:
        """Cells of all stages that wait for a worker or for repair."""
        return sum(p.backlog for p in self.progress.values())

    def _see(self) -> None:
        """Take in new chunks; those behind a stage's front make its windows suspect."""
        fresh = read_arrivals(self._engine, self.run.run_id, self.watermarks.unbroken)
        new = self.watermarks.take(fresh)
        self._looked = True
        for a, b in new.filter(pl.col("n_hits") > 0).select("t_first", "t_last").iter_rows():
            for progress in self.progress.values():
                if progress.stage.reads_hits:
                    progress.suspect(a, b + 1)

    def _begin(self) -> None:
        """Find out from the ledger where each stage stands."""
        a, b = self._span or WHOLE
        if self.watermarks.seen:
            a = max(a, self.watermarks.t_min - self._margin)
            if self.closed:
                b = min(b, self.watermarks.t_max + self._margin + 1)
        cells = needed_cells(self.stages, a, b)
        for stage in self.stages:
            first, stop = cells[stage.name]
            progress = Progress(stage, first, next=first, stop=stop, done_to=first)
            if self._span:
                progress.least = first
            known = ledger.current(
                self._engine, self.run.run_id, stage.lineage.lineage, first, stop
            )
            progress.commit(known["cell"])
            progress.incomplete.update(known.filter(~pl.col("complete"))["cell"])
            progress.next = max([first, *(c + 1 for c in known["cell"].tail(1))])
            progress.suspects.update(range(first, progress.next))
            self.progress[stage.name] = progress

    def _collect(self, progress: Progress, now: float) -> bool:
        """Take note of what has ended or is lost; whether a task was lost that none had begun."""
        unheard = False
        for cells, sent in list(progress.pending.items()):
            ended = sent.handle.ready()
            if ended:
                self._heard, self._patience_s = now, self._lost_after_s
            elif sent.begun_at is None and sent.handle.begun():
                self._heard = sent.begun_at = now
            if not ended and not self._lost(sent, now):
                continue
            del progress.pending[cells]
            if not ended:
                _log.warning("task lost", trigger=progress.stage.name, first=cells[0])
                unheard |= sent.begun_at is None
                if sent.begun_at is not None:  # else there was no worker: not the windows' fault
                    progress.losses.update(range(*cells))
            if not ended or sent.handle.failed():
                progress.suspects.update(range(*cells))
                if ended:
                    self._paused_until = now + self._pause_s
                    self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
                continue
            self._pause_s = PAUSE_S
            progress.commit(range(*cells))
            if not sent.task.complete:
                progress.incomplete.update(range(*cells))
            for reader in self._readers(progress):
                reader.suspect(cells[0] * self.run.cell, cells[1] * self.run.cell)
        return unheard

    def _lost(self, sent: Sent, now: float) -> bool:
        if sent.begun_at is not None:
            return now - sent.begun_at >= self._lost_after_s
        return now - max(sent.at, self._heard) >= self._patience_s

    def _send(
        self, progress: Progress, submit: Submit, now: float, most_cells: int, most_pending: int
    ) -> None:
        """Send out the windows that are due."""
        sure, hasty = self._due(progress)
        while progress.next < max(sure, hasty) and len(progress.pending) < most_pending:
            few = max(sure, hasty) - progress.next < BATCH_CELLS
            if few and (progress.pending or self._waiting(now)):
                break  # while the workers are busy, cells gather: few large tasks cost less
            complete = progress.next < sure
            stop = min(sure if complete else hasty, progress.next + most_cells)
            self._submit(progress, submit, now, progress.next, stop, complete=complete)
            progress.next = stop
        caught_up = {cell for cell in progress.incomplete if cell < sure}
        progress.incomplete -= caught_up
        progress.suspects |= caught_up

    def _repair(self, progress: Progress, submit: Submit, now: float, most_cells: int) -> None:
        """Send out again the suspect windows whose inputs have indeed changed."""
        busy = {cell for cells in progress.pending for cell in range(*cells)}
        ready = sorted(progress.suspects - busy)
        sure, _ = self._due(progress)
        for first, stop in _spans(ready, most_cells, alone=progress.losses):
            progress.suspects.difference_update(range(first, stop))
            state = input_state(self._engine, progress.stage, first, stop)
            known = ledger.current(
                self._engine, self.run.run_id, progress.stage.lineage.lineage, first, stop
            )
            old = state.join(known, on="cell", how="left", suffix="_old").filter(
                pl.col("inputs").ne_missing(pl.col("inputs_old"))
                | (~pl.col("complete") & (pl.col("cell") < sure))
            )
            for a, b in _spans(old["cell"].to_list(), most_cells, alone=progress.losses):
                if progress.losses[a] >= MOST_LOSSES:
                    del progress.losses[a]
                    set_aside(self._engine, progress.stage, a, _LOST)
                    progress.commit([a])
                    continue
                self._submit(progress, submit, now, a, b, complete=b <= sure)
            # What is up to date was done by another conductor, or by a task given up for lost; it
            # may have run before every watermark had passed.
            current = sorted(set(range(first, stop)).difference(old["cell"]))
            hasty = set(known.filter(~pl.col("complete"))["cell"])
            progress.incomplete |= hasty.intersection(current)
            for a, b in _spans(current, most_cells):
                progress.commit(range(a, b))
                for reader in self._readers(progress):
                    reader.suspect(a * self.run.cell, b * self.run.cell)

    def _submit(
        self,
        progress: Progress,
        submit: Submit,
        now: float,
        first: int,
        stop: int,
        *,
        complete: bool,
    ) -> None:
        task = Task(progress.stage, first, stop, complete)
        progress.pending[first, stop] = Sent(task, submit(task), now)

    def _waiting(self, now: float) -> bool:
        """Whether some task of late waits for a worker; one that waits longer may be lost."""
        every = (sent for p in self.progress.values() for sent in p.pending.values())
        return any(sent.begun_at is None and now - PATIENT_S < sent.at < now for sent in every)

    def _n_due(self, progress: Progress) -> int:
        return max(self._due(progress)) - progress.next

    def _due(self, progress: Progress) -> tuple[int, int]:
        """Return the cell before which every window is due for sure, and by the latency limit."""
        stage, cell = progress.stage, self.run.cell
        last = self.stop_of(progress)
        passed = EVER if self.closed else self.watermarks.passed
        newest = EVER if self.closed else self.watermarks.newest
        if not stage.reads_hits:
            passed = newest = EVER
        hasty = newest - self.latency if self.latency is not None else passed
        for name in stage.inputs:
            passed = min(passed, self._complete_time(self.progress[name]))
            hasty = min(hasty, self._done_time(self.progress[name]))
        return (
            min(last, (passed - stage.reach) // cell),
            min(last, (hasty - stage.reach) // cell),
        )

    def _done_time(self, progress: Progress) -> int:
        """Return the time before which a stage's results are committed."""
        if self.closed and progress.done_to >= self.stop_of(progress):
            return EVER
        return progress.done_to * self.run.cell

    def _complete_time(self, progress: Progress) -> int:
        """Return the time before which a stage's results are committed and lack nothing."""
        lacking = min(progress.incomplete, default=EVER)
        return min(self._done_time(progress), lacking * self.run.cell)

    def stop_of(self, progress: Progress) -> int:
        """Return the cell at which a stage has no more to do, once the run is closed."""
        if progress.stop < EVER // self.run.cell or not self.closed:
            return progress.stop
        return (self.watermarks.t_max + self._margin) // self.run.cell + 1

    def _readers(self, progress: Progress) -> list[Progress]:
        return [p for p in self.progress.values() if progress.stage.name in p.stage.inputs]


def needed_cells(stages: Sequence[Stage], a: int, b: int) -> dict[str, tuple[int, int]]:
    """Return for each stage the cells [first, stop) on which results in [a, b) ticks rest.

    A stage that others read must cover their margins, too.
    """
    cells: dict[str, tuple[int, int]] = {}
    for stage in reversed(stages):
        cell = stage.run.cell
        low, high = a, b
        for reader in stages:
            if stage.name in reader.inputs:
                first, stop = cells[reader.name]
                low = min(low, first * cell - reader.reach)
                high = max(high, stop * cell + reader.reach)
        cells[stage.name] = (low // cell, -(-high // cell))
    return cells


def conduct(
    jobs: Sequence[Job],
    submit: Submit,
    *,
    most_cells: int = 500,
    most_pending: int = 8,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Advance the jobs until all are finished, or until told to stop."""
    while not until() and not all(job.finished for job in jobs):
        began = time.monotonic()
        for job in jobs:
            job.advance(submit, time.monotonic(), most_cells, most_pending)
        time.sleep(pause_after(time.monotonic() - began))


def pause_after(took_s: float) -> float:
    """Return the seconds until the next look, after one that took so long."""
    return max(OFTEN_S, min(took_s / LOOKING, SELDOM_S))


_LOST = TriggerError(
    f"the task was lost {MOST_LOSSES} times: the trigger hangs, or ends its worker"
)


def _spans(cells: Sequence[int], most: int, alone: Container[int] = ()) -> list[tuple[int, int]]:
    """Return sorted cells as ranges [first, stop) of at most ``most`` cells.

    Those in ``alone`` make ranges of their own.
    """
    spans: list[tuple[int, int]] = []
    for cell in cells:
        apart = cell in alone or cell - 1 in alone
        if spans and spans[-1][1] == cell and cell - spans[-1][0] < most and not apart:
            spans[-1] = (spans[-1][0], cell + 1)
        else:
            spans.append((cell, cell + 1))
    return spans

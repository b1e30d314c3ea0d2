"""Turns watermarks into tasks: which windows are due, which must be done again.

It keeps no state that it could not find again in the store, and all tasks may be done twice: it is
safe to kill, and safe to start twice.
"""

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Container, Sequence
from heapq import nsmallest

import polars as pl
import structlog

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import TriggerError
from db.results import ledger
from db.words.chunks import read_arrivals
from software_triggers.conductor.progress import EVER, Progress, Sent, Submit, Task
from software_triggers.conductor.watermarks import Watermarks
from software_triggers.task.chain import chains_of, names_of
from software_triggers.task.inputs import chain_state
from software_triggers.task.process import LONGEST_HOLE, set_aside
from software_triggers.task.stage import Stage
from software_triggers.window import Window, cells_near

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
# Cells that are compared with the ledger at once.
COMPARED_CELLS = 20_000
# A chain that looks far ahead waits long for each window: it may wait this share longer, so that
# its windows go out by the row. They share most of what they look at.
GATHERED = 0.25
# For so long a task that waits for a worker keeps smaller ones back.
PATIENT_S = 2.0
# Looking at what is due takes no more than this share of the time, as long as it is often enough.
LOOKING, OFTEN_S, SELDOM_S = 0.1, 0.03, 0.2
# Where news are announced, without any for so long.
QUIET_S = 1.0


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
        self._looked = False
        span_cells = range(-EVER, EVER)
        if span:
            span_cells = Window(*span).cells(run.cell)
        self.chains = [Progress(chain, span_cells) for chain in chains_of(stages)]
        self.progress = {stage.name: chain for chain in self.chains for stage in chain.stages}
        """How far each stage has come, by name: that of its chain."""

    def advance(self, submit: Submit, now: float, most_cells: int, most_pending: int) -> None:
        """Look at what arrived, collect what is done, and send out what is due."""
        ended = self._ended  # asked before looking: what came before the end must be seen
        self._see()
        self.closed = ended
        lost = [self._collect(chain, now) for chain in self.chains]
        if any(lost):
            self._heard, self._patience_s = now, min(2 * self._patience_s, LONGEST_PATIENCE_S)
        if now < self._paused_until:
            return
        for chain in self.chains:
            self._send(chain, submit, now, most_cells, most_pending)
            self._repair(chain, submit, now, most_cells)

    def close(self) -> None:
        """Wait for nothing more: all chunks of the run are committed."""
        self._ended = True

    @property
    def finished(self) -> bool:
        """Whether everything that can be done is done."""
        idle = not any(each.due or each.suspects or each.pending for each in self.chains)
        return self.closed and self._looked and idle

    @property
    def backlog(self) -> int:
        """Cells of all chains that wait for a worker or for repair."""
        return sum(chain.backlog for chain in self.chains)

    def done_to(self, name: str) -> int:
        """Return the time in ticks before which a stage's results are committed."""
        if not self.watermarks.seen:
            return 0
        chain = self.progress[name]
        last = (self.watermarks.t_max + chain.horizon) // self.run.cell + 1
        return chain.done_to(last if self.closed else max(self._due(chain))) * self.run.cell

    def _see(self) -> None:
        """Take in new chunks: the cells that look at their words are due, or suspect if they were
        sent out before."""
        if not self._looked:
            for chain in self.chains:
                of = [stage.lineage.lineage for stage in chain.stages]
                last = ledger.last_cell(self._engine, self.run.run_id, of)
                chain.next = chain.next if last is None else last + 1
        fresh = read_arrivals(self._engine, self.run.run_id, self.watermarks.unbroken)
        new = self.watermarks.take(fresh).filter(pl.col("n_hits") > 0)
        self._looked = True
        t_first, t_last = new["t_first"].to_numpy(), new["t_last"].to_numpy()
        for chain in self.chains:
            chain.touch(cells_near(t_first, t_last, chain.horizon, self.run.cell).tolist())

    def _collect(self, chain: Progress, now: float) -> bool:
        """Take note of what has ended or is lost; whether a task was lost that none had begun."""
        unheard = False
        for sent in list(chain.pending):
            ended = sent.handle.ready()
            if ended:
                self._heard, self._patience_s = now, self._lost_after_s
            elif sent.begun_at is None and sent.handle.begun():
                self._heard = sent.begun_at = now
            if not ended and not self._lost(sent, now):
                continue
            chain.pending.remove(sent)
            if not ended:
                _log.warning("task lost", triggers=names_of(chain.stages), first=sent.task.first)
                unheard |= sent.begun_at is None
                if sent.begun_at is not None:  # else there was no worker: not the windows' fault
                    chain.losses.update(sent.cells)
            if not ended or sent.handle.failed():
                chain.suspects.update(sent.cells)
                if ended:
                    self._paused_until = now + self._pause_s
                    self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
                continue
            self._pause_s = PAUSE_S
            chain.n_done += len(sent.cells)
            if not sent.task.complete:
                chain.incomplete.update(sent.cells)
        return unheard

    def _lost(self, sent: Sent, now: float) -> bool:
        if sent.begun_at is not None:
            return now - sent.begun_at >= self._lost_after_s
        return now - max(sent.at, self._heard) >= self._patience_s

    def _send(
        self, chain: Progress, submit: Submit, now: float, most_cells: int, most_pending: int
    ) -> None:
        """Send out the windows that are due."""
        sure, hasty = self._due(chain)
        room = most_pending - len(chain.pending)
        due = nsmallest(max(0, room) * most_cells, chain.due)
        due = due[: bisect_left(due, max(sure, hasty))]
        gathered = int(GATHERED * chain.horizon / self.run.cell)
        if due and due[0] + gathered >= max(sure, hasty):
            due = []
        if len(due) < BATCH_CELLS and (chain.pending or self._waiting(now)):
            due = []  # while the workers are busy, cells gather: few large tasks cost less
        certain = bisect_left(due, sure)
        for cells in [*_rows(due[:certain], most_cells), *_rows(due[certain:], most_cells)][:room]:
            self._submit(chain, submit, now, cells, complete=cells[-1] < sure)
            chain.due.difference_update(cells)
            chain.next = cells[-1] + 1
        caught_up = {cell for cell in chain.incomplete if cell < sure}
        chain.incomplete -= caught_up
        chain.suspects |= caught_up

    def _repair(self, chain: Progress, submit: Submit, now: float, most_cells: int) -> None:
        """Send out again the suspect windows whose inputs have indeed changed."""
        busy = {cell for sent in chain.pending for cell in sent.cells}
        ready = sorted(chain.suspects - busy)
        sure, _ = self._due(chain)
        for row in _rows(ready, COMPARED_CELLS):
            chain.suspects.difference_update(row)
            state = chain_state(self._engine, chain.stages, row[0], row[-1] + 1)
            cells = pl.concat(state.values()).filter(pl.col("cell").is_in(row))
            hasty = pl.col("complete").not_()
            old = cells.filter(pl.col("stale") | (hasty & (pl.col("cell") < sure)))
            open_cells = sorted(set(old["cell"]))
            for again in _rows(open_cells, most_cells, alone=chain.losses):
                if chain.losses[again[0]] >= MOST_LOSSES:
                    del chain.losses[again[0]]
                    set_aside(self._engine, chain.stages, again[0], _lost(chain.stages))
                    chain.n_done += 1
                    continue
                self._submit(chain, submit, now, again, complete=again[-1] < sure)
            # What is up to date was done by another conductor, or by a task given up for lost; it
            # may have run before every watermark had passed.
            current = set(row).difference(open_cells)
            chain.incomplete |= current.intersection(cells.filter(hasty)["cell"])
            chain.n_done += len(current)

    def _submit(
        self, chain: Progress, submit: Submit, now: float, cells: Sequence[int], *, complete: bool
    ) -> None:
        task = Task(chain.stages, cells[0], cells[-1] + 1, complete)
        chain.pending.append(Sent(task, submit(task), now, cells))

    def _waiting(self, now: float) -> bool:
        """Whether some task of late waits for a worker; one that waits longer may be lost."""
        every = (sent for chain in self.chains for sent in chain.pending)
        return any(sent.begun_at is None and now - PATIENT_S < sent.at < now for sent in every)

    def _due(self, chain: Progress) -> tuple[int, int]:
        """Return the cell before which every window is due for sure, and by the latency limit."""
        passed = EVER if self.closed else self.watermarks.passed
        newest = EVER if self.closed else self.watermarks.newest
        hasty = passed if self.latency is None else newest - self.latency
        cell, horizon = self.run.cell, chain.horizon
        return (passed - horizon) // cell, (hasty - horizon) // cell


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


def _lost(stages: Sequence[Stage]) -> TriggerError:
    return TriggerError(
        f"the task was lost {MOST_LOSSES} times: one of the triggers {names_of(stages)} hangs, or"
        " ends its worker"
    )


def _rows(cells: Sequence[int], most: int, alone: Container[int] = ()) -> list[list[int]]:
    """Return sorted cells in rows of at most ``most``, each without long holes.

    Those in ``alone`` make rows of their own.
    """
    rows: list[list[int]] = []
    for cell in cells:
        apart = cell in alone or (rows and rows[-1][-1] in alone)
        if rows and len(rows[-1]) < most and cell - rows[-1][-1] <= LONGEST_HOLE and not apart:
            rows[-1].append(cell)
        else:
            rows.append([cell])
    return rows

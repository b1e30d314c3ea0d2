"""Data taking in one process: a run with its readout, worker threads and conductor."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from db.catalogue.runs import Run, close_run, open_run, planned_run
from db.detector import Detector
from db.results.failures import windows_set_aside
from db.results.lineage_runs import note_ran
from db.results.totals import result_totals
from db.store import Store
from db.time import duration_ticks
from db.words.gaps import live_ticks
from db.words.rates import count_hits, newest_rates
from ops.demo.channels import groups_of_channels, name_of_others
from ops.services.embedded import conductor_thread, worker_threads
from ops.services.fit import check_triggers
from ops.settings import settings
from ops.terminal import OTHERS, Status
from readout.readout import Readout
from software_triggers.conductor.conductor import LOST_AFTER_S, Job
from software_triggers.registry import triggers_of_run
from software_triggers.task.bind import bind


@dataclass
class LiveRun:
    """A run under way: push words into its readout, ask how it goes."""

    store: Store
    run: Run
    job: Job
    readout: Readout
    began: float = field(default_factory=time.monotonic)
    _last: tuple[float, int] = (0.0, 0)

    def __post_init__(self) -> None:
        self._groups = groups_of_channels(self.run.detector)
        self._others = name_of_others(self.run.detector)
        self._second = 1e9 / float(self.run.detector.tick)

    def status(self, quality: Mapping[str, str] | None = None) -> Status:
        """Return what a view of the run shows now; rates are those since the last call."""
        now, words = time.monotonic(), self.readout.written.hits
        since, before = self._last if self._last[0] else (self.began, 0)
        self._last = (now, words)
        newest = self.job.watermarks.newest
        return Status(
            title=f"run {self.run.run_id}  {self.run.detector.name}",
            seconds=now - self.began,
            words=words,
            words_per_s=(words - before) / max(1e-9, now - since),
            groups=self._group_rates(),
            links=[
                {
                    "link": link,
                    "watermark_s": mark / self._second,
                    "behind_s": max(0.0, (newest - mark) / self._second),
                }
                for link, mark in sorted(self.job.watermarks.of_link.items())
                if mark is not None
            ],
            stages=self.stages(),
            backlog=self.job.backlog,
            quality=dict(quality or {}),
            trouble=self.readout.written.trouble,
        )

    def stages(self) -> list[dict[str, Any]]:
        """Return for each trigger its committed rows and windows, and how far behind it is."""
        totals = result_totals(self.store.engine, [self.run.run_id])
        rows = dict(totals.select("lineage", "rows").iter_rows())
        newest = self.job.watermarks.newest
        return [
            {
                "trigger": name,
                "rows": rows.get(progress.stage.lineage.lineage, 0),
                "windows": progress.done_to - progress.first,
                "behind_s": max(0.0, (newest - progress.done_to * self.run.cell) / self._second),
            }
            for name, progress in list(self.job.progress.items())
        ]

    def summary(self) -> dict[str, Any]:
        """Return what the run came to; ask when it is finished."""
        rows = {stage["trigger"]: stage["rows"] for stage in self.stages()}
        lineages = [progress.stage.lineage.lineage for progress in self.job.progress.values()]
        failed = windows_set_aside(self.store.engine, self.run.run_id, lineages)
        marks = self.job.watermarks
        a, b = (marks.t_min, marks.t_max + 1) if marks.seen else (0, 0)
        return {
            "run": self.run.run_id,
            "words": self.readout.written.hits,
            "hits": self._count_hits(a, b),
            **rows,
            "failed_windows": len(failed),
            "seconds": round(time.monotonic() - self.began, 3),
            "live_time": live_ticks(self.store.engine, self.run.run_id, a, b) / self._second,
        }

    def _group_rates(self) -> dict[str, float]:
        """Return hits a second of each group of channels, and other words, over the last complete
        second."""
        ticks = self.run.detector.slice
        slices = max(1, round(self._second / ticks))
        last = self.job.watermarks.newest // ticks - 1
        counted = newest_rates(self.store.engine, self.run, last + 1 - slices, last + 1)
        rates: dict[str, float] = {}
        for row in counted.iter_rows(named=True):
            name = self._groups.get(row["channel"], self._others) if row["hit"] else OTHERS
            rates[name] = rates.get(name, 0.0) + row["n"] * self._second / (slices * ticks)
        return dict(sorted(rates.items()))

    def _count_hits(self, a: int, b: int) -> int:
        """Return the sound hits from the slice of ``a`` to ``b``, counted when they were stored."""
        ticks = self.run.detector.slice
        return count_hits(self.store.engine, self.run, a // ticks * ticks, b)


@contextmanager
def live_run(
    store: Store,
    detector: Detector,
    wanted: Mapping[str, Mapping[str, Any]],
    *,
    name: str = "",
    events: Sequence[str] = (),
    origin: int = 0,
    told: Mapping[str, Any] | None = None,
) -> Iterator[LiveRun]:
    """Open a run, and have the wanted triggers run on it while words are pushed.

    ``events`` names the triggers whose rows make events. When the context ends, even by an error,
    all words are committed, the run is closed, and the last windows are worked on before it
    returns. ``told`` is kept with the run's settings.
    """
    engine = store.engine
    cell = duration_ticks(settings().cell, detector.tick)
    asked = {"triggers": dict(wanted), "events": list(events), **(told or {})}
    check_triggers(engine, planned_run(detector, cell, asked), wanted)
    run = open_run(engine, detector, name=name, cell=cell, settings=asked)
    with worker_threads(engine, settings().workers, settings().triggers):
        stages = bind(engine, run, triggers_of_run(engine, run, settings().triggers), wanted)
        note_ran(engine, [stage.lineage for stage in stages])
        latency = duration_ticks(settings().latency, detector.tick)
        patience = max(LOST_AFTER_S, 4 * settings().trigger_s)
        job = Job(engine, run, stages, latency=latency, lost_after_s=patience)
        readout = Readout(engine, run, origin, flush_s=settings().flush_s)
        with conductor_thread([job], wanted) as conductor:
            try:
                yield LiveRun(store, run, job, readout)
            finally:
                try:
                    readout.close()
                finally:
                    close_run(engine, run)
                    job.close()
            while conductor.is_alive():
                conductor.join(0.1)

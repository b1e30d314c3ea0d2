"""The main job on one machine: a simulated telescope, its store, triggers, events, a live view."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import numpy as np
import polars as pl

from db.detector import Detector, decode, encode
from db.gaps import live_ticks
from db.moments import duration_ticks
from db.results import read_committed
from db.runs import Run, close_run, open_run
from db.store import Store
from ops.embedded import conductor_thread, worker_threads
from ops.score import Score
from ops.screen import Status
from ops.settings import settings
from readout.readout import Readout
from readout.simulator.conditions import Conditions
from readout.simulator.live import Slice
from readout.source.block import Block
from software_triggers.conductor import Job
from software_triggers.library.events import event_builder
from software_triggers.registry import known_triggers
from software_triggers.relations import select_of
from software_triggers.stage import bind
from software_triggers.trigger import Trigger
from software_triggers.window import Window

CANDIDATES = ("tracks", "coincidence")
WANTED: Mapping[str, Mapping[str, Any]] = {
    "segments": {},
    "tracks": {},
    "coincidence": {},
    "noisy_channels": {},
    "events": {},
}


class Demo:
    """A demo run under way: takes the telescope's slices, tells how it goes."""

    def __init__(
        self, store: Store, run: Run, job: Job, readout: Readout, tick_ns: float
    ) -> None:
        self.run, self.job, self.readout = run, job, readout
        self.score = Score(tick_ns)
        self._engine = store.engine
        self._second = 1e9 / tick_ns
        self._chamber = _chamber_of_channel(run.detector)
        self._began = time.monotonic()
        self._last = (self._began, 0)
        self._truth: SimpleQueue[pl.DataFrame] = SimpleQueue()
        self._unscored: list[pl.DataFrame] = []
        self._scored_to = 0
        self._now = 0

    def take(self, piece: Slice) -> None:
        """Hand a slice's words to the readout, and keep its truth for the score."""
        for link, words in piece.links.items():
            self.readout.push(Block(link, words))
        self.readout.beat()
        self._now = piece.stop
        self._truth.put(piece.segments)

    def compare(self) -> None:
        """Score the segments that are committed by now against the truth."""
        progress = self.job.progress.get("segments")
        if progress is None:
            return
        margin = round(1e-6 * self._second)
        stop = progress.done_to * self.run.cell - margin
        if stop <= self._scored_to:
            return
        while not self._truth.empty():
            self._unscored.append(self._truth.get())
        truth = pl.concat(self._unscored)
        a, b = self._scored_to, stop
        found = read_committed(
            self._engine, progress.stage.lineage, self.run.cell, a - margin, b + margin
        )
        self.score.count_found(truth.filter(pl.col("t0").is_between(a, b, closed="left")), found)
        self.score.count_fakes(found.filter(pl.col("t").is_between(a, b, closed="left")), truth)
        self._unscored = [truth.filter(pl.col("t0") >= b - margin)]
        self._scored_to = b

    def status(self) -> Status:
        """Return what the view shows now."""
        now, words = time.monotonic(), self.readout.written.hits
        rate = (words - self._last[1]) / max(1e-9, now - self._last[0])
        self._last = (now, words)
        return Status(
            title=f"run {self.run.run_id}",
            seconds=now - self._began,
            words=words,
            words_per_s=rate,
            chambers=self._chamber_rates(),
            links=[
                {"link": link, "watermark_s": mark / self._second, "behind_s": self._behind(mark)}
                for link, mark in sorted(self.job.watermarks.of_link.items())
                if mark is not None
            ],
            stages=self._stages(),
            backlog=self.job.backlog,
            quality=_quality(self.score),
            trouble=self.readout.written.trouble,
        )

    def summary(self) -> dict[str, Any]:
        """Return what the run came to; ask when it is finished."""
        rows = {stage["trigger"]: stage["rows"] for stage in self._stages()}
        marks = self.job.watermarks
        a, b = (marks.t_min, marks.t_max + 1) if marks.seen else (0, 0)
        live_s = live_ticks(self._engine, self.run.run_id, a, b) / self._second
        return {
            "run": self.run.run_id,
            "words": self.readout.written.hits,
            "hits": self._hits(a, b),
            "segments": rows["segments"],
            "tracks": rows["tracks"],
            "events": rows["events"],
            "efficiency": self.score.efficiency,
            "fake_rate": self.score.fake_rate,
            "t0_rms_ns": self.score.t0_rms_ns,
            "seconds": round(time.monotonic() - self._began, 3),
            "live_time": round(live_s, 6),
        }

    def _behind(self, t: int) -> float:
        return max(0.0, (self._now - t) / self._second)

    def _stages(self) -> list[dict[str, Any]]:
        table = self._engine.fetch(
            "SELECT lineage, sum(n) AS rows FROM ("
            " SELECT lineage, cell, argMax(n_rows, (revision, n_inputs, attempt)) AS n FROM ledger"
            " WHERE run_id = {run:UInt32} GROUP BY lineage, cell) GROUP BY lineage",
            {"run": self.run.run_id},
        )
        rows = dict(zip(table["lineage"].to_pylist(), table["rows"].to_pylist(), strict=True))
        return [
            {
                "trigger": name,
                "rows": rows.get(progress.stage.lineage.lineage, 0),
                "windows": progress.done_to - progress.first,
                "behind_s": self._behind(progress.done_to * self.run.cell),
            }
            for name, progress in self.job.progress.items()
        ]

    def _chamber_rates(self) -> dict[str, float]:
        """Return words a second of each chamber over the last second that is complete."""
        ticks = self.run.detector.slice
        slices = max(1, round(self._second / ticks))
        last = self._now // ticks - 1
        table = self._engine.fetch(
            "SELECT channel, sum(n_hits) AS n FROM rates WHERE run_id = {run:UInt32}"
            " AND slice > {last:Int64} - {slices:Int64} AND slice <= {last:Int64} GROUP BY channel",
            {"run": self.run.run_id, "last": last, "slices": slices},
        )
        rates: dict[str, float] = {}
        for channel, n in zip(table["channel"].to_pylist(), table["n"].to_pylist(), strict=True):
            name = self._chamber.get(channel, "other")
            rates[name] = rates.get(name, 0.0) + n * self._second / (slices * ticks)
        return dict(sorted(rates.items()))

    def _hits(self, a: int, b: int) -> int:
        rows = self._engine.fetch(
            f"SELECT count() AS n FROM ({select_of(self._engine, self.run, 'hits', None, Window(a, b))})"
        )
        return int(rows["n"][0].as_py())


@contextmanager
def demo(store: Store, detector: Detector, conditions: Conditions, seed: int) -> Iterator[Demo]:
    """Open a run with triggers and workers on it; at the context's end, finish and close it."""
    engine = store.engine
    run = open_run(
        engine,
        detector,
        name="demo",
        cell=duration_ticks(settings().cell, detector.tick),
        settings={"triggers": dict(WANTED), "seed": seed, "conditions": vars(conditions)},
    )
    with worker_threads(engine, settings().workers, lambda: demo_triggers(store)):
        stages = bind(engine, run, demo_triggers(store), WANTED)
        job = Job(
            engine, run, stages, latency=duration_ticks(settings().latency, detector.tick)
        )
        readout = Readout(engine, run, origin=conditions.clock_start, flush_s=settings().flush_s)
        going = Demo(store, run, job, readout, float(detector.tick))
        with conductor_thread([job], WANTED) as conductor:
            try:
                yield going
            finally:
                readout.close()
                close_run(engine, run)
                job.close()
            while conductor.is_alive():
                conductor.join(0.1)
        going.compare()


def demo_triggers(store: Store) -> dict[str, Trigger]:
    """Return the triggers that are known, and the demo's event builder."""
    builder = event_builder(CANDIDATES)
    return {**known_triggers(store.engine, settings().triggers), builder.name: builder}


def _quality(score: Score) -> dict[str, str]:
    if score.efficiency is None or score.fake_rate is None:
        return {}
    return {
        "efficiency": f"{100 * score.efficiency:.2f} %",
        "fakes": f"{100 * score.fake_rate:.2f} %",
        "t0 RMS": f"{score.t0_rms_ns:.2f} ns",
    }


def _chamber_of_channel(detector: Detector) -> dict[int, str]:
    """Return the name of the chamber behind each channel of the rates, by decoding all there are."""
    fpga, channel = (grid.ravel() for grid in np.meshgrid(np.arange(8), np.arange(512)))
    zero = np.zeros(len(fpga), np.int64)
    fields = {field.name: zero for field in detector.fields}
    fields |= {"fpga": fpga, "tdc_channel": channel, "head": zero + 2, "tdc_meas": zero + 1}
    columns = decode(detector, encode(detector, fields), 0, ["channel", "chamber"])
    return {
        int(c): f"chamber {chamber}" if chamber < 255 else "other"
        for c, chamber in zip(columns["channel"], columns["chamber"], strict=True)
    }

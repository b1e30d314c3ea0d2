"""The main job on one machine: a simulated telescope, its store, triggers, events, a live view."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from db.detector import Detector
from db.results.rows import read_committed
from db.store import Store
from ops.demo.score import Score
from ops.demo.truth import Truth
from ops.services.live_run import LiveRun, live_run
from readout.simulator.conditions import Conditions
from readout.simulator.live import Slice
from readout.source.block import Block

CANDIDATES = ("tracks", "coincidence")
SCORED = ("t", "chamber", "t0_ns", "quality")
"""Columns of segments that the score looks at."""
TRUE = ("t0", "t0_ns", "chamber", "n_hits")
"""Columns of the truth that it looks at."""
_TRUTH = "truth-"
WANTED: Mapping[str, Mapping[str, Any]] = {
    "segments": {},
    "tracks": {},
    "coincidence": {},
    "noisy_channels": {},
    "events": {},
}


class Demo:
    """A simulated run under way: takes the telescope's slices, compares segments with the truth."""

    def __init__(self, live: LiveRun, folder: Path) -> None:
        self.live = live
        self.score = Score(float(live.run.detector.tick))
        self._truth = Truth(folder)
        self._scored_to = 0

    def take(self, piece: Slice) -> None:
        """Hand a slice's words to the readout, and keep its truth for the score."""
        self._truth.put(piece.start, piece.stop, piece.segments.select(TRUE))
        for link, words in piece.links.items():
            self.live.readout.push(Block(link, words))
        self.live.readout.beat()

    def compare(self) -> None:
        """Score the segments that are committed by now against the truth."""
        progress = self.live.job.progress.get("segments")
        if progress is None:
            return
        run, engine = self.live.run, self.live.store.engine
        margin = round(1e3 / float(run.detector.tick))
        end = progress.done_to * run.cell - margin
        while self._scored_to < end:  # by few windows: a backlog may be long
            a, b = self._scored_to, min(end, self._scored_to + 5 * run.cell)
            near = self._truth.between(a - margin, b + margin)
            if near is None:
                return
            lineage = progress.stage.lineage
            found = read_committed(engine, lineage, run.cell, a - margin, b + margin, SCORED)
            self.score.count_found(near.filter(pl.col("t0").is_between(a, b, closed="left")), found)
            self.score.count_fakes(found.filter(pl.col("t").is_between(a, b, closed="left")), near)
            self._scored_to = b
            self._truth.forget(b - margin)

    def quality(self) -> dict[str, str]:
        """Return the score for the view."""
        score = self.score
        if score.efficiency is None or score.fake_rate is None:
            return {}
        return {
            "efficiency": f"{100 * score.efficiency:.2f} %",
            "fakes": f"{100 * score.fake_rate:.2f} %",
            "t0 RMS": f"{score.t0_rms_ns:.2f} ns",
        }

    def summary(self) -> dict[str, Any]:
        """Return what the run came to, and the score."""
        return self.live.summary() | {
            "efficiency": self.score.efficiency,
            "fake_rate": self.score.fake_rate,
            "fake_rate_unflagged": self.score.fake_rate_unflagged,
            "t0_rms_ns": self.score.t0_rms_ns,
        }


@contextmanager
def demo(store: Store, detector: Detector, conditions: Conditions, seed: int) -> Iterator[Demo]:
    """Open a run with triggers and workers on it; at the context's end, finish and close it."""
    told = {"seed": seed, "conditions": vars(conditions)}
    if store.owned:
        for left in store.folder.glob(f"{_TRUTH}*"):  # of one that was killed
            shutil.rmtree(left)
    with TemporaryDirectory(prefix=_TRUTH, dir=store.folder) as folder:
        with live_run(
            store,
            detector,
            WANTED,
            name="demo",
            events=CANDIDATES,
            origin=conditions.clock_start,
            told=told,
        ) as live:
            going = Demo(live, Path(folder))
            yield going
        going.compare()

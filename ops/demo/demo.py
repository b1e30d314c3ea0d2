"""The main job on one machine: a simulated telescope, its store, triggers, events, a score."""

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from db.catalogue.runs import Run
from db.detector import Detector
from db.results.rows import read_committed
from ops.demo.score import Score
from ops.demo.telescope import Send, Telescope, over_tcp
from ops.demo.truth import Truth
from ops.services.data_taking import DataTaking, WantedRun, data_taking
from ops.services.front_ends import FrontEnds
from ops.services.one_process import OneProcess
from readout.simulator.conditions import Conditions
from readout.simulator.live import live

CANDIDATES = ("tracks", "coincidence")
SCORED = ("t", "chamber", "t0_ns", "quality")
"""Columns of segments that the score looks at."""
_TRUTH = "truth-"
WANTED: Mapping[str, Mapping[str, Any]] = {
    "segments": {},
    "tracks": {},
    "coincidence": {},
    "noisy_channels": {},
    "events": {},
}
SPOOL_BYTES = 4 * 10**9
TCP = FrontEnds(tcp=(("127.0.0.1", 0),))
Sending = Callable[[int], AbstractContextManager[Send]]
_BEGIN_S = 0.1
"""Of a run that begins amid the telescope's words the first ones of some links are missing."""


@dataclass
class _Scored:
    """A run, and how far it is compared."""

    run: Run
    score: Score
    shift: int
    """Ticks from the telescope's begin to the run's."""
    scored_to: int = field(default=0)


class Demo:
    """A telescope that is read out: compares the segments of each run with the truth."""

    def __init__(
        self, taking: DataTaking, telescope: Telescope, truth: Truth, clock_start: int
    ) -> None:
        self.taking, self._telescope, self._truth = taking, telescope, truth
        self._clock_start = clock_start
        self._scored: _Scored | None = None
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Let the telescope send, and take what it sends until it has ended."""
        self._telescope.start()
        self.taking.serve()
        self._telescope.close()
        if self._telescope.failures:
            raise self._telescope.failures[0]

    def compare(self) -> None:
        """Score the segments that are committed by now against the truth."""
        with self._lock:
            scored, job = self._of_run(), self.taking.view.job
            stages = {stage.name: stage for stage in job.stages} if job else {}
            if scored is None or job is None or "segments" not in stages:
                return
            run, engine = scored.run, self.taking.process.at.engine
            margin = round(1e3 / float(run.detector.tick))
            end = job.done_to("segments") - margin
            while scored.scored_to < end:  # by few windows: a backlog may be long
                a, b = scored.scored_to, min(end, scored.scored_to + 5 * run.cell)
                near = self._near(scored, a - margin, b + margin)
                if near is None:
                    break
                lineage = stages["segments"].lineage
                found = read_committed(engine, lineage, run.cell, a - margin, b + margin, SCORED)
                of_it, t = pl.col("t0").is_between(a, b, closed="left"), pl.col("t")
                scored.score.count_found(near.filter(of_it), found)
                scored.score.count_fakes(found.filter(t.is_between(a, b, closed="left")), near)
                scored.scored_to = b
                self._truth.forget(b + scored.shift - margin)
            if job and job.finished and self.taking.service.agent.taking is None:
                self._truth.forget(self._telescope.sent_to)  # nobody takes these words

    def quality(self) -> dict[str, str]:
        """Return the score for the view."""
        score = self._score
        if score.efficiency is None or score.fake_rate is None:
            return {}
        return {
            "efficiency": f"{100 * score.efficiency:.2f} %",
            "fakes": f"{100 * score.fake_rate:.2f} %",
            "t0 RMS": f"{score.t0_rms_ns:.2f} ns",
        }

    def summary(self) -> dict[str, Any]:
        """Return what the last run came to, and its score."""
        score = self._score
        return self.taking.view.summary() | {
            "efficiency": score.efficiency,
            "fake_rate": score.fake_rate,
            "fake_rate_unflagged": score.fake_rate_unflagged,
            "t0_rms_ns": score.t0_rms_ns,
        }

    @property
    def _score(self) -> Score:
        return self._scored.score if self._scored else Score(1.0)

    def _of_run(self) -> _Scored | None:
        """The run that is looked at, with where it begins; None before its first words."""
        run, origin = self.taking.view.run, self.taking.service.agent.standing.origin
        if run is None or (self._scored and self._scored.run.run_id == run.run_id):
            return self._scored
        if origin is None:
            return None
        detector, wrap = run.detector, run.detector.wrap or 0
        shift = origin - self._clock_start
        if wrap:  # the counter does not tell how often it has turned
            shift += round((self._telescope.sent_to - shift) / wrap) * wrap
        begin = 0 if origin == self._clock_start else round(_BEGIN_S * 1e9 / float(detector.tick))
        self._scored = _Scored(run, Score(float(detector.tick)), shift, begin)
        return self._scored

    def _near(self, scored: _Scored, a: int, b: int) -> pl.DataFrame | None:
        """The truth of [a, b) in ticks of the run."""
        near = self._truth.between(a + scored.shift, b + scored.shift)
        return near if near is None else near.with_columns(pl.col("t0") - scored.shift)


@contextmanager
def demo(
    process: OneProcess,
    detector: Detector,
    conditions: Conditions,
    seed: int,
    duration_s: float | None,
    wish: threading.Event,
    front_ends: FrontEnds = TCP,
    sending: Sending = over_tcp,
) -> Iterator[Demo]:
    """Read out a telescope, and begin a run; the telescope ends at ``wish`` or after so long.

    ``sending`` gets the port of the one address of ``front_ends``. At the context's end the last
    windows are worked on before it returns.
    """
    told = {"seed": seed, "conditions": vars(conditions)}
    folder = process.at.folder
    if process.at.owned:
        for left in folder.glob(f"{_TRUTH}*"):  # of one that was killed
            shutil.rmtree(left)

    def sleep(seconds: float) -> None:
        wish.wait(seconds)

    slices = live(detector, conditions, seed, duration_s=duration_s or inf, sleep=sleep)
    stop = threading.Event()
    with TemporaryDirectory(prefix=_TRUTH, dir=folder) as kept:
        truth = Truth(Path(kept))
        with data_taking(
            process,
            detector,
            front_ends,
            stop,
            name="telescope",
            spool_bytes=SPOOL_BYTES,
            wanted=WantedRun("demo", WANTED, CANDIDATES, origin=conditions.clock_start, told=told),
        ) as taking:
            ((_, port),) = taking.service.sources.ports
            with sending(port) as send:
                telescope = Telescope(slices, truth, send, wish, stop)
                going = Demo(taking, telescope, truth, conditions.clock_start)
                yield going
        going.compare()

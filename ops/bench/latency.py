"""From the readout to a committed event: seconds, with everything in one process, as in the demo."""

import time
from math import inf

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.detector import load
from db.engine import Engine
from db.results import Lineage, read_committed
from db.runs import Run
from db.store import Store
from ops.bench.result import Result, Timing
from ops.bench.telescope import DETECTOR, WORDS_A_MUON
from ops.demo import CANDIDATES, WANTED
from ops.live_run import live_run
from readout.simulator.conditions import Conditions
from readout.simulator.live import live
from readout.source.block import Block

SLICE_S = 0.02


def latency(store: Store, words_per_s: float, seconds: float) -> Result:
    """Measure how long after the hand-over of its words an event is there for good.

    The words of ``seconds`` are simulated beforehand and handed to the readout at their own pace,
    or later if it can't follow. An event is there when the ledger has its window with the rows that
    the window has in the end, so that what is repaired counts from the repair. What counts for the
    words is when those of the event's last tick were due: waiting for the readout is part of it.
    """
    detector = load(DETECTOR)
    conditions = Conditions(muon_rate_hz=words_per_s / WORDS_A_MUON)
    whole = live(detector, conditions, 1, slice_s=SLICE_S, duration_s=seconds, speed=inf)
    slices = [piece.links for piece in whole]
    ticks = next(live(detector, conditions, 1, slice_s=SLICE_S, duration_s=SLICE_S, speed=inf)).stop
    slice_s = ticks * float(detector.tick) * 1e-9
    cpu = time.process_time()
    with live_run(store, detector, WANTED, name="bench", events=CANDIDATES) as going:
        began = time.time()
        for k, links in enumerate(slices):
            time.sleep(max(0.0, began + (k + 1) * slice_s - time.time()))
            for link, words in links.items():
                going.readout.push(Block(link, words))
            going.readout.beat()
        read_out = time.time() - began
    took, cpu = time.time() - began, time.process_time() - cpu
    events = going.job.progress["events"]
    waits = _waits(store.engine, going.run, events.stage.lineage, ticks, began, slice_s)
    p50, p95, p99 = np.quantile(waits, [0.5, 0.95, 0.99]).tolist() if len(waits) else [inf] * 3
    words = going.readout.written.hits
    return Result(
        name="latency",
        hits=words,
        ours=Timing(took, cpu),
        extra={
            "words_per_s": round(words / read_out),
            "events": len(waits),
            "p50_s": round(p50, 3),
            "p95_s": round(p95, 3),
            "p99_s": round(p99, 3),
            "max_s": round(float(waits.max(initial=0.0)), 3),
            "finished_after_s": round(took - read_out, 3),
        },
    )


def _waits(
    engine: Engine, run: Run, lineage: Lineage, ticks: int, began: float, slice_s: float
) -> NDArray[np.float64]:
    """Return for each event the seconds from the hand-over of its words to its commit."""
    events = read_committed(engine, lineage, run.cell, -(2**61), 2**61)
    there = _committed_at(engine, run, lineage)
    cells = events.select(cell=pl.col("t") // run.cell, t_last="t_end")
    found = cells.join(there, on="cell", how="left").drop_nulls()
    due = began + ((found["t_last"] - 1) // ticks + 1) * slice_s
    return (found["at"] - due).to_numpy()


def _committed_at(engine: Engine, run: Run, lineage: Lineage) -> pl.DataFrame:
    """Return for each cell the first moment, in seconds, at which it had its final rows."""
    table = engine.fetch(
        "SELECT cell, toFloat64(min(committed_at)) AS at FROM ledger"
        " WHERE run_id = {run:UInt32} AND lineage = {lineage:String} AND (cell, digest) IN ("
        "   SELECT cell, argMax(digest, (revision, n_inputs, attempt)) FROM ledger"
        "   WHERE run_id = {run:UInt32} AND lineage = {lineage:String} GROUP BY cell)"
        " GROUP BY cell",
        {"run": run.run_id, "lineage": lineage.lineage},
    )
    return pl.DataFrame(pl.from_arrow(table))

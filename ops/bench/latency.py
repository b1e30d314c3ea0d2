"""From the readout to a committed event, with everything in one process as in the demo."""

import time
from math import inf

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.catalogue.runs import Run
from db.detector import load
from db.detector.words import Words
from db.engine import Engine
from db.results.rows import Lineage, read_committed
from db.store import Store
from ops.bench.fed_run import FedRun, fed_run
from ops.bench.result import Result, Timing
from ops.bench.telescope import DETECTOR, WORDS_A_MUON
from ops.demo.demo import CANDIDATES, WANTED
from readout.simulator.conditions import Conditions
from readout.simulator.live import live
from readout.source.block import Block

SLICE_S, WARM_S = 0.02, 0.5


def latency(store: Store, words_per_s: float, seconds: float) -> Result:
    """Measure how long after the hand-over of its words an event is there for good.

    The words of ``seconds`` are simulated beforehand and handed to the readout at their own pace,
    after half a second more for which it waits, until all is compiled and at work. An event's words
    count from when those of its last tick were due: if the readout can't follow, that is part of
    the latency.
    """
    detector = load(DETECTOR)
    conditions = Conditions(muon_rate_hz=words_per_s / WORDS_A_MUON)
    whole = live(detector, conditions, 1, slice_s=SLICE_S, duration_s=WARM_S + seconds, speed=inf)
    slices = [(piece.start, piece.links) for piece in whole]
    ticks = slices[1][0]
    slice_s = ticks * float(detector.tick) * 1e-9
    warm = round(WARM_S / slice_s)
    with fed_run(store, detector, WANTED, name="bench", events=CANDIDATES) as going:
        for _, links in slices[:warm]:
            _push(going, links)
        while not len(committed_at(store.engine, _events(going))):
            time.sleep(0.05)
        words, cpu, began = going.written.hits, time.process_time(), time.time()
        for k, (_, links) in enumerate(slices[warm:]):
            time.sleep(max(0.0, began + (k + 1) * slice_s - time.time()))
            _push(going, links)
        read_out = time.time() - began
    took, cpu = time.time() - began, time.process_time() - cpu
    words = going.written.hits - words
    lineage = _events(going)
    assert lineage
    found = waits(store.engine, going.run, lineage, slices[warm][0], ticks, began, slice_s)
    p50, p95, p99, most = np.quantile(found, [0.5, 0.95, 0.99, 1]).tolist()
    return Result(
        name="latency",
        hits=words,
        ours=Timing(took, cpu),
        extra={
            "words_per_s": round(words / read_out),
            "events": len(found),
            "p50_s": round(p50, 3),
            "p95_s": round(p95, 3),
            "p99_s": round(p99, 3),
            "max_s": round(most, 3),
            "finished_after_s": round(took - read_out, 3),
        },
    )


def _push(going: FedRun, links: dict[int, Words]) -> None:
    for link, words in links.items():
        going.push(Block(link, words))


def _events(going: FedRun) -> Lineage | None:
    stages = going.job.stages if going.job else ()
    return next((stage.lineage for stage in stages if stage.name == "events"), None)


def waits(
    engine: Engine, run: Run, lineage: Lineage, start: int, ticks: int, began: float, slice_s: float
) -> NDArray[np.float64]:
    """Return the seconds to the commit of each event, from when its last word was due.

    From ``start`` in ticks, which was due at ``began``, a slice of so many ticks came after the
    other, every ``slice_s`` seconds.
    """
    events = read_committed(engine, lineage, run.cell, start, 2**61)
    ended = events.select(cell=pl.col("t") // run.cell, t_last=pl.col("t_end") - 1)
    there = ended.join(committed_at(engine, lineage), on="cell")
    assert len(there) == len(events) > 0
    due = began + ((there["t_last"] - start) // ticks + 1) * slice_s
    return (there["at"] - due).to_numpy()


def committed_at(engine: Engine, lineage: Lineage | None) -> pl.DataFrame:
    """Return for each cell the first moment, in seconds, at which it had its final rows."""
    if lineage is None:
        return pl.DataFrame()
    table = engine.fetch(
        "SELECT cell, toFloat64(min(committed_at)) AS at FROM ledger"
        " WHERE run_id = {run:UInt32} AND lineage = {lineage:String} AND (cell, attempt) IN ("
        "   SELECT cell, argMax(attempt, (revision, n_inputs, attempt)) FROM ledger"
        "   WHERE run_id = {run:UInt32} AND lineage = {lineage:String} GROUP BY cell)"
        " GROUP BY cell",
        {"run": lineage.run_id, "lineage": lineage.lineage},
    )
    return pl.DataFrame(pl.from_arrow(table))

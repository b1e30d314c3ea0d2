"""What the built-in triggers find in simulated data, however the work is cut up and goes wrong."""

from dataclasses import replace
from functools import cache
from random import Random

import numpy as np
import polars as pl
import pytest
from ticks import write
from workbench import Unreliable, Workers, finished, follow, rows, standing

from db.catalogue.runs import open_run
from db.detector import load
from db.results.rows import read_committed
from db.time import duration_ticks
from readout.link.chunker import Chunker
from readout.simulator.conditions import Conditions
from readout.simulator.noise import noise
from readout.simulator.simulate import simulate
from software_triggers.conductor.conductor import LOST_AFTER_S, Job
from software_triggers.library.events import event_builder
from software_triggers.registry import known_triggers
from software_triggers.task.bind import bind

pytestmark = pytest.mark.slow

# Long events, so that chains of candidates are cut.
BUILDER = event_builder(
    ("tracks", "coincidence"), before="100 us", after="200 us", max_length="350 us"
)
TRIGGERS = {**known_triggers(), "events": BUILDER}
TELESCOPE = {
    "segments": {},
    "tracks": {},
    "segment_clusters": {},
    "segment_clusters_sql": {},
    "coincidence": {},
    "occupancy": {"period": "100 ms"},
    "noisy_channels": {"period": "100 ms", "factor": 3.0, "min_hits": 3},
    "ringing_channels": {"within": "3 ms", "most": 4},
    "events": {},
}
if "anomaly" in TRIGGERS:  # needs an extra
    TELESCOPE["anomaly"] = {"threshold": 1.0}
MODULES = {"module_coincidence": {"within": "6 us"}}
KINDS = ["telescope", "modules"]


@cache
def streams(kind):
    """Words of each link, in order of release, and what to look for in them."""
    if kind == "modules":
        detector = load("km3net")
        stop = duration_ticks("210 ms", detector.tick)
        made = noise(detector, 5, 0, stop, 150_000.0, values={"module": [7, 8]})
    else:
        detector = load("drift_tubes_v2")
        stop = duration_ticks("220 ms", detector.tick)
        conditions = Conditions(
            muon_rate_hz=700,
            noise_rate_hz=5000,
            noisy_channels=((1, 20, 2000.0),),
            corrupt_fraction=0.01,
            clock_start=3 * 10**9,
        )
        made = simulate(detector, conditions, 3, stop // 7, stop).stream
    links = {int(link): made.of_link(link) for link in np.unique(made.link)}
    origin = 0 if kind == "modules" else 3 * 10**9
    return detector, links, origin, MODULES if kind == "modules" else TELESCOPE


@cache
def chunks_of(kind):
    """Chunks of some hundred words, of a run to be named."""
    detector, links, origin, _ = streams(kind)
    chunks = []
    for link, words in links.items():
        chunker = Chunker(detector, 0, link, origin, max_words=1500 if kind == "modules" else 250)
        chunks += [*chunker.push(words), *chunker.close()]
    return chunks


def prepared(engine, kind, cell):
    """A run without chunks, its stages, and the chunks that belong into it."""
    detector, _, _, wanted = streams(kind)
    run = open_run(engine, detector, cell=duration_ticks(cell, detector.tick))
    stages = bind(engine, run, TRIGGERS, wanted)
    return stages, [replace(chunk, run_id=run.run_id) for chunk in chunks_of(kind)]


@pytest.fixture(scope="module")
def reference(engine):
    """The rows of all triggers, with all data there, in large windows, done once."""
    found = {}
    for kind in KINDS:
        stages, chunks = prepared(engine, kind, "1 s")
        write(engine, stages[0].run, chunks)
        finished(engine, stages[0].run, stages)
        found[kind] = rows(engine, stages)
    return found


def test_there_is_something_of_everything_to_find(reference):
    counts = {name: len(found) for kind in KINDS for name, found in reference[kind].items()}
    assert set(counts) == TELESCOPE.keys() | MODULES.keys()
    assert min(counts.values()) >= 2
    assert {n for n, count in counts.items() if count < 50} <= {"noisy_channels"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("cell", "most_hits"), [("1 ms", 10**6), ("7 ms", 10**6), ("7 ms", 700), ("100 ms", 700)]
)
def test_windows_of_any_length_find_the_same(engine, reference, kind, cell, most_hits):
    stages, chunks = prepared(engine, kind, cell)
    write(engine, stages[0].run, chunks)
    finished(engine, stages[0].run, stages, Workers(engine, most_hits))
    assert rows(engine, stages) == reference[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_no_order_of_arrival_and_no_death_changes_what_is_found(engine, reference, kind, seed):
    rng = Random(seed)
    stages, chunks = prepared(engine, kind, "7 ms")
    run = stages[0].run
    rng.shuffle(chunks)
    latency = duration_ticks("20 ms", run.detector.tick)
    workers = Unreliable(engine, rng, most_hits=rng.choice([500, 10**6]))
    jobs = [Job(engine, run, stages, latency=latency) for _ in range(2)]
    now = 0.0
    while chunks:
        n = rng.randint(3, 12)
        write(engine, run, chunks[:n])
        chunks = chunks[n:]
        for job in jobs:
            job.advance(workers, now, most_cells=10, most_pending=4)
        workers.work()
        now += LOST_AFTER_S / 3
        if rng.random() < 0.3:
            jobs[0] = Job(engine, run, stages, latency=latency)
    for job in jobs:
        job.close()
        follow(job, workers, now)
    assert workers.deaths
    assert rows(engine, stages) == reference[kind]
    for stage in stages:
        assert standing(engine, stage)["complete"].all()


@pytest.mark.parametrize("kind", KINDS)
def test_each_task_done_twice_finds_the_same(engine, reference, kind):
    stages, chunks = prepared(engine, kind, "7 ms")
    write(engine, stages[0].run, chunks)

    class Twice(Workers):
        def __call__(self, task):
            super().__call__(task)
            return super().__call__(task)

    finished(engine, stages[0].run, stages, Twice(engine))
    assert rows(engine, stages) == reference[kind]


def test_long_chains_of_candidates_were_cut(engine):
    stages, chunks = prepared(engine, "telescope", "100 ms")
    write(engine, stages[0].run, chunks)
    finished(engine, stages[0].run, stages)
    of = {stage.name: stage for stage in stages}
    run = of["events"].run
    events = read_committed(engine, of["events"].lineage, run.cell, -(2**40), 2**40)
    assert events["continued"].sum() > 10
    longest = duration_ticks("350 us", run.detector.tick)
    lengths = events["t_end"] - events["t"]
    assert lengths.max() == longest
    assert events.filter("continued").select((pl.col("t") % longest == 0).all()).item()
    assert set(events["triggers"].explode()) == {"tracks", "coincidence"}
    assert events["n_words"].to_list() == [len(raw) for raw in events["raw"]]
    assert set(events.filter("continued")["t"]) <= set(events["t_end"])

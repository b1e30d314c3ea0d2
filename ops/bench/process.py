"""The published job, from stored words to committed results, against Dask and NumPy.

The job: unpack the words, count each channel, tell the occupancy, and find for every segment time
that the front-end sent the hits of its chamber that belong to it.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import polars as pl

from db.engine import Engine
from db.results.rows import read_committed
from ops.bench import numpy_job
from ops.bench.result import Result, in_turns
from ops.bench.telescope import beam, stored
from software_triggers.registry import known_triggers
from software_triggers.task.bind import bind
from software_triggers.task.find import select
from software_triggers.task.process import process as process_cells
from software_triggers.task.stage import Stage
from software_triggers.window import of_cells

NAMES = ("segment_clusters", "occupancy")


def process(engine: Engine, folder: Path, hits: int, repeats: int) -> Result:
    """Measure the job as the triggers do it, as one SQL statement, and as the peer does it.

    ``folder`` is for the peer's files: raw words, cut by time, with a margin, beforehand.
    """
    given = beam(hits)
    run = stored(engine, given)
    words = np.concatenate([block.words for block in given])
    known, versions = known_triggers(), count()
    first, stop = numpy_job.cells(words, run.cell)
    stages: tuple[Stage, ...] = ()

    def triggers() -> Callable[[], None]:
        nonlocal stages
        # Another version is another lineage: the same work, not done yet.
        version = f"bench {next(versions)}"
        anew = {name: replace(known[name], version=version) for name in NAMES}
        stages = bind(engine, run, anew, {name: {} for name in NAMES})

        def work() -> None:
            for stage in stages:
                process_cells(engine, [stage], first, stop, complete=True)

        return work

    (statement,) = bind(engine, run, known, {"segment_clusters_sql": {}})
    sql = select(engine, statement, of_cells(first, stop, run.cell))

    def one_statement() -> Callable[[], object]:
        return lambda: engine.fetch(f"SELECT sum(n_hits) AS n FROM ({sql})", statement.params)

    with tempfile.TemporaryDirectory(dir=folder) as place:
        files = numpy_job.write_files(words, run.cell, Path(place))
        answers: list[numpy_job.Answer] = []

        def peer() -> Callable[[], object]:
            answers.clear()
            return lambda: answers.extend(numpy_job.run(files))

        contestants = {"process": triggers, "SQL": one_statement, "peer": peer}
        timings = in_turns(contestants, repeats)
    (clusters, occupancy) = stages
    limits = first * run.cell, stop * run.cell
    found = read_committed(engine, clusters.lineage, run.cell, *limits)
    counted = read_committed(engine, occupancy.lineage, run.cell, *limits)
    theirs = sum(answers[1:], answers[0])
    assert (len(found), found["n_hits"].sum()) == (theirs.clusters, theirs.members)
    per_channel = counted.group_by("channel").agg(pl.col("n").sum())
    assert np.array_equal(theirs.channels[per_channel["channel"]], per_channel["n"])
    assert theirs.channels.sum() == theirs.chambers.sum() == per_channel["n"].sum()
    return Result(
        name="process",
        hits=len(words),
        ours=timings["process"],
        peer_name=f"{numpy_job.NAME}, raw files to raw files",
        peer=timings["peer"],
        also={"clusters in one SQL statement": timings["SQL"]},
        extra={"clusters": len(found), "hits_in_clusters": theirs.members, "same_answer": True},
    )

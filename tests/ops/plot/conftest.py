from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from db.catalogue.runs import Run, close_run, open_run
from db.detector import decode, encode, load
from db.engine import Engine
from db.relations.read import read
from db.relations.relation import Relation
from db.words.hits_view import create_views
from db.words.totals import extent
from readout.readout import Readout
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate
from readout.source.block import Block
from software_triggers.library.events import event_builder
from software_triggers.registry import known_triggers
from software_triggers.running.threads import run_stages
from software_triggers.task.names import relations

TICKS = 450_000_000
"""Three slices, and three quarters of a fourth."""


class Telescope(NamedTuple):
    """A simulated run in the store, with segments, tracks and events, and a channel off the wires."""

    engine: Engine
    run: Run
    words: pl.DataFrame
    """All words of it, decoded as they were simulated: no store was between."""
    a: int
    b: int
    names: dict[str, Relation]

    def rows(self, name: str) -> list[dict]:
        """What stands behind a name, in order of t."""
        return read(self.engine, self.names[name]).to_pylist()


def scintillators(detector):
    """Hits of a channel that has no wire, everywhere."""
    t = np.arange(500, TICKS, 5000)
    fields = {field.name: np.zeros(len(t), np.int64) for field in detector.fields}
    fields |= {"head": fields["head"] + 2, "tdc_channel": fields["head"] + 128}
    fields |= {"tdc_meas": t % 30 + 1, "bx": t // 30 % 3564, "orbit": t // 30 // 3564}
    return encode(detector, fields)


@pytest.fixture(scope="session")
def telescope(engine):
    detector = load("drift_tubes_v2")
    conditions = Conditions(muon_rate_hz=1500, noise_rate_hz=50_000)
    stream = simulate(detector, conditions, 4, 0, TICKS).stream
    of_link = {link: stream.of_link(link) for link in (0, 1)}
    of_link[0] = np.sort(np.concatenate([of_link[0], scintillators(detector)]))
    run = open_run(engine, detector, name="pictures", cell=120_000_000)
    create_views(engine, run.detector)
    with Readout(engine, run) as readout:
        for link in (0, 1):
            readout.push(Block(link, of_link[link], 0))
    run = close_run(engine, run)
    builder = event_builder(["tracks"])
    run_stages(engine, run, {**known_triggers(), "events": builder}, {"events": {}})
    words = pl.DataFrame(decode(detector, np.concatenate(list(of_link.values()))))
    return Telescope(
        engine,
        run,
        words.with_columns(hit=pl.col("head") == 2, link=pl.col("fpga")),
        *(ab := extent(engine, run)),
        relations(engine, run, ab),
    )

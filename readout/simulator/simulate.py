"""A range of a simulated run, as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from db.detector import Detector
from db.errors import UsageError
from readout.simulator.block import block, block_ticks, spill_ticks
from readout.simulator.conditions import Conditions
from readout.simulator.stream import Stream, in_order, joined
from readout.simulator.telescope import telescope_of
from readout.simulator.truth import Table, frame


@dataclass(frozen=True, eq=False)
class Simulated:
    """A stretch of a run: its words in order of release, and the truth behind them.

    The tables' columns are described where they are made: ``muon_table`` and ``segment_table``.
    """

    stream: Stream
    muons: pl.DataFrame
    segments: pl.DataFrame


def simulate(
    detector: Detector, conditions: Conditions, seed: int, start: int, stop: int
) -> Simulated:
    """All words and all truth with times in [start, stop), in ticks since the run's start.

    Neighbouring ranges together give what one range over both gives. Raises UsageError for a range
    that is empty or begins before the run, DeclarationError if the detector is no telescope.
    """
    if not 0 <= start < stop:
        raise UsageError(f"simulation: [{start}, {stop}) is no range of a run: 0 <= start < stop")
    scope = telescope_of(detector)
    length = block_ticks(scope, conditions)
    first = max(0, start - spill_ticks(scope, conditions)) // length
    muons, segments = list[Table](), list[Table]()

    def blocks() -> Iterator[tuple[Stream, int]]:
        for k in range(first, (stop - 1) // length + 1):
            made = block(scope, conditions, seed, k)
            muons.append(made.muons)
            segments.append(made.segments)
            yield made.stream, made.stop

    stream = joined([piece.between(start, stop) for piece in in_order(blocks())])
    within = pl.col("t0").is_between(start, stop, closed="left")
    return Simulated(stream, frame(muons).filter(within), frame(segments).filter(within))

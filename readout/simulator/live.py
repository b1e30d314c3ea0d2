"""The simulated telescope as time goes by."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice, takewhile
from math import ceil, inf

import numpy as np
import polars as pl

from db.detector import Detector
from db.detector.words import Words
from db.errors import UsageError
from readout.simulator.block import Block, block, block_ticks
from readout.simulator.conditions import Conditions
from readout.simulator.stream import Stream, in_order
from readout.simulator.telescope import Telescope, telescope_of
from readout.simulator.truth import frame


@dataclass(frozen=True, eq=False)
class Slice:
    """What a telescope sends while its run goes from ``start`` to ``stop`` (ticks)."""

    start: int
    stop: int
    links: dict[int, Words]
    """The words that each link lets go in this time, in order; there may be none."""
    segments: pl.DataFrame
    """The truth (see ``segment_table``) of the muons that begin in this time; some of their words
    come in later slices."""


def live(
    detector: Detector,
    conditions: Conditions,
    seed: int,
    *,
    slice_s: float = 0.02,
    duration_s: float = inf,
    speed: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Slice]:
    """A run of a telescope, slice by slice as time goes by; its words are those of ``simulate``.

    A slice comes when its end has come: in a second of the clock, ``speed`` seconds of the run go
    by; with inf, a slice comes as soon as it is asked for. To a reader that is too slow they come
    without waiting until it has caught up. A slice is rounded up to whole blocks (10 ms or less),
    a duration to whole slices; after it, one more slice brings all words that are still waiting.

    Raises UsageError for times or a speed that aren't above 0, DeclarationError if the detector is
    no telescope of drift tubes.
    """
    for name, number in (("slice_s", slice_s), ("duration_s", duration_s), ("speed", speed)):
        if not number > 0:
            raise UsageError(f"simulation: {name} is {number}; it must be more than 0")
    scope = telescope_of(detector)
    second, length = 1e9 / scope.tick_ns, block_ticks(scope, conditions)
    n_slice = ceil(slice_s * second / length)
    n_blocks = inf if duration_s == inf else n_slice * ceil(duration_s * second / length / n_slice)
    ks = takewhile(lambda k: k < n_blocks, count())
    slices = _slices(
        scope, (block(scope, conditions, seed, k) for k in ks), n_slice, n_slice * length
    )
    return _paced(slices, speed * second, clock, sleep)


def _slices(
    scope: Telescope, blocks: Iterable[Block], n_slice: int, length: int
) -> Iterator[Slice]:
    """Slices of so many blocks, and one more for what is then left."""
    made: list[Block] = []

    def streams() -> Iterator[tuple[Stream, int]]:
        for each in blocks:
            made.append(each)
            yield each.stream, each.stop

    links, pieces, segments = np.unique(scope.link).tolist(), in_order(streams()), pl.DataFrame()
    for start in count(0, length):
        if not (here := list(islice(pieces, n_slice))):
            return
        segments = frame([each.segments for each in made]) if made else segments.clear()
        made.clear()
        sent = {link: np.concatenate([piece.of_link(link) for piece in here]) for link in links}
        yield Slice(start, start + length, sent, segments)


def _paced(
    slices: Iterable[Slice],
    ticks_per_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[Slice]:
    """The slices, each when its end has come."""
    began = clock()
    for each in slices:
        if (wait := began + each.stop / ticks_per_s - clock()) > 0:
            sleep(wait)
        yield each

"""The simulation of one block of time, which needs no other block."""

from dataclasses import dataclass

import numpy as np

from readout.simulator.conditions import Conditions
from readout.simulator.deviates import LARGEST_EXPONENTIAL, chosen, exponential
from readout.simulator.disturbed import disturb, longest_ns
from readout.simulator.muons import Muons, cross, lead_ns, make_muons, tail_ns
from readout.simulator.order import order
from readout.simulator.stamp import Integers, spoil, stamp
from readout.simulator.stream import Stream
from readout.simulator.telescope import Telescope
from readout.simulator.truth import Table, muon_table, segment_table

SEGMENT_HITS = 3
"""The fewest hits in a chamber that make a segment word."""
NOTHING = -1
"""Stands for the muon of a word that comes from none, and for the time of a missing hit."""
LONGEST_BLOCK_NS = 10e6
WORDS_IN_BLOCK = 14_000
"""Expected where rates are high: a block's arrays stay in a CPU's own cache, twice as fast."""


@dataclass(frozen=True, eq=False)
class Block:
    """What begins in one block of time: words in no order, and the truth about them."""

    stop: int
    """Where the next block begins, in ticks since the run's start."""
    stream: Stream
    muons: Table
    segments: Table


def block_ns(hits_hz: float) -> float:
    """The length of a block of time in which hits come at this rate."""
    return min(LONGEST_BLOCK_NS, WORDS_IN_BLOCK / max(1.0, hits_hz) * 1e9)


def block_ticks(scope: Telescope, conditions: Conditions) -> int:
    """The length of a block: block k begins at k times this."""
    noise_hz = conditions.noise_rate_hz + sum(rate for *_, rate in conditions.noisy_channels)
    hits_hz = conditions.muon_rate_hz * len(scope.z_mm) / (1 - conditions.noise_fraction)
    return round(block_ns(hits_hz + noise_hz) / scope.tick_ns)


def spill_ticks(scope: Telescope, conditions: Conditions) -> int:
    """No word of a block carries a time so much later than the block's end."""
    tail = tail_ns(scope, conditions) + longest_ns(conditions)
    return int((lead_ns(scope, conditions) + tail) / scope.tick_ns) + 2


def block(scope: Telescope, conditions: Conditions, seed: int, k: int) -> Block:
    """Block k >= 0 of a run, the same whenever it is asked for.

    Its muons come later than the block by what lets none of their hits lie before it. The dead
    time of a cell ends with the block.
    """
    rng = np.random.default_rng([seed, k])
    length = block_ticks(scope, conditions)
    start, first, lead = k * length, k << 24, lead_ns(scope, conditions)
    muons = make_muons(scope, conditions, rng, lead, lead + length * scope.tick_ns)
    t, cell, place = _hits(scope, conditions, rng, muons, length)
    spoilt = chosen(rng, len(t), conditions.corrupt_fraction)
    place[spoilt] = NOTHING
    sound = np.flatnonzero(place >= 0)
    found = np.full((len(scope.chamber), scope.layers, len(muons.t0_ns)), NOTHING)
    found.ravel()[place[sound]] = t[sound]

    chamber, muon = np.nonzero((found >= 0).sum(axis=1) >= SEGMENT_HITS)
    if not (conditions.segment_words and len(scope.segment_words)):
        chamber, muon = chamber[:0], muon[:0]
    t0 = np.rint(muons.chamber_t0_ns[chamber, muon] / scope.tick_ns).astype(np.int64)
    words = np.concatenate(
        [scope.words.take(cell, axis=0), scope.segment_words.take(chamber, axis=0)]
    )
    true_t = start + np.concatenate([t, t0])
    words = stamp(scope.clock, words, conditions.clock_start + true_t)
    if len(spoilt):
        words[spoilt] = spoil(scope.clock, words[spoilt], rng)
    made_by = np.concatenate([place % max(1, len(muons.t0_ns)), muon]) + first
    made_by[: len(place)][place < 0] = NOTHING
    stream = Stream(
        words=words,
        t=true_t,
        released=true_t + _delays(scope, conditions, rng, len(t), len(muon)),
        link=np.concatenate([scope.link.take(cell), scope.segment_link.take(chamber)]),
        muon=made_by,
    )
    return Block(
        start + length,
        stream,
        muon_table(scope, muons, first, start),
        segment_table(scope, muons, found, first, start),
    )


def _hits(
    scope: Telescope, conditions: Conditions, rng: np.random.Generator, muons: Muons, length: int
) -> tuple[Integers, Integers, Integers]:
    """Time, cell and place of all hits that the electronics see.

    The place is the index into an array of the shape (planes, muons), or NOTHING for those of none.
    """
    crossed = cross(scope, conditions, rng, muons)
    other_t, other_cell = disturb(scope, conditions, rng, crossed)
    place = np.flatnonzero(crossed.t >= 0)
    n_hits = len(place) + len(other_t)
    noise = _noise(scope, conditions, rng, length * scope.tick_ns * 1e-9, n_hits)
    t = np.concatenate([crossed.t.ravel()[place], other_t, rng.integers(0, length, len(noise))])
    cell = np.concatenate([crossed.cell.ravel()[place], other_cell, noise])
    place = np.concatenate([place, np.full(len(other_t) + len(noise), NOTHING)])

    dead = round(conditions.dead_ns / scope.tick_ns)
    key = cell * (t.max(initial=0) + dead + 1) + t
    by_cell = order(key)
    alive = np.ones(len(t), np.bool_)
    alive[by_cell[1:]] = np.diff(key[by_cell]) >= dead
    seen = np.flatnonzero(alive)
    return t.take(seen), cell.take(seen), place.take(seen)


def _noise(
    scope: Telescope, conditions: Conditions, rng: np.random.Generator, s: float, n_hits: int
) -> Integers:
    """The cells of the noise hits of so many seconds, beside so many hits of muons."""
    even = n_hits * conditions.noise_fraction / (1 - conditions.noise_fraction)
    n = rng.poisson(even + conditions.noise_rate_hz * s)
    noise = [rng.integers(0, len(scope.words), n)]
    for fpga, tdc_channel, rate_hz in conditions.noisy_channels:
        noise.append(np.full(rng.poisson(rate_hz * s), scope.cell_of(fpga, tdc_channel)))
    return np.concatenate(noise)


def _delays(
    scope: Telescope, conditions: Conditions, rng: np.random.Generator, hits: int, segments: int
) -> Integers:
    """Ticks from the time to the release of so many hits and, after them, segments.

    A segment's word waits until the slowest hit it is made from must have been released.
    """
    spill = spill_ticks(scope, conditions)
    mean = conditions.hit_delay_ns / scope.tick_ns
    slowest = max(0, min(int(LARGEST_EXPONENTIAL * mean) + 1, scope.disorder - spill))
    hit = (mean * exponential(rng, hits)).astype(np.int64)
    mean = conditions.segment_delay_ns / scope.tick_ns
    segment = spill + slowest + (mean * exponential(rng, segments)).astype(np.int64)
    return np.concatenate([np.minimum(hit, slowest), np.minimum(segment, scope.disorder)])

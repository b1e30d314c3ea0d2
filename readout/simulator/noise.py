"""Random hits of any detector."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from db.detector import Detector, decode, encode
from db.detector.keys import suggest
from db.detector.words import Words
from db.errors import UsageError
from readout.simulator.block import NOTHING, block_ns
from readout.simulator.deviates import exponential
from readout.simulator.stamp import WIDEST_LISTED, Clock, Integers, clock_of, pack, stamp
from readout.simulator.stream import Stream, in_order, joined

ROUNDS = 64
"""Draws without a sound hit before it is believed that there is none."""


def noise(
    detector: Detector,
    seed: int,
    start: int,
    stop: int,
    rate_hz: float,
    *,
    values: Mapping[str, Sequence[int]] = MappingProxyType({}),
    delay_ns: float = 2000.0,
    clock_start: int = 0,
) -> Stream:
    """Random sound hits of any detector with times in [start, stop) ticks, in order of release.

    ``rate_hz`` counts all hits together. Times are even, and so is every other field, over what it
    can hold or over the ``values`` given for it. ``delay_ns`` is the mean time to the release,
    exponential and within the disorder; ``clock_start`` is what the words' counter holds at time
    0. Neighbouring ranges together give what one range over both gives.

    Raises UsageError for a range that is empty or begins before the run, for values that make no
    sound hit, for rates and times below 0 and for times that words can't hold; DeclarationError as
    ``clock_of`` does.
    """
    if not 0 <= start < stop:
        raise UsageError(f"noise: [{start}, {stop}) is no range of a run: 0 <= start < stop")
    if not (0 <= rate_hz < inf and 0 <= delay_ns < inf and clock_start >= 0):
        raise UsageError("noise: rate_hz, delay_ns and clock_start must be finite, 0 or more")
    tick_ns, clock = float(detector.tick), clock_of(detector)
    choices = _choices(detector, clock, values)
    length = max(1, round(block_ns(rate_hz) / tick_ns))
    blocks = []
    for k in range(start // length, (stop - 1) // length + 1):
        rng = np.random.default_rng([seed, k])
        n = rng.poisson(rate_hz * length * tick_ns * 1e-9)
        t = k * length + rng.integers(0, length, n)
        delay = (delay_ns / tick_ns * exponential(rng, n)).astype(np.int64)
        released = t + np.minimum(delay, detector.disorder)
        words, link = _hits(detector, clock, choices, rng, n)
        block = Stream(words, t, released, link, np.full(n, NOTHING)).between(start, stop)
        words = stamp(clock, block.words, clock_start + block.t)
        blocks.append((replace(block, words=words), (k + 1) * length))
    return joined(list(in_order(blocks)))


def _choices(
    detector: Detector, clock: Clock, values: Mapping[str, Sequence[int]]
) -> dict[str, Integers]:
    """What narrow fields can hold beside the example; those of time, the earliest."""
    choices = {}
    for field in detector.fields:
        if field.width <= WIDEST_LISTED:
            listed = np.arange(2**field.width)
            words = pack(detector, clock.example, {field.name: listed})
            columns = decode(detector, words, columns=("hit", "corrupt"))
            choices[field.name] = listed[columns["hit"] & ~columns["corrupt"]]
    earliest = {digit.field: np.array([digit.low]) for digit in clock.digits}
    free = [field.name for field in detector.fields if field.name not in earliest]
    for name, given in values.items():
        if name not in free:
            raise UsageError(
                f"noise: {detector.name} has no field {name} that could be given, beside time's; "
                f"{suggest(name, free)}"
            )
        choices[name] = np.array(given, np.int64)
    return choices | earliest


def _hits(
    detector: Detector,
    clock: Clock,
    choices: Mapping[str, Integers],
    rng: np.random.Generator,
    n: int,
) -> tuple[Words, NDArray[np.uint16]]:
    """Words of n sound hits at the clock's earliest time, shape (n, words_per_hit), and links."""
    wanted = ("hit", "corrupt", "t", *(["link"] if detector.link else []))
    words, links = [], []
    for _ in range(ROUNDS):
        fields = {
            field.name: rng.choice(choices[field.name], n)
            if field.name in choices
            else rng.integers(0, 2**field.width, n, np.uint64)
            for field in detector.fields
        }
        drawn = encode(detector, fields)
        columns = decode(detector, drawn, columns=wanted)
        sound = columns["hit"] & ~columns["corrupt"] & (columns["t"] == clock.origin)
        words.append(drawn.reshape(-1, detector.words_per_hit)[sound])
        links.append(columns.get("link", np.zeros(n))[sound].astype(np.uint16))
        n -= len(words[-1])
        if n == 0:
            return np.concatenate(words), np.concatenate(links)
    raise UsageError(
        f"noise: no sound hit of {detector.name} holds the values given for its fields; widen them"
    )

"""Replay at the pace of the recording."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from db.detector import Detector
from readout.link.unwrap import Unwrapper
from readout.link.word_times import word_times
from readout.source.block import Block

_STEP_S = 0.02


def paced(
    blocks: Iterable[Block],
    detector: Detector,
    origin: int,
    speed: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Block]:
    """The same words, each held back until detector time, at ``speed`` times wall time, is there.

    ``origin`` is the run's start on the detector's counter, and comes with the first block. Blocks
    are cut so that each covers at most 20 ms of wall time. After a delay the words that are due
    follow at once; none is dropped. The links' clocks tell the time, so that a wild word doesn't
    make the replay wait for it.
    """
    second = speed * 1e9 / float(detector.tick)
    step = max(1, round(second * _STEP_S))
    timing = word_times(detector)
    links: dict[int, Unwrapper] = {}
    start: float | None = None
    for block in blocks:
        start = clock() if start is None else start
        link = links.setdefault(block.link, Unwrapper(detector, block.link, origin))
        if not len(block.words):
            yield block
            continue
        times, sound, _ = timing(block.words)
        newest = np.empty_like(times)
        t, _ = link.follow(times, sound, block.epoch, newest)
        # A sparse link's clock trails behind its words. What is not taken back by an earlier word,
        # nor ahead of all that the clock comes to believe, is the time.
        steady = np.minimum.accumulate(np.minimum(t, newest[-1])[::-1])[::-1]
        due = np.maximum(newest, steady)
        hits = block.words.reshape(-1, detector.words_per_hit)
        edges = [0, *(np.flatnonzero(np.diff(due // step)) + 1).tolist(), len(times)]
        for first, last in pairwise(edges):
            wait = start + int(due[last - 1]) / second - clock()
            if wait > 0:
                sleep(wait)
            words = hits[first:last].reshape(-1)
            yield replace(block, words=words, suppressed=None if first else block.suppressed)

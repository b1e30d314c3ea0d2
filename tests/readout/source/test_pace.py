import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.detector import loads
from readout.source.block import Block
from readout.source.pace import paced

SECOND = 1_000_000_000
CLOCK = loads("""
name = "ns"
title = "A counter of ns"

[fields]
time = { bits = [0, 59] }
bad = { bits = [60, 60] }

[clock]
tick_ns = 1
time = "time"
disorder = "1 ms"
slice = "100 ms"

[words]
corrupt = "bad == 1"
""")


class Wall:
    """A clock that only goes on when somebody sleeps, or works."""

    def __init__(self) -> None:
        self.now = 1000.0

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def replay(blocks, origin=0, speed=1.0, work_s=0.0):
    """When each piece came, in seconds since the first block, and the piece."""
    wall, pieces = Wall(), []
    for piece in paced(blocks, CLOCK, origin, speed, lambda: wall.now, wall.sleep):
        pieces.append((wall.now - 1000.0, piece))
        wall.now += work_s
    return pieces


def block(times, link=0, epoch=None):
    return Block(link, np.array(times, np.uint64), epoch)


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_words_come_when_detector_time_is_there(speed: float) -> None:
    times = np.sort(np.random.default_rng(0).integers(0, 2 * SECOND, 10_000))
    pieces = replay([block(part) for part in np.split(times + 500, 4)], 500, speed)
    assert [t for _, piece in pieces for t in piece.words.tolist()] == (times + 500).tolist()
    for at, piece in pieces:
        due = (piece.words.astype(np.int64) - 500) / (speed * SECOND)
        assert due.max() - 0.003 < at < due.max() + 1e-6
        assert at - due.min() < 0.02


@given(st.lists(st.integers(0, SECOND), min_size=3, max_size=50).map(sorted), st.integers(1, 50))
def test_sparse_words_come_in_time_but_for_the_last_of_a_block(times, size) -> None:
    parts = [times[at : at + size] for at in range(0, len(times), size)]
    pieces = replay([block(part) for part in parts])
    assert [t for _, piece in pieces for t in piece.words.tolist()] == times
    assert all(at <= piece.words.max() / SECOND + 1e-6 for at, piece in pieces)
    if size >= len(times):
        early = [piece.words.max() / SECOND - at for at, piece in pieces[:-1]]
        assert not early or max(early) < 1e-6


def test_a_late_consumer_catches_up() -> None:
    times = np.arange(0, SECOND, 50_000_000)
    pieces = replay([block(times)], work_s=0.06)
    assert len(pieces) == 19
    assert pieces[-1][0] == pytest.approx(18 * 0.06)
    pieces = replay([block(times)], work_s=0.04)
    assert pieces[-1][0] == pytest.approx(0.9)


def test_nobody_waits_for_a_wild_word() -> None:
    times = [0, 10_000_000, 3600 * SECOND, 11_000_000, 2**60 + 20_000_000, 100_000_000, 100_000_010]
    pieces = replay([block([*times, 100_000_020])])
    assert pieces[-1][0] < 0.2
    assert sum(len(piece.words) for _, piece in pieces) == 8


def test_a_pause_of_the_recording_is_kept_and_epochs_count() -> None:
    pieces = replay([block([1, 2, 3], epoch=0), block([1, 2, 3, 4], 5, epoch=7 * SECOND)])
    assert [(round(at, 6), piece.link, piece.epoch) for at, piece in pieces][-1] == (
        7,
        5,
        7 * SECOND,
    )
    assert sum(len(piece.words) for _, piece in pieces) == 7

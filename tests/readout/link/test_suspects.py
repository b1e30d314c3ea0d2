"""Words whose times nothing bears out: kept, counted, obeyed by nobody."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from toy import LONG

from readout.link.chunker import Chunker

ORIGIN = 10**18
SECOND = 10**9
FAR = 10 * SECOND


def words(times):
    return np.array([t + ORIGIN for t in times], np.uint64)


def chunks_of(times, cuts=()):
    chunker = Chunker(LONG, 1, 0, ORIGIN)
    chunks = []
    for part in np.split(words(times), sorted(min(cut, len(times)) for cut in cuts)):
        chunks += chunker.push(part)
        chunks += chunker.flush(in_doubt=False)
    return chunks + chunker.close()


def believed(chunks):
    """The words that count, and what ranges and watermarks go by."""
    sound = [c for c in chunks if c.n_hits > c.n_corrupt]
    times = sorted(int(w) - ORIGIN for c in sound for w in c.words)
    return times, max(c.watermark for c in chunks)


calm = st.lists(st.integers(0, 3 * SECOND), min_size=4, max_size=60).map(
    lambda steps: np.cumsum(steps).tolist()
)


@given(calm, st.data(), st.lists(st.integers(0, 60), max_size=4))
def test_a_word_with_a_flipped_bit_is_suspect_and_moves_nothing(times, data, cuts):
    at = data.draw(st.integers(1, len(times) - 2))
    bit = data.draw(st.integers(34, 60))
    wild = ((times[at] + ORIGIN) ^ (1 << bit)) - ORIGIN
    assume(wild < -FAR or wild > times[at])  # else it lies among the run's times: late data
    with_it = [*times[:at], wild, *times[at:]]
    chunks = chunks_of(with_it, cuts)
    assert believed(chunks) == believed(chunks_of(times, cuts))
    (alone,) = [c for c in chunks if c.n_suspect]
    assert (alone.n_hits, alone.n_corrupt, alone.n_suspect) == (1, 1, 1)
    assert alone.words.tolist() == words([wild]).tolist()
    assert 0 <= alone.t_first <= times[-1]
    assert sum(c.n_hits for c in chunks) == len(with_it)
    assert [c.seq for c in chunks] == list(range(len(chunks)))


@given(
    st.lists(st.integers(0, 100 * 24 * 3600 * SECOND), min_size=1, max_size=40),
    st.lists(st.integers(0, 40), max_size=4),
)
def test_words_after_a_silence_of_any_length_are_believed(steps, cuts):
    times = np.cumsum(steps).tolist()
    chunks = chunks_of(times, cuts)
    assert believed(chunks) == (times, times[-1] + 1)
    assert not any(c.n_suspect for c in chunks)


def test_two_wild_words_in_a_row_are_both_suspect():
    chunks = chunks_of([10, 20, 2**60, 2**59, 30, 40])
    assert believed(chunks) == ([10, 20, 30, 40], 41)
    assert sum(c.n_suspect for c in chunks) == 2


def test_a_wild_word_behind_a_true_silence_leaves_the_silence_true():
    chunks = chunks_of([10, 20, 40 * SECOND, 2**60, 40 * SECOND + 5, 40 * SECOND + 6])
    assert believed(chunks) == (
        [10, 20, *(40 * SECOND + k for k in (0, 5, 6))],
        40 * SECOND + 7,
    )


@pytest.mark.parametrize("last", [[2**60], [2**60, 2**60 + 1]])
def test_the_last_words_of_a_run_are_suspect_if_it_would_last_for_years(last):
    chunks = chunks_of([10, 20, 30, *last])
    assert believed(chunks) == ([10, 20, 30], 31)


def test_a_link_that_starts_before_the_runs_start_is_believed():
    times = [-50 * SECOND, -40 * SECOND, -40 * SECOND + 1, -20 * SECOND, 5]
    assert believed(chunks_of(times))[0] == times


def test_late_words_are_no_suspects_however_late():
    times = [*range(0, 100 * SECOND, SECOND), 3, *range(100 * SECOND, 105 * SECOND, SECOND)]
    assert believed(chunks_of(times))[0] == sorted(times)


def test_words_in_doubt_wait_and_are_told():
    chunker = Chunker(LONG, 1, 0, ORIGIN)
    chunker.push(words([10, 20, 2**59]))
    assert chunker.in_doubt == 1
    (first,) = chunker.flush(in_doubt=False)
    assert first.n_hits == 2
    chunker.push(words([30]))
    assert chunker.in_doubt == 0
    assert [(c.n_hits, c.n_suspect) for c in chunker.close()] == [(1, 0), (1, 1), (0, 0)]

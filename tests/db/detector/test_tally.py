from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.detector import decode, load
from db.detector.tally import tally


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["drift_tubes_v1", "drift_tubes_v2", "km3net"]),
    st.lists(st.integers(0, 300), max_size=6),
    st.integers(1, 64),
    st.integers(0, 2**32),
)
def test_every_word_is_counted_once_in_its_chunk(name, lengths, n_kinds, seed):
    detector, random = load(name), np.random.default_rng(seed)
    n = sum(lengths)
    # Few different words, so that channels come again; any bits, so that all kinds come.
    kinds = random.integers(0, 2**64, (n_kinds, detector.words_per_hit), np.uint64)
    words = kinds[random.integers(0, n_kinds, n)].reshape(-1)
    counted = tally(detector)(words, np.array(lengths, np.int64))

    columns = decode(detector, words, np.asarray(0), ["channel", "hit", "corrupt"])
    sound = columns["hit"] & ~columns["corrupt"]
    starts = np.cumsum([0, *lengths])
    assert len(counted.offsets) == len(lengths) + 1
    for k in range(len(lengths)):
        of_chunk, own = slice(*counted.offsets[k : k + 2]), slice(*starts[k : k + 2])
        keys = list(
            zip(counted.channels[of_chunk].tolist(), counted.sound[of_chunk].tolist(), strict=False)
        )
        expected = Counter(zip(columns["channel"][own].tolist(), sound[own].tolist(), strict=False))
        assert len(keys) == len(set(keys))
        assert dict(zip(keys, counted.counts[of_chunk].tolist(), strict=True)) == expected


@pytest.mark.parametrize("n", [1, 2, 3, 1000])
def test_as_many_channels_as_words_find_room(n):
    detector = load("drift_tubes_v2")
    words = np.arange(n, dtype=np.uint64) << np.uint64(49) | np.uint64(2) << np.uint64(61)
    counted = tally(detector)(words, np.array([n], np.int64))
    assert counted.counts.sum() == n
    assert len(counted.counts) == min(n, 4096)

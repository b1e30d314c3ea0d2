import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from db.detector import decode, load
from db.detector.loop import reader

NAMES = ("drift_tubes_v1", "drift_tubes_v2", "km3net")
_words = arrays(np.uint64, st.integers(0, 40), elements=st.integers(0, 2**64 - 1))


@pytest.mark.parametrize("hits_only", [True, False])
@pytest.mark.parametrize("name", NAMES)
@given(words=_words, cut=st.integers(0, 40), epochs=st.tuples(*[st.integers(-(2**40), 2**40)] * 2))
def test_the_loop_gives_what_decode_and_a_mask_give(name, hits_only, words, cut, epochs):
    detector = load(name)
    n = len(words) // detector.words_per_hit
    words, cut = words[: n * detector.words_per_hit], min(cut, n)
    lengths, links = np.array([cut, n - cut]), np.array([3, 4], np.uint16)
    per_hit = np.repeat(np.array(epochs), lengths)
    known = decode(
        detector, words, per_hit, [*detector.column_names, "t", "hit", "corrupt", "timed"]
    )
    sound = known["hit"] & ~known["corrupt"]
    a, b = (int(np.quantile(known["t"], q)) for q in (0.2, 0.8)) if n else (0, 1)
    mask = (
        (known["t"] >= a)
        & (known["t"] < b)
        & ~known["corrupt"]
        & (sound if hits_only else known["timed"])
    )

    columns = ("t", "link", *detector.column_names, "w0", "hit")
    read = reader(detector, columns, hits_only=hits_only)
    found = read(words, lengths, np.array(epochs), links, a, b)

    expected = known | {
        "link": np.repeat(links, lengths),
        "w0": words.reshape(-1, detector.words_per_hit)[:, 0],
        "hit": sound,
    }
    for column in columns:
        np.testing.assert_array_equal(found[column], expected[column][mask], column, strict=True)

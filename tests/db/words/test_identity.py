import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from db.words.identity import chunk_ids

MASK = 2**64 - 1


def mix(z):
    """SplitMix64's finalizer in whole numbers without bounds, as its paper has it."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


@given(st.lists(st.tuples(st.integers(0, 2**16 - 1), st.integers(0, MASK)), max_size=20))
def test_ids_are_what_is_written_down(chunks):
    link, seq = (
        np.array(each, kind)
        for each, kind in zip(
            ([c[k] for c in chunks] for k in (0, 1)), (np.uint16, np.uint64), strict=True
        )
    )
    expected = [mix((mix((a + 0x9E3779B97F4A7C15) & MASK) + b) & MASK) for a, b in chunks]
    assert chunk_ids(link, seq).tolist() == expected


def test_no_two_of_many_chunks_nor_sums_of_neighbours_are_alike():
    link, seq = np.divmod(np.arange(1_000_000, dtype=np.uint64), np.uint64(1000))
    ids = chunk_ids(link.astype(np.uint16), seq)
    assert len(np.unique(ids)) == len(ids)
    pairs = ids[:-1] + ids[1:]
    assert len(np.unique(pairs)) == len(pairs)

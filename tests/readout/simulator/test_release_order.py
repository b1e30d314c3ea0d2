import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from readout.simulator.order import order


@given(st.lists(st.integers(-(2**40), 2**40) | st.integers(0, 5), max_size=200))
def test_order_sorts_and_keeps_equals_in_place(keys: list[int]) -> None:
    expected = sorted(range(len(keys)), key=keys.__getitem__)
    assert order(np.array(keys, np.int64)).tolist() == expected


def test_order_sorts_keys_that_fall_into_few_bins() -> None:
    keys = np.random.default_rng(1).integers(0, 1000, 3000)
    keys[0] = 2**50
    assert (np.diff(keys[order(keys)]) >= 0).all()

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rivals import settle

from software_triggers.library.conflicts import ROUNDS, survivors


@st.composite
def rivalries(draw: st.DrawFn) -> tuple[list[list[int]], list[float], int]:
    n_items = draw(st.integers(1, 12))
    item = st.integers(0, n_items - 1)
    members = draw(st.lists(st.lists(item, min_size=1, max_size=4, unique=True), max_size=20))
    size = len(members)
    cost = draw(st.lists(st.integers(0, 5).map(float), min_size=size, max_size=size))
    return members, cost, n_items


def padded(members: list[list[int]]) -> np.ndarray:
    return np.array([m + [-1] * (4 - len(m)) for m in members], np.int64).reshape(-1, 4)


@given(rivalries())
@settings(deadline=None)  # the first call compiles
def test_agrees_with_the_rule_written_with_sets(rivalry) -> None:
    members, cost, n_items = rivalry
    kept = survivors(padded(members), np.array(cost), n_items)
    assert set(np.flatnonzero(kept)) == settle([frozenset(m) for m in members], cost, ROUNDS)


@given(rivalries())
@settings(deadline=None)
def test_no_item_serves_twice_and_the_best_of_all_stays(rivalry) -> None:
    members, cost, n_items = rivalry
    kept = survivors(padded(members), np.array(cost), n_items)
    used = [i for m, k in zip(members, kept, strict=True) if k for i in m]
    assert len(used) == len(set(used))
    assert not members or kept[np.argmin(cost)]


def test_a_rival_of_a_beaten_rival_stays() -> None:
    chain = padded([[0, 1], [1, 2], [2, 3]])
    assert survivors(chain, np.array([0.0, 1.0, 2.0]), 4).tolist() == [True, False, True]


def test_a_chain_is_decided_for_a_fixed_number_of_steps_only() -> None:
    n = 40
    chain = padded([[i, i + 1] for i in range(n)])
    kept = survivors(chain, np.arange(n, dtype=float), n + 1)
    assert np.flatnonzero(kept).tolist() == list(range(0, 2 * ROUNDS, 2))

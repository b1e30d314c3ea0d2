import pytest
from hypothesis import given
from hypothesis import strategies as st

from software_triggers.window import Window, cut, of_cells

numbers = st.integers(-(2**40), 2**40)


@given(numbers, st.integers(1, 1000), st.integers(1, 2**30))
def test_cells_in_a_row_are_one_window(first, n, cell):
    window = of_cells(first, first + n, cell)
    assert window.a == first * cell
    assert window.b - window.a == n * cell
    assert of_cells(first + n, first + n + 1, cell).a == window.b


@given(numbers, st.integers(1, 300), st.integers(0, 10_000), st.integers(1, 1000))
def test_parts_of_a_window_cover_it_once_in_order(a, length, n_hits, most):
    parts = list(cut(Window(a, a + length), n_hits, most))
    ticks = [t for part in parts for t in range(part.a, part.b)]
    assert ticks == list(range(a, a + length))
    assert all(part.a < part.b for part in parts)
    assert len(parts) == max(1, min(length, -(-n_hits // most)))
    lengths = [part.b - part.a for part in parts]
    assert max(lengths) - min(lengths) <= 1


@given(numbers, st.integers(1, 2**30), st.integers(0, 2**30))
def test_a_window_is_widened_on_both_sides(a, length, reach):
    wide = Window(a, a + length).widened(reach)
    assert (wide.a, wide.b) == (a - reach, a + length + reach)


def test_a_window_cannot_be_changed():
    with pytest.raises(AttributeError):
        Window(0, 1).a = 5

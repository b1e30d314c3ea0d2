"""What is particular to the NumPy form, its types and blocks; and the bounds it relies on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.selection import Range, dtype, parse, to_numpy
from db.selection.interval import ARITHMETIC, absolute, compare

RANGES = {"a": Range(0, 255), "w0": Range(0, 2**64 - 1), "x": Range(kind="float")}


@pytest.mark.parametrize(
    ("lo", "hi", "name"),
    [
        (0, 255, "uint8"),
        (0, 256, "uint16"),
        (0, 2**16, "uint32"),
        (0, 2**32 - 1, "uint32"),
        (0, 2**32, "int64"),
        (-1, 127, "int8"),
        (-1, 128, "int16"),
        (-129, 0, "int16"),
        (-1, 2**15, "int32"),
        (-(2**31) - 1, 0, "int64"),
        (-(2**63), 2**63 - 1, "int64"),
    ],
)
def test_integers_take_the_smallest_type_that_holds_their_bounds(
    lo: int, hi: int, name: str
) -> None:
    node = parse("n", {"n": Range(lo, hi)})
    values = np.array([lo, hi], "i8")
    assert dtype(node) == name
    assert to_numpy(node, {"n": values}).dtype == name
    assert to_numpy(node, {"n": values}).tolist() == [lo, hi]


@pytest.mark.parametrize("rows", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 * (1 << 16) + 7])
def test_blocks_do_not_show(rows: int) -> None:
    words = np.random.default_rng(rows).integers(0, 2**64, rows, "u8", endpoint=False)
    found = to_numpy(parse("(w0 >> 5 & 4095) % 100 - 3", RANGES), {"w0": words})
    wanted = ((words.astype(object) >> 5) & 4095) % 100 - 3
    assert found.tolist() == wanted.tolist()


@pytest.mark.parametrize("kind", [">u8", "<u4", ">u2", "u1", "i2", "i8", "f8"])
def test_a_column_may_have_any_type_that_holds_its_values(kind: str) -> None:
    values = np.arange(0, 128, 3).astype(kind)
    found = to_numpy(
        parse("a * 3 - 200 if a in (3, 9, 12) else a // 7", RANGES), {"a": values[::2]}
    )
    assert found.tolist() == [a * 3 - 200 if a in (3, 9, 12) else a // 7 for a in range(0, 128, 6)]


def test_a_constant_is_repeated_for_every_row() -> None:
    columns = {"a": np.arange(5, dtype="u1")}
    assert to_numpy(parse("a < 256", RANGES), columns).tolist() == [True] * 5
    assert to_numpy(parse("2 / 4", RANGES), columns).tolist() == [0.5] * 5


def test_a_column_of_float32_is_widened_before_anything_else() -> None:
    x = np.array([0.1, 1e38, 3], "f4")
    assert to_numpy(parse("x * 3.0", RANGES), {"x": x}).tolist() == [float(v) * 3.0 for v in x]


def test_a_value_outside_its_table_is_an_error_not_a_wrong_value() -> None:
    node = parse("lookup(a, 1, 2, 3)", {"a": Range(0, 2)})
    with pytest.raises(IndexError):
        to_numpy(node, {"a": np.array([1, 3])})


EXACT = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "&": lambda x, y: x & y,
    "|": lambda x, y: x | y,
    "^": lambda x, y: x ^ y,
    "//": lambda x, y: x // y,
    "%": lambda x, y: x % y,
    ">>": lambda x, y: x >> y,
    "min": min,
    "max": max,
}
SMALL = st.tuples(st.integers(-40, 40), st.integers(0, 9)).map(lambda pair: (pair[0], sum(pair)))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(list(EXACT)), SMALL, SMALL, st.integers(1, 9))
def test_bounds_hold_for_every_pair_of_operands(
    op: str, left: tuple[int, int], right: tuple[int, int], constant: int
) -> None:
    if op in ("//", "%", ">>"):
        right = (constant, constant)
    lo, hi = ARITHMETIC[op](left, right)
    results = {
        EXACT[op](x, y) for x in range(left[0], left[1] + 1) for y in range(right[0], right[1] + 1)
    }
    assert lo <= min(results)
    assert max(results) <= hi
    if op not in ("&", "|", "^", "%"):
        assert (lo, hi) == (min(results), max(results))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), SMALL, SMALL)
def test_a_comparison_is_settled_only_if_every_pair_agrees(
    op: str, left: tuple[int, int], right: tuple[int, int]
) -> None:
    pairs = [
        eval(f"{x} {op} {y}")
        for x in range(left[0], left[1] + 1)
        for y in range(right[0], right[1] + 1)
    ]
    assert compare(op, left, right) == (all(pairs), any(pairs))


@given(SMALL)
def test_bounds_of_an_absolute_value_are_exact(part: tuple[int, int]) -> None:
    values = [abs(x) for x in range(part[0], part[1] + 1)]
    assert absolute(part) == (min(values), max(values))

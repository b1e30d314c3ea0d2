"""Prefilters with constants in registers against Python's own evaluation of their texts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import run
from tubes import TUBES, hit_of, meets, words_of

from db.selection import to_numpy
from fpga.selection.constants import prefilter_of
from fpga.selection.filter import Filter

SHAPES = [
    "layer {} {} and bx {} {}",
    "wire - 3 * layer {} {} or abs(wire - 9) {} {}",
    "not (chamber in (1, 2) and 2 <= layer < 4) and (tdc_meas {} {}) ^ (special == (wire {} {}))",
]
comparisons = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
within = st.integers(2, 3)  # of no column less or more than all its values
numbers = st.integers(1, 3) | st.integers(-70, 70) | st.sampled_from([-(2**40), 3000, 2**31, 2**40])


def sound(word):
    hit = hit_of(word)
    return hit["head"] == 2 and hit["tdc_meas"] not in (0, 31) and hit["bx"] < 3564


@settings(max_examples=150)
@given(st.sampled_from(SHAPES), comparisons, numbers, comparisons, numbers, st.integers(0, 2**32))
def test_constants_beside_the_tree_mean_what_the_text_does(shape, one, a, other, b, seed):
    text = shape.format(one, a, other, b)
    built, words = prefilter_of(TUBES, text), words_of(seed, 80)
    columns = {"w0": words} | {c.name: np.full(len(words), c.value) for c in built.constants}
    kept = to_numpy(built.keep, columns)
    assert kept.tolist() == [not sound(w) or meets(text, w) for w in words.tolist()]
    assert all(c.lo <= c.value <= c.hi for c in built.constants)


@settings(max_examples=25)
@given(st.sampled_from(SHAPES), comparisons, comparisons, st.lists(within, min_size=4, max_size=4))
def test_one_design_keeps_by_any_constants(shape, one, other, values):
    built, wanted = (
        prefilter_of(TUBES, shape.format(one, values[k], other, values[k + 1])) for k in (0, 2)
    )
    assert built.shape == wanted.shape
    text, words = shape.format(one, values[2], other, values[3]), words_of(7, 60).tolist()
    dut = Filter(TUBES, built.keep, built.constants)
    held = [(dut.constants[k], each.bits) for k, each in enumerate(wanted.constants)]
    kept, _ = run(dut, words, held=held)
    assert kept == [w for w in words if not sound(w) or meets(text, w)]
    dut = Filter(TUBES, built.keep, built.constants)
    assert run(dut, words, held=[(dut.rests, 1)])[0] == words


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("layer < 3", "layer<  4", True),
        ("layer < 3", "layer <= 3", False),
        ("layer < 3", "wire < 3", False),
        ("layer in (1, 2)", "layer in (1, 3)", False),
        ("layer < 3 and wire == 4", "layer < 3", False),
    ],
)
def test_prefilters_of_one_shape_differ_in_their_constants_alone(one, other, same):
    assert (prefilter_of(TUBES, one).shape == prefilter_of(TUBES, other).shape) is same

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tubes import TUBES, meets

from db.errors import SelectionError, UsageError
from fpga.control.channel_rules import channels_where, kept
from fpga.control.registers import Registers

BOARD = Registers(2, 512)
CHOICES = [
    "wire == 17 or wire == 3",
    "chamber in (1, 2) and layer < 3",
    "special",
    "not (fpga == 1 and tdc_channel % 7 == 2)",
    "view == 1",
    "True",
]


def word(channel):
    fpga, tdc_channel = divmod(channel, 512)
    return 2 << 61 | fpga << 58 | tdc_channel << 49


@pytest.mark.parametrize("text", CHOICES)
def test_the_channels_are_those_whose_hits_meet_it(text):
    assert channels_where(TUBES, BOARD, text) == [c for c in range(1024) if meets(text, word(c))]


def test_a_channel_is_named_by_its_number():
    assert channels_where(TUBES, BOARD, "channel in (3, 700, 2000) and fpga < 2") == [3, 700]


@given(
    st.lists(st.sampled_from(CHOICES[:5]), max_size=2),
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(CHOICES[:5])), max_size=3),
)
def test_a_mask_outweighs_prescales_which_multiply(masks, prescales):
    found = kept(TUBES, BOARD, masks, prescales)
    for channel in (0, 3, 8, 65, 130, 514, 576, 1023):
        n = 1
        for keep_1_in, text in prescales:
            n *= keep_1_in if meets(text, word(channel)) else 1
        n *= not any(meets(text, word(channel)) for text in masks)
        assert found.get(channel, 1) == n


def test_what_is_more_than_a_channel_is_refused_at_its_place():
    text = "wire == 3 and bx < 100"
    with pytest.raises(SelectionError, match="bx is no part of a channel") as refused:
        kept(TUBES, BOARD, [text])
    assert text[refused.value.start : refused.value.stop] == "bx"
    with pytest.raises(SelectionError, match="no part of a channel"):
        kept(TUBES, BOARD, ["t > 5"])
    with pytest.raises(UsageError, match="would keep one in"):
        kept(TUBES, BOARD, [], [(2**32 - 1, "wire == 3"), (2, "layer == 1")])

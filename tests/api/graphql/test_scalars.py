import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.graphql.scalars import SCALARS, Int64, Moment, Ticks

TICKS, INT64, MOMENT = (SCALARS[kind] for kind in (Ticks, Int64, Moment))


@given(st.integers(-(2**63), 2**64 - 1))
def test_every_64_bit_integer_comes_through_json_as_it_was(number):
    sent = json.dumps(TICKS.serialize(number))
    as_a_browser_reads_it = json.loads(sent)
    assert isinstance(as_a_browser_reads_it, str)
    assert INT64.parse_value(as_a_browser_reads_it) == TICKS.parse_value(number) == number


@pytest.mark.parametrize(
    "wrong", [True, 1.0, "1.0", "", " 1", "1_0", "٣", None, [], 2**64, -(2**63) - 1]
)
def test_what_is_no_integer_of_64_bits_is_refused(wrong):
    with pytest.raises(Exception, match="whole number|64 bits") as told:
        TICKS.parse_value(wrong)
    assert told.value.extensions == {"code": "usage"}


@pytest.mark.parametrize("wrong", [True, 1.5, None, {}])
def test_a_moment_is_a_text_or_ticks(wrong):
    assert MOMENT.parse_value(12) == "12"
    with pytest.raises(Exception, match="no moment"):
        MOMENT.parse_value(wrong)

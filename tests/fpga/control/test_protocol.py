import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import SourceError
from fpga.control.protocol import (
    ANSWERED,
    Entry,
    answered,
    asked,
    read_answered,
    read_asked,
)

words = st.integers(0, 2**32 - 1)
entries = st.lists(st.builds(Entry, st.integers(0, 2**16 - 1), st.none() | words), min_size=1)


@given(words, entries.map(lambda some: some[:128]), st.data())
def test_what_is_asked_and_answered_comes_back(number, some, data):
    assert read_asked(asked(number, some)) == (number, some)
    held = data.draw(st.lists(words, min_size=len(some), max_size=len(some)))
    assert read_answered(answered(number, some, held)) == (number, held)


def test_the_bytes_are_those_that_are_written_down():
    packet = asked(0x01020304, [Entry(0x8005, 7), Entry(2)])
    assert (
        packet.hex()
        == "45485242 01 00 0200 04030201 0580 0100 07000000 0200 0000 00000000".replace(" ", "")
    )


@given(st.binary(max_size=40))
def test_nothing_else_is_taken_for_a_packet(noise):
    with pytest.raises(SourceError, match="speaks of no registers"):
        read_asked(noise)


@pytest.mark.parametrize("spoil", [lambda p: p[:-1], lambda p: p + b"x", lambda p: b"X" + p[1:]])
def test_a_spoilt_packet_is_refused(spoil):
    packet = asked(1, [Entry(3, 4)])
    with pytest.raises(SourceError):
        read_asked(spoil(packet))
    with pytest.raises(SourceError):
        read_answered(packet)
    assert packet[5] != ANSWERED

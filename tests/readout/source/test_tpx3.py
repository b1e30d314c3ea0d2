"""Timepix3 packets, put together here bit by bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.detector import decode, load
from readout.source.block import Block
from readout.source.open import open_source
from readout.source.tpx3 import by_chip

TIMEPIX3 = load("timepix3")
COLUMNS = ["t", "hit", "x", "y", "tot_ns", "edge", "channel"]


def pixel(x, y, ticks, tot):
    """The packet of a pixel hit ``ticks`` of 25/16 ns after zero."""
    coarse, ftoa = -(-ticks // 16), -ticks % 16
    address = x // 2 << 9 | y // 4 << 3 | (x % 2) << 2 | y % 4
    spidr, toa = coarse >> 14 & 0xFFFF, coarse & 0x3FFF
    return 0xB << 60 | address << 44 | toa << 30 | tot << 20 | ftoa << 16 | spidr


def edge(kind, count, steps):
    """The packet of a TDC's edge ``steps`` of 3.125 ns after zero."""
    return 6 << 60 | kind << 56 | count << 44 | steps % 2**35 << 9 | 5 << 5


def header(chip, n_packets):
    return int.from_bytes(b"TPX3", "little") | chip << 32 | 8 * n_packets << 48


def decoded(words):
    return decode(TIMEPIX3, np.array(words, np.uint64), columns=COLUMNS)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**34 - 16), st.integers(0, 1023))
def test_a_pixel_is_where_and_when_it_was(x, y, ticks, tot):
    found = decoded([pixel(x, y, ticks, tot)])
    assert (found["x"][0], found["y"][0], found["tot_ns"][0]) == (x, y, 25 * tot)
    assert found["t"][0] == ticks + 15
    assert found["channel"][0] == y * 256 + x
    assert found["hit"].all()


@given(st.sampled_from([15, 10, 14, 11]), st.integers(0, 4095), st.integers(0, 2**36))
def test_an_edge_is_on_the_clock_of_the_pixels(kind, count, steps):
    found = decoded([edge(kind, count, steps)])
    assert (found["edge"][0], found["channel"][0]) == (kind, 65536 + kind)
    assert found["t"][0] == 2 * steps % 2**34 + 15
    assert found["hit"].all()


@pytest.mark.parametrize("n_packets", [0, 5, 1500, 3072, 5632, 8191])
def test_headers_heartbeats_and_answers_are_no_hits(n_packets):
    words = [header(3, n_packets), 0x44 << 56 | 7, 0x45 << 56 | 7, 0x71 << 56]
    assert not decoded(words)["hit"].any()


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=12),
    st.integers(1, 9),
)
def test_each_chip_is_a_link_wherever_blocks_end(chunks, block_words):
    words, expected, n = [], {}, 0
    for chip, n_packets in chunks:
        part = [header(chip, n_packets)]
        for _ in range(n_packets):
            part.append(pixel(n % 256, 0, 16 * n, 1))
            n += 1
        words += part
        expected.setdefault(chip, []).extend(part)
    stream = np.array(words, np.uint64)
    blocks = (Block(0, stream[i : i + block_words]) for i in range(0, len(words), block_words))
    found = {}
    for block in by_chip(blocks):
        found.setdefault(block.link, []).extend(block.words.tolist())
    assert found == expected


def test_a_file_of_chips_gives_their_links_and_a_bare_stream_one(tmp_path):
    packets = [pixel(n % 256, 7, 1600 * n, 3) for n in range(200)]
    chips = [word for n in range(0, 200, 10) for word in [header(n % 4, 10), *packets[n : n + 10]]]
    (tmp_path / "chips.tpx3").write_bytes(np.array(chips, "<u8").tobytes())
    (tmp_path / "bare.raw").write_bytes(np.array(packets, "<u8").tobytes())
    blocks = list(open_source(tmp_path / "chips.tpx3", TIMEPIX3).blocks)
    assert {block.link for block in blocks} == {0, 2}
    assert sum(decode(TIMEPIX3, b.words, columns=["hit"])["hit"].sum() for b in blocks) == 200
    assert {block.link for block in open_source(tmp_path / "bare.raw", TIMEPIX3).blocks} == {0}

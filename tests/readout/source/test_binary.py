import os
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.detector import load
from db.errors import SourceError
from readout.source.binary import read_words

V1, V2, KM3NET = (load(name) for name in ("drift_tubes_v1", "drift_tubes_v2", "km3net"))


class Dribble:
    """A stream that delivers what it has in pieces of given sizes."""

    def __init__(self, raw: bytes, sizes: list[int]) -> None:
        self.raw, self.sizes = BytesIO(raw), iter(sizes)

    def readinto(self, buffer: memoryview) -> int:
        return self.raw.readinto(buffer[: next(self.sizes, len(buffer))])


def all_words(blocks):
    return [word for block in blocks for word in block.words.tolist()]


@given(
    st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=60),
    st.lists(st.integers(1, 100)),
    st.integers(1, 100),
)
def test_words_survive_any_dribble(words, sizes, block_bytes):
    raw = np.array(words, "<u8").tobytes()
    blocks = read_words(Dribble(raw, sizes), KM3NET, "pipe", 7, block_bytes)
    found = []
    try:
        for block in blocks:
            assert block.link == 7
            assert block.epoch is None
            assert len(block.words) % 2 == 0
            found.append(block)
        assert len(words) % 2 == 0
    except SourceError:
        assert len(words) % 2 == 1
    assert all_words(found) == words[: len(words) // 2 * 2]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2**32 - 1)), min_size=1))
def test_a_declaration_that_knows_links_tells_them_apart(hits):
    words = np.array([fpga << 58 | number for fpga, number in hits], "<u8")
    found: dict[int, list[int]] = {}
    for block in read_words(BytesIO(words.tobytes()), V2, "file", 3, 64):
        found.setdefault(block.link, []).extend((block.words & np.uint64(2**32 - 1)).tolist())
    wanted: dict[int, list[int]] = {}
    for fpga, number in hits:
        wanted.setdefault(fpga, []).append(number)
    assert found == wanted


def test_words_of_a_link_keep_their_order() -> None:
    link = np.random.default_rng(0).integers(0, 8, 10_000)
    words = (link << 58 | np.arange(10_000)).astype("<u8")
    blocks = list(read_words(BytesIO(words.tobytes()), V2, "file"))
    assert [block.link for block in blocks] == list(range(8))
    for block in blocks:
        assert (block.words == words[link == block.link]).all()


def test_a_block_is_never_written_to_again() -> None:
    words = np.arange(100, dtype="<u8")
    blocks = list(read_words(BytesIO(words.tobytes()), KM3NET, "file", block_bytes=64))
    assert all_words(blocks) == words.tolist()
    assert len(blocks) == 13


def test_bytes_left_over_are_an_error_after_the_last_whole_hit() -> None:
    raw = np.arange(5, dtype="<u8").tobytes() + b"abc"
    blocks = read_words(BytesIO(raw), V2, "hits.bin")
    assert all_words([next(blocks)]) == [0, 1, 2, 3, 4]
    with pytest.raises(SourceError, match=r"hits\.bin: 43 bytes .* 8-byte hits: 3 bytes .* All 5 "):
        next(blocks)


def test_an_empty_stream_is_an_error() -> None:
    with pytest.raises(SourceError, match=r"hits\.bin: empty"):
        list(read_words(BytesIO(b""), V1, "hits.bin"))


def test_a_stream_that_does_not_wait_is_refused_and_not_taken_for_its_end() -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    with os.fdopen(read, "rb", 0) as pipe, os.fdopen(write, "wb", 0) as other_end:
        other_end.write(bytes(16))
        blocks = read_words(pipe, V1, "pipe")
        assert all_words([next(blocks)]) == [0, 0]
        with pytest.raises(SourceError, match="pipe: it doesn't wait"):
            next(blocks)

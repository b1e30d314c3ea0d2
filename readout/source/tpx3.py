"""Files of several Timepix3 chips: each chunk's header says whose packets follow."""

from collections.abc import Iterator

import numpy as np

from db.detector.words import Words
from readout.source.block import Block

MAGIC = b"TPX3"
FIELDS = frozenset({"spidr", "ftoa", "toa", "address", "head"})
"""What a declaration of these packets must have."""
_LOW_32, _CHIP = np.uint64(0xFFFFFFFF), np.uint64(32)
_MARK = np.uint64(int.from_bytes(MAGIC, "little"))


def by_chip(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same words, one link for each chip; a header goes with the packets that follow it.

    Chunks may end anywhere, also beyond a block.
    """
    chip = 0
    for block in blocks:
        begin = 0
        for number, words in _runs(block.words, chip):
            chip, end = number, begin + len(words)
            places = None if block.places is None else block.places[begin:end]
            yield Block(number, words, places=places)
            begin = end


def _runs(words: Words, chip: int) -> Iterator[tuple[int, Words]]:
    """Each chip and its words from one change of the chip to the next."""
    headers = np.flatnonzero((words & _LOW_32) == _MARK)
    chips = (words[headers] >> _CHIP & np.uint64(0xFF)).astype(np.int64)
    changes = np.flatnonzero(np.diff(chips, prepend=chip))
    starts = [0, *headers[changes].tolist()]
    for start, stop, number in zip(
        starts, [*starts[1:], len(words)], [chip, *chips[changes].tolist()], strict=True
    ):
        if start < stop:
            yield number, words[start:stop]

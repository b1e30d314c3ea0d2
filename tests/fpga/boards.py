"""A small board, and the frames that it sends."""

import numpy as np
from tubes import TUBES

from db.words.frame import HEADER, read_header
from fpga.board.board import Design
from fpga.selection.constants import prefilter_of

DESIGN = Design(
    TUBES, links=2, keep=prefilter_of(TUBES, "layer < 4"), most_words=24, linger=100, patience=64
)


def frames_of(out):
    """The headers and the words of frames that follow each other."""
    raw, frames = out.astype("<u8").tobytes(), []
    while raw:
        header = read_header(raw)
        size = HEADER.size + 8 * header.n_words
        assert len(raw) >= size
        frames.append((header, np.frombuffer(raw[HEADER.size : size], "<u8").tolist()))
        raw = raw[size:]
    return frames

"""A small board, how its control bus is spoken to, and the frames that it sends."""

import numpy as np
from tubes import TUBES

from db.words.frame import HEADER, read_header
from fpga.board.board import Design, counters
from fpga.selection.condition import prefilter

DESIGN = Design(
    TUBES, links=2, keep=prefilter(TUBES, "layer < 4"), most_words=24, linger=100, patience=64
)
SOURCES = ("links__0", "links__1")


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


def write(board, address, value):
    board.set("address", address)
    board.set("value", value)
    board.set("writes", 1)
    board.tick()
    board.set("writes", 0)
    board.tick(2)


def read(board, address):
    board.set("address", address)
    board.tick(3)
    return board.get("found")


def counted(board):
    return {name: read(board, k) for k, name in enumerate(counters(DESIGN))}

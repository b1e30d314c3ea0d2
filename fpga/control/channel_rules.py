"""Masks and prescales as the board's registers: selections that the channel alone decides."""

from collections.abc import Iterable

import numpy as np

from db.detector import Detector, decode, encode
from db.detector.expression import refusal
from db.errors import UsageError
from db.selection import Node, names, to_numpy
from db.selection.tree import Column
from fpga.control.registers import Registers

MOST = 2**32 - 1


def kept(
    detector: Detector,
    board: Registers,
    masks: Iterable[str],
    prescales: Iterable[tuple[int, str]] = (),
) -> dict[int, int]:
    """What ``keep`` of which channels must hold for masks and prescales (n, where): 0, or n.

    Where several prescales meet a channel their product holds. Channels not named keep all. Raises
    SelectionError, with the place marked, for what the channel alone doesn't decide; UsageError for
    one in more than 2**32 - 1.
    """
    keep: dict[int, int] = {}
    for n, text in prescales:
        for channel in channels_where(detector, board, text):
            keep[channel] = keep.get(channel, 1) * n
            if not 1 <= keep[channel] <= MOST:
                raise UsageError(f"channel {channel} would keep one in {keep[channel]} hits")
    for text in masks:
        keep |= dict.fromkeys(channels_where(detector, board, text), 0)
    return keep


def channels_where(detector: Detector, board: Registers, text: str) -> list[int]:
    """The board's channels whose hits meet a selection, lowest first. Raises as ``kept``."""
    node, known = detector.selection(text, channel=True), _fields(detector, "channel")
    for column in _columns(node):
        if more := _fields(detector, column.name) - known:
            problem = f"the board masks whole channels, and {min(more)} is no part of a channel"
            raise refusal(problem, text, detector.constants, column)
    width = {each.name: each.width for each in detector.fields}
    of_channel = [each.name for each in detector.fields if each.name in known]
    grid = np.indices([1 << width[name] for name in of_channel]).reshape(len(of_channel), -1)
    fields = {name: np.zeros(grid.shape[1], np.int64) for name in width}
    words = encode(detector, fields | dict(zip(of_channel, grid, strict=True)))
    columns = decode(detector, words, columns={*names(node), "channel"})
    chosen = np.unique(columns["channel"][np.broadcast_to(to_numpy(node, columns), len(words))])
    return [int(channel) for channel in chosen if channel < board.links * board.channels]


def _fields(detector: Detector, name: str) -> frozenset[str]:
    """The fields that decide a column."""
    if any(each.name == name for each in detector.fields):
        return frozenset({name})
    return names(detector.nodes[name])


def _columns(node: Node) -> Iterable[Column]:
    if isinstance(node, Column):
        yield node
    for child in node.children():
        yield from _columns(child)

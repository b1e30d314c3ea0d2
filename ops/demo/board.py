"""Simulated particles through the simulated board onto a network."""

import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import structlog

from db.catalogue.runs import Run
from db.detector import Detector, decode
from db.detector.words import Words
from db.engine import Engine
from db.words.gaps import read_gaps
from db.words.totals import link_totals
from fpga.board.attended import AttendedBoard
from fpga.board.board import Design
from fpga.board.network import Network
from fpga.board.simulated import SimulatedBoard, compile_board
from fpga.control.channel_rules import kept
from fpga.segments.chamber import chamber_of
from fpga.selection.constants import prefilter_of
from ops.demo.telescope import Send
from readout.control.configuration import Configuration
from readout.simulator.live import Slice

_log = structlog.get_logger()

PACKETS_AT_ONCE = 64
PAUSE_S = 0.002
"""Between so many packets, so that the receiver's socket isn't flooded."""


@contextmanager
def simulated_board(
    detector: Detector,
    configuration: Configuration,
    *,
    chambers: Sequence[int] = (),
    link: int = 0,
    registers: tuple[str, int] = ("127.0.0.1", 0),
) -> Iterator[AttendedBoard]:
    """A board that looks for segments in ``chambers``, its registers at a UDP address.

    It begins with a configuration: its filter is built for the prefilter, masks and prescales are
    registers. Without a C++ compiler it is slow. Raises SelectionError for what hardware can't
    decide, SynthesisError.
    """
    keep = prefilter_of(detector, configuration.prefilter) if configuration.prefilter else None
    geometries = tuple(chamber_of(detector, number) for number in chambers)
    design = Design(detector, links=2, chambers=geometries, keep=keep)
    prescales = [(each.keep_1_in, each.where) for each in configuration.prescales]
    chosen = kept(detector, design.registers, configuration.masks, prescales)
    stream = time.time_ns() // 1000 % 2**32
    with tempfile.TemporaryDirectory(prefix="everyhit-fpga-") as made:
        library = compile_board(design, Path(made))
        if library is None:
            _log.warning(
                "the board is simulated slowly", why="there is no C++ compiler, such as g++"
            )
        with SimulatedBoard(design, library, link=link, stream=stream) as board:
            for channel, n in chosen.items():
                board.keep(channel, n)
            with AttendedBoard(board, registers) as attended:
                yield attended


def send(
    detector: Detector,
    slices: Iterable[Slice],
    board: AttendedBoard,
    network: Network,
) -> dict[str, int]:
    """What the board counted and the network lost of a run.

    The last packet is never lost: what is missing behind it no receiver could know.
    """
    last: bytes | None = None
    for each in slices:
        packets = board.through(*_in_turn(detector, each.links))
        for n, packet in enumerate(packets):
            if last is not None:
                network.send(last)
            last = packet
            if n % PACKETS_AT_ONCE == PACKETS_AT_ONCE - 1:
                time.sleep(PAUSE_S)
    if last is not None:
        network.send(last, surely=True)
    network.flush()
    return {
        **board.counted(),
        "lost_packets": network.lost_packets,
        "lost_words": network.lost_words,
        "swapped_packets": network.swapped,
    }


@dataclass(frozen=True)
class Line:
    """From the particles to a port: the board, and a network behind it that loses and swaps."""

    detector: Detector
    board: AttendedBoard
    loss: float
    swap: float
    seed: int
    counted: dict[str, int] = field(default_factory=dict)
    """What ``send`` returned, when all is sent."""

    @contextmanager
    def over_udp(self, port: int) -> Iterator[Send]:
        """Yield what sends slices to a UDP port of this machine."""
        network = Network(("127.0.0.1", port), self.loss, self.swap, self.seed)
        try:
            yield lambda slices: self.counted.update(
                send(self.detector, slices, self.board, network)
            )
        finally:
            network.close()

    def account(self, engine: Engine, run: Run) -> dict[str, Any]:
        """Every word of the run: what came into the board, what became of it, what isn't known."""
        gaps, counted = read_gaps(engine, run.run_id), self.counted
        booked = dict(
            gaps.filter(pl.col("n_lost") > 0).group_by("cause").agg(pl.sum("n_lost")).rows()
        )
        stored = int(link_totals(engine, [run.run_id])["words"].sum())
        came = sum(n for name, n in counted.items() if name.endswith("_in")) + counted["added"]
        left = came - stored - sum(booked.values())
        return {
            "board": counted,
            "came": came,
            "stored": stored,
            "booked": booked,
            "unaccounted": left,
        }


def _in_turn(detector: Detector, links: dict[int, Words]) -> tuple[Words, Words]:
    """The words of links in the order of their times, and the link of each."""
    words = np.concatenate([*links.values(), np.empty(0, np.uint64)])
    owner = np.repeat(list(links), [len(part) for part in links.values()])
    turn = np.argsort(decode(detector, words, columns=("t",))["t"], kind="stable")
    return words[turn], owner[turn]

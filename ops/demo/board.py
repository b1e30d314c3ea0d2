"""Simulated particles through the simulated board onto a network."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from db.detector import Detector, decode
from fpga.board.board import Design
from fpga.board.channel_rules import registers
from fpga.board.network import Network, frames
from fpga.board.simulated import SimulatedBoard, compile_board
from fpga.segments.chamber import chamber_of
from fpga.selection.condition import prefilter
from readout.control.configuration import Configuration
from readout.simulator.conditions import Conditions
from readout.simulator.live import live

PACKETS_AT_ONCE = 64
PAUSE_S = 0.002
"""Between so many packets, so that the receiver's socket isn't flooded."""


def send(
    detector: Detector,
    conditions: Conditions,
    network: Network,
    duration_s: float,
    configuration: Configuration,
    *,
    chambers: Sequence[int] = (),
    seed: int = 1,
    link: int = 0,
) -> dict[str, object]:
    """What the board counted and the network lost of a run of so many seconds.

    The run goes as fast as the simulation does. The board removes what the configuration says: its
    filter is built for the prefilter, masks and prescales are registers. In ``chambers`` it looks
    for segments, whose words it adds. The last packet is never
    lost: what is missing behind it no receiver could know. Raises SelectionError for what hardware
    can't decide, UsageError without a compiler, SynthesisError.
    """
    keep = prefilter(detector, configuration.prefilter) if configuration.prefilter else None
    geometries = tuple(chamber_of(detector, number) for number in chambers)
    design = Design(detector, links=2, chambers=geometries, keep=keep)
    prescales = [(each.keep_1_in, each.where) for each in configuration.prescales]
    chosen = registers(design, configuration.masks, prescales)
    stream = time.time_ns() // 1000 % 2**32
    with tempfile.TemporaryDirectory(prefix="everyhit-fpga-") as made:
        library = compile_board(design, Path(made))
        with SimulatedBoard(design, library, link=link, stream=stream) as board:
            for channel, n in chosen.items():
                board.keep(channel, n)
            last: bytes | None = None
            for each in live(detector, conditions, seed, duration_s=duration_s, speed=float("inf")):
                words = np.concatenate([*each.links.values(), np.empty(0, np.uint64)])
                owner = np.repeat(list(each.links), [len(part) for part in each.links.values()])
                turn = np.argsort(decode(detector, words, columns=("t",))["t"], kind="stable")
                for n, packet in enumerate(frames(board.in_turn(words[turn], owner[turn]))):
                    if last is not None:
                        network.send(last)
                    last = packet
                    if n % PACKETS_AT_ONCE == 0:
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

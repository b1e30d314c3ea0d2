"""The words that the benchmarks work on: a telescope in a strong beam, simulated beforehand."""

from datetime import UTC, datetime
from itertools import chain

import numpy as np

from db.catalogue.runs import Run, close_run, open_run
from db.detector import Detector, load
from db.engine import Engine
from db.time import duration_ticks
from db.words.chunk import Chunk
from db.words.chunks import write_chunks
from db.words.hits_view import create_views
from readout.link.chunker import Chunker
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate
from readout.source.block import Block
from readout.writer.batch import BLOCK_WORDS, LARGE_BLOCK_WORDS

DETECTOR = "drift_tubes_v2"
BEAM_HZ = 1.5e6
"""Muons a second: the setting at which the published system was put to the test."""
WORDS_A_MUON = 18.3
"""Found in the simulation, noise and segment words included."""


def beam(hits: int) -> list[Block]:
    """Return so many words of the telescope in a strong beam."""
    return blocks(0.0, 1.05 * hits / WORDS_A_MUON / BEAM_HZ + 2e-3, BEAM_HZ, hits)


def blocks(start_s: float, stop_s: float, muons_hz: float, most: int | None = None) -> list[Block]:
    """Return the telescope's words of a range of time, as a source delivers them: by link."""
    detector = load(DETECTOR)
    start, stop = (round(s * 1e9 / float(detector.tick)) for s in (start_s, stop_s))
    stream = simulate(detector, Conditions(muon_rate_hz=muons_hz), 1, start, stop).stream[:most]
    links = np.unique(stream.link).tolist()
    pieces = (stream[i : i + BLOCK_WORDS] for i in range(0, len(stream), BLOCK_WORDS))
    return [Block(link, piece.of_link(link)) for piece in pieces for link in links]


def new_run(engine: Engine, name: str = "bench") -> Run:
    """Enter a run of the telescope in the catalogue, and create its views."""
    detector = load(DETECTOR)
    run = open_run(engine, detector, name=name, cell=duration_ticks("100 ms", detector.tick))
    create_views(engine, run.detector)
    return run


def cut(detector: Detector, run_id: int, given: list[Block]) -> list[list[Chunk]]:
    """Return the blocks' words in chunks, grouped as the readout groups them when words wait."""
    chunkers = {link: Chunker(detector, run_id, link, 0) for link in {b.link for b in given}}
    pushed = (chunkers[block.link].push(block.words) for block in given)
    closed = (chunker.close() for chunker in chunkers.values())
    groups: list[list[Chunk]] = [[]]
    for chunk in chain.from_iterable(chain(pushed, closed)):
        if sum(len(c.words) for c in groups[-1]) >= LARGE_BLOCK_WORDS:
            groups.append([])
        groups[-1].append(chunk)
    return groups


def stored(engine: Engine, given: list[Block]) -> Run:
    """Write the words as a run that is over, and return it."""
    run = new_run(engine)
    for group in cut(run.detector, run.run_id, given):
        write_chunks(engine, group, run.detector, datetime.now(UTC))
    return close_run(engine, run)

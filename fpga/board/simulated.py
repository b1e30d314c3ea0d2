"""The board as a simulation that words go through, and its registers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from db.detector.words import Words
from fpga.board.board import Board, Design
from fpga.control.protocol import answered, read_asked
from fpga.control.registers import KEEP, REMOVED, SEEN
from fpga.simulation.compiled import Compiled, build, find_compiler
from fpga.simulation.interpreted import Interpreted

PACE = 2
"""Clocks from one word to the next, of all links together."""


class SimulatedBoard:
    """A board of a design, from its power-up on; use it in a with statement."""

    def __init__(
        self, design: Design, library: Path | None, *, link: int = 0, stream: int = 0
    ) -> None:
        """``library`` is what ``compile_board`` made of the design, None for Amaranth's simulator;
        ``link`` and ``stream`` stand in the frames that it sends.
        """
        self.design, self._sources = design, [f"links__{k}" for k in range(design.links)]
        self._simulation = (
            Compiled(library, self._sources)
            if library
            else Interpreted(Board(design), self._sources)
        )
        self._simulation.set("link", link)
        self._simulation.set("stream", stream)

    def through(self, links: Sequence[Words], **pauses: float) -> Words:
        """Frames, 8 bytes a number, of what comes on the links at once; then nothing is inside.

        ``pauses`` are ``idle``, ``stall`` and ``seed`` of ``Compiled.run``.
        """
        given = dict(zip(self._sources, links, strict=True))
        return self._run(given, None, pauses)

    def in_turn(self, words: Words, link: Words) -> Words:
        """The same of words in the order in which they come, each with its link, PACE clocks apart.

        The clocks in which nothing would come are left out.
        """
        when = self._simulation.clock + PACE * np.arange(len(words), dtype=np.uint64)
        chosen = [np.flatnonzero(link == k) for k in range(self.design.links)]
        given = {name: words[at] for name, at in zip(self._sources, chosen, strict=True)}
        due = {name: when[at] for name, at in zip(self._sources, chosen, strict=True)}
        return self._run(given, due, {})

    def keep(self, channel: int, n: int) -> None:
        """Let one of n of a channel's hits pass from now on; none for 0, all for 1."""
        self.write(self.design.registers.gate(channel, KEEP), n)

    def kept(self, channel: int) -> int:
        """The register that ``keep`` wrote."""
        return self.read(self.design.registers.gate(channel, KEEP))

    def seen(self, channel: int) -> int:
        """Sound hits of a channel that came."""
        return self.read(self.design.registers.gate(channel, SEEN))

    def removed(self, channel: int) -> int:
        """Hits of a channel that didn't pass."""
        return self.read(self.design.registers.gate(channel, REMOVED))

    def counted(self) -> dict[str, int]:
        """All counters of the board by name."""
        return {name: self.read(k) for k, name in enumerate(self.design.registers.counters)}

    def answer(self, packet: bytes) -> bytes:
        """The answer to a packet of ``fpga.control.protocol``. Raises SourceError for none."""
        number, entries = read_asked(packet)
        held = []
        for each in entries:
            if each.value is not None:
                self.write(each.address, each.value)
            held.append(self.read(each.address))
        return answered(number, entries, held)

    def write(self, address: int, value: int) -> None:
        """Set a register."""
        self._simulation.set("address", address)
        self._simulation.set("value", value)
        self._simulation.set("writes", 1)
        self._simulation.tick()
        self._simulation.set("writes", 0)
        self._simulation.tick(2)

    def read(self, address: int) -> int:
        """A register."""
        self._simulation.set("address", address)
        self._simulation.tick(3)
        return self._simulation.get("found")

    def _run(
        self,
        given: Mapping[str, Words],
        when: Mapping[str, Words] | None,
        pauses: Mapping[str, float],
    ) -> Words:
        idle, stall = pauses.get("idle", 0.0), pauses.get("stall", 0.0)
        quiet = self.design.linger + 4 * self.design.most_words + 200
        seed = int(pauses.get("seed", 0))
        return self._simulation.run(given, when, quiet=quiet, idle=idle, stall=stall, seed=seed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._simulation.close()


def compile_board(design: Design, folder: Path) -> Path | None:
    """The design as a library in a folder; None without a C++ compiler. Raises SynthesisError."""
    return build(Board(design), folder) if find_compiler() else None

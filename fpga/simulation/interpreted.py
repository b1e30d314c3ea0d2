"""A component in Amaranth's own simulator, exact to the clock: slow, and without a C++ compiler."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import ClockDomain, Module, Value
from amaranth.lib import wiring
from amaranth.sim import Simulator

from db.detector.words import Words
from db.errors import UsageError
from fpga.simulation.compiled import FOREVER


@dataclass
class _Source:
    name: str
    words: list[int]
    when: list[int]
    at: int = 0
    offered: bool = False


class Interpreted:
    """A running simulation with the methods of ``Compiled``."""

    def __init__(
        self, component: wiring.Component, sources: Sequence[str], sink: str = "out"
    ) -> None:
        self._sources, self._sink, self.clock = list(sources), sink, 0
        self._ports = {
            "__".join(map(str, path)): Value.cast(value)
            for path, _, value in component.signature.flatten(component)
        }
        for name in sources:
            if f"{name}__valid" not in self._ports:
                raise UsageError(f"the design has no stream {name}")
        self._set: dict[str, int] = {}
        m, domain = Module(), ClockDomain("sync")
        m.domains.sync, m.submodules.component = domain, component
        self._clk: Any = domain.clk
        simulator = Simulator(m)
        simulator.add_testbench(self._hold)
        simulator.advance()

    async def _hold(self, context: Any) -> None:
        # The clock is ours, so that all happens when we say so, and simulated time stands still.
        self._context = context

    def run(
        self,
        given: Mapping[str, Words],
        when: Mapping[str, Words] | None = None,
        *,
        clocks: int = FOREVER,
        quiet: int = 5000,
        idle: float = 0.0,
        stall: float = 0.0,
        seed: int = 0,
    ) -> Words:
        """As ``Compiled.run``."""
        chance, out, still, stop = random.Random(seed), list[int](), 0, self.clock + clocks  # noqa: S311
        sources = [
            _Source(name, given[name].tolist(), [] if when is None else when[name].tolist())
            for name in self._sources
            if name in given
        ]
        while self.clock < stop and still < quiet:
            for each in sources:
                due = each.at < len(each.words)
                due = due and not (each.when and each.when[each.at] > self.clock)
                each.offered = due and (each.offered or chance.random() >= idle)
                self.set(f"{each.name}__valid", each.offered)
                if each.offered:
                    self.set(f"{each.name}__payload", each.words[each.at])
            left = any(each.at < len(each.words) for each in sources)
            self.set(f"{self._sink}__ready", chance.random() >= stall)
            moved = False
            if self._set[f"{self._sink}__ready"] and self.get(f"{self._sink}__valid"):
                out.append(self.get(f"{self._sink}__payload"))
                moved = True
            for each in sources:
                if each.offered and self.get(f"{each.name}__ready"):
                    each.at, each.offered, moved = each.at + 1, False, True
            self.tick()
            still = 0 if left or moved else still + 1
        for each in sources:
            self.set(f"{each.name}__valid", 0)
        self.set(f"{self._sink}__ready", 0)
        return np.array(out, np.uint64)

    def set(self, port: str, value: int) -> None:
        """Drive an input port from now on."""
        if port not in self._ports:
            raise UsageError(f"the design has no input {port}")
        if self._set.get(port) != value:
            self._set[port] = int(value)
            self._context.set(self._ports[port], int(value))

    def get(self, port: str) -> int:
        """The value of an output port."""
        if port not in self._ports:
            raise UsageError(f"the design has no output {port}")
        return int(self._context.get(self._ports[port]))

    def tick(self, clocks: int = 1) -> None:
        """Let clocks go by."""
        for _ in range(clocks):
            self._context.set(self._clk, 1)
            self._context.set(self._clk, 0)
        self.clock += clocks

    def close(self) -> None:
        """End the simulation: there is nothing to be freed."""

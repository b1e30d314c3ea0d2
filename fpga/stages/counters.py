"""Counters that the readout can read."""

from collections.abc import Mapping

from amaranth.hdl import Array, Module, Signal, Value


class Counters:
    """Registers of 32 bits that count how often something happened, modulo 2**32."""

    def __init__(self, m: Module, events: Mapping[str, Value]) -> None:
        self.names = tuple(events)
        """In the order of their registers."""
        self._counts = [Signal(32, name=f"n_{name}") for name in events]
        for count, happened in zip(self._counts, events.values(), strict=True):
            m.d.sync += count.eq(count + happened)

    def at(self, number: Value) -> Value:
        """The count of that number; 0 past the last."""
        return Array([*self._counts, Signal(32, name="n_nothing")])[number]

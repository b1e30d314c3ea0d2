"""A selection as hardware."""

from collections.abc import Sequence

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from db.detector import Detector
from db.selection import Node
from fpga.selection.constants import Constant
from fpga.selection.to_hardware import to_hardware

LATENCY = 2
"""Clocks from a hit to its way out, if nobody makes it wait."""


class Filter(wiring.Component):
    """A stream of hits in, those that meet a condition out, in order: one hit a clock.

    A hit is its words side by side, the first in the lowest 64 bits. A hit leaves LATENCY
    clocks after it came, unless ``out`` makes it wait. ``removes`` is 1 in each clock that takes a
    hit away. While ``rests`` is 1 all hits are kept. ``constants`` are those of the condition.
    """

    def __init__(self, detector: Detector, keep: Node, constants: Sequence[Constant] = ()) -> None:
        """``keep`` is over the words, from ``condition`` or ``prefilter``, or with constants from
        ``prefilter_of``."""
        self._words, self._keep, self._constants = detector.words_per_hit, keep, constants
        hits = stream.Signature(64 * self._words)
        ports = {"hits": In(hits), "out": Out(hits), "removes": Out(1), "rests": In(1)}
        if constants:
            ports["constants"] = In(32).array(len(constants))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        """Two registers: the hit as it came, and beside it whether it is kept."""
        m = Module()
        came, judged = Signal(64 * self._words), Signal(64 * self._words)
        has_came, has_judged, kept = Signal(), Signal(), Signal()
        frees, moves = Signal(), Signal()
        columns = {f"w{k}": came.word_select(k, 64) for k in range(self._words)}
        for k, each in enumerate(self._constants):
            shape = Shape.cast(range(each.lo, each.hi + 1))
            value = self.constants[k][: shape.width]
            columns[each.name] = value.as_signed() if shape.signed else value
        m.d.comb += [
            frees.eq(~has_judged | ~kept | self.out.ready),
            moves.eq(~has_came | frees),
            self.hits.ready.eq(moves),
            self.out.valid.eq(has_judged & kept),
            self.out.payload.eq(judged),
            self.removes.eq(has_judged & ~kept),
        ]
        with m.If(moves):
            m.d.sync += [came.eq(self.hits.payload), has_came.eq(self.hits.valid)]
        with m.If(frees):
            m.d.sync += [
                judged.eq(came),
                has_judged.eq(has_came),
                kept.eq(self.rests | to_hardware(self._keep, columns)),
            ]
        return m

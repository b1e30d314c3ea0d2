"""Several links made one."""

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from db.detector import Detector
from fpga.stages.hit_fields import time_order


class Merge(wiring.Component):
    """Streams of hits into one, in rough order of time: of the hits that wait the earliest goes.

    It waits for a link until that was silent for ``patience`` clocks; what comes then may lie
    behind what has gone. Each link keeps its own order. One hit a clock, one clock later.
    """

    def __init__(self, detector: Detector, links: int, patience: int = 64) -> None:
        self._detector, self._patience = detector, patience
        hits = stream.Signature(64 * detector.words_per_hit)
        super().__init__({"hits": In(hits).array(links), "out": Out(hits)})

    def elaborate(self, platform: object) -> Module:
        """A register behind a chain of comparisons."""
        m = Module()
        frees, all_told = Signal(), Signal()
        told: Value = Const(1, 1)
        for k, link in enumerate(self.hits):
            silent = Signal(range(self._patience + 1), name=f"silent_{k}")
            with m.If(link.valid):
                m.d.sync += silent.eq(0)
            with m.Elif(silent < self._patience):
                m.d.sync += silent.eq(silent + 1)
            told &= link.valid | (silent == self._patience)
        which: Value = Const(0, range(max(2, len(self.hits))))
        earliest = time_order(self._detector, self.hits[0].payload)
        waiting = self.hits[0].valid
        for k, link in enumerate(list(self.hits)[1:], start=1):
            time = time_order(self._detector, link.payload)
            sooner = link.valid & (~waiting | (time - earliest)[len(time) - 1])
            which, earliest = Mux(sooner, k, which), Mux(sooner, time, earliest)
            waiting = waiting | link.valid
        m.d.comb += [frees.eq(~self.out.valid | self.out.ready), all_told.eq(told)]
        with m.If(frees):
            m.d.sync += self.out.valid.eq(0)
        for k, link in enumerate(self.hits):
            with m.If(frees & all_told & (which == k)):
                m.d.comb += link.ready.eq(1)
                m.d.sync += [self.out.valid.eq(link.valid), self.out.payload.eq(link.payload)]
        return m

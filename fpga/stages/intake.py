"""The side of a board that faces a front-end."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from db.detector import Detector
from fpga.stages.hit_fields import layout


class Intake(wiring.Component):
    """Hits from a front-end that can't wait: their fields in, in any clock, their words out.

    The struct of the fields is the declaration's. Up to ``depth`` hits wait; ``overflows`` is 1 in
    each clock that loses a hit because so many do.
    """

    def __init__(self, detector: Detector, depth: int = 64) -> None:
        self._layout, self._depth = layout(detector), depth
        words = stream.Signature(self._layout.size)
        super().__init__(
            {
                "hits": In(stream.Signature(self._layout)),
                "out": Out(words),
                "overflows": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A queue that loses what doesn't fit."""
        m = Module()
        m.submodules.queue = queue = SyncFIFOBuffered(width=self._layout.size, depth=self._depth)
        m.d.comb += [
            self.hits.ready.eq(1),
            queue.w_data.eq(self.hits.payload.as_value()),
            queue.w_en.eq(self.hits.valid),
            self.overflows.eq(self.hits.valid & ~queue.w_rdy),
            self.out.payload.eq(queue.r_data),
            self.out.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.out.ready),
        ]
        return m

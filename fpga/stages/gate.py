"""Masks and prescales of channels as hardware."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from db.detector import Detector
from fpga.control.registers import KEEP, REMOVED, SEEN
from fpga.stages.hit_fields import of_hit, sound


class Gate(wiring.Component):
    """Masks and prescales of single channels, and what each channel sent.

    The register ``keep`` of a channel says which of its sound hits pass: none (0), all (1, as at
    first), one in n. All else passes. Each channel counts the sound hits that came and those that
    were removed, modulo 2**32. ``removes`` is 1 in each clock that takes a hit away. One hit a
    clock, two clocks later.

    The bus: ``writes`` sets ``keep`` of ``channel`` to ``value``; ``found`` is the register of
    ``table`` (KEEP, SEEN, REMOVED) and ``channel`` a clock before.
    """

    def __init__(self, detector: Detector, channels: int = 512) -> None:
        """``channels`` is a power of two: the lowest bits of a hit's channel number it."""
        self._detector, self._channels = detector, channels
        self._width, bits = 64 * detector.words_per_hit, (channels - 1).bit_length()
        hits = stream.Signature(self._width)
        super().__init__(
            {
                "hits": In(hits),
                "out": Out(hits),
                "removes": Out(1),
                "channel": In(bits),
                "table": In(2),
                "value": In(32),
                "writes": In(1),
                "found": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """The tables are read as a hit comes in and written as it goes on."""
        m = Module()
        came, judged = Signal(self._width), Signal(self._width)
        has_came, has_judged, kept = Signal(), Signal(), Signal()
        frees, moves = Signal(), Signal()
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
            m.d.sync += [judged.eq(came), has_judged.eq(has_came)]

        arriving, here = self._channel(self.hits.payload), Signal(range(self._channels))
        with m.If(moves):
            m.d.sync += here.eq(arriving)
        counts = Signal()
        m.d.comb += counts.eq(has_came & frees & sound(self._detector, came))

        m.submodules.keep = keep = self._table(init=1)
        set_keep, keep_here = keep.write_port(), keep.read_port()
        m.d.comb += [
            *(set_keep.addr.eq(self.channel), set_keep.data.eq(self.value)),
            *(set_keep.en.eq(self.writes), keep_here.addr.eq(arriving), keep_here.en.eq(moves)),
        ]
        # How many more hits of the channel are left out before the next is kept.
        m.submodules.left = left = self._table(init=0)
        n, rest, passes = keep_here.data, Signal(32), Signal()
        updates = [(left, rest, Mux(passes, n - 1, rest - 1))]
        m.d.comb += passes.eq((n != 0) & ((rest == 0) | (rest >= n)))
        seen, removed = Signal(32), Signal(32)
        m.submodules.seen = seen_table = self._table(init=0)
        m.submodules.removed = removed_table = self._table(init=0)
        updates += [(seen_table, seen, seen + 1), (removed_table, removed, removed + ~passes)]
        for table, old, new in updates:
            write = table.write_port()
            read = table.read_port(transparent_for=(write,))
            m.d.comb += [
                *(read.addr.eq(arriving), read.en.eq(moves), old.eq(read.data)),
                *(write.addr.eq(here), write.en.eq(counts), write.data.eq(new)),
            ]
        with m.If(frees):
            m.d.sync += kept.eq(passes | ~sound(self._detector, came))

        table_before = Signal(2)
        m.d.sync += table_before.eq(self.table)
        for number, table in ((KEEP, keep), (SEEN, seen_table), (REMOVED, removed_table)):
            read = table.read_port()
            m.d.comb += [read.addr.eq(self.channel), read.en.eq(1)]
            with m.If(table_before == number):
                m.d.comb += self.found.eq(read.data)
        return m

    def _channel(self, hit: Value) -> Value:
        return of_hit(self._detector, "channel", hit)[: (self._channels - 1).bit_length()]

    def _table(self, init: int) -> memory.Memory:
        return memory.Memory(shape=32, depth=self._channels, init=[init] * self._channels)

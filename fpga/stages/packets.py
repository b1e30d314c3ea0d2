"""The side of a board that faces the readout."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from db.words.frame import MAGIC, VERSION, WORDS


class Packets(wiring.Component):
    """Words in; frames of ``db.words.frame`` out, 8 bytes a clock, ``last`` with their last ones.

    A frame is closed when it has ``most`` words, or when ``linger`` clocks have passed since its
    first. ``link`` and ``stream`` are what stands in the header; ``first`` counts from 0.
    """

    def __init__(self, most: int = 160, linger: int = 4096) -> None:
        """160 words fit a packet of 1,304 bytes, which every network carries whole."""
        self._most, self._linger = most, linger
        super().__init__(
            {
                "words": In(stream.Signature(64)),
                "link": In(16),
                "stream": In(32),
                "out": Out(stream.Signature(64)),
                "last": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """A queue of words, a queue of lengths, and what sends as many words as a length says."""
        m = Module()
        m.submodules.queue = queue = SyncFIFOBuffered(width=64, depth=2 * self._most)
        bits = self._most.bit_length()
        m.submodules.lengths = lengths = SyncFIFOBuffered(width=bits, depth=8)
        takes, closes = Signal(), Signal()
        n, age = Signal(bits), Signal(range(self._linger + 1))
        m.d.comb += [
            closes.eq(lengths.w_rdy & ((n == self._most) | ((age == self._linger) & (n != 0)))),
            *(lengths.w_en.eq(closes), lengths.w_data.eq(n)),
            self.words.ready.eq(queue.w_rdy & (closes | (n != self._most))),
            takes.eq(self.words.valid & self.words.ready),
            *(queue.w_en.eq(takes), queue.w_data.eq(self.words.payload)),
        ]
        with m.If(closes):
            m.d.sync += [n.eq(takes), age.eq(0)]
        with m.Else():
            m.d.sync += n.eq(n + takes)
            with m.If((n != 0) & (age != self._linger)):
                m.d.sync += age.eq(age + 1)
        self._send(m, queue, lengths)
        return m

    def _send(self, m: Module, queue: SyncFIFOBuffered, lengths: SyncFIFOBuffered) -> None:
        n_words, left, first = Signal.like(lengths.r_data), Signal.like(lengths.r_data), Signal(64)
        m.d.comb += n_words.eq(lengths.r_data)
        begins = Const(int.from_bytes(MAGIC, "little") | VERSION << 32 | WORDS << 40, 48)
        header = [Cat(begins, self.link), Cat(self.stream, n_words), first]
        names = ["MAGIC", "LENGTH", "FIRST", "WORDS"]
        with m.FSM():
            for name, following, word in zip(names, names[1:], header, strict=False):
                with m.State(name):
                    m.d.comb += [self.out.valid.eq(lengths.r_rdy), self.out.payload.eq(word)]
                    with m.If(self.out.valid & self.out.ready):
                        m.d.sync += left.eq(n_words)
                        m.next = following
            with m.State("WORDS"):
                m.d.comb += [
                    *(self.out.valid.eq(queue.r_rdy), self.out.payload.eq(queue.r_data)),
                    *(queue.r_en.eq(self.out.ready), self.last.eq(left == 1)),
                ]
                with m.If(self.out.valid & self.out.ready):
                    m.d.sync += left.eq(left - 1)
                    with m.If(self.last):
                        m.d.comb += lengths.r_en.eq(1)
                        m.d.sync += first.eq(first + n_words)
                        m.next = "MAGIC"

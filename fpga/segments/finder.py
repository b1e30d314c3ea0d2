"""Segments of one chamber, found while its hits pass."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from fpga.segments.chamber import LAYERS, Chamber, clock_steps
from fpga.segments.fit import CHOICE_STEPS, LINE_STEPS, choose, line
from fpga.segments.model import TIME_BITS
from fpga.segments.neighbours import STEPS, neighbours, wires_of
from fpga.segments.pipeline import Pipeline, table
from fpga.segments.segment_words import (
    HIGHQ,
    PATTERN_BIT,
    POSITION,
    QUALITY,
    SLOPE,
    TIME,
    channel_of,
)
from fpga.stages.hit_fields import layout, of_hit, sound

TIME_STEPS, CLOCK_STEPS, QUEUE_STEPS = 3, 2, 3
STAGES = 1 + TIME_STEPS + STEPS + CHOICE_STEPS + 1 + LINE_STEPS + CLOCK_STEPS
LATENCY = STAGES + QUEUE_STEPS
"""Clocks from a word to its way out, if nobody makes it wait."""
ROOM = 64
"""Words that may be inside: more than LATENCY, so that it takes one a clock."""


class Finder(wiring.Component):
    """A stream of words; behind a hit that completes a segment of the chamber its four words.

    To the bit what ``model.find`` and ``segment_words.with_segments`` make of the stream. One word
    a clock, LATENCY clocks later, whatever it is; a segment takes four clocks more. ``adds`` is 1
    in each clock in which a segment's word goes out.
    """

    def __init__(self, chamber: Chamber) -> None:
        self._chamber = chamber
        words = stream.Signature(64)
        super().__init__({"hits": In(words), "out": Out(words), "adds": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """A pipeline that never stops, a queue for what leaves it, and what sends from that."""
        m, chamber = Module(), self._chamber
        p, takes = Pipeline(m), Signal()
        m.d.comb += takes.eq(self.hits.valid & self.hits.ready)
        came, valid = p.register(self.hits.payload), p.register(takes, resets=True)
        t, layer, wire, mine = self._hit(p, came, valid)
        choice = choose(p, chamber, paths := neighbours(p, chamber, t, layer, wire, mine))
        # The fit needs the hits of the pattern's path.
        wait = STEPS + CHOICE_STEPS
        shape = table([pattern.shape for pattern in chamber.patterns], choice.number)
        of_path = [Cat(p.after(time, CHOICE_STEPS) for time in path.times) for path in paths]
        width = len(of_path[0]) // LAYERS
        together = p.register(Array(of_path)[shape])
        times = [together.word_select(k, width).as_signed() for k in range(LAYERS)]
        at = p.after(layer, wait), p.after(wire, wait)
        wires = [p.register(each) for each in wires_of(chamber, shape, *at)]
        number, fits = p.register(choice.number), p.register(choice.fits & p.after(mine, wait))
        found = line(p, chamber, number, times, wires)
        several = p.after(choice.several, 1 + LINE_STEPS + CLOCK_STEPS)
        quality = Cat(
            Const(HIGHQ, PATTERN_BIT - 1),
            several,
            p.after(Cat(number, Const(0, 8))[:5], LINE_STEPS + CLOCK_STEPS),
            *(p.after(each, LINE_STEPS + CLOCK_STEPS) for each in wires),
        )
        slope, steepest = found.slope10, 10 * chamber.steepest
        flat = p.register((slope <= steepest) & (slope >= -steepest))
        told = {
            "came": p.after(came, STAGES - 1),
            "segment": p.after(fits, LINE_STEPS + CLOCK_STEPS) & p.register(flat),
            "slope": p.after(slope, CLOCK_STEPS),
            "position": p.after(found.x4, CLOCK_STEPS),
            "quality": quality,
            **self._clock(p, p.after(came, STAGES - 2 - CLOCK_STEPS), found.t0),
        }
        self._send(m, takes, p.after(valid, STAGES - 1, resets=True), told)
        return m

    def _hit(self, p: Pipeline, came: Value, valid: Value) -> tuple[Value, Value, Value, Value]:
        """Time, layer and wire from 0, and whether it is one of the chamber's, TIME_STEPS later."""
        detector = self._chamber.detector
        view = data.View(layout(detector), came)
        parts = [
            p.register((view[name] * step)[:TIME_BITS])
            for name, step in clock_steps(detector).items()
        ]
        t = p.register(p.register(parts[0] + parts[1]) + p.register(parts[2]))[:TIME_BITS]
        layer, wire, number = (
            of_hit(detector, name, came) for name in ("layer", "wire", "chamber")
        )
        mine = valid & sound(detector, came) & (number == self._chamber.number) & (wire != 0)
        bits = (self._chamber.wires - 1).bit_length()
        own = ((layer - 1)[:2], (wire - 1)[:bits], mine)
        at_layer, at_wire, is_mine = (p.after(value, TIME_STEPS) for value in own)
        return t, at_layer, at_wire, is_mine

    def _clock(self, p: Pipeline, came: Value, t0: Value) -> dict[str, Value]:
        """The segment's time in the clock's fields, CLOCK_STEPS + 1 later."""
        steps = clock_steps(self._chamber.detector)
        (lowest, one), (middle, some), (highest, many) = steps.items()
        base, next_base = some // one, many // some
        view = data.View(layout(self._chamber.detector), came)
        up = -(-(1 << len(t0) - 1) // base)
        from_low = p.register((view[lowest] + t0 + (up * base - 1))[: len(t0) + 1])
        shift = len(from_low) + base.bit_length()
        quotient = p.register((from_low * -(-(1 << shift) // base)).shift_right(shift))
        low = p.register(p.register(from_low) - quotient * base + 1)
        middle_now = p.after(view[middle], 2) + quotient - up
        under, over = middle_now < 0, middle_now >= next_base
        mid = p.register(
            Mux(under, middle_now + next_base, Mux(over, middle_now - next_base, middle_now))
        )
        high = p.register(p.after(view[highest], 2) - under + over)
        digits = {lowest: low, middle: mid, highest: high}
        return {name: value[: len(view[name])] for name, value in digits.items()}

    def _words(self, m: Module, told: Any) -> list[Value]:
        """The words of a segment, in the order in which they are sent."""
        detector, marks = self._chamber.detector, channel_of(self._chamber)
        time = Signal(layout(detector))
        m.d.comb += [time[name].eq(value) for name, value in (marks | {"head": TIME}).items()]
        m.d.comb += [time[name].eq(told[name]) for name in clock_steps(detector)]
        words: list[Value] = [time.as_value()]
        for head, name in ((SLOPE, "slope"), (POSITION, "position"), (QUALITY, "quality")):
            mark = layout(detector).const(marks | {"head": head}).as_value()
            full = Signal(32)
            m.d.comb += full.eq(told[name])
            words.append(mark | full)
        return words

    def _send(self, m: Module, takes: Signal, comes: Value, told: Mapping[str, Value]) -> None:
        """A queue of what leaves the pipeline, and what sends one word after the other from it.

        As many words are taken as the queue has room for, so that the pipeline need not stop.
        """
        shape = data.StructLayout({name: value.shape() for name, value in told.items()})
        m.submodules.queue = queue = SyncFIFOBuffered(width=shape.size, depth=ROOM + 1)
        # What a block memory tells comes late in a clock: it is held in registers.
        first, there = Signal(shape, reset_less=True), Signal()
        words = [first.came, *self._words(m, first)]
        number, inside = Signal(range(len(words))), Signal(range(ROOM + 1))
        goes, leaves = Signal(), Signal()
        last = Mux(first.segment, number == len(words) - 1, 1)
        m.d.comb += [
            *(queue.w_en.eq(comes), queue.w_data.eq(Cat(told.values()))),
            *(self.out.valid.eq(there), self.out.payload.eq(Array(words)[number])),
            *(goes.eq(there & self.out.ready), leaves.eq(goes & last)),
            queue.r_en.eq(~there | leaves),
            self.hits.ready.eq(inside != ROOM),
            self.adds.eq(goes & (number != 0)),
        ]
        m.d.sync += inside.eq(inside + takes - leaves)
        with m.If(queue.r_en):
            m.d.sync += [first.eq(queue.r_data), there.eq(queue.r_rdy)]
        with m.If(goes):
            m.d.sync += number.eq(Mux(last, 0, number + 1))

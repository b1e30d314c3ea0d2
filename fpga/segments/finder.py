"""Segments of one chamber, found while its hits pass."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from fpga.segments.chamber import LAYERS, Chamber, clock_steps
from fpga.segments.fit import CHOICE_STEPS, LINE_STEPS, Line, choose, line
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

TIME_STEPS, CLOCK_STEPS = 3, 2
LATENCY = 1 + TIME_STEPS + STEPS + CHOICE_STEPS + 1 + LINE_STEPS + CLOCK_STEPS
"""Clocks from a word to its way out, if nobody makes it wait."""


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
        """A pipeline that moves as a whole, and what sends one word after the other at its end."""
        m, chamber = Module(), self._chamber
        go = Signal()
        p = Pipeline(m, go)
        came, valid = p.register(self.hits.payload), p.register(self.hits.valid)
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
        word = p.after(came, LATENCY - 1)
        slope, steepest = found.slope10, 10 * chamber.steepest
        flat = p.register((slope <= steepest) & (slope >= -steepest))
        segment = p.after(fits, LINE_STEPS + CLOCK_STEPS) & p.register(flat)
        words = self._words(p, p.after(came, LATENCY - 1 - CLOCK_STEPS), found, quality)
        self._send(m, go, p.after(valid, LATENCY - 1), segment, [word, *words])
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

    def _words(self, p: Pipeline, came: Value, found: Line, quality: Value) -> list[Value]:
        """The segment's words, CLOCK_STEPS later: its time in the clock's digits, then numbers."""
        detector = self._chamber.detector
        steps = clock_steps(detector)
        (lowest, one), (middle, some), (highest, many) = steps.items()
        base, next_base = some // one, many // some
        view = data.View(layout(detector), came)
        up = -(-(1 << len(found.t0) - 1) // base)
        from_low = (view[lowest] + found.t0 + (up * base - 1))[: len(found.t0) + 1]
        shift = len(from_low) + base.bit_length()
        quotient = p.register((from_low * -(-(1 << shift) // base)).shift_right(shift))
        low = p.register(p.register(from_low) - quotient * base + 1)
        middle_now = p.register(view[middle]) + quotient - up
        under, over = middle_now < 0, middle_now >= next_base
        mid = p.register(
            Mux(under, middle_now + next_base, Mux(over, middle_now - next_base, middle_now))
        )
        high = p.register(p.register(view[highest]) - under + over)
        marks = channel_of(self._chamber)
        time = Signal(layout(detector))
        p.m.d.comb += [time[name].eq(value) for name, value in marks.items()]
        p.m.d.comb += [
            *(time.head.eq(TIME), time[lowest].eq(low)),
            *(time[middle].eq(mid), time[highest].eq(high)),
        ]
        numbers = (
            (SLOPE, p.after(found.slope10, 2)),
            (POSITION, p.after(found.x4, 2)),
            (QUALITY, quality),
        )
        words: list[Value] = [time.as_value()]
        for head, number in numbers:
            mark = layout(detector).const(marks | {"head": head}).as_value()
            full = Signal(32)
            p.m.d.comb += full.eq(number)
            words.append(mark | full)
        return words

    def _send(
        self, m: Module, go: Signal, valid: Value, segment: Value, words: list[Value]
    ) -> None:
        number = Signal(range(len(words)))
        last = Mux(segment, number == len(words) - 1, 1)
        m.d.comb += [
            self.out.valid.eq(valid),
            self.out.payload.eq(Array(words)[number]),
            go.eq(~valid | (self.out.ready & last)),
            self.hits.ready.eq(go),
            self.adds.eq(valid & self.out.ready & (number != 0)),
        ]
        with m.If(valid & self.out.ready):
            m.d.sync += number.eq(Mux(last, 0, number + 1))

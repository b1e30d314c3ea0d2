"""What the reconstruction is worth on chambers as they are, as a table.

python tests/software_triggers/library/figures.py [muons of each set]
"""

import sys

import numpy as np
import polars as pl
from judgement import angle_deg, from_wire_mm, judge_segments, judge_tracks, shares_of_four
from real_chambers import CONSTANTS, REAL, Chambers, Muons, muons_through

from software_triggers.library.mean_timer import segments
from software_triggers.library.straight_track import tracks

SETS = {"1 ns": Chambers(1.0), "3 ns": Chambers(3.0), "4 ns": Chambers(4.0), "real": REAL}
TRACKING = {n: CONSTANTS[n] for n in ("tick_ns", "v_drift_um_per_ns", "cell_height_mm")}
TRACKING["flight_ns_per_m"] = 1e3 / 299.792458
RATES_HZ = (1e4, 1e5, 2e5, 5e5)
CELL_EDGES_MM = (0, 3, 6, 9, 12, 15, 18, 21)
ANGLE_EDGES_DEG = (0, 10, 20, 30, 38, 45)


def judged(muons: Muons, resolution_ns: float | None = None) -> dict[str, float]:
    """Figures of segments and tracks, with the default resolution or a given one."""
    width = {} if resolution_ns is None else {"resolution_ns": resolution_ns}
    found = segments(muons.hits, **CONSTANTS, **width)
    joined = tracks(found, **TRACKING)
    return judge_segments(muons, found) | judge_tracks(muons, joined)


def found_in(muons: Muons) -> tuple[Muons, pl.DataFrame]:
    return muons, segments(muons.hits, **CONSTANTS)


def show(title: str, columns: list[str], rows: dict[str, list[float]]) -> None:
    lines = [["", *columns], *([name, *(f"{v:.4f}" for v in row)] for name, row in rows.items())]
    lines[0][0] = title
    text = [f"{line[0]:28s}" + "".join(f"{cell:>9s}" for cell in line[1:]) for line in lines]
    sys.stdout.write("\n".join(["", *text, ""]))


def main(n: int) -> None:
    made = {name: muons_through(np.random.default_rng(7), n, SETS[name]) for name in SETS}
    for title, known in (("default settings", False), ("resolution known", True)):
        each = [judged(made[k], SETS[k].resolution_ns if known else None) for k in SETS]
        rows = {name: [figures[name] for figures in each] for name in each[0]}
        show(title, list(SETS), rows)
    whole = {k: found_in(made[k]) for k in SETS}
    for title, where, edges in (
        ("four as four, mm from a wire", from_wire_mm, CELL_EDGES_MM),
        ("four as four, degrees", angle_deg, ANGLE_EDGES_DEG),
    ):
        names = [f"< {edge}" for edge in edges[1:]]
        show(title, names, {k: shares_of_four(*whole[k], where, edges) for k in SETS})
    rates = {
        name: [
            shares_of_four(
                *found_in(muons_through(np.random.default_rng(8), n, SETS[name], rate_hz=rate)),
                angle_deg,
                (0, 38),
            )[0]
            for rate in RATES_HZ
        ]
        for name in ("3 ns", "real")
    }
    show("four as four, muons a second", [f"{rate:.0e}" for rate in RATES_HZ], rates)
    pairs = {}
    for name, chambers in (("3 ns", SETS["3 ns"]), ("4 ns", SETS["4 ns"])):
        two = muons_through(np.random.default_rng(9), n, chambers, rate_hz=2e4, apart_ns=300.0)
        pairs[name] = shares_of_four(*found_in(two), angle_deg, (0, 38))
    show("two muons 300 ns apart", ["found"], pairs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)

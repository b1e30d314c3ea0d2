"""Segments over a grid of what the simulator can do to chambers, with default settings."""

from dataclasses import fields, replace
from functools import cache

import polars as pl
import pytest

from db.detector import Detector, decode, load
from readout.simulator.conditions import REAL, Conditions
from readout.simulator.simulate import simulate
from software_triggers.library.drift_tubes import segments

MUONS, RATE_HZ = 3000, 2e4
CALM = replace(
    Conditions(muon_rate_hz=RATE_HZ, noise_fraction=0, inefficiency=0, segment_words=False),
    dead_ns=REAL.dead_ns,
)
ALONE = [
    field.name
    for field in fields(Conditions)
    if getattr(REAL, field.name) != getattr(CALM, field.name)
    and field.name not in ("muon_rate_hz", "segment_words")
]


@cache
def v2() -> Detector:
    return load("drift_tubes_v2")


def four_as_four(conditions: Conditions) -> float:
    """Share of the passages with four sound hits for which a segment of four hits is found.

    Three of its hits must be the muon's: at a border the fourth may be the one in the cell beyond.
    """
    stop = round(MUONS / RATE_HZ * 1e9 / float(v2().tick))
    made = simulate(v2(), conditions, 5, 0, stop)
    names = ("t", "chamber", "layer", "wire", "view", "x_mm", "z_mm")
    columns = decode(v2(), made.stream.words.ravel(), columns=(*names, "hit"))
    hits = pl.DataFrame({name: columns[name][columns["hit"]] for name in names})
    assert segments.compute is not None
    found = segments.compute(hits=hits, detector=v2()).filter(n_hits=4)
    inside = made.segments.filter(n_hits=4).filter(pl.col("t0") < stop - 2000)
    true, told = (
        pl.DataFrame({"chamber": rows["chamber"], "t": rows[name].to_list()})
        .with_row_index("row")
        .with_columns(layer=[0, 1, 2, 3])
        .explode("t", "layer")
        for rows, name in ((inside, "hits"), (found, "hit_t"))
    )
    both = true.join(told, on=["chamber", "layer", "t"]).group_by("row", "row_right").len()
    return both.filter(pl.col("len") >= 3)["row"].n_unique() / len(inside)


@pytest.mark.parametrize("name", ALONE)
def test_each_condition_alone_leaves_four_hits_findable(name: str) -> None:
    assert four_as_four(replace(CALM, **{name: getattr(REAL, name)})) > 0.99


@pytest.mark.parametrize("smear_ns", [1.0, 3.0, 4.0])
@pytest.mark.parametrize("slope_sigma", [0.1, 0.35])
def test_all_conditions_together_leave_four_hits_findable(
    smear_ns: float, slope_sigma: float
) -> None:
    real = replace(REAL, muon_rate_hz=RATE_HZ, smear_ns=smear_ns, slope_sigma=slope_sigma)
    assert four_as_four(replace(real, segment_words=False)) > 0.98

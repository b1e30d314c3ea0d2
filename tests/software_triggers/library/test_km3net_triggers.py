"""KM3NeT's triggers on real hits: against brute force, and against what the experiment's own found."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from km3net_testdata import data_path

from db.catalogue.runs import close_run, open_run
from db.detector import Detector, loads
from db.results.rows import read_committed
from db.words.hits_view import create_views
from readout.readout import Readout
from readout.source.detx import declaration, read_detx
from readout.source.km3net import event_frame, read_slices, slice_frame, start_utc_ns
from software_triggers.registry import known_triggers
from software_triggers.running.threads import run_stages
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

EVER = Window(-(2**62), 2**62)
SLICE = 100_000_000
ORCA = "D_ORCA006_t.A02181836.p.A02181837.r.A02182001.detx"
ARCA = "KM3NeT_00000133_20221025.detx"
MUON = 1 << 4
"""The bit of an event's hits that says that the experiment's muon trigger (3DMuon) fired."""
NEAR = 10_000
"""ns before and after an event's hits: its times and ours differ by t0, up to 1 us, and more."""


def declared(name: str) -> Detector:
    return loads(declaration(read_detx(Path(data_path(f"detx/{name}"))), "sea", name))


@pytest.fixture(scope="module")
def stored(engine):
    """Stores a tree of a file once for all tests: the run."""
    detectors = {name: declared(name) for name in (ORCA, ARCA)}
    runs = {}

    def run_of(detx, name, tree, cell=SLICE):
        key = detx, name, tree, cell
        if key not in runs:
            run = open_run(engine, detectors[detx], cell=cell)
            create_views(engine, run.detector)
            with Readout(engine, run) as readout:
                for block in read_slices(Path(data_path(f"online/{name}")), run.detector, tree):
                    readout.push(block)
            runs[key] = close_run(engine, run)
        return runs[key]

    return run_of


def found_by(engine, run, trigger, **params):
    (stage,) = run_stages(engine, run, known_triggers(), {trigger: params})
    return read_committed(engine, stage.lineage, run.cell, EVER.a, EVER.b).sort("t")


def timed_hits(engine, run):
    """(ps, t, module, pmt, position) of each hit, in order."""
    names = ("t", "module", "pmt", "t0_ns", "x_m", "y_m", "z_m")
    rows = read_frame(engine, run, EVER, names).select(names).rows()
    return sorted((1000 * t + round(1000 * t0), t, m, p, xyz) for t, m, p, t0, *xyz in rows)


def bursts(hits, least, within):
    """(ps, t, module, position, pmts) where so many PMTs of a module follow, in order."""
    by_module = defaultdict(list)
    for hit in hits:
        by_module[hit[2]].append(hit)
    found = []
    for of_module in by_module.values():
        before = None
        for k, (ps, t, module, _, at) in enumerate(of_module):
            pmts, j = set(), k
            while j > 0 and of_module[j - 1][0] == ps:
                j -= 1
            while j < len(of_module) and of_module[j][0] <= ps + 1000 * within:
                pmts.add(of_module[j][3])
                j += 1
            if len(pmts) >= least:
                if before is None or ps - before > 1000 * within:
                    found.append((ps, t, module, at, len(pmts)))
                before = ps
    return sorted(found)


def muons(hits, least=5, within=25, span=3000, slack=20.0):
    """(t, modules) of each muon."""
    seen = bursts(hits, 2, within)
    begins = []
    for k, (ps, t, *_) in enumerate(seen):
        stop = k
        while stop < len(seen) and seen[stop][0] <= ps + 1000 * span:
            stop += 1

        def connected(one, other):
            light_ps = np.linalg.norm(np.subtract(one[3], other[3])) * 1.38 / 0.000299792458
            return abs(one[0] - other[0]) <= 1000 * slack + light_ps

        near = [each for each in seen[k:stop] if connected(seen[k], each)]
        sure = [a for a in near if len({b[2] for b in near if connected(a, b)}) >= least]
        if (n := len({each[2] for each in sure})) >= least:
            begins.append((ps, t, n))
    return [
        (t, max(n for ps_, _, n in begins if ps <= ps_ <= ps + 1000 * span))
        for k, (ps, t, _) in enumerate(begins)
        if k == 0 or ps - begins[k - 1][0] > 1000 * span
    ]


@pytest.mark.parametrize(("least", "within"), [(4, 10), (3, 15)])
def test_bursts_are_those_of_a_brute_force_search(engine, stored, least, within):
    run = stored(ORCA, "km3net_online.root", "L1")
    found = found_by(engine, run, "supernova", min_pmts=least, within=f"{within} ns")
    wanted = bursts(timed_hits(engine, run), least, within)
    assert len(wanted) > 50
    assert sorted(found.select("t", "module", "pmts").rows()) == sorted(
        (t, module, pmts) for _, t, module, _, pmts in wanted
    )


@pytest.mark.parametrize(
    ("detx", "name", "tree"),
    [(ORCA, "events_sample.root", "events"), (ORCA, "events_sample.root", "L1")],
)
@pytest.mark.slow
def test_muons_are_those_of_a_brute_force_search(engine, stored, detx, name, tree):
    run = stored(detx, name, tree)
    found = found_by(engine, run, "muon_3d")
    assert found.select("t", "modules").rows() == muons(timed_hits(engine, run))
    fewer = found_by(engine, run, "muon_3d", min_modules=3, slack=5.0, span="1 us")
    assert len(fewer) > len(found)
    wanted = muons(timed_hits(engine, run), least=3, slack=5.0, span=1000)
    assert fewer.select("t", "modules").rows() == wanted


@pytest.mark.parametrize("trigger", ["muon_3d", "supernova"])
def test_windows_do_not_show(engine, stored, trigger):
    """Cells of 100 ms and of 5 us, in which an event is cut many times."""
    whole, cut = (stored(ORCA, "events_sample.root", "events", cell) for cell in (SLICE, 5_000))
    assert len(found_by(engine, whole, trigger)) > 5
    assert found_by(engine, whole, trigger).equals(found_by(engine, cut, trigger))


@pytest.mark.parametrize(("name", "n"), [("km3net_online.root", 77), ("events_sample.root", 5)])
def test_each_burst_that_the_experiment_kept_for_supernovae_is_found(engine, stored, name, n):
    """The experiment keeps the hits of such bursts alone: what it took is what we find, to the hit."""
    run = stored(ORCA, name, "SN")
    found = found_by(engine, run, "supernova")
    assert len(found) == n
    kept = slice_frame(Path(data_path(f"online/{name}")))
    assert found["pmts"].sum() == len(kept)


def test_bursts_of_l1_hits_are_as_many_as_the_experiment_finds(engine, stored):
    """In other slices of the same run: it kept 77 of three, we find 76 in three."""
    found = found_by(engine, stored(ORCA, "km3net_online.root", "L1"), "supernova")
    assert (found["t"] // SLICE).n_unique() == 3
    assert len(found) == 76


EVENTS = [
    # Of the events of a file those that its muon trigger found, those of other triggers alone, and
    # how many of both muon_3d finds.
    (ORCA, "km3net_online.root", (2, 2), (1, 0)),
    (ORCA, "events_sample.root", (6, 6), (4, 2)),
    (ARCA, "KM3NeT_00000133_JDAQEvent.root", (9, 9), (1, 1)),
    pytest.param(
        ARCA, "muon_cc_daqevents.root", (196, 196), (54, 38), marks=pytest.mark.slow
    ),  # simulated by the experiment
]


def events_of(name, start):
    """The experiment's events: first and last time in ns since the start, modules, triggers."""
    t = (pl.col("utc_ns") - start).alias("t")
    return (
        event_frame(Path(data_path(f"online/{name}")))
        .group_by("event")
        .agg(
            t.min().alias("a"),
            t.max().alias("b"),
            pl.col("module").n_unique().alias("modules"),
            pl.col("mask").bitwise_or() & MUON != 0,
        )
        .sort("event")
    )


@pytest.mark.parametrize(("detx", "name", "muons_", "others"), EVENTS)
def test_the_events_of_the_experiment_are_found(engine, stored, detx, name, muons_, others):
    """All that its muon trigger took. What it has of showers alone may lie in too few modules. Hits
    around an event are in the file, a few us, so that nothing is found elsewhere.
    """
    found = found_by(engine, stored(detx, name, "events"), "muon_3d")["t"].to_numpy()
    events = events_of(name, start_utc_ns(Path(data_path(f"online/{name}")), "events"))
    first = np.searchsorted(found, events["a"].to_numpy() - NEAR)
    stop = np.searchsorted(found, events["b"].to_numpy() + NEAR)
    events = events.with_columns(found=pl.Series(stop > first))
    for is_muon, (n, n_found) in ((True, muons_), (False, others)):
        those = events.filter(pl.col("mask") == is_muon)
        assert (len(those), those["found"].sum()) == (n, n_found)
    assert len(found) == (stop - first).sum()
    assert events.filter(~pl.col("found"))["modules"].max() or 0 < 8


@pytest.mark.slow
def test_muons_are_found_among_all_l1_hits_of_a_second(engine, stored):
    """Where the file has both: the events of slices whose L1 hits are there, too. The one that isn't
    found is a shower's, in four modules. Events of the file are a sample, L1 hits are all.
    """
    name = "events_sample.root"
    found = found_by(engine, stored(ORCA, name, "L1"), "muon_3d")
    events = events_of(name, start_utc_ns(Path(data_path(f"online/{name}")), "L1"))
    events = events.filter(pl.col("a").is_between(0, 10 * SLICE))
    near = pl.DataFrame({"t": found["t"]}).join(events, how="cross")
    near = near.filter(pl.col("t").is_between(pl.col("a") - NEAR, pl.col("b") + NEAR))
    assert near["event"].n_unique() == 3
    missed = events.join(near, on="event", how="anti")
    assert missed.select("modules", "mask").rows() == [(4, False)]
    more = found.join(near, on="t", how="anti")
    assert more["modules"].to_list() == [11, 9]

"""Real data of KM3NeT: every hit of three time slices, stored, read back, and searched."""

from collections import defaultdict

import numpy as np
import pytest
from km3net_testdata import data_path

from db.catalogue.runs import close_run, open_run
from db.detector import decode, load
from db.results.rows import read_committed
from db.words.hits_view import create_views
from readout.readout import Readout
from readout.source.open import open_source
from software_triggers.registry import known_triggers
from software_triggers.running.threads import run_stages
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

EVER = Window(-(2**62), 2**62)
FILE = data_path("online/km3net_online.root")
HITS_IN_SLICES = (49_054, 49_243, 49_166)  # in order of time; the file has the second first


@pytest.fixture(scope="module")
def stored(engine):
    """The run, and for each slice what the source delivered: t, module, pmt, tot."""
    detector = load("km3net")
    run = open_run(engine, detector, cell=100_000_000)
    create_views(engine, run.detector)
    delivered = defaultdict(list)
    with Readout(engine, run) as readout:
        for block in open_source(FILE, detector).blocks:
            columns = decode(detector, block.words, block.epoch)
            names = ("t", "module", "pmt", "tot")
            delivered[block.epoch] += zip(*(columns[n].tolist() for n in names), strict=True)
            readout.push(block)
    return close_run(engine, run), delivered


def test_every_hit_is_stored_and_read_back_equal(engine, stored):
    run, delivered = stored
    assert tuple(len(hits) for _, hits in sorted(delivered.items())) == HITS_IN_SLICES
    read = read_frame(engine, run, EVER, ("t", "module", "pmt", "tot"))
    assert sorted(read.rows()) == sorted(hit for hits in delivered.values() for hit in hits)


@pytest.mark.parametrize(("least", "within"), [(4, 10), (2, 25), (6, 20)])
def test_coincidences_are_those_of_a_brute_force_search(engine, stored, least, within):
    run, delivered = stored
    params = {"module_coincidence": {"min_pmts": least, "within": f"{within} ns"}}
    (stage,) = run_stages(engine, run, known_triggers(), params)
    found = read_committed(engine, stage.lineage, run.cell, EVER.a, EVER.b)

    by_module = defaultdict(list)
    for hits in delivered.values():
        for t, module, pmt, _ in hits:
            by_module[module].append((t, pmt))
    expected = set()
    for module, hits in by_module.items():
        times = np.array([t for t, _ in hits])
        pmts = np.array([pmt for _, pmt in hits])
        for t in times:
            together = len(set(pmts[(times >= t) & (times <= t + within)]))
            if together >= least:
                expected.add((int(t), module, together))
    assert len(expected) > 20
    assert found.select("t", "module", "pmts").unique().rows_by_key("t").keys() == {
        t for t, *_ in expected
    }
    assert set(found.select("t", "module", "pmts").rows()) == expected
    assert len(found) == len(found.unique())

"""Columns of any name come whole out of every format."""

import io

import h5py
import polars as pl
import pytest
import uproot
from ticks import Hit, toy_chunks, toy_run, write

from db.catalogue.runs import close_run
from software_triggers.running.threads import run_stages
from software_triggers.trigger import sql_trigger

ODD = sql_trigger("""
-- trigger: odd
-- reach: 0 ns
SELECT t, [nullIf(wire, 3), 7] AS x, toInt32(wire) AS nx, wire / 2 AS x_valid, [nullIf(wire, 2)] AS nx_valid,
    'f' AS ny, [1.5] AS y, 5 AS `x.offsets`, 6 AS `x.valid`, 1 AS `a/b`, 2 AS a, 3 AS `a_b`, 4 AS `.`,
    [wire] AS `n x`, wire + 1, 8 AS `µ`
FROM hits
""")
ROWS = 3


@pytest.fixture(scope="module")
def run(engine):
    run = toy_run(engine)
    hits = [Hit(10, 0, 0), Hit(150, 0, 3), Hit(250, 0, 2)]
    write(engine, run, toy_chunks(run.run_id, hits))
    run = close_run(engine, run)
    run_stages(engine, run, {"odd": ODD}, {"odd": {}})
    return run


def exported(http, run, form):
    params = {"trigger": "odd", "format": form}
    out = http.get(f"/export/{run.run_id}/candidates", params=params)
    assert out.status_code == 200, out.text
    return out.content


@pytest.fixture
def table(http, run):
    return pl.read_parquet(exported(http, run, "parquet"))


def without_null(values):
    return [without_null(v) if isinstance(v, list) else 0 if v is None else v for v in values]


def test_root(http, run, table):
    with uproot.open(io.BytesIO(exported(http, run, "root"))) as file:
        tree = file["odd"]
        arrays = {name: branch.array().tolist() for name, branch in tree.iteritems()}
    for name in table.columns:
        assert arrays[name] == without_null(table[name].to_list()), name
    assert arrays["x_valid_"] == [[True, True], [False, True], [True, True]]


def test_hdf5(http, run, table):
    with h5py.File(io.BytesIO(exported(http, run, "hdf5"))) as file:
        found = {data.attrs.get("column", name): data[:] for name, data in file["odd"].items()}
        lists = file["odd"]["x.offsets_"][:].tolist()
    assert lists == [0, 2, 4, 6]
    for name in table.columns:
        expected = table[name].explode() if table[name].dtype == pl.List else table[name]
        got = [each.decode() if isinstance(each, bytes) else each for each in found[name].tolist()]
        assert got == without_null(expected.to_list()), name


def test_text_and_arrow(http, run, table):
    assert pl.read_ipc_stream(exported(http, run, "arrow")).equals(table)
    assert pl.read_csv(exported(http, run, "csv")).columns == table.columns

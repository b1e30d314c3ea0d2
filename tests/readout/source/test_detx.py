"""Detector files of KM3NeT, real ones: what they say is what the experiment's own data obey."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from km3net_testdata import data_path

from db.catalogue.runs import open_run
from db.detector import Detector, column_sql, decode, encode, loads
from db.detector.elements import elements
from db.engine import Engine
from db.errors import SourceError
from db.words.hits_view import create_views, hits_sql
from readout.readout import Readout
from readout.source.block import Block
from readout.source.detx import declaration, read_detx
from readout.source.km3net import read_slices

FOLDER = Path(data_path("detx/detx_v1.detx")).parent
ORCA = FOLDER / "D_ORCA006_t.A02181836.p.A02181837.r.A02182001.detx"
ARCA = FOLDER / "KM3NeT_00000133_20221025.detx"
SMALL = FOLDER / "detx_v3.detx"
FILES = sorted(path for path in FOLDER.glob("*.detx") if "invalid" not in path.name)


def declared(path: Path) -> Detector:
    return loads(declaration(read_detx(path), "sea", path.name))


@pytest.fixture(scope="module")
def orca() -> Detector:
    return declared(ORCA)


def rows_of(path: Path) -> dict[tuple[int, int], list[float]]:
    """Seven numbers of each module and channel: lines that begin a module are the longer ones
    from version 4 on, and the shorter ones before.
    """
    lines = [line.split() for line in path.read_text().splitlines() if line[:1] != "#"]
    lines = [line for line in lines if len(line) in (4, 8, 9, 12, 13)]
    longest = max(len(line) for line in lines)
    found, module, channel = {}, 0, 0
    for line in lines:
        if len(line) in ((12, 13) if longest > 9 else (4,)):
            module, channel = int(line[0]), 0
        elif module:
            found[module, channel] = [float(token) for token in line[1:8]]
            channel += 1
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_pmt_of_a_file_is_there_with_its_numbers(path: Path) -> None:
    geometry, wanted = read_detx(path), rows_of(path)
    assert geometry.pmts.shape[0] * geometry.pmts.shape[1] == len(wanted)
    for k, module in enumerate(geometry.modules.tolist()):
        for pmt in range(geometry.pmts.shape[1]):
            assert geometry.pmts[k, pmt].tolist() == wanted[module, pmt]


def test_the_pmts_of_a_module_lie_on_a_sphere() -> None:
    """20 cm from its centre, in the direction to which they look."""
    for path in (ORCA, ARCA):
        pmts = read_detx(path).pmts
        centres = pmts[:, :, :3] - 0.2 * pmts[:, :, 3:6]
        assert np.abs(centres - centres.mean(axis=1, keepdims=True)).max() < 0.005


def test_what_a_file_says_of_itself() -> None:
    geometry = read_detx(SMALL)
    assert geometry.detector == 23
    assert geometry.valid_from == datetime(2017, 7, 14, 2, 40, 0, 100_000, UTC)
    assert geometry.modules.tolist() == [1, 2, 3, 4, 5, 6]
    assert geometry.places.tolist() == [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2], [2, 3]]
    # A line of modules ends at the sea bed in something that has no PMT: floor 0.
    assert read_detx(ARCA).places[:, 1].min() == 1


@pytest.mark.parametrize("name", ["km3net_online.root", "events_sample.root"])
def test_with_t0_every_l1_hit_has_a_partner_within_the_25_ns_of_the_experiment(
    name: str, orca: Detector
) -> None:
    """To the limit, and not beyond: it is with this file that the experiment selected the hits.
    Any mistake in the order of PMTs or the sign of t0 would show: without it they are 32 ns apart.
    """
    nearest, found = [], ["module", "pmt", "t", "t0_ns", "placed"]
    for block in read_slices(Path(data_path(f"online/{name}")), orca):
        hits = pl.DataFrame(decode(orca, block.words, columns=found))
        assert hits["placed"].all()
        hits = hits.with_columns(time=pl.col("t") + pl.col("t0_ns")).sort("module", "time")
        gap = pl.col("time").diff().over("module")
        nearest.append(hits.select(pl.min_horizontal(gap, gap.shift(-1).over("module")).max()))
    assert 24.99 < pl.concat(nearest).to_series().max() < 25.0 + 1e-6


def test_every_pmt_is_an_element_in_its_place(orca: Detector) -> None:
    found = elements(orca).select("module", "pmt", "x_mm", "y_mm", "z_mm").rows()
    wanted = [(*key, *(1000 * at for at in row[:3])) for key, row in rows_of(ORCA).items()]
    assert found == sorted(wanted)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_hit_is_where_its_pmt_is(data: st.DataObject, orca: Detector, engine: Engine) -> None:
    """Of modules that the file has, and of others; in every form of the declaration."""
    geometry = read_detx(ORCA)
    known = st.sampled_from(geometry.modules.tolist())
    module = st.one_of(known, known.map(lambda m: m + 1), st.integers(0, 2**32 - 1))
    hits = data.draw(st.lists(st.tuples(module, st.integers(0, 255)), min_size=1, max_size=20))
    modules, pmts = (np.array(each) for each in zip(*hits, strict=True))
    zeros = np.zeros(len(hits), np.int64)
    words = encode(orca, {"module": modules, "pmt": pmts, "time": zeros, "tot": zeros})
    columns = ("x_m", "y_m", "z_m", "dir_x", "dir_y", "dir_z", "t0_ns")
    decoded = decode(orca, words, columns=["placed", "du", "floor", *columns])
    table = rows_of(ORCA)
    wanted = [table.get((m, p), [0.0] * 7) for m, p in hits]
    assert np.column_stack([decoded[name] for name in columns]).tolist() == wanted
    assert decoded["placed"].tolist() == [(m, p) in table for m, p in hits]
    place = dict(zip(geometry.modules.tolist(), geometry.places.tolist(), strict=True))
    found = np.column_stack([decoded["du"], decoded["floor"]]).tolist()
    assert found == [place.get(m, [0, 0]) for m, _ in hits]
    sql = column_sql(orca)
    shown = ", ".join(f"{sql[name]} AS `{name}`" for name in ("placed", "du", *columns))
    pairs = words.reshape(-1, 2)
    rows = engine.fetch(
        f"SELECT {shown} FROM (SELECT arrayJoin(arrayZip({pairs[:, 0].tolist()}::Array(UInt64),"
        f" {pairs[:, 1].tolist()}::Array(UInt64))) AS w, w.1 AS w0, w.2 AS w1, 0 AS epoch)"
    )
    asked = pa.table({name: decoded[name] for name in ("placed", "du", *columns)})
    assert rows.to_pylist() == asked.to_pylist()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("23 v3", "23 v9", "line 3: version 9; known are 1 to 5"),
        ("23 v3", "twenty v3", "twenty is no whole number"),
        ("1500000000.1", "soon", "line 4: soon is no time in s since 1970"),
        ("\n 4 2.1 2.2", "\n 4 2.1", "line 12: a PMT is expected, 9 numbers, not 8"),
        ("\n 4 2.1 2.2", "\n 4 nan 2.2", "line 14: or a PMT above: it has a number that isn't"),
        ("\n 4 2.1 2.2", "\n 4 2.1 x", "line 14: or a PMT above: could not convert string"),
        ("\n2 1 2 3", "\n1 1 2 3", "line 14: module 1 comes twice"),
        ("\n2 1 2 3", "\n-2 1 2 3", "line 14: module -2"),
        ("\n2 1 2 3", "\n2 1 2 2", "line 14: a module is expected, 4 numbers, not 9"),
        ("\n6\n", "\n5\n", "line 27: it is behind the last module"),
        ("\n6\n", "\n7\n", "it ends where a module is expected"),
        ("\n6\n", "\n0\n", "line 7: it is behind the last module"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    path = tmp_path / "wrong.detx"
    text = SMALL.read_text()
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(SourceError) as error:
        read_detx(path)
    assert str(error.value).startswith(f"{path}: ")
    assert problem in str(error.value)


def test_the_binary_form_is_refused_with_what_to_do() -> None:
    with pytest.raises(SourceError, match=r"\.datx: it is no \.detx .* JConvertDetectorFormat"):
        read_detx(Path(data_path("datx/KM3NeT_00000133_20221025.datx")))


@pytest.mark.slow
def test_the_whole_sea_can_be_declared(engine: Engine) -> None:
    """115 lines of 18 modules: statements of some MB, each table in them once for each column."""
    name = "orca_115strings_av20min17mhorizontal_18OMs_alt9mvertical_v2.detx"
    detector = declared(FOLDER / name)
    run = open_run(engine, detector, cell=100_000_000)
    create_views(engine, run.detector)
    zeros = np.zeros(3, np.int64)
    fields = {"module": np.array([1, 2070, 2071]), "pmt": zeros + 30, "time": zeros, "tot": zeros}
    with Readout(engine, run) as readout:
        readout.push(Block(0, encode(detector, fields), 0))
    sql = hits_sql(run.detector, run.run_id, -(2**40), 2**40)
    rows = engine.fetch(f"SELECT module, x_m, t0_ns, dir_z, placed FROM ({sql}) ORDER BY module")
    assert len(sql) > 2**20
    table = rows_of(FOLDER / name)
    wanted = [(m, x[0], x[6], x[5], True) for m in (1, 2070) for x in [table[m, 30]]]
    assert [tuple(row.values()) for row in rows.to_pylist()] == [*wanted, (2071, 0, 0, 0, False)]

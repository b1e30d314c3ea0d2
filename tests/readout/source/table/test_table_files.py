"""Tables in every kind of file become the same hits."""

import bz2
import gzip
import lzma
import os
import threading

import h5py
import lz4.frame
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from digitizer import COLUMNS, DIGITIZER, ROWS, as_csv, digitizer, rows_of

from db.detector import decode, loads
from db.errors import SourceError
from readout.source.open import open_source
from readout.source.table.columnar import PIECE_ROWS, read_arrow, read_parquet
from readout.source.table.hdf5 import read_hdf5


def write_parquet(path):
    pq.write_table(arrow_table(), path, row_group_size=2)


def write_arrow(path):
    with pa.ipc.new_file(path, arrow_table().schema) as out:
        out.write_table(arrow_table(), max_chunksize=2)


def write_stream(path):
    with pa.ipc.new_stream(path, arrow_table().schema) as out:
        out.write_table(arrow_table(), max_chunksize=2)


def write_root(path):
    with uproot.recreate(path) as out:
        out.mktree("other", {"x": "int32"}).extend({"x": np.arange(3, dtype=np.int32)})
        tree = {name: arrow_table()[name].to_numpy() for name in [*COLUMNS, "more"]}
        out.mktree("Data", {name: values.dtype for name, values in tree.items()}).extend(tree)


def write_hdf5(path):
    with h5py.File(path, "w") as out:
        for name in COLUMNS:
            out[f"raw/{name}"] = arrow_table()[name].to_numpy()
        out["raw/picture"] = np.zeros((2, 2))


def write_records(path):
    kinds = [("TIMETAG", ">u8"), ("CHANNEL", "u1"), ("ENERGY", "<i4"), ("mV", "<f4")]
    with h5py.File(path, "w") as out:
        out["hits"] = np.array([tuple(row) for row in ROWS], kinds)


def write_gzip(path):
    path.write_bytes(gzip.compress(as_csv(ROWS).encode()))


def write_bz2(path):
    path.write_bytes(bz2.compress(as_csv(ROWS).encode()))


def write_xz(path):
    path.write_bytes(lzma.compress(as_csv(ROWS).encode()))


def write_zstd(path):
    path.write_bytes(pa.compress(as_csv(ROWS).encode(), "zstd", asbytes=True))


def write_lz4(path):
    path.write_bytes(lz4.frame.compress(as_csv(ROWS).encode()))


def arrow_table():
    columns = [list(column) for column in zip(*ROWS, strict=True)]
    kinds = [pa.uint64(), pa.uint8(), pa.int32(), pa.float64()]
    arrays = [pa.array(c, kind) for c, kind in zip(columns, kinds, strict=True)]
    return pa.table([*arrays, pa.array(range(3))], names=[*COLUMNS, "more"])


WRITERS = [
    write_parquet,
    write_arrow,
    write_stream,
    write_root,
    write_hdf5,
    write_records,
    write_gzip,
    write_bz2,
    write_xz,
    write_zstd,
    write_lz4,
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__[6:])
def test_every_kind_of_file_gives_the_same_hits(tmp_path, write):
    write(tmp_path / "hits")
    source = open_source(tmp_path / "hits", digitizer(), force=True)
    assert rows_of(source.blocks, digitizer()) == ROWS
    assert (source.rows.rows, source.rows.n_bad) == (3, 0)


@pytest.mark.parametrize("kind", ["one row group", "many"])
def test_what_is_held_of_parquet_does_not_grow_with_the_file(tmp_path, kind):
    n_rows, piece = 800_000, 20_000
    numbers = pa.array(np.random.default_rng(1).integers(0, 2**40, n_rows))
    table = pa.table({"TIMETAG": numbers, "CHANNEL": numbers, "ENERGY": numbers, "mV": numbers})
    size = n_rows if kind == "one row group" else piece
    pq.write_table(table, tmp_path / "hits", row_group_size=size, compression="none")
    before, held = pa.total_allocated_bytes(), []
    for rows in read_parquet(tmp_path / "hits", digitizer().table, piece):
        assert rows.frame.height == piece
        held.append(pa.total_allocated_bytes() - before)
    assert len(held) == n_rows // piece
    assert max(held) < 11_000_000 < (tmp_path / "hits").stat().st_size / 2


def test_a_large_batch_of_arrow_comes_in_pieces(tmp_path):
    numbers = pa.array(np.arange(PIECE_ROWS + 5) % 200)
    table = pa.table(dict.fromkeys(COLUMNS, numbers))
    with pa.ipc.new_file(tmp_path / "hits", table.schema) as out:
        out.write_table(table, max_chunksize=2 * PIECE_ROWS)
    pieces = list(read_arrow(tmp_path / "hits", digitizer().table))
    assert [(rows.first, rows.frame.height) for rows in pieces] == [
        (0, PIECE_ROWS),
        (PIECE_ROWS, 5),
    ]


def test_what_hdf5_compresses_together_is_read_together(tmp_path):
    with h5py.File(tmp_path / "hits", "w") as out:
        for name in COLUMNS:
            out.create_dataset(name, data=np.arange(70), chunks=(32,))
    pieces = list(read_hdf5(tmp_path / "hits", digitizer().table, piece_rows=10))
    assert [rows.frame.height for rows in pieces] == [32, 32, 6]
    assert [n for rows in pieces for n in rows.frame["ENERGY"]] == list(range(70))


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__[6:])
def test_a_file_that_is_cut_off_is_refused_or_ends_with_an_error(tmp_path, write):
    write(tmp_path / "hits")
    whole = (tmp_path / "hits").read_bytes()
    (tmp_path / "hits").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(SourceError, match="hits: "):
        rows_of(open_source(tmp_path / "hits", digitizer(), force=True).blocks, digitizer())


@pytest.mark.parametrize("write", [write_parquet, write_arrow, write_root, write_hdf5])
def test_a_column_that_is_not_there_is_named(tmp_path, write):
    write(tmp_path / "hits")
    other = loads(DIGITIZER.replace('"ENERGY"', '"ENERGIE"') % "")
    with pytest.raises(SourceError, match="ENERGIE"):
        open_source(tmp_path / "hits", other)


def test_events_of_neutron_pulses_get_the_time_of_their_pulse(tmp_path):
    detector = loads("""
        name = "neutrons"
        title = "NeXus events"
        [table]
        since = 1970-01-01T00:00:00Z
        time = { event_time_zero = "1 ns", event_time_offset = "1 ns" }
        [table.values]
        channel = "event_id"
    """)
    with h5py.File(tmp_path / "run.nxs", "w") as out:
        events = out.create_group("entry/events")
        events["event_time_zero"] = np.array([0, 1000, 2000, 3000], "i8") + 1_700_000_000 * 10**9
        events["event_index"] = np.array([0, 2, 2, 5])  # the second pulse has no events
        events["event_time_offset"] = np.array([5, 6, 1, 2, 3, 4], "u4")
        events["event_id"] = np.array([7, 8, 9, 10, 11, 12], "u4")
    source = open_source(tmp_path / "run.nxs", detector)
    (block,) = source.blocks
    found = decode(detector, block.words, columns=["t", "channel"])
    assert (found["t"] - 1_700_000_000 * 10**9).tolist() == [5, 6, 2001, 2002, 2003, 3004]
    assert found["channel"].tolist() == [7, 8, 9, 10, 11, 12]
    assert source.started_ns == 1_700_000_000 * 10**9 + 5 - 10**9  # a slice before the first hit


def test_a_pipe_gives_the_same_hits(tmp_path):
    read, write = os.pipe()
    text = gzip.compress(as_csv(ROWS).encode())
    threading.Thread(target=lambda: (os.write(write, text), os.close(write))).start()
    source = open_source(f"/dev/fd/{read}", digitizer(), force=True)
    assert rows_of(source.blocks, digitizer()) == ROWS
    os.close(read)

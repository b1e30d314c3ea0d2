"""Tables of every kind become the same hits, wherever their pieces end."""

import bz2
import csv
import gzip
import lzma
import os
import threading
from decimal import Decimal
from fractions import Fraction
from io import BytesIO, StringIO

import h5py
import lz4.frame
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from db.detector import decode, loads
from db.errors import SourceError, UsageError
from readout.source.open import open_source
from readout.source.table.columnar import PIECE_ROWS, read_arrow, read_parquet
from readout.source.table.hdf5 import read_hdf5
from readout.source.table.rows import Tally, blocks_of
from readout.source.table.text import read_lines

DIGITIZER = """
name = "digitizer"
title = "List mode"

[table]
time = { TIMETAG = "1 ps" }
%s

[table.values]
channel = { column = "CHANNEL", type = "uint8" }
adc = { column = "ENERGY", type = "int16" }
mv = { column = "mV", type = "uint16", unit = 0.1 }
"""
COLUMNS = ["TIMETAG", "CHANNEL", "ENERGY", "mV"]
ROWS = [(1000, 1, -7, 24.5), (2500, 0, 32767, 0.0), (2400, 255, -32768, 6553.5)]


def digitizer(more=""):
    return loads(DIGITIZER % more)


def rows_of(blocks, detector):
    """t, channel, adc and mv of each hit, as Python numbers."""
    found = []
    for block in blocks:
        columns = decode(detector, block.words, columns=["t", "channel", "adc", "mv"])
        hits = zip(*(columns[name].tolist() for name in ("t", "channel", "adc", "mv")), strict=True)
        found += [(t, ch, adc, round(mv, 6)) for t, ch, adc, mv in hits]
    return found


def read_text(text, detector, piece_bytes=1 << 24):
    stream = BytesIO(text if isinstance(text, bytes) else text.encode())
    pieces = read_lines(stream, detector.table, "file", piece_bytes)
    return rows_of(blocks_of(pieces, detector, "file", 0, Tally()), detector)


def as_csv(rows, separator=",", end="\n", decimal=".", header=COLUMNS):
    out = StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    if header:
        writer.writerow(header)
    for *whole, mv in rows:
        writer.writerow([*whole, str(mv).replace(".", decimal)])
    return out.getvalue()


# -- text


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 2**61 - 1),
            st.integers(0, 255),
            st.integers(-(2**15), 2**15 - 1),
            st.integers(0, 65535).map(lambda n: n / 10),
        ),
        min_size=1,
        max_size=30,
    ),
    separator=st.sampled_from([",", ";", "\t", "|", " "]),
    end=st.sampled_from(["\n", "\r\n"]),
    comma=st.booleans(),
    noise=st.lists(st.sampled_from(["", "# a note, with; all\tkinds", "   "]), max_size=3),
    mark=st.booleans(),
    header=st.booleans(),
    piece_bytes=st.integers(400, 3000),
)
def test_text_is_read_alike_however_it_is_written(
    rows, separator, end, comma, noise, mark, header, piece_bytes
):
    decimal = "," if comma and separator != "," else "."
    name = {" ": "space", "\t": "\\t"}.get(separator, separator)
    detector = digitizer(
        f'comment = "#"\nseparator = "{name}"\ndecimal = "{decimal}"\norder = {COLUMNS}'
    )
    lines = as_csv(rows, separator, end, decimal, COLUMNS if header else None).splitlines(True)
    for n, line in enumerate(noise):
        lines.insert((n * 7) % (len(lines) + 1), line + end)
    text = ("\ufeff" if mark else "") + "".join(lines)
    assert read_text(text, detector, piece_bytes) == rows


def test_a_preamble_and_cells_behind_the_last_column_are_passed_over():
    text = "Device 7, of 3\n\n" + as_csv(ROWS).replace("24.5\n", "24.5,11,12,13\n")
    assert read_text(text, digitizer()) == ROWS


def test_quoted_names_and_numbers_are_read():
    text = '"TIMETAG","CHANNEL","ENERGY","mV"\n"1000","1","-7","24.5"\n'
    assert read_text(text, digitizer()) == ROWS[:1]


@pytest.mark.parametrize(
    "seconds", ["1378771204.902119111", "+1378771204.902119111", "1378771204", "1.5e3", ".25"]
)
def test_no_digit_of_a_long_decimal_time_is_lost(seconds):
    detector = loads("""
        name = "station"
        title = "GPS seconds"
        [clock]
        tick_ns = 1
        [table]
        order = ["s"]
        time = { s = "1 s" }
    """)
    pieces = read_lines(BytesIO(seconds.encode()), detector.table, "file")
    (block,) = blocks_of(pieces, detector, "file", 0, Tally())
    assert block.words.tolist() == [int(Decimal(seconds) * 10**9)]


@given(
    coarse=st.integers(0, 2**40),
    fine=st.integers(0, 15),
    parts=st.sampled_from([("25 ns", "-25/16 ns"), ("1 us", "1/16 us"), ("1/3 ns", "1 ps")]),
)
def test_a_time_is_the_sum_of_its_columns(coarse, fine, parts):
    units = [Fraction(25), Fraction(-25, 16)], [Fraction(1000), Fraction(1000, 16)]
    known = {"25 ns": units[0], "1 us": units[1], "1/3 ns": [Fraction(1, 3), Fraction(1, 1000)]}
    detector = loads(f"""
        name = "pixels_of_two_clocks"
        title = "coarse and fine"
        [clock]
        tick_ns = "1/1000"
        [table]
        order = ["coarse", "fine"]
        time = {{ coarse = "{parts[0]}", fine = "{parts[1]}" }}
    """)
    if coarse == 0 and fine:
        coarse = 1
    text = f"{coarse},{fine}\n".encode()
    (block,) = blocks_of(read_lines(BytesIO(text), detector.table, "f"), detector, "f", 0, Tally())
    exact = [n * unit * 1000 for n, unit in zip((coarse, fine), known[parts[0]], strict=True)]
    assert abs(int(block.words[0]) - sum(exact)) <= 1  # half a tick for each column


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-20T19:58:44.875+00:00",
        "2026-03-20 21:58:44.875+02:00",
        "2026-03-20T19:58:44.875Z",
        "2026-03-20 19:58:44.875",
    ],
)
def test_a_date_is_a_time(text):
    detector = loads('name = "d"\ntitle = "d"\n[table]\norder = ["at"]\ntime = { at = "UTC" }')
    pieces = read_lines(BytesIO(text.encode()), detector.table, "f")
    (block,) = blocks_of(pieces, detector, "f", 0, Tally())
    assert block.words.tolist() == [1_774_036_724_875_000_000]


# -- other kinds of files


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


# -- what is wrong with a row, or a file


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1000,1,5,", "line 3: mV is missing"),
        (",1,5,1.0", "line 3: TIMETAG is missing"),
        ("1000,256,5,1.0", r"line 3: CHANNEL is 256, it must lie in 0\.\.255"),
        ("1000,1,40000,1.0", r"line 3: ENERGY is 40000, it must lie in -32768\.\.32767"),
        ("1000,1,5,-0.1", r"line 3: mV is '-0.1', it must lie in 0\.\.6553.5"),
        ("-1,1,5,1.0", "line 3: TIMETAG is -1, it is no time"),
        ("-9223372036854775808,1,5,1.0", "line 3: TIMETAG is -9223372036854775808, it is no time"),
        ("9000000000000000000,1,5,1.0", "line 3: TIMETAG is 9000000000000000000, it is no time"),
        ("99999999999999999999,1,5,1.0", "line 3: TIMETAG is '99999999999999999999', it is no"),
        ("12ab,1,5,1.0", "line 3: TIMETAG is '12ab', it is no time"),
        ("1000,one,5,1.0", "line 3: CHANNEL is 'one', it must lie"),
        ("1000", "line 3: CHANNEL is missing"),
    ],
)
def test_a_bad_row_is_told_with_its_line(line, says):
    text = f"{as_csv(ROWS[:1])}{line}\n{as_csv(ROWS[1:], header=None)}"
    with pytest.raises(SourceError, match=f"file: {says}.*; mend it, or let"):
        read_text(text, digitizer())
    detector, tally = digitizer('bad_rows = "skip"'), Tally()
    pieces = read_lines(BytesIO(text.encode()), detector.table, "file")
    assert rows_of(blocks_of(pieces, detector, "file", 0, tally), detector) == ROWS
    assert (tally.rows, tally.n_bad) == (4, 1)
    assert tally.bad[0].startswith("line 3: ")


def test_rows_before_a_bad_one_are_delivered():
    text, found = as_csv([*ROWS, (1, 2, 3, -1.0), *ROWS]), []
    detector = digitizer()
    blocks = blocks_of(
        read_lines(BytesIO(text.encode()), detector.table, "f"), detector, "f", 0, Tally()
    )
    with pytest.raises(SourceError, match="line 5"):
        for block in blocks:
            found += rows_of([block], detector)
    assert found == ROWS


def test_a_text_that_stands_for_no_value_is_one():
    with pytest.raises(SourceError, match="line 2: ENERGY is missing"):
        read_text(as_csv([(1, 1, -999, 1.0)]), digitizer('missing = ["-999"]'))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"TIMETAG,CHANNEL,ENERGY,mV\n", "there is not a single row"),
        (b"a,b\n1,2\n", "none of its first 100 lines names the columns TIMETAG, CHANNEL"),
        (b"PAR1" + bytes(100), "damaged, or cut off"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "damaged, or cut off"),
        (b"root" + bytes(500), "of its trees .none. it is none"),
        (bytes(64), "this is no text"),
        (b"\x1f\x8b" + bytes(30), "damaged, or cut off"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path, content, says):
    (tmp_path / "hits").write_bytes(content)
    with pytest.raises(SourceError, match=f"hits: .*{says}"):
        rows_of(open_source(tmp_path / "hits", digitizer()).blocks, digitizer())


def test_times_that_lead_back_are_refused_unless_forced(tmp_path):
    rows = [(n * 37 % 60 * 10**9, n, n, 1.0) for n in range(60)]
    (tmp_path / "hits.csv").write_text(as_csv(rows))
    with pytest.raises(SourceError, match="lead back or too far ahead.*--force"):
        open_source(tmp_path / "hits.csv", digitizer())
    assert rows_of(open_source(tmp_path / "hits.csv", digitizer(), force=True).blocks, digitizer())


def test_a_format_that_the_detector_has_not_is_refused(tmp_path):
    (tmp_path / "hits").write_text(as_csv(ROWS))
    with pytest.raises(UsageError, match="--format words: digitizer declares a table"):
        open_source(tmp_path / "hits", digitizer(), form="words")

"""Tables in text become the same hits however they are written, wherever their pieces end."""

from decimal import Decimal
from fractions import Fraction
from io import BytesIO

import pytest
from digitizer import COLUMNS, ROWS, as_csv, digitizer, read_text
from hypothesis import given, settings
from hypothesis import strategies as st

from db.detector import loads
from readout.source.table.rows import Tally, blocks_of
from readout.source.table.text import read_lines


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

"""What is wrong with a table is told with its row, or by the file."""

from io import BytesIO

import pytest
from digitizer import ROWS, as_csv, digitizer, read_text, rows_of

from db.errors import SourceError, UsageError
from readout.source.open import open_source
from readout.source.table.rows import Tally, blocks_of
from readout.source.table.text import read_lines


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

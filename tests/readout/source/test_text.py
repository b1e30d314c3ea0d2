import gzip
from pathlib import Path

import numpy as np
import pytest

from db.detector import decode, load
from db.errors import SourceError
from readout.source.text import read_text

V1, V2, KM3NET = (load(name) for name in ("drift_tubes_v1", "drift_tubes_v2", "km3net"))

HEADER = "HEAD,FPGA,TDC_CHANNEL,ORBIT_CNT,BX_COUNTER,TDC_MEAS"
ROWS = """\
2,0,75,3387200947,2922,2
2,0,105,3387200955,2227,29
2,0,107,3387200955,2234,7
2,0,126,3387200973,476,29
2,1,55,3387200955,1797,12
2,1,36,3387200956,2165,28
2,1,51,3387200970,249,14
2,1,90,3387200973,475,28
2,0,124,3387200973,485,16
2,0,127,3387200973,480,5
2,0,64,3387200974,464,4
2,0,117,3387200988,394,29
2,1,42,3387200973,481,18
2,1,91,3387200973,480,6
2,1,45,3387200973,482,20
2,1,88,3387200973,489,21
"""


@pytest.fixture
def dump(tmp_path: Path):
    """A function from a dump's text to a file with it."""

    def write(text: str, name: str = "dump.csv") -> Path:
        path = tmp_path / name
        raw = text.encode()
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return write


def rows_of(path: Path, detector, block_bytes: int = 1 << 20) -> list[list[int]]:
    """The words of a dump as rows again, link by link."""
    rows = []
    for block in read_text(path, detector, block_bytes=block_bytes):
        fields = decode(detector, block.words, columns=[c.field for c in detector.text])
        columns = [fields[c.field].astype(int) + c.add for c in detector.text]
        rows += np.stack(columns, axis=1).tolist()
    return rows


@pytest.mark.parametrize("name", ["dump.csv", "dump.csv.gz"])
@pytest.mark.parametrize("block_bytes", [1 << 20, 100])
def test_the_rows_of_a_dump_become_words_with_those_values(dump, name, block_bytes) -> None:
    found = rows_of(dump(f"{HEADER}\n{ROWS}", name), V2, block_bytes)
    wanted = [[int(value) for value in row.split(",")] for row in ROWS.split()]
    assert sorted(found) == sorted(wanted)
    by_link = {link: [row for row in wanted if row[1] == link] for link in (0, 1)}
    assert {link: [row for row in found if row[1] == link] for link in (0, 1)} == by_link


def test_each_fpga_is_a_link(dump) -> None:
    blocks = read_text(dump(f"{HEADER}\n{ROWS}"), V2, 9)
    assert {block.link: len(block.words) for block in blocks} == {0: 8, 1: 8}


def test_channels_of_the_old_dumps_count_from_one(dump) -> None:
    (block,) = read_text(dump(f"{HEADER}\n1,0,128,5,6,7\n"), V1)
    assert decode(V1, block.words)["tdc_channel"].tolist() == [127]
    with pytest.raises(SourceError, match=r"line 2: TDC_CHANNEL is 0, drift_tubes_v1 takes 1 to"):
        list(read_text(dump(f"{HEADER}\n1,0,0,5,6,7\n"), V1))


def test_columns_may_come_in_another_order_and_lines_may_be_blank(dump) -> None:
    text = "FPGA,HEAD,TDC_CHANNEL,ORBIT_CNT,BX_COUNTER,TDC_MEAS\n1,2,3,4,5,6\n\n1,2,4,4,5,6\r\n\n"
    assert rows_of(dump(text), V2) == [[2, 1, 3, 4, 5, 6], [2, 1, 4, 4, 5, 6]]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2,0,75,4294967296,2922,2", "line 402: ORBIT_CNT is 4294967296, .* takes 0 to 4294967295"),
        ("2,-1,75,4,2922,2", "line 402: FPGA is -1, .* 0 to 7"),
        ("2,0,75,4,2922,32", "line 402: TDC_MEAS is 32, .* 0 to 31"),
        ("2,0,75,4,,32", "line 402: BX_COUNTER is missing"),
        ("2,0,75,4,x7,32", "line 402: .*x7"),
        ("2,0,75,4,1.5,3", "line 402: .*1.5"),
        ("2,0,75,99999999999999999999,5,3", "line 402: .*99999999999999999999"),
        ("2,0,75", "line 402: Expected 6 columns, got 3"),
        ("2,0,75,4,5,6,7", "line 402: Expected 6 columns, got 7"),
    ],
)
@pytest.mark.parametrize("block_bytes", [1 << 20, 256])
def test_a_bad_row_is_named_by_file_and_line(dump, row, problem, block_bytes) -> None:
    path = dump(f"{HEADER}\n" + "2,0,1,2,3,4\n\n" * 200 + f"{row}\n2,0,1,2,3,4\n")
    with pytest.raises(SourceError, match=f"dump.csv: {problem}"):
        list(read_text(path, V2, block_bytes=block_bytes))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Empty"),
        (f"{HEADER}\n", "no row"),
        (
            "HEAD,FPGA\n1,2\n",
            "header is HEAD,FPGA, a text dump of drift_tubes_v2 has HEAD,FPGA,TDC",
        ),
        (ROWS, "header is 2,0,75"),
    ],
)
def test_what_is_no_dump_is_refused(dump, text, problem) -> None:
    with pytest.raises(SourceError, match=f"dump.csv: .*{problem}"):
        list(read_text(dump(text), V2))


def test_a_detector_without_dumps_says_so(dump) -> None:
    with pytest.raises(SourceError, match="km3net declares no text columns"):
        list(read_text(dump("PMT\n1\n"), KM3NET))


def test_a_truncated_gzip_is_an_error(dump) -> None:
    path = dump(f"{HEADER}\n{ROWS}" * 1, "dump.csv.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"dump\.csv\.gz"):
        list(read_text(path, V2))

"""Pictures as files, and the command that writes them."""

import subprocess
import sys

import pytest
from command import everyhit
from matplotlib.figure import Figure

from db.errors import UsageError
from ops.plot import save

ROWS = "HEAD,FPGA,TDC_CHANNEL,ORBIT_CNT,BX_COUNTER,TDC_MEAS\n" + "".join(
    f"2,{n % 2},{n % 128},{3387200947 + n},2922,{n % 30 + 1}\n" for n in range(500)
)


@pytest.mark.parametrize(
    ("suffix", "begins"), [(".png", b"\x89PNG"), (".PDF", b"%PDF"), (".svg", b"<?xml")]
)
def test_the_suffix_names_the_kind_of_picture(tmp_path, suffix, begins):
    figure = Figure()
    figure.add_subplot().plot([1, 2], [3, 4])
    save(figure, tmp_path / f"a{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes().startswith(begins)


def test_an_unknown_suffix_and_a_bad_place_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"a\.bmp: .*\.png, \.pdf, \.svg"):
        save(Figure(), tmp_path / "a.bmp")
    with pytest.raises(UsageError, match="can't write .*/nowhere/a.png: No such file"):
        save(Figure(), tmp_path / "nowhere" / "a.png")


def test_the_command_writes_a_picture_of_a_run(tmp_path):
    (tmp_path / "rows.txt").write_text(ROWS)
    store = ("--store", tmp_path / "store")
    everyhit("ingest", tmp_path / "rows.txt", "--detector", "drift_tubes_v2", *store)
    everyhit("plot", "occupancy", "--out", tmp_path / "map.svg", *store)
    assert ">chamber 3  ·  " in (tmp_path / "map.svg").read_text()
    reason = everyhit("plot", "event", "--out", tmp_path / "event.png", *store, code=1)
    assert reason.startswith("everyhit: trigger events has no results in run 1")
    assert reason.count("\n") == 1


def test_without_the_extra_one_line_says_how_to_get_it(tmp_path):
    code = "import sys; sys.modules['mplhep'] = None; from ops.cli import main; main()"
    line = ["plot", "rate", "--out", tmp_path / "a.png", "--store", tmp_path / "store"]
    done = subprocess.run([sys.executable, "-c", code, *line], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "everyhit: plotting needs the extra: pip install 'everyhit[plot]'\n"

import json
import os

import pytest
from command import everyhit, run

pytest.importorskip("amaranth", reason="the extra fpga isn't installed")


def fpga(*arguments):
    return run("fpga", *arguments)


def test_a_selection_becomes_a_verilog_module(tmp_path):
    done = fpga("build", "chamber in (0, 2)", "--out", str(tmp_path / "filter.v"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "module hit_filter(" in (tmp_path / "filter.v").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build", "layer < 2 and x_mm > 0"), "x_mm: hardware has integers only"),
        (("build", "layer < 2", "--out", "/nowhere/f.v"), "can't write /nowhere/f.v"),
        (("report", "t > 5"), "no word tells when its run began"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_error(arguments, said):
    done = fpga(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_board_is_simulated_without_a_compiler(tmp_path):
    env = {**os.environ, "PATH": str(tmp_path)}
    told = everyhit(
        *("fpga", "simulate", "--udp", "127.0.0.1:9", "--muons", "2000", "--duration", "0.02"),
        *("--mask", "chamber == 1 and layer == 2", "--json"),
        env=env,
    )
    (counted,) = json.loads(told)
    came = sum(n for name, n in counted.items() if name.endswith("_in"))
    removed = sum(n for name, n in counted.items() if name.endswith("_removed"))
    assert came == counted["sent"] + removed > 300
    assert removed > 10

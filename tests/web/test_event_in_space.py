"""An event of a detector whose elements have three coordinates."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from km3net_testdata import data_path
from served_page import serving

from readout.source.detx import read_detx

pytestmark = [pytest.mark.browser, pytest.mark.slow]

STRINGS, FLOORS, APART_MM = 4, 7, 40_000
FLOOR = np.tile(np.arange(FLOORS), STRINGS)
STRING = np.repeat(np.arange(STRINGS), FLOORS)
PLACES = {
    "x": APART_MM * (STRING % 2) + 3_000 * STRING,
    "y": APART_MM * (STRING // 2),
    "z": APART_MM * FLOOR,
}
DECLARATION = """
name = "lines"
title = "Modules on lines in the deep sea"
[fields]
time = { bits = [0, 31] }
module = { bits = [32, 36] }
[clock]
tick_ns = 1
time = "time"
disorder = "1 us"
slice = "100 ms"
[words]
hit = "True"
channel = "module"
[columns]
""" + "".join(f'{axis}_mm = "lookup(module, {axis}_of)"\n' for axis in PLACES)
DECLARATION += "[tables]\n" + "".join(
    f"{axis}_of = {[float(each) for each in of] + [0.0] * (32 - len(of))}\n"
    for axis, of in PLACES.items()
)
DECLARATION += """
[shape]
kind = "module"
element = ["module"]
position_mm = ["x_mm", "y_mm", "z_mm"]
size_mm = [430.0, 430.0, 430.0]
"""
BURST = """-- trigger: burst
-- reach: 4 us
SELECT t, n FROM (SELECT t, count() OVER (ORDER BY t RANGE BETWEEN CURRENT ROW AND 3000 FOLLOWING) AS n
  FROM hits) WHERE n >= 6
"""
TRACK = np.array([0, 1, 2, 10, 11, 12, 13])  # modules that a muon passes, going up and across
LATE = np.array([0, 140, 280, 560, 700, 840, 980])


def words():
    """Twenty muons, 5 ms apart; a module that lies where nobody declared it is hit by none."""
    t = (1_000_000 + 5_000_000 * np.arange(20)[:, None] + LATE).ravel()
    return t.astype(np.uint64) | np.tile(TRACK, 20).astype(np.uint64) << np.uint64(32)


@pytest.fixture(scope="module")
def store(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lines")
    (folder / "lines.toml").write_text(DECLARATION)
    (folder / "burst.sql").write_text(BURST)
    words().astype("<u8").tofile(folder / "words.bin")
    subprocess.run(
        [
            *(sys.executable, "-c", "from ops.cli import main; main()", "up", folder / "words.bin"),
            *("--detector", folder / "lines.toml", "--trigger", "burst", "--events", "burst"),
            *("--store", folder / "store", "--json"),
        ],
        check=True,
        env=os.environ | {"EVERYHIT_TRIGGERS": json.dumps([str(folder)])},
    )
    return str(folder / "store")


def test_modules_stand_in_space_coloured_by_time_and_can_be_turned(store, seen):
    with serving("api", "--port", "0", "--store", store) as (_, address):
        page = seen.open(address, "Events")
        drawing = page.locator("svg.event.space")
        drawing.wait_for()
        marks = drawing.locator("g").first.locator("circle")
        assert marks.count() == len(TRACK)
        by_time = {each.text_content(): each.get_attribute("fill") for each in marks.all()}
        in_order = sorted(by_time, key=lambda text: float(text.split()[-2]))
        assert [int(text.split()[1][:-1]) for text in in_order] == TRACK.tolist()
        assert by_time[in_order[0]] == "rgb(68 1 84)"
        assert by_time[in_order[-1]] == "rgb(253 231 37)"
        assert len(set(by_time.values())) == len(TRACK)

        page.get_by_role("button", name="From the side").click()
        heights = y_of(marks)
        assert len({round(each) for each in heights.values()}) == len({0, 1, 2, 3, 4, 5, 6})
        page.get_by_role("button", name="From above").click()
        assert len({round(each) for each in y_of(marks).values()}) == 2  # of two lines
        before = y_of(marks)
        box = drawing.bounding_box()
        x, y = box["x"] + 200, box["y"] + box["height"] - 150  # what is above may be out of sight
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 60, y - 40, steps=3)
        page.mouse.up()
        assert y_of(marks) != before
        page.keyboard.press("ArrowLeft")  # the event before
        page.wait_for_function("location.hash.includes('t=')")
        assert seen.faults == []


def test_modules_of_a_detector_file_are_where_it_puts_them(browser, seen, tmp_path):
    """A muon that KM3NeT took, found in the hits of its file."""
    detx = data_path("detx/D_ORCA006_t.A02181836.p.A02181837.r.A02182001.detx")
    store, declared = str(tmp_path / "store"), str(tmp_path / "orca.toml")
    everyhit("detector", "detx", detx, "--out", declared)
    up = ("up", data_path("online/events_sample.root"), "--detector", declared, "--json")
    everyhit(*up, "--trigger", "muon_3d", "--events", "muon_3d", "--store", store)
    with serving("api", "--port", "0", "--store", store) as (_, address):
        drawing = seen.open(address, "Events").locator("svg.event.space")
        drawing.wait_for()
        hit, idle = drawing.locator("g").first.locator("circle"), drawing.locator("g path").first
        n = len(read_detx(Path(detx)).modules)
        assert 5 <= hit.count() < n
        assert idle.get_attribute("d").count("M") == n - hit.count()
        assert seen.faults == []


def everyhit(*arguments):
    subprocess.run(
        [sys.executable, "-c", "from ops.cli import main; main()", *arguments], check=True
    )


def y_of(marks):
    return {each.text_content(): float(each.get_attribute("cy")) for each in marks.all()}

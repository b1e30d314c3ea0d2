"""A detector of the tests' own."""

# Has what the detectors that ship don't: words of 64 bits, numbers below 0, a column made from t,
# corrections that hold from one date to another.
PIXELS = """
name = "pixels"
title = "A telescope of silicon pixels"
words_per_hit = 3

[fields]
charge = { bits = [20, 27] }
row = { bits = [10, 19] }
col = { bits = [0, 9] }
clock = { bits = [28, 62] }
stamp = { word = 1, bits = [0, 63] }
crate = { word = 2, bits = [21, 27] }
trigger = { word = 2, bits = [31, 61] }

[clock]
tick_ns = 25
time = "clock * 4 + quarter"
wrap = "2**35 * 4"
disorder = "1 us"
slice = "10 ms"

[words]
hit = "charge > 0"
corrupt = "hit_plane == 3 and charge == 255"
channel = "row * 1024 + col"
link = "hit_plane"

[columns]
hit_plane = "stamp >> 60 & 3"
quarter = "col % 4"
u = "col - 512"
third = "(col - 512) // 3"
broken = "row in (0, 1023) or charge == 77 and u < 0"
charge_e = "lookup(charge // 64, gain) * charge + pedestal_e"
x_mm = "u * pitch_mm"
steps = "charge_e / pitch_mm"
t_corrected = "t - lookup(min(col // 256, 2), t0_ticks)"
always = "7"
mixed = "charge ^ crate"
cold = "crate > 90"

[constants]
pitch_mm = 0.055
pedestal_e = -12

[tables]
gain = [61.5, 62, 63.25, 1e3]
t0_ticks = [0, 3, -5]

[shape]
kind = "pixel"
element = ["hit_plane", "row", "col"]
position_mm = ["x_mm"]
size_mm = ["pitch_mm", 0.3]

[text]
COL = { field = "col", add = 1 }
ROW = "row"
CHARGE = "charge"
CLOCK = "clock"
STAMP = "stamp"
CRATE = "crate"
TRIGGER = "trigger"

[[calibration]]
from = 2026-03-01
to = 2026-06-01T00:00:00Z
tables = { t0_ticks = [0, 3, -9] }

[[calibration]]
from = 2026-05-01T02:00:00+02:00
constants = { pedestal_e = -11.5 }
"""

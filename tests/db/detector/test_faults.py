"""What is wrong with a declaration is told at once, each fault with its place."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pixels import PIXELS

from db.detector import loads
from db.errors import DeclarationError, SelectionError

WRONG = [
    ('name = "pixels"', "", "name: is missing"),
    ('name = "pixels"', 'nam = "pixels"', "nam: there is no such key; did you mean name?"),
    ('name = "pixels"', 'name = "Pixels"', "name: 'Pixels': use small letters"),
    ('name = "pixels"', "name = 3", "name: 3 is not a text"),
    ("words_per_hit = 3", "words_per_hits = 3", "did you mean words_per_hit?"),
    ("words_per_hit = 3", "", r"\[fields\] stamp word: 1: it must lie in 0..0"),
    ("words_per_hit = 3", "words_per_hit = 0", "words_per_hit: 0: it must lie in 1..16"),
    ("words_per_hit = 3", "words_per_hit = true", "words_per_hit: True is not a whole number"),
    ("words_per_hit = 3", "words_per_hit = 3\nwidth = 3", "width: there is no such key; known"),
    ("[tables]", "[tabels]", "tabels: there is no such key; did you mean tables"),
    ("[clock]", "[klock]", "klock: there is no such key; did you mean clock"),
    # fields
    ("bits = [20, 27]", "bits = [19, 27]", r"\[fields\] charge: bit 19 is a bit of row already"),
    ("bits = [20, 27]", "bits = [27, 20]", r"charge bits: \[27, 20\]: write \[lowest, highest\]"),
    ("bits = [20, 27]", "bits = [20, 64]", "write .* both in 0..63"),
    ("bits = [20, 27]", "bits = [20]", r"charge bits: \[20\]: write"),
    ("bits = [20, 27]", "bit = [20, 27]", "charge bits: is missing; did you mean bit?"),
    ("{ bits = [20, 27] }", "[20, 27]", r"charge: \[20, 27\] is not a table"),
    ("{ bits = [20, 27] }", "{ bits = [20, 27], wrod = 0 }", "wrod: .* did you mean word?"),
    ("word = 1,", "word = 3,", r"stamp word: 3: it must lie in 0..2"),
    # names
    ("charge = {", "t = {", r"\[fields\] t: this name has a meaning of its own"),
    ("charge = {", "w0 = {", "w0: this name has a meaning"),
    ("charge = {", "lookup = {", "lookup: this name has a meaning"),
    ("charge = {", "Charge = {", "Charge: this is no name"),
    ("charge = {", "class = {", "class: this is no name"),
    ("gain =", "pitch_mm =", r"\[tables\] pitch_mm: this name is in use already"),
    ("third =", "row =", r"\[columns\] row: this name is in use already"),
    # clock
    ("tick_ns = 25", "tick_ns = 0", "tick_ns: 0: write a number of ns"),
    ("tick_ns = 25", "tick_ns = 25.0", "tick_ns: 25.0: write a number of ns, or a fraction"),
    ("tick_ns = 25", 'tick_ns = "25/0"', "tick_ns: '25/0': write"),
    ("tick_ns = 25", 'tick_ns = "fast"', "tick_ns: 'fast': write"),
    ('disorder = "1 us"', 'disorder = "1 su"', "disorder: duration '1 su': no unit 'su'"),
    ('disorder = "1 us"', "disorder = -1", "disorder: -1: write 0 ticks or more"),
    ('disorder = "1 us"', "disorder = 1.5", "disorder: 1.5: write"),
    ('disorder = "1 us"', "disorder = 68719476736", "disorder: 68719476736 ticks: it must be less"),
    ('slice = "10 ms"', "slice = 0", "slice: 0: write 1 ticks or more"),
    ('slice = "10 ms"', "", "slice: is missing"),
    ('wrap = "2**35 * 4"', 'wrap = "2*"', r"wrap: duration '2\*'"),
    ('time = "clock * 4', 'time = "-clock * 4', "time: it may lie in -.*: keep it in"),
    ('time = "clock * 4', 'time = "clock * 100000000', "time: it may lie in .*: keep it in"),
    ('time = "clock * 4', 'time = "t_corrected', "time: t_corrected is made from time itself"),
    ('time = "clock * 4 + quarter"', 'time = "clock * 0.5"', "a float where an integer is needed"),
    # expressions
    ('"col % 4"', '"cool % 4"', r"quarter: there is no column cool.* col.*\n  cool % 4\n"),
    ('"u * pitch_mm"', '"u * pitch"', "no column pitch: did you mean pitch_mm"),
    ('"u * pitch_mm"', '"charge_e * steps * pitch_mm"', "no column steps"),
    ('"u * pitch_mm"', "3", r"\[columns\] x_mm: 3 is not a text"),
    ("lookup(charge // 64, gain)", "lookup(charge // 32, gain)", "this index lies in 0..7"),
    ('hit = "charge > 0"', 'hit = "charge"', r"\[words\] hit: an integer where a yes or no"),
    ('hit = "charge > 0"', 'hits = "charge > 0"', "hits: there is no such key; did you mean hit"),
    ('link = "hit_plane"', 'link = "clock"', "link: it may lie in .*: keep it in 0..65535"),
    ('channel = "row', 'channel = "u + row', "channel: it may lie in -512"),
    ("row = {", "channel = {", "no column row"),
    # numbers
    ("pedestal_e = -12", 'pedestal_e = "-12"', "pedestal_e: '-12' is no finite number"),
    ("pedestal_e = -12", "pedestal_e = nan", "pedestal_e: nan is no finite number"),
    ("pedestal_e = -12", "pedestal_e = true", "pedestal_e: True is no finite number"),
    ("pedestal_e = -12", f"pedestal_e = {10**400}", "0 is no finite number"),
    ("gain = [61.5, 62, 63.25, 1e3]", "gain = []", "gain: this table is empty"),
    ("gain = [61.5, 62, 63.25, 1e3]", "gain = [inf]", "gain: inf is no finite number"),
    ("gain = [61.5, 62, 63.25, 1e3]", "gain = 61.5", "gain: 61.5 is not a list"),
    # values that can't be
    ("tick_ns = 25", "tick_ns = true", r"\[clock\] tick_ns: True is not a number or a text"),
    ("tick_ns = 25", "tick_ns = 0", "tick_ns: 0: write a number of ns"),
    ("tick_ns = 25", "tick_ns = -1", "tick_ns: -1: write a number of ns"),
    ("tick_ns = 25", "tick_ns = nan", "tick_ns: nan: write a number of ns"),
    ("tick_ns = 25", "tick_ns = 25\nperiod = 0", "period: there is no such key"),
    ('slice = "10 ms"', "slice = 0", "slice: 0: write 1 ticks or more"),
    ('slice = "10 ms"', 'slice = "-10 ms"', "a duration is not negative"),
    ('slice = "10 ms"', "slice = false", "slice: False is not a number or a text"),
    ('disorder = "1 us"', "disorder = -1", "disorder: -1: write 0 ticks or more"),
    ('wrap = "2**35 * 4"', "wrap = 0", "wrap: 0: write 1 ticks or more"),
    ('wrap = "2**35 * 4"', 'wrap = "2**36 * 4"', "wrap: .* time never comes to half of that"),
    ("words_per_hit = 3", "words_per_hit = 0", "words_per_hit: 0: it must lie in 1..16"),
    ("words_per_hit = 3", "words_per_hit = -3", "words_per_hit: -3: it must lie in 1..16"),
    ("bits = [20, 27]", "bits = [27, 20]", r"bits: \[27, 20\]: write \[lowest, highest\]"),
    ("bits = [20, 27]", "bits = [-1, 27]", r"bits: \[-1, 27\]: write"),
    ("bits = [20, 27]", "bits = [20, 64]", r"bits: \[20, 64\]: write"),
    ("bits = [20, 27]", "bits = [false, 27]", r"bits: \[False, 27\]: write"),
    # shape
    ('element = ["hit_plane", "row", "col"]', 'element = ["plane"]', "element: there is no column"),
    ('position_mm = ["x_mm"]', 'position_mm = ["x"]', "position_mm: there is no column x"),
    ('position_mm = ["x_mm"]', 'positions = ["x_mm"]', "positions: there is no such key; did you"),
    ('size_mm = ["pitch_mm", 0.3]', 'size_mm = ["pitch"]', "size_mm: 'pitch' is no finite number"),
    ('kind = "pixel"', 'kind = "pixel"\nview = "side"', "view: there is no column side"),
    # text dumps
    ('ROW = "row"', 'ROW = "rwo"', r"\[text\] ROW: no field rwo is left; did you mean row"),
    ('ROW = "row"', 'ROW = "col"', "ROW: no field col is left"),
    ('ROW = "row"', "", "a dump must hold every field, but row isn't there"),
    ('ROW = "row"', "ROW = 3", "ROW: 3 is not a table"),
    ("add = 1 }", "ad = 1 }", "COL ad: there is no such key; did you mean add"),
    # calibration
    ("from = 2026-03-01", 'from = "2026-03-01"', r"number 1 from: '2026-03-01' is not a date"),
    ("from = 2026-03-01", "from = 2026-03-01T00:00:00", "from: which zone.*00:00:00Z"),
    ("from = 2026-03-01", "from = 2026-06-01", "to: 2026-06-01 .* is not after 2026-06-01"),
    ("from = 2026-03-01", "form = 2026-03-01", "form: .* did you mean from"),
    ("tables = { t0_ticks", "tables = { t0_tick", "t0_tick: .* did you mean t0_ticks"),
    ("[0, 3, -9]", "[0, 3]", r"as calibrated on 2026-03-01: \[columns\] t_corrected: this index"),
    ("[0, 3, -9]", "3", r"as calibrated on 2026-03-01: \[tables\] t0_ticks: 3 is not a list"),
    ("pedestal_e = -11.5", "pedestal_e = -11.5, pitch = 1", "pitch: .* did you mean pitch_mm"),
    ("constants = { pedestal_e = -11.5 }", "tables = { t0_ticks = [1, 2, 3] }", "end that first"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "problem"), WRONG)
def test_what_is_wrong_is_named_with_its_file_and_place(right, wrong, problem):
    assert right in PIXELS
    with pytest.raises(DeclarationError) as error:
        loads(PIXELS.replace(right, wrong, 1), "pixels.toml")
    assert str(error.value).startswith("pixels.toml")
    assert re.search(problem, str(error.value)), str(error.value)


APART = [
    ('name = "pixels"', 'name = "Pixels"'),
    ('title = "A', 'titel = "A'),
    ("words_per_hit = 3", "words_per_hit = 3\nwidth = 3"),
    ("bits = [20, 27]", "bits = [20, 64]"),
    ("bits = [21, 27]", "bits = [21, 31]"),
    ("row = { bits", "row = { wrod = 0, bits"),
    ("tick_ns = 25", "tick_ns = 0"),
    ('disorder = "1 us"', 'disorder = "1 su"'),
    ('slice = "10 ms"', ""),
    ('hit = "charge > 0"', 'hit = "chorge > 0"'),
    ('link = "hit_plane"', 'linc = "hit_plane"'),
    ('third = "(col', 'third = "(coll'),
    ('u = "col - 512"', 'u = "col +- "'),
    ("pitch_mm = 0.055", "pitch_mm = nan"),
    ("gain = [61.5", 'gain = ["61.5"'),
    ('kind = "pixel"', 'kind = 3\nview = "side"'),
    ('position_mm = ["x_mm"]', 'position = ["x_mm"]'),
    ("add = 1 }", 'add = "1" }'),
    ('ROW = "row"', 'ROW = "rows"'),
    ("from = 2026-03-01", 'from = "2026-03-01"'),
    ("pedestal_e = -11.5", "pedestal_e = -11.5, pitch = 1"),
]
"""What is wrong, each without regard to the others; the view is a second fault of its line."""


@given(st.sets(st.sampled_from(APART), min_size=1))
@settings(max_examples=60, deadline=None)
def test_all_that_is_wrong_is_told_at_once_and_nothing_else(wrong):
    text = PIXELS
    for right, mistake in wrong:
        assert right in text
        text = text.replace(right, mistake, 1)
    told = faults(text)
    alone = [
        fault for right, mistake in wrong for fault in faults(PIXELS.replace(right, mistake, 1))
    ]
    assert sorted(told) == sorted(alone)
    assert len(told) >= len(wrong)


def faults(text):
    """The place of each fault."""
    with pytest.raises(DeclarationError) as error:
        loads(text, "pixels.toml")
    lines = str(error.value).splitlines()
    assert lines[0].startswith("pixels.toml: ")
    return [line.split(": ")[1] for line in lines if line.startswith("pixels.toml: ")]


def test_a_table_tells_all_that_is_wrong_with_it():
    told = faults("""
        name = "pair"
        title = "A table"
        [table]
        since = 2020-01-01T00:00:00
        bad_rows = "ignore"
        time = { T = "1 nss", U = "0 ns" }
        [table.values]
        channel = { colum = "c", type = "int99" }
        E1 = "e"
        adc = { column = "a", unit = 0, base = 8 }
        [columns]
        twice = "channel * 2 + e1 + adc"
    """)
    places = ["time T", "time U", "values channel column", "values channel type", "values E1"]
    places += ["values adc unit", "values adc base", "since", "bad_rows"]
    assert told == [f"[table] {place}" for place in places]


def test_what_is_no_toml_is_named_with_its_line():
    with pytest.raises(DeclarationError, match=r"pixels\.toml: this is not TOML: .*line 3"):
        loads('name = "x"\n\ntick = \n', "pixels.toml")


def test_a_mistake_beside_a_constant_is_shown_where_it_was_written():
    text = "u * pitch_mm / pitch_mm // 3"
    with pytest.raises(DeclarationError) as error:
        loads(PIXELS.replace("u * pitch_mm", text))
    assert text in str(error.value).splitlines()[1]
    with pytest.raises(SelectionError) as slip:
        loads(PIXELS).selection("pitch_mm * 2 < nowhere * pitch_mm")
    assert slip.value.text[slip.value.start : slip.value.stop] == "nowhere"

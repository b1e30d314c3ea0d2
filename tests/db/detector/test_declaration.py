import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from pixels import PIXELS

from db.detector import available, decode, encode, load, loads
from db.detector.calibration import calibration_entry
from db.errors import DeclarationError, SelectionError, UsageError
from db.selection import to_numpy

BEFORE, SPRING, BOTH, AFTER = (datetime(2026, month, 15, tzinfo=UTC) for month in (2, 3, 5, 7))


def one_pixel(detector, **fields):
    values = {field.name: 0 for field in detector.fields} | fields
    return encode(detector, {name: np.array([value]) for name, value in values.items()})


# -- where detectors come from


def test_a_file_in_a_folder_adds_a_detector(folder, pixels):
    assert "pixels" in available([folder])
    assert {"drift_tubes_v1", "drift_tubes_v2", "km3net"} <= set(available())
    assert "pixels" not in available()
    assert pixels.title == "A telescope of silicon pixels"
    assert load(folder / "pixels.toml").fingerprint == pixels.fingerprint


def test_a_folder_comes_before_what_is_built_in(tmp_path):
    own = load("km3net").source.replace('title = "KM3NeT', 'title = "Ours')
    (tmp_path / "km3net.toml").write_text(own)
    assert load("km3net", [tmp_path]).title.startswith("Ours")


@pytest.mark.parametrize("name", ["drift_tubes_v3", "no/such/drift_tubes_v2.toml"])
def test_an_unknown_detector_is_answered_with_a_near_one(name):
    with pytest.raises(DeclarationError, match=f"no detector {name}; did you mean drift_tubes_v"):
        load(name)


def test_a_file_of_another_name_is_refused(tmp_path):
    path = tmp_path / "pixel.toml"
    path.write_text(PIXELS)
    with pytest.raises(DeclarationError, match=r"pixel\.toml: it declares pixels: give"):
        load(path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "pixels.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DeclarationError, match="can't be read"):
        load(path)


def test_the_least_that_a_declaration_needs():
    detector = loads("""
        name = "counter"
        title = "One channel"
        fields.time = { bits = [0, 63] }
        clock = { tick_ns = "1/3", time = "time >> 3", disorder = 0, slice = "1 s" }
    """)
    hit = decode(detector, np.array([80], np.uint64), 5, [*detector.nodes])
    told = {name: values[0].item() for name, values in hit.items()}
    assert told == {
        "time": 80,
        "t": 15,
        "channel": 0,
        "hit": True,
        "timed": True,
        "corrupt": False,
    }
    assert detector.slice == 3 * 10**9
    assert detector.wrap is None
    assert detector.link is None
    assert detector.shape is None
    assert detector.text == ()


def test_the_epoch_is_added_to_the_narrowest_clock():
    declared = """
        name = "counter"
        title = "A clock of 4 bits"
        fields.time = { bits = [2, 5] }
        clock = { tick_ns = 1, time = "time", wrap = 16, disorder = 0, slice = 16 }
    """
    words, epochs = np.arange(64, dtype=np.uint64), np.arange(64) % 3 * 16
    expected = [word // 4 + word % 3 * 16 for word in range(64)]
    assert decode(loads(declared), words, epochs, ["t"])["t"].tolist() == expected


def test_a_column_of_that_name_is_the_channel():
    declared = PIXELS.replace('channel = "row * 1024 + col"\n', "").replace(
        "row = {", "channel = {"
    )
    declared = re.sub(r"\brow\b", "channel", declared)
    detector = loads(declared)
    word = one_pixel(detector, channel=77)
    assert decode(detector, word, 0, ["channel"])["channel"] == [77]


# -- what is wrong is named


WRONG = [
    ('name = "pixels"', "", "name: is missing"),
    ('name = "pixels"', 'nam = "pixels"', "name: is missing; did you mean nam?"),
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


# -- selections


def test_a_selection_knows_columns_tables_and_constants(pixels):
    words = np.concatenate([one_pixel(pixels, col=col, charge=col % 256) for col in range(1024)])
    columns = decode(pixels, words)
    mask = to_numpy(
        pixels.selection("charge_e / pitch_mm > 100 and lookup(quarter, gain) < 63"), columns
    )
    charge, col = columns["charge"].astype(int), columns["col"].astype(int)
    charge_e = np.array([61.5, 62, 63.25, 1e3])[charge // 64] * charge - 12
    assert mask.tolist() == ((charge_e / 0.055 > 100) & (col % 4 < 2)).tolist()
    assert mask.any()


def test_a_selection_must_be_a_condition(pixels):
    with pytest.raises(SelectionError, match="a yes or no"):
        pixels.selection("col + 1")


# -- calibration


def test_a_calibration_moves_the_times_of_a_channel_while_it_holds(pixels):
    word = one_pixel(pixels, col=600, clock=1000)
    at = {when: pixels.at(when) for when in (BEFORE, SPRING, BOTH, AFTER)}
    corrected = {when: decode(d, word, 7)["t_corrected"].item() for when, d in at.items()}
    assert corrected == {BEFORE: 4012, SPRING: 4016, BOTH: 4016, AFTER: 4012}
    charges = {when: decode(d, word)["charge_e"].item() for when, d in at.items()}
    assert charges == {BEFORE: -12, SPRING: -12, BOTH: -11.5, AFTER: -11.5}
    assert {decode(d, word, 7)["t"].item() for d in at.values()} == {4007}


def test_a_calibration_holds_from_its_first_moment_to_before_its_last(pixels):
    start, stop = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
    second = timedelta(seconds=1)
    tables = [
        pixels.at(when).tables["t0_ticks"][2]
        for when in (start - second, start, stop - second, stop)
    ]
    assert tables == [-5, -9, -9, -5]
    may = datetime(2026, 5, 1, tzinfo=UTC)
    assert pixels.at(may - second).constants["pedestal_e"] == -12
    assert pixels.at(may).constants["pedestal_e"] == -11.5


def test_a_calibration_without_dates_holds_always():
    declared = PIXELS.replace("from = 2026-03-01\nto = 2026-06-01T00:00:00Z\n", "")
    assert loads(declared).at(datetime(1990, 1, 1, tzinfo=UTC)).tables["t0_ticks"] == (0, 3, -9)


def test_of_two_calibrations_the_one_measured_last_holds_and_both_stay(pixels):
    text, first = PIXELS, datetime(2026, 4, 1, tzinfo=UTC)
    days = [first + timedelta(days=n) for n in (2, 3, 1)]
    for n, last in enumerate([0, 1, 1]):
        text += calibration_entry({"tables": {"t0_ticks": [n, n, -n]}}, SPRING, None, days[n])
        assert loads(text).at(SPRING).tables["t0_ticks"] == (last, last, -last)
    assert loads(text).at(BEFORE).tables == pixels.at(BEFORE).tables
    ended = PIXELS + calibration_entry({"tables": {"t0_ticks": [1, 1, 1]}}, SPRING, BOTH, first)
    assert loads(ended).at(BOTH).tables == pixels.at(BOTH).tables
    with pytest.raises(DeclarationError, match="end that first"):
        loads(text + calibration_entry({"tables": {"t0_ticks": [9, 9, 9]}}, SPRING, None, days[0]))


def test_fingerprints_differ_where_values_do(pixels):
    prints = [pixels.at(when).fingerprint for when in (BEFORE, SPRING, BOTH, AFTER)]
    assert prints[0] == pixels.fingerprint
    assert len(set(prints)) == 4


@pytest.mark.parametrize(
    "change",
    [
        ('"clock * 4 + quarter"', '"clock * 4 + lookup(min(quarter, 2), t0_ticks) + 9"'),
        ('hit = "charge > 0"', 'hit = "lookup(quarter % 3, t0_ticks) > -7"'),
        ('"hit_plane == 3 and charge == 255"', '"charge_e < 50"'),
    ],
)
def test_a_calibration_may_not_change_how_words_were_stored(change):
    with pytest.raises(DeclarationError, match=r"words were stored by .* calibrate a column"):
        loads(PIXELS.replace(*change))


def test_a_date_without_zone_is_refused(pixels):
    with pytest.raises(UsageError, match="which zone"):
        pixels.at(datetime(2026, 3, 1))  # noqa: DTZ001


# -- fingerprints


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# Has", "# had"),
        ('title = "A telescope', 'title = "Our telescope'),
        ('"clock * 4 + quarter"', '" clock*4  +quarter "'),
        ("row in (0, 1023) or", "row in(0,1023)or"),
        ('disorder = "1 us"', "disorder = 40"),
        ('wrap = "2**35 * 4"', "wrap = 137438953472"),
        ("tick_ns = 25", 'tick_ns = "50/2"'),
        ("words_per_hit = 3\n", "words_per_hit = 3 # three\n\n\n"),
        ("row = { bits = [10, 19] }", "row = { word = 0, bits = [10, 19] }"),
        ('kind = "pixel"', 'kind = "square"'),
        ("pitch_mm = 0.055\npedestal_e = -12\n", "pedestal_e = -12\npitch_mm = 0.055\n"),
        ("[0, 3, -9]", "[0, 3, -8]"),
    ],
)
def test_a_fingerprint_is_that_of_the_values_not_of_the_file(before, after):
    declared = "# Has\n" + PIXELS
    assert before in declared
    assert loads(declared.replace(before, after)).fingerprint == loads(PIXELS).fingerprint


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("tick_ns = 25", "tick_ns = 24"),
        ("bits = [20, 27]", "bits = [21, 27]"),
        ("gain = [61.5, 62,", "gain = [61.5, 62.0,"),
        ("pedestal_e = -12", "pedestal_e = -12.5"),
        ("col - 512) // 3", "col - 512) // 4"),
        ("0, 1023) or", "0, 1023) and"),
        ('hit = "charge > 0"', 'hit = "charge > 1"'),
        ('hit = "charge > 0"', 'hit = "charge > 0"\ntimed = "True"'),
        ('link = "hit_plane"', ""),
        ('slice = "10 ms"', 'slice = "20 ms"'),
        ('wrap = "2**35 * 4"', ""),
        ("add = 1", "add = 2"),
        ('always = "7"', ""),
        ("t0_ticks = [0, 3, -5]", "t0_ticks = [0, 3, -5, 0]"),
    ],
)
def test_a_fingerprint_changes_with_what_could_change_a_result(before, after):
    assert before in PIXELS
    assert loads(PIXELS.replace(before, after, 1)).fingerprint != loads(PIXELS).fingerprint


def test_a_column_of_the_name_of_a_key_is_in_the_fingerprint():
    declared = """
        name = "counter"
        title = "Its clock counts in twos"
        fields.raw = { bits = [0, 30] }
        columns.time = "raw * 2"
        clock = { tick_ns = 1, time = "time", disorder = 0, slice = 16 }
    """
    assert loads(declared).fingerprint != loads(declared.replace("raw * 2", "raw * 3")).fingerprint


def test_a_declaration_carries_its_text(pixels):
    assert pixels.source == PIXELS
    assert loads(pixels.source).at(SPRING).fingerprint == pixels.at(SPRING).fingerprint

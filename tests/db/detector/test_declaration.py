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
    with pytest.raises(
        DeclarationError, match=f"there is no .* {name}; did you mean drift_tubes_v"
    ):
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

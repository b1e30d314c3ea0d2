"""Words of the detectors that ship, worked out by hand."""

import numpy as np
import pytest

from db.detector import decode, encode, load

V1, V2, KM3NET = (load(name) for name in ("drift_tubes_v1", "drift_tubes_v2", "km3net"))


def dumped(detector, *rows):
    """Words from rows of a text dump."""
    values = np.array([[int(value) for value in row.split(",")] for row in rows])
    columns = enumerate(detector.text)
    return encode(detector, {each.field: values[:, i] - each.add for i, each in columns})


def drift_word(head, fpga, channel, orbit=0, bx=0, tdc=1, detector=V2):
    """One word, channel counted from 0."""
    names = ("head", "fpga", "tdc_channel", "orbit", "bx", "tdc_meas")
    values = (head, fpga, channel, orbit, bx, tdc)
    return encode(detector, {k: np.array([v]) for k, v in zip(names, values, strict=True)})


def first(decoded):
    return {name: values[0].item() for name, values in decoded.items()}


def test_a_row_becomes_the_word_with_its_bits():
    headers = ["HEAD", "FPGA", "TDC_CHANNEL", "ORBIT_CNT", "BX_COUNTER", "TDC_MEAS"]
    assert [column.header for column in V2.text] == headers
    (word,) = dumped(V2, "2,1,36,3387200956,2165,28")
    assert word == 2 << 61 | 1 << 58 | 36 << 49 | 3387200956 << 17 | 2165 << 5 | 28
    (word,) = dumped(V1, "1,1,37,3387200956,2165,28")
    assert word == 1 << 62 | 1 << 58 | 36 << 49 | 3387200956 << 17 | 2165 << 5 | 28


# Dumped row, orbits since orbit 3387200900, crossing, fine time; chamber, layer, wire; x, z, view.
MEASURED = [
    # 75 = 64 + 11: chamber 2 * 0 + 1; 75 % 4 = 3: layer 1; 11 // 4 + 1: wire 3
    ("2,0,75,3387200947,2922,2", 47, 2922, 1, (1, 1, 3), (-294 + 84, 977.3 - 19.5, 1)),
    # 126 = 64 + 62: chamber 1; 126 % 4 = 2: layer 3; 62 // 4 + 1: wire 16
    ("2,0,126,3387200973,476,29", 73, 476, 28, (1, 3, 16), (-294 + 630, 977.3 + 6.5, 1)),
    # 36: chamber 2 * 1 + 0; 36 % 4 = 0: layer 4; 36 // 4 + 1: wire 10
    ("2,1,36,3387200956,2165,28", 56, 2165, 27, (2, 4, 10), (-315 + 378, 1035.6 + 19.5, 0)),
    # 45: chamber 2; 45 % 4 = 1: layer 2; 45 // 4 + 1: wire 12
    ("2,1,45,3387200973,482,20", 73, 482, 19, (2, 2, 12), (-315 + 462, 1035.6 - 6.5, 0)),
    # 91 = 64 + 27: chamber 2 * 1 + 1; 91 % 4 = 3: layer 1; 27 // 4 + 1: wire 7
    ("2,1,91,3387200973,480,6", 73, 480, 5, (3, 1, 7), (-294 + 252, 1819.8 - 19.5, 0)),
]


@pytest.mark.parametrize(("row", "orbit", "bx", "fine", "wire", "place"), MEASURED)
@pytest.mark.parametrize("detector", [V1, V2], ids=["v1", "v2"])
def test_measured_rows_decode_to_what_the_formulas_give(
    detector, row, orbit, bx, fine, wire, place
):
    if detector is V1:
        _, fpga, channel, *rest = row.split(",")
        row = ",".join(("1", fpga, str(int(channel) + 1), *rest))
    epoch = -3387200900 * 3564 * 30
    hit = first(decode(detector, dumped(detector, row), epoch, detector.nodes))
    assert hit["t"] == (orbit * 3564 + bx) * 30 + fine
    assert (hit["chamber"], hit["layer"], hit["wire"]) == wire
    assert (hit["x_mm"], hit["z_mm"], hit["view"]) == place
    assert hit["hit"] and hit["timed"] and not hit["corrupt"] and not hit["special"]


def test_v1_numbers_channels_from_one_and_lands_on_the_same_wires():
    layers = {1: 4, 3: 3, 2: 2, 0: 1}
    for fpga in (0, 1):
        for channel in range(1, 129):
            (v1,), (v2,) = (
                dumped(V1, f"1,{fpga},{channel},0,0,1"),
                dumped(V2, f"2,{fpga},{channel - 1},0,0,1"),
            )
            places = [
                first(decode(detector, np.array([word]), 0, ["chamber", "layer", "wire"]))
                for detector, word in ((V1, v1), (V2, v2))
            ]
            assert places[0] == places[1]
            assert places[0]["layer"] == layers[channel % 4]
            assert places[0]["wire"] == ((channel - 1) % 64) // 4 + 1
            assert places[0]["chamber"] == 2 * fpga + (channel > 64)


@pytest.mark.parametrize(("detector", "head"), [(V1, 1), (V2, 2)], ids=["v1", "v2"])
@pytest.mark.parametrize("channel", [128, 136, 137, 138, 511])
def test_special_channels_are_stored_as_hits_and_have_no_wire(detector, head, channel):
    hit = first(
        decode(detector, drift_word(head, 1, channel, detector=detector), 0, detector.nodes)
    )
    assert hit["hit"] and hit["special"]
    assert (hit["chamber"], hit["layer"], hit["wire"], hit["view"]) == (255, 0, 0, 255)
    assert (hit["x_mm"], hit["z_mm"]) == (0, 0)


@pytest.mark.parametrize(
    ("detector", "head", "channel", "tdc", "fine"),
    [
        (V2, 2, 5, 1, 0),
        (V2, 2, 5, 30, 29),
        (V2, 2, 136, 7, 6),
        (V1, 1, 5, 30, 29),
        (V1, 1, 135, 7, 6),
        (V1, 1, 136, 7, 7),
        (V1, 1, 137, 0, 0),
        (V1, 1, 138, 7, 6),
    ],
)
def test_fine_time_counts_from_zero_but_in_words_that_number_events(
    detector, head, channel, tdc, fine
):
    word = drift_word(head, 0, channel, 2, 3, tdc, detector)
    hit = first(decode(detector, word, 1000))
    assert hit["fine"] == fine
    assert hit["t"] == (2 * 3564 + 3) * 30 + fine + 1000


@pytest.mark.parametrize(
    ("detector", "head", "channel", "bx", "tdc", "corrupt"),
    [
        (V2, 2, 5, 3563, 30, False),
        (V2, 2, 5, 3564, 30, True),
        (V2, 2, 5, 0, 0, True),
        (V2, 2, 5, 0, 31, True),
        (V2, 2, 136, 0, 31, True),
        (V2, 0, 5, 4000, 31, False),
        (V1, 1, 5, 3564, 1, True),
        (V1, 1, 5, 0, 0, True),
        (V1, 1, 138, 0, 31, True),
        (V1, 1, 136, 0, 31, False),
        (V1, 1, 137, 0, 0, False),
        (V1, 1, 137, 3564, 1, True),
        (V1, 3, 5, 4000, 0, False),
    ],
)
def test_hits_whose_time_cannot_be_are_corrupt(detector, head, channel, bx, tdc, corrupt):
    word = drift_word(head, 0, channel, 0, bx, tdc, detector)
    assert first(decode(detector, word, 0, ["corrupt"])) == {"corrupt": corrupt}


@pytest.mark.parametrize(
    ("head", "hit", "timed"),
    [(0, False, True), (2, True, True), (4, False, False), (5, False, False)],
)
def test_words_of_segments_are_no_hits_and_those_of_times_decode_as_such(head, hit, timed):
    decoded = first(decode(V2, drift_word(head, 1, 70, 5, 6, 8), 0, V2.nodes))
    assert (decoded["hit"], decoded["timed"]) == (hit, timed)
    assert decoded["t"] == (5 * 3564 + 6) * 30 + 7
    assert decoded["chamber"] == 3


def test_a_chamber_that_the_set_up_lacks_has_wires_but_no_place():
    hit = first(decode(V2, drift_word(2, 3, 70)))
    assert (hit["chamber"], hit["layer"], hit["wire"]) == (7, 3, 2)
    assert (hit["view"], hit["x_mm"], hit["z_mm"]) == (255, 42 - 294, 0)


def test_an_fpga_is_a_link():
    assert first(decode(V2, drift_word(2, 1, 5), 0, ["link", "channel"])) == {
        "link": 1,
        "channel": 517,
    }


def test_clock_of_the_drift_tubes():
    for detector, head in ((V1, 1), (V2, 2)):
        assert detector.wrap == 2**32 * 3564 * 30
        assert detector.slice * detector.tick == 100_000_000
        assert detector.disorder * detector.tick == 10_000_000
        highest = drift_word(head, 0, 0, 2**32 - 1, 3563, 30, detector)
        assert first(decode(detector, highest, 0, ["t"])) == {"t": detector.wrap - 1}


def test_a_photon_of_km3net():
    words = np.array([30 | 99_999_999 << 8 | 26 << 40, 808_432_835], np.uint64)
    assert first(decode(KM3NET, words, 10**15)) == {
        "pmt": 30,
        "time": 99_999_999,
        "tot": 26,
        "module": 808_432_835,
        "t": 10**15 + 99_999_999,
    }
    assert KM3NET.slice == 100_000_000
    assert KM3NET.wrap is None


@pytest.mark.parametrize(("pmt", "corrupt"), [(0, False), (30, False), (31, True), (255, True)])
def test_a_module_of_km3net_has_31_pmts(pmt, corrupt):
    decoded = decode(KM3NET, np.array([pmt, 1], np.uint64), 0, ["hit", "corrupt"])
    assert first(decoded) == {"hit": True, "corrupt": corrupt}

import numpy as np
import pytest

from db.detector import Detector, decode, load, loads
from db.errors import DeclarationError
from readout.simulator.telescope import telescope_of


def test_cells_are_all_wires_in_order(any_telescope: Detector) -> None:
    scope = telescope_of(any_telescope)
    columns = decode(any_telescope, scope.words.ravel())
    cells = [(c, layer, w) for c in range(4) for layer in range(1, 5) for w in range(1, 17)]
    assert list(zip(*(columns[n].tolist() for n in ("chamber", "layer", "wire")), strict=True)) == (
        cells
    )
    assert columns["fpga"].tolist() == scope.fpga.tolist() == scope.link.tolist()
    assert columns["tdc_channel"].tolist() == scope.tdc_channel.tolist()
    plane, wire = np.divmod(np.arange(len(cells)), scope.wires)
    assert columns["z_mm"].tolist() == scope.z_mm[plane].tolist()
    assert np.allclose(columns["x_mm"], scope.first_x_mm[plane] + wire * scope.cell_mm)
    assert columns["view"].tolist() == scope.view[plane // scope.layers].tolist()


def test_the_published_setup(any_telescope: Detector) -> None:
    scope = telescope_of(any_telescope)
    assert (scope.cell_mm, scope.layers, scope.wires) == (42.0, 4, 16)
    assert np.allclose(scope.centre_mm, [219.8, 977.3, 1035.6, 1819.8])
    assert scope.view.tolist() == [0, 1, 0, 0]
    assert scope.tick_ns == pytest.approx(25 / 30)


def test_segment_words_are_in_the_lowest_channel_of_their_chamber(telescope: Detector) -> None:
    scope = telescope_of(telescope)
    columns = decode(telescope, scope.segment_words.ravel())
    assert columns["head"].tolist() == [0] * 4
    assert columns["tdc_channel"].tolist() == [0, 64, 0, 64]
    assert columns["fpga"].tolist() == scope.segment_link.tolist() == [0, 0, 1, 1]


def test_a_telescope_without_segment_words_has_none() -> None:
    assert len(telescope_of(load("drift_tubes_v1")).segment_words) == 0


def test_another_setup_is_another_telescope(telescope: Detector) -> None:
    text = telescope.source.replace("[0, 1, 0, 0]", "[0, 0, 255, 1]").replace("977.3", "500.0")
    scope = telescope_of(loads(text))
    assert scope.chamber.tolist() == [0, 1, 3]
    assert scope.view.tolist() == [0, 0, 1]
    assert np.allclose(scope.centre_mm, [219.8, 500.0, 1819.8])


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("(wire - 1) * cell_width_mm", "wire * wire * cell_width_mm", "x_mm"),
        ("+ lookup(layer, layer_z_mm) if", "+ wire if", "z_mm"),
        ("% 64 // 4 + 1", "% 64 // 4 + 1 + layer // 4 * tdc_channel // 8", "layer"),
        ("tdc_channel >= 128", "tdc_channel >= 127", "layer"),
        ("v_drift_um_per_ns", "speed_um_per_ns", "v_drift_um_per_ns"),
        ("z_mm =", "height_mm =", "z_mm"),
    ],
)
def test_what_is_no_telescope_of_equal_layers_is_refused(
    telescope: Detector, old: str, new: str, complaint: str
) -> None:
    text = telescope.source.replace('position_mm = ["x_mm", "z_mm"]', "").replace(
        'size_mm = ["cell_width_mm", "cell_height_mm"]', ""
    )
    assert old in text
    with pytest.raises(DeclarationError, match=complaint):
        telescope_of(loads(text.replace(old, new)))


def test_a_detector_of_another_kind_is_refused_by_what_it_lacks() -> None:
    with pytest.raises(DeclarationError, match=r"tdc_channel.*layer"):
        telescope_of(load("km3net"))

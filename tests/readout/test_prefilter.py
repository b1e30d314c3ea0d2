import pytest
from toy import CORRUPT, HIT, SEGMENT, TOY, UNTIMED, toy_words

from db.errors import SelectionError
from readout.prefilter import Prefilter


def test_only_sound_hits_that_the_selection_does_not_take_are_removed() -> None:
    kinds = [HIT, HIT, CORRUPT, SEGMENT, UNTIMED, HIT]
    keep = Prefilter(TOY, "number in (0, 1, 9)").keep(toy_words(range(6), kinds))
    assert keep.tolist() == [True, True, True, True, True, False]


def test_a_wrong_selection_is_refused_when_it_is_made() -> None:
    with pytest.raises(SelectionError, match="number"):
        Prefilter(TOY, "numbr > 3")


def test_a_selection_by_time_is_refused() -> None:
    with pytest.raises(SelectionError, match="can't select by time"):
        Prefilter(TOY, "number > 3 and t > 100")

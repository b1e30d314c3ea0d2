import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.detector import available, encode, load
from fpga.stages.hit_fields import layout


@pytest.mark.parametrize("name", available())
@given(data=st.data())
def test_the_struct_has_the_bits_of_the_declaration(name, data):
    detector = load(name)
    most = {field.name: 2**field.width - 1 for field in detector.fields}
    fields = {name: data.draw(st.integers(0, top)) for name, top in most.items()}
    words = encode(detector, {name: np.array([value]) for name, value in fields.items()})
    whole = sum(word << 64 * k for k, word in enumerate(words.tolist()))
    assert layout(detector).const(fields).as_value().value == whole

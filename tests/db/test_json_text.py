import json

from hypothesis import given
from hypothesis import strategies as st

from db.json_text import json_text

values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inside: st.one_of(
        st.lists(inside), st.tuples(inside), st.dictionaries(st.text() | st.floats(), inside)
    ),
)


def refuse(constant):
    raise AssertionError(constant)


@given(values)
def test_every_value_is_json_that_every_parser_takes(value):
    json.loads(json_text(value), parse_constant=refuse)


@given(st.recursive(st.integers() | st.text(), lambda inside: st.lists(inside)))
def test_finite_values_are_as_json_has_them(value):
    assert json_text(value) == json.dumps(value)


def test_what_a_default_returns_is_finite_too():
    text = json_text([float("inf"), object()], default=lambda _: {"x": float("nan")})
    assert json.loads(text, parse_constant=refuse) == ["inf", {"x": "nan"}]

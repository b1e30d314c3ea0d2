"""What the language takes, what it refuses and where its messages point."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.selection import Node, Range, SelectionError, names, parse, to_numpy, to_sql
from db.selection.to_polars import to_polars

COLUMNS = {
    "layer": Range(1, 4),
    "tdc": Range(0, 31),
    "offset": Range(-100, 100),
    "t": Range(0, 2**62),
    "w0": Range(0, 2**64 - 1),
    "x": Range(kind="float"),
    "good": Range(kind="bool"),
}
TABLES = {"wires": (1, 2, 3, 4, 5), "gains": (0.5, 1.5), "half": (1, 0.5), "jumble": (3, 1, 1)}


def refusal(text: str, want: str | None = None) -> tuple[str, str]:
    """The message and the text that it underlines."""
    with pytest.raises(SelectionError) as caught:
        parse(text, COLUMNS, TABLES, want)
    error = caught.value
    line, marks = str(error).split("\n")[-2:]
    assert len(line) <= 2100
    assert marks == "  " + " " * error.start + "^" * max(1, error.stop - error.start)
    return error.problem, error.text[error.start : error.stop]


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("layr == 1", "layr", "layer"),
        ("TDC < 3", "TDC", "tdc"),
        ("1 + zzz", "zzz", "there is good, layer"),
        ("lookup(layer, wire)", "wire", "wires"),
        ("wires + 1", "wires", "lookup(index, wires)"),
        ("find(layer, wire)", "wire", "wires"),
        ("find(layer, gains)", "find(layer, gains)", "integers that ascend"),
        ("find(layer, jumble)", "find(layer, jumble)", "integers that ascend"),
        ("find(x, wires)", "x", "integer"),
        ("find(layer)", "find(layer)", "find(value, table)"),
        ("find(layer, 3)", "find(layer, 3)", "find(value, table)"),
        ("lookup(find(tdc, wires), wires)", "find(tdc, wires)", "0..5"),
        ("sqrt(x)", "sqrt(x)", "abs"),
        ("mim(x, 1)", "mim(x, 1)", "min"),
        ("layer = 3", "=", "=="),
        ("layer == 1 && tdc > 3", "&&", "and"),
        ("layer == 1 || tdc > 3", "||", "or"),
        ("!good", "!", "not"),
        ("layer <> 1", "<>", "!="),
        ("good AND tdc > 3", "AND", "small letters"),
        ("tdc BETWEEN 1 AND 3", "AND", "small letters"),
        ("tdc +", "+", "not an expression"),
        ("", "", "not an expression"),
        ("(tdc", "(", "never closed"),
    ],
)
def test_a_slip_is_shown_at_its_place_with_its_cure(text: str, place: str, word: str) -> None:
    problem, underlined = refusal(text)
    assert word in problem
    assert underlined == place


@pytest.mark.parametrize(
    "text",
    [
        "layer.real",
        "layer[0]",
        "wires[0]",
        "__import__('os')",
        "'text'",
        "b'text'",
        "f'{layer}'",
        "lambda: 1",
        "(lambda: 1)()",
        "[a for a in (1, 2)]",
        "{1: 2}",
        "{1, 2}",
        "(1, 2)",
        "(y := 3)",
        "lookup(*wires)",
        "min(layer, tdc, key=abs)",
        "(abs)(x)(x)",
        "(yield)",
        "await x",
        "...",
        "None",
        "1j",
        "1if good else 2",
        "0in (1, 2)",
        "1.5.2",
        "layer ** 2",
        "layer @ tdc",
        "x is x",
        "layer in wires",
        "layer in 3",
        "layer in (tdc, 3)",
        "layer in (1, True)",
        "1 in (1, 2) in (1, 2)",
        "layer; tdc",
        "layer\x00",
        "läyer",
        "layer # all",
        "layer \\\n + 1",
        "abs()",
        "abs(x, x)",
        "min(x)",
        "lookup(layer)",
        "lookup(x, gains)",
        "lookup(layer, tdc, x)",
    ],
)
def test_what_is_not_in_the_language_is_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("layer if tdc else 0", "tdc"),
        ("good and layer", "layer"),
        ("not layer", "layer"),
        ("tdc & (layer == 3)", "layer == 3"),
        ("good + 1", "good"),
        ("-good", "good"),
        ("~good", "~good"),
        ("abs(good)", "good"),
        ("good in (1, 2)", "good"),
        ("good < good", "good < good"),
        ("good == 1", "good == 1"),
        ("good if good else 1", "good if good else 1"),
        ("x // 2", "x // 2"),
        ("x % 2", "x % 2"),
        ("x & 1", "x & 1"),
        ("x << 1", "x << 1"),
        ("~x", "~x"),
    ],
)
def test_kinds_do_not_mix_by_accident(text: str, place: str) -> None:
    assert refusal(text)[1] == place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1 + tdc // layer", "layer"),
        ("tdc // 0", "0"),
        ("tdc % -3", "-3"),
        ("tdc << layer", "layer"),
        ("tdc << 63", "63"),
        ("tdc << 1000000000000", "1000000000000"),
        ("tdc >> -1", "-1"),
        ("x / 0", "0"),
        ("x / 0.0", "0.0"),
        ("1 / x", "x"),
        ("tdc / layer", "layer"),
        ("t * 2", "t * 2"),
        ("1 + t * t * t", "t * t"),
        ("0 - t - t - t - t", "0 - t - t - t"),
        ("abs(-9223372036854775808)", "abs(-9223372036854775808)"),
        ("9223372036854775808", "9223372036854775808"),
        ("0xFFFFFFFFFFFFFFFF & w0", "0xFFFFFFFFFFFFFFFF"),
        ("1e999", "1e999"),
        ("1e308 * 10.0", "1e308 * 10.0"),
        ("w0", "w0"),
        ("w0 + 1", "w0"),
        ("w0 >> 0", "w0"),
        ("w0 == 3", "w0"),
        ("w0 in (1, 2)", "w0"),
        ("w0 % 3", "w0"),
        ("w0 // 3", "w0"),
        ("w0 * 1.5", "w0"),
        ("w0 if good else 1", "w0"),
        ("abs(w0)", "w0"),
        ("-w0", "w0"),
        ("w0 & -2", "w0 & -2"),
        ("w0 | 1", "w0"),
        ("t < x", "t"),
        ("t * 0.5", "t"),
        ("lookup(layer - 2, wires)", "layer - 2"),
        ("lookup(layer + 1, wires)", "layer + 1"),
        ("lookup(tdc, 1, 2, 3)", "tdc"),
    ],
)
def test_what_can_not_be_exact_is_refused_at_its_place(text: str, place: str) -> None:
    assert refusal(text)[1] == place


@pytest.mark.parametrize(
    ("text", "lo", "hi"),
    [
        ("tdc - 32", -32, -1),
        ("-offset", -100, 100),
        ("~tdc", -32, -1),
        ("offset // 7", -15, 14),
        ("offset % 7", 0, 6),
        ("(offset & 1) % 7", 0, 1),
        ("offset >> 3", -13, 12),
        ("t >> 62", 0, 1),
        ("layer << 3", 8, 32),
        ("w0 >> 1", 0, 2**63 - 1),
        ("w0 >> 5 & 4095", 0, 4095),
        ("w0 // 32 % 4096", 0, 4095),
        ("4095 & w0", 0, 4095),
        ("tdc & offset", 0, 31),
        ("offset & offset", -128, 127),
        ("layer | tdc", 1, 31),
        ("offset ^ 1", -128, 127),
        ("abs(offset)", 0, 100),
        ("abs(offset - 200)", 100, 300),
        ("min(offset, 7)", -100, 7),
        ("max(offset, layer, 2)", 2, 100),
        ("layer if good else offset", -100, 100),
        ("lookup(layer, wires)", 2, 5),
        ("lookup(tdc & 1, 3, -3)", -3, 3),
        ("-9223372036854775808", -(2**63), -(2**63)),
        ("1_000 + 0x10 + 0b11 + 0o7", 1026, 1026),
    ],
)
def test_bounds_are_as_narrow_as_the_expression_says(text: str, lo: int, hi: int) -> None:
    node = parse(text, COLUMNS, TABLES)
    assert (node.kind, node.lo, node.hi) == ("int", lo, hi)


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("tdc < 32", "1"),
        ("tdc == 32 or layer < 1", "0"),
        ("good and 1 <= layer <= 4", "`good`"),
        ("layer in ()", "0"),
        ("layer in (1, 2, 3, 4, 5)", "1"),
        ("layer in [3, 9, 1, 3]", "(`layer` = 1 or `layer` = 3)"),
        ("layer in [3, 9, 1, 3, 4]", "(`layer` IN (1, 3, 4))"),
        ("2 + 3 * 4 - -1", "15"),
        ("1 / 4", "0.25"),
        ("tdc % 32", "`tdc`"),
        ("tdc & 31", "`tdc`"),
        ("tdc % 40", "`tdc`"),
        ("tdc // 8", "bitShiftRight(`tdc`, 3)"),
        ("tdc % 8", "bitAnd(`tdc`, 7)"),
        ("3 < tdc", "(`tdc` > 3)"),
        ("4095 & w0", "bitAnd(`w0`, 4095)"),
        ("tdc & w0", "bitAnd(`w0`, `tdc`)"),
        ("1 if True else layer", "1"),
        ("\n layer\t== 2 ", "(`layer` = 2)"),
    ],
)
def test_the_tree_is_the_smallest_that_says_it(text: str, sql: str) -> None:
    assert to_sql(parse(text, COLUMNS, TABLES)) == sql


def test_a_place_counts_from_the_start_of_the_text_as_given() -> None:
    node = parse("\n\t  1 <= layer", COLUMNS)
    assert (node.start, node.stop) == (4, 14)
    assert refusal("\n\t  layr") == ("there is no column layr: did you mean layer?", "layr")


def test_a_kind_that_is_wanted_is_asked_for() -> None:
    assert "compare it" in refusal("layer", "bool")[0]
    assert "an integer is needed" in refusal("x", "int")[0]
    assert parse("layer == 1", COLUMNS, want="bool").kind == "bool"
    assert parse("layer / 2", COLUMNS, want="float").kind == "float"


@pytest.mark.parametrize("sign", [1, -1])
def test_an_integer_becomes_a_float_only_within_what_floats_hold(sign: int) -> None:
    at_most, beyond = (Range(*sorted((0, sign * (2**53 + more)))) for more in (0, 1))
    assert parse("n + 0.5", {"n": at_most}).kind == "float"
    with pytest.raises(SelectionError, match="beyond 2"):
        parse("n + 0.5", {"n": beyond})


def test_names_are_the_columns_that_are_read() -> None:
    node = parse("layer in (1, 2) and (x < 2 or good) and tdc < 99", COLUMNS)
    assert names(node) == {"layer", "x", "good"}


def test_sql_binds_a_column_to_given_text() -> None:
    node = parse("tdc + x < 3 and good", COLUMNS)
    bound = to_sql(node, {"tdc": "a - b", "x": "y"})
    assert bound == "(((toFloat64((a - b)) + toFloat64((y))) < 3.0) and `good`)"


@pytest.mark.parametrize(
    "text",
    [
        "1" * 1999,
        "9" * 10000,
        "(" * 999 + "1" + ")" * 999,
        "-" * 1999 + "1",
        "not " * 499 + "good",
        "~" * 60 + "tdc",
        "+".join(["x"] * 900),
        "min(" + ",".join(["tdc"] * 400) + ")",
        "max(" + ",".join(["x"] * 40) + ")",
        "x if good else " * 100 + "x",
        "min(" * 60 + "x",
        "1 if good else (" * 100 + "1" + ")" * 100,
        "lookup(" * 100,
    ],
)
def test_what_is_too_large_is_refused_in_no_time(text: str) -> None:
    refusal(text)


DEEP = {
    "({} | offset)": "offset",
    "min({}, offset - {i})": "offset",
    "({} + x)": "x",
    "(x / 3 + {})": "x",
    "({} if tdc < 3 else offset)": "offset",
    "max({}, x)": "x",
    "(1 if tdc < {} < 9 else 0)": "tdc",
    "(x if {} < x else x)": "x",
    "-{}": "x",
    "(not {})": "good",
    "({} // 7 + offset)": "offset",
}


@pytest.mark.parametrize("shape", DEEP)
def test_the_deepest_nesting_costs_no_more_than_its_size(shape: str) -> None:
    text, deepest = DEEP[shape], None
    for i in range(49):
        text = shape.format(text, i=i)
        try:
            deepest = parse(text, COLUMNS)
        except SelectionError:
            break
    assert deepest is not None
    assert deepest.size <= 2000
    assert len(to_sql(deepest)) < 20 * deepest.size
    to_polars(deepest)
    assert len(to_numpy(deepest, {name: [] for name in COLUMNS})) == 0


WORDS = (
    "// ** << >> <= == != := and or not in is if else lambda for None True abs( min( max( lookup("
)
NUMBERS = "0 1 31 64 0.5 1e5 0x 1e 1_"
MARKS = "+-*/%&|^~<>()[]{},.:=!#@;'\"\\\n\x00ü"
TOKENS = st.sampled_from([*COLUMNS, *TABLES, *WORDS.split(), *NUMBERS.split(), *MARKS])


@settings(max_examples=1500, deadline=None)
@given(
    st.text(max_size=40)
    | st.lists(TOKENS, max_size=14).map(" ".join)
    | st.lists(TOKENS).map("".join)
)
def test_any_text_gives_a_tree_or_a_selection_error(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            node = parse(text, COLUMNS, TABLES)
        except SelectionError as error:
            assert 0 <= error.start <= error.stop <= max(len(error.text), error.start + 1)
            return
    assert isinstance(node, Node)
    assert 0 <= node.start < node.stop <= len(text)
    to_sql(node)
    to_polars(node)

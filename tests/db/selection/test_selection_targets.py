"""All forms of a selection against Python's own evaluation of its text, row by row."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numba import njit

from db.engine import Engine
from db.selection import Range, SelectionError, dtype, parse, to_numpy, to_sql
from db.selection.to_loop import SCOPE, to_loop
from db.selection.to_polars import to_polars

ROWS = 120
TABLES = {
    "short": (3, -1, 4, 1, -5, 9, 2, 6),
    "long": tuple((i * 7919) % 300 for i in range(256)),
    "extreme": (2**63 - 1, -(2**63), 0, -1),
    "gain": tuple(1 / (i + 3) for i in range(64)),
    "mixed": (1, 0.5, -2, 1e300),
    "known": (-(2**63), -1, 0, 1, 2, 63, 127, 200, 65535, 806451572, 4294967295, 2**63 - 1),
    "bits": (0, 1, 2, 3),
    "fine": tuple(k / 7 for k in range(1024)),
}
RANGES = {
    "a": Range(0, 2**8 - 1),
    "b": Range(0, 2**16 - 1),
    "c": Range(0, 2**32 - 1),
    "d": Range(-(2**7), 2**7 - 1),
    "e": Range(-(2**63), 2**63 - 1),
    "u": Range(0, 2**63 - 1),
    "w0": Range(0, 2**64 - 1),
    "x": Range(kind="float"),
    "y": Range(kind="float"),
    "f": Range(kind="float"),
    "flag": Range(kind="bool"),
}
DTYPES = {"a": "u1", "b": "u2", "c": "u4", "d": "i1", "e": "i8", "u": "u8", "w0": "u8"}
TYPES = {
    **{
        f"{sign}int{bits}": f"{sign.upper()}Int{bits}"
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    "float32": "Float32",
    "float64": "Float64",
    "bool": "Bool",
}


def columns() -> dict[str, np.ndarray]:
    random = np.random.default_rng(20240607)
    made: dict[str, np.ndarray] = {}
    for name, kind in DTYPES.items():
        lo, hi = int(RANGES[name].lo), int(RANGES[name].hi)
        values = random.integers(lo, hi, ROWS, dtype=kind, endpoint=True)
        # Random bits would hardly ever be small: shift them to all sizes.
        values >>= random.integers(0, values.itemsize * 8, ROWS).astype(kind)
        edges = [lo, lo + 1, 0, 1, 2, 5, 63, 64, hi // 2, hi - 1, hi]
        values[: len(edges)] = np.array(edges, dtype=kind)
        made[name] = random.permutation(values)
    odd = [0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1.7e308, -1.7e308, 1.0, 3.0, 0.1]
    for name in "xy":
        values = random.normal(size=ROWS) * 10.0 ** random.integers(-3, 12, ROWS)
        values[: len(odd)] = odd
        made[name] = random.permutation(values)
    made["f"] = random.normal(size=ROWS).astype("f4")
    made["flag"] = random.integers(0, 2, ROWS).astype(bool)
    return made


COLUMNS = columns()
FRAME = pl.DataFrame(COLUMNS)
PYTHON_ROWS = FRAME.to_dicts()


def lookup(index: int, *values: Any) -> float:
    table = values[0] if isinstance(values[0], tuple) else values
    assert 0 <= index < len(table)
    # A table is of one kind: where one value is a float, all are, and zeros have signs.
    return float(table[index]) if any(isinstance(v, float) for v in table) else table[index]


def find(value: int, table: tuple[int, ...]) -> int:
    return table.index(value) if value in table else len(table)


ORACLE = {"__builtins__": {}, "abs": abs, "min": min, "max": max, "lookup": lookup, **TABLES}
ORACLE |= {"find": find}


@pytest.fixture(scope="module")
def clickhouse(engine: Engine) -> Iterator[Engine]:
    types = {name: TYPES[values.dtype.name] for name, values in COLUMNS.items()}
    columns = ", ".join(f"`{name}` {kind}" for name, kind in types.items())
    engine.execute(f"CREATE TABLE selection_test ({columns}) ENGINE = Memory")
    engine.insert("selection_test", pa.table(dict(COLUMNS)))
    yield engine
    engine.execute("DROP TABLE selection_test")


# -- expressions as text, of a wanted kind; what the compiler refuses is replaced by something tamer


def allowed(text: str) -> bool:
    try:
        parse(text, RANGES, TABLES)
    except SelectionError:
        return False
    return True


SMALL = st.integers(-10, 70)
ANY_INT = SMALL | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([2**k for k in range(62)])
FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 0.5, 3.0])
COMPARE = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


@st.composite
def integers(draw: st.DrawFn, depth: int) -> str:
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(
            st.sampled_from(["a", "b", "c", "d", "e", "u", "(w0 >> 5 & 4095)", "(w0 >> 1)"])
            | ANY_INT.map(str)
        )
    left, right = draw(integers(depth - 1)), draw(integers(depth - 1))
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2:
            text = f"({left} {draw(st.sampled_from('+-*&|^'))} {right})"
        case 3 | 4:
            divisor = draw(st.integers(1, 20) | st.integers(1, 2**63 - 1))
            text = f"({left} {draw(st.sampled_from(['//', '%']))} {divisor})"
        case 5:
            text = f"({left} {draw(st.sampled_from(['<<', '>>']))} {draw(st.integers(0, 70))})"
        case 6:
            text = f"{draw(st.sampled_from(['-', '~', 'abs']))}({left})"
        case 7:
            text = f"{draw(st.sampled_from(['min', 'max']))}({left}, {right})"
        case 8:
            text = f"({left} if {draw(booleans(depth - 1))} else {right})"
        case _:
            if draw(st.booleans()):
                return f"find({left}, {draw(st.sampled_from(['known', 'bits']))})"
            name, mask = draw(st.sampled_from([("short", 7), ("long", 255), ("extreme", 3)]))
            text = f"lookup({left} & {mask}, {name})"
    return text if allowed(text) else left


@st.composite
def floats(draw: st.DrawFn, depth: int) -> str:
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(["x", "y", "f"]) | FINITE.map(repr))
    left, right = draw(floats(depth - 1)), draw(floats(depth - 1))
    match draw(st.integers(0, 7)):
        case 0 | 1:
            text = f"({left} {draw(st.sampled_from('+-*'))} {right})"
        case 2:
            text = f"({draw(integers(depth - 1))} {draw(st.sampled_from('+-*'))} {right})"
        case 3:
            part = draw(st.sampled_from([left, draw(integers(depth - 1))]))
            text = f"({part} / {draw(FINITE | SMALL)!r})"
        case 4:
            text = f"{draw(st.sampled_from(['-', 'abs']))}({left})"
        case 5:
            text = f"{draw(st.sampled_from(['min', 'max']))}({left}, {right})"
        case 6:
            text = f"({left} if {draw(booleans(depth - 1))} else {right})"
        case _:
            name, mask = draw(st.sampled_from([("gain", 63), ("mixed", 3)]))
            text = f"lookup({draw(integers(depth - 1))} & {mask}, {name})"
    return text if allowed(text) else left


@st.composite
def booleans(draw: st.DrawFn, depth: int) -> str:
    part = draw(st.sampled_from([integers, floats]))
    left, right = draw(part(max(depth - 1, 0))), draw(part(max(depth - 1, 0)))
    simple = f"({left} {draw(COMPARE)} {right})"
    if depth == 0:
        return draw(st.sampled_from([simple, simple, simple, "flag"]))
    match draw(st.integers(0, 8)):
        case 0 | 1:
            text = f"({draw(booleans(depth - 1))} {draw(st.sampled_from(['and', 'or']))} {simple})"
        case 2:
            text = f"(not {draw(booleans(depth - 1))})"
        case 3:
            text = f"({left} {draw(COMPARE)} {right} {draw(COMPARE)} {left})"
        case 4 | 5:
            values = draw(st.lists(SMALL | ANY_INT, max_size=9))
            text = f"({left} {draw(st.sampled_from(['in', 'not in']))} {values})"
        case 6:
            text = f"({draw(booleans(depth - 1))} {draw(st.sampled_from('&|^'))} {simple})"
        case 7:
            operator = draw(st.sampled_from(["==", "!="]))
            text = f"({draw(booleans(depth - 1))} {operator} {simple})"
        case _:
            text = f"({simple} if {draw(booleans(depth - 1))} else {draw(booleans(depth - 1))})"
    return text if allowed(text) else draw(booleans(0)) if not allowed(simple) else simple


def same(found: np.ndarray, wanted: list[Any], kind: str, sign_of_zero: bool = True) -> bool:
    if kind != "float":
        return [int(value) for value in found.tolist()] == [int(value) for value in wanted]
    exact = np.array(wanted, "f8")
    numbers = ~np.isnan(exact)
    if sign_of_zero and (np.signbit(found) != np.signbit(exact))[numbers].any():
        return False
    return found.dtype == exact.dtype and np.array_equal(found, exact, equal_nan=True)


def check(clickhouse: Engine, texts: list[str]) -> None:
    nodes = [parse(text, RANGES, TABLES) for text in texts]
    selected = ", ".join(f"{to_sql(node)} AS r{i}" for i, node in enumerate(nodes))
    rows = clickhouse.fetch(f"SELECT {selected} FROM selection_test")
    frame = FRAME.with_columns(**{f"r{i}": to_polars(node) for i, node in enumerate(nodes)})
    for i, (text, node) in enumerate(zip(texts, nodes, strict=True)):
        wanted = [eval(text, ORACLE, row) for row in PYTHON_ROWS]  # the language is Python's
        in_numpy = to_numpy(node, COLUMNS)
        assert in_numpy.dtype == dtype(node)
        assert same(in_numpy, wanted, node.kind), ("numpy", text)
        assert same(frame[f"r{i}"].to_numpy(), wanted, node.kind, False), ("polars", text)
        assert same(rows[f"r{i}"].to_numpy(), wanted, node.kind), ("clickhouse", text)
        if node.kind == "int":
            assert node.lo <= min(wanted) <= max(wanted) <= node.hi, ("bounds", text)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists((integers(3) | floats(3) | booleans(3)).filter(allowed), min_size=1, max_size=9))
def test_every_target_gives_what_python_gives(clickhouse: Engine, texts: list[str]) -> None:
    check(clickhouse, texts)


PINNED = [
    "1 if flag else -1",
    "u if flag else d",
    "u if flag else -1",
    "max(u, -1)",
    "e if flag else 9223372036854775807",
    "min(e, 9223372036854775806)",
    "lookup(w0 >> 62, extreme)",
    "w0 >> 62 in (1, 3)",
    "min(u, d) - max(e, 5) // 2",
    "max(d, 200) + min(c, 9, b)",
    "e >> 63",
    "e >> 70",
    "d >> 9",
    "(d >> 9) + (e >> 64)",
    "e // 3",
    "e % 1000003",
    "d // 100 * 1000 + d % 100",
    "d & 255",
    "a & 300",
    "a & 1000000000000",
    "a & -1",
    "d | b",
    "~u ^ a",
    "a << 20",
    "w0 & 9223372036854775807",
    "w0 >> 63",
    "w0 & e % 4096",
    "lookup(a & 3, extreme)",
    "lookup(-1 & 63, gain)",
    "(d & 63) - 100 in (-100, -60, -38)",
    "d in (-128, -1, 0, 127, 300)",
    "e in (-9223372036854775808, 5, 9223372036854775807)",
    f"u in {[1, *(2**62 + k for k in range(50))]}",  # to a float they are all 2**62 - 1
    "c not in (1, 2, 5, 63, 4294967295)",
    "flag == (x < y)",
    "flag ^ (a < 3) | flag & (a > 9)",
    "x < y",
    "x <= y",
    "x > y",
    "x >= y",
    "x == y",
    "x != y",
    "x == x and not y != y",
    "not x >= 1 and not 1 >= y",
    "a > x or c * 1.0 == y",
    "min(x, y)",
    "max(x, 0, f)",
    "x in [0, 1, -1]",
    "x == 0 or x == -1.0 or x == 3",
    "x != 0 and x != -1.0 and x != 3",
    "0.0 == (x if a != a else -0.0)",
    "3 > (x if a != a else 4)",
    "-(x * 0.0)",
    "find(a, known)",
    "find(c, known)",
    "find(d, known)",
    "find(e, known) + find(u, known) * find(b, bits)",
    "find(w0 >> 1, known)",
    "lookup(find(a & 3, bits), short)",
    "lookup(b & 1023, fine)",
    "x / 3",
    "abs(x) / -0.1",
    "(a - b) / 7 == c / 7",
    "lookup(a & 3, mixed) * f",
    "u - 4611686018427387904 < e",
]


@pytest.mark.parametrize("text", PINNED)
def test_every_target_agrees_where_the_engines_differ(clickhouse: Engine, text: str) -> None:
    check(clickhouse, [text])


def test_a_compiled_loop_gives_what_numpy_gives() -> None:
    nodes = [parse(text, RANGES, TABLES) for text in PINNED]
    tables: list[np.ndarray] = []
    lines = [f"out{k}[i] = {to_loop(node, tables)}" for k, node in enumerate(nodes)]
    given = [f"_{name} = {name}[i]" for name in COLUMNS]
    outs = [np.empty(ROWS, dtype(node)) for node in nodes]
    arguments = [
        *COLUMNS,
        *(f"table{k}" for k in range(len(tables))),
        *(f"out{k}" for k in range(len(outs))),
    ]
    body = "\n        ".join([*given, *lines])
    scope = dict(SCOPE)
    exec(f"def loop({', '.join(arguments)}):\n    for i in range({ROWS}):\n        {body}", scope)
    wide = {"u1": "i8", "u2": "i8", "u4": "i8", "i1": "i8", "f4": "f8"}
    columns = [
        c.astype("i8" if name == "u" else wide.get(c.dtype.str[1:], c.dtype))
        for name, c in COLUMNS.items()
    ]
    njit(error_model="numpy")(scope["loop"])(*columns, *tables, *outs)
    for text, node, out in zip(PINNED, nodes, outs, strict=True):
        np.testing.assert_array_equal(out, to_numpy(node, COLUMNS), text)


def test_a_row_alone_gives_what_it_gives_among_others() -> None:
    nodes = {text: parse(text, RANGES, TABLES) for text in ("x / 3", "0.5 < x", "lookup(a, long)")}
    columns = {text: to_polars(node) for text, node in nodes.items()}
    singles = pl.concat([FRAME[i].select(**columns) for i in range(ROWS)])
    assert singles.equals(FRAME.select(**columns))


def test_a_mask_filters_a_lazy_frame() -> None:
    node = parse("a in (1, 2, 5) or lookup(a, long) < 99 and x / 7 < f", RANGES, TABLES, "bool")
    kept = FRAME.with_row_index().lazy().filter(to_polars(node)).collect(engine="streaming")
    assert kept["index"].to_list() == np.flatnonzero(to_numpy(node, COLUMNS)).tolist()

"""What servers send and take, held against the embedded engine: same SQL, same Arrow."""

import datetime as dt

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import StoreError

VALUES = """
toInt8(-1) | toUInt64(18446744073709551615) | toFloat32(0.1) | toFloat64(-inf) | nan | true
'a' | 'é\\0\\n' | '' | toFixedString('ab', 4) | toDate('2149-06-06') | toDate32('1900-01-01')
toDateTime('2020-01-01 00:00:00', 'Europe/Berlin') | toDateTime64('2020-01-01 00:00:00.5', 0, 'UTC')
toDateTime64('1969-12-31 23:59:59.123', 3, 'UTC') | toDateTime64('2020-01-01 00:00:00.1234', 4, 'UTC')
toDateTime64('2020-01-01 00:00:00.123456', 6, 'Asia/Tokyo')
toDateTime64('2020-01-01 00:00:00.123456789', 9, 'UTC')
CAST('b', 'Enum8(\\'a,(\\' = 1, \\'b\\' = -2)') | CAST('a', 'Enum16(\\'a\\' = 1000)')
toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') | toIPv4('1.2.3.4') | toIPv6('::1')
toDecimal32(-1.5, 3) | toDecimal64(1.5, 10) | toDecimal128(-1.5, 30) | toInt128(-5) | toUInt256(7)
toNullable(1) | NULL | CAST(NULL, 'Nullable(String)') | toNullable('x') | CAST(NULL, 'Nullable(UUID)')
CAST(NULL, 'Nullable(Bool)') | CAST(NULL, 'Nullable(DateTime64(3, \\'UTC\\'))')
toLowCardinality('a') | toLowCardinality(toNullable('a')) | CAST(NULL, 'LowCardinality(Nullable(String))')
[1, 2] | [] | [[1], [], [2, 3]] | ['a', ''] | [toNullable(1), NULL] | [toLowCardinality('a'), 'b']
CAST([], 'Array(LowCardinality(String))') | CAST([], 'Array(Map(String, Array(UInt8)))')
map('a', 1, 'b', 2) | CAST(map(), 'Map(String, String)') | map('a', [1, 2])
CAST(map('k', 'v'), 'Map(LowCardinality(String), LowCardinality(String))')
tuple(1, 'a') | CAST(tuple(1, 'a'), 'Tuple(x Int8, `y z` Nullable(String))') | [tuple(1, [2])]
"""
EXPRESSIONS = [e.strip() for line in VALUES.strip().splitlines() for e in line.split(" | ")]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_value_arrives_as_from_the_embedded_engine(chdb_engine, server_engine, expression):
    for sql in (
        f"SELECT {expression} AS x",
        f"SELECT materialize({expression}) AS x, number FROM numbers(3)",
        f"SELECT {expression} AS x WHERE 0",
    ):
        theirs, ours = chdb_engine.fetch(sql), server_engine.fetch(sql)
        if expression == "[]":  # a list of nothing: its items are null, whatever it says
            assert ours.to_pylist() == theirs.to_pylist()
            continue
        assert ours.schema.equals(theirs.schema), (ours.schema, theirs.schema)
        if expression == "nan":
            assert str(ours.to_pylist()) == str(theirs.to_pylist())
        else:
            assert ours.equals(theirs)
        ours.validate(full=True)


@pytest.mark.parametrize("expression", ["toTypeName(1)", "'a'", "[toNullable('a'), NULL]"])
def test_what_many_blocks_bring_is_one_table(chdb_engine, server_engine, expression):
    sql = f"SELECT number, {expression} AS x, range(number % 7) AS r FROM numbers(200000) ORDER BY number"
    assert server_engine.fetch(sql).equals(chdb_engine.fetch(sql))


def test_columns_of_which_most_values_are_the_default_arrive_whole(server_engine):
    server_engine.define(
        "CREATE TABLE IF NOT EXISTS sparse (k UInt32, n UInt16, s String, f Float64,"
        " m Nullable(UInt8), d DateTime64(3, 'UTC'), t Tuple(a UInt8, b String))"
        " ENGINE = MergeTree ORDER BY k SETTINGS ratio_of_defaults_for_sparse_serialization = 0.5"
    )
    server_engine.execute(
        "INSERT INTO sparse SELECT number, if(number % 100 = 7, number, 0),"
        " if(number % 50 = 3, 'x', ''), if(number = 999, 0.5, 0),"
        " if(number % 90 = 1, 5, NULL), if(number % 99 = 0, toDateTime64(1, 3, 'UTC'), 0),"
        " (number = 5, '') FROM numbers(1000)"
    )
    assert server_engine.fetch(
        "SELECT count() AS n FROM system.parts_columns WHERE table = 'sparse' AND active"
        " AND database = currentDatabase() AND serialization_kind = 'Sparse'"
    )["n"][0].as_py(), "the table was to be sparse"
    got = pl.DataFrame(
        pl.from_arrow(server_engine.fetch("SELECT k, n, s, f, m, d, t FROM sparse ORDER BY k"))
    )
    for row in got.iter_rows(named=True):
        k = row["k"]
        assert row["n"] == (k if k % 100 == 7 else 0)
        assert row["s"] == ("x" if k % 50 == 3 else "")
        assert row["f"] == (0.5 if k == 999 else 0)
        assert row["m"] == (5 if k % 90 == 1 else None)
        assert row["d"].timestamp() == (1 if k % 99 == 0 else 0)
        assert row["t"] == {"a": int(k == 5), "b": ""}


def test_a_type_without_an_arrow_form_is_named_and_the_engine_goes_on(server_engine):
    with pytest.raises(StoreError, match="AggregateFunction.*convert it in the query"):
        server_engine.fetch("SELECT sumState(1) AS x")
    assert server_engine.fetch("SELECT 1 AS x")["x"].to_pylist() == [1]


ROWS = st.fixed_dictionaries(
    {
        "i": st.integers(-(2**63), 2**63 - 1),
        "u": st.integers(0, 2**64 - 1),
        "f": st.floats(allow_nan=False),
        "b": st.booleans(),
        "s": st.text(),
        "d": st.integers(-(10**12), 10**13).map(
            lambda ms: dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=ms)
        ),
        "a": st.lists(st.integers(0, 2**64 - 1)),
        "g": st.lists(st.lists(st.integers(0, 255), max_size=3), max_size=3),
        "t": st.lists(st.text(max_size=3)),
        "m": st.dictionaries(st.text(max_size=3), st.text(max_size=3)).map(
            lambda m: list(m.items())
        ),
        "n": st.none() | st.integers(0, 255),
        "l": st.sampled_from(["a", "b", ""]),
        "x": st.none() | st.text(max_size=3),
    }
)
SCHEMA = pa.schema(
    [
        ("i", pa.int64()), ("u", pa.uint64()), ("f", pa.float64()), ("b", pa.bool_()),
        ("s", pa.string()), ("d", pa.timestamp("ms", "UTC")), ("a", pa.list_(pa.uint64())), ("g", pa.list_(pa.list_(pa.uint8()))),
        ("t", pa.list_(pa.string())), ("m", pa.map_(pa.string(), pa.string())),
        ("n", pa.uint8()), ("l", pa.string()), ("x", pa.string()),
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def any_rows(server_engine):
    server_engine.define(
        "CREATE TABLE IF NOT EXISTS any_rows (batch UInt32, row UInt32, i Int64, u UInt64, f Float64,"
        " b Bool, s String, d DateTime64(3, 'UTC'), a Array(UInt64), g Array(Array(UInt8)), t Array(String),"
        " m Map(String, String), n Nullable(UInt8), l LowCardinality(String), x Nullable(String))"
        " ENGINE = MergeTree ORDER BY (batch, row)"
    )
    return iter(range(1000))


@settings(max_examples=40)
@given(rows=st.lists(ROWS, min_size=1, max_size=8), skip=st.integers(0, 3))
def test_what_is_inserted_is_read_back(server_engine, any_rows, rows, skip):
    """Also from the middle of a table: a slice shares its buffers with what is left out."""
    batch = next(any_rows)
    whole = pa.Table.from_pylist(rows, SCHEMA)
    table = whole.slice(min(skip, len(rows) - 1))
    stamped = table.append_column("batch", pa.array([batch] * len(table), pa.uint32()))
    stamped = stamped.append_column("row", pa.array(range(len(table)), pa.uint32()))
    server_engine.insert("any_rows", stamped)
    back = server_engine.fetch(
        f"SELECT {', '.join(SCHEMA.names)} FROM any_rows WHERE batch = {batch} ORDER BY row"
    )
    assert back.to_pylist() == table.to_pylist()


def test_what_polars_makes_is_inserted(server_engine):
    server_engine.define(
        "CREATE TABLE IF NOT EXISTS of_polars (s String, c LowCardinality(String), l Array(Int64))"
        " ENGINE = MergeTree ORDER BY s"
    )
    frame = pl.DataFrame(
        {"s": ["a", "b" * 100], "c": pl.Series(["x", "x"], dtype=pl.Categorical), "l": [[1], []]}
    )
    server_engine.insert("of_polars", frame.to_arrow())
    assert server_engine.fetch("SELECT * FROM of_polars ORDER BY s").to_pylist() == frame.to_dicts()


def test_an_arrow_type_that_is_not_stored_is_named(server_engine):
    table = pa.table({"s": pa.array([dt.timedelta(seconds=1)])})
    with pytest.raises(StoreError, match="duration"):
        server_engine.insert("of_polars", table)


def test_compressed_blocks_carry_the_same(servers, chdb_engine):
    from db.engine.address import parse_address
    from db.engine.server import connect
    from ops.servers.clickhouse import url

    engine = connect(parse_address(url(servers[:1], "alone", compression="lz4")))
    sql = "SELECT number, toString(number) AS s, range(number % 5) AS r FROM numbers(100000)"
    assert engine.fetch(sql).equals(chdb_engine.fetch(sql))
    engine.define(
        "CREATE TABLE IF NOT EXISTS packed (n UInt64, s String) ENGINE = MergeTree ORDER BY n"
    )
    rows = pa.table({"n": pa.array(range(100000), pa.uint64()), "s": ["text"] * 100000})
    engine.insert("packed", rows)
    assert engine.fetch("SELECT n, s FROM packed ORDER BY n").to_pydict() == rows.to_pydict()
    engine.close()

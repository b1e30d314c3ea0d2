import threading

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from db.errors import StoreError

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


def overwrite(engine):
    for _ in range(5):
        engine.fetch("SELECT concat(toString(number), 'xxxxxxxx') AS s, rand() FROM numbers(3000)")


def test_a_result_stays_as_it_is_while_others_are_fetched(engine):
    for _ in range(5):
        table = engine.fetch(
            "SELECT toInt64(number) AS t, [number, 1] AS near, toString(number) AS s FROM numbers(500)"
        )
        parts = engine.fetch("SELECT toInt64(number) AS t FROM numbers(500)")["t"].chunks
        overwrite(engine)
        assert table["t"].to_pylist() == list(range(500))
        assert table["near"].to_pylist() == [[k, 1] for k in range(500)]
        assert table["s"].to_pylist() == [str(k) for k in range(500)]
        assert [t for part in parts for t in part.to_pylist()] == list(range(500))


def test_a_result_outlives_the_thread_that_asked(engine):
    tables = []

    def ask(k):
        tables.append((k, engine.fetch(f"SELECT toInt64(number) * {k} AS t FROM numbers(300)")))
        overwrite(engine)

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    overwrite(engine)
    for k, table in tables:
        assert table["t"].to_pylist() == [k * n for n in range(300)]


def test_a_result_without_rows_has_its_columns(engine):
    empty = engine.fetch("SELECT toInt64(1) AS t, [1] AS near WHERE 0")
    assert empty.num_rows == 0
    assert empty.column_names == ["t", "near"]


NEED_ESCAPES = [
    ("String", "a\\b"),
    ("String", "a\\nb"),
    ("String", "a\nb"),
    ("String", "a\tb"),
    ("Array(String)", ["a", "b'c"]),
]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("Int64", -(2**63)),
        ("UInt64", 2**64 - 1),
        ("Float64", 0.1),
        ("String", 'it\'s "quoted" é {x:Int64}'),
        ("Array(Int64)", [1, -2]),
        *NEED_ESCAPES,
    ],
)
def test_parameters_arrive_as_they_are(engine, kind, value):
    assert engine.fetch(f"SELECT {{x:{kind}}} AS x", {"x": value})["x"].to_pylist() == [value]


def test_an_error_is_told_in_the_engines_words(engine):
    with pytest.raises(StoreError, match="no_such_table"):
        engine.fetch("SELECT * FROM no_such_table")
    with pytest.raises(StoreError) as told:
        engine.execute("SELECT throwIf(1, 'told so')")
    assert "told so" in str(told.value)
    assert "Stack trace" not in str(told.value)


def test_a_token_lets_a_block_in_once(engine):
    engine.define(
        "CREATE TABLE blocks (n UInt64) ENGINE = MergeTree ORDER BY n"
        " SETTINGS non_replicated_deduplication_window = 100"
    )
    try:
        for token in ("one", "one", "two", None, None):
            engine.insert("blocks", pa.table({"n": pa.array([1, 2], pa.uint64())}), token)
        assert engine.fetch("SELECT count() AS n FROM blocks")["n"].to_pylist() == [8]
        assert engine.fetch("SELECT sum(n) AS s FROM blocks")["s"].to_pylist() == [12]
    finally:  # others look at all tables of this store
        for shard in {*engine.shards, *(shard.here for shard in engine.shards)}:
            shard.execute("DROP TABLE blocks")


def test_a_statement_that_fails_on_its_way_leaves_nothing_behind(engine):
    for _ in range(3):
        with pytest.raises(StoreError):
            engine.fetch("SELECT throwIf(number = 5) FROM numbers(10)")
        assert engine.fetch("SELECT 7 AS x")["x"].to_pylist() == [7]


def test_a_result_stays_as_it_is_when_a_later_statement_fails(engine):
    table = engine.fetch("SELECT toInt64(number) AS t, toString(number) AS s FROM numbers(5000)")
    for _ in range(3):
        with pytest.raises(StoreError):
            engine.fetch("SELECT throwIf(number = 5) FROM numbers(10)")
        overwrite(engine)
    assert table["t"].to_pylist() == list(range(5000))
    assert table["s"].to_pylist() == [str(k) for k in range(5000)]


NUMBERS = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0x0A0A, 0x0A0A0A0A0A0A0A0A]))
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["\n\n", "\r\n\r\n", ";\n\nDROP TABLE kept", "\\N", ""]
)
ROWS = st.lists(
    st.tuples(
        NUMBERS,
        TEXTS,
        st.lists(NUMBERS, max_size=3),
        st.none() | st.floats(allow_nan=False),
        st.booleans(),
    ),
    min_size=1,
    max_size=20,
)
KINDS = {
    "n": (pa.uint64(), "UInt64"),
    "s": (pa.string(), "String"),
    "l": (pa.list_(pa.uint64()), "Array(UInt64)"),
    "x": (pa.float64(), "Nullable(Float64)"),
    "b": (pa.bool_(), "Bool"),
}


@pytest.fixture
def kept(engine):
    columns = ", ".join(f"{name} {kind}" for name, (_, kind) in KINDS.items())
    engine.define(f"CREATE TABLE kept (block UInt32, {columns}) ENGINE = MergeTree ORDER BY block")
    yield "kept"
    for shard in {*engine.shards, *(shard.here for shard in engine.shards)}:
        shard.execute("DROP TABLE kept")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, times=st.sampled_from([1, 1, 500]))
@example(rows=[(0x0A0A, "\n\n", [], None, True)], times=1)
@example(rows=[(0, "", [], 0.1, False)], times=1)
def test_a_block_of_any_size_comes_back_as_it_went_in(engine, kept, rows, times):
    columns = {
        name: pa.array([row[k] for row in rows] * times, kind)
        for k, (name, (kind, _)) in enumerate(KINDS.items())
    }
    number = engine.fetch("SELECT max(block) + 1 AS n FROM kept")["n"][0].as_py()
    block = pa.repeat(pa.scalar(number, pa.uint32()), len(rows) * times)
    engine.insert(kept, pa.table({"block": block, **columns}))
    found = engine.fetch("SELECT * FROM kept WHERE block = {block:UInt32}", {"block": number})
    assert sorted(map(repr, found.drop("block").to_pylist())) == sorted(
        map(repr, pa.table(columns).to_pylist())
    )


def test_a_block_of_millions_of_rows_is_one_part(engine, kept):
    """Else a process that is killed could leave a half of it."""
    n = 2_500_000
    rows = {
        name: pa.nulls(n, kind).fill_null(0) for name, (kind, _) in KINDS.items() if name == "n"
    }
    engine.here.insert(kept, pa.table({"block": pa.repeat(pa.scalar(1, pa.uint32()), n), **rows}))
    parts = engine.here.fetch(
        "SELECT rows FROM system.parts WHERE table = 'kept' AND database = currentDatabase()"
        " AND level = 0"
    )
    assert parts["rows"].to_pylist() == [n]

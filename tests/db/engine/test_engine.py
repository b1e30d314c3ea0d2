import threading

import pyarrow as pa
import pytest

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

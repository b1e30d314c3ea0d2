"""The second wall in the embedded size: what SQL could do if the first one had a hole."""

import pytest

from db.errors import StoreError

READ = [
    "SELECT count() AS n FROM chunks",
    "SELECT count() AS n FROM everyhit.rates",
    "WITH hits AS (SELECT number AS t FROM numbers(3)) SELECT count() AS n FROM (SELECT t FROM hits)",
    "SELECT formatRow('CSV', *) AS line FROM (SELECT 1 AS x)",
]
DENIED = """
SELECT * FROM tokens
SELECT * FROM everyhit.tokens
SELECT * FROM runs
SELECT 0 IN (SELECT 1 FROM tokens) AS x
SELECT (1, 2) IN ((everyhit.schema_versions)) AS x
SELECT (SELECT count() FROM everyhit.tokens) AS x
SELECT * FROM view(SELECT * FROM everyhit.tokens)
SELECT * FROM loop(everyhit.tokens) LIMIT 1
SELECT * FROM file('/etc/hostname', 'LineAsString', 'x String')
SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'x String')
SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'x String')
SELECT * FROM remote('127.0.0.1', 'system', 'one')
SELECT * FROM executable('ls', 'CSV', 'x String')
SELECT name FROM system.users
""".strip().splitlines()
TOO_MUCH = {
    "SELECT groupArray(number) AS x FROM numbers(1000000000)": "MEMORY_LIMIT_EXCEEDED",
    "SELECT count() AS n FROM numbers(1000000000000)": "TOO_MANY_ROWS",
    "SELECT number FROM numbers(30000000)": "TOO_MANY_ROWS_OR_BYTES",
}


@pytest.mark.parametrize("sql", READ)
def test_what_a_query_needs_is_read(chdb_engine, sql):
    assert len(chdb_engine.reader.fetch(sql)) == 1


@pytest.mark.parametrize("sql", DENIED)
def test_nothing_else_is(chdb_engine, sql):
    with pytest.raises(StoreError, match="ACCESS_DENIED"):
        chdb_engine.reader.fetch(sql)


@pytest.mark.parametrize("sql", TOO_MUCH)
def test_a_statement_without_bounds_of_its_own_is_bounded(chdb_engine, sql):
    with pytest.raises(StoreError, match=TOO_MUCH[sql]):
        chdb_engine.reader.fetch(sql)


def test_bounds_may_be_tighter(chdb_engine):
    with pytest.raises(StoreError, match="TIMEOUT_EXCEEDED"):
        chdb_engine.reader.fetch(
            "SELECT count() AS n FROM numbers(90000000000)", None, {"max_execution_time": 0.3}
        )
    with pytest.raises(StoreError, match="TOO_MANY_ROWS_OR_BYTES"):
        chdb_engine.reader.fetch("SELECT number FROM numbers(9)", None, {"max_result_rows": 5})


@pytest.mark.parametrize(
    "value", [0, -5, 2**63, 0.1, float("inf"), "", "a'b\\c\n", "{x:Int8}", "é", [1, 2], ["a'", "b"]]
)
def test_parameters_arrive_as_they_are(chdb_engine, value):
    kind = {int: "Int128", float: "Float64", str: "String"}.get(type(value))
    kind = kind or ("Array(Int64)" if value[0] == 1 else "Array(String)")
    sql = f"SELECT {{v:{kind}}} AS v, toString(v) AS s"
    if kind == "Int128":
        assert chdb_engine.reader.fetch(sql, {"v": value})["s"][0].as_py() == str(value)
    else:
        assert chdb_engine.reader.fetch(sql, {"v": value})["v"][0].as_py() == value
    assert chdb_engine.reader.describe(sql, {"v": value}) == [("v", kind), ("s", "String")]


def test_nothing_is_left_of_a_statement(chdb_engine):
    chdb_engine.reader.fetch("SELECT 1 AS x")
    with pytest.raises(StoreError):
        chdb_engine.reader.fetch("SELECT * FROM tokens")
    left = chdb_engine.fetch("SELECT count() AS n FROM system.tables WHERE database = 'asked'")
    assert left["n"][0].as_py() == 0


def test_a_parameter_that_is_not_used_is_no_harm(chdb_engine):
    assert chdb_engine.reader.fetch("SELECT 1 AS x", {"v": 5})["x"].to_pylist() == [1]

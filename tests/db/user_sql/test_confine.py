"""What users may ask, and what is refused."""

from contextlib import suppress
from operator import itemgetter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from db.errors import SqlError
from db.schema.tables import tables
from db.user_sql.confine import bound, confined
from db.user_sql.names import parameters, parse, reads

RELATIONS = {
    "hits": "SELECT toInt64(1) AS t, toUInt8(2) AS layer",
    "tracks": "SELECT toInt64(3) AS t",
}


def lines(name):
    """Statements of a file, one a line."""
    return (Path(__file__).parent / f"{name}.sql").read_text().splitlines()


NEVER_AGAIN = lines("changing")
TABLES = tables()


@pytest.mark.parametrize("sql", NEVER_AGAIN, ids=itemgetter(slice(57)))
def test_what_gives_something_else_each_time_is_refused_where_it_must_repeat(engine, sql):
    with pytest.raises(SqlError, match="function"):
        confined(engine, sql, RELATIONS, repeatable=True)


def test_what_gives_something_else_each_time_may_be_asked(engine):
    query = confined(engine, "SELECT now() > t AS late, rand() AS r FROM hits", RELATIONS)
    assert len(engine.fetch(bound(query, RELATIONS))) == 1


@pytest.mark.parametrize("table", TABLES)
def test_no_with_hides_a_table_of_the_store(engine, table):
    for sql in (
        "WITH {0} AS (SELECT * FROM {0}) SELECT * FROM {0}",
        "SELECT * FROM {0} WHERE 1 IN (WITH {0} AS (SELECT 1 AS x) SELECT x FROM {0})",
        "WITH a AS (SELECT * FROM {0}), {0} AS (SELECT 1) SELECT * FROM a",
        "WITH (SELECT 1) AS {0} SELECT * FROM {0}",
        "WITH 1 AS {0} SELECT * FROM {0}",
        "(WITH {0} AS (SELECT 1 AS x) SELECT x FROM {0}) UNION ALL SELECT link FROM {0}",
        "WITH a AS (WITH {0} AS (SELECT 1 AS x) SELECT x FROM {0}) SELECT x FROM a, {0}",
    ):
        with pytest.raises(SqlError):
            confined(engine, sql.format(table), RELATIONS)


def test_a_with_may_bear_the_name_of_what_it_narrows(engine):
    query = confined(engine, "WITH hits AS (SELECT * FROM hits) SELECT t FROM hits", RELATIONS)
    assert engine.fetch(bound(query, RELATIONS))["t"].to_pylist() == [1]


ALLOWED = lines("allowed")


@pytest.mark.parametrize("sql", ALLOWED, ids=itemgetter(slice(57)))
def test_what_reads_only_what_is_given_runs(engine, sql):
    params = dict.fromkeys(parameters(parse(sql)), 5)
    engine.fetch(bound(confined(engine, sql, RELATIONS), RELATIONS), params)


def test_near_misses_are_told(engine):
    with pytest.raises(SqlError, match="did you mean hits"):
        confined(engine, "SELECT t FROM hit", RELATIONS)


@pytest.mark.parametrize(
    ("sql", "said"),
    {
        "SELECT t\nFROM hits WHERE (": "line 2, column",
        "SELECT t,\n  file('/etc/passwd') FROM hits": "file at line 2, column 3",
        "SELECT t FROM hits\nJOIN chunks USING t": "'chunks' here at line 2, column 6",
        "SELECT t\nFROM hits WHERE t IN (system.one)": "system.one at line 2, column 30",
        "SELECT t FROM\n\nurl('http://x')": "url at line 3, column 1",
        "SELECT t -- μ\n, \u2018x\u2019 FROM hits": "line 2, column 3",
        "SELECT arrayMap(\nfile, ['x'])": "file at line 2, column 1",
    }.items(),
)
def test_the_place_of_a_fault_is_told(engine, sql, said):
    with pytest.raises(SqlError) as refused:
        confined(engine, sql, RELATIONS)
    assert said in str(refused.value)


READS = {
    "SELECT t FROM hits WHERE t IN (SELECT t FROM tracks)": {"hits", "tracks"},
    "WITH a AS (SELECT t FROM hits) SELECT t FROM a": {"hits"},
    "WITH hits AS (SELECT * FROM hits) SELECT t FROM hits": {"hits"},
    "WITH tracks AS (SELECT t FROM hits) SELECT t FROM tracks": {"hits"},
    "SELECT t FROM hits UNION ALL (SELECT t FROM tracks)": {"hits", "tracks"},
    "SELECT t FROM (hits JOIN tracks USING t)": {"hits", "tracks"},
    "SELECT (SELECT max(t) FROM tracks) AS x": {"tracks"},
    "SELECT arrayMap(x -> (SELECT max(t) FROM tracks), [1]) AS a": {"tracks"},
    "SELECT t FROM hits ORDER BY (SELECT max(t) FROM tracks)": {"hits", "tracks"},
    "SELECT sum(t) OVER (ORDER BY (SELECT max(t) FROM tracks)) FROM hits": {"hits", "tracks"},
    "SELECT t FROM numbers((SELECT max(t) FROM tracks))": {"tracks"},
    "SELECT tracks.t FROM hits AS tracks": {"hits"},
    "SELECT a.t FROM hits AS a, tracks AS a": {"hits", "tracks"},
    "SELECT 1": set(),
}


@pytest.mark.parametrize("sql", READS, ids=itemgetter(slice(57)))
def test_what_a_query_reads_is_told_and_bound(engine, sql):
    assert reads(parse(sql)) == READS[sql]
    run = bound(confined(engine, sql, RELATIONS), RELATIONS)
    for name, select in RELATIONS.items():
        assert name not in READS[sql] or f"`{name}` AS ({select})" in run


def test_only_relations_that_are_read_are_bound(engine):
    query = confined(engine, "SELECT t FROM hits", RELATIONS)
    assert "`tracks`" not in bound(query, RELATIONS)


def test_parameters_are_told_with_their_types():
    tree = parse("SELECT t FROM hits WHERE t > {a:Int64} AND layer IN ({b:Array(UInt8)})")
    assert parameters(tree) == {"a": "Int64", "b": "Array(UInt8)"}


WORDS_OF_SQL = """
SELECT FROM WHERE WITH AS JOIN ARRAY IN NOT GLOBAL UNION ALL SETTINGS FORMAT INTO OUTFILE GROUP BY
ORDER HAVING LIMIT OVER PARTITION RANGE BETWEEN CURRENT ROW AND FOLLOWING CASE WHEN THEN END CAST
INTERVAL EXISTS DISTINCT QUALIFY WINDOW PREWHERE FINAL SAMPLE ( ) [ ] { } , ; . * : :: -> = == != < >
+ - / % ? ' " ` -- /* */ # $ $$ @ \\ | || & ~ ^ hits chunks system.one t layer 0 1.5 0x1f 1e999 'x'
{x:Int64} {x:Identifier} {x} {x:} count(t) file('x') url('x') x->x NULL inf INSERT DROP SET EXPLAIN
VALUES ANY ASOF LEFT USING ON TOP FILL EXCEPT REPLACE APPLY COLUMNS('x') TIMESTAMP DATE [1,2][1] (1,2)
"""
PIECES = WORDS_OF_SQL.split()


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join))
@example("SELECT " + "(" * 100_000)
@example("SELECT " + "(" * 100 + "1" + ")" * 100)
@example("SELECT 1 FROM url(" + "(" * 200 + "1" + ")" * 200 + ")")
@example("SELECT * FROM " + "(SELECT * FROM " * 150 + "chunks" + ")" * 150)
@example("SELECT " + "f(" * 250 + "1" + ")" * 250)
@example("SELECT " + "[" * 400 + "]" * 400)
@example("SELECT " + "NOT " * 5000 + "1")
@example("SELECT CASE " * 200)
@example("")
@example(";")
@example("\0")
def test_whatever_is_written_it_is_taken_or_refused(engine, sql):
    try:
        query = confined(engine, sql, RELATIONS)
    except SqlError:
        return
    assert isinstance(bound(query, RELATIONS), str)
    with suppress(SqlError):
        assert isinstance(parameters(parse(sql)), dict)
        assert isinstance(reads(parse(sql)), set)


@settings(max_examples=300)
@given(st.text(max_size=60))
@example("Stack trace")
@example("Stack trace:\n\n0. ")
def test_no_text_breaks_the_parser(engine, text):
    for sql in (text, f"SELECT {text} FROM hits", f"SELECT t FROM hits WHERE {text}"):
        with suppress(SqlError):
            confined(engine, sql, RELATIONS)


@pytest.mark.parametrize("part", ["::Int8", " NOT IN (1)"])
def test_what_is_too_deep_to_be_written_is_refused(engine, part):
    with pytest.raises(SqlError):
        bound(confined(engine, f"SELECT t{part * 1100} FROM hits", RELATIONS), RELATIONS)


@pytest.mark.parametrize("sql", ALLOWED, ids=itemgetter(slice(57)))
def test_what_runs_can_be_read_again(engine, sql):
    once = confined(engine, sql, RELATIONS)
    assert confined(engine, once.text, RELATIONS) == once

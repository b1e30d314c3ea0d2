"""What users may ask, and what is refused."""

from contextlib import suppress
from operator import itemgetter

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

REFUSED = """
SELECT * FROM url('http://x', 'CSV')
SELECT * FROM file('/etc/passwd')
SELECT * FROM file('/etc/passwd', 'CSV', 'a String')
SELECT * FROM remote('host', 'db', 't')
SELECT * FROM remoteSecure('host', 'db', 't')
SELECT * FROM s3('https://x/y')
SELECT * FROM gcs('https://x/y')
SELECT * FROM hdfs('hdfs://x/y')
SELECT * FROM azureBlobStorage('x')
SELECT * FROM mysql('x', 'y', 'z', 'u', 'p')
SELECT * FROM postgresql('x', 'y', 'z', 'u', 'p')
SELECT * FROM mongodb('x', 'y', 'z', 'u', 'p')
SELECT * FROM redis('x', 'y', 'z')
SELECT * FROM sqlite('x', 'y')
SELECT * FROM odbc('x', 'y')
SELECT * FROM jdbc('x', 'y')
SELECT * FROM iceberg('x')
SELECT * FROM deltaLake('x')
SELECT * FROM executable('x', 'CSV', 'a String')
SELECT * FROM merge('everyhit', '.*')
SELECT * FROM cluster('x', system.one)
SELECT * FROM clusterAllReplicas('x', system.one)
SELECT * FROM view(SELECT 1)
SELECT * FROM loop(hits)
SELECT * FROM Python(hits)
SELECT * FROM dictionary('x')
SELECT * FROM input('a Int64')
SELECT * FROM generateRandom('a Int64')
SELECT * FROM mergeTreeIndex('everyhit', 'chunks')
SELECT * FROM fileCluster('x', 'y')
SELECT * FROM urlCluster('x', 'y')
SELECT * FROM s3Cluster('x', 'y')
SELECT * FROM system.tables
SELECT * FROM `system`.`tables`
SELECT * FROM "system"."tables"
SELECT * FROM system.numbers
SELECT * FROM INFORMATION_SCHEMA.tables
SELECT * FROM everyhit.chunks
SELECT * FROM default.x
SELECT * FROM a.b.c
SELECT * FROM chunks
SELECT * FROM `chunks`
SELECT * FROM (chunks)
SELECT t FROM hits, chunks
SELECT t FROM hits JOIN chunks USING t
SELECT t FROM hits UNION ALL SELECT t_first FROM chunks
SELECT t FROM hits EXCEPT SELECT t_first FROM chunks
SELECT t FROM hits WHERE t IN (SELECT t_first FROM chunks)
SELECT t FROM hits WHERE EXISTS (SELECT 1 FROM chunks)
SELECT t FROM hits LIMIT (SELECT count() FROM chunks)
SELECT (SELECT count() FROM system.tables)
SELECT arrayMap(x -> (SELECT count() FROM chunks), [1])
WITH (SELECT count() FROM chunks) AS n SELECT n
WITH x AS (SELECT * FROM chunks) SELECT * FROM x
SELECT * FROM (SELECT * FROM (SELECT * FROM chunks))
SELECT t FROM hits ORDER BY (SELECT count() FROM chunks)
SELECT t FROM hits GROUP BY t HAVING t > (SELECT count() FROM chunks)
SELECT t FROM hits QUALIFY 1 IN (SELECT 1 FROM chunks)
SELECT t, sum(t) OVER (PARTITION BY (SELECT count() FROM chunks)) FROM hits
SELECT t FROM hits WHERE t IN chunks
SELECT t FROM hits WHERE t NOT IN chunks
SELECT t FROM hits WHERE t GLOBAL IN chunks
SELECT t FROM hits WHERE t GLOBAL NOT IN chunks
SELECT t FROM hits WHERE t IN system.one
SELECT t FROM hits WHERE (t, t) IN chunks
SELECT t FROM hits ARRAY JOIN (SELECT groupArray(name) FROM system.tables) AS x
SELECT t FROM {x:Identifier}
SELECT t FROM {x:Identifier}.{y:Identifier}
INSERT INTO hits SELECT 1
INSERT INTO FUNCTION file('x') SELECT 1
CREATE TABLE x (a Int64) ENGINE = Memory
CREATE VIEW x AS SELECT 1
ALTER TABLE chunks DELETE WHERE 1
DROP TABLE chunks
TRUNCATE TABLE chunks
DELETE FROM chunks WHERE 1
UPDATE chunks SET seq = 1
RENAME TABLE chunks TO x
ATTACH TABLE x
DETACH TABLE chunks
OPTIMIZE TABLE chunks
EXPLAIN SELECT 1
DESCRIBE hits
DESCRIBE (SELECT 1)
SHOW TABLES
SHOW CREATE TABLE chunks
EXISTS TABLE chunks
SET max_threads = 1
USE system
SYSTEM SHUTDOWN
KILL QUERY WHERE 1
GRANT ALL ON *.* TO x
BACKUP TABLE chunks TO Disk('x')
VALUES (1)
WITH x AS (INSERT INTO y SELECT 1) SELECT 1
SELECT 1; SELECT 2
SELECT 1; DROP TABLE chunks
SELECT t FROM hits SETTINGS max_threads = 8
SELECT t FROM (SELECT t FROM hits SETTINGS max_threads = 8)
(SELECT t FROM hits SETTINGS max_threads = 8) UNION ALL SELECT 1
SELECT t FROM hits FORMAT CSV
SELECT t FROM hits INTO OUTFILE '/tmp/x'
SELECT t FROM hits INTO OUTFILE '/tmp/x' FORMAT CSV
SELECT file('/etc/passwd')
SELECT FILE('/etc/passwd')
SELECT `file`('/etc/passwd')
SELECT dictGet('d', 'x', 1)
SELECT dictGetOrDefault('d', 'x', 1, 2)
SELECT dictHas('d', 1)
SELECT joinGet('j', 'x', 1)
SELECT joinGetOrNull('j', 'x', 1)
SELECT hasColumnInTable('system', 'one', 'dummy')
SELECT getSetting('max_threads')
SELECT getMacro('x')
SELECT currentUser()
SELECT current_user()
SELECT CURRENT_USER
SELECT user()
SELECT currentDatabase()
SELECT DATABASE()
SELECT hostName()
SELECT host_name()
SELECT fqdn()
SELECT sleep(3)
SELECT sleepEachRow(3)
SELECT filesystemAvailable()
SELECT catboostEvaluate('x', 1)
SELECT throwIf(1)
SELECT arrayMap(x -> sleep(x), [3])
SELECT t FROM hits WHERE sleep(3) = 0
""".strip().splitlines()

# Each of these was seen to run, or to break, when it was found.
ONCE_OPEN = """
WITH chunks AS (SELECT * FROM chunks) SELECT * FROM chunks
SELECT * FROM ledger WHERE 1 IN (WITH ledger AS (SELECT 1 AS x) SELECT x FROM ledger)
WITH a AS (SELECT * FROM chunks), chunks AS (SELECT 1) SELECT * FROM a
SELECT 1 FROM (WITH runs AS (SELECT 1 AS a) SELECT a FROM runs) AS x, runs
SELECT 0 IN (system.one)
SELECT t FROM hits WHERE t NOT IN (chunks)
SELECT notIn(0, system.one)
SELECT globalIn(0, system.one)
SELECT globalNotIn(0, system.one)
SELECT nullIn(0, chunks)
SELECT notNullIn(0, chunks)
SELECT inIgnoreSet(0, chunks)
SELECT globalNotNullInIgnoreSet(0, chunks)
SELECT `in`(0, chunks)
SELECT arrayMap(x -> notIn(x, chunks), [1])
SELECT * FROM upper('numbers')
SELECT {x:Identifier} FROM hits
SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS p)
SELECT * APPLY(p -> file(p)) FROM (SELECT '/etc/passwd' AS p)
SELECT COLUMNS('p') APPLY(file) FROM (SELECT '/etc/passwd' AS p)
SELECT x.* EXCEPT q APPLY file FROM (SELECT '/etc/passwd' AS p, 1 AS q) AS x
SELECT COLUMNS(p) APPLY(quantiles(0.5)) APPLY(file) FROM (SELECT '/etc/passwd' AS p)
SELECT arrayMap(file, ['/etc/passwd'])
SELECT arrayMap(`file`, ['/etc/passwd'])
SELECT arrayMap((file AS f), ['/etc/passwd'])
SELECT arrayFold(file, ['/etc/passwd'], '')
SELECT CURRENT_USER
SELECT current_database
SELECT \u2018 || '\u2019, (SELECT count() FROM everyhit.tokens), \u2018' || \u2019 FROM hits
SELECT \u201c || "\u201d, (SELECT count() FROM everyhit.tokens), \u201c" || \u201d FROM hits
SELECT \u2018a\u2019
SELECT 5 \u2212 3
SELECT\u00a01
SELECT 0 IN ((everyhit.tokens))
SELECT 0 IN (((everyhit.tokens)))
SELECT 0 IN (everyhit.tokens AS q)
SELECT 0 IN ((`everyhit`.`tokens`))
SELECT notIn(0, ((everyhit.tokens)))
SELECT arrayExists(x -> x IN ((everyhit.tokens)), [0])
SELECT 0 GLOBAL NOT IN ((everyhit.tokens))
SELECT 1 FROM (SELECT 1; SELECT 2)
SELECT CAST(unhex('00') AS AggregateFunction(uniq, UInt8))
SELECT CAST('x', concat('Str', 'ing'))
SELECT @@version
SELECT * FROM (EXPLAIN SELECT 1)
SELECT * FROM hits |> WHERE file('/etc/passwd') != ''
SELECT 1 PARALLEL WITH SELECT 2
EXECUTE AS reader SELECT 1
""".strip().splitlines()
NEVER_AGAIN = """
SELECT now() AS t
SELECT now AS t
SELECT rand() AS t
SELECT generateUUIDv4()
SELECT version()
SELECT arrayShuffle([1, 2])
SELECT arrayMap(rand, [1, 2])
SELECT t FROM hits WHERE t > toUnixTimestamp(today())
SELECT rowNumberInAllBlocks() AS t FROM hits
SELECT groupArraySampleIf(2)(t, 1) FROM hits
SELECT connectionId()
""".strip().splitlines()
TABLES = tables()


@pytest.mark.parametrize("sql", REFUSED, ids=itemgetter(slice(57)))
def test_what_reaches_outside_is_refused(engine, sql):
    with pytest.raises(SqlError) as refused:
        confined(engine, sql, RELATIONS)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("sql", ONCE_OPEN, ids=itemgetter(slice(57)))
def test_what_once_slipped_through_is_refused(engine, sql):
    with pytest.raises(SqlError):
        confined(engine, sql, RELATIONS)


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


ALLOWED = """
SELECT t FROM hits
SELECT t FROM hits WHERE layer IN (1, 2) ORDER BY t LIMIT 5
SELECT h.t FROM hits AS h JOIN tracks AS k ON h.t = k.t
SELECT t FROM hits WHERE t IN (SELECT t FROM tracks)
SELECT t FROM hits UNION ALL SELECT t FROM tracks
WITH near AS (SELECT t FROM hits), far AS (SELECT t FROM near) SELECT t FROM far
WITH 5 AS five SELECT t + five FROM hits
SELECT t FROM (SELECT t FROM hits)
SELECT number AS t FROM numbers(10)
SELECT t, x FROM hits ARRAY JOIN [1, 2] AS x
SELECT t, x FROM hits ARRAY JOIN (SELECT [1]) AS x
SELECT t FROM hits WHERE layer = {layer:UInt8}
SELECT t, uniqExact(layer) OVER (ORDER BY t RANGE BETWEEN CURRENT ROW AND {w:Int64} FOLLOWING) FROM hits
SELECT groupArray(t) FROM hits -- what is told here is left out: FROM chunks
SELECT t /* FROM chunks */ FROM hits
SELECT 'SELECT * FROM chunks; DROP TABLE chunks' AS t FROM hits
""".strip().splitlines()


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

"""The second wall: what a user's SQL could do on a server if the first one had a hole."""

import re

import pytest

from db.engine.address import parse_address
from db.engine.reader_account import LIMITS, create_statements, reader_of
from db.errors import StoreError

ALLOWED = [
    "SELECT count() FROM chunks",
    "SELECT sum(n_hits) FROM rates",
    "SELECT (cell, attempt) IN (SELECT cell, argMax(attempt, revision) FROM ledger GROUP BY cell)"
    " FROM ledger",
    "SELECT formatRow('CSV', *) FROM (SELECT 1)",
    "SELECT a.number FROM numbers(3) AS a JOIN numbers(5) AS b ON a.number = b.number",
]
REFUSED = """
SELECT * FROM runs
SELECT * FROM {db}.triggers
SELECT 1 WHERE 1 IN {db}.runs
SELECT * FROM view(SELECT * FROM {db}.runs)
SELECT * FROM merge('{db}', '^runs$')
SELECT * FROM loop({db}.runs) LIMIT 1
SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'x String')
SELECT * FROM urlCluster('everyhit', 'http://127.0.0.1:1/', 'CSV', 'x String')
SELECT * FROM file('/etc/passwd', 'LineAsString', 'x String')
SELECT * FROM fileCluster('everyhit', '/etc/passwd', 'LineAsString', 'x String')
SELECT * FROM s3('http://127.0.0.1:1/bucket/key', 'CSV', 'x String')
SELECT * FROM executable('ls', 'CSV', 'x String')
SELECT * FROM remote('127.0.0.1', 'system', 'one')
SELECT * FROM cluster('everyhit', '{db}', 'runs')
SELECT * FROM clusterAllReplicas('everyhit', 'system', 'one')
SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')
SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')
SELECT * FROM sqlite('/tmp/x', 'y')
SELECT * FROM dictionary('x')
SELECT * FROM system.users
SELECT * FROM system.processes
SELECT * FROM system.clusters
SELECT * FROM system.server_settings
SELECT * FROM system.text_log
INSERT INTO gaps (run_id) SELECT 1
INSERT INTO {db}.chunks SELECT * FROM {db}.chunks
INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'x String') SELECT 'x'
INSERT INTO FUNCTION url('http://127.0.0.1:1/', 'CSV', 'x String') SELECT 'x'
CREATE TABLE {db}.mine (n Int8) ENGINE = Memory
CREATE TEMPORARY TABLE mine (n Int8)
CREATE FUNCTION mine AS x -> x
CREATE DATABASE mine
DROP TABLE {db}.chunks
TRUNCATE TABLE {db}.chunks
ALTER TABLE {db}.chunks DELETE WHERE 1
OPTIMIZE TABLE {db}.chunks
SET max_memory_usage = 0
SELECT 1 SETTINGS max_memory_usage = 0
SELECT 1 SETTINGS readonly = 0
SELECT 1 SETTINGS max_execution_time = 0
GRANT SELECT ON *.* TO {db}_reader
ALTER USER {db}_reader SETTINGS readonly = 0
KILL QUERY WHERE 1
SYSTEM SHUTDOWN
SYSTEM STOP MERGES {db}.chunks
BACKUP TABLE {db}.chunks TO File('/tmp/everyhit-backup')
USE system
ATTACH TABLE {db}.mine
SELECT groupArray(number) FROM numbers(1000000000)
SELECT count() FROM numbers(1000000000000)
SELECT number FROM numbers(30000000)
SELECT sleepEachRow(3) FROM numbers(10)
""".strip().splitlines()


@pytest.fixture(params=["server_engine", "shards_engine"])
def store(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_a_query_needs_is_allowed(store, sql):
    store.reader.fetch(sql)


@pytest.mark.parametrize("sql", REFUSED)
def test_nothing_else_is(store, sql):
    text = sql.format(db=store.address.database)
    with pytest.raises(StoreError) as told:
        store.reader.fetch(text)
    said = str(told.value)
    named = re.search(r"\(([A-Z0-9_]+)\)$", said)
    walls = {
        "ACCESS_DENIED", "READONLY", "MEMORY_LIMIT_EXCEEDED", "TOO_MANY_ROWS", "TOO_SLOW",
        "TOO_MANY_ROWS_OR_BYTES", "TIMEOUT_EXCEEDED", "UNKNOWN_TABLE", "CODE_636",
    }  # fmt: skip
    assert named and named[1] in walls, said


def test_what_is_seen_of_other_tables_is_nothing(store):
    seen = store.reader.fetch("SELECT DISTINCT database, name FROM system.tables")
    own = {store.address.database, store.database}
    names = {row["name"] for row in seen.to_pylist() if row["database"] in own}
    assert "chunks" in names
    assert all(
        re.fullmatch(
            r"((dropped|fetched)_)?chunks|rates(_of_chunks)?|gaps|ledger|(rows|hits|words)_.*", n
        )
        for n in names
    )
    others = {row["database"] for row in seen.to_pylist()} - own
    assert {each.lower() for each in others} <= {"system", "information_schema"}


def test_no_limit_can_be_lifted(store):
    rows = store.reader.fetch(
        "SELECT name, value FROM system.settings WHERE has({names:Array(String)}, name)",
        {"names": list(LIMITS)},
    )
    found = dict(zip(rows["name"].to_pylist(), rows["value"].to_pylist(), strict=True))
    assert found == LIMITS


def test_the_statements_that_make_the_reader_are_sql_that_the_engine_parses(server_engine):
    address = parse_address("clickhouse://daq:it%27s@host/db")
    statements = list(create_statements(address, ["db", "db_all"]))
    assert "it's" not in " ".join(statements)
    for statement in statements:
        told = server_engine.fetch("SELECT formatQuery({sql:String}) AS s", {"sql": statement})
        assert told["s"][0].as_py()


def test_the_readers_password_follows_from_the_owners_and_from_nothing_else():
    one, two, three = (
        reader_of(parse_address(f"clickhouse://daq:{secret}@{host}/db")).password
        for secret, host in (("a", "h"), ("b", "h"), ("a", "h1,h2"))
    )
    assert one == three != two
    assert len(one) >= 32

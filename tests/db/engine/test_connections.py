import gc
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from db.engine.address import parse_address
from db.engine.server import connect
from db.errors import StoreError
from ops.servers.clickhouse import url


@pytest.fixture
def engine(servers):
    engine = connect(parse_address(url(servers[:1], "default")))
    yield engine
    engine.close()


def one(engine, sql="SELECT 1 AS x", params=None):
    return engine.fetch(sql, params)["x"].to_pylist()


def test_threads_do_not_get_each_others_answers(engine):
    def ask(k):
        return one(engine, "SELECT {k:Int64} * 2 AS x FROM numbers(3)", {"k": k})

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(200))) == [[2 * k] * 3 for k in range(200)]


def test_a_connection_ends_with_its_thread(engine):
    one(engine)
    for _ in range(5):
        thread = threading.Thread(target=one, args=(engine,))
        thread.start()
        thread.join()
    gc.collect()
    assert len(engine._connections) == 1
    assert one(engine) == [1]


def test_a_forked_child_has_a_connection_of_its_own(engine):
    assert one(engine) == [1]
    child = os.fork()
    if child == 0:
        good = False
        try:
            good = all(one(engine, "SELECT 2 AS x") == [2] for _ in range(100))
        finally:
            os._exit(0 if good else 1)
    answers = [one(engine, "SELECT 3 AS x") for _ in range(100)]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert answers == [[3]] * 100


def test_what_runs_when_the_store_is_closed_says_so(engine):
    said = []

    def ask():
        try:
            engine.fetch("SELECT sleepEachRow(0.1) FROM numbers(25) SETTINGS max_block_size = 1")
        except StoreError as fault:
            said.append(str(fault))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    engine.close()
    thread.join(5)
    assert said == ["the store is closed"]
    with pytest.raises(StoreError, match="closed"):
        one(engine)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"nonsense": [1]}, "NO_SUCH_COLUMN_IN_TABLE"),
        ({"n": ["no number"]}, "CANNOT_PARSE"),
    ],
)
def test_a_refused_block_is_told_and_the_next_one_goes_in(engine, rows, says):
    engine.execute("CREATE TABLE IF NOT EXISTS numbered (n UInt64) ENGINE = MergeTree ORDER BY n")
    with pytest.raises(StoreError, match=says) as told:
        engine.insert("numbered", pa.table(rows))
    assert told.value.of_the_query
    engine.insert("numbered", pa.table({"n": pa.array([7], pa.uint64())}))
    assert one(engine, "SELECT count() > 0 AS x FROM numbered") == [1]


@pytest.mark.parametrize("compression", ["none", "lz4"])
def test_a_block_of_many_megabytes_goes_there_and_back(servers, compression):
    engine = connect(parse_address(url(servers[:1], "default", compression=compression)))
    name = f"long_{compression}"
    engine.execute(f"CREATE TABLE {name} (k UInt8, w Array(UInt64)) ENGINE = MergeTree ORDER BY k")
    words = np.random.default_rng(5).integers(0, 2**64, 5_000_001, np.uint64)
    lists = pa.ListArray.from_arrays(pa.array([0, 1, len(words)], pa.int32()), pa.array(words))
    engine.insert(name, pa.table({"k": pa.array([0, 1], pa.uint8()), "w": lists}))
    back = engine.fetch(f"SELECT w FROM {name} ORDER BY k")["w"]
    assert np.array_equal(pa.concat_arrays(back.chunks).flatten().to_numpy(), words)
    engine.execute(f"DROP TABLE {name} SYNC")
    engine.close()

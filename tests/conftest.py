import contextlib
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from db.cluster import create_schema
from db.engine import Engine
from db.engine.address import parse_address
from db.engine.chdb import ChdbEngine
from db.engine.clickhouse import connect
from db.errors import StoreError
from db.schema import migrate
from ops.servers.clickhouse import ClickHouse, clickhouse_servers, url

# The first call of many things compiles, opens or creates, and takes longer than hypothesis waits.
settings.register_profile("everyhit", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("everyhit")


# Where the promises of the store are tested, they are tested on every kind of it.
_ON_EVERY_STORE = {
    "test_chunks",
    "test_claims",
    "test_conductor",
    "test_due",
    "test_engine",
    "test_api_rates",
    "test_api_runs",
    "test_gaps",
    "test_hits_view",
    "test_late_data",
    "test_ledger",
    "test_lost_tasks",
    "test_on_threads",
    "test_process",
    "test_rates",
    "test_results",
    "test_runs",
    "test_shards",
    "test_span",
}

# Passed on servers too, but too slow there to run each time; or the library that stands in for a
# server ends of them, as it does when a statement that fails is broken off on another shard.
_EMBEDDED_ONLY = {
    "test_a_window_on_which_sql_fails_is_set_aside_and_all_others_are_done",
    "test_no_order_of_arrival_and_no_death_changes_the_rows",
    "test_rows_do_not_hang_on_the_tiling",
    "test_two_conductors_at_once_do_no_harm",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames and metafunc.module.__name__ in _ON_EVERY_STORE:
        kinds = ["chdb"] if metafunc.function.__name__ in _EMBEDDED_ONLY else ["chdb", "shards"]
        metafunc.parametrize("engine", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Engine:
    """A real engine; tests keep apart by using runs of their own.

    EVERYHIT_TEST_STORE=shards lets tests that name no store run on two servers.
    """
    kind = getattr(request, "param", os.environ.get("EVERYHIT_TEST_STORE", "chdb"))
    return request.getfixturevalue(f"{kind}_engine")


@pytest.fixture(scope="session")
def chdb_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine in this process, on a folder of its own."""
    engine = ChdbEngine(tmp_path_factory.mktemp("store"))
    migrate(engine)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ClickHouse]]:
    """Two ClickHouse servers that make a cluster."""
    with contextlib.ExitStack() as stack:
        try:
            started = stack.enter_context(clickhouse_servers(tmp_path_factory.mktemp("servers"), 2))
        except StoreError as fault:
            if os.environ.keys() & {"CI", "EVERYHIT_NEED_SERVERS"}:
                raise
            pytest.skip(str(fault))
        yield started


@pytest.fixture(autouse=True)
def _mended(request: pytest.FixtureRequest) -> None:
    """Start a server again that ended in an earlier test, which has failed of it."""
    if "shards" in getattr(request.node, "name", "") or "server_engine" in request.fixturenames:
        for server in request.getfixturevalue("servers"):
            if server.process is None or server.process.poll() is not None:
                server.start()


@pytest.fixture(scope="session")
def shards_engine(servers: list[ClickHouse]) -> Iterator[Engine]:
    """A store on both servers."""
    address = parse_address(url(servers))
    create_schema(address)
    engine = connect(address)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def server_engine(servers: list[ClickHouse]) -> Iterator[Engine]:
    """A store on one server."""
    address = parse_address(url(servers[:1], "alone"))
    create_schema(address)
    engine = connect(address)
    yield engine
    engine.close()

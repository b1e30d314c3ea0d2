import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from homes import HOMES
from hypothesis import settings

from db.engine import Engine
from db.engine.address import parse_address
from db.engine.chdb import ChdbEngine
from db.engine.server import connect
from db.errors import StoreError
from db.schema.migrate import migrate
from db.servers.schema import create_schema
from db.words.homes.address import know_homes, redacted_home, whole_address
from db.words.homes.home import Home
from db.words.homes.opening import home_at
from ops.servers.clickhouse import ClickHouse, clickhouse_servers, url
from ops.servers.s3 import ObjectStore

# The first call of many things compiles, opens or creates, and takes longer than hypothesis waits.
settings.register_profile("everyhit", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("everyhit")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked ``every_store`` on each kind of store, where it asks for an engine."""
    if "engine" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_store"):
        only = metafunc.definition.get_closest_marker("embedded_only")
        kinds = ["chdb"] if only else ["chdb", "shards"]
        metafunc.parametrize("engine", kinds, indirect=True, scope="session")


_PAGES = ("tests/web/", "tests/ops/bench/test_bench_page.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a process whole files, in their order, and one process all pages.

    What a file's tests share is made once. Two browsers, or a telescope that goes on for a browser
    elsewhere, would leave no time to a page.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return "pages" if file.startswith(_PAGES) else file

    config.option.loadscopereorder = False
    return ByFile(config, log)


_SERVERS = {
    "servers",
    "shards_engine",
    "server_engine",
    "cluster",
    "object_store",
    "mongodb",
    "redis",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts servers, and what is quick. Tests of ``ops`` start processes: all are slow.

    Those of pages come first: they are the longest piece of work for one process.
    """
    items.sort(key=lambda item: "web" not in item.path.relative_to(Path(__file__).parent).parts)
    for item in items:
        if "ops" in item.path.relative_to(Path(__file__).parent).parts:
            item.add_marker("slow")
        kind = getattr(item, "callspec", None) and item.callspec.params.get("engine")
        marks = {mark.name for mark in item.iter_markers()}
        asked = marks | set(getattr(item, "fixturenames", ())) | {f"{kind}_engine"}
        if asked & _SERVERS | marks & {"s3"}:
            item.add_marker("servers")
        elif not item.get_closest_marker("slow"):
            item.add_marker("quick")


_ENDED = "The server is shutting down due to a fatal error"
_started: list[ClickHouse] = []


def _ended() -> list[ClickHouse]:
    """Return the servers that should answer and do not."""
    return [server for server in _started if not server.answers()]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start a server again that ended or fell silent in an earlier test, which has failed of it."""
    if item.get_closest_marker("servers"):
        for server in _ended():
            server.kill()
            server.start()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test once more of which the library that stands in for a server ended, and say so.

    It ends, or falls silent, when a client dies at the wrong moment, which a server's own program
    does not.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    failures = [report.longreprtext for report in reports if report.failed]
    if failures and not shutil.which("clickhouse") and (_ENDED in str(failures) or _ended()):
        item.warn(pytest.PytestWarning(f"{item.name}: the stand-in ended, once more"))
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


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
        _started.extend(started)
        yield started
        _started.clear()


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


def _needed(fault: Exception) -> None:
    """Skip a test whose server is not installed, but where it must be."""
    if os.environ.keys() & {"CI", "EVERYHIT_NEED_SERVERS"}:
        raise fault
    pytest.skip(str(fault))


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """An object store."""
    server = ObjectStore(tmp_path_factory.mktemp("s3"))
    try:
        server.start()
    except (StoreError, ModuleNotFoundError) as fault:
        _needed(fault)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def mongodb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server of MongoDB's protocol."""
    try:
        from ops.servers.mongodb import MongoDb

        server = MongoDb(tmp_path_factory.mktemp("mongodb"))
        server.start()
    except (StoreError, ModuleNotFoundError) as fault:
        _needed(fault)
    yield server
    server.kill()


@pytest.fixture(scope="session", params=HOMES)
def home_address(request: pytest.FixtureRequest) -> str:
    """The address of a home of words, its password known; empty for the store's own table."""
    url = _url(request)
    know_homes([url] if url else [])
    return redacted_home(url) if url else ""


@pytest.fixture(scope="session")
def home_url(request: pytest.FixtureRequest, home_address: str) -> str:
    """The same with the password."""
    return whole_address(home_address)


@pytest.fixture
def home(engine: Engine, home_address: str) -> Home | None:
    """The home at that address, of the engine's store; None for its own table."""
    return home_at(engine, home_address) if home_address else None


def _url(request: pytest.FixtureRequest) -> str:
    if request.param == "inline":
        return ""
    if given := os.environ.get(f"EVERYHIT_TEST_{request.param.upper()}"):
        return given
    server = {"s3": "object_store"}.get(request.param, request.param)
    return str(request.getfixturevalue(server).url())

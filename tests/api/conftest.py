"""A server over the session's engine, with a run of the simulated telescope and its results."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from api.http.app import create_app
from api.http.serve import served
from api.state import AppState, ServerRules
from db.catalogue.runs import Run, close_run, find_run, open_run
from db.catalogue.tokens import create_token
from db.detector import load
from db.engine import Engine
from db.retention.steps import plan
from db.store import Store
from db.words.hits_view import create_views
from everyhit import Client
from ops.services.retention import retention_rules
from readout.readout import Readout
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate
from readout.source.block import by_link
from software_triggers.registry import triggers_of_run
from software_triggers.running.threads import run_stages

CONDITIONS = Conditions(muon_rate_hz=400)
SECONDS = 0.6


@pytest.fixture(scope="session")
def run(engine: Engine) -> Run:
    """A closed run with hits of all chambers, segments, tracks, coincidences and events.

    Whoever adds results to a run takes ``changing_run``.
    """
    return filled_run(engine)


@pytest.fixture(scope="module")
def changing_run(engine: Engine) -> Run:
    """Another such run, for a module's tests to change."""
    return filled_run(engine)


def filled_run(engine: Engine) -> Run:
    """Open a run, fill it, run triggers on it, and close it."""
    telescope = load("drift_tubes_v2")
    stop = int(SECONDS * 1e9 / float(telescope.tick))
    run = open_run(
        engine,
        telescope,
        name="muons of the API's tests",
        cell=60_000_000,
        settings={"events": ["tracks", "coincidence"]},
    )
    create_views(engine, telescope)
    words = simulate(telescope, CONDITIONS, 7, 0, stop).stream.words
    with Readout(engine, run, CONDITIONS.clock_start, max_words=1000) as readout:
        for block in by_link(telescope, words.reshape(-1), 0):
            readout.push(block)
    run = close_run(engine, run)
    wanted = {"segments": {}, "tracks": {}, "coincidence": {}, "events": {}}
    run_stages(engine, run, triggers_of_run(engine, run), wanted)
    return find_run(engine, run.run_id)


@pytest.fixture(scope="session")
def app_state(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppState]:
    grace = timedelta(days=7)
    told = ServerRules(
        plan_retention=lambda engine: plan(
            engine, retention_rules(engine, datetime.now(UTC), grace)
        )
    )
    app_state = AppState(Store("chdb:test", tmp_path_factory.mktemp("beside"), engine), told)
    yield app_state
    app_state.close()


@pytest.fixture(scope="session")
def url(app_state: AppState) -> Iterator[str]:
    with served(create_app(app_state)) as url:
        yield url


@pytest.fixture(scope="session")
def tokens(engine: Engine) -> dict[str, str]:
    """A token for each role."""
    roles = ("viewer", "shifter", "physicist", "dba", "admin")
    return {role: create_token(engine, f"a {role}", role, None)[1] for role in roles}


@pytest.fixture(scope="session")
def client(url: str, tokens: dict[str, str]) -> Iterator[Client]:
    with Client(url, tokens["admin"]) as client:
        yield client


@pytest.fixture
def http(url: str, tokens: dict[str, str]) -> Iterator[httpx.Client]:
    """Bare HTTP as an admin."""
    headers = {"Authorization": f"Bearer {tokens['admin']}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
        yield http

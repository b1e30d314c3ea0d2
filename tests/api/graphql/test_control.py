"""Run control over the API: a real Redis, and a readout in a thread."""

from contextlib import contextmanager

import polars as pl
import pytest
import structlog
from crate import Crate, forget

from api.http.app import create_app
from api.http.serve import served
from api.state import AppState, ServerRules
from db.catalogue.audit import read_audit
from db.detector import load
from db.store import Store
from everyhit import ApiError, Client
from ops.servers.redis import Redis

START = """mutation($name: String!, $masks: [String!]!, $id: String) {
  startRun(detector: "drift_tubes_v1", name: $name, id: $id, configuration: {masks: $masks}, within: 20) {
    id kind state who silent run { number state } answers { readout done said tick }
    configuration { masks prefilter prescales { where keepOneIn } } } }"""
CONFIGURE = """mutation($run: String!, $scale: Int64!) {
  configureRun(run: $run, within: 20, configuration: {prescales: [{where: "chamber == 1", keepOneIn: $scale}]}) {
    state configuration { prescales { where keepOneIn } } } }"""
STOP = "mutation($run: String!) { stopRun(run: $run, within: 20) { state run { state } } }"


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@contextmanager
def api(engine, folder, redis_url):
    app_state = AppState(Store("chdb:test", folder, engine), ServerRules(redis=redis_url))
    try:
        with served(create_app(app_state)) as url:
            yield url
    finally:
        app_state.close()


def test_a_shifter_steers_a_run_and_everybody_sees_it(engine, redis, tokens, tmp_path):
    crate = Crate(engine, redis, tmp_path, "api crate", detector=load("drift_tubes_v1"))
    with structlog.testing.capture_logs(), crate.on(), api(engine, tmp_path, redis.url) as url:
        with Client(url, tokens["viewer"]) as viewer, Client(url, tokens["shifter"]) as shifter:
            assert viewer.graphql("{ readouts { name run } }")["readouts"] == [
                {"name": "api crate", "run": None}
            ]
            with pytest.raises(ApiError, match="viewer and may not control"):
                viewer.graphql(START, {"name": "steered", "masks": []})
            with pytest.raises(ApiError, match="chmber"):
                shifter.graphql(START, {"name": "steered", "masks": ["chmber == 1"]})
            asked = {"name": "api steered", "masks": ["chamber == 2"], "id": "api-1"}
            began = shifter.graphql(START, asked)["startRun"]
            assert (began["state"], began["who"], began["silent"]) == (
                "acknowledged", "a shifter", [],
            )  # fmt: skip
            assert began["configuration"]["masks"] == ["chamber == 2"]
            assert began["answers"] == [
                {"readout": "api crate", "done": True, "said": "", "tick": "0"}
            ]
            assert shifter.graphql(START, asked)["startRun"]["run"] == began["run"]
            number = str(began["run"]["number"])
            done = shifter.graphql(CONFIGURE, {"run": number, "scale": 10})["configureRun"]
            assert done["configuration"]["prescales"] == [
                {"where": "chamber == 1", "keepOneIn": "10"}
            ]
            with pytest.raises(ApiError, match="one in 1 to"):
                shifter.graphql(CONFIGURE, {"run": number, "scale": 0})
            stopped = shifter.graphql(STOP, {"run": number})["stopRun"]
            assert stopped == {"state": "acknowledged", "run": {"state": "CLOSED"}}
            listed = viewer.graphql(
                'query($run: String!) { orders(run: $run) { kind state } order(id: "api-1") { kind } }',
                {"run": number},
            )
            assert [each["kind"] for each in listed["orders"]] == ["stop", "configure", "start"]
            assert listed["order"] == {"kind": "start"}
            with pytest.raises(ApiError, match="there is no order 'nix'"):
                viewer.graphql('{ order(id: "nix") { kind } }')
        audited = read_audit(engine, 50).filter(pl.col("who") == "a shifter")
        assert {"startRun", "configureRun", "stopRun"} <= set(audited["action"])
    forget(redis)


def test_a_process_without_redis_says_so(client):
    with pytest.raises(ApiError, match="no orders can be given here") as told:
        client.graphql(STOP, {"run": "any"})
    assert told.value.code == "usage"


def test_a_redis_that_is_away_is_said_and_nothing_is_begun(engine, tokens, tmp_path):
    with (
        api(engine, tmp_path, "redis://127.0.0.1:1/0") as url,
        Client(url, tokens["admin"]) as admin,
    ):
        with pytest.raises(ApiError, match="Redis can't be reached") as told:
            admin.graphql(START, {"name": "api nothing", "masks": []})
        assert told.value.code == "store"
        with pytest.raises(ApiError, match="there is no run api nothing"):
            admin.graphql('{ run(which: "api nothing") { number } }')

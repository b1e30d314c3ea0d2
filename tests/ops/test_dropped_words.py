"""Whoever asks for a range whose raw words were dropped is told so."""

from contextlib import contextmanager

import httpx
import pytest
from retained import SOME, finished_bench
from workbench import FAR

from api.http.app import create_app
from api.http.serve import served
from api.state import AppState, ServerRules
from db.catalogue.runs import close_run
from db.store import Store
from db.words.headers import Dropped, dropped_words
from ops.cli import query as asking


@pytest.fixture(scope="module")
def bench(engine, folder):
    bench = finished_bench(engine, folder)
    close_run(engine, bench.run)
    bench.apply()
    return bench


def test_it_is_counted_for_the_range_and_gone_when_it_is_brought_back(engine, bench, folder):
    run = bench.run.run_id
    times = [hit.t for hit in SOME]
    assert dropped_words(engine, run, -FAR, FAR) == Dropped(len(SOME), min(times), max(times) + 1)
    assert dropped_words(engine, run, 1341, FAR) is None
    assert dropped_words(engine, run, 900, 901).words < len(SOME)
    whole = finished_bench(engine, folder)
    assert dropped_words(engine, whole.run.run_id, -FAR, FAR) is None


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT count() FROM hits", "they are not in this answer"),
        ("SELECT count() FROM pairs WHERE t IN (SELECT t FROM words)", "not in this answer"),
        ("SELECT count() FROM pairs", ""),
        ("SELECT sum(n_hits) FROM rates", ""),
    ],
)
def test_the_command_line_says_it_on_standard_error(
    engine, bench, monkeypatch, capfd, tmp_path, sql, said
):
    @contextmanager
    def opened(_):
        yield Store("chdb:test", tmp_path, engine)

    monkeypatch.setattr(asking, "opened", opened)
    asking.query(sql, run=str(bench.run.run_id), fmt=asking.Format.JSON)
    told = capfd.readouterr().err
    assert said in told
    assert bool(told) == bool(said)
    if said:
        assert told.startswith(f"{len(SOME)} raw words of run {bench.run.run_id} between 0 s and")


def test_the_api_says_it_in_a_field_and_a_header(engine, bench, tmp_path):
    run = bench.run.run_id
    with_all = ServerRules(open_to_all=True)
    app_state = AppState(Store("chdb:test", tmp_path, engine, owned=False), with_all)
    try:
        with served(create_app(app_state)) as url, httpx.Client(base_url=url, timeout=60) as http:
            text = f'{{ run(which: "{run}") {{ dropped {{ words start stop }} }} }}'
            answer = http.post("/graphql", json={"query": text}).json()
            words = {"words": str(len(SOME)), "start": "0", "stop": "1341"}
            assert answer["data"]["run"]["dropped"] == words
            text = text.replace("dropped", 'dropped(start: "1400", stop: "1500")')
            answer = http.post("/graphql", json={"query": text}).json()
            assert answer["data"]["run"]["dropped"] is None
            for lacks, said in (("hits", str(len(SOME))), ("pairs", None)):
                body = {"sql": f"SELECT count() FROM {lacks}", "run": run}
                header = http.post("/query", json=body).headers.get("Everyhit-Words-Dropped")
                assert header == said
            got = http.get(f"/export/{run}/hits", params={"start": "0", "stop": "2000"})
            assert got.headers["Everyhit-Words-Dropped"] == str(len(SOME))
    finally:
        app_state.close()

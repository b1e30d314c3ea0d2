"""The synchronous and the asynchronous client: equal methods, equal answers."""

import asyncio
import inspect

import polars as pl
import pytest

from db.results.rows import list_lineages, read_committed
from everyhit import ApiError, AsyncClient, Client
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

FAR = 2**40


def test_both_clients_have_the_same_methods_with_the_same_arguments():
    mine, theirs = (
        {
            name: inspect.signature(method).parameters
            for name, method in vars(client).items()
            if not name.startswith("_") and callable(method)
        }
        for client in (Client, AsyncClient)
    )
    assert mine == theirs
    assert set(mine) >= {"hits", "events", "query", "follow", "latest", "trigger", "post"}


def test_both_give_the_same(client, url, tokens, run, engine):
    async def theirs():
        async with AsyncClient(url, tokens["viewer"]) as other:
            return (
                await other.hits(run.run_id, 0, "0.2 s", where="chamber == 0"),
                await other.events(run.run_id, decode=True),
                await other.query(
                    "SELECT chamber, count() AS n FROM hits GROUP BY chamber", run.run_id
                ),
                await other.graphql("{ me { role } }"),
            )

    hits, events, counts, me = asyncio.run(theirs())
    assert hits.equals(client.hits(run.run_id, 0, "0.2 s", where="chamber == 0"))
    assert events.equals(client.events(run.run_id, decode=True))
    stored = read_frame(engine, run, Window(-FAR, FAR))
    expected = stored.group_by("chamber").len("n").sort("chamber")
    assert counts.sort("chamber").rows() == expected.rows()
    assert me == {"me": {"role": "VIEWER"}}


def test_a_trigger_runs_through_the_asynchronous_client_too(url, tokens, changing_run, engine):
    run = changing_run

    async def theirs():
        async with AsyncClient(url, tokens["physicist"]) as other:
            return await other.trigger("coincidence", run.run_id, min_chambers=4)

    found = asyncio.run(theirs())
    newest = next(
        one
        for one in list_lineages(engine, run.run_id, "coincidence")
        if one.params["min_chambers"] == 4
    )
    assert found.equals(read_committed(engine, newest, run.cell, -FAR, FAR))
    assert (found["n_chambers"] == 4).all()


def test_sql_is_confined_and_ranges_are_kept(client, run, engine):
    got = client.query("SELECT count() AS n FROM hits", run.run_id, 0, "100 ms")
    assert got["n"].to_list() == [len(read_frame(engine, run, Window(0, 120_000_000)))]
    with pytest.raises(ApiError, match="there is no 'runs'") as told:
        client.query("SELECT * FROM runs", run.run_id)
    assert told.value.code == "sql"


def test_the_latest_run_has_numbers_for_numbers(client):
    latest = client.latest()
    assert latest.number == max(
        edge["node"]["number"]
        for edge in client.graphql("{ runs { edges { node { number } } } }")["runs"]["edges"]
    )
    assert isinstance(latest.words, int)


def test_events_with_decoded_words(client, run):
    events = client.events(run.run_id, decode=True)
    words = events.select("word_t", "word_hit", "word_chamber").explode(pl.all())
    assert words.filter("word_hit")["word_chamber"].is_in([0, 1, 2, 3]).all()


def test_a_server_that_is_not_there_is_one_line():
    with Client("http://127.0.0.1:9", "x") as nobody, pytest.raises(ApiError, match="can't reach"):
        nobody.latest()

"""Triggers of one's own, through the clients: installed on the server, or SQL that is registered."""

import asyncio
import importlib

import pytest

from db.catalogue.triggers import list_registered
from everyhit import ApiError, AsyncClient
from software_triggers.trigger import sql_trigger

CODE = '''"""A plug-in."""

import polars as pl

from software_triggers.trigger import trigger


@trigger(reach="0 ns")
def lonely_wires(hits: pl.DataFrame, wire: int = 3) -> pl.DataFrame:
    """Hits of one wire."""
    return hits.filter(pl.col("wire") == wire).select("t", "chamber")
'''


def installed(folder, name):
    """A package with an entry point, as pip would leave it there."""
    (folder / f"{name}.py").write_text(CODE)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[everyhit.triggers]\nlonely = {name}:lonely_wires\n")


@pytest.fixture
def lonely(tmp_path, monkeypatch):
    installed(tmp_path, "lonely_plugin")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("lonely_plugin").lonely_wires


def test_an_installed_function_runs_on_the_server(client, url, tokens, changing_run, lonely):
    run = changing_run.run_id
    mine = client.trigger(lonely, run, 0, "0.2 s", wire=5)
    hits = client.hits(run, 0, "0.2 s", where="wire == 5", columns=("t", "chamber"))
    assert len(hits) > 5
    assert sorted(mine.rows()) == sorted(hits.rows())

    async def theirs():
        async with AsyncClient(url, tokens["physicist"]) as other:
            return await other.trigger(lonely, run, 0, "0.2 s", wire=5)

    assert asyncio.run(theirs()).equals(mine)
    assert client.trigger("lonely_wires", run, 0, "0.2 s", wire=5).equals(mine)


def test_what_the_server_has_otherwise_or_not_at_all_does_not_run(client, run, lonely):
    from dataclasses import replace

    with pytest.raises(ApiError, match="has another lonely_wires than you"):
        client.trigger(replace(lonely, source=CODE.replace("==", "!=")), run.run_id)
    with pytest.raises(ApiError, match=r"does not know the Python trigger elsewhere: install"):
        client.trigger(replace(lonely, name="elsewhere"), run.run_id)


def test_sql_is_registered_and_runs(client, engine, changing_run):
    mine = sql_trigger(
        "-- trigger: first_wires\n-- reach: 0 ns\nSELECT t, chamber FROM hits WHERE wire = 1"
    )
    run = changing_run.run_id
    found = client.trigger(mine, run, 0, "0.2 s")
    hits = client.hits(run, 0, "0.2 s", where="wire == 1", columns=("t", "chamber"))
    assert len(hits) > 5
    assert sorted(found.rows()) == sorted(hits.rows())
    assert "first_wires" in {each.name for each in list_registered(engine)}
    wrong = sql_trigger("-- trigger: wrong\n-- reach: 0 ns\nSELECT t, colour FROM hits")
    with pytest.raises(ApiError, match="trigger wrong: .*colour"):
        client.trigger(wrong, run)

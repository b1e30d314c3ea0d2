"""NULL in every format, in GraphQL, and in a histogram."""

import io

import h5py
import polars as pl
import pytest
import uproot
from ticks import Hit, toy_chunks, toy_run, write

from db.catalogue.runs import close_run
from software_triggers.running.threads import run_stages
from software_triggers.trigger import sql_trigger

LACKING = sql_trigger("""
-- trigger: lacking
-- reach: 0 ns
SELECT t, nullIf(wire, 3) AS q, nullIf(toInt64(wire), 3) AS wide, [nullIf(wire, 3), 1] AS some,
    if(wire = 3, NULL, 'w') AS name FROM hits
""")
Q = [0, None, 2]
SOME = [[0, 1], [None, 1], [2, 1]]


@pytest.fixture(scope="module")
def run(engine):
    run = toy_run(engine)
    hits = [Hit(10, 0, 0), Hit(150, 0, 3), Hit(250, 0, 2)]
    write(engine, run, toy_chunks(run.run_id, hits))
    run = close_run(engine, run)
    run_stages(engine, run, {"lacking": LACKING}, {"lacking": {}})
    return run


def exported(http, run, form):
    params = {"trigger": "lacking", "format": form}
    out = http.get(f"/export/{run.run_id}/candidates", params=params)
    assert out.status_code == 200, out.text
    return out.content


def test_tables_keep_null(http, run):
    table = pl.read_parquet(exported(http, run, "parquet"))
    assert pl.read_ipc_stream(exported(http, run, "arrow")).equals(table)
    assert table["q"].to_list() == Q
    assert table["wide"].to_list() == Q
    assert table["some"].to_list() == SOME
    assert table["name"].to_list() == ["w", None, "w"]
    lines = exported(http, run, "csv").decode().splitlines()
    assert lines[2].split(",")[1:4] == ["", "", "null 1"]


def test_hdf5_and_root_say_which_values_are_there(http, run):
    with h5py.File(io.BytesIO(exported(http, run, "hdf5"))) as file:
        group = file["lacking"]
        assert group["q"][:].tolist() == [0, 0, 2]
        assert group["q.valid"][:].tolist() == [True, False, True]
        assert group["some.valid"][:].tolist() == [True, True, False, True, True, True]
        assert "t.valid" not in group
    with uproot.open(io.BytesIO(exported(http, run, "root"))) as file:
        arrays = file["lacking"].arrays()
        assert arrays["q"].tolist() == [0, 0, 2]
        assert arrays["q_valid"].tolist() == [True, False, True]
        assert arrays["some_valid"].tolist() == [[True, True], [False, True], [True, True]]
        assert arrays["name"].tolist() == ["w", "", "w"]


def test_graphql_says_null_and_selects_and_counts_what_is_there(client, run):
    ask = f"""{{ run(which: "{run.run_id}") {{
        candidates(trigger: "lacking") {{ edges {{ node {{ values }} }} }}
        high: candidates(trigger: "lacking", where: "q > 1") {{ totalCount }}
        histogram(of: "lacking", column: "q", bins: 2, low: 0, high: 2) {{ counts below above }} }} }}"""
    told = client.graphql(ask)["run"]
    values = [edge["node"]["values"] for edge in told["candidates"]["edges"]]
    assert [each["q"] for each in values] == Q
    assert [each["wide"] for each in values] == ["0", None, "2"]
    assert [each["some"] for each in values] == SOME
    assert told["high"]["totalCount"] == 1
    assert told["histogram"] == {"counts": [1, 1], "below": 0, "above": 0}

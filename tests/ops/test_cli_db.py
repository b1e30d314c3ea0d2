"""A store on servers as a user meets it on the command line."""

import json

import pytest
from command import run

from ops.servers.clickhouse import PASSWORD, url

ROWS = """\
HEAD,FPGA,TDC_CHANNEL,ORBIT_CNT,BX_COUNTER,TDC_MEAS
2,0,75,3387200947,2922,2
2,0,105,3387200955,2227,29
2,1,55,3387200955,1797,12
2,1,36,3387200956,2165,28
"""
EARLY = """\
-- trigger: early
-- reach: 0 ns
SELECT t, chamber FROM hits WHERE layer = 1
"""


def everyhit(*arguments, code=0):
    done = run(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def store(servers):
    """The database whose reader the servers know."""
    address = url(servers, "everyhit")
    everyhit("db", "init", "--store", address)
    return address


def test_words_go_in_and_results_come_out(store, tmp_path):
    (tmp_path / "rows.txt").write_text(ROWS)
    (tmp_path / "early.sql").write_text(EARLY)
    at = ("--store", store)
    told = everyhit(
        "ingest",
        tmp_path / "rows.txt",
        "--detector",
        "drift_tubes_v2",
        "--run",
        "cli",
        "--json",
        *at,
    )
    run = json.loads(told)["run"]
    everyhit("trigger", "run", tmp_path / "early.sql", "--run", run, *at)
    out = everyhit("query", "SELECT chamber FROM early ORDER BY t", "--run", run, "--json", *at)
    assert [json.loads(line)["chamber"] for line in out.splitlines()] == [1, 2]
    states = json.loads(everyhit("db", "status", "--json", *at))
    assert sum(state["words"] for state in states) >= 4


def test_a_store_that_is_not_there_yet_says_what_to_do(servers):
    missing = url(servers, "notyet")
    for command in (["run", "list"], ["db", "migrate"]):
        said = everyhit(*command, "--store", missing, code=1)
        assert "run everyhit db init" in said
        assert len(said.strip().splitlines()) == 1
    everyhit("db", "init", "--json", "--store", missing)
    assert json.loads(everyhit("run", "list", "--json", "--store", missing)) == []


def test_an_embedded_store_needs_no_db(tmp_path):
    assert "embedded" in everyhit("db", "init", "--store", tmp_path, code=1)

import json

import polars as pl
import pyarrow.parquet as pq
import pytest
from command import everyhit

DETECTOR = """
name = "pair"
title = "Two columns"
[table]
time = { t = "1 us" }
[table.values]
channel = { column = "ch", type = "uint32" }
[clock]
disorder = "1 s"
"""
TRIGGER = "-- trigger: ones\n-- reach: 0 ns\nSELECT t, channel FROM hits WHERE channel = 1\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "pair.toml").write_text(DETECTOR)
    (tmp_path / "pair.csv").write_text("t,ch\n2000000,1\n1500000,2\n1700000,1\n")
    return tmp_path


def ingested(files, *more):
    store = files / "store"
    how = ("--detector", files / "pair.toml", "--store", store)
    everyhit("ingest", files / "pair.csv", *how, *more)
    return store


def lines(store, *asked):
    answer = everyhit("query", *asked, "--json", "--store", store)
    return [json.loads(line) for line in answer.splitlines()]


def test_hits_have_seconds_and_dates_and_come_in_order(files):
    store = ingested(files, "--started", "2013-09-10T12:00:00Z")
    found = lines(store, "SELECT t, channel FROM hits")
    assert [each["channel"] for each in found] == [2, 1, 1]
    assert [list(each) for each in found] == [["t", "t_s", "utc", "channel"]] * 3
    first = int(found[0]["t"])
    assert [each["t_s"] - found[0]["t_s"] for each in found] == pytest.approx([0, 0.2, 0.5])
    assert found[0]["t_s"] == pytest.approx(first / 10**6)
    dates = pl.Series([each["utc"] for each in found]).str.to_datetime(time_unit="ns")
    since = [date - 1378814400 * 10**9 for date in dates.dt.epoch("ns")]  # date -u -d 2013-09-10T12
    assert since == [int(each["t"]) * 1000 for each in found]
    assert lines(store, "SELECT t, channel FROM hits ORDER BY t DESC")[0]["channel"] == 1
    assert list(lines(store, "SELECT t, channel FROM hits", "--bare")[0]) == ["t", "channel"]


def test_a_run_whose_beginning_nobody_told_has_no_dates(files):
    found = lines(ingested(files), "SELECT t FROM hits")
    assert [list(each) for each in found] == [["t", "t_s"]] * 3


def test_a_parquet_file_says_what_its_rows_are(files):
    store = ingested(files, "--started", "2013-09-10T12:00:00Z")
    (files / "ones.sql").write_text(TRIGGER)
    everyhit("trigger", "run", files / "ones.sql", "--store", store)
    (result,) = json.loads(everyhit("run", "show", "--json", "--store", store))["results"]
    asked, out = "SELECT t, channel FROM ones", files / "ones.parquet"
    everyhit("query", asked, "--out", out, "--store", store)
    told = {key.decode(): value.decode() for key, value in pq.read_metadata(out).metadata.items()}
    assert told["run"] == "1" and told["tick_ns"] == "1000"
    assert json.loads(told["lineages"]) == {"ones": result["lineage"]}
    assert json.loads(told["units"])["t_s"] == "s"
    assert "channel" in told["query"] and "t_s" not in told["query"]
    rows = pl.read_parquet(out)
    assert rows["utc"].dtype == pl.Datetime("ns", "UTC")
    assert rows["channel"].to_list() == [1, 1]


def test_a_column_that_is_not_there_is_named_with_those_that_are(files):
    fault = everyhit("query", "SELECT adc FROM hits", "--store", ingested(files), code=1)
    assert "no column adc; hits have t, link, " in fault and fault.count("\n") == 1


def test_a_date_is_that_of_the_hit_to_the_nanosecond(files):
    (files / "pair.toml").write_text(
        DETECTOR.replace('"1 us" }', '"1 ns" }\nsince = 1970-01-01T00:00:00Z')
    )
    (files / "pair.csv").write_text("t,ch\n1378814400902119111,1\n1378814401000000999,2\n")
    assert [each["utc"] for each in lines(ingested(files), "SELECT t FROM hits")] == [
        "2013-09-10 12:00:00.902119111",
        "2013-09-10 12:00:01.000000999",
    ]

import polars as pl
import pytest

from everyhit import ApiError
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

pytestmark = pytest.mark.every_store  # its promises hold on servers, too


FAR = 2**40
RATES = """query($r: String!, $n: Int!, $by: [RateBy!]) { run(which: $r) {
  rates(bins: $n, by: $by) { start width widthS bins series { link channel hits others } } } }"""


@pytest.fixture(scope="module")
def words(engine, run) -> pl.DataFrame:
    """All words with a time, and to which slice they were counted."""
    return read_frame(engine, run, Window(-FAR, FAR), hits_only=False)


@pytest.mark.parametrize("n", [1, 2, 3, 5000])
@pytest.mark.parametrize("by", [[], ["LINK"], ["CHANNEL"], ["CHANNEL", "LINK"]])
def test_bins_hold_what_a_count_of_the_words_gives(client, run, words, n, by):
    got = client.graphql(RATES, {"r": str(run.run_id), "n": n, "by": by})["run"]["rates"]
    start, width = int(got["start"]), int(got["width"])
    assert got["bins"] <= n
    assert width % run.detector.slice == start % run.detector.slice == 0
    channel = pl.col("fpga").cast(pl.Int64) * 512 + pl.col("tdc_channel")
    counted = words.with_columns(
        bin=(pl.col("t") - start) // width,
        channel=channel if "CHANNEL" in by else pl.lit(None),
        link=pl.col("link") if "LINK" in by else pl.lit(None),
    )
    for line in got["series"]:
        mine = counted.filter(
            pl.col("link").eq_missing(line["link"])
            & pl.col("channel").eq_missing(line["channel"] and int(line["channel"]))
        )
        for name, kind in (("hits", pl.col("hit")), ("others", ~pl.col("hit"))):
            per_bin = dict(mine.filter(kind).group_by("bin").len().rows())
            assert line[name] == [per_bin.get(k, 0) for k in range(got["bins"])]
    everything = sum(sum(line["hits"]) + sum(line["others"]) for line in got["series"])
    assert everything == len(words)


def test_occupancy_counts_every_channel(client, run, words):
    got = client.graphql(
        "query($r: String!) { run(which: $r) { occupancy { link channel hits } } }",
        {"r": str(run.run_id)},
    )["run"]["occupancy"]
    key = pl.col("fpga").cast(pl.Int64) * 512 + pl.col("tdc_channel")
    expected = words.filter("hit").group_by("link", key).len().rows()
    found = {(row["link"], int(row["channel"])): int(row["hits"]) for row in got}
    assert {k: n for k, n in found.items() if n} == {(a, b): n for a, b, n in expected}


@pytest.mark.parametrize("bins", [0, -1, 5001])
def test_too_many_bins_are_refused(client, run, bins):
    with pytest.raises(ApiError, match="1 to 5000"):
        client.graphql(RATES, {"r": str(run.run_id), "n": bins, "by": []})

import polars as pl
import pytest

from api.export import batches
from everyhit import ApiError
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

FAR = 2**40


def test_hits_come_as_the_store_has_them(client, engine, run):
    stored = read_frame(engine, run, Window(-FAR, FAR))
    got = client.hits(run.run_id)
    assert len(got) > 1000
    assert got["t"].is_sorted()
    assert got.sort(got.columns).equals(stored.sort(stored.columns))


def test_a_selection_and_columns_and_a_range_are_kept_to(client, engine, run):
    stored = read_frame(engine, run, Window(0, 300_000_000)).filter(
        (pl.col("chamber") == 1) & (pl.col("wire") > 3)
    )
    got = client.hits(
        run.run_id, 0, "0.25 s", where="chamber == 1 and wire > 3", columns=("wire", "t")
    )
    assert got.columns == ["wire", "t"]
    assert got.sort("t", "wire").equals(stored.select("wire", "t").sort("t", "wire"))


@pytest.mark.parametrize("most", [1, 37, 5000])
def test_stretches_change_nothing(client, run, monkeypatch, most):
    a, b = 100_000_000, 101_000_000 if most == 1 else 200_000_000
    whole = client.hits(run.run_id, a, b)
    monkeypatch.setattr(batches, "HITS_AT_ONCE", most)
    assert client.hits(run.run_id, a, b).equals(whole)


def test_a_wrong_selection_is_told_before_the_first_byte(client, run):
    with pytest.raises(ApiError, match="did you mean chamber") as told:
        client.hits(run.run_id, where="chambr == 1")
    assert told.value.code == "selection"

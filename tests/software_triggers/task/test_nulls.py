"""NULL is a value in every column but t."""

import polars as pl
import pytest
from ticks import Hit, toy_chunks, toy_run, write

from db.catalogue.runs import close_run
from db.results.rows import read_committed
from db.time import WHOLE
from software_triggers.running.threads import run_stages
from software_triggers.trigger import sql_trigger, trigger

HITS = [Hit(100 * k + 7, 0, k % 4) for k in range(10)]
IN_SQL = sql_trigger("""
-- trigger: in_sql
-- reach: 0 ns
SELECT t, nullIf(wire, 3) AS q, if(wire = 2, NULL, 'w') AS name, [nullIf(wire, 3), 1] AS some
FROM hits
""")


@trigger(reach="0 ns")
def in_python(hits: pl.DataFrame) -> pl.DataFrame:
    """The same as in SQL."""
    wire = pl.col("wire")
    return hits.select(
        "t",
        q=pl.when(wire != 3).then(wire),
        name=pl.when(wire != 2).then(pl.lit("w")),
        some=pl.concat_list(pl.when(wire != 3).then(wire), pl.lit(1, pl.UInt8)),
    )


@trigger(reach="0 ns")
def untyped(hits: pl.DataFrame) -> pl.DataFrame:
    """Lists of Python: on no hits nobody knows of which type, and on some all are None."""
    odd = [None if k == 1 else int(k) for k in hits["wire"]]
    return pl.DataFrame({"t": hits["t"].to_list(), "q": odd})


@trigger(reach="0 ns")
def torn(hits: pl.DataFrame) -> pl.DataFrame:
    """Its column is text where there are hits."""
    return hits.select("t", q=pl.lit("text") if len(hits) else pl.lit(1))


@trigger(reach="0 ns")
def timeless(hits: pl.DataFrame) -> pl.DataFrame:
    """Without a time where wire is 2."""
    return hits.select(t=pl.when(pl.col("wire") != 2).then(pl.col("t")))


TIMELESS = sql_trigger("""
-- trigger: timeless_sql
-- reach: 0 ns
SELECT if(wire = 2, NULL, t) AS t FROM hits
""")
KNOWN = {t.name: t for t in (IN_SQL, in_python, untyped, torn, timeless, TIMELESS)}


def found(engine, name):
    run = toy_run(engine)
    write(engine, run, toy_chunks(run.run_id, HITS))
    (stage,) = run_stages(engine, close_run(engine, run), KNOWN, {name: {}})
    return stage, read_committed(engine, stage.lineage, run.cell, *WHOLE)


def failures(engine, stage):
    told = engine.fetch(
        "SELECT error FROM failures WHERE lineage = {l:String} AND run_id = {run:UInt32}",
        {"l": stage.lineage.lineage, "run": stage.run.run_id},
    )
    return told["error"].to_pylist()


@pytest.mark.parametrize("name", ["in_sql", "in_python"])
def test_null_is_kept(engine, name):
    stage, rows = found(engine, name)
    wires = [hit.wire for hit in HITS]
    assert rows["q"].to_list() == [None if w == 3 else w for w in wires]
    assert rows["name"].to_list() == [None if w == 2 else "w" for w in wires]
    assert rows["some"].to_list() == [[None if w == 3 else w, 1] for w in wires]
    assert failures(engine, stage) == []


def test_a_column_without_a_type_on_no_hits_takes_what_comes(engine):
    stage, rows = found(engine, "untyped")
    assert rows["q"].to_list() == [None if hit.wire == 1 else hit.wire for hit in HITS]
    assert failures(engine, stage) == []


def test_a_column_that_would_be_changed_is_refused_by_name(engine):
    stage, rows = found(engine, "torn")
    assert rows.is_empty()
    said = failures(engine, stage)
    assert len(said) == len(HITS)
    assert "column q is String with values that Int32" in said[0]


@pytest.mark.parametrize("name", ["timeless", "timeless_sql"])
def test_null_in_t_is_refused_by_name_and_count(engine, name):
    stage, rows = found(engine, name)
    assert rows["t"].to_list() == [hit.t for hit in HITS if hit.wire != 2]
    said = failures(engine, stage)
    assert len(said) == 2
    assert all(f"trigger {name} returned 1 rows whose t is NULL" in each for each in said)

from dataclasses import replace

import polars as pl
import pytest
from ticks import TOY, Hit, toy_chunks, toy_run, write
from workbench import PAIRS, TRIGGERS, WANTED, crowds, echoes, finished, second_echoes

from db.catalogue.runs import open_run
from db.detector import loads
from db.errors import EveryhitError, SqlError, TriggerError
from db.results.rows import list_lineages, read_committed
from software_triggers.registry import known_triggers
from software_triggers.task.bind import bind
from software_triggers.task.find import compute, select
from software_triggers.trigger import sql_trigger, trigger
from software_triggers.window import Window


def sql(name, select, reach="0 ns", params=""):
    return sql_trigger(f"-- trigger: {name}\n-- reach: {reach}\n-- params: {params}\n{select}")


def python(function, name="tried", **how):
    return trigger(reach="0 ns", name=name, **how)(function)


def bound(engine, *triggers, run=None, **wanted):
    run = run or toy_run(engine)
    names = wanted or {triggers[-1].name: {}}
    return bind(engine, run, {t.name: t for t in triggers}, names)


def test_inputs_come_before_their_readers_each_once(engine):
    run = toy_run(engine)
    stages = bind(engine, run, TRIGGERS, {"crowds": {}, "second_echoes": {}, "pairs": {}})
    names = [stage.name for stage in stages]
    assert sorted(names) == ["crowds", "echoes", "pairs", "second_echoes"]
    assert names.index("pairs") < names.index("crowds")
    assert names.index("echoes") < names.index("second_echoes")
    of = {stage.name: stage for stage in stages}
    assert of["crowds"].inputs == {"pairs": of["pairs"].lineage}
    assert [of[n].reads_hits for n in ("pairs", "crowds", "echoes", "second_echoes")] == [
        1,
        1,
        1,
        0,
    ]
    assert (of["pairs"].reach, of["crowds"].reach) == (30, 60)
    entered = {lineage.name: lineage for lineage in list_lineages(engine, run.run_id)}
    assert entered == {name: stage.lineage for name, stage in of.items()}


def test_only_what_is_wanted_is_bound(engine):
    assert [s.name for s in bind(engine, toy_run(engine), TRIGGERS, {"pairs": {}})] == ["pairs"]
    assert bind(engine, toy_run(engine), TRIGGERS, {}) == ()


def test_an_unknown_trigger_is_told_with_its_reader_and_those_there_are(engine):
    with pytest.raises(TriggerError, match=r"no trigger 'paris'; known: .*pairs"):
        bind(engine, toy_run(engine), TRIGGERS, {"paris": {}})
    reader = sql("reader", "SELECT t FROM unheard_of")
    with pytest.raises(TriggerError, match=r"'unheard_of' \(read by reader\)"):
        bound(engine, reader)


def test_a_circle_is_told(engine):
    one, two = sql("one", "SELECT t FROM two"), sql("two", "SELECT t FROM one")
    with pytest.raises(TriggerError, match="one -> two -> one"):
        bound(engine, one, two, one={})
    with pytest.raises(TriggerError, match="me -> me"):
        bound(engine, sql("me", "SELECT t FROM me"))


def test_a_lineage_stands_for_everything_a_result_rests_on(engine):
    run = toy_run(engine)

    def lineages(*triggers, run=run, **wanted):
        return {s.name: s.lineage.lineage for s in bound(engine, *triggers, run=run, **wanted)}

    plain = lineages(PAIRS, crowds)
    assert lineages(PAIRS, crowds) == plain
    assert lineages(PAIRS, crowds, run=toy_run(engine)) == plain
    assert lineages(PAIRS, crowds, crowds={}, pairs={"within": "30 ns"}) == plain
    assert lineages(PAIRS, crowds, crowds={}, pairs={"within": 30}) == plain  # the same in ticks

    other = lineages(PAIRS, crowds, crowds={"within": "61 ns"})
    assert other["pairs"] == plain["pairs"]
    assert other["crowds"] != plain["crowds"]
    upstream = [
        lineages(PAIRS, crowds, crowds={}, pairs={"within": "31 ns"}),
        lineages(replace(PAIRS, version="2"), crowds),
        lineages(replace(PAIRS, source=PAIRS.source + "\n"), crowds),
        lineages(replace(PAIRS, reach="within + 1 ns"), crowds),
    ]
    changed = loads(TOY.source.replace('channel = "wire"', 'channel = "15 - wire"'))
    upstream.append(lineages(PAIRS, crowds, run=open_run(engine, changed, cell=100)))
    for told in upstream:
        assert told["pairs"] != plain["pairs"]
        assert told["crowds"] != plain["crowds"]
    assert len({told["crowds"] for told in upstream}) == len(upstream)


def test_columns_are_known_before_there_are_hits(engine):
    of = {s.name: dict(s.lineage.columns) for s in bind(engine, toy_run(engine), TRIGGERS, WANTED)}
    assert of["pairs"] == {"t": "Int64", "link": "UInt16", "wire": "UInt8", "n": "UInt64"}
    assert of["echoes"] == {
        "t": "Int64",
        "wire": "Nullable(Int16)",
        "half": "Nullable(Float64)",
    }
    assert of["crowds"] == {"t": "Int64", "other": "Array(Nullable(Int64))"}


def test_t_comes_first_and_may_be_a_narrower_integer(engine):
    (stage,) = bound(engine, sql("narrow", "SELECT wire, toUInt8(t) AS t FROM hits"))
    assert list(stage.lineage.columns.items()) == [("t", "Int64"), ("wire", "UInt8")]


@pytest.mark.parametrize(
    ("tried", "told"),
    [
        (sql("x", "SELECT wire FROM hits"), "must return an integer column t"),
        (sql("x", "SELECT t / 2 AS t FROM hits"), "t is Float64"),
        (sql("x", "SELECT t, 1 AS cell FROM hits"), "column cell is the ledger's"),
        (sql("x", "SELECT t, 1 AS attempt FROM hits"), "column attempt is the ledger's"),
        (sql("x", "SELECT t, 1 AS run_id FROM hits"), "column run_id is the ledger's"),
        (python(lambda hits: hits.select("wire")), "integer column t, got columns wire"),
        (python(lambda hits: None), "Polars frame"),
        (python(lambda hits: hits.select(pl.col("t") / 2)), "t is Float64"),
        (python(lambda hits: hits.select("t", x=pl.struct("t"))), "column x is Struct"),
        (python(lambda hits: hits["no"]), "fails on a window without hits"),
        (python(lambda hits: 1 / 0), "ZeroDivisionError"),
    ],
)
def test_what_a_trigger_returns_is_checked_before_it_runs(engine, tried, told):
    with pytest.raises(TriggerError, match=told):
        bound(engine, tried)


@pytest.mark.parametrize(
    "select",
    [
        "SELECT t, name FROM hits, (SELECT name FROM system.tables)",
        "SELECT t FROM hits WHERE t IN (SELECT toInt64(1) FROM url('x'))",
        "SELECT t FROM hits SETTINGS max_threads = 8",
    ],
)
def test_sql_that_reaches_outside_is_not_bound(engine, select):
    with pytest.raises(EveryhitError) as told:
        bound(engine, sql("x", select))
    assert isinstance(told.value, SqlError | TriggerError)


def test_an_unknown_column_is_told(engine):
    with pytest.raises(EveryhitError, match="lair"):
        bound(engine, sql("x", "SELECT t, lair FROM hits"))


@pytest.mark.parametrize("kind", ["list", "bool", "text", "numbers"])
def test_columns_of_every_kind_come_back_as_they_were(engine, kind):
    values = {
        "list": pl.col("t").implode().over("t"),
        "bool": pl.col("t") > 5,
        "text": pl.format("it's {}", "t"),
        "numbers": pl.col("t").cast(pl.Float32) / 3,
    }[kind]
    # A lineage knows the text of its function, not what the function closes over: another name.
    (stage,) = bound(engine, python(lambda hits: hits.select("t", x=values), f"tried_{kind}"))
    write(engine, stage.run, toy_chunks(stage.run.run_id, [Hit(3, 0, 1), Hit(8, 0, 1)]))
    made = compute(engine, stage, Window(0, 100))
    assert len(made) == 2
    finished(engine, stage.run, [stage])
    read = read_committed(engine, stage.lineage, stage.run.cell, 0, 100)
    assert read.rows() == made.rows()


def test_a_stage_sees_its_inputs_in_the_window_and_the_detector(engine):
    seen = {}

    def look(hits, detector, least: int = 2, within: int | str = "5 ns"):
        seen.update(hits=hits, detector=detector, least=least, within=within)
        return hits.select("t")

    (stage,) = bound(engine, python(look, uses=("t", "wire")), tried={"least": "3"})
    write(engine, stage.run, toy_chunks(stage.run.run_id, [Hit(t, 0, 1) for t in (-5, 0, 9, 10)]))
    assert compute(engine, stage, Window(0, 10))["t"].to_list() == [0, 9]
    assert seen["hits"].columns == ["t", "wire"]
    assert seen["detector"].name == "ticks"
    assert (seen["least"], seen["within"]) == (3, 5)


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (lambda hits: hits.select("t", "wire", more="t"), "returned columns t, wire, more"),
        (lambda hits: hits.select("t"), "on no hits it returned t, wire"),
        (lambda hits: hits.select("wire"), "integer column t"),
        (lambda hits: 5, "Polars frame"),
    ],
)
def test_a_stage_must_always_return_the_same_columns(engine, returned, told):
    def changing(hits):
        return returned(hits) if len(hits) else hits.select("t", "wire")

    (stage,) = bound(engine, python(changing))
    write(engine, stage.run, toy_chunks(stage.run.run_id, [Hit(5, 0, 1)]))
    compute(engine, stage, Window(100, 200))
    with pytest.raises(TriggerError, match=told):
        compute(engine, stage, Window(0, 100))


def test_sql_reads_its_window_and_nothing_else(engine):
    run = toy_run(engine)
    hits = [Hit(t, 0, 1) for t in (-5, 0, 9, 10)]
    write(engine, run, toy_chunks(run.run_id, hits))
    (stage,) = bound(engine, sql("all_of_it", "SELECT t FROM hits"), run=run)
    table = engine.fetch(select(engine, stage, Window(0, 10)), stage.params)
    assert sorted(table["t"].to_pylist()) == [0, 9]


def test_a_source_may_be_read_by_both_names(engine):
    both = "SELECT t FROM words WHERE t NOT IN (SELECT t FROM hits)"
    (stage,) = bound(engine, sql("marks", both))
    assert stage.reads_hits
    hits = [Hit(5, 0, 1), Hit(7, 0, 1, 2)]
    write(engine, stage.run, toy_chunks(stage.run.run_id, hits))
    assert engine.fetch(select(engine, stage, Window(0, 10)))["t"].to_pylist() == [7]


def test_stages_of_a_chain_reach_in_ticks_of_the_run(engine):
    slow = loads(TOY.source.replace("tick_ns = 1", "tick_ns = 4"))
    run = open_run(engine, slow, cell=100)
    stages = bind(engine, run, {t.name: t for t in (echoes, second_echoes)}, {"second_echoes": {}})
    assert [(s.reach, s.params) for s in stages] == [(10, {"by": 10})] * 2


@pytest.mark.parametrize("name", sorted(known_triggers()))
def test_a_built_in_trigger_says_which_columns_it_lacks(engine, name):
    trigger = known_triggers()[name]
    run = toy_run(engine)
    if "rates" in trigger.reads:  # every detector has them
        assert bound(engine, trigger, run=run)
        return
    with pytest.raises(
        TriggerError, match=r"does not fit the detector ticks: it uses \w+.*have t,"
    ):
        bind(engine, run, known_triggers(), {name: {}})
    assert not list_lineages(engine, run.run_id)


def test_all_columns_that_lack_are_named(engine):
    hits = sql_trigger(
        "-- trigger: lost\n-- reach: 0 ns\n-- uses: kind, chamber, pmt\nSELECT t FROM hits"
    )
    with pytest.raises(TriggerError, match="it uses chamber, pmt; hits have .*kind"):
        bound(engine, hits)


def test_a_trigger_that_does_not_say_its_columns_is_refused_by_name(engine):
    with pytest.raises(TriggerError, match="trigger lost: there is no column chamber; hits have t"):
        bound(engine, sql("lost", "SELECT t, chamber FROM hits"))


def test_differences_of_unsigned_columns_do_not_wrap(engine):
    run = toy_run(engine)
    seen = []

    def look(hits):
        seen.append(hits.schema)
        return hits.select("t")

    (stage,) = bound(engine, python(look), run=run)
    (plain,) = bound(engine, python(look, "plain", signed=False), run=run)
    compute(engine, stage, Window(0, 10))
    compute(engine, plain, Window(0, 10))
    wider = {pl.UInt8: pl.Int16, pl.UInt16: pl.Int32, pl.UInt32: pl.Int64}
    assert any(kind in wider for kind in seen[-1].values())
    assert seen[-2] == {name: wider.get(kind, kind) for name, kind in seen[-1].items()}


@pytest.mark.parametrize("name", ["occupancy", "noisy_channels"])
def test_a_parameter_by_which_nothing_can_be_divided_is_one_line(engine, name):
    wanted = {name: {"period": 0}}
    with pytest.raises(TriggerError) as fault:
        bind(engine, toy_run(engine), known_triggers(), wanted)
    said = str(fault.value)
    assert said.startswith(f"trigger {name} can't run with period = 0")
    assert said.endswith(": Division by zero")

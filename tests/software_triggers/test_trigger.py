from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import SqlError, TriggerError
from software_triggers.trigger import sql_trigger, trigger

SQL = """-- trigger: near
-- about: hits that follow each other
-- reach: within + 1 us
-- version: 3
-- params: within Int64 = 25 ns, least UInt8 = 2, share Float64 = 0.5, name String = 'a b'
-- a remark of the author
SELECT t, {within:Int64} AS w FROM hits WHERE layer > {least:UInt8} AND t IN (SELECT t FROM tracks)
"""


def test_a_function_becomes_a_trigger():
    @trigger(reach="within + 5 ns", depends_on=("segments", "hits"), version=2, uses=("t", "wire"))
    def near(segments: pl.DataFrame, hits: pl.DataFrame, detector, within="25 ns", least: int = 3):
        """Tell what is near."""
        return segments

    assert (near.name, near.kind, near.version, near.doc) == (
        "near",
        "python",
        "2",
        "Tell what is near.",
    )
    assert near.reads == ("segments", "hits")
    assert near.params == {"within": "25 ns", "least": 3}
    assert near.uses == ("t", "wire")
    assert near.arguments == ("segments", "hits", "detector", "within", "least")
    assert "def near" in near.source
    assert near.reach_ticks(near.params, Fraction(25, 30)) == 30 + 6


def test_a_trigger_reads_hits_if_it_does_not_say():
    @trigger(reach="0 ns", name="other")
    def anything(hits):
        return hits

    assert anything.reads == ("hits",)
    assert anything.name == "other"


@pytest.mark.parametrize(
    ("depends_on", "function", "told"),
    [
        ("segments", lambda hits: hits, "does not take 'segments'"),
        ("hits", lambda hits, tracks: hits, "takes 'tracks'"),
        (("hits", "words"), lambda hits, detector: hits, "does not take 'words'"),
    ],
)
def test_arguments_are_what_it_depends_on(depends_on, function, told):
    with pytest.raises(TriggerError, match=told):
        trigger(reach="1 us", depends_on=depends_on, name="x")(function)


@pytest.mark.parametrize(
    "name", ["", "Upper", "1st", "with space", "a" * 49, "hits", "rates", "é", "a;b"]
)
def test_a_name_is_plain_and_none_of_the_sources(name):
    with pytest.raises(TriggerError, match="can't be a trigger's name"):
        sql_trigger(
            SQL.replace("trigger: near", f"trigger: {name}") if name else SQL.replace("near", "_")
        )


def test_sql_becomes_a_trigger():
    near = sql_trigger(SQL)
    assert (near.name, near.kind, near.version) == ("near", "sql", "3")
    assert near.doc == "hits that follow each other"
    assert near.reads == ("hits", "tracks")
    assert near.params == {"within": "25 ns", "least": 2, "share": 0.5, "name": "a b"}
    assert near.reach_ticks({"within": "25 ns"}, Fraction(1)) == 1025
    assert near.source == SQL


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("-- trigger: near\n", "", "no header line '-- trigger: ...'"),
        ("-- reach: within + 1 us\n", "", "no header line '-- reach: ...'"),
        ("-- trigger:", "-- triger:", "line 1: 'triger' is no key"),
        ("least UInt8 = 2", "least Uint8 = 2", "name Type = default"),
        ("least UInt8 = 2", "least UInt8", "name Type = default"),
        ("least UInt8 = 2", "least UInt8 = two", "'two' is no whole number"),
        ("share Float64 = 0.5", "share Float64 = half", "'half' is no number"),
        ("{least:UInt8}", "{least:Int64}", "declared UInt8 and used as Int64"),
        ("{least:UInt8}", "{fewest:UInt8}", "fewest is used but not declared"),
    ],
)
def test_what_is_wrong_in_a_header_is_told(old, new, told):
    assert old in SQL
    with pytest.raises(TriggerError, match=told.replace("(", r"\(").replace("...", r"\.\.\.")):
        sql_trigger(SQL.replace(old, new))


@pytest.mark.parametrize(
    "select", ["", "SELECT (", "SELECT 1; SELECT 2", "DROP TABLE chunks", "SHOW TABLES"]
)
def test_sql_that_is_no_select_is_refused(select):
    with pytest.raises(SqlError):
        sql_trigger(f"-- trigger: x\n-- reach: 1 us\n{select}")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, {"within": "25 ns", "least": 2, "share": 0.5, "name": "a b"}),
        (
            {"least": "7", "share": "1"},
            {"within": "25 ns", "least": 7, "share": 1.0, "name": "a b"},
        ),
        ({"within": "1 us"}, {"within": "1 us", "least": 2, "share": 0.5, "name": "a b"}),
        ({"within": 12}, {"within": 12, "least": 2, "share": 0.5, "name": "a b"}),
        ({"share": 2}, {"within": "25 ns", "least": 2, "share": 2.0, "name": "a b"}),
    ],
)
def test_given_parameters_take_the_place_and_type_of_the_defaults(given, told):
    assert sql_trigger(SQL).given(given) == told


def test_flags_may_be_given_as_text():
    @trigger(reach="0 ns")
    def flagged(hits, on: bool = False):
        return hits

    texts = {"1": True, "true": True, "Yes": True, "0": False, "no": False}
    assert {text: flagged.given({"on": text})["on"] for text in texts} == texts
    assert flagged.given({"on": True}) == {"on": True}


def test_an_unknown_parameter_is_told_with_those_there_are():
    with pytest.raises(
        TriggerError, match="no parameter 'leest'; it has: within = 25 ns, least = 2"
    ):
        sql_trigger(SQL).given({"leest": 5})


def test_a_parameter_of_the_wrong_type_is_told():
    with pytest.raises(TriggerError, match="least = 'many' is no whole number"):
        sql_trigger(SQL).given({"least": "many"})


@pytest.mark.parametrize("reach", ["", "far", "1", "within - 1 us", "1 parsec", "name"])
def test_a_reach_is_durations_and_parameters(reach):
    near = sql_trigger(
        SQL.replace("within + 1 us", reach) if reach else SQL.replace("within + 1 us", "+")
    )
    with pytest.raises(TriggerError, match="reach"):
        near.reach_ticks(near.params, Fraction(1))


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=4),
    st.fractions(Fraction(1, 100), 100),
)
def test_a_reach_is_never_rounded_down(ns, tick):
    near = sql_trigger(SQL.replace("within + 1 us", " + ".join(f"{n} ns" for n in ns)))
    total = near.reach_ticks(near.params, tick)
    assert sum(ns) <= total * tick
    assert total * tick < sum(ns) + len(ns) * tick


def test_durations_reach_a_trigger_in_ticks():
    timed = sql_trigger(SQL)
    told = timed.in_ticks({"within": "25 ns", "least": 2, "name": "25 ns"}, Fraction(25, 30))
    assert told == {"within": 30, "least": 2, "name": "25 ns"}


def test_a_notebook_shows_a_trigger_as_text():
    found = sql_trigger(
        "-- trigger: early\n-- reach: 1 us\n-- params: most Int64 = 5\n"
        "SELECT t FROM hits WHERE t < {most:Int64}"
    )
    shown = found._repr_html_()
    assert "<b>early</b> (sql) reads hits; reach 1 us; parameters: most = 5" in shown
    assert "WHERE t &lt; {most:Int64}</pre>" in shown

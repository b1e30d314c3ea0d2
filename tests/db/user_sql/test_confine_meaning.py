"""What runs means what was written: texts, names, and every construct that users take."""

import re
from importlib.resources import files
from operator import itemgetter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from db.errors import SqlError
from db.relations.query import columns_of
from db.user_sql.confine import bound, confined
from software_triggers import library

QUOTING = "ab'\"`\\\n\t{}%-#;/*é"


@settings(max_examples=150)
@given(st.text(QUOTING, max_size=12))
@example("a\\")
@example("\\'")
@example("', (SELECT count() FROM chunks) AS x --")
def test_a_text_stays_a_text(engine, text):
    """What is quoted stays quoted when it is written anew."""
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    tree = confined(engine, f"SELECT '{quoted}' AS x", ())
    assert engine.fetch(bound(tree, {}))["x"].to_pylist() == [text]
    doubled = text.replace("\\", "\\\\").replace("'", "''")
    tree = confined(engine, f"SELECT '{doubled}' AS x", ())
    assert engine.fetch(bound(tree, {}))["x"].to_pylist() == [text]


@settings(max_examples=150)
@given(st.text(QUOTING, min_size=1, max_size=12), st.sampled_from('"`'))
@example("a\\", '"')
@example('a\\", 1 AS "', '"')
def test_a_name_stays_a_name(engine, text, quote):
    quoted = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
    written = f"SELECT 5 AS {quote}{quoted}{quote}, 6 AS other"
    assert engine.fetch(written).column_names == [text, "other"]
    try:
        sql = bound(confined(engine, written, ()), {})
    except SqlError:
        return
    assert engine.fetch(sql).column_names == [text, "other"]


HITS = """
SELECT toInt64(number * 7) AS t, toUInt8(number % 5) AS layer, toUInt16(number % 3) AS wire,
    number / 3 AS x, toString(number) AS s, [toInt64(number), 5] AS near, (number, 'a') AS pair
FROM numbers(20)
"""
MEANS = Path(__file__).with_name("meaning.sql").read_text().splitlines()


def answer(engine, sql):
    params = {"p": 1, "q": "a'b"}
    return columns_of(engine, sql, params), written(engine, sql, params)


def written(engine, sql, params):
    line = f"SELECT formatRow('JSONCompactEachRow', *) AS line FROM ({sql})"
    return sorted(engine.fetch(line, params)["line"].to_pylist())


@pytest.mark.parametrize("sql", MEANS, ids=itemgetter(slice(57)))
def test_what_runs_means_what_was_written(engine, sql):
    written = f"WITH hits AS ({HITS}) SELECT * FROM ({sql})"
    run = bound(confined(engine, sql, {"hits"}), {"hits": HITS})
    assert answer(engine, run) == answer(engine, written)
    once = confined(engine, sql, {"hits"})
    assert confined(engine, once.text, {"hits"}) == once


def test_columns_without_a_name_keep_the_engines(engine):
    sql = "SELECT t, length(near), median(t) OVER () FROM hits"
    run = bound(confined(engine, sql, {"hits"}), {"hits": HITS})
    assert answer(engine, run)[0] == answer(engine, f"WITH hits AS ({HITS}) {sql}")[0]


BUILT_IN = {f.name: f.read_text() for f in files(library).iterdir() if f.name.endswith(".sql")}
WORDS = """
SELECT toInt64(cityHash64(number) % 100000) AS t, toUInt16(number % 3) AS link,
    toUInt8(cityHash64(number, 1) % 4) AS chamber, toUInt8(cityHash64(number, 2) % 3) AS wire,
    toUInt8(if(cityHash64(number, 3) % 5 = 0, 0, 2)) AS head, head = 2 AS hit,
    toUInt32(cityHash64(number, 4) % 2) AS module, toUInt8(cityHash64(number, 5) % 31) AS pmt,
    toFloat64(40 * module) AS x_m, 0. AS y_m, x_m AS z_m, toFloat64(pmt) / 8 AS t0_ns, true AS placed, 0 AS fpga, wire AS tdc_channel,
    toUInt64(cityHash64(number, 6) % 7) AS channel, toUInt64(cityHash64(number, 7) % 100) AS n_hits
FROM numbers(1500)
"""


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_built_in_triggers_mean_what_they_say(engine, name):
    """The text itself, in the engine as it stands, against what the runner makes of it."""
    text = BUILT_IN[name]
    params = {"within": 300, "min_chambers": 3, "min_pmts": 4, "period": 500, "factor": 1.1}
    params |= {"min_hits": 2, "margin": 10, "after": 400, "most": 3}
    params |= {"min_modules": 2, "span": 500, "slack": 20.0, "index": 1.38, "t0_span": 10}
    relations = dict.fromkeys(("hits", "words", "rates"), WORDS)
    plain = re.sub(r"^--.*$", "", text, flags=re.MULTILINE)
    ctes = ", ".join(f"{name} AS ({sql})" for name, sql in relations.items())
    direct = f"WITH {ctes} SELECT * FROM ({plain})"
    run = bound(confined(engine, text, relations), relations)
    assert columns_of(engine, run, params) == columns_of(engine, direct, params)
    assert written(engine, run, params) == written(engine, direct, params)
    assert len(written(engine, run, params)) > 8

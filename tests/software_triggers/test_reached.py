"""What a trigger's lineage covers: whatever its function reaches by name."""

import os
import socket
import subprocess
import sys
import threading

import polars as pl
import pytest
from ticks import toy_run

from software_triggers.reached import reached
from software_triggers.registry import load_file, triggers_of_run
from software_triggers.task.bind import bind
from software_triggers.trigger import sql_trigger, trigger

FILE = """
import re
from enum import Enum
from functools import lru_cache, partial

import numpy as np
import polars as pl
from numba import njit

from software_triggers.trigger import trigger

LEAST = 3
TABLE = {"a": np.arange(3), "b": {"x", "y", "z"}}
NAMED = re.compile("a+")


class Kind(Enum):
    LOW = 1


class Cut:
    most = 40

    def passes(self, n):
        return n < self.most and n >= threshold()


CUT = Cut()


def threshold():
    return LEAST


@njit
def doubled(x):
    return 2 * x


@lru_cache
def tabled(key):
    return TABLE[key]


def made(by):
    def inner(x):
        return x + by

    return inner


added = made(5)
raised = partial(max, 7)


@trigger(reach="1 us")
def tried(hits: pl.DataFrame, factor: int = 2) -> pl.DataFrame:
    assert CUT.passes(5) and Kind.LOW
    tabled("a"), doubled(1), added(2), raised(3), NAMED.match("a")
    return hits.select("t")


UNRELATED = 1
"""


def lineage(engine, tmp_path, text, name="tried"):
    (tmp_path / "one.py").write_text(text)
    (found,) = load_file(tmp_path / "one.py")
    (stage,) = bind(engine, toy_run(engine), {name: found}, {name: {}})
    return stage.lineage.lineage


@pytest.fixture(scope="module")
def before(engine, tmp_path_factory):
    return lineage(engine, tmp_path_factory.mktemp("before"), FILE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LEAST = 3", "LEAST = 4"),
        ("return LEAST", "return LEAST + 1"),
        ("most = 40", "most = 41"),
        ("n < self.most", "n <= self.most"),
        ("np.arange(3)", "np.arange(4)"),
        ('"y", "z"}', '"y", "w"}'),
        ("return 2 * x", "return 3 * x"),
        ("return TABLE[key]", "return TABLE[key[:1]]"),
        ("made(5)", "made(6)"),
        ("partial(max, 7)", "partial(max, 8)"),
        ("partial(max, 7)", "partial(min, 7)"),
        ("LOW = 1", "LOW = 2"),
        ('compile("a+")', 'compile("a*")'),
    ],
)
def test_a_change_of_what_a_trigger_reaches_makes_another_lineage(
    engine, tmp_path, before, old, new
):
    assert old in FILE
    assert lineage(engine, tmp_path, FILE.replace(old, new)) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [("UNRELATED = 1", "UNRELATED = 2"), ("LEAST = 3", "# a few\nLEAST = 3"), ("", "")],
)
def test_what_it_does_not_reach_makes_no_other(engine, tmp_path, before, old, new):
    assert lineage(engine, tmp_path, FILE.replace(old, new)) == before


def made(least):
    @trigger(reach="0 ns", name="tried")
    def tried(hits: pl.DataFrame) -> pl.DataFrame:
        return hits.filter(pl.col("wire") >= least).select("t")

    return tried


def test_closures_of_one_factory_have_lineages_of_their_own(engine):
    run = toy_run(engine)
    found = [bind(engine, run, {"tried": made(n)}, {"tried": {}})[0] for n in (1, 2, 1)]
    one, two, again = (stage.lineage.lineage for stage in found)
    assert one == again != two


def test_a_file_beside_the_trigger_is_followed_even_if_it_is_imported_late(tmp_path):
    folder = tmp_path / "late"
    folder.mkdir()
    (folder / "beside_it.py").write_text("LIMIT = 1\ndef limit():\n    return LIMIT\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from software_triggers.reached import reached\n"
        "def f():\n"
        "    import beside_it\n"
        "    from beside_it import limit\n"
        "    return beside_it.limit() + limit()\n"
        "print(reached(f))"
    )

    def told(seed):
        done = subprocess.run(
            [sys.executable, "-c", code, folder],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        return done.stdout

    first = told("1")
    assert first == told("2")
    (folder / "beside_it.py").write_text("LIMIT = 2\ndef limit():\n    return LIMIT\n")
    assert told("1") != first


SOCKET = socket.socket()  # something that can't be hashed
LOCK = threading.Lock()


def test_what_cannot_be_covered_is_named():
    def reads():
        with LOCK:
            return SOCKET.fileno()

    assert reached(reads).uncovered == ("SOCKET",)


def test_a_package_counts_by_its_version(monkeypatch):
    def uses():
        return pl.col("t")

    before = reached(uses)
    from software_triggers import reached as module

    monkeypatch.setattr(module, "_version", lambda top: f"{top} of tomorrow")
    assert reached(uses).digest != before.digest


def test_a_trigger_from_a_file_is_run_again_by_its_name(engine, tmp_path):
    run = toy_run(engine)
    before = lineage(engine, tmp_path, FILE.replace("tried", "kept"), "kept")
    (tmp_path / "one.py").unlink()
    known = triggers_of_run(engine, run, (), {"kept"})
    (stage,) = bind(engine, run, known, {"kept": {}})
    assert stage.lineage.lineage == before


def test_sql_from_a_file_is_run_again_by_its_name_with_what_it_reads(engine, tmp_path):
    run = toy_run(engine)
    head = "-- trigger: {}\n-- reach: 0 ns\nSELECT t FROM {}"
    inner, outer = (sql_trigger(head.format(*names)) for names in (("ina", "hits"), ("oua", "ina")))
    made = bind(engine, run, {"ina": inner, "oua": outer}, {"oua": {}})
    known = triggers_of_run(engine, run, (), {"oua"})
    again = bind(engine, run, known, {"oua": {}})
    assert [s.lineage for s in again] == [s.lineage for s in made]
    assert "oua" not in triggers_of_run(engine, run)

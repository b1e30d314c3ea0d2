"""What a trigger's lineage covers: whatever its function reaches by name."""

import os
import socket
import subprocess
import sys
import threading

import polars as pl
import pytest
import structlog
from ticks import Hit, toy_chunks, toy_run, write

from db.errors import TriggerError
from software_triggers.reached import reached
from software_triggers.registry import load_file, triggers_of_run
from software_triggers.task.bind import bind
from software_triggers.task.find import find
from software_triggers.trigger import sql_trigger, trigger
from software_triggers.window import Window

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


READS = """
from functools import lru_cache
from pathlib import Path

import polars as pl

from software_triggers.trigger import trigger


@lru_cache
def kept(path):
    return [int(line) for line in path.read_text().split()]


@trigger(reach="0 ns")
def tried(hits: pl.DataFrame, wires: Path = "wires.txt") -> pl.DataFrame:
    return hits.filter(pl.col("wire").is_in(kept(wires))).select("t", "wire")
"""


def test_what_is_in_a_file_that_is_a_parameter_makes_the_lineage(engine, tmp_path):
    file = tmp_path / "wires.txt"
    file.write_text("1 2")
    before = lineage(engine, tmp_path, READS)
    file.write_text("1 3")
    assert lineage(engine, tmp_path, READS) != before
    file.write_text("1 2")
    assert lineage(engine, tmp_path, READS) == before


def test_what_is_in_the_file_counts_and_not_where_it_lies(engine, tmp_path):
    (tmp_path / "one.py").write_text(READS)
    (found,) = load_file(tmp_path / "one.py")
    (tmp_path / "a.txt").write_text("1 2")
    (tmp_path / "b.txt").write_text("1 2")
    run = toy_run(engine)
    a, b = (
        bind(engine, run, {"tried": found}, {"tried": {"wires": str(tmp_path / name)}})[0]
        for name in ("a.txt", "b.txt")
    )
    assert a.lineage.lineage == b.lineage.lineage


def test_a_function_gets_the_file_as_it_is_now_and_no_other(engine, tmp_path):
    (tmp_path / "one.py").write_text(READS)
    file = tmp_path / "wires.txt"
    (found,) = load_file(tmp_path / "one.py")
    run = toy_run(engine)
    made = [Hit(t, 0, t // 50 % 5) for t in range(0, 1000, 50)]
    write(engine, run, toy_chunks(run.run_id, made))
    stages = []
    for wires in ([1, 2], [3]):
        file.write_text("\n".join(map(str, wires)))
        (stage,) = bind(engine, run, {"tried": found}, {"tried": {}})
        stages.append(stage)
        rows = find(engine, stage, Window(0, 1000))
        assert sorted(set(rows["wire"])) == wires, "what the code kept of the old file is used"
    with pytest.raises(TriggerError, match=r"wires = /.*wires.txt changed since .* start again"):
        find(engine, stages[0], Window(0, 1000))


def test_a_file_that_is_not_there_is_one_line(engine, tmp_path):
    with pytest.raises(TriggerError, match=r"trigger tried: /.*wires.txt can't be read: No such"):
        lineage(engine, tmp_path, READS)


@pytest.mark.parametrize("where", ["    TABLE = OPENED", "TABLE = OPENED"])
def test_a_file_that_a_trigger_opens_by_itself_is_named_once(engine, tmp_path, where):
    file = tmp_path / "limits.txt"
    file.write_text("3")
    opened = where.replace("OPENED", f"open({str(file)!r}).read()")
    text = READS.split("@lru_cache")[0]
    head = '@trigger(reach="0 ns")\ndef tried(hits: pl.DataFrame) -> pl.DataFrame:\n'
    body = [opened, head] if where.startswith("T") else [head, opened]
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            lineage(engine, tmp_path, text + "\n".join([*body, '    return hits.select("t")\n']))
    told = [log for log in logs if "lineage does not cover" in log["event"]]
    assert [log["file"] for log in told] == [str(file)]


def test_a_file_that_is_a_parameter_is_not_said_to_be_uncovered(engine, tmp_path):
    (tmp_path / "wires.txt").write_text("1")
    with structlog.testing.capture_logs() as logs:
        lineage(engine, tmp_path, READS)
    assert not [log for log in logs if "does not cover" in log["event"]]

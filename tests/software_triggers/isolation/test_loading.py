"""Trigger files that misbehave when they are read: one line that names the file."""

import polars as pl
import pytest
from ticks import TOY, toy_run

from db.errors import TriggerError
from software_triggers.isolation.limits import Limits, limits, set_limits
from software_triggers.registry import load_file
from software_triggers.task.bind import bind

GOOD = """
import polars as pl

from software_triggers.trigger import trigger


@trigger(reach="1 us")
def good(hits: pl.DataFrame, detector, by: int | str = "40 ns", share: float = 0.5) -> pl.DataFrame:
    '''What it finds.'''
    return hits.select("t", name=pl.lit(detector.name), by=by)
"""


@pytest.fixture(autouse=True)
def _patience():
    before = limits()
    yield
    set_limits(before)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(3)", "its process ended with exit code 3"),
        ("import ctypes; ctypes.string_at(0)", "its process was ended by SIGSEGV"),
        ("while True: pass", "it took longer than 1 s"),
        ("import numpy; numpy.ones(10**9).sum()", "it took more than 500 MB of memory"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        (GOOD.replace("0.5", "print"), "TypeError: Object of type"),
    ],
)
def test_a_file_that_misbehaves_is_named_in_one_line(tmp_path, code, told):
    path = tmp_path / "one.py"
    path.write_text(GOOD)
    load_file(path)  # so that a process waits: the time is that of the code
    path.write_text(code)
    set_limits(Limits(1.0 if "while" in code else 20.0, 500))
    with pytest.raises(TriggerError) as fault:
        load_file(path)
    assert str(fault.value).startswith(f"{path}: {told}")
    assert "\n" not in str(fault.value)
    path.write_text(GOOD)
    assert [trigger.name for trigger in load_file(path)] == ["good"]


def test_a_trigger_comes_whole(tmp_path):
    path = tmp_path / "one.py"
    path.write_text(GOOD)
    (good,) = load_file(path)
    assert good.params == {"by": "40 ns", "share": 0.5}
    assert good.arguments == ("hits", "detector", "by", "share")
    assert good.reads == ("hits",)
    assert good.doc == "What it finds."
    assert good.source == GOOD[GOOD.index("@trigger") :]


def test_a_trigger_goes_on_as_it_was_loaded_when_its_file_changes(engine, tmp_path):
    path = tmp_path / "one.py"
    path.write_text(GOOD)
    (good,) = load_file(path)
    (stage,) = bind(engine, toy_run(engine), {"good": good}, {"good": {}})
    path.write_text("1 / 0")
    with pytest.raises(TriggerError):
        load_file(path)
    assert list(stage.lineage.columns) == ["t", "name", "by"]
    rows = good.compute(hits=pl.DataFrame({"t": [1]}), detector=TOY, by=40, share=0.5)
    assert rows.rows() == [(1, "ticks", 40)]


def test_a_trigger_that_ends_its_process_on_no_hits_is_refused_in_one_line(engine, tmp_path):
    path = tmp_path / "one.py"
    path.write_text(GOOD.replace("    return", "    import os; os._exit(0)\n    return"))
    (good,) = load_file(path)
    with pytest.raises(
        TriggerError, match="good fails on a window without hits: its process ended"
    ):
        bind(engine, toy_run(engine), {"good": good}, {"good": {}})

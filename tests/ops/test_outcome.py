"""A failure never looks like success: exit codes, reasons and JSON of commands."""

import json
import os

import command
import pytest

ROWS = "HEAD,FPGA,TDC_CHANNEL,ORBIT_CNT,BX_COUNTER,TDC_MEAS\n2,0,75,3387200947,2922,2\n"
TRIGGER = """
import os
import sys

import polars as pl

from software_triggers.trigger import trigger


@trigger(reach="0 ns")
def fragile(hits: pl.DataFrame, how: str = "") -> pl.DataFrame:
    print("a line of the trigger")
    os.write(1, b"a line past Python\\n")
    if len(hits) and how == "exit":
        sys.exit()
    if len(hits) and how == "raise":
        raise ValueError("the wire is [/7]")
    return hits.select("t")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outcome")
    (folder / "rows.txt").write_text(ROWS)
    (folder / "fragile.py").write_text(TRIGGER)
    done = command.run(
        *("ingest", folder / "rows.txt", "--detector", "drift_tubes_v2", "--store", folder / "s")
    )
    assert done.returncode == 0, done.stderr
    return folder


def run_fragile(folder, how, *more):
    return command.run(
        *("trigger", "run", folder / "fragile.py", "--param", f"how={how}"),
        *("--store", folder / "s", *more),
    )


@pytest.mark.parametrize(("how", "reason"), [("exit", "SystemExit"), ("raise", "wire is [/7]")])
def test_a_window_that_fails_has_an_exit_code_a_reason_and_a_count(folder, how, reason):
    done = run_fragile(folder, how, "--json")
    assert done.returncode == 3, done.stderr
    (result,) = json.loads(done.stdout)
    assert (result["rows"], result["failed_windows"]) == (0, 1)
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("everyhit: ")]
    assert "1 windows failed" in line
    assert reason in line
    assert "Traceback" not in done.stderr
    assert run_fragile(folder, how).returncode == 3


def live(folder, *line, trigger=TRIGGER, port="0"):
    triggers = folder / f"triggers of {line[0]}"
    triggers.mkdir(exist_ok=True)
    (triggers / "mine.py").write_text(trigger)
    return command.run(
        *(*line, "--store", folder / line[0], "--json", "--port", port),
        timeout=200,
        env=os.environ | {"EVERYHIT_TRIGGERS": f'["{triggers}"]'},
    )


def test_windows_that_fail_while_data_come_are_counted_and_end_up_and_demo_with_three(folder):
    words = ("up", folder / "rows.txt", "--detector", "drift_tubes_v2")
    up = live(folder, *words, "--trigger", "fragile", "--param", "how=raise")
    broken = TRIGGER.replace("def fragile", "def coincidence").replace(
        'how: str = ""', 'how: str = "raise"'
    )
    demo = live(folder, "demo", "--duration", "1.5", trigger=broken)
    for done in (up, demo):
        assert done.returncode == 3, done.stderr
        assert json.loads(done.stdout)["failed_windows"] > 0
        (line,) = [text for text in done.stderr.splitlines() if "windows failed" in text]
        assert "wire is [/7]" in line


def test_what_a_trigger_prints_is_never_in_the_answer(folder):
    done = run_fragile(folder, "well", "--json")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)
    assert (result["rows"], result["failed_windows"]) == (1, 0)
    assert "a line of the trigger" in done.stderr
    assert "a line past Python" in done.stderr


@pytest.mark.parametrize("where", ["import sys; sys.exit()\n", "raise SystemExit(0)\n"])
def test_a_file_that_ends_the_process_is_refused(folder, where):
    (folder / "ends.py").write_text(where)
    done = command.run("trigger", "run", folder / "ends.py", "--store", folder / "s")
    assert done.returncode == 1
    assert done.stderr.startswith(f"everyhit: {folder / 'ends.py'}: SystemExit")


def test_a_command_that_is_written_wrongly_ends_with_two():
    assert command.run("run", "show", "--nonsense").returncode == 2

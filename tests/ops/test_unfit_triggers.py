"""A trigger that does not fit is refused before there is a run."""

import subprocess
import sys

COMMANDS = """
import logging, sys
from pathlib import Path
from typer.testing import CliRunner
from db.catalogue.runs import list_runs
from db.store import open_store
from ops.cli import app
import ops.cli.ingest, ops.cli.readout, ops.cli.up
from ticks import TOY
import numpy as np

folder = Path(sys.argv[1])
store, words, toy = folder / "store", folder / "words.bin", folder / "ticks.toml"
toy.write_text(TOY.source)
np.arange(10, 40_000, 10, dtype=np.uint64).tofile(words)
common = ["--detector", str(toy), "--store", str(store)]
for command in (
    ["ingest", str(words)],
    ["readout", "--run", "new", "--tcp", "127.0.0.1:0", "--spool", str(folder / "spool")],
    ["up", str(words)],
    ["up", "--run", "new", "--tcp", "127.0.0.1:0"],
):
    for trigger in (["--trigger", "segments"], ["--trigger", "nobody"], ["--events", "tracks"]):
        done = CliRunner().invoke(app, [*command, *common, *trigger])
        print(command[0], type(done.exception).__name__, done.exception)
with open_store(str(store)) as at:
    print(len(list_runs(at.engine)), "runs")
"""


def test_no_run_begins_with_a_trigger_that_does_not_fit(tmp_path):
    code = f"import sys; sys.path[:] = {sys.path!r}\n{COMMANDS}"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    *told, runs = filter(None, done.stdout.splitlines())
    assert runs == "0 runs"
    assert len(told) == 12
    for line in told:
        assert "TriggerError" in line, line
        assert "does not fit the detector ticks" in line or "there is no trigger" in line, line

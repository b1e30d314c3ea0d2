"""``everyhit ingest`` that is killed: what is there is there once, and said to be a part."""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from elsewhere import elsewhere
from up import EVERYHIT

from db.catalogue.runs import list_runs
from db.store import open_store
from ops.chaos.numbered import words, write_files

N, SPACING = 1_500_000, 4000
KILLS = 4


def stored(store):
    """For each run its state, note, and the numbers of its words, as often as they are stored."""
    with open_store(str(store)) as at:
        rows = at.engine.fetch("SELECT run_id, words FROM chunks ORDER BY run_id, seq").to_pylist()
        runs = list_runs(at.engine)
    found = {}
    for run in runs:
        mine = [np.array(row["words"], np.uint64) for row in rows if row["run_id"] == run.run_id]
        numbers = np.concatenate([*mine, np.zeros(0, np.uint64)]) & np.uint64(2**48 - 1)
        found[run.name] = run.state, run.note, np.sort(numbers // np.uint64(SPACING))
    return found


def stored_bytes(store):
    """What the engine's files take; those that go meanwhile count nothing."""
    total = 0
    for folder, _, names in os.walk(store / "engine" / "store"):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(folder) / name).stat().st_size
    return total


def test_killed_at_any_moment_its_words_are_there_once_in_order_and_without_holes(tmp_path):
    detector, _ = write_files(tmp_path)
    file, dice = tmp_path / "words.bin", random.Random(3)
    file.write_bytes(words(0, N, SPACING).tobytes())
    line = [*EVERYHIT, "ingest", str(file), "--detector", str(detector)]
    line += ["--store", str(tmp_path / "store")]
    for k in range(KILLS):
        process = subprocess.Popen([*line, "--run", f"killed {k}", "--pace", "1"])
        try:
            until, before = time.monotonic() + 60, None
            while time.monotonic() < until and process.poll() is None:
                size = stored_bytes(tmp_path / "store")
                before = size if before is None else min(before, size)
                if size > before + 100_000:  # more than what a run's entry takes
                    break
                time.sleep(0.05)
            time.sleep(dice.random() * 2)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    done = subprocess.run([*line, "--run", "whole"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = elsewhere(stored, tmp_path / "store")
    assert found["whole"][2].tolist() == list(range(N))
    parts = {name: each for name, each in found.items() if name.startswith("killed")}
    for state, note, numbers in parts.values():
        assert (state, note) == ("closed", "interrupted")
        assert numbers.tolist() == list(range(len(numbers)))
    sizes = [len(numbers) for _, _, numbers in parts.values()]
    if not any(0 < size < N for size in sizes):
        pytest.fail(f"no kill came in the middle: {sizes}")

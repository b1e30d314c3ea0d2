"""A store whose files vanish while words are written into it."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from db.detector import load
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate

N_AT_ONCE = 2000
"""Words that a pipe takes at once, and enough to be looked at for plausible times."""

BEGIN = """
import shutil, sys
from pathlib import Path
from ticks import Hit, toy_chunk, toy_run, write
from db.engine.chdb import ChdbEngine
from db.errors import StoreError
from db.schema.migrate import migrate
from db.words.totals import check_stored

def refusal(act, *arguments):
    try:
        act(*arguments)
    except StoreError as fault:
        return str(fault)
    return "nothing"

folder, away = Path(sys.argv[1]) / "store", Path(sys.argv[1]) / "away"
engine = ChdbEngine(folder / "engine")
migrate(engine)
run = toy_run(engine)
chunks = [toy_chunk(run.run_id, 0, seq, [Hit(10 + seq, 0, 0)], 20 + seq) for seq in (0, 1)]
write(engine, run, chunks[:1])
"""


def said(folder, body):
    """What a process says that has an engine of its own: a process has one for good."""
    code = f"import sys; sys.path[:] = {sys.path!r}\n{BEGIN}{body}"
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("end", "left"),
    [
        ("pass", 0),
        ("shutil.rmtree(away)", 0),
        ("(folder / 'engine').mkdir(parents=True)", 1),
    ],
    ids=["moved", "removed", "made anew"],
)
def test_nothing_is_written_beside_a_folder_that_went_away(tmp_path, end, left):
    body = f"""
folder.rename(away)
{end}
print(refusal(write, engine, run, chunks[1:]))
print(refusal(engine.fetch, "SELECT count() FROM chunks"))
print(len(list(folder.rglob("*"))))
"""
    written, read, n_files = said(tmp_path, body).splitlines()
    assert "was removed or moved while the store was open" in written
    assert "was removed or moved while the store was open" in read
    assert int(n_files) == left


def test_a_folder_that_is_put_back_goes_on(tmp_path):
    body = """
folder.rename(away)
print(refusal(write, engine, run, chunks[1:])[:3])
away.rename(folder)
write(engine, run, chunks[1:])
print(refusal(check_stored, engine, run, 2))
print(refusal(check_stored, engine, run, 3))
"""
    first, found, more = said(tmp_path, body).splitlines()
    assert (first, found) == ("the", "nothing")
    assert more.startswith("3 words of run 1 were written, and the store has 2")


def test_files_of_a_part_that_are_gone_are_missed(tmp_path):
    body = """
for part in folder.glob("engine/store/*/*/1[0-9]*_*_*_0"):
    shutil.rmtree(part)
print(refusal(check_stored, engine, run, 1))
"""
    assert "run 1 can't be read back" in said(tmp_path, body)


def test_ingest_fails_when_what_it_wrote_is_gone(tmp_path):
    telescope = load("drift_tubes_v2")
    words = simulate(telescope, Conditions(muon_rate_hz=4000), 7, 0, 2**29).stream.words
    command = ["ingest", "-", "--json", "--detector", "drift_tubes_v2", "--store", tmp_path]
    ingest = subprocess.Popen(
        [sys.executable, "-c", "from ops.cli import main; main()", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"EVERYHIT_FLUSH_S": "0.1"},
    )
    try:
        chunks = []
        for at in range(0, len(words), N_AT_ONCE):
            ingest.stdin.write(words[at : at + N_AT_ONCE].tobytes())
            ingest.stdin.flush()
            until = time.monotonic() + 60
            while not (tmp_path / "engine" / "data").exists() and time.monotonic() < until:
                time.sleep(0.1)
            time.sleep(0.2)
            # The partitions of words are hours since 1970; those of other tables have other names.
            if chunks := list(tmp_path.glob("engine/store/*/*/1[0-9]*_*_*_0")):
                break
        assert chunks
        for part in chunks:
            shutil.rmtree(part)
        out, told = ingest.communicate(timeout=100)
    finally:
        ingest.kill()
    assert ingest.returncode == 1, out
    assert b"can't be read back" in told
    assert b"Traceback" not in told
    assert not out or "words" not in json.loads(out)

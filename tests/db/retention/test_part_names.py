import subprocess
import sys

# A table that is loaded anew, as when the engine starts, counts its parts from the beginning.
AGAIN = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
sys.path[:0] = ["tests", "tests/software_triggers"]
from ticks import NOW, Hit, toy_chunks, toy_run, write
from db.engine.chdb import ChdbEngine
from db.retention.words import aside_parts
from db.retention.policy import set_policy
from db.schema.migrate import migrate
from db.retention.steps import apply, read_rules, undo

HOUR = timedelta(hours=1)


def nothing_behind(run, a, b):
    return {}


engine = ChdbEngine(Path(sys.argv[1]))
migrate(engine)
set_policy(engine, "default", 0)
run = toy_run(engine)
write(engine, run, toy_chunks(run.run_id, [Hit(5, 0, 0)]))
now, names = NOW + timedelta(days=1), []
for k in range(4):
    steps = apply(engine, read_rules(engine, now + k * HOUR, timedelta(days=9), nothing_behind))
    assert [s.action for s in steps] == ["detach"], steps
    (part,) = aside_parts(engine)
    assert part.words == 1
    names.append(part.part)
    engine.execute("DETACH TABLE chunks")
    engine.execute("ATTACH TABLE chunks")
    (step,) = undo(engine)
    assert engine.fetch("SELECT sum(n_hits) AS n FROM chunks")["n"][0].as_py() == 1
print(len(set(names)))
engine.close()
"""


def test_parts_are_told_apart_though_the_engine_uses_their_names_again(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 4  # names did repeat: else this tests nothing

"""``kill -9`` at random moments while data flow; ``python -m ops.chaos.kills 100`` does it often."""

import json
import subprocess
import sys


def test_killed_at_any_moment_each_word_is_there_once():
    """What ``up`` called safe is; what ``ingest`` left is a part without holes that says so."""
    done = subprocess.run(
        [sys.executable, "-m", "ops.chaos.kills", "3", "--within", "12", "--json"],
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert told.keys() == {"up", "ingest"}
    for each in told.values():
        assert [each[name] for name in ("lost", "doubled", "wrong_rows")] == [0] * 3
        assert each["words"] >= 1_000_000
        assert each["amid"] > 0, "no kill came in the middle"

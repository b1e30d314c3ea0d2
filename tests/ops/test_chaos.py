import json
import subprocess
import sys


def test_nothing_is_lost_or_doubled_when_everything_is_killed():
    done = subprocess.run(
        [sys.executable, "-m", "ops.chaos", "--seconds", "4", "--rate", "200000",
         "--case", "everything", "--case", "worker-and-conductor", "--json"],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    told = json.loads(done.stdout)
    assert told["words_sent"] == told["words_stored"] > 1_000_000
    assert [told[k] for k in ("lost", "doubled", "events_lost", "events_doubled")] == [0] * 4
    assert set(told["cases"]) == {"everything", "worker-and-conductor"}

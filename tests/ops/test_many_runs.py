"""Commands on a store with 100,000 runs."""

import json
import subprocess
import sys

COMMANDS = """
import json, sys, time
from datetime import UTC, datetime, timedelta
import pyarrow as pa
from typer.testing import CliRunner
from db.store import open_store
from ops.cli import app
import ops.cli.alarms, ops.cli.api, ops.cli.runs
from ticks import TOY

store, n = sys.argv[1], 100_000
stamp = pa.timestamp("us", "UTC")
moments = pa.array([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=k) for k in range(n)], stamp)
with open_store(store) as at:
    at.engine.insert("runs", pa.table({
        "run_id": pa.array(range(1, n + 1), pa.uint32()),
        "revision": pa.array([1] * n, pa.uint64()),
        "name": [f"beam {k}" for k in range(1, n + 1)],
        "state": ["closed"] * n,
        "detector": ["ticks"] * n,
        "declaration": [TOY.source] * n,
        "started_at": moments,
        "stopped_at": moments,
        "cell": pa.array([1000] * n, pa.int64()),
        "settings": ["{}"] * n,
        "note": [""] * n,
    }))
for command in (
    ["run", "list"],
    ["run", "list", "--after", "99951", "--limit", "2"],
    ["run", "list", "--after", "2"],
    ["run", "show", "nobody"],
):
    began = time.monotonic()
    done = CliRunner().invoke(app, [*command, "--store", store, "--json"])
    seconds = time.monotonic() - began
    print(json.dumps([done.stdout, done.stderr, str(done.exception), seconds]))
"""


def test_lists_are_pages_and_an_unknown_run_is_refused_fast(tmp_path):
    code = f"import sys; sys.path[:] = {sys.path!r}\n{COMMANDS}"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    pages = [[run["run"] for run in json.loads(out)] for out, *_ in told[:3]]
    assert pages == [list(range(100_000, 99_950, -1)), [99_950, 99_949], [1]]
    hints = [err.strip().splitlines()[-1:] for _, err, *_ in told[:3]]
    hint = "there are older runs: everyhit run list --after"
    assert hints == [[f"{hint} 99951"], [f"{hint} 99949"], []]
    assert told[3][2].startswith("there is no run nobody; runs in this store: 99991, ")
    # All of them take minutes; the machine may be busy.
    assert all(seconds < 20 for *_, seconds in told), told

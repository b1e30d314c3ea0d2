"""A worker process whose parent is killed while it still starts."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import time
from ops.services.worker import WorkerSettings, start_worker
work = WorkerSettings("clickhouse://u:p@127.0.0.1:1/db", "redis://127.0.0.1:1/0", ("live",))
print(start_worker(work).pid, flush=True)
time.sleep(60)
"""


def test_it_does_not_outlive_its_parent(tmp_path):
    file = tmp_path / "parent.py"
    file.write_text(PARENT)
    said = tmp_path / "said"  # a pipe would break with us, and end the worker
    with said.open("w") as out:
        parent = subprocess.Popen([sys.executable, str(file)], stdout=out, stderr=out)
    while not (told := said.read_text()).endswith("\n"):
        assert parent.poll() is None, told
        time.sleep(0.01)
    child = int(told.split()[0])
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + 120
    while _lives(child):
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            raise AssertionError("the worker outlived its parent")
        time.sleep(0.1)


def _lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

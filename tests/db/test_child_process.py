"""Child processes: whoever started them, and however early or late their parent is killed."""

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from db.child_process import start_child, start_python

PARENT = """
import sys, time
from db.child_process import start_child
for _ in range(3):
    print(start_child(["sleep", "60"]).pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("wait_s", [0.0, 0.01, 0.2])
def test_they_do_not_outlive_a_parent_that_is_killed(tmp_path, wait_s):
    said = tmp_path / "said"
    with said.open("w") as out:  # a pipe would end with us
        parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=out)
    until = time.monotonic() + 30
    while said.read_text().count("\n") < 3 and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(wait_s * random.random())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    children = [int(line) for line in said.read_text().split()]
    assert len(children) == 3
    while any(map(lives, children)):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_it_outlives_the_thread_that_started_it():
    started = []
    thread = threading.Thread(target=lambda: started.append(start_child(["sleep", "60"])))
    thread.start()
    thread.join()
    (child,) = started
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.5)
    child.kill()
    assert child.wait() == -signal.SIGKILL


def test_python_imports_from_where_its_parent_does(monkeypatch, tmp_path):
    (tmp_path / "lies_here.py").write_text("SAID = 'found'\n")
    monkeypatch.syspath_prepend(tmp_path)
    code = "import sys, lies_here; print(lies_here.SAID, sys.argv[1])"
    child = start_python(code, "it's 1", stdout=subprocess.PIPE)
    assert child.communicate()[0] == b"found it's 1\n"


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

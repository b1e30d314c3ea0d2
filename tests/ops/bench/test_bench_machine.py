import os
import subprocess
import sys

import pytest

from ops.bench.machine import CORES, Spent, at_the_limit, spent

_SPIN = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"


def _process(seconds):
    code = _SPIN.format(seconds) + "print(flush=True)\ntime.sleep(60)"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)


def test_a_child_counts_under_its_parent_unless_it_has_a_name():
    before = spent({"us": os.getpid()})
    busy = _process(0.5)
    try:
        busy.stdout.read(1)
        together = spent({"us": os.getpid()}).cpu["us"] - before.cpu["us"]
        apart = spent({"us": os.getpid(), "it": busy.pid})
    finally:
        busy.kill()
        busy.wait()
        busy.stdout.close()
    tick = 0.02  # the system counts in hundredths, of us and of it
    assert together >= 0.5 - tick
    assert apart.cpu["it"] >= 0.5 - tick
    assert apart.cpu["us"] <= before.cpu["us"] + together - 0.5 + 0.1
    assert spent({"it": busy.pid}).cpu["it"] == 0


def test_cores_are_cpu_by_time():
    first = Spent(10.0, {"a": 1.0, "b": 2.0})
    assert Spent(14.0, {"a": 3.0, "b": 2.0}).cores_since(first) == {"a": 0.5, "b": 0.0}


@pytest.mark.parametrize(("share", "limit"), [(0.5, False), (0.95, True)])
def test_the_cores_are_the_limit_when_none_is_left(share, limit):
    assert at_the_limit({"a": share * CORES / 2, "b": share * CORES / 2}) is limit

"""The tutorial's commands, as they stand there, one after the other."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command import everyhit

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.slow
def test_a_table_becomes_a_coincidence_plot_in_under_ten_commands(tmp_path):
    (make,) = blocks("python")
    (trigger,) = blocks("sql")
    commands = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) < 10
    subprocess.run([sys.executable, "-c", make], cwd=tmp_path, check=True, timeout=120)
    (tmp_path / "muons.sql").write_text(trigger)
    told, at_store = {}, os.environ | {"EVERYHIT_STORE": str(tmp_path / "store")}
    for name, *words in commands:
        assert name == "everyhit"
        told[" ".join(words[:2])] = everyhit(*words, env=at_store, cwd=tmp_path)
    for picture in ("adc", "coincidence", "muons", "rate"):
        assert (tmp_path / f"{picture}.png").read_bytes().startswith(b"\x89PNG")
    mean, error = re.search(r"mean = (\S+) ± (\S+)", told["plot time-difference"]).groups()
    assert abs(float(mean) - 12) < 5 * float(error)
    assert "passed" in told["trigger test"]

"""The types of the page's modules, as their comments tell them, by TypeScript's compiler."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # starts TypeScript's compiler

WEB = Path(__file__).parents[2] / "web"


def test_the_types_that_comments_tell_hold():
    compiler = shutil.which("tsc")
    if compiler is None:
        told = "no TypeScript here: 'make browser' installs its compiler"
        if "EVERYHIT_NEED_BROWSER" in os.environ:
            pytest.fail(told)
        pytest.skip(told)
    done = subprocess.run(
        [compiler, "--project", WEB / "jsconfig.json"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout

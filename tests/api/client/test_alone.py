"""The two wheels: the whole, and the client alone, which brings one package and needs no other."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def wheel_of(project, into):
    """Build a project's wheel, without the network."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(into)]
    subprocess.run(build, cwd=project, check=True, capture_output=True)
    return next(into.glob("*.whl"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder in which only the small wheel lies."""
    folder = tmp_path_factory.mktemp("alone")
    wheel = wheel_of(ROOT / "api" / "client", tmp_path_factory.mktemp("wheel"))
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def python(folder, text, **environment):
    """Run a text where installed libraries are seen, and of ours only what lies in the folder."""
    places = [str(folder), sysconfig.get_path("purelib")]  # -S: no .pth leads to the checkout
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path += {places!r}\n{text}"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | environment
    )


def test_the_small_wheel_has_one_package(alone):
    assert {path.name.partition("-")[0] for path in alone.iterdir()} == {
        "everyhit",
        "everyhit_client",
    }
    assert sum(path.stat().st_size for path in alone.rglob("*")) < 200_000


def test_it_asks_a_server_without_the_rest(alone, url, tokens, run):
    text = f"""
import everyhit
with everyhit.Client({url!r}) as here:
    print(len(here.hits({run.run_id}, 0, "0.1 s")), here.latest().number > 0)
print([name for name in sys.modules if name.split(".")[0] in
    ("api", "db", "readout", "software_triggers", "ops", "pyarrow", "pandas", "matplotlib")])
"""
    done = python(alone, text, EVERYHIT_TOKEN=tokens["viewer"])
    assert done.returncode == 0, done.stderr
    n, _, number = done.stdout.splitlines()[0].partition(" ")
    assert int(n) > 100
    assert number == "True"
    assert done.stdout.splitlines()[1] == "[]"


@pytest.mark.parametrize("name", ["trigger", "sql_trigger", "open_store"])
def test_it_says_what_needs_the_whole(alone, name):
    # An environment of the client alone has no libraries of the server either.
    done = python(alone, f"sys.modules['starlette'] = None\nfrom everyhit import {name}")
    assert f"ImportError: everyhit.{name} needs the whole of everyhit" in done.stderr


def test_the_whole_wheel_has_it_too(tmp_path):
    wheel = wheel_of(ROOT, tmp_path)
    names = zipfile.ZipFile(wheel).namelist()
    assert len(names) == len(set(names))
    assert "everyhit/__init__.py" in names
    assert "db/detectors/km3net.toml" in names
    assert not [name for name in names if name.startswith("api/client")]
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {
        *("api", "db", "everyhit", "fpga", "ops", "readout", "software_triggers", "web")
    }

"""Compiled functions that are kept on disk, whatever becomes of the disk."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numba.core import config

from db.detector import load
from db.detector.loop import reader
from db.kernel import kernel

SOURCE = """\
def triple(x):
    return CONSTANT * x
"""
N_FILES = "the number of files on disk is one for each signature"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    at = tmp_path_factory.mktemp("kernels")
    (at / "module.py").write_text(SOURCE)
    before, config.CACHE_DIR = config.CACHE_DIR, str(at / "cache")
    yield at
    config.CACHE_DIR = before


def fresh(folder, constant=3, helper=None):
    """The function as another process would have it."""
    file = folder / "module.py"
    module = sys.modules["kernel_module"] = ModuleType("kernel_module")
    module.CONSTANT, module.helper = constant, helper
    exec(compile(file.read_text(), file, "exec"), vars(module))
    return kernel()(module.triple)


def files(folder):
    return [path for path in (folder / "cache").rglob("*") if path.is_file()]


def from_disk(function):
    return sum(function.stats.cache_hits.values()) == 1


def test_numba_is_asked_for_in_one_place():
    house = Path(__file__).parents[2]
    rooms = ("api", "db", "fpga", "ops", "readout", "software_triggers", "web")
    asking = [
        path.relative_to(house).as_posix()
        for room in rooms
        for path in (house / room).rglob("*.py")
        if "njit" in path.read_text()
    ]
    assert asking == ["db/kernel.py"]


def test_a_second_process_compiles_nothing(folder):
    assert fresh(folder)(2) == 6
    again = fresh(folder)
    assert again(2) == 6 and from_disk(again)
    assert again(2.5) == 7.5 and len(files(folder)) == 2, N_FILES


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("where", [0, 0.001, 0.5, 0.999])
def test_damaged_files_are_never_loaded(folder, where, cut):
    for file in files(folder):
        file.unlink()
    assert fresh(folder)(2) == 6
    for file in files(folder):
        whole = bytearray(file.read_bytes())
        at = int(where * len(whole))
        if cut:
            del whole[at:]
        else:
            whole[at] ^= 1
        file.write_bytes(whole)
    found = fresh(folder)
    assert found(2) == 6 and not from_disk(found)
    mended = fresh(folder)
    assert mended(2) == 6 and from_disk(mended)


def test_what_it_has_from_other_modules_counts(folder):
    assert fresh(folder)(2) == 6
    assert fresh(folder, constant=4)(2) == 8


def test_a_kernel_of_another_module_counts(folder, tmp_path):
    def helper(factor):
        file = tmp_path / f"helper_{factor}.py"
        file.write_text(f"def helper(x):\n    return {factor} * x\n")
        module = sys.modules["kernel_helper"] = ModuleType("kernel_helper")
        exec(compile(file.read_text(), file, "exec"), vars(module))
        return kernel()(module.helper)

    (folder / "module.py").write_text("def triple(x):\n    return helper(x)\n")
    try:
        assert [fresh(folder, helper=helper(n))(2) for n in (3, 5)] == [6, 10]
    finally:
        (folder / "module.py").write_text(SOURCE)


def test_a_file_that_cannot_be_written_costs_time_alone(folder):
    assert fresh(folder)(2) == 6
    taken = files(folder)
    for file in taken:
        file.unlink()
        file.mkdir()
    try:
        assert fresh(folder)(2) == 6
    finally:
        for file in taken:
            file.rmdir()


PROCESS = """
import numpy as np
from db.detector import load
from db.detector.loop import reader
detector = load("drift_tubes_v2")
read = reader(detector, ("t",), hits_only=False)
none = np.empty(0, np.int64)
found = read(np.empty(0, np.uint64), none, none, none.astype(np.uint16), 0, 1)
print(len(found["t"]))
"""


def process(**environment):
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | environment
    return subprocess.run(
        [sys.executable, "-c", PROCESS], env=environment, capture_output=True, text=True
    )


def test_a_process_with_no_folder_to_write_compiles_in_memory(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file where the folder should be")
    done = process(XDG_CACHE_HOME=str(taken), NUMBA_CACHE_DIR=str(taken))
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_process_finds_a_damaged_loop(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert process().stdout == "0\n"
    loops = list((tmp_path / "everyhit" / "loops").rglob("*.*"))
    assert len(loops) == 2
    for path in loops:
        path.write_bytes(b"\x80")
    done = process()
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_reader_works_when_its_folder_goes_away(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "gone"))
    read = reader(load("drift_tubes_v1"), ("link", "t"), hits_only=False)
    for path in sorted((tmp_path / "gone").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "gone").rmdir()
    (tmp_path / "gone").write_text("a file")
    none = np.empty(0, np.int64)
    found = read(np.empty(0, np.uint64), none, none, none.astype(np.uint16), 0, 1)
    assert len(found["t"]) == 0

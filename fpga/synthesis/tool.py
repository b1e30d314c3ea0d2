"""Programs for hardware, from Python packages: yosys and nextpnr."""

import subprocess
import sys
from pathlib import Path

from db.errors import EveryhitError, UsageError

LIMIT_S = 3600.0


class SynthesisError(EveryhitError):
    """A program for hardware failed: what it was given is at fault, or the program."""

    code = "synthesis"


def run_tool(package: str, function: str, folder: Path, *arguments: str) -> str:
    """What a program of a package prints, run in a folder; names of files are relative to it.

    Raises UsageError if it isn't installed, SynthesisError with its last line if it fails.
    """
    code = f"import sys, {package}; sys.exit({package}.{function}(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        raise SynthesisError(f"{package} took more than {LIMIT_S:.0f} s: try less") from None
    if "ModuleNotFoundError" in done.stderr:
        raise UsageError(f"{package} is missing: pip install 'everyhit[fpga]'")
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise SynthesisError(f"{package} failed: {lines[-1] if lines else done.returncode}")
    return done.stdout

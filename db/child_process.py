"""Child processes that end with this process, even when it is killed."""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# Runs in the child before the program does: asks the kernel for SIGKILL when the parent ends, and
# ends at once if the parent is gone already.
_LAUNCH = """
import ctypes, os, sys
PR_SET_PDEATHSIG, SIGKILL = 1, 9
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""

# The kernel sends the signal when the *thread* that started the child ends: one thread that lasts
# as long as this process starts them all.
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="starter")


def start_child(arguments: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
    """Start a program that the kernel kills when this process ends, however that comes about.

    ``options`` are those of ``subprocess.Popen``. It may be called from any thread. What the child
    starts itself is not killed with it.
    """
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *arguments]

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(launch, **options)

    return _STARTER.submit(start).result()


def start_python(code: str, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    """Start Python code as such a child; it imports from where this process does."""
    path = f"import sys; sys.path[:] = {sys.path!r}; "
    return start_child([sys.executable, "-c", path + code, *arguments], **options)

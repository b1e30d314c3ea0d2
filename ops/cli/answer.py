"""Standard output of a command with ``--json``: the answer alone.

What triggers and libraries print meanwhile goes to standard error.
"""

import os
import sys
from collections.abc import Sequence

_kept: int | None = None


def keep_apart(words: Sequence[str]) -> None:
    """Let only ``write_answer`` write to standard output, if the command is asked for JSON."""
    global _kept
    if "--json" in words and _kept is None:
        sys.stdout.flush()
        _kept = os.dup(1)
        os.dup2(2, 1)


def write_answer(content: bytes) -> None:
    """Write a piece of the answer to standard output."""
    sys.stdout.flush()
    if _kept is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
        return
    left = memoryview(content)
    while left:
        left = left[os.write(_kept, left) :]

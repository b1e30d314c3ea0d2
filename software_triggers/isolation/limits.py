"""What the processes of triggers may take."""

from dataclasses import dataclass

IDLE_S = 60.0
"""A trigger's process that is asked nothing for so long ends."""


@dataclass(frozen=True)
class Limits:
    """What a trigger's process may take before it is ended."""

    seconds: float = 30.0
    """To load the trigger's code, or for one call of its function."""
    memory_mb: int = 2000
    """Resident memory in 10^6 bytes, with what is handed to it and what its children take."""


_limits = Limits()


def limits() -> Limits:
    """Return the limits that hold in this process."""
    return _limits


def set_limits(new: Limits) -> None:
    """Let the triggers that this process loads and calls from now on take so much."""
    global _limits
    _limits = new

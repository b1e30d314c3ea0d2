from dataclasses import dataclass
from math import inf

from db.errors import UsageError

SHARES = ("noise_fraction", "inefficiency", "corrupt_fraction")


@dataclass(frozen=True)
class Conditions:
    """What reaches the telescope, and what its electronics make of it.

    Raises UsageError for a share outside [0, 1) or another number below 0.
    """

    muon_rate_hz: float = 1000.0
    noise_fraction: float = 0.05
    """Noise hits as a share of all hits, even over cells and time."""
    noise_rate_hz: float = 0.0
    """More of such noise, whatever the muons do; summed over the cells."""
    noisy_channels: tuple[tuple[int, int, float], ...] = ()
    """More noise in single cells: fpga, tdc_channel, rate in Hz."""
    slope_sigma: float = 0.1
    """Standard deviation of a muon's slope in each view; it is 0 straight down."""
    smear_ns: float = 1.0
    """Standard deviation of a drift time."""
    inefficiency: float = 0.01
    """Chance that a cell doesn't see the muon that crosses it."""
    dead_ns: float = 400.0
    """A hit is lost if its cell had another one less than this before, itself lost or not."""
    corrupt_fraction: float = 0.0
    """Share of the hits whose word is corrupt."""
    segment_words: bool = True
    """Whether three or more hits in a chamber make a segment word, where a detector has such."""
    hit_delay_ns: float = 2000.0
    """Mean time from a hit to its word's release: exponential, and within the disorder."""
    segment_delay_ns: float = 100_000.0
    """Mean time from when a segment's hits are released to its word's release, likewise."""
    clock_start: int = 0
    """What the words' counter holds at the run's start, in ticks; it may be beyond its wrap."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            numbers = [rate for *_, rate in value] if name == "noisy_channels" else [value]
            if not all(0 <= number < (1 if name in SHARES else inf) for number in numbers):
                limits = "at least 0 and less than 1" if name in SHARES else "finite, 0 or more"
                raise UsageError(f"simulation: {name} is {value!r}; it must be {limits}")

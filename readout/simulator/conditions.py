"""What the simulated telescope and its beam are like."""

from dataclasses import dataclass
from math import inf

from db.errors import UsageError

SHARES = (
    *("noise_fraction", "inefficiency", "corrupt_fraction"),
    *("deltas", "after_pulses", "pairs", "cross_talk"),
)
OF_CHANNELS = ("noisy_channels", "weak_channels")
OF_CHAMBERS = ("chamber_t0_ns", "chamber_x_mm", "chamber_slope")


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
    weak_channels: tuple[tuple[int, int, float], ...] = ()
    """Single cells that see less: fpga, tdc_channel, chance not to see a muon, besides."""
    deltas: float = 0.0
    """Share of the hits that a delta electron makes too early, anywhere up to no drift time."""
    after_pulses: float = 0.0
    """Share of the hits that another one follows in the cell, after 20 ns and 100 ns more, on
    average."""
    border_mm: float = 0.0
    """Nearer than this to a cell's border a muon makes a hit in the cell beyond, too."""
    pairs: float = 0.0
    """Share of the muons that come within 400 ns and 60 mm of the one before."""
    cross_talk: float = 0.0
    """Share of the hits that the next channel's electronics see, too, up to 10 ns later."""
    channel_t0_ns: float = 0.0
    """Standard deviation of how late single channels are, the same in each run."""
    chamber_t0_ns: tuple[float, ...] = ()
    """How late chambers' clocks are, from chamber 0 on; this and the next two as a declaration has
    them."""
    chamber_x_mm: tuple[float, ...] = ()
    """How much further along x chambers lie than is declared."""
    chamber_slope: tuple[float, ...] = ()
    """By how much chambers are turned around their middle: slopes look smaller by it."""
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
            share = name in SHARES or name == "weak_channels"
            least, most = -inf if name in OF_CHAMBERS else 0, 1 if share else inf
            numbers = value if name in OF_CHAMBERS else [value]
            numbers = [number for *_, number in value] if name in OF_CHANNELS else numbers
            if not all(least <= number < most and abs(number) < inf for number in numbers):
                limits = "at least 0 and less than 1" if share else "finite, 0 or more"
                limits = "finite" if name in OF_CHAMBERS else limits
                raise UsageError(f"simulation: {name} is {value!r}; it must be {limits}")


IDEAL = Conditions()
"""Hits as exact as a bench's, few lost, some noise: what is found of it tells of the search."""
REAL = Conditions(
    noise_fraction=0.1,
    noisy_channels=((1, 40, 2000.0),),
    slope_sigma=0.35,
    smear_ns=3.0,
    inefficiency=0.05,
    weak_channels=((0, 20, 0.3),),
    deltas=0.03,
    after_pulses=0.1,
    border_mm=0.5,
    pairs=0.05,
    cross_talk=0.01,
    channel_t0_ns=0.5,
    chamber_t0_ns=(0.0, 1.5, -3.0, 2.0),
    chamber_x_mm=(0.0, 0.4, -0.6, 0.3),
    chamber_slope=(0.0, 0.001, -0.001, 0.002),
    dead_ns=100.0,
)
"""Chambers as they are when they are new to an experiment: nothing of them calibrated."""
NAMED = {"ideal": IDEAL, "real": REAL}

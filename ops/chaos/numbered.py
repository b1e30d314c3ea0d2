"""Words that carry their number, and triggers whose every row is known beforehand."""

from pathlib import Path

import numpy as np

from db.detector.words import Words

LINKS = 4
EVERY = 1000
"""One word in so many makes a row of each trigger."""

DETECTOR = """
name = "numbered"
title = "A source that numbers its words, for counting what becomes of them"

[fields]
time = { bits = [0, 47] }
kind = { bits = [48, 49] }
channel_number = { bits = [50, 55] }

[clock]
tick_ns = 1
time = "time"
disorder = "10 us"
slice = "100 ms"

[words]
hit = "kind == 0"
timed = "kind == 0"
corrupt = "kind == 3"
channel = "channel_number"
"""

_SQL = f"""\
-- trigger: each_of_many
-- about: every {EVERY}th word of each link
-- reach: 0 ns
-- params: spacing Int64 = 4 us
SELECT t, link FROM hits WHERE t % ({{spacing:Int64}} * {EVERY}) = 0
"""

_PYTHON = '''\
import polars as pl

from software_triggers.trigger import trigger


@trigger(reach="2 ms", depends_on="each_of_many")
def neighbours(each_of_many: pl.DataFrame, spacing: int | str = "4 us") -> pl.DataFrame:
    """For each row how many there are within a millisecond: across the windows' edges, too."""
    t = each_of_many["t"].sort()
    near = t.search_sorted(t + 1_000_000, "right") - t.search_sorted(t - 1_000_000, "left")
    return pl.DataFrame({"t": t, "near": near.cast(pl.UInt32)})
'''


def write_files(folder: Path) -> tuple[Path, Path]:
    """Write the declaration and the triggers; return the declaration and the triggers' folder."""
    detector, triggers = folder / "numbered.toml", folder / "triggers"
    triggers.mkdir()
    detector.write_text(DETECTOR)
    (triggers / "each_of_many.sql").write_text(_SQL)
    (triggers / "neighbours.py").write_text(_PYTHON)
    return detector, triggers


def words(first: int, stop: int, spacing: int) -> Words:
    """Return the words with numbers [first, stop) of any link: word n has the time n * spacing."""
    n = np.arange(first, stop, dtype=np.uint64)
    return n * np.uint64(spacing) | (n % np.uint64(64)) << np.uint64(50)

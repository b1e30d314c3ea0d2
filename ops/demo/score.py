"""How well segments were found, against the simulator's truth."""

from dataclasses import dataclass

import polars as pl


@dataclass
class Score:
    """Sums over the segments compared so far.

    Efficiency is asked of muons that left a hit in each of a chamber's four layers. A segment is
    right when it lies within ``within_ns`` of a muon that left at least three hits there; else it
    is a fake; a flagged one says in its quality that other lines fit its hits.
    """

    tick_ns: float
    within_ns: float = 10.0
    true: int = 0
    found: int = 0
    segments: int = 0
    fakes: int = 0
    fakes_flagged: int = 0
    square_ns: float = 0.0

    def add(self, truth: pl.DataFrame, segments: pl.DataFrame) -> None:
        """Compare the truth and the segments of one stretch of time.

        ``truth`` has chamber, t0, t0_ns and n_hits, ``segments`` chamber, t, t0_ns and,
        where they may be flagged, quality. Both may
        reach beyond the stretch: give a little more of the other side where you count one.
        """
        self.count_found(truth, segments)
        self.count_fakes(segments, truth)

    def count_found(self, truth: pl.DataFrame, segments: pl.DataFrame) -> None:
        """Count which of the true four-hit segments were found."""
        off = self._off(truth.filter(pl.col("n_hits") >= 4), _named(segments))
        self.true += len(off)
        self.found += len(off.drop_nulls())
        self.square_ns += float((off**2).sum())

    def count_fakes(self, segments: pl.DataFrame, truth: pl.DataFrame) -> None:
        """Count which segments have no muon that left them."""
        seen = truth.filter(pl.col("n_hits") >= 3)
        said = pl.col("quality").str.ends_with("GHOST")
        flagged = segments.filter(said) if "quality" in segments.columns else segments.clear()
        self.segments += len(segments)
        self.fakes += self._off(_named(segments), seen).null_count()
        self.fakes_flagged += self._off(_named(flagged), seen).null_count()

    @property
    def efficiency(self) -> float | None:
        """Share of the true segments that were found."""
        return self.found / self.true if self.true else None

    @property
    def fake_rate(self) -> float | None:
        """Share of the segments found that belong to no muon."""
        return self.fakes / self.segments if self.segments else None

    @property
    def fake_rate_unflagged(self) -> float | None:
        """Share of the segments found that belong to no muon and don't say that they may not."""
        return (self.fakes - self.fakes_flagged) / self.segments if self.segments else None

    @property
    def t0_rms_ns(self) -> float | None:
        """Root mean square of found less true time."""
        return float((self.square_ns / self.found) ** 0.5) if self.found else None

    def _off(self, left: pl.DataFrame, right: pl.DataFrame) -> pl.Series:
        """Return for each row of left how far in ns its nearest neighbour in right is, or null."""
        near = left.sort("t0").join_asof(
            right.select(
                "chamber", pl.col("t0"), other=pl.col("t0"), other_ns=pl.col("t0_ns")
            ).sort("t0"),
            on="t0",
            by="chamber",
            strategy="nearest",
            tolerance=int(self.within_ns / self.tick_ns) + 1,
            check_sortedness=False,
        )
        off = (pl.col("other") - pl.col("t0")) * self.tick_ns + pl.col("other_ns") - pl.col("t0_ns")
        return near.select(pl.when(off.abs() <= self.within_ns).then(off).alias("off"))["off"]


def _named(segments: pl.DataFrame) -> pl.DataFrame:
    return segments.select("chamber", pl.col("t").alias("t0"), "t0_ns")

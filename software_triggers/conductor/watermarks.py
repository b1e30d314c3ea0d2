"""How far each link's data are complete, counted over unbroken series of committed chunks."""

from collections.abc import Iterable

import polars as pl


class Watermarks:
    """Follows the chunks of a run as they are committed, in whatever order.

    ``links`` are those that must have delivered; links that are not named count from their first
    chunk on.
    """

    def __init__(self, links: Iterable[int] = ()) -> None:
        self.unbroken: dict[int, int] = dict.fromkeys(links, 0)
        """For each link, the number of chunks from 0 on that have come without a hole."""
        self.of_link: dict[int, int | None] = dict.fromkeys(links)
        """Every word of the link with an earlier time is in the store; None: nothing known."""
        self.newest = -(2**62)
        """The latest time that any link has shown."""
        self.t_min = 2**62
        self.t_max = -(2**62)
        self.dead: set[int] = set()
        """Links that are declared dead: nobody waits for them."""
        self._ahead: dict[int, dict[int, int]] = {}

    @property
    def seen(self) -> bool:
        """Whether any words have come."""
        return self.t_min <= self.t_max

    @property
    def passed(self) -> int:
        """The time before which every live link is complete; far in the past if one is silent."""
        marks = [w for link, w in self.of_link.items() if link not in self.dead]
        known = [w for w in marks if w is not None]
        return min(known) if known and len(known) == len(marks) else -(2**62)

    def take(self, arrivals: pl.DataFrame) -> pl.DataFrame:
        """Take in chunks (columns of ``read_arrivals``) and return those not seen before."""
        fresh = [
            link not in self.unbroken
            or (seq >= self.unbroken[link] and seq not in self._ahead.get(link, ()))
            for link, seq in arrivals.select("link", "seq").iter_rows()
        ]
        new = arrivals.filter(pl.Series(fresh, dtype=pl.Boolean))
        for link, seq, mark in new.select("link", "seq", "watermark").iter_rows():
            self._ahead.setdefault(link, {})[seq] = mark
        for link, ahead in self._ahead.items():
            unbroken = self.unbroken.setdefault(link, 0)
            mark = self.of_link.setdefault(link, None)
            while unbroken in ahead:
                reached = ahead.pop(unbroken)
                mark = reached if mark is None else max(mark, reached)
                unbroken += 1
            self.unbroken[link], self.of_link[link] = unbroken, mark
        sound = new.filter(pl.col("n_hits") > pl.col("n_corrupt"))
        if len(sound):
            self.t_min = min(self.t_min, *sound["t_first"])
            self.t_max = max(self.t_max, *sound["t_last"])
        self.newest = max(self.newest, self.t_max, *new["watermark"])
        return new

"""What a SELECT of a user's making finds over time, what that costs, and what other rows have."""

import time
from dataclasses import dataclass

from db.engine import Engine, Params
from db.user_sql.limits import fetch_limited


@dataclass(frozen=True)
class Profile:
    """Rows over time, and how they compare with others by their times."""

    counts: list[int]
    """Rows in equal bins over the range; the last one may be shorter."""
    width: int
    """Of a bin, in ticks."""
    seconds: float
    """That the engine took to find and count them."""
    both: int
    """Rows at whose time the others have one, too."""
    lacks: int
    """Rows of the others at whose time there is none."""


def profile_of(
    engine: Engine,
    select: str,
    params: Params,
    span: tuple[int, int],
    bins: int,
    others: str | None,
    seconds: float,
) -> Profile:
    """Return the profile of a SELECT's rows with t in [a, b); each statement has so many seconds.

    ``others`` is the SELECT of rows to compare with, cut to the same range, or None for none.
    """
    a, b = span
    width = -(-(b - a) // bins)
    own = f"SELECT toInt64(t) AS t FROM ({select}) WHERE t >= {a} AND t < {b}"
    began = time.perf_counter()
    table = fetch_limited(
        engine,
        f"SELECT intDiv(t - {a}, {width}) AS bin, count() AS n FROM ({own}) GROUP BY bin",
        params,
        seconds,
    )
    took = time.perf_counter() - began
    found = dict(zip(table["bin"].to_pylist(), table["n"].to_pylist(), strict=True))
    counts = [found.get(n, 0) for n in range(-(-(b - a) // width))]
    if others is None:
        return Profile(counts, width, took, 0, 0)
    theirs = f"SELECT toInt64(t) AS t FROM ({others})"
    ((both,), (lacks,)) = (
        fetch_limited(engine, f"SELECT {what} AS n FROM ({of})", params, seconds)["n"].to_pylist()
        for what, of in (
            (f"countIf(t IN ({theirs}))", own),
            (f"countIf(t NOT IN ({own}))", theirs),
        )
    )
    return Profile(counts, width, took, int(both), int(lacks))

"""Counts of a relation's rows, made in the database: what a plot needs, whatever lies behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from db.engine import Engine
from db.errors import UsageError
from db.relations.away import with_words
from db.relations.query import bind, columns_of
from db.relations.relation import Relation, select_of
from db.user_sql.confine import confined
from db.user_sql.limits import limited


def count_by(engine: Engine, rows: Relation, columns: Sequence[str]) -> pl.DataFrame:
    """Return how many rows there are of each combination of columns: those, and n, in order."""
    listed = ", ".join(f"`{name}`" for name in columns)
    table = with_words(
        engine,
        {"": replace(rows, columns=columns)},
        lambda of: engine.fetch(
            f"SELECT {listed}, count() AS n FROM ({select_of(engine, of[''])})"
            f" GROUP BY {listed} ORDER BY {listed}"
        ),
    )
    return pl.DataFrame(pl.from_arrow(table))


def count_over_time(
    engine: Engine, rows: Relation, by: str | None, begin: int, length: int
) -> pl.DataFrame:
    """Return how many rows lie in each bin of ``length`` ticks from ``begin`` on.

    Columns: bin, from 0, the one called ``by`` if there is one, and n; bins without rows are left
    out.
    """
    keys = "bin" if by is None else f"bin, `{by}`"
    table = with_words(
        engine,
        {"": replace(rows, columns=() if by is None else (by,))},
        lambda of: engine.fetch(
            f"SELECT intDiv(t - {begin}, {length}) AS {keys}, count() AS n"
            f" FROM ({select_of(engine, of[''])})"
            f" WHERE t >= {begin} GROUP BY {keys} ORDER BY {keys}"
        ),
    )
    return pl.DataFrame(pl.from_arrow(table))


@dataclass(frozen=True)
class Histogram:
    """Counts of a column's values in equal bins over [low, high]; the last bin includes high."""

    low: float
    high: float
    counts: list[int]
    below: int
    above: int
    whole: bool = False
    """Whether each bin holds the same number of whole numbers; its edges lie between those."""

    @property
    def width(self) -> float:
        """How wide a bin is."""
        return (self.high - self.low) / len(self.counts)


def histogram(
    engine: Engine,
    rows: Relation,
    column: str,
    n: int,
    low: float | None,
    high: float | None,
    seconds: float,
    *,
    whole: bool = False,
) -> Histogram:
    """Return the histogram of a column of a relation's rows, made within so many seconds.

    Without ``low`` or ``high`` the smallest and the largest value are the limits; ``whole`` numbers
    without both get as many values in each of up to n bins. Values that are not finite, or NULL,
    are left out. The caller has made sure that the column is one of numbers.
    """

    def count(of: Mapping[str, Relation]) -> Histogram:
        select = select_of(engine, of[""])
        free = whole and low is None and high is None
        if free and _is_whole(dict(columns_of(engine, select))[column]):
            return _count_whole(engine, select, column, n, seconds)
        return count_values(engine, select, column, n, low, high, seconds)

    return with_words(engine, {"": replace(rows, columns=(column,))}, count)


def histogram_of(
    engine: Engine,
    value: str,
    name: str,
    where: str,
    relations: Mapping[str, Relation],
    n: int,
    low: float | None,
    high: float | None,
    seconds: float,
) -> Histogram:
    """Return the histogram of an SQL expression over a relation's rows, as ``histogram`` does.

    Whole numbers without limits get as many values in each of up to n bins. Both the expression and
    ``where`` (empty for all rows) are confined as a user's SELECT is. Raises SqlError, and
    UsageError for what is no number.
    """
    kept = f" WHERE {where}" if where else ""
    query = confined(engine, f"SELECT {value} AS value FROM `{name}`{kept}", relations)
    (column, kind), *others = columns_of(engine, bind(engine, query, relations))
    if others:
        raise UsageError("a histogram counts one value: give one expression")
    if not kind.removeprefix("Nullable(").startswith(_NUMBERS):
        raise UsageError(f"{kind} can't be counted in bins: give an expression that is a number")

    def count(names: Mapping[str, Relation]) -> Histogram:
        select = bind(engine, query, names)
        if _is_whole(kind) and low is None and high is None:
            return _count_whole(engine, select, column, n, seconds)
        return count_values(engine, select, column, n, low, high, seconds)

    return with_words(engine, {name: relations[name]}, count)


def _is_whole(kind: str) -> bool:
    return kind.removeprefix("Nullable(").startswith(("Int", "UInt"))


def _count_whole(engine: Engine, select: str, column: str, n: int, seconds: float) -> Histogram:
    """Return the histogram of whole numbers: as many of them in each of up to n bins."""
    m, least, greatest = whole_bins(*_ends(engine, _finite(select, column), seconds), n)
    return replace(count_values(engine, select, column, m, least, greatest, seconds), whole=True)


def whole_bins(least: float, greatest: float, n: int) -> tuple[int, float, float]:
    """Return number, begin and end of up to n bins with as many whole numbers in each.

    Their edges lie between whole numbers; the last bin may end beyond the greatest one.
    """
    width = -(-(greatest - least + 1) // n)
    n = int(-(-(greatest - least + 1) // width))
    return n, least - 0.5, least - 0.5 + n * width


_NUMBERS = ("Int", "UInt", "Float", "Decimal", "Bool")


def _finite(select: str, column: str) -> str:
    value = f"toFloat64(`{column}`)"
    return f"SELECT assumeNotNull({value}) AS x FROM ({select}) WHERE isFinite({value})"


def _ends(engine: Engine, finite: str, seconds: float) -> tuple[float, float]:
    """Return the least and the greatest value; 0 and 1 where there is none."""
    sql = f"SELECT min(x) AS low, max(x) AS high, count() AS n FROM ({finite})"
    ends = engine.fetch(limited(sql, seconds)).to_pylist()[0]
    return (ends["low"], ends["high"]) if ends["n"] else (0.0, 1.0)


def count_values(
    engine: Engine,
    select: str,
    column: str,
    n: int,
    low: float | None,
    high: float | None,
    seconds: float,
) -> Histogram:
    """Return the histogram of a column of a SELECT that may be trusted, as ``histogram`` does."""
    finite = _finite(select, column)
    if low is None or high is None:
        least, greatest = _ends(engine, finite, seconds)
        low, high = least if low is None else low, greatest if high is None else high
    if not low < high:
        high = low + 1.0
    table = engine.fetch(
        limited(
            "SELECT toInt64(multiIf(x < {low:Float64}, -1.0,"
            " x > {high:Float64}, toFloat64({n:Int64}), least(toFloat64({n:Int64} - 1),"
            " floor((x - {low:Float64}) * {n:Int64} / ({high:Float64} - {low:Float64}))))) AS bin,"
            f" count() AS counted FROM ({finite}) GROUP BY bin ORDER BY bin",
            seconds,
        ),
        {"low": low, "high": high, "n": n},
    )
    found = dict(zip(table["bin"].to_pylist(), table["counted"].to_pylist(), strict=True))
    counts = [found.get(k, 0) for k in range(n)]
    return Histogram(low, high, counts, found.get(-1, 0), found.get(n, 0))


@dataclass(frozen=True)
class Axis:
    """So many equal bins from low to high; the last includes high.

    An end of None is that of the values.
    """

    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, eq=False)
class Histogram2d:
    """Counts of pairs in cells."""

    x: Axis
    y: Axis
    counts: NDArray[np.float64]
    """Shape (y.n, x.n): whole numbers."""
    outside: int


def histogram2d(
    engine: Engine,
    rows: Relation,
    columns: tuple[str, str],
    axes: tuple[Axis, Axis],
    seconds: float,
) -> Histogram2d:
    """Return the histogram of two columns of a relation's rows, each made within so many seconds.

    Rows in which one of the values is not finite, or NULL, are left out. The caller has made sure
    that the columns are of numbers.
    """
    return with_words(
        engine,
        {"": replace(rows, columns=columns)},
        lambda of: _count_pairs(engine, select_of(engine, of[""]), columns, axes, seconds),
    )


def histogram2d_of(
    engine: Engine,
    values: tuple[str, str],
    name: str,
    where: str,
    relations: Mapping[str, Relation],
    axes: tuple[Axis, Axis],
    seconds: float,
) -> Histogram2d:
    """Return the histogram of two SQL expressions over a relation's rows, as ``histogram2d`` does.

    They and ``where`` are confined as a user's SELECT is. Raises SqlError, and UsageError for what
    is no number.
    """
    kept = f" WHERE {where}" if where else ""
    query = confined(
        engine, f"SELECT {values[0]} AS x, {values[1]} AS y FROM `{name}`{kept}", relations
    )
    typed = columns_of(engine, bind(engine, query, relations))
    kinds = [kind.removeprefix("Nullable(") for _, kind in typed]
    if len(kinds) != 2:
        raise UsageError("a map counts pairs: give two expressions, each one value")
    for value, kind in zip(values, kinds, strict=True):
        if not kind.startswith(_NUMBERS):
            raise UsageError(f"{value} is {kind}: give an expression that is a number")
    return with_words(
        engine,
        {name: relations[name]},
        lambda names: _count_pairs(engine, bind(engine, query, names), ("x", "y"), axes, seconds),
    )


def _count_pairs(
    engine: Engine,
    select: str,
    columns: tuple[str, str],
    axes: tuple[Axis, Axis],
    seconds: float,
) -> Histogram2d:
    x, y = (f"toFloat64(`{name}`)" for name in columns)
    finite = (
        f"SELECT assumeNotNull({x}) AS x, assumeNotNull({y}) AS y FROM ({select})"
        f" WHERE isFinite({x}) AND isFinite({y})"
    )
    ends = {"x_low": axes[0].low, "x_high": axes[0].high, "y_low": axes[1].low}
    ends["y_high"] = axes[1].high
    if None in ends.values():
        sql = (
            "SELECT min(x) AS x_low, max(x) AS x_high, min(y) AS y_low, max(y) AS y_high,"
            f" count() AS n FROM ({finite})"
        )
        found = engine.fetch(limited(sql, seconds)).to_pylist()[0]
        there = found if found["n"] else {"x_low": 0.0, "x_high": 1.0, "y_low": 0.0, "y_high": 1.0}
        ends = {name: there[name] if end is None else end for name, end in ends.items()}
    limits = {name: float(end) for name, end in ends.items() if end is not None}
    for name in ("x", "y"):
        if not limits[f"{name}_low"] < limits[f"{name}_high"]:
            limits[f"{name}_high"] = limits[f"{name}_low"] + 1.0
    cells = ", ".join(
        f"toInt64(least({{n{name}:Float64}} - 1, floor(({name} - {{{name}_low:Float64}})"
        f" * {{n{name}:Float64}} / ({{{name}_high:Float64}} - {{{name}_low:Float64}})))) AS i{name}"
        for name in ("x", "y")
    )
    inside = " AND ".join(
        f"{name} >= {{{name}_low:Float64}} AND {name} <= {{{name}_high:Float64}}"
        for name in ("x", "y")
    )
    table = engine.fetch(
        limited(
            "SELECT if(inside, ix, -1) AS kx, if(inside, iy, -1) AS ky, count() AS n"
            f" FROM (SELECT {inside} AS inside, {cells} FROM ({finite})) GROUP BY kx, ky",
            seconds,
        ),
        {**limits, "nx": float(axes[0].n), "ny": float(axes[1].n)},
    )
    kx, ky, n = (table[name].to_numpy() for name in ("kx", "ky", "n"))
    counts = np.zeros((axes[1].n, axes[0].n))
    counts[ky[kx >= 0], kx[kx >= 0]] = n[kx >= 0]
    return Histogram2d(
        Axis(limits["x_low"], limits["x_high"], axes[0].n),
        Axis(limits["y_low"], limits["y_high"], axes[1].n),
        counts,
        int(n[kx < 0].sum()),
    )

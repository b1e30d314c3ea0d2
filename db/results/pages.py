"""Rows of a trigger's results, a page at a time."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from db.catalogue.runs import Run
from db.engine import Engine
from db.results.ranges import of_rows
from db.results.rows import Lineage, committed_sql, row_hash_sql
from db.selection import Node, to_sql

AT_ONCE = 50_000

Key = tuple[int, int]
"""Time of a row, and its number among the rows of that time."""


@dataclass(frozen=True)
class RowPage:
    """Rows in order of t, and the key of each."""

    rows: pl.DataFrame
    keys: list[Key]


def page_of_rows(
    engine: Engine,
    run: Run,
    lineage: Lineage,
    a: int,
    b: int,
    where: Node | None,
    limit: int,
    after: Key | None = None,
    cells: Collection[int] | None = None,
) -> RowPage:
    """Return at most ``limit`` committed rows with t in [a, b) that a selection keeps, after a key.

    Rows of one time stand in an order of their own content, so that it does not matter when and
    how they were stored. With ``cells`` only rows of these windows are looked at.
    """
    condition = to_sql(where) if where is not None else "true"
    if cells is not None:
        cell_of_t = f"intDiv(t - positiveModulo(t, {run.cell}), {run.cell})"
        condition = f"{cell_of_t} IN ({', '.join(map(str, cells))}) AND {condition}"
    a, skip = (a, 0) if after is None else (max(a, after[0]), after[1] + 1)
    listed = ", ".join(f"`{name}`" for name in lineage.columns)
    committed = committed_sql(lineage, run.cell, "{a:Int64}", "{b:Int64}")
    sql = (
        f"SELECT {listed} FROM ({committed}) WHERE {condition}"
        f" ORDER BY t, {row_hash_sql(lineage.columns)}"
        " LIMIT {limit:UInt64} OFFSET {skip:UInt64}"
    )
    found: list[pl.DataFrame] = []
    missing, offset = limit, skip
    for start, stop in of_rows(engine, run, lineage, a, b, AT_ONCE):
        # Rows to be skipped have the time a: they lie in the first stretch, if not moved since.
        given = {"a": start, "b": stop, "limit": missing, "skip": offset}
        found.append(pl.DataFrame(pl.from_arrow(engine.fetch(sql, given))))
        offset, missing = 0, missing - len(found[-1])
        if missing <= 0:
            break
    rows = pl.concat(found) if found else pl.DataFrame()
    if rows.is_empty():
        return RowPage(rows, [])
    nth = pl.int_range(pl.len(), dtype=pl.Int64).over("t")
    same = (pl.col("t") == a).cast(pl.Int64) * skip
    return RowPage(rows, list(rows.select("t", nth + same).iter_rows()))


def count_rows_of(
    engine: Engine, run: Run, lineage: Lineage, a: int, b: int, where: Node | None
) -> int:
    """Return how many committed rows with t in [a, b) a selection keeps."""
    condition = to_sql(where) if where is not None else "true"
    committed = committed_sql(lineage, run.cell, "{a:Int64}", "{b:Int64}")
    counted = engine.fetch(
        f"SELECT count() AS n FROM ({committed}) WHERE {condition}", {"a": a, "b": b}
    )
    return int(counted["n"][0].as_py())

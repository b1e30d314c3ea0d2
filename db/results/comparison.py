"""Two lineages of a trigger set beside each other: which rows both have, and which only one."""

from dataclasses import dataclass

from db.catalogue.runs import Run
from db.engine import Engine
from db.results.rows import Lineage, committed_sql, row_hash_sql
from db.user_sql.limits import limited


@dataclass(frozen=True)
class Comparison:
    """Counts of rows, and of times at which there are any; the first of these times, in ticks."""

    rows_one: int
    rows_other: int
    same: int
    """Times at which both have equal rows, in the columns that both have."""
    changed: int
    """Times at which both have rows that differ."""
    only_one: int
    only_other: int
    first_changed: list[int]
    first_only_one: list[int]
    first_only_other: list[int]


def compare(
    engine: Engine,
    run: Run,
    lineages: tuple[Lineage, Lineage],
    span: tuple[int, int],
    most: int,
    seconds: float,
) -> Comparison:
    """Return how the committed rows with t in [a, b) of two lineages differ, by their times.

    At most ``most`` times of each kind are listed. Raises StoreError when it takes longer than so
    many seconds.
    """
    one, other = lineages
    shared = {n: kind for n, kind in one.columns.items() if other.columns.get(n) == kind}
    a, b = (f"toInt64({end})" for end in span)
    sides = " UNION ALL ".join(
        f"SELECT toInt64(t) AS t, {row_hash_sql(shared)} AS h, {which} AS side"
        f" FROM ({committed_sql(lineage, run.cell, a, b, tuple(shared))})"
        for which, lineage in ((1, one), (2, other))
    )
    times = (
        "SELECT t, countIf(side = 1) AS n1, countIf(side = 2) AS n2, multiIf(n2 = 0, 'only_one',"
        " n1 = 0, 'only_other', arraySort(groupArrayIf(h, side = 1)) ="
        f" arraySort(groupArrayIf(h, side = 2)), 'same', 'changed') AS kind FROM ({sides})"
        " GROUP BY t"
    )
    counted = engine.fetch(
        limited(
            "SELECT kind, count() AS n, sum(n1) AS n1, sum(n2) AS n2,"
            f" groupArraySorted({most})(t) AS first FROM ({times}) GROUP BY kind",
            seconds,
        )
    ).to_pylist()
    of = {row["kind"]: row for row in counted}
    n = {kind: int(row["n"]) for kind, row in of.items()}
    first: dict[str, list[int]] = {kind: list(row["first"]) for kind, row in of.items()}
    return Comparison(
        rows_one=sum(row["n1"] for row in counted),
        rows_other=sum(row["n2"] for row in counted),
        same=n.get("same", 0),
        changed=n.get("changed", 0),
        only_one=n.get("only_one", 0),
        only_other=n.get("only_other", 0),
        first_changed=first.get("changed", []),
        first_only_one=first.get("only_one", []),
        first_only_other=first.get("only_other", []),
    )

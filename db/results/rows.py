"""What triggers found: a table of rows for each lineage, of which the ledger says what counts."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa

from db.engine import Engine
from db.json_text import json_text
from db.results.ledger import CURRENT
from db.schema.tables import DURABLE


@dataclass(frozen=True)
class Lineage:
    """Everything that a result depends on, and the hash that stands for it."""

    lineage: str
    run_id: int
    name: str
    version: str
    kind: str
    params: Mapping[str, object]
    inputs: Mapping[str, str]
    """Name of each trigger it reads, and that trigger's lineage."""
    reach: int
    """Ticks that it looks beyond its window on either side."""
    fingerprint: str
    source: str
    columns: Mapping[str, str]
    """Name and ClickHouse type of the columns it returns; ``t`` is the first."""
    file: str = ""
    """The whole text of the file that a Python trigger came from; empty if it is installed."""

    @property
    def table(self) -> str:
        """The table that keeps its rows, attempt by attempt."""
        return f"rows_{self.name}_{self.lineage}"


# T64 packs whole numbers into the bits that they need: a third smaller, and no slower.
_WIDE = re.compile(r"^(Array\(|Nullable\()*U?Int(16|32|64)\)*$")

# Merges by the dozen and up to a size: a row is written anew about once, instead of again and again
# on its way to one huge part. The price is more parts, of which a window reads those of its cells.
_MERGES = (
    "min_parts_to_merge_at_once = 16, max_bytes_to_merge_at_max_space_in_pool = 134217728,"
    " parts_to_delay_insert = 10000, parts_to_throw_insert = 30000"
)


def create_results(engine: Engine, lineage: Lineage) -> None:
    """Enter a lineage and create the table for its rows; doing it again changes nothing."""
    create_table(engine, lineage)
    enter_lineage(engine, lineage)


def create_table(engine: Engine, lineage: Lineage) -> None:
    """Create the table for a lineage's rows, unless it is there."""
    columns = ",\n".join(
        f"`{name}` {kind} {'CODEC(T64, LZ4)' if _WIDE.search(kind) else ''}"
        for name, kind in lineage.columns.items()
    )
    engine.define(
        f"CREATE TABLE IF NOT EXISTS {lineage.table}"
        f" (run_id UInt32, cell Int64, attempt UInt64 CODEC(T64, LZ4), {columns})"
        " ENGINE = MergeTree ORDER BY (run_id, cell, attempt, t)"
        f" SETTINGS {_MERGES}, {DURABLE}"
    )


def row_hash_sql(columns: Mapping[str, str]) -> str:
    """Return the SQL of a hash of a row's values, by their names and types; NULL is a value."""
    parts: list[str] = []
    for name, kind in columns.items():
        if kind.startswith("Nullable("):
            parts += [
                f"`{name}` IS NULL",
                f"ifNull(`{name}`, defaultValueOfArgumentType(assumeNotNull(`{name}`)))",
            ]
        elif "Nullable(" in kind:
            parts.append(f"toString(`{name}`)")
        else:
            parts.append(f"`{name}`")
    return f"cityHash64({', '.join(parts)})"


def enter_lineage(engine: Engine, lineage: Lineage) -> None:
    """Enter a lineage in the catalogue, unless it is there: from now on queries see its rows.

    It is the newest of its run even if the clock has been set back since the last one.
    """
    known = engine.fetch(
        "SELECT countIf(lineage = {lineage:String}) AS n,"
        " greatest(now64(6), max(first_used) + toIntervalMicrosecond(1)) AS first_used"
        " FROM lineages WHERE run_id = {run:UInt32}",
        {"lineage": lineage.lineage, "run": lineage.run_id},
    )
    if known["n"][0].as_py():
        return
    engine.insert(
        "lineages",
        pa.table(
            {
                "lineage": [lineage.lineage],
                "run_id": pa.array([lineage.run_id], pa.uint32()),
                "name": [lineage.name],
                "version": [lineage.version],
                "kind": [lineage.kind],
                "params": [json_text(dict(lineage.params))],
                "inputs": pa.array(
                    [list(lineage.inputs.items())], pa.map_(pa.string(), pa.string())
                ),
                "reach": pa.array([lineage.reach], pa.int64()),
                "fingerprint": [lineage.fingerprint],
                "source": [lineage.source],
                "file": [lineage.file],
                "columns": [json_text(dict(lineage.columns))],
                "first_used": known["first_used"],
            }
        ),
    )


@dataclass(frozen=True)
class TriggerText:
    """What a lineage keeps of its trigger's text."""

    kind: str
    source: str
    file: str


def newest_text(engine: Engine, name: str) -> TriggerText | None:
    """Return the text of the newest lineage of a trigger, in any run, that has the whole of it."""
    rows = engine.fetch(
        "SELECT kind, source, file FROM lineages WHERE name = {name:String}"
        " AND (kind = 'sql' OR file != '') ORDER BY first_used DESC LIMIT 1",
        {"name": name},
    ).to_pylist()
    return TriggerText(**rows[0]) if rows else None


def list_lineages(engine: Engine, run_id: int, name: str | None = None) -> list[Lineage]:
    """Return the lineages of a run's results, newest first."""
    rows = engine.fetch(
        "SELECT * EXCEPT first_used FROM lineages FINAL WHERE run_id = {run:UInt32}"
        " AND ({name:String} = '' OR name = {name:String}) ORDER BY first_used DESC, lineage",
        {"run": run_id, "name": name or ""},
    ).to_pylist()
    return [
        Lineage(
            **{
                **row,
                "params": json.loads(row["params"]),
                "inputs": dict(row["inputs"]),
                "columns": json.loads(row["columns"]),
            }
        )
        for row in rows
    ]


def insert_rows(
    engine: Engine, lineage: Lineage, cell_ticks: int, attempt: int, rows: pl.DataFrame
) -> None:
    """Store rows of an attempt. Nobody sees them until the ledger points to the attempt."""
    if rows.is_empty():
        return
    stamped = rows.select(
        pl.lit(lineage.run_id, pl.UInt32).alias("run_id"),
        (pl.col("t") // cell_ticks).alias("cell"),
        pl.lit(attempt, pl.UInt64).alias("attempt"),
        *lineage.columns,
    )
    engine.insert(lineage.table, stamped.to_arrow())


def count_without_time(engine: Engine, select: str, params: Mapping[str, object]) -> int:
    """Return how many rows of a trigger's SELECT have NULL in t."""
    sql = f"SELECT count() AS n FROM ({select}) WHERE t IS NULL"
    return int(engine.reader.fetch(sql, params)["n"][0].as_py())  # type: ignore[arg-type]


def committed_sql(
    lineage: Lineage, cell_ticks: int, a: str, b: str, columns: Collection[str] = ()
) -> str:
    """Return the SELECT of a lineage's committed rows with t in [a, b), all or some columns.

    ``a`` and ``b`` are SQL of type Int64: parameters or numbers, never text of a user.
    """
    names = ", ".join(f"`{name}`" for name in columns or lineage.columns)
    cells = (
        f"run_id = {lineage.run_id}"
        f" AND cell >= intDiv({a} - positiveModulo({a}, {cell_ticks}), {cell_ticks})"
        f" AND cell <= intDiv({b} - positiveModulo({b}, {cell_ticks}), {cell_ticks})"
    )
    return (
        f"SELECT {names} FROM {lineage.table} WHERE {cells} AND t >= {a} AND t < {b}"
        f" AND (cell, attempt) IN (SELECT cell, {CURRENT} FROM ledger"
        f" WHERE lineage = '{lineage.lineage}' AND {cells} GROUP BY cell)"
    )


def attempt_sql(
    lineage: Lineage, attempt: int, cells: range, a: int, b: int, columns: Collection[str] = ()
) -> str:
    """Return the SELECT of the rows with t in [a, b) that an attempt stored in some cells.

    It sees what nobody else does: the attempt need not be committed.
    """
    names = ", ".join(f"`{name}`" for name in columns or lineage.columns)
    return (
        f"SELECT {names} FROM {lineage.table} WHERE run_id = {lineage.run_id}"
        f" AND cell >= {cells.start} AND cell < {cells.stop} AND attempt = {attempt}"
        f" AND t >= {a} AND t < {b}"
    )


def read_committed(
    engine: Engine,
    lineage: Lineage,
    cell_ticks: int,
    a: int,
    b: int,
    columns: Collection[str] = (),
    *,
    ordered: bool = True,
) -> pl.DataFrame:
    """Return the committed rows of a lineage with t in [a, b), ordered by t unless told not to.

    ``columns`` are those wanted; none means all.
    """
    sql = committed_sql(lineage, cell_ticks, "{a:Int64}", "{b:Int64}", columns)
    rows = engine.fetch(sql + " ORDER BY t" * ordered, {"a": a, "b": b})
    return pl.DataFrame(pl.from_arrow(rows))


def sweep(engine: Engine, table: str, lineage: str, before: datetime) -> int:
    """Delete rows of attempts that do not count, of all runs; return how many there were.

    Looked at are rows that were written, or merged, before a moment. It must be longer ago than any
    attempt takes: rows of one under way do not count yet, and are younger.
    """
    n, moment = 0, {"lineage": lineage, "before": f"{before.astimezone(UTC):%Y-%m-%d %H:%M:%S}"}
    for shard in engine.shards:
        rows = f"{shard.here.database}.{table}"
        orphans = (
            f"FROM {rows} WHERE _part IN (SELECT name FROM system.parts WHERE active"
            f" AND database = '{shard.here.database}' AND table = '{table}'"
            " AND modification_time < toDateTime({before:String}, 'UTC'))"
            f" AND (run_id, cell, attempt) NOT IN (SELECT run_id, cell, {CURRENT}"
            f" FROM {shard.database}.ledger WHERE lineage = {{lineage:String}}"
            " GROUP BY run_id, cell)"
        )
        found = int(shard.fetch(f"SELECT count() AS n {orphans}", moment)["n"][0].as_py())
        if found:
            shard.execute(
                f"DELETE FROM {rows} WHERE (run_id, cell, attempt) IN"
                f" (SELECT run_id, cell, attempt {orphans})",
                moment,
            )
        n += found
    return n

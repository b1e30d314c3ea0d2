"""Columns of a trigger's rows: which types they may have, and values in the types of its table."""

import re
from typing import Any

import polars as pl

from db.errors import TriggerError
from software_triggers.task.stage import Stage

TIME = re.compile(r"Nullable\(U?Int(8|16|32|64)\)|U?Int(8|16|32|64)")
"""Types that a trigger's t may have."""

PLAIN = re.compile(
    r"(Array\(|Nullable\()*(U?Int(8|16|32|64)|Float(32|64)|Bool|String)\)*", re.ASCII
)
"""Types of columns that frames hold as the engine does."""

_SQL_TYPES: dict[Any, str] = {
    pl.Int8: "Int8",
    pl.Int16: "Int16",
    pl.Int32: "Int32",
    pl.Int64: "Int64",
    pl.UInt8: "UInt8",
    pl.UInt16: "UInt16",
    pl.UInt32: "UInt32",
    pl.UInt64: "UInt64",
    pl.Float32: "Float32",
    pl.Float64: "Float64",
    pl.Boolean: "Bool",
    pl.String: "String",
}
_FRAME_TYPES = {text: kind for kind, text in _SQL_TYPES.items()}


def checked(stage: Stage, columns: dict[str, str]) -> dict[str, str]:
    """Return a table's columns, ``t`` first; TriggerError if a trigger can't have these."""
    if not TIME.fullmatch(columns.get("t", "")):
        kind = columns.get("t")
        found = f"t is {kind}" if kind else f"it returns {', '.join(columns)}"
        raise TriggerError(
            f"trigger {stage.name} must return an integer column t, ticks since the run's start;"
            f" {found}"
        )
    taken = {"run_id", "cell", "attempt"} & set(columns)
    if taken:
        raise TriggerError(f"trigger {stage.name}: column {taken.pop()} is the ledger's: rename it")
    return {"t": "Int64"} | {name: kind for name, kind in columns.items() if name != "t"}


def sql_type(stage: Stage, name: str, kind: pl.DataType) -> str:
    """Return the type of a column's values in the stage's table; TriggerError if there is none."""
    if isinstance(kind, pl.List | pl.Array):
        return f"Array({sql_type(stage, name, kind.inner)})"  # type: ignore[arg-type]
    if kind == pl.Null:  # an empty column whose type nobody named
        kind = pl.Int64() if name == "t" else pl.Float64()
    if kind in _SQL_TYPES:
        bare = _SQL_TYPES[kind]
        return f"Nullable({bare})" if stage.trigger.nulls and name != "t" else bare
    raise no_such_column(stage, name, kind)


def no_such_column(stage: Stage, name: str, kind: object) -> TriggerError:
    """Return the complaint about a column of a type that no table has."""
    return TriggerError(
        f"trigger {stage.name}: column {name} is {kind}; columns may be integers, floats, booleans,"
        " strings and lists of these: convert it"
    )


def no_rows(stage: Stage) -> pl.DataFrame:
    """Return a frame without rows of a stage's columns."""
    return pl.DataFrame(schema={n: _frame_type(kind) for n, kind in stage.lineage.columns.items()})


def _frame_type(kind: str) -> pl.DataType:
    if kind.startswith("Array("):
        return pl.List(_frame_type(kind[len("Array(") : -1]))
    bare: pl.DataType = _FRAME_TYPES[kind.removeprefix("Nullable(").rstrip(")")]()
    return bare


def check_times(name: str, n_without: int) -> None:
    """Raise TriggerError if a trigger returned rows without a time."""
    if n_without:
        raise TriggerError(
            f"trigger {name} returned {n_without} rows whose t is NULL: each row needs a time;"
            " leave such rows out"
        )


def in_kind(stage: Stage, column: pl.Series) -> pl.Series:
    """Return a column in the type that its table has; TriggerError if a value would change."""
    kind = stage.lineage.columns[column.name]
    wanted = _frame_type(kind)
    if kind.startswith("Array(") and column.null_count():
        raise TriggerError(
            f"trigger {stage.name}: column {column.name} lacks {column.null_count()} lists"
            " (null): return empty lists, or lists of null"
        )
    n_null = _null_count(column)
    if n_null and "Nullable(" not in kind:
        raise TriggerError(
            f"trigger {stage.name}: column {column.name} lacks {n_null} values (null), and the"
            " trigger says nulls=False: fill them, or leave that out"
        )
    if column.dtype == wanted:
        return column
    try:
        cast = column.cast(wanted)
        if column.dtype == pl.Null or cast.cast(column.dtype).equals(column):
            return cast
    except pl.exceptions.PolarsError:
        pass
    raise TriggerError(
        f"trigger {stage.name}: column {column.name} is {column.dtype} with values that"
        f" {wanted}, its type on no hits, can't hold: return the same type always"
    )


def _null_count(column: pl.Series) -> int:
    if isinstance(column.dtype, pl.List | pl.Array):
        return column.explode(empty_as_null=False).null_count()
    return column.null_count()

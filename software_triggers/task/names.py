"""What people may ask a run by name: hits, words, rates, gaps, and results of triggers."""

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import UsageError
from db.relations.relation import Relation
from db.results.rows import Lineage, list_lineages
from db.selection import Node, Range, parse
from software_triggers.trigger import SOURCES


def relations(engine: Engine, run: Run, span: tuple[int, int]) -> dict[str, Relation]:
    """Return what stands behind each name that a query may use, of times in [a, b).

    Of triggers it is the newest lineage.
    """
    a, b = span
    names = {name: Relation(name, run, a, b) for name in (*SOURCES, "gaps")}
    for lineage in reversed(list_lineages(engine, run.run_id)):
        names[lineage.name] = Relation(lineage.name, run, a, b, lineage)
    return names


def lineage_of(engine: Engine, run: Run, name: str, lineage: str | None = None) -> Lineage:
    """Return a trigger's newest lineage in a run, or the one asked for.

    Raises UsageError that names those that have results.
    """
    found = list_lineages(engine, run.run_id, name)
    if lineage is not None:
        there = [each.lineage for each in found]
        found = [each for each in found if each.lineage == lineage]
        if not found and there:
            raise UsageError(
                f"trigger {name} has no lineage {lineage} in run {run.run_id}; it has:"
                f" {', '.join(there)}"
            )
    if not found:
        known = sorted({each.name for each in list_lineages(engine, run.run_id)})
        raise UsageError(
            f"trigger {name} has no results in run {run.run_id};"
            f" those that have: {', '.join(known) or 'none; see everyhit trigger run'}"
        )
    return found[0]


def selection_over(lineage: Lineage, text: str) -> Node:
    """Return the tree of a selection over a trigger's columns; SelectionError shows the place."""
    return parse(text, {name: r for name, kind in lineage.columns.items() if (r := _range(kind))})


def _range(kind: str) -> Range | None:
    kind = kind.removeprefix("Nullable(").removesuffix(")") if kind.startswith("Null") else kind
    if kind.startswith("Float"):
        return Range(kind="float")
    if kind == "Bool":
        return Range(0, 1, "bool")
    if kind in ("Int8", "Int16", "Int32", "Int64"):
        half = 2 ** (int(kind[3:]) - 1)
        return Range(-half, half - 1)
    if kind in ("UInt8", "UInt16", "UInt32", "UInt64"):
        return Range(0, 2 ** int(kind[4:]) - 1)
    return None

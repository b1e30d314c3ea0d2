"""What people may ask a run by name: hits, words, rates, gaps, and results of triggers."""

from collections.abc import Collection, Mapping, Sequence

from db.catalogue.runs import Run
from db.engine import Engine
from db.errors import UsageError
from db.relations.relation import SOURCES, Relation
from db.results.lineage_runs import Ran, lacking, list_ran, newest_for
from db.results.rows import Lineage, list_lineages
from db.selection import Node, Range, parse
from db.time import WHOLE
from db.words.totals import extent


def relations(engine: Engine, run: Run, span: tuple[int, int]) -> dict[str, Relation]:
    """Return what stands behind each name that a query may use, of times in [a, b).

    Of triggers it is the lineage that answers for the range: see ``newest_for``.
    """
    a, b = span
    names = {name: Relation(name, run, a, b) for name in (*SOURCES, "gaps")}
    of_name: dict[str, list[Lineage]] = {}
    for lineage in list_lineages(engine, run.run_id):
        of_name.setdefault(lineage.name, []).append(lineage)
    ran = list_ran(engine, run.run_id) if of_name else {}
    for name, lineages in of_name.items():
        chosen = newest_for(lineages, ran, *_hits_in(engine, run, ran, lineages, span))
        names[name] = Relation(name, run, a, b, chosen)
    return names


def lineage_of(
    engine: Engine,
    run: Run,
    name: str,
    lineage: str | None = None,
    span: tuple[int, int] = WHOLE,
) -> Lineage:
    """Return the lineage of a trigger that answers for a range of a run, or the one asked for.

    Raises UsageError that names those that have results.
    """
    return lineage_among(engine, run, list_lineages(engine, run.run_id), name, lineage, span)


def lineage_among(
    engine: Engine,
    run: Run,
    known: Sequence[Lineage],
    name: str,
    lineage: str | None = None,
    span: tuple[int, int] = WHOLE,
) -> Lineage:
    """Return the same for whoever has read the run's lineages."""
    found = [each for each in known if each.name == name]
    if lineage is not None:
        there = [each.lineage for each in found]
        found = [each for each in found if each.lineage == lineage]
        if not found and there:
            raise UsageError(
                f"trigger {name} has no lineage {lineage} in run {run.run_id}; it has:"
                f" {', '.join(there)}"
            )
    if not found:
        names = sorted({each.name for each in known})
        raise UsageError(
            f"trigger {name} has no results in run {run.run_id};"
            f" those that have: {', '.join(names) or 'none; see everyhit trigger run'}"
        )
    if len(found) == 1:
        return found[0]
    ran = list_ran(engine, run.run_id)
    return newest_for(found, ran, *_hits_in(engine, run, ran, found, span))


def partial(engine: Engine, run: Run, lineage: Lineage, span: tuple[int, int]) -> str:
    """Return a sentence that says for which part of [a, b) a lineage was not run; empty if none."""
    ran = list_ran(engine, run.run_id)
    asked = _hits_in(engine, run, ran, [lineage], span)
    parts = lacking(ran.get(lineage.lineage, ()), *asked)
    if not parts:
        return ""
    which, second = f"{lineage.name} (lineage {lineage.lineage})", float(run.detector.tick) * 1e-9
    if parts == [tuple(asked)]:
        return f"{which} was not run to the end for this range: any of its results may be missing"
    pieces = ", ".join(f"from {_moment(a, second)} to {_moment(b, second)}" for a, b in parts[:3])
    return (
        f"{which} was not run for all of this range: its results may lack"
        f" {pieces}{' and elsewhere' if len(parts) > 3 else ''}"
    )


def partial_of(engine: Engine, names: Mapping[str, Relation], used: Collection[str]) -> str:
    """Return what ``partial`` says of the relations that a query uses."""
    told = [
        partial(engine, each.run, each.lineage, (each.a, each.b))
        for name, each in names.items()
        if name in used and each.lineage is not None
    ]
    return "; ".join(filter(None, told))


def _moment(t: int, second: float) -> str:
    return "the ends of the run" if abs(t) >= WHOLE[1] else f"{t * second:.9g} s"


def _hits_in(
    engine: Engine,
    run: Run,
    ran: Mapping[str, Sequence[Ran]],
    lineages: Sequence[Lineage],
    span: tuple[int, int],
) -> tuple[int, int]:
    """Return the part of a range by which lineages are compared: where the run has hits.

    Where each was run for all of the range, or for nothing, nobody needs to know.
    """
    if all(not (of := ran.get(each.lineage)) or not lacking(of, *span) for each in lineages):
        return span
    try:
        first, last = extent(engine, run)
    except UsageError:
        return span
    a, b = max(span[0], first), min(span[1], last)
    return (a, b) if a < b else span


def selection_over(lineage: Lineage, text: str) -> Node:
    """Return the tree of a selection over a trigger's columns; SelectionError shows the place."""
    return parse(text, columns_over(lineage))


def columns_over(lineage: Lineage) -> dict[str, Range]:
    """Return what a selection over a trigger's rows may name, and the range of each."""
    return {name: r for name, kind in lineage.columns.items() if (r := _range(kind))}


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

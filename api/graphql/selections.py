"""Where a selection is wrong: what an editor asks while somebody types."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import strawberry

from api.graphql.context import Info
from api.graphql.run_scoped import Root
from db.detector import Detector
from db.errors import SelectionError
from software_triggers.task.names import columns_over, lineage_of, selection_over

Text = Annotated[str, strawberry.argument(description="The selection; an empty one keeps all.")]


@strawberry.type(description="What is wrong with a selection, and what it may name.")
class SelectionCheck:
    """The place is a half-open range of characters of the text."""

    problem: str = strawberry.field(description="In one line; empty when all is well.")
    start: int | None = strawberry.field(description="First character at fault, from 0.")
    stop: int | None = strawberry.field(description="Behind the last one.")
    columns: list[str] = strawberry.field(description="What it may name, in order.")


def check_hits(detector: Detector, where: str) -> SelectionCheck:
    """Check a selection over a detector's hits."""
    return _checked(detector.selection, where, ("t", "link", *detector.column_names))


async def selection(
    root: Root,
    info: Info,
    where: Text,
    of: Annotated[str, strawberry.argument(description="hits, or a trigger's name.")] = "hits",
    lineage: Annotated[
        str | None, strawberry.argument(description="Which of its lineages; default the newest.")
    ] = None,
) -> SelectionCheck:
    """Check a selection over hits, or over rows of a trigger."""
    if of == "hits":
        return check_hits(root.run.detector, where)
    found = await info.context.ask(lineage_of, info.context.engine, root.run, of, lineage)
    return _checked(lambda text: selection_over(found, text), where, columns_over(found))


def _checked(parse: Callable[[str], Any], where: str, columns: Iterable[str]) -> SelectionCheck:
    problem, start, stop = "", None, None
    try:
        if where.strip():
            parse(where)
    except SelectionError as fault:
        problem, start, stop = fault.problem, fault.start, fault.stop
    return SelectionCheck(problem=problem, start=start, stop=stop, columns=list(columns))

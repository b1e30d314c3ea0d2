"""The triggers that a run is opened with, and the fields and tags that it gets."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast

import strawberry
from strawberry.scalars import JSON

from db.catalogue.annotations import Edit
from db.errors import UsageError
from readout.control.feedback import Limits, plain

Triggers = Annotated[list[str] | None, strawberry.argument(description="Triggers that run on it.")]
Events = Annotated[
    list[str] | None, strawberry.argument(description="Triggers whose rows make events.")
]
Fields = Annotated[
    JSON | None,
    strawberry.argument(
        description="Fields of the run, an object: each a number, a text, true or false."
    ),
]
Tags = Annotated[list[str] | None, strawberry.argument(description="Tags of the run.")]


def edit_of(
    fields: object,
    tags: Sequence[str] | None,
    unset: Sequence[str] | None = None,
    untag: Sequence[str] | None = None,
) -> Edit:
    """Return a change of what is said of a run; raises UsageError for what no run may have."""
    if not isinstance(fields or {}, Mapping):
        raise UsageError("fields are an object: {beam_energy_GeV: 22}")
    return Edit(cast("Mapping[str, Any]", fields or {}), unset or (), tags or (), untag or ())


def settings_of(triggers: Sequence[str] | None, events: Sequence[str] | None) -> dict[str, Any]:
    """Return the settings of a run on which these run, with their own parameters."""
    names = [*(triggers or []), *(["events"] if events else [])]
    return {"triggers": {name: {} for name in names}, "events": list(events or [])}


@strawberry.input(description="What a trigger may have the readout remove.")
class FeedbackWanted:
    """As ``readout.control.feedback.Limits``."""

    trigger: str = strawberry.field(description="One that runs on the run.")
    columns: list[str] = strawberry.field(
        description="Of its rows and of a hit: hits with a row's values in all of them are removed."
    )
    most: int = strawberry.field(default=8, description="So many masks at a time.")
    for_s: float = strawberry.field(
        default=600.0, description="Seconds that a mask holds; then it may be asked for anew."
    )


def feedback_of(wanted: Sequence[FeedbackWanted] | None) -> dict[str, Any]:
    """Return what a run's settings keep of it; UsageError for limits that are none."""
    return plain(
        {each.trigger: Limits(tuple(each.columns), each.most, each.for_s) for each in wanted or ()}
    )

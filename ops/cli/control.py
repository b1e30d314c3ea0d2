"""``everyhit run start``, ``configure``, ``stop``: orders to readouts."""

import secrets
from typing import Annotated, Any

import typer

from api.fit import check_triggers
from db.catalogue.orders import OrderEntry, list_orders
from db.catalogue.runs import close_run, find_run
from db.engine.address import is_clickhouse
from db.engine.endpoint import OwnerEndpoint, find_endpoint
from db.engine.owner import RemoteEngine
from db.errors import UsageError
from db.store import Store as OpenStore
from db.store import redacted, store_folder
from db.time import duration_ticks, parse_moment
from ops.cli import archive as archive
from ops.cli import publish as publish
from ops.cli.annotations import Fields, Tags, edit_of, who_asks
from ops.cli.configuration import Keep, Mask, Scale, configured
from ops.cli.declared import detector_named
from ops.cli.feedback import (
    MOST_CHANNELS,
    Feedback,
    FeedbackFor,
    FeedbackMost,
    feedback_settings,
)
from ops.cli.opening import opened, wanted_triggers
from ops.cli.runs import runs
from ops.cli.show import AsJson, Store, show, show_json
from ops.cli.triggers import Events, Params, Triggers
from ops.settings import settings
from readout.control.commander import WITHIN_S, Commander, find_open_run
from readout.control.outcome import living_readouts, outcome_of

Which = Annotated[str | None, typer.Argument(help="Number or name; default the newest open one.")]
Names = Annotated[
    list[str] | None, typer.Option("--readout", help="Only this one; default all there are.")
]
Within = Annotated[float, typer.Option("--within", help="Seconds that they have to answer.")]
OrderId = Annotated[
    str | None, typer.Option("--id", help="The same id is the same order, done once.")
]


@runs.command("start")
def start(
    name: Annotated[str, typer.Argument(help="Name of the run; an open one goes on.")],
    detector: Annotated[str, typer.Option("--detector", help="Name or file of the declaration.")],
    mask: Mask = None,
    prefilter: Keep = "",
    prescale: Scale = None,
    trigger: Triggers = None,
    param: Params = None,
    events: Events = None,
    fields: Fields = None,
    tag: Tags = None,
    link: Annotated[
        list[int] | None, typer.Option("--link", help="A link that must come; nothing passes it.")
    ] = None,
    feedback: Feedback = None,
    feedback_most: FeedbackMost = MOST_CHANNELS,
    feedback_for: FeedbackFor = "10 min",
    readout: Names = None,
    within: Within = WITHIN_S,
    order_id: OrderId = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Let the readouts that wait for orders take a run."""
    declared = detector_named(detector)
    annotations = edit_of(fields, tag)
    wanted = wanted_triggers([*(trigger or []), *(["events"] if events else [])], param or [])
    allowed = feedback_settings(feedback, feedback_most, feedback_for)
    with opened(store) as at:
        entry = _commander(at, readout, order_id, within).start(
            declared,
            name=name,
            cell=duration_ticks(settings().cell, declared.tick),
            settings={
                "triggers": wanted,
                "events": events.split(",") if events else [],
                "feedback": allowed,
            },
            configuration=configured(mask, prefilter, prescale),
            links=link or (),
            annotations=annotations,
            check=lambda run: check_triggers(at.engine, run, wanted, settings().triggers),
        )
    _tell(entry, as_json=as_json)


@runs.command("configure")
def configure(
    which: Which = None,
    mask: Mask = None,
    prefilter: Keep = "",
    prescale: Scale = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Time of the run from which it holds: 90s, ...")
    ] = None,
    readout: Names = None,
    within: Within = WITHIN_S,
    order_id: OrderId = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Let another configuration hold in a run; what is not named again holds no more."""
    with opened(store) as at:
        commander, from_t = _commander(at, readout, order_id, within), None
        if start is not None:
            run = find_run(at.engine, which)
            from_t = parse_moment(start, run.detector.tick, run.started_at)
        entry = commander.configure(which, configured(mask, prefilter, prescale), from_t)
    _tell(entry, as_json=as_json)


@runs.command("stop")
def stop(
    which: Which = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Close it though readouts are silent or gone.")
    ] = False,
    readout: Names = None,
    within: Within = WITHIN_S,
    order_id: OrderId = None,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Let the readouts end a run; it is closed when all that take it have."""
    with opened(store) as at:
        if at.owned and anyway:
            closed = close_run(at.engine, find_open_run(at.engine, which))
            show([{"run": closed.run_id, "state": closed.state}], as_json=as_json, title="closed")
            return
        entry = _commander(at, readout, order_id, within).stop(which, anyway=anyway)
    _tell(entry, as_json=as_json)


@runs.command("orders")
def orders(which: Which = None, store: Store = None, as_json: AsJson = False) -> None:
    """List the latest orders, of one run or of all, and what came of them."""
    with opened(store) as at:
        number = None if which is None else find_run(at.engine, which).run_id
        found = list_orders(at.engine, number)
    show([_line(entry) for entry in found], as_json=as_json, title="orders", where=at.url)


@runs.command("readouts")
def readouts(store: Store = None, as_json: AsJson = False) -> None:
    """List the readouts that are alive and take orders, of all stores or of one."""
    names = ("readout", "detector", "store", "run", "words", "without_run", "trouble")
    of, endpoint = redacted(store) if store else None, _endpoint(store)
    # A process that has a store has a Redis of its own.
    told = [
        {name: each[name] for name in names}
        for each in living_readouts(endpoint.redis if endpoint else settings().redis)
        if endpoint or of in (None, each["store"])
    ]
    show(told, as_json=as_json, title="readouts", where=of or "")


def _endpoint(store: str | None) -> OwnerEndpoint | None:
    """Return where the process listens that has a store of one process; None for servers."""
    url = store or settings().store
    return None if is_clickhouse(url) else find_endpoint(store_folder(url))


def _commander(
    at: OpenStore, names: list[str] | None, order_id: str | None, within: float
) -> Commander:
    if at.owned:
        raise UsageError(
            f"nobody takes data into {at.folder}: start 'everyhit up' there, with its front-ends;"
            " 'everyhit run stop --anyway' closes a run that was left open"
        )
    redis = at.engine.redis if isinstance(at.engine, RemoteEngine) else settings().redis
    chosen = order_id or secrets.token_hex(6)
    return Commander(at.engine, redis, who_asks(), tuple(names or ()), chosen, within)


def _line(entry: OrderEntry) -> dict[str, Any]:
    return {
        "order": entry.order_id,
        "kind": entry.kind,
        "run": entry.run_id,
        "who": entry.who,
        "given": f"{entry.given_at:%Y-%m-%d %H:%M:%S}",
        "state": entry.state,
        "said": outcome_of(entry),
    }


def _tell(entry: OrderEntry, *, as_json: bool) -> None:
    """Show what came of an order; exit code 1 unless all did as they were told."""
    if as_json:
        show_json(_line(entry) | {"answers": entry.answers, "silent": entry.silent})
    else:
        show([_line(entry)], as_json=False, title="order")
    if entry.state != "acknowledged":
        raise typer.Exit(1)

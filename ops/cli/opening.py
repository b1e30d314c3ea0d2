"""What most commands begin with: the store, the run, the range."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import typer

from db.catalogue.runs import Run, close_orphans, find_run
from db.engine import Engine
from db.engine.address import is_clickhouse
from db.engine.endpoint import find_endpoint
from db.errors import StoreBusyError, StoreError, UnknownColumnError, UsageError
from db.relations.relation import Relation
from db.store import Store, open_store, store_folder
from db.time import parse_range
from db.words.homes.address import know_homes, redacted_home
from db.words.homes.home import HomeAwayError
from db.words.homes.naming import note_home
from db.words.homes.opening import home_at
from ops.cli.dropped import warn_of_dropped
from ops.cli.options import RunRange
from ops.settings import settings
from software_triggers.task.names import partial_of, relations


@contextmanager
def opened_to_write(
    url: str | None, words: str | None, *, spooled: bool = False, **how: bool
) -> Iterator[Store]:
    """Open a store as ``opened``, with the home that its new words get, by address.

    Raises StoreError where the home does not take words; one that is away for a while is waited
    for, in a log line, if they are ``spooled`` meanwhile.
    """
    words = words or settings().words
    know_homes([words] if words else [])
    with opened(url, **how) as at:
        if not words:
            yield at
            return
        home = home_at(at.engine, redacted_home(words))
        note_home(at.engine, home.address)
        try:
            home.check()
        except HomeAwayError as fault:
            if not spooled:
                raise
            typer.echo(f"{fault}; words wait in the spool meanwhile", err=True)
        yield replace(at, words=home)


@contextmanager
def opened(
    url: str | None,
    *,
    alone: bool = False,
    create: bool = False,
    allow_missing_shards: bool = False,
) -> Iterator[Store]:
    """Open the store that the command names, or the one of the settings.

    When another process has it open and serves the API, its engine is asked instead; a command
    that must have the store ``alone`` raises StoreBusyError. With ``allow_missing_shards`` it is
    opened though shards of it are away, unless all are. Raises StoreError where there is no
    embedded store, unless the command may ``create`` one, or must have it alone.
    """
    url = url or settings().store
    know_homes(settings().homes)
    if not (create or alone or is_clickhouse(url) or (store_folder(url) / "engine").exists()):
        raise StoreError(
            f"there is no store in {store_folder(url)}: name another --store; everyhit demo, up and"
            " ingest make one"
        )
    with ExitStack() as stack:
        try:
            store = stack.enter_context(open_store(url, allow_missing_shards=allow_missing_shards))
        except StoreBusyError:
            door = find_endpoint(store_folder(url))
            if alone or door is None:
                raise
            from db.engine.owner import RemoteEngine  # HTTP takes its time to load

            engine = stack.enter_context(closing(RemoteEngine(door)))
            yield Store(url, store_folder(url), engine, owned=False)
            return
        for run in close_orphans(store.engine) if store.owned else ():
            typer.echo(
                f"run {run.run_id} was interrupted; what was committed is all there", err=True
            )
        yield store


@dataclass(frozen=True)
class RowsAsked:
    """A run, and the rows by name over which a command counts."""

    engine: Engine
    run: Run
    a: int
    b: int
    """The range [a, b) asked for."""
    relations: dict[str, Relation]
    said: str
    """For which part of the range there is nothing; empty if for none."""


@contextmanager
def rows_asked(at: RunRange, of: str) -> Iterator[RowsAsked]:
    """Open a store and look up rows of a run by name, and say what they lack.

    Raises UsageError where there are none of that name.
    """
    with opened(at.store) as store:
        engine, found = store.engine, find_run(store.engine, at.run)
        span = span_of(found, at.start, at.stop)
        names = relations(engine, found, span)
        if of not in names:
            raise UsageError(f"there is no {of} in this run; there are: {', '.join(names)}")
        if of in ("hits", "words"):
            warn_of_dropped(engine, found, span, "they are not in this histogram")
        if said := partial_of(engine, names, [of]):
            typer.echo(said, err=True)
        try:
            yield RowsAsked(engine, found, *span, names, said)
        except UnknownColumnError as fault:
            raise UsageError(f"{fault}; {of} have {', '.join(columns_of(names[of]))}") from None


def columns_of(rows: Relation) -> list[str]:
    """Return the columns by which rows can be counted, beside t."""
    if rows.lineage is not None:
        return [name for name in rows.lineage.columns if name != "t"]
    return ["link", *rows.run.detector.column_names]


def span_of(run: Run, start: str | None, stop: str | None) -> tuple[int, int]:
    """Return the range [a, b) in ticks that --from and --to name; a side not named is not cut."""
    return parse_range(start, stop, run.detector.tick, run.started_at)


def wanted_triggers(
    names: Sequence[str], params: Sequence[str] = ()
) -> dict[str, Mapping[str, Any]]:
    """Return name to parameters of ``--trigger`` and ``--param name=value``.

    A parameter may be given for one trigger of several as ``trigger.name=value``.
    """
    wanted: dict[str, dict[str, Any]] = {
        name: {} for given in names for name in given.split(",") if name
    }
    for text in params:
        key, equals, value = text.partition("=")
        owner, dot, name = key.rpartition(".")
        if not equals or (dot and owner not in wanted) or (not dot and len(wanted) != 1):
            raise UsageError(
                f"--param {text!r}: write name=value, or trigger.name=value with several triggers"
                f" ({', '.join(wanted) or 'none named'})"
            )
        wanted[owner or next(iter(wanted))][name] = value
    return dict(wanted)

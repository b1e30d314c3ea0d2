"""``everyhit db``: tables on servers."""

from dataclasses import asdict

import typer

from db.engine.address import Address, is_clickhouse, parse_address
from db.errors import StoreError, UsageError
from db.servers.schema import create_reader, create_schema, shard_states
from ops.cli import app
from ops.cli.show import AsJson, Store, show, show_json
from ops.settings import settings

db = typer.Typer(help="The store on ClickHouse servers.", no_args_is_help=True)
app.add_typer(db, name="db")


@db.command()
def init(store: Store = None, as_json: AsJson = False) -> None:
    """Create the tables on every shard, bring back what is missing, upgrade what is old."""
    address = _address(store)
    _done(address, create_schema(address), as_json=as_json)


@db.command()
def migrate(store: Store = None, as_json: AsJson = False) -> None:
    """Upgrade the tables of an older everyhit on every shard."""
    address = _address(store)
    _done(address, create_schema(address, upgrade_only=True), as_json=as_json)


@db.command()
def status(store: Store = None, as_json: AsJson = False) -> None:
    """Show what is on each shard; the exit code is 1 where something is missing or wrong."""
    states = shard_states(_address(store))
    if as_json:
        show_json([asdict(state) for state in states])
    else:
        show([_line(asdict(state)) for state in states], as_json=False, title="shards")
    faults = [
        state.fault
        or f"the shard {state.host} lacks {', '.join(state.missing)}: run everyhit db init"
        for state in states
        if state.fault or state.missing
    ]
    if faults:
        raise StoreError("; ".join(dict.fromkeys(faults)))


def _line(state: dict[str, object]) -> dict[str, object]:
    mega = {
        f"{name.removesuffix('_bytes')} MB": int(str(state.pop(name))) >> 20
        for name in ("stored_bytes", "free_bytes")
    }
    missing, fault = state.pop("missing"), state.pop("fault")
    said = "see below" if fault else "lacks tables" if missing else "ok"
    return {**state, **mega, "state": said}


def _done(address: Address, version: int, *, as_json: bool) -> None:
    by_hand = create_reader(address)
    told = {"store": str(address), "shards": len(address.hosts), "schema": version}
    show([told], as_json=as_json)
    if by_hand:
        typer.echo(
            f"the servers keep their users in files: SQL of users (everyhit query) runs when this"
            f" lies in users.d on each of them:\n{by_hand}",
            err=True,
        )


def _address(store: str | None) -> Address:
    url = store or settings().store
    if not is_clickhouse(url):
        raise UsageError(
            "db is for stores on servers, clickhouse://user:password@host:9000/database; an"
            " embedded store creates and upgrades itself when it is opened"
        )
    return parse_address(url)

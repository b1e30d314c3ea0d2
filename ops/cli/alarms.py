"""``everyhit alarms``: what stopped that should go on."""

from contextlib import ExitStack, closing
from getpass import getuser
from typing import Annotated

import typer

from db.catalogue.alarms import acknowledge, list_alarms
from db.catalogue.heartbeat import beating
from db.engine.address import is_clickhouse
from db.engine.endpoint import find_endpoint
from db.errors import StoreError
from db.store import redacted, store_folder
from ops.alarms.looks import looking_engine
from ops.alarms.service import KIND, Alarms, looking, watch, who_watches
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.services import Health, Redis, of_servers
from ops.cli.show import MOST_ROWS, AsJson, Limit, Store, show
from ops.services.broker import set_broker
from ops.services.health import health
from ops.services.interrupt import interruptible
from ops.settings import settings

alarms = typer.Typer(help="What stopped that should go on.", no_args_is_help=True)
app.add_typer(alarms, name="alarms")


@alarms.command("list")
def list_(
    cleared: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    limit: Limit = MOST_ROWS,
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """List the alarms that stand, and say so if nobody looks for them."""
    with opened(store) as at:
        found = list_alarms(at.engine, cleared=cleared)
        typer.echo(_who_looks(at.url), err=True)
    rows = [
        {name: value for name, value in vars(alarm).items() if name != "revision"}
        for alarm in found
    ]
    show(rows, as_json=as_json, title="alarms", limit=limit, where=at.url)


def _who_looks(url: str) -> str:
    if not is_clickhouse(url):
        if find_endpoint(store_folder(url)):
            return "the process that has the store looks for alarms"
        return f"nobody looks for alarms in {url}: everyhit up and api do, while they run"
    start = f"everyhit alarms watch --store {url}"
    try:
        watching = who_watches(settings().redis, url)
    except StoreError as fault:
        return f"whether anybody looks for alarms is not known: {fault}; to start: {start}"
    if not watching:
        return f"nobody looks for alarms in {url}: start {start}"
    return f"{', '.join(watching)} looks for alarms"


@alarms.command("ack")
def ack(
    name: Annotated[str, typer.Argument(help="What is watched: watermark, worker, shard, …")],
    subject: Annotated[str | None, typer.Argument(help="Which one; default all of them.")] = None,
    note: Annotated[str, typer.Option("--note", help="Who looks after it, and how.")] = "",
    store: Store = None,
    as_json: AsJson = False,
) -> None:
    """Note that somebody has seen an alarm. It stands until it is over."""
    with opened(store) as at:
        seen = acknowledge(at.engine, name, subject, note, getuser())
    show([{"name": name, "acknowledged": len(seen)}], as_json=as_json)


@alarms.command("watch")
def watch_(
    every: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between looks.")] = 3.0,
    health_port: Health = None,
    redis: Redis = None,
    store: Store = None,
) -> None:
    """Look every few seconds for what stopped, until SIGTERM or Ctrl-C."""
    url = of_servers(store)
    client = set_broker(redis or settings().redis)
    with ExitStack() as stack:
        wish = stack.enter_context(interruptible())
        engine = stack.enter_context(closing(looking_engine(url)))
        standing = Alarms(engine)
        if health_port is not None:
            port = stack.enter_context(
                health(health_port, list, standing.trouble, "alarms", standing)
            )
            typer.echo(f"health on port {port}", err=True)
        of = {"store": redacted(url)}
        stack.enter_context(beating(redis or settings().redis, KIND, lambda: of))
        watch(standing, looking(engine, client), wish.wait, every)

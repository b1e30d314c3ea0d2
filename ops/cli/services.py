"""``everyhit worker`` and ``backlog``: the processes that run triggers on servers."""

from contextlib import ExitStack
from typing import Annotated

import typer

from db.catalogue.heartbeat import alive
from db.engine.address import parse_address
from db.errors import UsageError
from ops.cli import app
from ops.cli.opening import opened
from ops.cli.show import AsJson, Store, show, show_json
from ops.plain import visible
from ops.services.broker import set_broker, waiting
from ops.services.health import Reading, health
from ops.services.interrupt import interruptible
from ops.services.worker import WorkerSettings, keep_workers
from ops.settings import settings
from software_triggers.running.celery_tasks import LIVE, REPROCESS

Redis = Annotated[
    str | None, typer.Option("--redis", help="Address of Redis; default EVERYHIT_REDIS.")
]
Health = Annotated[
    int | None, typer.Option("--health", help="Serve /healthz and /metrics on this port.")
]


@app.command()
def worker(
    processes: Annotated[
        int, typer.Option("--processes", "-n", min=1, help="Tasks that are done side by side.")
    ] = 2,
    queues: Annotated[
        str, typer.Option("--queues", help="Which tasks: live,reprocess.")
    ] = f"{LIVE},{REPROCESS}",
    task_limit: Annotated[
        float, typer.Option("--task-limit", min=1, help="Seconds after which a task hangs.")
    ] = 600.0,
    health_port: Health = None,
    redis: Redis = None,
    store: Store = None,
) -> None:
    """Run triggers on the windows that the conductor sends, until SIGTERM or Ctrl-C."""
    url = of_servers(store)
    broker = redis or settings().redis
    wanted = tuple(queues.split(","))
    if strange := set(wanted) - {LIVE, REPROCESS}:
        raise UsageError(f"there is no queue {strange.pop()!r}: choose of {LIVE},{REPROCESS}")
    set_broker(broker)
    with opened(url):
        pass  # what is wrong with the store is told now, once, not by every process
    n_alive = 0

    def count(n: int) -> None:
        nonlocal n_alive
        n_alive = n

    with ExitStack() as stack:
        wish = stack.enter_context(interruptible())
        if health_port is not None:
            told = lambda: [Reading("processes", "Worker processes that live.", n_alive)]  # noqa: E731
            ill = lambda: "" if n_alive == processes else f"{n_alive} of {processes} live"  # noqa: E731
            stack.enter_context(health(health_port, told, ill, "worker"))
        work = WorkerSettings(url, broker, wanted, settings().triggers, task_limit)
        keep_workers(work, processes, wish, count)


@app.command()
def backlog(redis: Redis = None, as_json: AsJson = False) -> None:
    """Show what waits for workers, and who works: the figure by which to scale."""
    client = set_broker(redis or settings().redis)
    tasks, workers = waiting(client), alive(client, "worker")
    conductors = alive(client, "conductor")
    windows = {
        f"{run} {trigger}": figures["windows"]
        for each in conductors
        for run, of_run in each["runs"].items()
        for trigger, figures in of_run.items()
    }
    again = {
        f"reprocessing {number}": left
        for each in conductors
        for number, left in each["reprocess"].items()
    }
    if as_json:
        show_json(
            {
                "tasks": tasks,
                "windows": sum(windows.values()),
                "reprocess_windows": sum(again.values()),
                "workers": workers,
                "conductors": conductors,
            }
        )
        return
    show([{"queue": name, "tasks": n} for name, n in tasks.items()], as_json=False, title="waiting")
    show(
        [{"run and trigger": name, "windows": n} for name, n in (windows | again).items()],
        as_json=False,
        title="windows",
    )
    rows = [{"worker": w["name"], "task": w["task"], "seconds": w["seconds"]} for w in workers]
    show(rows, as_json=False, title="workers")
    if conductors and (trouble := conductors[0]["trouble"]):
        typer.echo(f"the conductor says: {visible(trouble)}", err=True)


def of_servers(store: str | None) -> str:
    """Return the address of a store on servers, as asked for or as set; else UsageError."""
    url = store or settings().store
    if not url.startswith(("clickhouse://", "clickhouses://")):
        raise UsageError(
            f"{url} belongs to one process: use everyhit up, or name a store on servers with"
            " --store clickhouse://…"
        )
    parse_address(url)
    return url

"""``make chaos``: every case in turn, a table or one JSON object at the end."""

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from db.store import open_store
from ops.chaos.case import Outcome, run_case
from ops.chaos.cluster import cluster
from ops.chaos.numbered import write_files
from ops.cli.show import AsJson, show, show_json

CASES: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "worker": ("worker",),
    "conductor": ("conductor",),
    "readout": ("readout",),
    "redis": ("redis",),
    "redis-and-its-data": ("redis-and-its-data",),
    "one-shard": ("shard1",),
    "all-shards": ("shard0", "shard1"),
    "worker-and-conductor": ("worker", "conductor"),
    "readout-and-shard": ("readout", "shard0"),
    "redis-and-conductor": ("redis", "conductor"),
    "worker-stopped": ("worker-stopped",),
    "conductor-stopped": ("conductor-stopped",),
    "readout-stopped": ("readout-stopped",),
    "redis-stopped": ("redis-stopped",),
    "shard-stopped": ("shard1-stopped",),
    "redis-data-and-conductor": ("redis-and-its-data", "conductor"),
    "worker-and-shard": ("worker", "shard1"),
    "everything": ("readout", "worker", "conductor", "redis-and-its-data", "shard0", "shard1"),
}
SUMMED = ("words_sent", "words_stored", "lost", "doubled", "events_lost", "events_doubled")


def main(
    seconds: Annotated[float, typer.Option(min=3, help="Of data, for each case.")] = 60.0,
    words_per_s: Annotated[float, typer.Option("--rate", help="Words a second in all.")] = 1e6,
    case: Annotated[list[str] | None, typer.Option(help="Only this case; default all.")] = None,
    down: Annotated[
        float | None, typer.Option(min=0, help="Seconds that they are away; default up to 3.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Kill parts of a cluster while it takes data, and count what became of every word."""
    wanted = {name: CASES[name] for name in case or CASES if name in CASES}
    if unknown := set(case or ()) - set(CASES):
        raise typer.BadParameter(f"{unknown.pop()}; there are {', '.join(CASES)}")
    outcomes: dict[str, Outcome] = {}
    folder = Path(tempfile.mkdtemp(prefix="everyhit-chaos-"))
    detector, triggers = write_files(folder)
    with cluster(folder, triggers, 2, workers) as here, open_store(here.store) as store:
        for name, victims in wanted.items():
            typer.echo(f"{name} …", err=True)
            outcomes[name] = run_case(
                here, store.engine, detector, name, victims,
                seconds=seconds, words_per_s=words_per_s, down_s=down,
            )  # fmt: skip
    good = all(each.good for each in outcomes.values())
    if good:
        shutil.rmtree(folder)
    else:
        typer.echo(f"the logs of all parts are in {folder}", err=True)
    summed = {key: sum(getattr(each, key) for each in outcomes.values()) for key in SUMMED}
    if as_json:
        show_json(summed | {"cases": {name: asdict(each) for name, each in outcomes.items()}})
    else:
        rows = [
            {
                "case": name,
                "sent": each.words_sent,
                "lost": each.lost,
                "doubled": each.doubled,
                "events lost": each.events_lost,
                "doubled ": each.events_doubled,
                "open": each.windows_open,
                "dead": each.dead_ticks,
                "s": each.seconds,
            }
            for name, each in outcomes.items()
        ]
        show(rows, as_json=False, title=f"{words_per_s:,.0f} words a second")
    raise typer.Exit(0 if good else 1)


if __name__ == "__main__":
    typer.run(main)

"""``python -m ops.chaos.kills N``: kill -9 of one process, N times at random, while data flow.

Each time the same command is started again, and at the end every word is counted.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from db.catalogue.runs import list_runs
from db.child_process import start_python
from db.engine import Engine
from db.store import open_store
from ops.chaos.case import TRIGGERS, count_run
from ops.chaos.numbered import words, write_files
from ops.cli.show import AsJson, show, show_json
from ops.demo.front_end import Sender
from ops.servers.ports import free_port

SPACING = 4000
"""Ticks between two words of the link."""
WORDS_PER_S = 250_000
FILE_WORDS = 1_500_000
RUN = "killed again and again"


@dataclass(frozen=True)
class Killed:
    """What came of kills. The last three must be 0."""

    kills: int
    amid: int
    """Kills that came while words flowed, and not before or after."""
    acknowledged: int
    """Words that had been called safe when the last kill came."""
    words: int
    """Words that were sent, or are stored of a file."""
    lost: int
    doubled: int
    wrong_rows: int
    """Rows of triggers that are missing or there twice; for files: runs that are not closed as
    interrupted."""

    @property
    def good(self) -> bool:
        """Whether nothing is lost, doubled or wrong."""
        return not (self.lost or self.doubled or self.wrong_rows)


@dataclass(frozen=True)
class Place:
    """A folder with a declaration, triggers and a store."""

    folder: Path
    detector: Path
    triggers: Path

    @property
    def store(self) -> str:
        """Where the store is."""
        return str(self.folder / "store")

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start a command; what it says goes to a log in the folder."""
        with (self.folder / "log").open("ab") as log:
            return start_python(
                "from ops.cli import main; main()",
                *arguments, *("--detector", str(self.detector), "--store", self.store),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "EVERYHIT_TRIGGERS": json.dumps([str(self.triggers)])},
            )  # fmt: skip


def kill_up(place: Place, kills: int, most_s: float, dice: random.Random) -> Killed:
    """Kill ``everyhit up`` within ``most_s`` seconds of each start, while a front-end sends."""
    port = free_port()
    line: tuple[str, ...] = ("up", "--tcp", f"127.0.0.1:{port}", "--run", RUN, "--port", "0")
    line += tuple(part for name in TRIGGERS for part in ("--trigger", name))
    with _flow(Sender(("127.0.0.1", port), 0, 1, patience_s=300)) as sender:
        amid = safe = 0
        for _ in range(kills):
            process = place.start(*line)
            _wait_to_kill(process, most_s, dice)
            amid, safe = amid + (sender.safe > safe), sender.safe
        process = place.start(*line)
    sender.drain()
    sender.close()
    process.send_signal(2)
    code = process.wait(300)
    with open_store(place.store) as store:
        (run,) = list_runs(store.engine)
        # A run begins a slice before its first word.
        counted = count_run(store.engine, run, [sender.sent], SPACING, run.detector.slice)
    wrong = counted.events_lost + counted.events_doubled
    wrong += bool(code) + (run.state != "closed")
    return Killed(kills, amid, safe, sender.sent, counted.lost, counted.doubled, wrong)


@contextmanager
def _flow(sender: Sender) -> Iterator[Sender]:
    """Send words at a pace, from a thread, until the context ends."""
    over = threading.Event()

    def send() -> None:
        n, step = 0, WORDS_PER_S // 20
        while not over.is_set():
            sender.send(words(n, n + step, SPACING))
            n += step
            over.wait(0.05)

    thread = threading.Thread(target=send, name="front-end")
    thread.start()
    try:
        yield sender
    finally:
        over.set()
        thread.join()


def _wait_to_kill(process: "subprocess.Popen[bytes]", most_s: float, dice: random.Random) -> None:
    time.sleep(dice.uniform(0, most_s))
    process.kill()
    process.wait()


def kill_ingest(place: Place, kills: int, most_s: float, dice: random.Random) -> Killed:
    """Kill ``everyhit ingest`` of one file within ``most_s`` seconds of each start."""
    file = place.folder / "words.bin"
    file.write_bytes(words(0, FILE_WORDS, SPACING).tobytes())
    for k in range(kills):
        process = place.start("ingest", str(file), "--run", f"killed {k}", "--pace", "1")
        _wait_to_kill(process, most_s, dice)
    code = place.start("ingest", str(file), "--run", "whole").wait(300)
    with open_store(place.store) as store:
        sizes, lost, doubled, wrong = _count_files(store.engine)
    whole = sizes.pop("whole", 0)
    amid = sum(0 < n < FILE_WORDS for n in sizes.values())
    lost, wrong = lost + FILE_WORDS - whole, wrong + bool(code)
    return Killed(kills, amid, whole, sum(sizes.values()) + whole, lost, doubled, wrong)


def _count_files(engine: Engine) -> tuple[dict[str, int], int, int, int]:
    """Return words of each run, holes before its last word, words that are there twice, and runs
    that are not closed as they should be."""
    rows = engine.fetch(
        "SELECT run_id, count() AS n, uniqExact(word) AS different,"
        f" max(intDiv(bitAnd(word, {2**48 - 1}), {SPACING})) + 1 AS reached"
        " FROM chunks ARRAY JOIN words AS word GROUP BY run_id"
    ).to_pylist()
    stored = {row["run_id"]: row for row in rows}
    sizes: dict[str, int] = {}
    lost = doubled = wrong = 0
    for run in list_runs(engine):
        row = stored.get(run.run_id, {"n": 0, "different": 0, "reached": 0})
        sizes[run.name] = row["different"]
        lost += row["reached"] - row["different"]
        doubled += row["n"] - row["different"]
        note = "" if run.name == "whole" else "interrupted"
        ended = row["different"] == FILE_WORDS and not run.note  # killed behind its last word
        wrong += not (run.state == "closed" and (run.note == note or ended))
    return sizes, lost, doubled, wrong


def main(
    kills: Annotated[int, typer.Argument(min=1, help="How often each is killed.")],
    only: Annotated[str | None, typer.Option(help="up or ingest; default both.")] = None,
    within: Annotated[float, typer.Option(min=0.1, help="Seconds after a start.")] = 9.0,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Kill one process again and again while data flow, and count what became of every word."""
    ways = {"up": kill_up, "ingest": kill_ingest}
    if only is not None and only not in ways:
        raise typer.BadParameter(f"{only}; there are {', '.join(ways)}")
    told = {}
    for name in [only] if only else ways:
        # The store is opened by a process of its own: an engine in one process has one store.
        folder = Path(tempfile.mkdtemp(prefix=f"everyhit-kills-{name}-"))
        place = Place(folder, *write_files(folder))
        told[name] = ways[name](place, kills, within, random.Random(seed))  # noqa: S311
        if told[name].good:
            shutil.rmtree(folder)
        else:
            typer.echo(f"store and log are in {folder}", err=True)
    if as_json:
        show_json({name: asdict(each) for name, each in told.items()})
    else:
        show([{"killed": name, **asdict(each)} for name, each in told.items()], as_json=False)
    sys.exit(0 if all(each.good for each in told.values()) else 1)


if __name__ == "__main__":
    typer.run(main)

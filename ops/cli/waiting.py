"""What a terminal shows while a statement takes long."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeElapsedColumn

from db.engine import Engine
from db.engine.progress import progress_of
from db.errors import StoreError

_PATIENCE_S, _EVERY_S = 1.0, 0.5


def progress_bars(*columns: ProgressColumn, quiet: bool = False) -> Progress:
    """Return progress bars on standard error, gone at the end; none where it is no terminal."""
    console = Console(stderr=True)
    hidden = quiet or not console.is_terminal
    return Progress(*columns, console=console, disable=hidden, transient=True)


@contextmanager
def shown_while_asked(engine: Engine, console: Console | None = None) -> Iterator[None]:
    """Show, from a second on, how far the engine is with what it is asked inside.

    It is drawn on standard error, if that is a terminal, and gone at the end.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    over, began = threading.Event(), time.monotonic()

    def show() -> None:
        if over.wait(_PATIENCE_S):
            return
        columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
        with Progress(*columns, console=console, transient=True) as bars:
            bar = bars.add_task("asking", total=None)
            while not over.wait(_EVERY_S):
                try:
                    found = progress_of(engine, time.monotonic() - began)
                except StoreError:  # who may not look sees that time passes
                    continue
                if found is not None:
                    bars.update(
                        bar,
                        description=f"{found.read:,} rows read",
                        completed=found.read,
                        total=found.total or None,
                    )

    shower = threading.Thread(target=show, name="progress", daemon=True)
    shower.start()
    try:
        yield
    finally:
        over.set()
        shower.join()

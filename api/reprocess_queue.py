"""Reprocessing in the process that owns a store: on a thread, one after the other."""

import threading
from collections.abc import Iterable
from pathlib import Path

from db.engine import Engine
from software_triggers.running.reprocess import Reprocessor, reprocess
from software_triggers.running.threads import ThreadQueue


class ReprocessQueue:
    """Does what is asked for, until closed. What was not done by then is done by the next owner.

    A store on servers has no owner: there the conductor does it.
    """

    def __init__(self, engine: Engine, folders: Iterable[Path] = ()) -> None:
        self._over = threading.Event()
        reprocessor = Reprocessor(
            engine,
            lambda _: ThreadQueue(engine),  # one thread: data taking goes first
            folders=folders,
            most_at_once=1,
        )
        self._thread = threading.Thread(
            target=reprocess,
            args=(reprocessor, self._over.is_set),
            name="reprocessing",
            daemon=True,  # a notebook that ends without closing its store does not hang
        )
        self._thread.start()

    def close(self) -> None:
        """Stop after the task that is under way."""
        self._over.set()
        self._thread.join()

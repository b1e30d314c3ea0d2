"""A simulated telescope that sends its words to a TCP port, from a thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from db.detector import load
from ops.demo.front_end import Sender
from readout.simulator.conditions import Conditions
from readout.simulator.live import live

TELESCOPE = "drift_tubes_v2"


@contextmanager
def sending(port: int, muons: float = 300.0) -> Iterator[Callable[[], None]]:
    """Send until the context's end, or until what it yields is called.

    What was not safe when a readout died is sent again.
    """
    over, senders = threading.Event(), dict[int, Sender]()

    def work() -> None:
        conditions = Conditions(muon_rate_hz=muons)
        for piece in live(load(TELESCOPE), conditions, 1, sleep=over.wait):
            if over.is_set():
                break
            for link, words in piece.links.items():
                sender = senders.setdefault(link, Sender(("127.0.0.1", port), link, 7))
                sender.send(words)
                sender.poll()

    thread = threading.Thread(target=work, name="telescope", daemon=True)
    thread.start()

    def stop() -> None:
        over.set()
        thread.join(90)

    try:
        yield stop
    finally:
        stop()
        for sender in senders.values():
            sender.close()

"""The readout as a service: each source in its own thread, one loop that takes what they bring.

Memory is bounded in words of 8 bytes, whatever the store does: the intake holds at most 2 M words
of sources that can wait and 2 M of the others, the chunkers and the batch in hand 2 M, the writer
4 M; a TCP connection 64 k, a UDP port 1 M. Writing a batch copies it twice (the spool's bytes, the
insert's columns): with 64 links 22 M words, 180 MB, beside the 160 MB of the libraries. Measured:
at most 411 MB.
"""

import threading
from collections.abc import Callable, Iterator, Mapping

import structlog

from readout.intake import Intake
from readout.readout import Readout
from readout.silence import Silence
from readout.source.block import Block

_log = structlog.get_logger()

_TAKE_S, _END_S = 0.02, 2.0


def serve(
    readout: Readout,
    sources: Mapping[str, Iterator[Block]],
    intake: Intake,
    stop: threading.Event,
    silence: Silence,
    connected: Callable[[int], bool | None] = lambda _: None,
    at_first: Callable[[Block], None] = lambda _: None,
) -> None:
    """Take the words of all sources until all have ended, or until ``stop`` and soon after.

    ``at_first`` sees the first block before the readout does. A source that fails is one line in
    the log, the others go on, and its error is raised at the end. While the spool is full,
    sources that can wait do. ``silence`` looks after links that say nothing; ``connected`` tells it
    which have a connection.
    """
    failures: list[Exception] = []
    threads = [
        threading.Thread(target=_feed, args=(name, blocks, intake, failures), daemon=True)
        for name, blocks in sources.items()
    ]
    for thread in threads:
        thread.start()
    while True:
        ending = stop.is_set() or not any(thread.is_alive() for thread in threads)
        if ending:
            intake.open_wide()
            for thread in threads:
                thread.join(_END_S)  # a device may never answer
        # The end's last words are fewer than what "full" leaves free.
        room = ending or not readout.full
        block = intake.take(0 if ending else _TAKE_S, also_waiting=room)
        if block:
            at_first(block)
            at_first = _nothing
            readout.push(block)
            silence.heard(block.link)
        elif ending:
            break
        if readout.due:
            readout.beat(*silence.look(readout.newest, connected))
    if failures:
        raise failures[0]


def _nothing(block: Block) -> None:
    """What is done at every block but the first."""


def _feed(name: str, blocks: Iterator[Block], intake: Intake, failures: list[Exception]) -> None:
    try:
        for block in blocks:
            intake.put(block)
    except Exception as fault:  # raised at the end, when what the others bring is safe
        _log.error("a source failed", source=name, why=str(fault))
        failures.append(fault)

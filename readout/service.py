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
from readout.link.silence import Silence
from readout.readout import Readout
from readout.source.block import Block

_log = structlog.get_logger()

_TAKE_S, _END_S = 0.02, 2.0


class Feed:
    """The sources' threads, and the intake between them and whoever takes their words.

    A source that fails is one line in the log, and the others go on.
    """

    def __init__(
        self, sources: Mapping[str, Iterator[Block]], intake: Intake, stop: threading.Event
    ) -> None:
        self.intake, self._stop = intake, stop
        self.failures: list[Exception] = []
        """Of sources that ended by them."""
        self._threads = [
            threading.Thread(target=self._feed, args=each, daemon=True) for each in sources.items()
        ]
        for thread in self._threads:
            thread.start()

    def next(self, *, room: bool = True) -> Block | None:
        """The next block, or None when none came in a short time.

        Without ``room`` only a block of a source that can't wait; at the end there always is room:
        its last words are fewer than what a full spool leaves free.
        """
        ending = self.ending()
        return self.intake.take(0 if ending else _TAKE_S, also_waiting=room or ending)

    def ending(self) -> bool:
        """Whether no more words come than those that wait, since all sources have ended."""
        if not self._stop.is_set() and any(thread.is_alive() for thread in self._threads):
            return False
        self.intake.open_wide()
        for thread in self._threads:
            thread.join(_END_S)  # a device may never answer
        return True

    def _feed(self, name: str, blocks: Iterator[Block]) -> None:
        try:
            for block in blocks:
                self.intake.put(block)
        except Exception as fault:  # raised at the end, when what the others bring is safe
            _log.error("a source failed", source=name, why=str(fault))
            self.failures.append(fault)


def take(
    readout: Readout,
    feed: Feed,
    silence: Silence,
    connected: Callable[[int], bool | None] = lambda _: None,
    at_first: Callable[[Block], None] = lambda _: None,
    over: Callable[[], bool] = lambda: False,
) -> None:
    """Take words until all sources have ended, or until it is ``over``: what had come then is in.

    ``at_first`` sees the first block before the readout does. While the spool is full, sources
    that can wait do. ``silence`` looks after links that say nothing; ``connected`` tells it which
    have a connection.
    """

    def push(block: Block) -> None:
        nonlocal at_first
        at_first(block)
        at_first = _nothing
        readout.push(block)
        silence.heard(block.link)

    while not over():
        ending = feed.ending()
        if block := feed.next(room=not readout.full):
            push(block)
        elif ending:
            return
        if readout.due:
            readout.beat(*silence.look(readout.newest, connected))
    for block in feed.intake.take_all():
        push(block)


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

    The error of a source that failed is raised at the end.
    """
    feed = Feed(sources, intake, stop)
    take(readout, feed, silence, connected, at_first)
    if feed.failures:
        raise feed.failures[0]


def _nothing(block: Block) -> None:
    """What is done at every block but the first."""

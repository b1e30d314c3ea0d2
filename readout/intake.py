"""Between the sources' threads and the readout: a bounded queue of blocks."""

import threading
from collections import deque

from readout.source.block import Block


class Intake:
    """Holds at most ``most_words`` words of sources that can wait, and as many of the others.

    One block more than that is let in, or a block larger than the bound would never be.
    """

    def __init__(self, most_words: int = 1 << 21) -> None:
        self._most_words = most_words
        self._change = threading.Condition()
        self._blocks: dict[bool, deque[Block]] = {True: deque(), False: deque()}
        self._words = {True: 0, False: 0}
        self._closed = False

    @property
    def n_words(self) -> int:
        """Words that wait to be taken."""
        return sum(self._words.values())

    def put(self, block: Block) -> None:
        """Hand in a block; waits while there are too many words of its kind."""
        kind = block.can_wait
        with self._change:
            self._change.wait_for(lambda: self._closed or self._words[kind] < self._most_words)
            self._blocks[kind].append(block)
            self._words[kind] += len(block.words)
            self._change.notify_all()

    def take(self, timeout_s: float, *, also_waiting: bool = True) -> Block | None:
        """The next block, those first that can't wait; None if there is none in that time.

        Without ``also_waiting``, blocks that can wait are left where they are.
        """
        kinds = (False, True) if also_waiting else (False,)
        with self._change:
            self._change.wait_for(lambda: any(self._blocks[kind] for kind in kinds), timeout_s)
            for kind in kinds:
                if self._blocks[kind]:
                    block = self._blocks[kind].popleft()
                    self._words[kind] -= len(block.words)
                    self._change.notify_all()
                    return block
        return None

    def take_all(self) -> list[Block]:
        """All blocks that wait just now, each kind in order."""
        with self._change:
            blocks = [*self._blocks[False], *self._blocks[True]]
            for kind in self._blocks:
                self._blocks[kind].clear()
                self._words[kind] = 0
            self._change.notify_all()
        return blocks

    def open_wide(self) -> None:
        """Let nobody wait any more: the sources are about to end."""
        with self._change:
            self._closed = True
            self._change.notify_all()

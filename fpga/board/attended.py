"""A simulated board whose registers are on the network while words go through it."""

import select
import socket
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from db.detector.words import Words
from db.errors import SourceError, UsageError
from fpga.board.network import frames
from fpga.board.simulated import SimulatedBoard

AT_ONCE = 4096
"""Words between which the registers may be asked for."""
_PACKET, _LOOK_S = 2048, 0.1


@dataclass
class AttendedBoard:
    """Answers packets of ``fpga.control.protocol`` at an address, in a thread, while it lasts.

    Raises UsageError for an address that can't be had. Use it in a with statement.
    """

    board: SimulatedBoard
    address: tuple[str, int] = ("127.0.0.1", 0)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind(self.address)
        except OSError as fault:
            self._socket.close()
            where = f"{self.address[0]}:{self.address[1]}"
            raise UsageError(f"can't listen on {where}: {fault.strerror}") from None
        self.address = self._socket.getsockname()[:2]
        self._thread = threading.Thread(target=self._work, name="registers", daemon=True)

    def through(self, words: Words, link: Words) -> list[bytes]:
        """Packets of what comes of words in the order of their times, each with its link."""
        found = []
        for k in range(0, len(words), AT_ONCE):
            with self._lock:
                out = self.board.in_turn(words[k : k + AT_ONCE], link[k : k + AT_ONCE])
            found += frames(out)
        return found

    def counted(self) -> dict[str, int]:
        """All counters of the board by name."""
        with self._lock:
            return self.board.counted()

    def _work(self) -> None:
        while not self._over.is_set():
            if not select.select([self._socket], [], [], _LOOK_S)[0]:
                continue
            packet, sender = self._socket.recvfrom(_PACKET)
            try:
                with self._lock:
                    told = self.board.answer(packet)
            except SourceError:  # it is no packet that asks, and nobody is told
                continue
            self._socket.sendto(told, sender)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

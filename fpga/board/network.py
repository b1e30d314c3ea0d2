"""A network that loses packets and turns their order around, as seldom as it is told."""

import random
import socket
from dataclasses import dataclass, field

from db.detector.words import Words
from db.words.frame import HEADER, read_header


def frames(out: Words) -> list[bytes]:
    """The frames in a board's output, one packet each. Raises SourceError for anything else."""
    raw, found = memoryview(out.astype("<u8", copy=False).tobytes()), []
    while len(raw):
        size = HEADER.size + 8 * read_header(raw).n_words
        found.append(bytes(raw[:size]))
        raw = raw[size:]
    return found


@dataclass
class Network:
    """Sends packets to an address by UDP, one by one.

    A share ``loss`` of them never comes, a share ``swap`` comes after the next one. ``flush`` sends
    what waits for a next one.
    """

    address: tuple[str, int]
    loss: float = 0.0
    swap: float = 0.0
    seed: int = 0
    packets: int = 0
    """That were given to ``send``, those that were lost among them."""
    lost_packets: int = 0
    lost_words: int = 0
    swapped: int = 0
    _late: bytes | None = None
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - chance, no secret
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, packet: bytes, *, surely: bool = False) -> None:
        """Send a packet or lose it; ``surely`` loses none."""
        self.packets += 1
        if not surely and self._chance.random() < self.loss:
            self.lost_packets += 1
            self.lost_words += read_header(packet).n_words
        elif not surely and self._late is None and self._chance.random() < self.swap:
            self._late = packet
        else:
            self._socket.sendto(packet, self.address)
            self.swapped += self._late is not None
            self.flush()

    def flush(self) -> None:
        """Send the packet that waits, if one does."""
        if self._late is not None:
            self._socket.sendto(self._late, self.address)
            self._late = None

    def close(self) -> None:
        """Send what waits and close the socket."""
        self.flush()
        self._socket.close()

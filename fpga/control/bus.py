"""The registers of a board on the network, for who controls it."""

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from db.errors import EveryhitError, SourceError
from fpga.control.protocol import MOST_ENTRIES, Entry, asked, read_answered
from fpga.control.registers import ABOUT, KNOWN, Registers

PATIENCE_S, TRIES = 0.2, 5
_PACKET = 2048


class BoardError(EveryhitError):
    """A board doesn't answer, or not as it should: look at its power, its network, its design."""

    code = "board"


@dataclass
class Bus:
    """Asks a board at an address; who gets no answer in PATIENCE_S asks again, TRIES times in all.

    All raise BoardError for a board that stays silent or that keeps other than what was written.
    """

    address: tuple[str, int]
    _number: int = 0
    _socket: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def registers(self) -> Registers:
        """Which registers the board has."""
        known, links, channels, shape, constants = self.read([ABOUT + k for k in range(5)])
        if known != KNOWN or not links or not channels:
            raise BoardError(
                f"the board at {self} speaks another map of registers, {known:#x} instead of"
                f" {KNOWN:#x}: load a design of this version"
            )
        return Registers(links, channels, shape, constants)

    def read(self, addresses: Sequence[int]) -> list[int]:
        """What the registers hold, each read once, in this order."""
        return self._asked([Entry(address) for address in addresses])

    def write(self, values: Mapping[int, int]) -> None:
        """Set registers, by their addresses."""
        held = self._asked([Entry(address, value) for address, value in values.items()])
        for (address, value), found in zip(values.items(), held, strict=True):
            if found != value:
                raise BoardError(
                    f"the board at {self} keeps {found} in register {address:#x} instead of {value}"
                )

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _asked(self, entries: Sequence[Entry]) -> list[int]:
        found: list[int] = []
        for k in range(0, len(entries), MOST_ENTRIES):
            found += self._answer(entries[k : k + MOST_ENTRIES])
        return found

    def _answer(self, entries: Sequence[Entry]) -> list[int]:
        for _ in range(TRIES):
            # A number a try: what a late answer says of counters is of another moment.
            self._number = (self._number + 1) % 2**32
            try:
                self._socket.sendto(asked(self._number, entries), self.address)
                if (held := self._came(len(entries))) is not None:
                    return held
            except OSError as fault:
                raise BoardError(f"the board at {self} can't be reached: {fault}") from None
        raise BoardError(
            f"the board at {self} does not answer: is it on, and is that the port of its registers?"
        )

    def _came(self, n: int) -> list[int] | None:
        """The answer to what was asked last; None if none came in time."""
        until = time.monotonic() + PATIENCE_S
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                packet, sender = self._socket.recvfrom(_PACKET)
                number, held = read_answered(packet)
            except (TimeoutError, SourceError):
                continue
            if number == self._number and len(held) == n and sender[1] == self.address[1]:
                return held
        return None

    def __str__(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"

"""All network sources of one readout."""

import threading
from collections.abc import Iterator, Mapping, Sequence

import structlog

from readout.source.block import Block, Place
from readout.source.tcp import TcpSource
from readout.source.udp import UdpSource

_log = structlog.get_logger()

Address = tuple[str, int]


class Sources:
    """Listens on all addresses; raises UsageError if one can't be had.

    ``places`` are those up to which each link's words came in an earlier process.
    """

    def __init__(
        self,
        tcp: Sequence[Address],
        udp: Sequence[Address],
        words_per_hit: int,
        places: Mapping[int, Place],
        stop: threading.Event,
    ) -> None:
        self._tcp = [TcpSource(address, words_per_hit, places, stop) for address in tcp]
        self._udp = [UdpSource(address, words_per_hit, places, stop) for address in udp]
        self._of_tcp: set[int] = set()
        for name in self.blocks():
            _log.info("listening", on=name)

    @property
    def ports(self) -> list[tuple[str, int]]:
        """``tcp`` or ``udp`` and the port, of each address; of use if port 0 was asked for."""
        return [("tcp", each.port) for each in self._tcp] + [
            ("udp", each.port) for each in self._udp
        ]

    @property
    def lost(self) -> int:
        """Hits that never came, by their senders' counts."""
        return sum(tcp.lost for tcp in self._tcp) + sum(udp.lost for udp in self._udp)

    @property
    def foreign(self) -> int:
        """Packets that are no frames of words."""
        return sum(source.foreign for source in self._udp)

    @property
    def repeated(self) -> int:
        """Packets that brought nothing new."""
        return sum(source.repeated for source in self._udp)

    def blocks(self) -> dict[str, Iterator[Block]]:
        """The blocks of each source, by its name."""
        return {f"tcp {source.port}": source.blocks() for source in self._tcp} | {
            f"udp {source.port}": source.blocks() for source in self._udp
        }

    def connected(self, link: int) -> bool | None:
        """Whether a link that came over TCP is connected; None for one that did not."""
        now = {link for source in self._tcp for link in source.connected}
        self._of_tcp |= now
        return link in now if link in self._of_tcp else None

    def tell_safe(self, places: Mapping[int, Place]) -> None:
        """Tell the senders the places up to which their words are safe."""
        for source in self._tcp:
            source.tell_safe(places)

    def close(self) -> None:
        """Close all sockets."""
        for tcp in self._tcp:
            tcp.close()
        for udp in self._udp:
            udp.close()

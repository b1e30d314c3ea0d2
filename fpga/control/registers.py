"""The map of a board's registers, of 32 bits each, for whoever sits at either end of its bus."""

from dataclasses import dataclass

from db.errors import UsageError

ABOUT, NEWEST, FILTER, GATES = 1 << 13, 2 << 13, 3 << 13, 4 << 13
"""Addresses from which on there are: what the board is; the newest hits; the filter; the channels.

Below ABOUT are the counters. At FILTER stands 1 while the filter rests and keeps all, behind it are
its constants, in two's complement."""
KNOWN = 0x45484201
"""What stands at ABOUT: the board speaks this map. Behind it are its links, the channels of each,
and its filter: what shape it has (0: there is none), and how many constants."""
KEEP, SEEN, REMOVED = range(3)
"""Tables of channels: what passes (no hit 0, all 1, one in n), hits that came, hits removed."""
OF_LINK = ("in", "overflowed", "removed")


@dataclass(frozen=True)
class Registers:
    """Which registers a board has."""

    links: int
    channels: int
    """Of a link; link k has the channels from k * channels on."""
    filter_shape: int = 0
    """Of ``fpga.selection.constants``; 0 for a board without a filter."""
    constants: int = 0

    @property
    def counters(self) -> tuple[str, ...]:
        """The names of the counters, in the order of their addresses from 0 on."""
        named = (f"link{k}_{name}" for k in range(self.links) for name in OF_LINK)
        return (*named, "filtered", "added", "sent", "packets")

    def gate(self, channel: int, table: int) -> int:
        """The address of a channel's register in a table of its gate (KEEP, SEEN, REMOVED).

        Raises UsageError for a channel that no link of the board has.
        """
        if not 0 <= channel < self.links * self.channels:
            most = self.links * self.channels - 1
            raise UsageError(f"there is no channel {channel} on the board: it has 0 to {most}")
        link, own = divmod(channel, self.channels)
        return GATES + (link * 4 + table) * self.channels + own

    def newest(self, link: int) -> tuple[int, int]:
        """The addresses of the low and the high half of the last sound hit that came on a link.

        The high half is that of the hit whose low half was asked for last; 0 before the first hit.
        """
        return NEWEST + 2 * link, NEWEST + 2 * link + 1

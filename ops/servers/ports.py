"""Ports on which nobody listens."""

import random
import socket
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_ports(n: int) -> list[int]:
    """Return n ports of this machine on which nobody listens.

    They lie below the range from which the system takes the ports of outgoing connections: no
    connection can take one of them before it is listened on, nor while a server is down.
    """
    low, high = 10_000, 32_000
    if _EPHEMERAL.exists():
        high = min(high, int(_EPHEMERAL.read_text().split()[0]))
    if high - low < 1000:
        low, high = 1024, 65_536
    found: list[int] = []
    for port in random.SystemRandom().sample(range(low, high), min(high - low, 200 + 10 * n)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == n:
            return found
    raise OSError(f"no {n} free ports between {low} and {high}")


def free_port() -> int:
    """Return a port of this machine on which nobody listens."""
    return free_ports(1)[0]

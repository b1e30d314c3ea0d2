"""A cluster of processes on this machine with the page in front: shards, Redis, and all services."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from front_end import TELESCOPE, sending
from served_page import serving

from ops.chaos.cluster import Cluster, Part, cluster
from ops.servers.ports import free_port


@dataclass(frozen=True)
class ServedCluster:
    """A cluster, its readout, which waits for orders, and the address of its page."""

    cluster: Cluster
    readout: Part
    page: str


@contextmanager
def served_cluster(folder: Path, n_shards: int = 2) -> Iterator[ServedCluster]:
    """Start it all, with a telescope that sends to the readout."""
    triggers, port = folder / "triggers", free_port()
    triggers.mkdir()
    with cluster(folder, triggers, n_shards, 1) as parts:
        told = ("--detector", TELESCOPE, "--name", "crate", "--tcp", f"127.0.0.1:{port}")
        readout = parts.service("readout", "readout", *told, "--spool", str(folder / "spool"))
        readout.start()
        environment = os.environ | {"EVERYHIT_REDIS": parts.environment["EVERYHIT_REDIS"]}
        api = ("api", "--port", "0", "--store", parts.store)
        try:
            with sending(port), serving(*api, environment=environment) as (_, address):
                yield ServedCluster(parts, readout, address)
        finally:
            readout.kill()

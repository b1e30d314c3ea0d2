from contextlib import ExitStack

import pytest
from processes import TRIGGER, Cluster
from retained import folder  # noqa: F401  a fixture

from ops.servers.clickhouse import url


@pytest.fixture
def cluster(servers, server_engine, tmp_path):
    """A Redis; processes are started by the test, and asked to end behind it."""
    (tmp_path / "slow.py").write_text(TRIGGER)
    here = Cluster(tmp_path, url(servers[:1], "alone"), servers[0])
    with ExitStack() as stack:
        stack.callback(here.redis.kill)
        yield here
        here.end()

"""What the configuration of servers must say of a store on several shards; how one listens."""

from collections.abc import Sequence
from xml.sax.saxutils import escape


def cluster_xml(name: str, shards: Sequence[tuple[str, int]], user: str, password: str) -> str:
    """Return the section that tells a server which shards make the store."""
    shard = "\n".join(
        "      <shard><replica>\n"
        f"        <host>{escape(host)}</host><port>{port}</port>\n"
        f"        <user>{escape(user)}</user><password>{escape(password)}</password>\n"
        "      </replica></shard>"
        for host, port in shards
    )
    return f"  <remote_servers>\n    <{name}>\n{shard}\n    </{name}>\n  </remote_servers>\n"


LISTEN = (
    "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP;"
    " SELECT sum(sleepEachRow(1)) FROM numbers(1000000000) SETTINGS max_block_size = 1,"
    " function_sleep_max_microseconds_per_block = 1000000000000 FORMAT Null"
)
"""What the engine's local program runs to serve until it is killed."""

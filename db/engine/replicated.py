"""The same tables, with replicas: for servers with a Keeper."""

import re

_ENGINE = re.compile(r"ENGINE = (?P<family>\w*MergeTree)(?:\((?P<args>[^)]*)\))?")
# Replicas of a shard find each other by this path; shard and replica are the servers' own macros.
_PLACE = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"


def replicated(ddl: str) -> str:
    """Return a CREATE TABLE with its MergeTree made a replicated one; other text as it is."""

    def engine(found: re.Match[str]) -> str:
        args = f", {found['args']}" if found["args"] else ""
        return f"ENGINE = Replicated{found['family']}({_PLACE}{args})"

    whole = _ENGINE.sub(engine, ddl)
    return whole.replace("non_replicated_deduplication_window", "replicated_deduplication_window")

"""The schema on servers: created on every shard, seen as one, looked at before it is used."""

from dataclasses import dataclass, replace
from typing import Any

import structlog

from db.catalogue.runs import list_runs
from db.engine.address import Address
from db.engine.reader_account import create_statements, reader_of, reader_xml
from db.engine.server import ClickHouseEngine, connect, whole_name
from db.errors import StoreError
from db.results.rows import create_results, list_lineages
from db.schema.migrate import migrate, newer, tables_of, version
from db.schema.tables import newest_version, tables
from db.servers.configuration import cluster_xml
from db.words.hits_view import create_views

_log = structlog.get_logger()


def create_reader(address: Address) -> str:
    """Make the user that only reads on every shard, and return "" or the XML to add by hand.

    The schema comes first. By hand, where users live in the servers' configuration alone. Raises
    StoreError.
    """
    databases = _databases(address)
    for k in range(len(address.hosts)):
        alone = connect(replace(address.of_shard(k), database="default"))
        try:
            for statement in create_statements(address, databases):
                alone.execute(statement)
        except StoreError as fault:
            if "(ACCESS_" not in str(fault):
                raise
            if not _knows(alone, reader_of(address).user):
                return reader_xml(address, databases)
        finally:
            alone.close()
    return ""


def _knows(engine: ClickHouseEngine, user: str) -> bool:
    sql = "SELECT count() AS n FROM system.users WHERE name = {user:String}"
    try:
        return bool(engine.fetch(sql, {"user": user})["n"][0].as_py())
    except StoreError:  # who may not list users can't know
        return False


def create_schema(address: Address, *, upgrade_only: bool = False) -> int:
    """Create or upgrade the tables on every shard, mend what is missing, return the version.

    With ``upgrade_only`` a shard without the store's database is an error. Raises StoreError; what
    was done by then is right, and doing it again goes on from there.
    """
    _same_servers(address)
    engine = connect(address)
    try:
        for k, shard in enumerate(engine.shards):
            if not upgrade_only:
                _create_databases(address, k)
            found = version(shard.here)
            if upgrade_only and not found:
                raise StoreError(f"there is no store on {shard.host} yet: run everyhit db init")
            migrate(shard.here, mend=True)
        if len(engine.shards) > 1:
            for shard in engine.shards:
                for table in tables():
                    shard.distribute(table, anew=True)
        for run in list_runs(engine):
            create_views(engine, run.detector)
            for lineage in list_lineages(engine, run.run_id):
                create_results(engine, lineage)
    finally:
        engine.close()
    return newest_version()


def check_schema(engine: ClickHouseEngine, *, allow_missing_shards: bool = False) -> None:
    """Raise StoreError that says what to do where a shard's schema is not the one known here.

    With ``allow_missing_shards`` shards may be away, unless all are.
    """
    away: list[StoreError] = []
    for shard in engine.shards:
        try:
            found = version(shard.here)
        except StoreError as fault:
            away.append(fault)
            if not allow_missing_shards or len(away) == len(engine.shards):
                raise
            _log.warning("a shard is away", host=shard.host, said=str(fault))
            continue
        if found > newest_version():
            raise StoreError(f"{shard.host}: {newer(found)}")
        if found and found < newest_version():
            raise StoreError(
                f"{shard.host} has schema version {found}, this everyhit wants"
                f" {newest_version()}: run everyhit db migrate --store {engine.address}"
            )
        if missing := _missing(shard):
            raise StoreError(
                f"the shard {shard.host} lacks the table {missing[0]}: run everyhit db init"
                f" --store {engine.address}"
            )
    if len(engine.shards) == 1:
        _refuse_a_part(engine)


@dataclass(frozen=True)
class ShardState:
    """What lies on a shard."""

    shard: int
    host: str
    server: str
    """Version of the server; empty for one that does not answer."""
    schema: int = 0
    missing: tuple[str, ...] = ()
    """Tables that should be there."""
    chunks: int = 0
    words: int = 0
    stored_bytes: int = 0
    """What the chunks take on the disk."""
    free_bytes: int = 0
    fault: str = ""


def shard_states(address: Address) -> list[ShardState]:
    """Return what lies on each shard; a shard that can't be asked says why."""
    engine = connect(address)
    try:
        return [_state(address, k, shard) for k, shard in enumerate(engine.shards)]
    finally:
        engine.close()


def _state(address: Address, k: int, shard: ClickHouseEngine) -> ShardState:
    alone = connect(replace(address.of_shard(k), database="default"))
    try:
        server = str(alone.fetch("SELECT version() AS v")["v"][0].as_py())
        free = alone.fetch("SELECT toUInt64(min(free_space)) AS n FROM system.disks")["n"][0]
    except StoreError as fault:
        return ShardState(k, shard.host, "", fault=str(fault))
    finally:
        alone.close()
    state = ShardState(k, shard.host, server, free_bytes=int(free.as_py()))
    try:
        missing = _missing(shard)
        state = replace(state, schema=version(shard.here), missing=tuple(missing))
        if f"{shard.here.database}.chunks" in missing:
            return state
        return replace(state, **_sizes(shard.here))
    except StoreError as fault:
        return replace(state, fault=str(fault))


def _missing(shard: ClickHouseEngine) -> list[str]:
    return [
        f"{place.database}.{name}"
        for place in dict.fromkeys((shard.here, shard))
        for there in [tables_of(place)]
        for name in tables()
        if name not in there
    ]


def _sizes(here: ClickHouseEngine) -> dict[str, Any]:
    counted = here.fetch(
        "SELECT (SELECT count() FROM chunks) AS chunks,"
        " (SELECT sum(length(words)) FROM chunks) AS words,"
        " (SELECT sum(bytes_on_disk) FROM system.parts WHERE active"
        " AND database = currentDatabase() AND table = 'chunks') AS stored_bytes"
    )
    return dict(counted.to_pylist()[0])


def _create_databases(address: Address, k: int) -> None:
    alone = connect(replace(address.of_shard(k), database="default"))
    try:
        for name in _databases(address):
            alone.execute(f"CREATE DATABASE IF NOT EXISTS {name}")
    finally:
        alone.close()


def _databases(address: Address) -> list[str]:
    whole = [whole_name(address.database)] if len(address.hosts) > 1 else []
    return [address.database, *whole]


def _same_servers(address: Address) -> None:
    """Raise StoreError unless each server knows the shards, as many and in the order as we do."""
    if len(address.hosts) == 1:
        return
    for k, (host, port) in enumerate(address.hosts):
        alone = connect(replace(address.of_shard(k), database="default"))
        try:
            known = alone.fetch(
                "SELECT shard_num AS shard, host_name AS host, port, is_local AS local"
                " FROM system.clusters WHERE cluster = {name:String} ORDER BY shard_num",
                {"name": address.cluster},
            ).to_pylist()
        finally:
            alone.close()
        shards = {row["shard"] for row in known}
        if len(shards) != len(address.hosts):
            there = f"has {len(shards)} shards" if shards else "is not there"
            raise StoreError(
                f"in the configuration of {host}:{port} the cluster {address.cluster} {there}, the"
                f" store's address names {len(address.hosts)}; add to it, with the password:\n"
                + cluster_xml(address.cluster, address.hosts, address.user, "***")
            )
        own = {row["shard"] for row in known if row["local"]}
        if own and k + 1 not in own:
            raise StoreError(
                f"{host}:{port} is shard {min(own)} of the cluster {address.cluster}: name the"
                " hosts in the store's address in the order of "
                + ", ".join(f"{row['host']}:{row['port']}" for row in known)
            )


def _refuse_a_part(engine: ClickHouseEngine) -> None:
    whole = whole_name(engine.database)
    found = engine.fetch(
        "SELECT count() AS n FROM system.databases WHERE name = {name:String}", {"name": whole}
    )
    if found["n"][0].as_py():
        raise StoreError(
            f"{engine.host} is one shard of a store on several: name all hosts in the store's"
            " address"
        )

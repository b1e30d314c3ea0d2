"""The user as whom SQL of people runs on servers: may read what a query needs, and nothing else.

It is the second wall behind ``db.user_sql.confine``. Its password follows from the password of the
user who keeps the store, so that it is written down nowhere.
"""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b, sha256
from xml.sax.saxutils import escape

from db.engine import LONGEST
from db.engine.address import Address

LIMITS = {
    "readonly": "1",
    "max_execution_time": "120",
    "max_memory_usage": "2000000000",
    "max_bytes_before_external_group_by": "0",
    "max_bytes_before_external_sort": "0",
    "max_result_rows": "20000000",
    "max_result_bytes": "2000000000",
    "result_overflow_mode": "throw",
    "max_rows_to_read": "100000000000",
    "max_threads": "4",
    "max_concurrent_queries_for_user": "20",
    "max_subquery_depth": "50",
    "max_query_size": str(LONGEST),
    "allow_ddl": "0",
    "allow_introspection_functions": "0",
    # As every statement that sees all shards has them; a reader can't set them.
    "distributed_product_mode": "global",
    "connect_timeout_with_failover_ms": "1000",
    "send_profile_events": "0",
}
"""Settings of the reader, none of which it can change."""

_TABLES = (
    "chunks",
    "dropped_chunks",
    "fetched_chunks",
    "rates",
    "gaps",
    "ledger",
    "rows_*",
    "hits_*",
    "words_*",
    "channels_*",
)


def reader_of(address: Address) -> Address:
    """Return the same store as the reader sees it."""
    text = f"{address.user} {address.database} {address.password}".encode()
    return replace(
        address,
        user=f"{address.database}_reader",
        password=blake2b(text, key=b"everyhit reader", digest_size=24).hexdigest(),
    )


def create_statements(address: Address, databases: list[str]) -> Iterator[str]:
    """Return the SQL that makes the reader, or makes it anew."""
    reader = reader_of(address)
    limits = ", ".join(
        f"{name} = {value if value.isdecimal() else repr(value)}" for name, value in LIMITS.items()
    )
    yield (
        f"CREATE USER OR REPLACE {reader.user}"
        f" IDENTIFIED WITH sha256_hash BY '{_sha256(reader)}' SETTINGS {limits}"
    )
    for grant in grants(databases):
        yield f"{grant} TO {reader.user}"


def reader_xml(address: Address, databases: list[str]) -> str:
    """Return the same as a file for a server's ``users.d``."""
    reader = reader_of(address)
    limits = "".join(f"      <{name}>{value}</{name}>\n" for name, value in LIMITS.items())
    granted = "".join(f"        <query>{escape(g)}</query>\n" for g in grants(databases))
    return (
        f"<clickhouse>\n  <profiles>\n    <{reader.user}>\n{limits}    </{reader.user}>\n"
        f"  </profiles>\n  <users>\n    <{reader.user}>\n"
        f"      <password_sha256_hex>{_sha256(reader)}</password_sha256_hex>\n"
        "      <networks><ip>::/0</ip></networks>\n"
        f"      <profile>{reader.user}</profile>\n      <quota>default</quota>\n"
        f"      <grants>\n{granted}      </grants>\n"
        f"    </{reader.user}>\n  </users>\n</clickhouse>\n"
    )


def grants(databases: list[str]) -> Iterator[str]:
    """Return the SQL that lets the reader read, without the name of whom it is granted to."""
    return (f"GRANT SELECT ON {base}.{table}" for base in databases for table in _TABLES)


def _sha256(reader: Address) -> str:
    return sha256(reader.password.encode()).hexdigest()

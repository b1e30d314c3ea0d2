"""Creates a store's tables and brings older ones up to date.

A migration is a file ``NNNN_name.sql`` in this folder; its number is the schema's version. Each of
its statements can be run again: a migration that was interrupted, or a table that was lost, is
mended by running all of them.
"""

from db.engine import Engine
from db.errors import StoreError
from db.schema.tables import CREATED, DURABLE, newest_version, scripts


def migrate(engine: Engine, *, mend: bool = False) -> int:
    """Bring the tables that lie here to the newest schema and return its version.

    With ``mend`` every migration runs again, which brings back tables that are missing.
    Raises StoreError when the store was written by a newer everyhit.
    """
    found, newest = version(engine), newest_version()
    if found > newest:
        raise StoreError(newer(found))
    for number, text in sorted(scripts().items()):
        if number <= found and not mend:
            continue
        for statement in _statements(text):
            run = engine.define if CREATED.search(statement) else engine.execute
            run(statement)
        if number > found:
            engine.execute(
                "INSERT INTO schema_versions (version) VALUES ({v:UInt32})", {"v": number}
            )
    _make_durable(engine)
    return newest


def _make_durable(engine: Engine) -> None:
    """Let inserts into tables of older versions, and into new ones, wait for the disk."""
    found = engine.fetch(
        "SELECT name FROM system.tables WHERE database = currentDatabase()"
        " AND engine LIKE '%MergeTree' AND create_table_query NOT LIKE '%fsync_after_insert%'"
    )
    for name in found["name"].to_pylist():
        engine.execute(f"ALTER TABLE `{name}` MODIFY SETTING {DURABLE}")


def version(engine: Engine) -> int:
    """Return the schema's version, 0 where there is none."""
    if "schema_versions" not in tables_of(engine):
        return 0
    return int(engine.fetch("SELECT max(version) AS v FROM schema_versions")["v"][0].as_py())


def newer(found: int) -> str:
    """Return what to say about a store of a version above ours."""
    return (
        f"the store has schema version {found}, this everyhit knows up to {newest_version()}:"
        " upgrade everyhit, or open another store"
    )


def tables_of(engine: Engine) -> set[str]:
    """Return the names of all tables and views in the engine's database."""
    found = engine.fetch("SELECT name FROM system.tables WHERE database = currentDatabase()")
    return set(found["name"].to_pylist())


def _statements(text: str) -> list[str]:
    """Cut a script at its semicolons, with comments and strings understood."""
    import sqlglot  # only a store of an older schema needs it

    tokens = sqlglot.tokenize(text, dialect="clickhouse")
    ends = [token.start for token in tokens if token.token_type is sqlglot.TokenType.SEMICOLON]
    starts = [0] + [end + 1 for end in ends]
    pieces = [text[a:b].strip() for a, b in zip(starts, [*ends, len(text)], strict=True)]
    return [piece for piece in pieces if piece]

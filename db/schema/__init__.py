"""Creates a store's tables and brings older ones up to date.

A migration is a file ``NNNN_name.sql`` in this folder; its number is the schema's version.
"""

from importlib.resources import files

import sqlglot

from db.engine import Engine
from db.errors import StoreError


def migrate(engine: Engine) -> int:
    """Bring the store to the newest schema and return its version.

    Raises StoreError when the store was written by a newer everyhit.
    """
    found = version(engine)
    steps = _steps()
    newest = max(steps)
    if found > newest:
        raise StoreError(
            f"the store has schema version {found}, this everyhit knows up to {newest}:"
            " upgrade everyhit, or open another store"
        )
    for number in range(found + 1, newest + 1):
        for statement in _statements(steps[number]):
            engine.execute(statement)
        engine.execute("INSERT INTO schema_versions (version) VALUES ({v:UInt32})", {"v": number})
    return newest


def version(engine: Engine) -> int:
    """Return the store's schema version, 0 for an empty store."""
    exists = engine.fetch(
        "SELECT count() AS n FROM system.tables"
        " WHERE database = currentDatabase() AND name = 'schema_versions'"
    )
    if not exists["n"][0].as_py():
        return 0
    return int(engine.fetch("SELECT max(version) AS v FROM schema_versions")["v"][0].as_py())


def _steps() -> dict[int, str]:
    return {
        int(file.name[:4]): file.read_text()
        for file in files(__name__).iterdir()
        if file.name.endswith(".sql")
    }


def _statements(text: str) -> list[str]:
    """Cut a script at its semicolons, with comments and strings understood."""
    tokens = sqlglot.tokenize(text, dialect="clickhouse")
    ends = [token.start for token in tokens if token.token_type is sqlglot.TokenType.SEMICOLON]
    starts = [0] + [end + 1 for end in ends]
    pieces = [text[a:b].strip() for a, b in zip(starts, [*ends, len(text)], strict=True)]
    return [piece for piece in pieces if piece]

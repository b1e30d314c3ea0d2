"""Blocks that are stored once, however often they are tried, whatever was killed meanwhile."""

from collections.abc import Callable

import pyarrow as pa

from db.engine import Engine
from db.errors import StoreError

_TRIES = 5


def insert_once(
    engine: Engine, table: str, rows: pa.Table, token: str | None, there: Callable[[], bool] | None
) -> None:
    """Insert the rows as one block, which a token keeps from being stored twice.

    The store notes a token, and then puts the block in its place: killed in between, it recognises
    for ever what it has not got. It syncs the block and not its notes: after a power cut it has got
    what it does not recognise. So a block that may have been tried before is looked for (``there``)
    first, and goes under another token while it is missing. The tokens follow from the first one:
    of two processes that look for the same block, one stores it. Raises StoreError.
    """
    if there is None:
        engine.insert(table, rows, token)
        return
    for again in range(_TRIES):
        if there():
            return
        engine.insert(table, rows, f"{token} {again}" if again else token)
    if not there():
        raise StoreError(
            f"the store acknowledges a block of {table} and does not show it: see doctor"
        )

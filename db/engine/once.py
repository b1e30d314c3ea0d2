"""Blocks that are stored once, however often they are tried, whatever was killed meanwhile."""

from collections.abc import Callable
from itertools import chain

import pyarrow as pa

from db.engine import Engine
from db.errors import StoreError

_TRIES = 5


def insert_once(
    engine: Engine, table: str, rows: pa.Table, token: str | None, there: Callable[[], bool] | None
) -> None:
    """Insert the rows as one block, which a token keeps from being stored twice.

    The store notes a token, and then puts the block in its place: killed in between, it recognises
    for ever what it has not got. So a block that may have been tried before is looked for
    (``there``), and goes under another token while it is missing. The tokens follow from the first
    one: of two processes that look for the same block, one stores it. Raises StoreError.

    A server that was killed gets the block once more before anybody looks: what its views lack of
    it is made up for then. An engine in this process may have been ended by a power cut, which
    leaves it blocks and takes its notes of them: there it is looked for first.
    """
    if there is None:
        engine.insert(table, rows, token)
        return
    tokens = chain([token], (f"{token} {again}" for again in range(_TRIES)))
    if engine.keeps_tokens:
        engine.insert(table, rows, next(tokens))
    for other in tokens:
        if there():
            return
        engine.insert(table, rows, other)
    if not there():
        raise StoreError(
            f"the store acknowledges a block of {table} and does not show it: see doctor"
        )

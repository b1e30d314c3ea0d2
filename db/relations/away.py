"""Statements over hits whose words lie in another home: they are fetched, and it runs again.

A statement that meets such a chunk fails, so that whoever has none pays nothing. Then the words of
its range are put into the store's table ``fetched_chunks`` under a number of their own, beside the
results that the statement may read, too, and go when it has ended.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TypeVar

from db.engine import Engine
from db.errors import StoreError, UsageError
from db.relations.relation import Relation
from db.words.hits_view import AWAY
from db.words.homes.fetched import Fetched, fetch_away, forget_fetched, is_unchanged, words_away

MOST_WORDS = 200_000_000
"""So many words a statement may fetch from other homes."""

T = TypeVar("T")
Relations = Mapping[str, Relation]


def with_words(engine: Engine, relations: Relations, ask: Callable[[Relations], T]) -> T:
    """Return what ``ask`` returns, a statement over the relations, which it gets by name.

    Raises StoreError where words can't be had from their home, UsageError where they are too many.
    """
    try:
        return ask(relations)
    except StoreError as fault:
        if AWAY not in str(fault):
            raise
    for _ in range(3):
        with ExitStack() as stack:
            ready: dict[str, Relation] = {}
            sure: list[tuple[Relation, Fetched]] = []
            for name, relation in relations.items():
                ready[name] = relation
                if relation.of_words:
                    fetched = stack.enter_context(_fetched(engine, relation))
                    ready[name] = replace(relation, fetched=fetched.number)
                    sure.append((relation, fetched))
            found = ask(ready)
            if all(is_unchanged(engine, fetched) for _, fetched in sure):
                return found
    raise StoreError("words went from home to home while they were read: ask again")


@contextmanager
def _fetched(engine: Engine, relation: Relation) -> Iterator[Fetched]:
    run = relation.run
    n, home = words_away(engine, run.run_id, relation.a, relation.b, run.detector.slice)
    if n > MOST_WORDS:
        raise UsageError(
            f"{n:,} words of run {run.run_id} lie in {home}, and a statement fetches {MOST_WORDS:,}"
            " at most: ask for a shorter range (--from, --to), or bring them back with everyhit"
            f" run restore {run.run_id}"
        )
    fetched = fetch_away(engine, run.run_id, relation.a, relation.b, run.detector.slice)
    try:
        yield fetched
    finally:
        forget_fetched(engine, fetched.number)

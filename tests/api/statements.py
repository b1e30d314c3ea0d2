"""What the API asks of the store, statement by statement."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def counted(app_state) -> Iterator[list[str]]:
    """Every statement that the API makes meanwhile."""
    engine, said = app_state.store.engine, []

    class Counting:
        def __getattr__(self, name):
            def call(*args, **kwargs):
                said.append(args[0])
                return getattr(engine, name)(*args, **kwargs)

            return call

    object.__setattr__(app_state.store, "engine", Counting())
    try:
        yield said
    finally:
        object.__setattr__(app_state.store, "engine", engine)

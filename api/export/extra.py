"""The hint that an export needs a package that is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from db.errors import UsageError


@contextmanager
def needs_extra(what: str) -> Iterator[None]:
    """Turn the lack of a package into a line that tells what to install."""
    try:
        yield
    except ImportError as fault:
        raise UsageError(
            f"{what} can't be written here: {fault.name} is missing;"
            " install everyhit[export], or ask for parquet"
        ) from None

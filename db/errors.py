"""The errors a user can meet, by what the user can do about them.

Every message says what is wrong, where, and what to do. The command line prints it as one
line; the API sends ``code`` and the same line.
"""

import re

# What the engine says when the query is not at fault.
_OF_THE_STORE = {
    "NOT_ENOUGH_SPACE",
    "ALL_CONNECTION_TRIES_FAILED",
    "ATTEMPT_TO_READ_AFTER_EOF",
    "CANNOT_SCHEDULE_TASK",
    "QUERY_WAS_CANCELLED",
    "TOO_MANY_SIMULTANEOUS_QUERIES",
    "UNKNOWN_DATABASE",
    "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
    "CANNOT_READ_FROM_FILE_DESCRIPTOR",
    "CANNOT_OPEN_FILE",
    "CHECKSUM_DOESNT_MATCH",
    "CORRUPTED_DATA",
    "NETWORK_ERROR",
    "SOCKET_TIMEOUT",
    "TABLE_IS_READ_ONLY",
    "TOO_MANY_PARTS",
    "UNKNOWN_TABLE",
}


class EveryhitError(Exception):
    """Root of all errors that are meant for a user's eyes."""

    code = "error"


class DeclarationError(EveryhitError):
    """A detector's declaration is wrong: mend the file."""

    code = "declaration"


class SelectionError(EveryhitError):
    """An expression is wrong: mend its text.

    ``text`` is the whole expression, ``start`` and ``stop`` the half-open range of characters at
    fault; the message shows them underlined.
    """

    code = "selection"

    def __init__(self, problem: str, text: str, start: int, stop: int) -> None:
        self.problem, self.text, self.start, self.stop = problem, text, start, stop
        marks = " " * start + "^" * max(1, stop - start)
        super().__init__(f"{problem}\n  {text}\n  {marks}")


class SourceError(EveryhitError):
    """What a source delivers can't be read: look at the file, the link or the format."""

    code = "source"


class StoreError(EveryhitError):
    """The store can't be opened, read or written: look at its address, its owner or its disk."""

    code = "store"

    @property
    def of_the_query(self) -> bool:
        """Whether the engine blames the query, by the name with which it ends its sentence."""
        named = re.search(r"\(([A-Z0-9_]+)\)\s*$", str(self))
        return named is not None and named[1] not in _OF_THE_STORE


class StoreBusyError(StoreError):
    """Another process has the store open: ask that one, stop it, or take another store."""


class TriggerError(EveryhitError):
    """A trigger is wrong, or failed on a window: mend the trigger."""

    code = "trigger"


class UsageError(EveryhitError):
    """A command or request asks for something that makes no sense here: ask differently."""

    code = "usage"


class SqlError(EveryhitError):
    """A user's SQL is refused or fails: mend the query."""

    code = "sql"


class UnknownColumnError(SqlError):
    """A user's SQL names a column that nothing has that it reads."""

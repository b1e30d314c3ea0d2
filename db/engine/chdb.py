"""The embedded engine, chDB, behind the protocol of ``db.engine``."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from db.engine import LONGEST, Params
from db.engine.chdb_reader import ChdbReader, write_configuration
from db.engine.sentence import without_stack
from db.errors import StoreError

try:
    import chdb
except RuntimeError as fault:  # it makes a folder for itself when it is loaded
    said = str(fault).partition("Stack")[0]
    named = re.search(r'\["([^"]+)', said)
    where = f" in {Path(named[1]).parent}" if named else ""
    raise StoreError(
        f"the engine needs a folder for itself{where} (TMPDIR names another place) and gets none:"
        f" {'no space is left there' if 'No space left' in said else said[:300]}"
    ) from None

DATABASE = "everyhit"

# The engine reads a block from a file in memory at half of what looking into this process for it
# costs. Only where a row has so many bytes, as full chunks have, the copy would cost more.
_LONG_ROW = 30_000
_AS_IT_IS = "input_format_null_as_default = 0, input_format_arrow_allow_missing_columns = 0"


class ChdbEngine:
    """ClickHouse as a library in this process, its data in one folder.

    A connection runs one statement at a time, so each thread gets its own; all of them share the
    same engine. Statements release the GIL.
    """

    def __init__(self, folder: Path) -> None:
        self.database = DATABASE
        self.shards = (self,)
        self.inserts_at_once = 1
        self.keeps_tokens = False
        self.here = self
        self._access = TemporaryDirectory(prefix="everyhit-")
        config = write_configuration(Path(self._access.name), DATABASE)
        self._address = f"{folder}?config-file={config}"
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._connections: list[Any] = []
        self._closed = False
        try:
            self._first = _connect(self._address)
        except RuntimeError as fault:
            raise StoreError(f"the engine can't open {folder}: {_said(fault)}") from None
        self._folder = folder
        self._opened = _identity(folder)
        self._first.query(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
        self.reader = ChdbReader(self)

    def execute(self, sql: str, params: Params | None = None) -> None:
        """Run a statement that returns nothing; raises StoreError with the engine's words."""
        self._query(sql, "Null", params)

    def define(self, sql: str) -> None:
        """Run a CREATE of a table or a view."""
        self.execute(sql)

    def fetch(self, sql: str, params: Params | None = None) -> pa.Table:
        """Return the result of a SELECT as an Arrow table, uncompressed and without copies."""
        result = self._query(sql, "Arrow", params).get_memview()
        # chDB's own "arrowtable" frees the memory under its table: ours holds on to the result.
        memory = pa.py_buffer(result.view())
        held = pa.foreign_buffer(memory.address, memory.size, base=result)
        return pa.ipc.open_file(held).read_all()

    def insert(self, table: str, rows: pa.Table, token: str | None = None) -> None:
        """Insert the rows as one block. With a token, a repeated insert is stored once."""
        names = ", ".join(f"`{name}`" for name in rows.column_names)
        once = (
            f", insert_deduplication_token = '{token}'"
            ", deduplicate_blocks_in_dependent_materialized_views = 1"
            if token
            else ", deduplicate_insert = 'disable'"
        )
        block = rows.combine_chunks()
        into = f"INSERT INTO {table} ({names})"
        how = f"SETTINGS max_threads = 1, max_insert_threads = 1{once}"
        if block.nbytes > _LONG_ROW * block.num_rows:  # chDB finds the variable by its name
            self._query(f"{into} {how} SELECT {names} FROM Python(block)", "Null", None, block)
            return
        with _file_in_memory(block) as file:
            self._query(
                f"{into} FROM INFILE '{file}' {how}, {_AS_IT_IS} FORMAT ArrowStream", "Null"
            )

    def close(self) -> None:
        """Release the engine. Further calls raise StoreError."""
        with self._lock:
            self._closed = True
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._first.close()
            self._access.cleanup()

    def _query(
        self, sql: str, fmt: str, params: Params | None = None, block: pa.Table = None
    ) -> Any:
        connection = self._connection()
        self._check_folder()
        try:
            result = connection.query(sql, fmt, params=_written(params or {}))
        except RuntimeError as fault:
            # What a statement had written before it failed would stand in front of the next result.
            self._drop(connection)
            raise StoreError(_said(fault)) from None
        self._check_folder()
        return result

    def _check_folder(self) -> None:
        """Raise StoreError if the folder is not the one that was opened.

        The engine itself would make a new one, and write where nobody looks.
        """
        if _identity(self._folder) != self._opened:
            raise StoreError(
                f"the folder {self._folder} was removed or moved while the store was open: what is"
                " written now would be lost; stop, and put it back or name another --store"
            )

    def _drop(self, connection: Any) -> None:
        self._mine.connection = None
        with self._lock:
            if connection in self._connections:
                self._connections.remove(connection)
                connection.close()

    def _connection(self) -> Any:
        connection = getattr(self._mine, "connection", None)
        if connection is None or self._closed:
            with self._lock:
                if self._closed:
                    raise StoreError("the store is closed")
                connection = _connect(self._address)
                self._connections.append(connection)
            connection.query(f"USE {DATABASE}")
            # One thread a statement: workers give the parallelism, and a single stream lets the
            # Arrow result go out at memory speed (250 against 25 million words/s, measured).
            connection.query(
                "SET max_threads = 1, output_format_arrow_compression_method = 'none',"
                f" max_query_size = {LONGEST}"
            )
            self._mine.connection = connection
        return connection


@contextmanager
def _file_in_memory(block: pa.Table) -> Iterator[str]:
    """Yield the path of a table as an Arrow stream: one record batch, so that it is one block."""
    number = os.memfd_create("block")
    try:
        with (
            open(number, "wb", closefd=False) as file,
            pa.ipc.new_stream(file, block.schema) as out,
        ):
            out.write_table(block)
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def _written(params: Params) -> dict[str, Any]:
    """Return the parameters as the engine takes them: text with its own escapes."""
    return {name: _escaped(value) for name, value in params.items()}


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, list | tuple) and value and isinstance(value[0], str):
        quoted = (each.translate(_ESCAPES).replace("'", "\\'") for each in value)
        return "[" + ",".join(f"'{each}'" for each in quoted) + "]"
    return value


_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"})


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _connect(address: str) -> Any:
    return chdb.connect(address)  # type: ignore[no-untyped-call]


def _said(fault: Exception) -> str:
    """The engine's own sentence, without its code number in front and stack behind."""
    return without_stack(str(fault)).split("DB::Exception: ", 1)[-1]

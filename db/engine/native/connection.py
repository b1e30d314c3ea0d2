"""One connection to a ClickHouse server, over which blocks come and go as Arrow."""

import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from clickhouse_driver import errors
from clickhouse_driver.block import BlockInfo
from clickhouse_driver.connection import Connection
from clickhouse_driver.protocol import ServerPacketTypes
from clickhouse_driver.reader import read_binary_str, read_binary_uint8
from clickhouse_driver.streams.compressed import (
    CompressedBlockInputStream,
    CompressedBlockOutputStream,
)
from clickhouse_driver.streams.native import BlockInputStream, BlockOutputStream
from clickhouse_driver.varint import read_varint, write_varint
from clickhouse_driver.writer import write_binary_str, write_binary_uint8

from db.engine import Params
from db.engine.native.read import read_column
from db.engine.native.types import arrow_field, parse_type
from db.engine.native.wire import Sink, Source
from db.engine.native.write import native_type, plain, write_column

# What the driver would log, we raise.
logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)

# What the driver itself wants to be told before each statement.
_OF_THE_CLIENT = {
    "server_side_params": True,
    "quota_key": "",
    "opentelemetry_traceparent": None,
    "opentelemetry_tracestate": "",
    "use_numpy": False,
    "strings_as_bytes": True,
}


class ArrowConnection(Connection):  # type: ignore[misc]
    """The driver's connection: greeting, authentication, TLS, packets, errors; Arrow as blocks."""

    def __init__(self, host: str, port: int, in_database: str, **how: Any) -> None:
        super().__init__(host, port, **how)
        self.in_database = in_database
        self.process = os.getpid()
        """Who opened it: a child must not speak on its parent's connection."""
        self._settled: object = None

    def __del__(self) -> None:
        """Close what a thread left when it ended; its parent's connection a child leaves open."""
        if self.process == os.getpid():
            self.disconnect()

    def run(
        self,
        sql: str,
        params: Params,
        settings: Mapping[str, Any],
        rows: pa.Table | None = None,
    ) -> pa.Table:
        """Run a statement, send the rows that it asks for, and return what comes back.

        Raises the driver's errors; then the connection is closed, since what would come next on it
        is unknown.
        """
        try:
            self.context.settings = dict(settings)
            self.context.client_settings = _OF_THE_CLIENT
            self.force_connect()
            self._use_database()
            self.send_query(sql, params=params)
            self.send_external_tables(None)
            if rows is not None:
                next(self._batches())  # the server shows what it expects
                self.send_data(rows)
                self.send_external_tables(None)
            batches = list(self._batches())
        except BaseException:
            self.disconnect()
            raise
        if not batches:
            return pa.table({})
        return pa.Table.from_batches([b for b in batches if b.num_rows], batches[0].schema)

    def _init_connection(self, host: str, port: int) -> None:
        """Connect; a NetworkError carries its reason as its cause."""
        try:
            super()._init_connection(host, port)
        except (OSError, EOFError) as fault:
            self.disconnect()
            raise errors.NetworkError(str(fault)) from fault

    def receive_hello(self) -> None:
        """Wait for the server's greeting no longer than for its connection."""
        self.socket.settimeout(self.connect_timeout)
        super().receive_hello()
        self.socket.settimeout(self.send_receive_timeout)

    def _use_database(self) -> None:
        """Name the database in a statement of its own: the greeting is no place for its errors."""
        if self._settled is not self.socket:
            self.send_query(f"USE {self.in_database}")
            self.send_external_tables(None)
            list(self._batches())
            self._settled = self.socket

    def _batches(self) -> Iterator[pa.RecordBatch]:
        while True:
            packet = self.receive_packet()
            if packet.type == ServerPacketTypes.EXCEPTION:
                raise packet.exception
            if packet.type == ServerPacketTypes.END_OF_STREAM:
                return
            if packet.type == ServerPacketTypes.DATA and packet.block is not None:
                yield packet.block

    def get_block_in_stream(self) -> BlockInputStream:
        """Return what reads blocks."""
        kind = _CompressedIn if self.compression else _PlainIn
        stream = kind(self.fin, self.context)
        stream.source = Source(stream.fin, None if self.compression else self.socket)
        return stream

    def get_block_out_stream(self) -> BlockOutputStream:
        """Return what writes blocks."""
        if self.compression:
            size = self.compress_block_size
            stream = _CompressedOut(self.compressor_cls, size, self.fout, self.context)
        else:
            stream = _PlainOut(self.fout, self.context)
        stream.sink = Sink(stream.fout, None if self.compression else self.socket)
        return stream


class _ArrowIn:
    fin: Any
    source: Source

    def read(self, use_numpy: bool | None = None) -> pa.RecordBatch:
        BlockInfo().read(self.fin)
        n_columns, n_rows = read_varint(self.fin), read_varint(self.fin)
        fields, columns = [], []
        for _ in range(n_columns):
            name, kind = read_binary_str(self.fin), parse_type(read_binary_str(self.fin))
            custom = bool(read_binary_uint8(self.fin))
            field = arrow_field(name, kind)
            fields.append(field)
            columns.append(
                read_column(kind, n_rows, self.source, custom=custom)
                if n_rows
                else pa.array([], field.type)
            )
        if not fields:
            return None
        return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


class _ArrowOut:
    fout: Any
    sink: Sink

    def write(self, block: Any) -> None:
        if not isinstance(block, pa.Table):
            super().write(block)  # type: ignore[misc]
            return
        block_info = BlockInfo()
        block_info.write(self.fout)
        write_varint(block.num_columns, self.fout)
        write_varint(block.num_rows, self.fout)
        for name, column in zip(block.column_names, block.columns, strict=True):
            values = plain(column)
            write_binary_str(name, self.fout)
            write_binary_str(native_type(values), self.fout)
            write_binary_uint8(0, self.fout)
            write_column(values, self.sink)
        self.finalize()  # type: ignore[attr-defined]


class _PlainIn(_ArrowIn, BlockInputStream):  # type: ignore[misc]
    pass


class _CompressedIn(_ArrowIn, CompressedBlockInputStream):  # type: ignore[misc]
    pass


class _PlainOut(_ArrowOut, BlockOutputStream):  # type: ignore[misc]
    pass


class _CompressedOut(_ArrowOut, CompressedBlockOutputStream):  # type: ignore[misc]
    pass

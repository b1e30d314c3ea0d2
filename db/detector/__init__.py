"""Detectors: one declaration gives decoders for NumPy, Polars and ClickHouse, and the encoder."""

from db.detector.column_sql import bare_sql, column_sql
from db.detector.declaration import available, load, loads
from db.detector.decode import decode
from db.detector.detector import Column, Detector, Field, Shape, TextColumn, ranges
from db.detector.encode import encode

__all__ = [
    "Column",
    "Detector",
    "Field",
    "Shape",
    "TextColumn",
    "available",
    "bare_sql",
    "column_sql",
    "decode",
    "encode",
    "load",
    "loads",
    "ranges",
]

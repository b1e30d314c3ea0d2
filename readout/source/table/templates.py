"""Declarations that work as they are, to begin from."""

TABLE = """\
# How the rows of a table become hits. everyhit detector guess FILE writes one from your file.
name = "NAME"
title = "Hits in a table"

[clock]
# A row may be earlier than one before it by so much. A tick is the unit of the time, unless
# tick_ns says something else.
disorder = "1 us"

[table]
# For text: separator = ";" (or "space" for any blanks), comment = "#", decimal = ",",
# order = ["TIME", "CHANNEL", "ADC"] if there is no header, missing = ["nan"] for no value.
# bad_rows = "skip" counts rows that are no hits and goes on.
# place = "Data" is the tree of a ROOT file, or the group of an HDF5 file.
# since = 1970-01-01T00:00:00Z says when the times count from, if the file knows.
# The time is the sum of these columns, each times what one of it is worth ("UTC" for dates).
time = { TIME = "1 ns" }

# A name for each value, and its column. Types are uint1 to uint64 and int2 to int64; unit is what
# one count is worth, base = 16 reads 0x4000.
[table.values]
channel = { column = "CHANNEL", type = "uint16" }
adc = { column = "ADC", type = "uint16" }
"""

WORDS = """\
# What the bits of a hit's word mean; lowest and highest bit are both included.
name = "NAME"
title = "Words of 64 bits"

[fields]
time = { bits = [0, 43] }
adc = { bits = [44, 55] }
channel = { bits = [56, 63] }

# A tick of 1 ns; the counter starts anew after 2**44 of them. A word may come so much later than
# one with a later time, and a chunk holds so much time at most.
[clock]
tick_ns = 1
time = "time"
wrap = "2**44"
disorder = "10 us"
slice = "100 ms"

# More columns are expressions over fields and columns before them, as in
# [columns]
# charge_pc = "adc * 0.25"
"""

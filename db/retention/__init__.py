"""How long raw words are kept: policies, pins, and parts of ``chunks`` that are put aside.

Words leave in two steps. A part of the table is detached: it stays on the disk, nobody reads it,
and it can come back. After a time of grace it is dropped for good. What is known of a chunk beside
its words stays for ever (``db.words.headers``), and so do rates, results, events and gaps.
"""

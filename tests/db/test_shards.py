from datetime import timedelta
from itertools import count

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.chunk import Chunk
from db.chunks import link_state, read_arrivals, read_words, write_chunks
from db.errors import StoreError
from db.hits_view import key
from db.ledger import ROW, commit, current
from db.results import create_results, insert_rows, read_committed, sweep
from db.shards import by_shard, home_of, shard_of, write_by_shard
from tests_ticks import NOW

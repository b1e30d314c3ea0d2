"""Makes a store with raw words of 2024, of two days: ``python tests/web/old_words.py STORE``."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ticks import TOY, Hit, toy_chunks

from db.catalogue.runs import close_run, open_run
from db.store import open_store
from db.words.shards import write_by_shard

BEGIN = datetime(2024, 3, 1, 5, tzinfo=UTC)

if __name__ == "__main__":
    with open_store(sys.argv[1]) as store:
        run = open_run(store.engine, TOY, name="<i>old</i> run", cell=100, started_at=BEGIN)
        for seq, day in enumerate((BEGIN, BEGIN + timedelta(days=1))):
            hits = [Hit(10_000 * seq + 10 * k, k % 3, k % 4) for k in range(90)]
            chunks = [replace(c, seq=100 * seq + c.seq) for c in toy_chunks(run.run_id, hits)]
            write_by_shard(store.engine, chunks, TOY, day)
        close_run(store.engine, run)

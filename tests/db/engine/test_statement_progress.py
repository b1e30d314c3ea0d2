import threading
import time

from db.engine.progress import progress_of


def test_a_statement_tells_how_far_it_is(engine):
    long = "SELECT sum(sleepEachRow(0.02)) AS n FROM numbers(150) SETTINGS max_block_size = 5"
    thread = threading.Thread(target=engine.fetch, args=(long,))
    began, seen = time.monotonic(), []
    thread.start()
    while thread.is_alive():
        time.sleep(0.3)
        if found := progress_of(engine, time.monotonic() - began):
            seen.append(found)
    assert len(seen) > 2
    reads = [found.read for found in seen]
    assert reads == sorted(reads)
    assert 0 < reads[-1] <= 150
    assert progress_of(engine, 1000) is None

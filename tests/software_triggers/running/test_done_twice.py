"""Whatever is done twice on real servers is there once: workers, deliveries, conductors."""

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from ticks import Hit, toy_chunks, write
from workbench import SOME, TRIGGERS, rows, same, stages_of, standing

from db.engine.server import connect
from db.errors import StoreError
from db.words.shards import home_of
from ops.servers.redis import Redis
from ops.services.broker import set_broker
from ops.services.worker_threads import _forget_broker
from software_triggers.conductor.conductor import Job, conduct
from software_triggers.running import celery_tasks as tasks
from software_triggers.running.threads import ThreadQueue
from software_triggers.task.chain import chains_of
from software_triggers.task.process import process

MADE = SOME + [Hit(t + 20, 1, 2) for t in range(0, 1500, 111)]  # some are pairs


def filled(engine, wanted):
    stages = stages_of(engine, wanted=wanted)
    write(engine, stages[0].run, toy_chunks(stages[0].run.run_id, MADE))
    return stages


def test_two_workers_on_the_same_windows_at_the_same_moment(shards_engine):
    stages = filled(shards_engine, {"pairs": {}, "second_echoes": {}})
    engines = [connect(shards_engine.address) for _ in range(3)]
    together = threading.Barrier(len(engines))

    def work(engine):
        rng = Random(1)
        run = stages[0].run
        for chain in chains_of(stages):
            for first in range(-2, 17, 5):
                together.wait()
                process(
                    home_of(engine, first * run.cell, run.detector.slice),
                    chain, first, first + 5 + rng.randrange(2), complete=True,
                )  # fmt: skip

    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(work, engines))
    for engine in engines:
        engine.close()
    assert same(shards_engine, stages, MADE)


def test_two_conductors_at_once(shards_engine):
    """Without the lock that keeps the second one waiting."""
    stages = filled(shards_engine, {"pairs": {}, "second_echoes": {}})
    engines = [connect(shards_engine.address) for _ in range(2)]

    def work(engine):
        job, line = Job(engine, stages[0].run, stages), ThreadQueue(engine, 2)
        job.close()
        conduct([job], line, most_cells=4)
        line.withdraw()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, engines))
    for engine in engines:
        engine.close()
    assert same(shards_engine, stages, MADE)


@pytest.fixture
def redis(tmp_path):
    server = Redis(tmp_path / "redis")
    server.start()
    set_broker(server.url)
    yield server
    _forget_broker()
    server.kill()


def test_a_task_delivered_three_times(server_engine, redis, monkeypatch, tmp_path):
    """Twice it is done, and found done; a third delivery has ended two workers: it is left."""
    (tmp_path / "pairs.sql").write_text(TRIGGERS["pairs"].source)
    stages = filled(server_engine, {"pairs": {}})
    monkeypatch.setattr(tasks, "_bench", tasks.WorkerContext(server_engine, (tmp_path,)))
    task = tasks.process_cells

    def deliver():
        told = (stages[0].run.run_id, {"pairs": stages[0].lineage.lineage}, '{"pairs": {}}')
        task.push_request(id="one task", delivery_info={"redelivered": True})
        try:
            return task.run(*told, -1, 17, True)
        finally:
            task.pop_request()

    assert deliver() == len(standing(server_engine, stages[0])) > 10
    before = standing(server_engine, stages[0])
    assert deliver() == 0
    with pytest.raises(StoreError, match="three times"):
        deliver()
    assert standing(server_engine, stages[0]).equals(before)
    assert same(server_engine, stages, MADE)
    assert rows(server_engine, stages)["pairs"]

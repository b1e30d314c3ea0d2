"""Clocks of hosts that jump about: what is found does not hang on them."""

import datetime as dt
import shutil
import subprocess
import time

import pytest
from processes import MADE, TIMES, attempts, found, wait
from ticks import NOW, toy_chunks, toy_run
from up import Lab, until, words_of

from db.catalogue.heartbeat import alive
from db.catalogue.reprocessings import ask_reprocessing, find_reprocessing
from db.catalogue.runs import amend_run, close_run
from db.time import WHOLE
from db.words.shards import write_by_shard
from ops.demo.front_end import Sender
from ops.services.broker import set_broker

# Every two seconds the clock of the wall jumps, by two days forward or back.
JUMPS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

static int (*real)(clockid_t, struct timespec *);

int clock_gettime(clockid_t clock, struct timespec *now)
{
    struct timespec up;
    if (!real)
        real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    real(CLOCK_MONOTONIC, &up);
    if (clock == CLOCK_REALTIME)
        now->tv_sec += up.tv_sec / 2 % 2 ? 86400 : -86400;
    return failed;
}

time_t time(time_t *told)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told)
        *told = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *told, void *zone)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


@pytest.fixture
def jumps(tmp_path):
    """A library to be loaded before all others."""
    if shutil.which("cc") is None:
        pytest.skip("a clock is made to jump by a library in C, and there is no compiler")
    (tmp_path / "jumps.c").write_text(JUMPS)
    made = tmp_path / "jumps.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", made, tmp_path / "jumps.c", "-ldl"], check=True)
    return str(made)


def test_the_library_makes_clocks_jump(jumps):
    ask = "import datetime, time; a = time.time();\n"
    ask += "while abs(time.time() - a) < 100_000: time.sleep(0.05)\n"
    subprocess.run(["python3", "-c", ask], env={"LD_PRELOAD": jumps}, check=True, timeout=30)


def test_clocks_that_jump_change_no_result(cluster, server_engine, jumps):
    """Of workers, a conductor and the writer of the words, live and again."""
    client = set_broker(cluster.redis.url)
    cluster.start("worker", "-n", "2", LD_PRELOAD=jumps)
    cluster.start("conductor", "--lost-after", "20", LD_PRELOAD=jumps)
    wait(cluster, lambda: alive(client, "conductor"))
    run = toy_run(server_engine)
    run = amend_run(server_engine, run, settings={"triggers": {"slow": {}}})
    chunks = toy_chunks(run.run_id, MADE, most=1000)
    for k in range(0, len(chunks), 40):
        when = NOW + dt.timedelta(days=1 if k // 40 % 2 else -1)
        write_by_shard(server_engine, chunks[k : k + 40], run.detector, when)
    wait(cluster, lambda: len(found(server_engine, run) or ()) > 100)
    close_run(server_engine, run)
    wait(cluster, lambda: found(server_engine, run) == TIMES)
    live = attempts(server_engine, run)
    one = ask_reprocessing(server_engine, run.run_id, {"slow": {"pace": 0.2}}, WHOLE, "me")
    wait(cluster, lambda: find_reprocessing(server_engine, one.number).state == "done")
    assert found(server_engine, run, pace=0.2) == TIMES
    assert found(server_engine, run, pace=0.0) == TIMES
    assert set(live) <= set(attempts(server_engine, run))


def test_one_process_stores_each_word_once_while_its_clock_jumps(tmp_path, jumps):
    """Alone with its store, a spool, senders and triggers; started again in between."""
    lab = Lab(tmp_path)
    lab.environment["LD_PRELOAD"] = jumps
    ways = ("--tcp", "127.0.0.1:0", "--run", "beam", "--trigger", "each", "--events", "each")
    for k in range(2):
        with lab.up("--detector", "ticks", *ways) as up:
            sender = Sender(up.ports["tcp"], 1, stream=k)
            for n in range(6):  # over more than one jump each way
                sender.send(words_of(3000 * k + 500 * n, 500))
                time.sleep(1)
            sender.drain()
            until(lambda up=up, k=k: up.words(1) == 3000 * (k + 1))
            if k == 0:
                up.process.kill()
            else:
                assert up.end()["spooled"] == 0
    rows = lab.said("query", "SELECT count() AS n, uniqExact(t) AS times FROM each")
    assert rows == {"n": 6000, "times": 6000}

"""A readout that takes orders, in a thread, with the front-end of its one link."""

import queue
import threading
import time
from contextlib import contextmanager

from redis import Redis
from toy import TOY, toy_words

from db.catalogue.heartbeat import beating
from readout.control.agent import ReadoutAgent
from readout.control.mailbox import Mailbox
from readout.control.outcome import living_readouts
from readout.intake import Intake
from readout.service import Feed
from readout.source.block import Block, Place
from readout.spool.spool import Spool
from readout.writer.shard_sink import ShardSink


class Crate:
    """A readout in a thread, and the front-end of its one link."""

    def __init__(self, engine, redis, folder, name, link=0, detector=TOY):
        self._detector = detector
        self._given = engine, redis, folder, name
        self.link, self.sent, self._words = link, 0, queue.SimpleQueue()

    @contextmanager
    def on(self, *, beats=True):
        engine, redis, folder, name = self._given
        stop = threading.Event()
        with Spool(folder / name) as spool, Mailbox(redis.url, name) as mailbox:
            to_store = ShardSink(engine)
            writer = to_store.writer(spool, 5.0, lambda: None)
            feed = Feed({"one": self._source(stop)}, Intake(), stop)
            self.attending = ReadoutAgent(
                engine,
                self._detector,
                spool,
                to_store,
                writer,
                feed,
                stop,
                "test",
                mailbox,
                flush_s=0.02,
            )
            self.attending.resume()
            thread = threading.Thread(target=self.attending.serve)
            thread.start()
            assert mailbox.ready.wait(60)
            try:
                with beating(redis.url, "readout", self._told) if beats else _nothing():
                    wait_until(lambda: not beats or name in names(redis))
                    yield self
            finally:
                stop.set()
                thread.join()
                writer.close()

    def send(self, n):
        """Give the next n words, 7 ticks apart, and wait until they are taken."""
        first, self.sent = self.sent, self.sent + n
        words = toy_words([7 * k for k in range(first, first + n)])
        done = threading.Event()
        self._words.put((Block(self.link, words, place=Place(1, self.sent)), done))
        assert done.wait(60)
        wait_until(lambda: self.attending.feed.intake.n_words == 0)
        time.sleep(0.05)

    def _source(self, stop):
        while not stop.is_set():
            try:
                block, done = self._words.get(timeout=0.02)
            except queue.Empty:
                continue
            yield block
            done.set()

    def _told(self):
        taking = self.attending.taking
        return {
            "readout": self._given[3],
            "detector": self._detector.name,
            "run": taking.run.run_id if taking else None,
            "words": self.attending.writer.written.hits,
            "without_run": sum(self.attending.dropped.values()),
            "trouble": "",
        }


@contextmanager
def _nothing():
    yield


def names(redis):
    return [each["readout"] for each in living_readouts(redis.url)]


def forget(redis):
    """Let no readout count as living that has ended: the next test would ask it."""
    client = Redis.from_url(redis.url)
    for name in client.scan_iter("everyhit-readout-*"):
        client.delete(name)
    client.close()


def wait_until(true, wait_s=60):
    until = time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)

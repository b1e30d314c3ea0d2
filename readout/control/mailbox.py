"""A readout's connection to those who give orders: it may break, data taking goes on."""

import queue
import threading
from typing import Self

import redis
import structlog
from redis.exceptions import RedisError

from readout.control.messages import Answer, Order, answer, newest, read

_log = structlog.get_logger()
_WAIT_S, _AGAIN_S = 0.1, 0.5


class Mailbox:
    """Fetches the orders for one readout and sends its answers, in a thread of its own.

    While Redis is away nothing comes and answers wait. Use it as a context.
    """

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self._client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        self._orders: queue.SimpleQueue[tuple[Order, bool]] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._over = threading.Event()
        self.ready = threading.Event()
        """Orders that are given from now on will be read."""
        self.place: bytes | None = None
        """Up to where the stream of orders was read."""
        self._thread = threading.Thread(target=self._work, name="orders", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._client.close()

    def take(self) -> tuple[Order, bool] | None:
        """The next order, and whether it came too late; None if there is none."""
        try:
            return self._orders.get_nowait()
        except queue.Empty:
            return None

    def send(self, said: Answer) -> None:
        """Let an answer go as soon as Redis takes it."""
        self._answers.put(said)

    def _work(self) -> None:
        unsent: Answer | None = None
        away = False
        while True:
            over = self._over.is_set()  # asked first: what was answered before it goes all the same
            try:
                if self.place is None:
                    self.place = newest(self._client)
                    self.ready.set()
                self.place, orders = read(self._client, self.place, self.name, _WAIT_S)
                for each in orders:
                    self._orders.put(each)
                while unsent or not self._answers.empty():
                    unsent = unsent or self._answers.get()
                    answer(self._client, unsent)
                    unsent = None
                away = False
            except (RedisError, OSError) as fault:
                if not away:
                    _log.warning("no orders can come, taking data goes on", why=str(fault))
                away = True
                self._over.wait(_AGAIN_S)
            if over:
                return

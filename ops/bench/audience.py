"""Many who listen and ask: GraphQL subscribers and queries, in a process of their own."""

import asyncio
import json
import multiprocessing
import resource
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import httpx
import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from everyhit.listening import PROTOCOL, address, hello

TOPICS: Mapping[str, str] = {
    "rates": "subscription { rates { stop seconds series { link hits others } } }",
    "watermarks": "subscription { watermarks { link words watermark } }",
    "newEvents": "subscription { newEvents { number events { t tEnd triggers nWords } } }",
    "progress": "subscription { results { trigger cells rows incomplete doneTo behindS } }",
}
QUERIES: Mapping[str, str] = {
    "runs": "{ runs { totalCount edges { node { number name state startedAt words } } } }",
    "run": "{ run { state words links { link words watermarkS } results { trigger rows } } }",
    "rates": "{ run { rates(bins: 100, by: [LINK]) { width series { link hits others } } } }",
    "events": '{ run { events(first: 50, where: "n_words > 1")'
    " { edges { node { t nWords triggers } } } } }",
    "liveTime": "{ run { first last liveTime gaps { edges { node { link cause } } } } }",
}


_COME_S = 60.0


@dataclass(frozen=True)
class Times:
    """Seconds, over all that was timed."""

    n: int
    p50_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True)
class Heard:
    """What the subscribers of a topic got."""

    messages: int
    """Different ones."""
    deliveries: int
    skipped: int
    """Messages that others got and a subscriber did not, between its first and its last."""
    after_the_first: Times
    """From when the first subscriber had a message until another had it."""


@dataclass(frozen=True)
class Audience:
    """What those who listened and asked came to."""

    seconds: float
    cpu_cores: float
    """Kept busy by all of them together."""
    queries: dict[str, Times]
    """By their kind, from when they were due to the answer; ``all`` together."""
    failed: int
    """Queries that brought an error."""
    topics: dict[str, Heard]


@dataclass
class Listening:
    """The process of the audience."""

    pid: int
    end: Connection = field(repr=False)

    def attend(self, seconds: float) -> None:
        """Let them come, and return when all are listening; then they ask for so long."""
        self.end.send(seconds)
        assert self.end.recv() == "there"

    def result(self) -> Audience:
        """Return what they came to."""
        told = self.end.recv()
        assert isinstance(told, Audience)
        return told


@contextmanager
def audience(url: str, token: str, subscribers: int, queries_per_s: float) -> Iterator[Listening]:
    """Start the process; it waits to be told."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    told = (theirs, url, token, subscribers, queries_per_s)
    process = spawn.Process(target=_attend, args=told, daemon=True)
    process.start()
    theirs.close()
    try:
        yield Listening(process.pid or 0, ours)
    finally:
        process.kill()
        process.join()
        ours.close()


def _attend(end: Connection, url: str, token: str, subscribers: int, queries_per_s: float) -> None:
    try:
        while True:
            seconds = end.recv()
            end.send(asyncio.run(_once(end, url, token, subscribers, queries_per_s, seconds)))
    except (EOFError, KeyboardInterrupt):
        return


async def _once(
    end: Connection, url: str, token: str, subscribers: int, per_s: float, seconds: float
) -> Audience:
    got: dict[str, list[list[tuple[float, int]]]] = defaultdict(list)
    stop: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    there = asyncio.Semaphore(0)
    listeners = []
    for k in range(subscribers):
        topic = list(TOPICS)[k % len(TOPICS)]
        mine: list[tuple[float, int]] = []
        got[topic].append(mine)
        told = _listen(url, token, TOPICS[topic], mine, there, stop)
        listeners.append(asyncio.create_task(told))
    for _ in range(subscribers):
        await asyncio.wait_for(there.acquire(), _COME_S)
    for each in got.values():
        for mine in each:
            mine.clear()
    end.send("there")
    began, spent = time.monotonic(), _cpu()
    stop.set_result(began + seconds)
    times, failed = await _ask(url, token, per_s, round(per_s * seconds))
    await asyncio.gather(*listeners)
    took = time.monotonic() - began
    every = [each for of_kind in times.values() for each in of_kind]
    return Audience(
        round(took, 3),
        round((_cpu() - spent) / took, 3),
        {name: _times(found) for name, found in [*times.items(), ("all", every)]},
        failed,
        {topic: heard(each) for topic, each in got.items()},
    )


async def _listen(
    url: str,
    token: str,
    query: str,
    got: list[tuple[float, int]],
    there: asyncio.Semaphore,
    stop: "asyncio.Future[float]",
) -> None:
    """Note when each message came, and which it was."""
    async with connect(
        address(url), subprotocols=[PROTOCOL], compression=None, open_timeout=_COME_S
    ) as socket:
        await socket.send(hello(token))
        await socket.recv()
        told = {"type": "subscribe", "id": "1", "payload": {"query": query}}
        await socket.send(json.dumps(told))
        there.release()
        while not stop.done() or stop.result() > time.monotonic():
            message = await _next(socket, 0.5)
            if message is not None and '"type":"next"' in message[:40]:
                got.append((time.monotonic(), hash(message)))


async def _next(socket: ClientConnection, wait_s: float) -> str | None:
    try:
        return str(await asyncio.wait_for(socket.recv(), wait_s))
    except TimeoutError:
        return None


async def _ask(
    url: str, token: str, per_s: float, n_queries: int
) -> tuple[dict[str, list[float]], int]:
    """Ask in turn, whether or not the last ones are answered: as many people would."""
    times: dict[str, list[float]] = defaultdict(list)
    failed = 0

    async def one(name: str, due: float) -> None:
        nonlocal failed
        answer = await client.post("/graphql", json={"query": QUERIES[name]})
        if answer.status_code != 200 or b'"errors"' in answer.content:
            failed += 1
        times[name].append(time.monotonic() - due)

    limits = httpx.Limits(max_connections=100)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, limits=limits, timeout=30.0
    ) as client:
        began, asked = time.monotonic(), []
        for n in range(n_queries):
            due = began + n / per_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            name = list(QUERIES)[n % len(QUERIES)]
            asked.append(asyncio.create_task(one(name, due)))
        await asyncio.gather(*asked)
    return times, failed


def heard(of_each: Sequence[Sequence[tuple[float, int]]]) -> Heard:
    """Return what a topic's subscribers got, from the moments and the messages of each."""
    first: dict[int, float] = {}
    for at, message in sorted(pair for got in of_each for pair in got):
        first.setdefault(message, at)
    order = {message: k for k, message in enumerate(first)}
    skipped, delays = 0, []
    for got in of_each:
        places = {order[message] for _, message in got}
        if places:
            skipped += max(places) - min(places) + 1 - len(places)
        delays += [at - first[message] for at, message in got]
    return Heard(len(first), sum(map(len, of_each)), skipped, _times(delays))


def _times(found: Sequence[float]) -> Times:
    if not found:
        return Times(0, 0.0, 0.0, 0.0)
    p50, p99, most = np.quantile(found, [0.5, 0.99, 1]).round(4).tolist()
    return Times(len(found), p50, p99, most)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

"""Orders to the readouts, and their answers, over Redis.

Orders go on one stream that every readout reads from the moment it came; each order names those
it is for. Answers to an order go on a stream of its own, which is forgotten after a day: what
came of an order is kept in the store, see ``db.catalogue.orders``.
"""

import json
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

import redis
import structlog
from redis.exceptions import RedisError

from db.catalogue.heartbeat import alive, redacted
from db.errors import StoreError
from db.json_text import json_text

_log = structlog.get_logger()

STREAM = "everyhit-orders"
KEPT = 1000
"""Orders that are kept on the stream: nobody reads older ones."""
_DAY_S = 86_400

Kind = Literal["start", "stop", "configure"]


@dataclass(frozen=True)
class Order:
    """What some readouts are to do. One with a known ``order_id`` is answered, not done again."""

    order_id: str
    kind: Kind
    run_id: int
    who: str
    at: str
    """When it was given, ISO 8601."""
    readouts: tuple[str, ...]
    """Names of those it is for."""
    within_s: float
    """A readout that reads it later than this doesn't do it: its giver has been told so."""
    configuration: Mapping[str, Any] | None = None
    """See ``readout.control.configuration``; None leaves what holds."""
    from_t: int | None = None
    """Tick of the run from which the configuration holds; None is as soon as can be."""
    links: tuple[int, ...] = ()
    """Links that must come: nothing passes them."""


@dataclass(frozen=True)
class Answer:
    """What a readout says to an order."""

    order_id: str
    readout: str
    done: bool
    said: str = ""
    """Why it is refused, or what there is to know."""
    tick: int | None = None
    """Where the run's clock stood: from here on it holds, or here the readout ended."""
    at: str = ""
    """ISO 8601."""


@contextmanager
def reached(url: str) -> Iterator[redis.Redis]:
    """A connection to Redis; what goes wrong with it is a StoreError that says so."""
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
    try:
        yield client
    except (RedisError, OSError) as fault:
        raise StoreError(
            f"Redis can't be reached at {redacted(url)}, so no orders can be given: {fault}; data"
            " taking goes on; start Redis again, or set EVERYHIT_REDIS"
        ) from None
    finally:
        client.close()


def readouts(client: redis.Redis) -> list[dict[str, Any]]:
    """What each readout tells that is alive and can be ordered, by name."""
    told = [each for each in alive(client, "readout") if each.get("readout")]
    return sorted(told, key=lambda each: str(each["readout"]))


def give(client: redis.Redis, order: Order) -> None:
    """Put an order on the stream."""
    client.xadd(STREAM, {"order": json_text(asdict(order))}, maxlen=KEPT)


def answer(client: redis.Redis, said: Answer) -> None:
    """Put an answer where the order's giver waits for it."""
    name = _answers(said.order_id)
    client.xadd(name, {"answer": json_text(asdict(said))}, maxlen=KEPT)
    client.expire(name, _DAY_S)


def answers(client: redis.Redis, order_id: str) -> dict[str, Answer]:
    """What has been answered to an order: the last word of each readout, by its name."""
    rows = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(_answers(order_id)))
    said = [Answer(**json.loads(row[b"answer"])) for _, row in rows]
    return {each.readout: each for each in said}


def wait_for_answers(
    client: redis.Redis, order: Order, names: Collection[str]
) -> dict[str, Answer]:
    """What has been answered when these have, or when the time that the order gives has passed."""
    until = time.monotonic() + order.within_s
    while True:
        said = answers(client, order.order_id)
        if said.keys() >= set(names) or time.monotonic() > until:
            return said
        time.sleep(0.02)


def newest(client: redis.Redis) -> bytes:
    """Where the stream of orders ends just now."""
    rows = cast("list[tuple[bytes, Any]]", client.xrevrange(STREAM, count=1))
    return rows[0][0] if rows else b"0-0"


def read(
    client: redis.Redis, after: bytes, name: str, wait_s: float
) -> tuple[bytes, list[tuple[Order, bool]]]:
    """Where the stream was read to, and the orders for a readout since ``after``.

    With each: whether its time has passed, by the clock of Redis. A stream that ends before
    ``after`` is another one, of a Redis that lost its data and whose clock was set back: it is read
    from its begin.
    """
    found = client.xread({STREAM: after.decode()}, block=max(1, round(wait_s * 1000)))
    rows = cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", found)
    if not rows:
        return (after if _place(newest(client)) >= _place(after) else b"0-0"), []
    seconds, microseconds = client.time()
    now, orders = seconds + microseconds * 1e-6, []
    for number, row in rows[0][1]:
        after, given = number, int(number.split(b"-")[0]) / 1000
        try:
            order = _order(row[b"order"])
        except (ValueError, TypeError, KeyError) as fault:
            # Its giver is told that nobody answered; a later one may be well.
            _log.error("an order can't be read", number=number.decode(), why=str(fault))
            continue
        if name in order.readouts:
            orders.append((order, now - given > order.within_s))
    return after, orders


def _place(number: bytes) -> tuple[int, ...]:
    return tuple(map(int, number.split(b"-")))


def _order(text: bytes) -> Order:
    told = json.loads(text)
    return Order(**{**told, "readouts": tuple(told["readouts"]), "links": tuple(told["links"])})


def _answers(order_id: str) -> str:
    return f"everyhit-answers-{order_id}"

"""``everyhit conductor``: windows for workers."""

from contextlib import ExitStack
from typing import Annotated

import typer

from ops.cli import app
from ops.cli.opening import opened
from ops.cli.services import Health, Redis, of_servers
from ops.cli.show import Store
from ops.services.broker import set_broker
from ops.services.conducting import conducting
from ops.services.feedback import feeding_back
from ops.services.health import health
from ops.services.interrupt import interruptible
from ops.services.news import hearing
from ops.services.publishing import publishing
from ops.settings import settings
from software_triggers.conductor.conductor import SELDOM_S


@app.command()
def conductor(
    lost_after: Annotated[
        float, typer.Option("--lost-after", min=1, help="Seconds after which a task is sent again.")
    ] = 120.0,
    health_port: Health = None,
    redis: Redis = None,
    store: Store = None,
) -> None:
    """Send the windows of all runs to the workers, until SIGTERM or Ctrl-C.

    Start as many as you like: one works, another takes over when it dies.
    """
    url = of_servers(store)
    client = set_broker(redis or settings().redis)
    with ExitStack() as stack:
        wish = stack.enter_context(interruptible())
        at = stack.enter_context(opened(url))
        broker = redis or settings().redis
        works = stack.enter_context(
            conducting(
                at,
                client,
                lost_after_s=lost_after,
                news=stack.enter_context(hearing(broker)),
                quiet_s=SELDOM_S,  # not every readout has a Redis to announce on
            )
        )
        stack.enter_context(feeding_back(at.engine, broker, works=works.holds.is_set))
        publisher = stack.enter_context(publishing(at.engine, broker, works=works.holds.is_set))
        if health_port is not None:
            ill = lambda: works.follower.trouble  # noqa: E731
            stack.enter_context(health(health_port, works.readings, ill, "conductor", publisher))
        works.follow(wish.is_set)

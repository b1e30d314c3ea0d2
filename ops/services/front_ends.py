"""A readout with the sources of its words, as a service of its own or beside everything else."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from db.catalogue.heartbeat import beating
from db.catalogue.runs import Run
from db.detector import Detector
from db.store import Store
from fpga.control.bus import Bus
from ops.services.named_run import views
from ops.services.news import announcing
from ops.services.readings import trouble
from ops.settings import settings
from readout.control.agent import ReadoutAgent
from readout.control.board import ControlledBoard
from readout.control.mailbox import Mailbox
from readout.intake import Intake
from readout.service import Feed
from readout.source.block import Block
from readout.source.device import read_device
from readout.sources import Address, Sources
from readout.spool.spool import Spool
from readout.writer.recovery import book_damage
from readout.writer.shard_sink import ShardSink

_GIVE_UP_S, _READY_S = 5.0, 2.0


@dataclass(frozen=True)
class FrontEnds:
    """Where words come from."""

    tcp: tuple[Address, ...] = ()
    udp: tuple[Address, ...] = ()
    devices: Mapping[Path, int] = field(default_factory=dict)
    """Devices and pipes, each with the link that its words are of."""
    recorded: Mapping[str, Iterator[Block]] = field(default_factory=dict)
    """Words of files."""
    board: tuple[Address, int] | None = None
    """Where the registers are of the board behind a link, and the link."""
    dead_after_s: float = 60.0
    """Seconds of silence after which a link is dead."""

    def __bool__(self) -> bool:
        return bool(self.tcp or self.udp or self.devices or self.recorded)


@dataclass(frozen=True)
class ReadoutService:
    """A readout and its sources."""

    name: str
    """By which it is ordered."""
    agent: ReadoutAgent
    sources: Sources
    spool: Spool

    def serve(self, *, once: bool) -> None:
        """Take words, see ``ReadoutAgent.serve``, until what came is stored or in the spool."""
        self.agent.serve(once=once)
        self.agent.writer.close()

    def check_sources(self) -> None:
        """Raise the error of a source that failed."""
        if self.agent.feed.failures:
            raise self.agent.feed.failures[0]

    def told(self) -> dict[str, object]:
        """What those who order readouts, or watch for alarms, want to know of one."""
        agent, taking = self.agent, self.agent.taking
        return {
            "readout": self.name,
            "detector": agent.detector.name,
            "store": agent.store,
            "run": taking.run.run_id if taking else None,
            "words": agent.writer.written.hits,
            "without_run": sum(agent.dropped.values()),
            "spool_bytes": self.spool.n_bytes,
            "most_bytes": self.spool.most_bytes,
            "oldest_s": self.spool.oldest_s,
            "trouble": trouble(agent),
        }


@contextmanager
def readout_service(
    at: Store,
    detector: Detector,
    front_ends: FrontEnds,
    spool: Spool,
    stop: threading.Event,
    *,
    name: str,
    redis: str = "",
    begun: Callable[[Run], None] = lambda _: None,
    committed: Callable[[], None] | None = None,
) -> Iterator[ReadoutService]:
    """Listen to front-ends, for a run that is begun or ordered over the Redis at that address.

    Its sources end at ``stop``. ``begun`` is told of each run, ``committed`` whenever chunks are in
    the store; without it that is announced on this Redis.
    """
    views(at.engine, detector)
    newest = spool.newest
    places = {n: mark.place for n, mark in newest.marks.items()} if newest else {}
    with ExitStack() as stack:
        sources = Sources(front_ends.tcp, front_ends.udp, detector.words_per_hit, places, stop)
        stack.callback(sources.close)
        devices = {
            str(path): read_device(path, detector, stop, link)
            for path, link in front_ends.devices.items()
        }
        to_store = ShardSink(at.engine, words=at.words)
        announce = announcing(redis) if redis else lambda: None
        writer = to_store.writer(spool, _GIVE_UP_S, committed or announce)
        stack.callback(writer.close)
        book_damage(spool, to_store, writer)
        controlled = None
        if front_ends.board:
            address, link = front_ends.board
            controlled = ControlledBoard(detector, link, Bus(address))
            stack.callback(controlled.bus.close)
        mailbox = stack.enter_context(Mailbox(redis, name)) if redis else None
        agent = ReadoutAgent(
            at.engine,
            detector,
            spool,
            to_store,
            writer,
            Feed(sources.blocks() | devices | dict(front_ends.recorded), Intake(), stop),
            stop,
            at.url,
            mailbox,
            sources.connected,
            sources.tell_safe,
            begun,
            settings().flush_s,
            front_ends.dead_after_s,
            controlled,
        )
        service = ReadoutService(name, agent, sources, spool)
        if mailbox:
            mailbox.ready.wait(_READY_S)  # who sees the first beat may order
            stack.enter_context(beating(redis, "readout", service.told))
        yield service

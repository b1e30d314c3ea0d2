"""A readout that takes one run after the other, as it is ordered.

Words that come while no run is on are dropped and counted, and their senders are told that they
need not keep them: what a front-end held back from before a run's start is not in the run.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from db.catalogue.configurations import detail_of
from db.catalogue.origins import claim_origin, find_origin
from db.catalogue.runs import Run, find_run
from db.detector import Detector
from db.engine import Engine
from db.errors import EveryhitError, StoreError, UsageError
from db.words.gaps import Gap
from db.words.shards import catalogue
from fpga.control.bus import BoardError
from readout.control.board import AWAY_S, POLL_S, ControlledBoard, share_of
from readout.control.configuration import Configuration, configuration_of
from readout.control.journal import Journal, load, save
from readout.control.mailbox import Mailbox
from readout.control.messages import Answer, Order
from readout.control.rules import Rules
from readout.link.silence import Silence
from readout.link.unwrap import run_start
from readout.readout import Readout
from readout.service import Feed, take
from readout.source.block import Block, Place
from readout.spool.spool import Spool
from readout.writer.shard_sink import ShardSink
from readout.writer.writer import Writer

_log = structlog.get_logger()
_AGAIN_S = 0.5


@dataclass
class ReadoutAgent:
    """Takes the words of a feed. ``mailbox`` is None where nobody can give orders."""

    engine: Engine
    detector: Detector
    spool: Spool
    to_store: ShardSink
    writer: Writer
    feed: Feed
    stop: threading.Event
    store: str = ""
    """Its address, to know it again."""
    mailbox: Mailbox | None = None
    connected: Callable[[int], bool | None] = lambda _: None
    safe: Callable[[Mapping[int, Place]], None] = lambda _: None
    begun: Callable[[Run], None] = lambda _: None
    """Told of each run that begins, or goes on, here."""
    flush_s: float = 0.1
    dead_s: float = 60.0
    board: ControlledBoard | None = None
    """Which does what it can of a configuration."""
    settle_s: float = 5.0
    """Seconds for which the end of a run waits until the store has it; the spool has it anyway."""
    standing: Journal = field(default_factory=Journal)
    taking: Readout | None = None
    silence: Silence | None = None
    dropped: dict[int, int] = field(default_factory=dict)
    """Hits of each link that came while no run was on."""
    overflowed: int = 0
    """Hits of all runs for which the spool had no room."""
    _ending: Order | None = None
    _look_at: float = 0.0

    def __post_init__(self) -> None:
        self.standing = load(self.spool.folder)

    def serve(self, *, once: bool = False) -> None:
        """Obey until ``stop``, or until all sources have ended; ``once``: or the run that is on.

        A run that is on then is left open: a readout of the same name and spool goes on with it.
        """
        # A run that is on is taken to its end, though the stop came before its first word.
        while self.taking is not None or not self._over():
            readout, silence = self.taking, self.silence
            if readout is None or silence is None:
                self._idle()
                continue
            try:
                take(readout, self.feed, silence, self.connected, self._first, self._obey)
            finally:
                self._end(readout)
            if once and self.taking is None:
                return

    def begin(self, standing: Journal) -> None:
        """Take a run from now on, under its configurations."""
        run = standing.run
        assert run
        if self.board:
            told = standing.steps[-1].configuration if standing.steps else {}
            self.board.begin(configuration_of(told), self.spool.counted(run.run_id))
        self.to_store.detectors[run.run_id] = run.detector
        readout = Readout(
            self.engine,
            run,
            flush_s=self.flush_s,
            spool=self.spool,
            safe=self.safe,
            shared_writer=self.writer,
            whole=standing.whole,
            away=self._wait,
        )
        for step in standing.steps:
            detail = detail_of(step.order, step.who, step.at, step.configuration)
            configuration = configuration_of(step.configuration)
            rules, own = self._rules(configuration)
            readout.hold(step.from_t, rules, detail, own)
        self._keep(standing)
        second = round(1e9 / self.detector.tick)
        self.silence = Silence(run.run_id, second, dead_s=self.dead_s)
        self.taking = readout
        if self.board:
            self._book((), readout)
        self.begun(run)

    def begin_alone(
        self, run: Run, links: tuple[int, ...], *, new: bool, origin: int | None = None
    ) -> None:
        """Take a run that nobody else takes; go on as an earlier process stood, if it took it.

        ``origin`` is the run's start on the detector's counter; None leaves it to the first words.
        """
        before = self.standing
        if before.run is not None and before.of(run):
            # One more revision is our own, which opened it again: no other has had it since.
            ours = run.revision - before.run.revision <= 1
            self.begin(replace(before, run=run, links=links, whole=before.whole and ours))
        else:
            self.begin(Journal(run, self.store, new, origin, links, (), before.answered))

    def resume(self) -> None:
        """Go on with the run that was on when an earlier process ended, unless it is closed."""
        standing = self.standing
        if standing.run is None:
            return
        try:
            run = find_run(catalogue(self.engine), standing.run.run_id)
        except StoreError as fault:
            _log.warning("the run goes on as it is known here", why=str(fault))
            run = standing.run
        if standing.of(run) and run.state == "open":
            self.begin(standing)
            return
        _log.warning("the run that was on is closed", run=run.run_id)
        self.forget_run()

    def forget_run(self) -> None:
        """Let no later process go on with the run that was on."""
        self._keep(Journal(answered=self.standing.answered))

    def _over(self) -> bool:
        return self.stop.is_set() or (self.feed.ending() and not self.feed.intake.n_words)

    def _idle(self) -> None:
        self._obey()
        if self.taking is None and (block := self.feed.next()):
            n_hits = len(block.words) // self.detector.words_per_hit
            self.dropped[block.link] = self.dropped.get(block.link, 0) + n_hits
            if block.place:
                self.safe({block.link: block.place})

    def _first(self, block: Block) -> None:
        """Let the run begin with its first words, once and for all who take it."""
        readout = self.taking
        assert readout
        origin = self.standing.origin
        while origin is None:
            here = 0 if block.epoch is not None else run_start(self.detector, block.words)
            try:
                origin = claim_origin(catalogue(self.engine), readout.run, here)
            except StoreError as fault:
                if self.standing.whole:  # nobody else has a say
                    origin = here
                else:
                    self._wait(fault)
            if origin is not None:
                self._keep(replace(self.standing, origin=origin))
        readout.origin = origin
        readout.open_links(self.standing.links)

    def _wait(self, fault: StoreError) -> None:
        """Hold all words back until the store can say what must be known; raises at the end."""
        if self.stop.is_set():
            raise fault
        _log.warning("the store must be asked and is away, words wait", why=str(fault))
        self.stop.wait(_AGAIN_S)

    def _obey(self) -> bool:
        """Do what was ordered since the last call; whether the run shall end."""
        if self.taking is not None:
            self._look(self.taking)
        while self.mailbox and (came := self.mailbox.take()):
            order, late = came
            if (known := self.standing.answered.get(order.order_id)) is not None:
                self.mailbox.send(known)
            elif late:
                self._answer(order, "it came too late: give it again", done=False, keep=False)
            elif order.kind == "stop" and self._is_on(order.run_id):
                self._ending = order
                return True
            else:
                self._do(order)
        return False

    def _do(self, order: Order) -> None:
        try:
            if order.kind == "start":
                self._start(order)
            elif order.kind == "configure":
                self._configure(order)
            else:
                self._answer(order, f"run {order.run_id} is not taken here", done=True)
        except EveryhitError as fault:
            self._answer(order, str(fault), done=False)

    def _start(self, order: Order) -> None:
        if self._is_on(order.run_id):
            if len(order.readouts) > 1:  # others join: they may bring links that came here
                self._keep(replace(self.standing, whole=False))
            self._answer(order, f"run {order.run_id} is on", done=True)
            return
        if self.taking is not None:
            raise UsageError(f"run {self.taking.run.run_id} is on here: stop it first")
        run = find_run(catalogue(self.engine), order.run_id)
        if run.state != "open":
            raise UsageError(f"run {run.run_id} is closed: start a new one")
        if run.declaration != self.detector.source:
            raise UsageError(
                f"run {run.run_id} is of {run.detector.name}, this readout takes another"
                f" declaration of {self.detector.name}: start it with the same --detector"
            )
        whole = len(order.readouts) == 1 and find_origin(catalogue(self.engine), run) is None
        answered = self.standing.answered
        standing = Journal(run, self.store, whole, None, order.links, (), answered)
        if order.configuration is not None:
            standing = standing.with_step(order, 0)
        self.begin(standing)
        self._answer(order, "", done=True, tick=0)

    def _configure(self, order: Order) -> None:
        if self.taking is None or not self._is_on(order.run_id):
            raise UsageError(f"run {order.run_id} is not taken here: start it first")
        told = order.configuration or {}
        configuration = configuration_of(told)
        rules, own = self._rules(configuration)
        from_t = self.taking.from_tick(order.from_t)
        if self.board:
            if order.from_t is not None:
                raise UsageError("a board obeys at once: name no time from which it is to hold")
            self._book(self.board.obey(configuration, order.run_id, self._place), self.taking)
            from_t = max(from_t, self.board.judged.b if self.board.judged else 0)
        # First on the disk: killed in between, this readout goes on with what it answers.
        self._keep(self.standing.with_step(order, from_t))
        detail = detail_of(order.order_id, order.who, order.at, told)
        self.taking.hold(from_t, rules, detail, own)
        self._answer(order, self.board.share.sentence if self.board else "", done=True, tick=from_t)

    def _rules(self, configuration: Configuration) -> tuple[Rules, dict[int, Rules]]:
        """What the readout does itself: on all links, and on that of the board.

        Raises SelectionError for a wrong expression.
        """
        rules = Rules(self.detector, configuration)
        if self.board is None:
            return rules, {}
        left = share_of(self.detector, self.board.registers, configuration).left
        return rules, {self.board.link: Rules(self.detector, left)}

    def _place(self, time: int) -> tuple[int, int] | None:
        assert self.board and self.taking
        return self.taking.place(self.board.link, time)

    def _book(self, gaps: Iterable[Gap], readout: Readout) -> None:
        """Book what the board removed, and keep where its counters stand: at once, so that a
        process that goes on after this one was killed neither counts it again nor misses any."""
        assert self.board
        readout.book(gaps, self.board.counted)
        readout.flush()

    def _look(self, readout: Readout) -> None:
        """Book what the board has removed of late, once its link's words tell the time."""
        if self.board is None or time.monotonic() < self._look_at:
            return
        if self.board.link not in readout.newest:
            return
        pause = POLL_S
        try:
            found = self.board.look(readout.run.run_id, self._place)
            readout.book(found, self.board.counted)
        except BoardError as fault:  # its counters go on: what they count is booked later
            _log.warning("what the board removed is not known yet", why=str(fault))
            pause = AWAY_S
        self._look_at = time.monotonic() + pause

    def _end(self, readout: Readout) -> None:
        """Commit what the run still has, and answer who ended it."""
        tick, silent = readout.next_tick(), ""
        if self.board:
            try:
                found = self.board.end(readout.run.run_id, self._place)
                readout.book(found, self.board.counted)
            except BoardError as fault:
                silent = f"{fault} What it removed last is not booked. "
                _log.warning("the board was left as it is", why=str(fault))
        readout.close()
        self.overflowed += readout.overflowed
        self.taking = self.silence = None
        self._enter_origin(readout.run)
        order, self._ending = self._ending, None
        if order is None:
            return
        waits = "" if self.writer.settle(self.settle_s) else "the rest waits in the spool: "
        said = silent + (waits and f"{waits}{self.writer.written.trouble or 'the store is slow'}")
        self.forget_run()
        self._answer(order, said, done=True, tick=tick)

    def _enter_origin(self, run: Run) -> None:
        """Tell the store where the run starts, in case it was away when that was found out."""
        if self.standing.whole and self.standing.origin is not None:
            try:
                claim_origin(catalogue(self.engine), run, self.standing.origin)
            except StoreError as fault:
                _log.warning("the run's start is known here alone", why=str(fault))

    def _answer(
        self, order: Order, said: str, *, done: bool, tick: int | None = None, keep: bool = True
    ) -> None:
        assert self.mailbox
        at = datetime.now(UTC).isoformat()
        answer = Answer(order.order_id, self.mailbox.name, done, said, tick, at)
        _log.info("answered an order", order=order.order_id, kind=order.kind, done=done, said=said)
        if done and keep:
            self._keep(self.standing.with_answer(answer))
        self.mailbox.send(answer)

    def _keep(self, standing: Journal) -> None:
        save(self.spool.folder, standing)
        self.standing = standing

    def _is_on(self, run_id: int) -> bool:
        return self.taking is not None and self.taking.run.run_id == run_id

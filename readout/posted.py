"""Words that front-ends post, each body with a key: stored once, however often it is sent."""

import math
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np
import structlog

from db.catalogue.leases import claim, let_go
from db.catalogue.posts import Post, announce, find_post, is_stored, void_from
from db.catalogue.runs import Run, amend_run, close_run, find_run
from db.detector import decode
from db.engine import Engine
from db.errors import StoreError, UsageError
from db.words.chunk import Chunk
from db.words.chunks import link_state
from db.words.gaps import Gap, book_gaps
from db.words.hits_view import create_views
from db.words.homes.home import Home
from db.words.shards import write_by_shard
from db.words.totals import link_totals
from readout.link.chunker import Chunker
from readout.link.unwrap import Anomaly, run_start
from readout.link.wraps import tell_of_wraps

SOURCE: Mapping[str, Any] = {"source": "posted"}
"""Setting of runs whose words are posted: their links have no other readout."""

_log = structlog.get_logger()

LEASE_S = 30.0
"""Seconds for which a server takes a run's posts after it has said so last."""


@dataclass(frozen=True)
class Receipt:
    """What became of a post."""

    n_hits: int
    repeated: bool
    """It had been stored before."""


@dataclass
class _Link:
    chunker: Chunker
    lock: threading.Lock = field(default_factory=threading.Lock)
    announced: tuple[Post, list[Chunk]] | None = None
    """What is written down, and not known to be stored."""


class Posted:
    """The links of one run. Of several servers on one store one takes a run's posts at a time.

    A post is announced in the store before its chunks are, with the numbers that these will have.
    A repeated one finds its announcement and looks whether the chunks are there. Announcements
    whose chunks did not come before the process ended are void: sent again, they count as new.

    Without ``alone`` other servers may have the store open. The one that takes a run's posts has
    told so in the store, again and again while posts come; others refuse them. One that is silent
    for ``lease_s`` seconds is followed by the next that gets a post; it must not be stuck in an
    insert for as long as that.

    Words go to a ``home``, if there is one. While it is away a post fails, to be sent again.
    """

    def __init__(
        self,
        engine: Engine,
        run: Run,
        *,
        alone: bool = True,
        lease_s: float = LEASE_S,
        home: Home | None = None,
    ) -> None:
        if run.settings.get("source") != SOURCE["source"]:
            raise UsageError(
                f"run {run.run_id} takes its words from elsewhere: open one for posted words"
            )
        self.run = run
        self._engine, self._home = engine, home
        self._lock = threading.Lock()
        self._links: dict[int, _Link] = {}
        self._me = "" if alone else _me()
        self._lease_s, self._renewed = lease_s, -math.inf
        create_views(engine, run.detector)
        tell_of_wraps(run.detector)

    def take(self, link: int, name: str, body: bytes) -> Receipt:
        """Store a body of little-endian 64-bit words of whole hits, in order of arrival.

        ``name`` is the key that tells it from all others of the link. Raises UsageError for words
        that can't be this link's, or another body under the same key; StoreError when the store
        fails: then the same post may be sent again.
        """
        words = self._words(link, body)
        with self._lock:
            self._hold()
            if self.run.state == "closed":
                raise UsageError(f"run {self.run.run_id} is closed: open another")
            at = self._link(link, words)
        digest = sha256(body).hexdigest()
        with at.lock:
            self._settle(at)
            known = find_post(self._engine, self.run.run_id, link, name)
            if known is not None and not known.void:
                if known.digest != digest:
                    raise UsageError(
                        f"key {name!r} of link {link} was used for other words: take another"
                    )
                assert is_stored(self._engine, known)
                return Receipt(known.n_hits, repeated=True)
            chunks = at.chunker.push(words) + at.chunker.flush()
            n = len(words) // self.run.detector.words_per_hit
            post = Post(
                run_id=self.run.run_id,
                link=link,
                key=name,
                digest=digest,
                first_seq=chunks[0].seq,
                stop_seq=chunks[-1].seq + 1,
                n_hits=n,
                recorded_at=datetime.now(UTC),
                revision=0 if known is None else known.revision + 1,
            )
            at.announced = (post, chunks)
            self._settle(at)
            return Receipt(n, repeated=False)

    def close(self) -> Run:
        """Close all links and the run, and return it."""
        with self._lock:
            self._hold()
            for link in link_totals(self._engine, [self.run.run_id])["link"]:
                at = self._link(link, np.zeros(0, np.uint64))
                with at.lock:
                    self._settle(at)
                    self._write(at.chunker.close(), datetime.now(UTC))
            self.run = close_run(self._engine, self.run)
            return self.run

    def let_go(self) -> None:
        """Let another server take the run's posts at once; this one may take them again."""
        with self._lock:
            for at in self._links.values():
                with at.lock:
                    self._settle(at)
            if self._me and self._renewed > -math.inf:
                let_go(self._engine, self.run.run_id, self._me)
            self._renewed = -math.inf

    def _hold(self) -> None:
        """Go on being the one that takes the run's posts; raises UsageError if another is."""
        if not self._me or time.monotonic() - self._renewed < self._lease_s / 4:
            return
        asked = time.monotonic()
        taker = claim(self._engine, self.run.run_id, self._me, self._lease_s)
        if asked - self._renewed >= self._lease_s or taker.name != self._me:
            # Others may have written meanwhile: what was known of the links is no longer so.
            self._links.clear()
            self.run = find_run(self._engine, self.run.run_id)
        if taker.name != self._me:
            self._renewed = -math.inf
            raise UsageError(
                f"run {self.run.run_id} takes its posts at {taker.name}: post there; if that is"
                f" gone, post here again in {max(1, round(self._lease_s - taker.age_s))} s"
            )
        self._renewed = asked

    def _settle(self, at: _Link) -> None:
        """Store what is announced; doing it again after a failure stores it once."""
        if at.announced is None:
            return
        post, chunks = at.announced
        announce(self._engine, post)
        self._write(chunks, post.recorded_at)
        at.announced = None

    def _write(self, chunks: list[Chunk], recorded_at: datetime) -> None:
        write_by_shard(self._engine, chunks, self.run.detector, recorded_at, self._home)

    def _link(self, link: int, words: np.ndarray[Any, np.dtype[np.uint64]]) -> _Link:
        if "origin" not in self.run.settings:  # the first words of all say when the run began
            told = {**self.run.settings, "origin": run_start(self.run.detector, words)}
            self.run = amend_run(self._engine, self.run, settings=told)
        if link not in self._links:
            first_seq, watermark = link_state(self._engine, self.run.run_id, link)
            void_from(self._engine, self.run.run_id, link, first_seq)
            chunker = Chunker(
                self.run.detector,
                self.run.run_id,
                link,
                self.run.settings["origin"],
                first_seq=first_seq,
                watermark=watermark,
                report=self._report,
            )
            self._links[link] = _Link(chunker)
        return self._links[link]

    def _report(self, odd: Anomaly) -> None:
        run_id = self.run.run_id
        gap = Gap(run_id, odd.link, odd.cause, odd.at, odd.at + 1, dead=False, detail=odd.detail)
        book_gaps(self._engine, [gap])

    def _words(self, link: int, body: bytes) -> np.ndarray[Any, np.dtype[np.uint64]]:
        detector = self.run.detector
        size = 8 * detector.words_per_hit
        if not body or len(body) % size:
            raise UsageError(
                f"{len(body)} bytes are no whole number of {size}-byte hits of {detector.name}"
            )
        words = np.frombuffer(body, "<u8")
        if detector.link is not None:
            links = np.unique(decode(detector, words, 0, ["link"])["link"])
            if len(links) != 1 or links[0] != link:
                raise UsageError(
                    f"these are words of link {', '.join(map(str, links[:8]))}, not of link {link}:"
                    " post each link's words to its own address"
                )
        return words


def _me() -> str:
    """A name for this process that tells people where it is, and no other process has."""
    return f"process {os.getpid()} on {socket.gethostname()} ({secrets.token_hex(3)})"


class PostIntake:
    """The runs of this process whose words are posted; ``alone`` and ``home`` as in ``Posted``."""

    def __init__(self, engine: Engine, *, alone: bool = True, home: Home | None = None) -> None:
        self._engine, self._alone, self._home = engine, alone, home
        self._lock = threading.Lock()
        self._runs: dict[int, Posted] = {}

    def run(self, which: str) -> Posted:
        """Return the run that takes posts; UsageError if it does not."""
        with self._lock:
            if which.isdecimal() and int(which) in self._runs:
                return self._runs[int(which)]
            run = find_run(self._engine, which)
            if run.run_id not in self._runs:
                self._runs[run.run_id] = Posted(
                    self._engine, run, alone=self._alone, home=self._home
                )
            return self._runs[run.run_id]

    def close(self) -> None:
        """Let other servers take the posts."""
        with self._lock:
            for posted in self._runs.values():
                try:
                    posted.let_go()
                except StoreError as fault:
                    run_id = posted.run.run_id
                    _log.warning("others must wait for a run's posts", run=run_id, why=str(fault))

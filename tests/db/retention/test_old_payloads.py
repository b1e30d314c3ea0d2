"""What goes from homes of words, and that nothing goes which a header names."""

from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace

import pytest
from homes import LATER, OTHERS
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ticks import SLICE, TOY, Hit, toy_chunks, toy_run

from db.errors import StoreError
from db.retention.homes import plan_homes, sweep_homes
from db.retention.words import active_parts, aside_parts, attach, detach, drop
from db.words.chunks import read_words, write_chunks
from db.words.homes import moves
from db.words.homes.moves import bring_back, move_words
from db.words.homes.naming import note_home
from db.words.homes.opening import home_at

pytestmark = [
    pytest.mark.every_store,
    pytest.mark.parametrize("home_address", OTHERS, indirect=True),
]
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
FAR = 2**40
_hours = count()


class Case:
    """A run, alone in its hour, and what is known of each of its chunks: an oracle."""

    def __init__(self, engine, home, fates):
        self.engine, self.home = engine, home
        self.at = BEGIN + timedelta(hours=next(_hours))
        self.hour = int(self.at.timestamp()) // 3600
        self.place = self.at, home.address
        self.run = toy_run(engine)
        hits = [Hit(k * SLICE + 7, 0, k % 7) for k in range(len(fates))]
        chunks = [each for each in toy_chunks(self.run.run_id, hits) if each.n_hits]
        self.chunks = {each.seq: each for each in chunks}
        self.lies = {}
        """Of each chunk with a header, by number: in the table ("") or in the home."""
        self.aside, self.orphans = {}, set()
        note_home(engine, home.address)
        for seq, fate in enumerate(fates):
            if fate == "orphan":
                self.put_only(seq)
            else:
                self.write(seq, home if fate == "home" else None)

    def write(self, seq, home):
        write_chunks(self.engine, [self.chunks[seq]], TOY, self.at, home)
        self.lies[seq] = home.address if home else ""
        self.orphans.discard(seq)

    def put_only(self, seq):
        """As a readout that is killed between words and header."""

        class Killed(BaseException):
            pass

        def put(payloads, words):
            self.home.put(payloads, words)
            raise Killed

        home = SimpleNamespace(address=self.home.address, put=put)
        with pytest.raises(Killed):
            write_chunks(self.engine, [self.chunks[seq]], TOY, self.at, home)
        self.orphans.add(seq)

    def write_inline(self):
        """Other words of the run, on each shard, in the table."""
        for shard in self.engine.shards:
            late = toy_chunks(self.run.run_id, [Hit(9, 5, 1)])[:1]
            write_chunks(shard, late, TOY, self.at)

    def archive(self):
        move_words(self.engine, self.run, self.home)
        self.lies = dict.fromkeys(self.lies, self.home.address)

    def restore(self):
        bring_back(self.engine, self.run)
        self.lies = dict.fromkeys(self.lies, "")

    def put_aside(self):
        for shard in self.engine.shards:
            here = shard.here
            for _ in range(20):  # a part may be merged away meanwhile
                mine = [p for p in active_parts(here, LATER) if self._holds(p)]
                try:
                    for part in mine:
                        detach(here, part, datetime.now(UTC))
                except StoreError:
                    continue
                break
        self.aside |= self.lies
        self.lies = {}

    def undo(self):
        self._with_aside(attach)
        self.lies |= self.aside
        self.aside = {}

    def drop(self):
        self._with_aside(drop)
        self.aside = {}

    def replay(self):
        """As the spool of the readout that was killed."""
        for seq in list(self.orphans):
            self.write(seq, self.home)

    def sweep(self):
        before = self.home.stored(self.hour)
        sweep_homes(self.engine, datetime.now(UTC))
        assert self.home.stored(self.hour) == before  # all was put lately

    def sweep_later(self):
        sweep_homes(self.engine, LATER)

    def check(self):
        read = read_words(self.engine, self.run.run_id, -FAR, FAR, SLICE)
        expected = [w for seq in sorted(self.lies) for w in self.chunks[seq].words.tolist()]
        assert read.words.tolist() == expected

    def _holds(self, part):
        return any(each.run_id == self.run.run_id for each in part.holds)

    def _with_aside(self, do):
        for shard in self.engine.shards:
            for part in aside_parts(shard.here):
                if self._holds(part):
                    do(shard.here, part)


fates = st.lists(st.sampled_from(["inline", "home", "orphan"]), min_size=1, max_size=5)
deeds = st.lists(
    st.sampled_from(
        ["archive", "restore", "put_aside", "undo", "drop", "replay", "sweep", "sweep_later"]
    ),
    max_size=6,
)


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(fates, deeds)
@example(["home", "orphan", "inline"], ["put_aside", "sweep_later", "undo"])
@example(["inline", "home"], ["archive", "sweep_later", "restore", "sweep_later", "archive"])
@example(["orphan", "home"], ["sweep", "replay", "sweep_later"])
def test_nothing_goes_that_a_header_names_and_all_else_does(engine, home, made, done):
    case = Case(engine, home, made)
    for deed in done:
        getattr(case, deed)()
        case.check()
    case.sweep_later()
    case.undo()
    case.check()
    case.sweep_later()
    left = {payload.seq for payload in home.stored(case.hour)}
    named = {seq for seq, lies in case.lies.items() if lies}
    assert left >= named
    if home.address.startswith("mongodb") or not named:
        assert left == named
    case.put_aside()
    case.drop()
    case.sweep_later()
    assert case.hour not in home.counts()


def test_a_plan_says_what_goes_and_does_nothing(engine, home):
    case = Case(engine, home, ["home", "home", "orphan"])
    case.put_aside()

    def mine(steps):
        steps = [each for each in steps if each.hour == case.at]
        return [(s.action, sorted(p.seq for p in s.payloads), s.words) for s in steps]

    young = mine(plan_homes(engine, datetime.now(UTC)))
    assert young == [("keep", [2], 1)]
    names = [p.aside for s in engine.shards for p in aside_parts(s.here) if case._holds(p)]
    assert mine(plan_homes(engine, LATER)) == [("remove", [2], 1)]
    assert mine(plan_homes(engine, LATER, names)) == [("remove", [0, 1, 2], 3)]
    assert len(home.stored(case.hour)) == 3
    case.drop()
    assert mine(sweep_homes(engine, LATER)) == [("remove", [0, 1, 2], 3)]
    assert mine(sweep_homes(engine, LATER)) == mine(plan_homes(engine, LATER)) == []


def test_another_address_of_the_same_place_takes_nothing_away(engine, home, home_url):
    from db.words.homes.address import know_homes, redacted_home

    alias = home_url.replace("127.0.0.1", "localhost")
    know_homes([alias])
    case = Case(engine, home, ["home", "home"])
    other = home_at(engine, redacted_home(alias))
    note_home(engine, other.address)
    assert other.address != home.address and len(other.stored(case.hour)) == 2
    case.sweep_later()
    case.check()


def test_copies_stay_while_the_table_has_other_words(engine, home):
    case = Case(engine, home, ["home", "home"])
    case.restore()
    for shard in engine.shards:
        shard.here.execute(
            "ALTER TABLE chunks UPDATE words = [toUInt64(5)] WHERE seq = 1"
            f" AND run_id = {case.run.run_id} SETTINGS mutations_sync = 2"
        )
    (kept,) = [s for s in sweep_homes(engine, LATER) if s.why and (s.hour, s.home) == case.place]
    assert [each.seq for each in kept.payloads] == [1] and "copies are good" in kept.why
    assert 1 in {each.seq for each in home.stored(case.hour)}


def test_nothing_goes_while_a_shard_still_has_headers_to_change(engine, home):
    case = Case(engine, home, ["orphan"])
    case.write_inline()
    here = engine.shards[0].here
    here.execute(
        "ALTER TABLE chunks UPDATE n_suspect = throwIf(run_id > 0)"
        f" WHERE run_id = {case.run.run_id} SETTINGS mutations_sync = 0"
    )
    try:
        (kept,) = [s for s in sweep_homes(engine, LATER) if (s.hour, s.home) == case.place]
        assert (kept.action, kept.why) == ("keep", "the store is changing headers just now")
        assert len(home.stored(case.hour)) == 1
    finally:
        here.execute(
            "KILL MUTATION WHERE table = 'chunks' AND NOT is_done"
            " AND database = currentDatabase() SYNC"
        )
    sweep_homes(engine, LATER)
    assert case.hour not in home.counts()


@pytest.mark.slow
def test_a_home_that_does_not_answer_is_said_and_the_others_are_looked_at(engine, home):
    case = Case(engine, home, ["orphan"])
    away = home.address.replace("127.0.0.1", "127.0.0.2")
    note_home(engine, away)
    steps = sweep_homes(engine, LATER)
    (fault,) = [step for step in steps if step.home == away]
    assert fault.action == "keep" and away in fault.why and "\n" not in fault.why
    assert case.hour not in home.counts()
    for shard in engine.shards:
        shard.here.execute("TRUNCATE TABLE homes")


def test_what_is_put_while_it_is_removed_stays(engine, home, monkeypatch):
    """A spool replays just between the sweep's look and its deed."""
    case = Case(engine, home, ["orphan", "orphan"])
    old = list(home.stored(case.hour))

    def renewed():
        """What is put from here on is put at a later time than what was looked at."""
        shift = timedelta(days=4)
        if home.address.startswith("mongodb"):
            import db.words.homes.mongodb as module

            class Later(datetime):
                @classmethod
                def now(cls, zone=None):
                    return datetime.now(zone) + shift

            monkeypatch.setattr(module, "datetime", Later)
        else:
            import db.words.homes.s3 as module

            real = module.time.time
            monkeypatch.setattr(
                module, "time", SimpleNamespace(time=lambda: real() + shift.total_seconds())
            )

    renewed()
    case.replay()
    gone = home.discard(case.hour, old, LATER)
    assert not gone or not home.address.startswith("mongodb")
    case.check()


def test_a_move_is_named_stroke_by_stroke(engine, home, monkeypatch):
    case = Case(engine, home, ["inline"] * 4)
    strokes = []
    name_home = moves._name_home

    def named(*args):
        strokes.append(args)
        name_home(*args)

    monkeypatch.setattr(moves, "_name_home", named)
    monkeypatch.setattr(moves, "_STROKE_S", -1)
    monkeypatch.setattr(moves, "_OBJECT_WORDS", 1)
    case.archive()
    case.check()
    assert len(strokes) == 4
    assert move_words(engine, case.run, home) == moves.Moved()


def test_a_move_that_took_a_day_names_nothing(engine, home, monkeypatch):
    case = Case(engine, home, ["inline"] * 2)
    times = iter([0.0])
    clock = SimpleNamespace(time=lambda: next(times, 80_000.0))
    monkeypatch.setattr(moves, "time", clock)
    with pytest.raises(StoreError, match="took too long"):
        move_words(engine, case.run, home)
    case.check()
    assert moves.lies_in(engine, case.run.run_id) == {"": 2}

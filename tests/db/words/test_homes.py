"""What a home of words promises, each of them alike."""

from datetime import timedelta
from itertools import count

import numpy as np
import pytest
from homes import LATER, OTHERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ticks import CORRUPT, HIT, MARK, NOW, SLICE, TOY, Hit, toy_chunks

from db.errors import StoreError
from db.words.chunks import read_arrivals, read_words, write_chunks

pytestmark = pytest.mark.every_store

_runs = count(3_000_000)
_hours = count(1)


hits = st.lists(
    st.builds(
        Hit,
        st.integers(0, 3000),
        st.integers(0, 2),
        st.integers(0, 15),
        st.sampled_from([HIT, CORRUPT, MARK]),
    ),
    min_size=1,
    max_size=30,
)


def words_of(engine, run, a=-(10**6), b=10**6):
    return read_words(engine, run, a, b, SLICE)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hits, st.integers(-100, 3500), st.integers(0, 1000))
def test_a_range_brings_the_words_of_its_chunks(engine, home, made, a, length):
    run, b = next(_runs), a + length
    chunks = toy_chunks(run, made)
    write_chunks(engine, chunks, TOY, NOW, home)
    expected = sorted(
        (c for c in chunks if c.n_hits > c.n_corrupt and c.t_first < b and c.t_last >= a),
        key=lambda c: (c.t_first, c.link, c.seq),
    )
    read = words_of(engine, run, a, b)
    assert read.words.tolist() == [w for c in expected for w in c.words.tolist()]
    assert read.lengths.tolist() == [len(c.words) for c in expected]
    assert read.epochs.tolist() == [c.epoch for c in expected]
    assert read.links.tolist() == [c.link for c in expected]


def test_what_is_written_twice_is_there_once(engine, home):
    run = next(_runs)
    chunks = toy_chunks(run, [Hit(t, 0, t % 7) for t in range(0, 2000, 40)])
    for _ in range(3):
        write_chunks(engine, chunks, TOY, NOW, home)
    assert len(words_of(engine, run).words) == 50
    assert len(read_arrivals(engine, run, {})) == len(chunks)


def test_a_run_may_lie_in_several_homes(engine, home):
    run = next(_runs)
    chunks = toy_chunks(run, [Hit(t, link, 3) for t in range(0, 3000, 50) for link in (0, 1)])
    write_chunks(engine, chunks[::2], TOY, NOW, home)
    write_chunks(engine, chunks[1::2], TOY, NOW)
    ordered = sorted((c for c in chunks if c.n_hits), key=lambda c: (c.t_first, c.link, c.seq))
    assert words_of(engine, run).words.tolist() == [w for c in ordered for w in c.words.tolist()]


@pytest.mark.parametrize("home_address", OTHERS, indirect=True)
class TestAway:
    def test_a_header_names_its_home_and_the_table_has_no_words(self, engine, home):
        run = next(_runs)
        write_chunks(engine, toy_chunks(run, [Hit(5, 0, 1)]), TOY, NOW, home)
        found = engine.fetch(
            "SELECT home, sum(length(words)) AS n FROM chunks WHERE run_id = {run:UInt32}"
            " GROUP BY home",
            {"run": run},
        ).to_pylist()
        assert found == [{"home": home.address, "n": 0}]
        assert "@" not in home.address and "word" not in home.address.partition("/words")[0]

    def test_an_hour_is_removed_as_a_whole(self, engine, home):
        run = next(_runs)
        chunks = toy_chunks(run, [Hit(t, 0, 1) for t in range(0, 2000, 40)])
        first = NOW + timedelta(hours=next(_hours))
        hours = [first, first + timedelta(hours=1000)]
        for at, half in zip(hours, (chunks[::2], chunks[1::2]), strict=True):
            write_chunks(engine, half, TOY, at, home)
        numbers = [int(at.timestamp()) // 3600 for at in hours]
        counts = [len([c for c in half if c.n_hits]) for half in (chunks[::2], chunks[1::2])]
        assert [home.counts()[number] for number in numbers] == counts
        kept = {(p.link, p.seq, p.n_hits) for p in home.stored(numbers[1])}
        assert kept == {(c.link, c.seq, c.n_hits) for c in chunks[1::2] if c.n_hits}
        gone = list(home.stored(numbers[0]))
        assert home.discard(numbers[0], gone, NOW) == []  # put since then
        assert len(home.stored(numbers[0])) == len(gone)
        assert set(home.discard(numbers[0], gone, LATER)) == set(gone)
        assert home.stored(numbers[0]) == {}
        assert numbers[0] not in home.counts()
        home.discard(numbers[0], gone, LATER)  # twice does no harm
        assert len(home.stored(numbers[1])) == len(kept)
        with pytest.raises(StoreError, match="lacks the words of chunk 0 of link 0"):
            words_of(engine, run)
        home.discard(numbers[1], list(home.stored(numbers[1])), LATER)

    def test_payloads_without_a_header_can_be_discarded(self, engine, home):
        run, other = next(_runs), next(_runs)
        at = NOW + timedelta(hours=500 + next(_hours))
        hour = int(at.timestamp()) // 3600
        for each in (run, other):
            write_chunks(engine, toy_chunks(each, [Hit(5, 0, 1)]), TOY, at, home)
        orphans = [each for each in home.stored(hour) if each.run_id == other]
        assert home.discard(hour, orphans, LATER) == orphans
        assert {each.run_id for each in home.stored(hour)} == {run}
        assert words_of(engine, run).lengths.tolist() == [1]
        home.discard(hour, list(home.stored(hour)), LATER)

    def test_large_chunks_come_back_bit_for_bit(self, engine, home):
        run = next(_runs)
        words = np.random.default_rng(1).integers(0, 2**64, 300_000, np.uint64)
        (chunk, *_) = toy_chunks(run, [Hit(5, 0, 1)])
        big = chunk.__class__(**{**vars(chunk), "words": words, "n_hits": 150_000})
        write_chunks(engine, [big], TOY, NOW, home)
        assert np.array_equal(words_of(engine, run).words, words)


@pytest.mark.parametrize("home_address", OTHERS[:1], indirect=True)
def test_killed_while_an_hour_is_dropped_all_is_put_back(engine, home, monkeypatch):
    class KilledError(BaseException):
        pass

    def killed(*_):
        raise KilledError

    run, at = next(_runs), NOW + timedelta(hours=3000 + next(_hours))
    hour = int(at.timestamp()) // 3600
    chunks = toy_chunks(run, [Hit(t, 0, 1) for t in range(0, 1000, 40)])
    full = [each for each in chunks if each.n_hits]
    write_chunks(engine, full, TOY, at, home)
    payloads = list(home.stored(hour))
    words = home.get(payloads)
    with monkeypatch.context() as patch:
        patch.setattr(home, "_put_back", killed)
        with pytest.raises(KilledError):
            home.discard(hour, payloads, LATER)
    assert home.stored(hour) == {}
    home.put(payloads[:2], words[:2])  # meanwhile
    home.counts()
    assert len(home.stored(hour)) == len(full) == home.counts()[hour]
    assert words_of(engine, run).words.tolist() == [w for c in full for w in c.words.tolist()]


@pytest.mark.parametrize("home_address", OTHERS[1:], indirect=True)
def test_an_object_that_was_torn_goes_when_it_is_old(engine, home):
    import obstore

    run, at = next(_runs), NOW + timedelta(hours=3000 + next(_hours))
    hour = int(at.timestamp()) // 3600
    write_chunks(engine, toy_chunks(run, [Hit(5, 0, 1)]), TOY, at, home)
    old, young = (f"{hour}/{run}/0_0_1_{day}_00.words" for day in (20000, 90000))
    for name in (old, young):
        obstore.put(home._at, name, b"torn")
    home.discard(hour, [], LATER)
    left = {each["path"] for page in obstore.list(home._at, f"{hour}") for each in page}
    assert old not in left and young in left and len(left) == 3
    assert words_of(engine, run).lengths.tolist() == [1]

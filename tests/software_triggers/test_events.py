from itertools import product

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ticks import toy_run
from workbench import PAIRS

from db.errors import TriggerError
from db.relations.relation import SOURCES
from db.results.rows import list_lineages
from software_triggers.library.events import event_builder
from software_triggers.task.bind import bind

NAMES = ("tracks", "coincidence")
times = st.lists(st.integers(-120, 400), max_size=40)
lengths = st.tuples(st.integers(0, 15), st.integers(1, 25), st.integers(1, 90)).filter(
    lambda sizes: sizes[0] + sizes[1] <= sizes[2]
)


def words_at(ts, words_per_hit=1):
    """Words in no order, which their link and number tell apart."""
    rows = [(t, k % 3, *(1000 * k + w for w in range(words_per_hit))) for k, t in enumerate(ts)]
    raw = {f"w{w}": pl.UInt64 for w in range(words_per_hit)}
    return pl.DataFrame(rows, schema={"t": pl.Int64, "link": pl.UInt16, **raw}, orient="row")


def built(found, words, before, after, max_length):
    """What the event builder makes of times of candidates, by trigger."""
    builder = event_builder(NAMES)
    frames = {
        name: pl.DataFrame({"t": ts, "other": 1.5}, schema={"t": pl.Int64, "other": pl.Float64})
        for name, ts in found.items()
    }
    return builder.compute(words=words, before=before, after=after, max_length=max_length, **frames)


def expected(found, words, before, after, max_length):
    """The same with sets: ranges that share a tick belong together; long ones are cut."""
    ranges = sorted((t - before, t + after, name) for name, ts in found.items() for t in ts)
    chains = []
    for range_ in ranges:
        if chains and range_[0] < max(b for _, b, _ in chains[-1]):
            chains[-1].append(range_)
        else:
            chains.append([range_])
    events = []
    for chain in chains:
        begin, end = chain[0][0], max(b for _, b, _ in chain)
        cuts = [begin]
        if end - begin > max_length:
            cuts += [t for t in range(begin + 1, end) if t % max_length == 0]
        for a, b in zip(cuts, [*cuts[1:], end], strict=True):
            names = {name for low, high, name in chain if set(range(low, high)) & set(range(a, b))}
            inside = sorted(row for row in words.rows() if a <= row[0] < b)
            events.append(
                {
                    "t": a,
                    "t_end": b,
                    "continued": a != begin,
                    "triggers": sorted(names),
                    "n_words": len(inside),
                    "word_t": [row[0] for row in inside],
                    "word_link": [row[1] for row in inside],
                    "raw": [w for row in inside for w in row[2:]],
                }
            )
    return events


@settings(max_examples=150)
@given(
    times, times, st.lists(st.integers(-150, 450), max_size=60), lengths, st.sampled_from([1, 2])
)
def test_events_are_what_overlaps_cut_where_it_is_too_long(
    tracks, coincidence, ts, sizes, words_per_hit
):
    found, words = {"tracks": tracks, "coincidence": coincidence}, words_at(ts, words_per_hit)
    events = built(found, words, *sizes)
    assert events.to_dicts() == expected(found, words, *sizes)


@settings(max_examples=60)
@given(
    times, times, st.lists(st.integers(-150, 450), max_size=60), lengths, st.integers(15, 300), st.integers(0, 50)
)  # fmt: skip
@example(list(range(0, 300, 5)), [], list(range(300)), (3, 4, 20), 15, 0)
@example(list(range(0, 300, 5)), [17], list(range(300)), (3, 4, 20), 100, 3)
def test_events_do_not_hang_on_the_tiling(tracks, coincidence, ts, sizes, cell, offset):
    """Each window sees its reach and no further, and keeps the events that begin in it."""
    before, after, max_length = sizes
    found, words = {"tracks": tracks, "coincidence": coincidence}, words_at(ts)
    reach = 2 * max_length + before + after
    whole = built(found, words, *sizes).to_dicts()
    tiled = []
    for a in range(-300 + offset, 600, cell):
        b = a + cell
        seen = {
            name: [t for t in all_of_them if a - reach <= t < b + reach]
            for name, all_of_them in found.items()
        }
        near = words.filter(pl.col("t").is_between(a - reach, b + reach, closed="left"))
        events = built(seen, near, *sizes)
        tiled += [event for event in events.to_dicts() if a <= event["t"] < b]
    assert tiled == [event for event in whole if event["t"] >= -300 + offset]


@given(times, lengths)
def test_parts_of_a_chain_follow_each_other_and_none_is_too_long(ts, sizes):
    events = built({"tracks": ts, "coincidence": []}, words_at([]), *sizes).to_dicts()
    for event in events:
        assert 0 < event["t_end"] - event["t"] <= sizes[2] or not event["continued"]
        assert event["t_end"] - event["t"] <= max(sizes[2], sizes[0] + sizes[1])
    for one, other in zip(events, events[1:], strict=False):
        assert one["t_end"] <= other["t"]
        if other["continued"]:
            assert one["t_end"] == other["t"]


def test_no_candidates_are_no_events_of_the_same_columns():
    columns = ["t", "t_end", "continued", "triggers", "n_words", "word_t", "word_link", "raw"]
    for ts, words in product(([], [5]), ([], [5])):
        events = built({"tracks": ts, "coincidence": []}, words_at(words), 2, 3, 10)
        assert events.columns == columns
        assert len(events) == len(ts)
    empty = built({"tracks": [], "coincidence": []}, words_at([]), 2, 3, 10)
    full = built({"tracks": [5], "coincidence": [5]}, words_at([4, 5]), 2, 3, 10)
    assert empty.schema == full.schema


def test_a_builder_tells_what_it_reads():
    builder = event_builder(NAMES, before="1 us", after="2 us", max_length="5 us", name="shots")
    assert builder.name == "shots"
    assert set(builder.reads) == {"words", *NAMES}
    assert set(builder.reads) & set(SOURCES) == {"words"}
    assert builder.reach_ticks(builder.params, 1) == 13_000
    assert event_builder(("tracks",)).source != event_builder(NAMES).source


@pytest.mark.parametrize(
    "settings",
    [{"before": 0, "after": 0}, {"max_length": 0}, {"max_length": "1 us"}, {"before": "30 us"}],
)
def test_events_that_can_hold_nothing_are_refused_before_they_are_entered(engine, settings):
    run = toy_run(engine)
    known = {"events": event_builder(["pairs"]), "pairs": PAIRS}
    with pytest.raises(TriggerError, match=r"^trigger events: before \+ after is \d+ ticks, max_"):
        bind(engine, run, known, {"events": settings})
    assert list_lineages(engine, run.run_id) == []


def test_negative_settings_of_events_are_refused():
    with pytest.raises(TriggerError, match="before = -5: a duration is not negative"):
        event_builder(["pairs"]).given({"before": -5})

"""The filter in hardware against Python's own evaluation of its text, and the other targets."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from streams import run
from tubes import FLOATS, TUBES, hit_of, meets, words_of

from db.detector import decode, load, loads
from db.detector.decode_polars import decode_polars
from db.errors import SelectionError
from db.selection import to_numpy, to_sql
from db.selection.to_polars import to_polars
from fpga.selection.condition import condition, prefilter
from fpga.selection.filter import Filter

NAMES = [name for name in TUBES.column_names if name not in FLOATS | {"special"}]


def allowed(text):
    try:
        condition(TUBES, text)
    except SelectionError:
        return False
    return True


@st.composite
def integers(draw, depth):
    if depth == 0:
        constant = st.integers(-40, 40) | st.sampled_from([2**k for k in range(40)])
        return draw(st.sampled_from(NAMES) | constant.map(str))
    left, right = draw(integers(depth - 1)), draw(integers(depth - 1))
    text = draw(
        st.sampled_from(
            [
                f"({left} {draw(st.sampled_from('+-*&|^'))} {right})",
                f"({left} {draw(st.sampled_from(['//', '%']))} {draw(st.integers(1, 5000))})",
                f"({left} {draw(st.sampled_from(['<<', '>>']))} {draw(st.integers(0, 40))})",
                f"{draw(st.sampled_from(['-', '~', 'abs']))}({left})",
                f"{draw(st.sampled_from(['min', 'max']))}({left}, {right})",
                f"({left} if {draw(booleans(0))} else {right})",
                f"lookup({left} & 3, -5, 7, 4000000000, 0)",
                f"lookup({left} & 3, chamber_view)",
                f"lookup(({left} & 1) + 2, 9, 8, -300, 6)",
            ]
        )
    )
    return text if allowed(f"{text} > {left}") else left


@st.composite
def booleans(draw, depth):
    compared = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
    left, right = draw(integers(depth)), draw(integers(depth))
    simple = f"({left} {draw(compared)} {right})"
    if depth == 0:
        return draw(st.sampled_from([simple, "special"]))
    other = draw(booleans(depth - 1))
    members = draw(st.lists(st.integers(-9, 80), max_size=5))
    return draw(
        st.sampled_from(
            [
                simple,
                f"({simple} {draw(st.sampled_from(['and', 'or', '^', '==']))} {other})",
                f"(not {other} or {left} in {members})",
                f"({left} {draw(compared)} {right} {draw(compared)} {left})",
                f"({simple} if {other} else special)",
            ]
        )
    )


@settings(max_examples=40)
@example("lookup(tdc_meas & 3, -5, 7, 4000000000, 0) == bx % 12", 0)
@given(booleans(2).filter(allowed), st.integers(0, 2**32))
def test_hardware_keeps_what_every_other_target_keeps(engine, text, seed):
    words = words_of(seed, 60)
    kept, _ = run(Filter(TUBES, condition(TUBES, text)), words.tolist(), seed=seed)
    assert kept == [word for word in words.tolist() if meets(text, word)]

    node = TUBES.selection(text)
    assert kept == words[to_numpy(node, decode(TUBES, words))].tolist()
    mask = decode_polars(TUBES, words).select(keep=to_polars(node))["keep"]
    assert kept == words[np.broadcast_to(mask.to_numpy(), len(words))].tolist()
    listed = f"arrayJoin(CAST({words.tolist()} AS Array(UInt64)))"
    where = to_sql(TUBES.over_words(node))
    rows = engine.fetch(f"SELECT w0 FROM (SELECT {listed} AS w0) WHERE {where}")
    assert sorted(kept) == sorted(rows["w0"].to_pylist())


def test_one_hit_a_clock():
    words = words_of(5, 500)
    kept, clocks = run(Filter(TUBES, condition(TUBES, "bx % 2 == 0")), words.tolist())
    assert len(kept) > 100
    assert clocks <= len(words) + 3


def test_hits_of_several_words_stay_whole():
    deep_sea = load("km3net")
    words = np.random.default_rng(4).integers(0, 2**64, 400, dtype=np.uint64)
    hits = [low | high << 64 for low, high in words.reshape(-1, 2).tolist()]
    text = "tot > 26 and module % 3 != 1"
    kept, _ = run(Filter(deep_sea, condition(deep_sea, text)), hits, seed=1)
    assert 0 < len(kept) < len(hits)
    assert kept == [h for h in hits if (h >> 40 & 255) > 26 and (h >> 64 & 0xFFFFFFFF) % 3 != 1]


def test_a_prefilter_keeps_what_is_no_sound_hit():
    words = words_of(8, 600)
    kept, _ = run(Filter(TUBES, prefilter(TUBES, "layer == 2")), words.tolist(), seed=2)
    sound = [
        h["head"] == 2 and h["tdc_meas"] not in (0, 31) and h["bx"] < 3564
        for h in map(hit_of, words.tolist())
    ]
    assert 20 < sum(sound) < 580
    pairs = zip(words.tolist(), sound, strict=True)
    assert kept == [w for w, is_sound in pairs if not is_sound or hit_of(w)["layer"] == 2]


@pytest.mark.parametrize(
    ("text", "marked", "reason"),
    [
        ("layer == 2 and x_mm < 3", "x_mm", "x_mm: hardware has integers only"),
        ("bx < 7 or chamber < 1.5", "1.5", "integers only"),
        ("wire > v_drift_um_per_ns", "v_drift_um_per_ns", "integers only"),
        ("bx == 4 and t > 100", "t", "when its run began"),
    ],
)
def test_what_hardware_lacks_is_refused_at_its_place(text, marked, reason):
    with pytest.raises(SelectionError) as refused:
        condition(TUBES, text)
    assert reason in str(refused.value)
    assert text[refused.value.start : refused.value.stop] == marked


@settings(max_examples=20)
@given(st.lists(st.integers(-5, 5000), min_size=1, max_size=9, unique=True), st.integers(0, 999))
def test_hardware_finds_a_value_in_a_table(known, seed):
    known = sorted(known)
    declared = loads(TUBES.source.replace("[tables]", f"[tables]\nknown = {known}"))
    words = words_of(seed, 80)
    text = "find(bx - 3, known) * 2 + layer > 3"
    kept, _ = run(Filter(declared, condition(declared, text)), words.tolist(), seed=seed)
    place = {value: k for k, value in enumerate(known)}
    bx = {word: hit_of(word)["bx"] - 3 for word in words.tolist()}
    layer = {word: hit_of(word)["layer"] for word in words.tolist()}
    n = len(known)
    assert kept == [w for w in words.tolist() if place.get(bx[w], n) * 2 + layer[w] > 3]


def test_a_long_table_is_refused_at_its_place():
    long = TUBES.source.replace("[tables]", f"[tables]\nlong = {[1, 2] * 1024}")
    text = "layer == 1 or lookup(bx & 2047, long) == 1"
    with pytest.raises(SelectionError, match="a table of 2048 entries") as refused:
        condition(loads(long), text)
    assert text[refused.value.start : refused.value.stop] == "lookup(bx & 2047, long)"

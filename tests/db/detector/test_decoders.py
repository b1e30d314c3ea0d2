"""All decoders against Python's own evaluation of the declaration's texts, hit by hit."""

import tomllib
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from db.detector import column_sql, decode, encode, load, ranges
from db.detector.decode import BLOCK
from db.detector.decode_polars import decode_polars
from db.detector.keys import Keys
from db.detector.layout import lay_out
from db.errors import UsageError
from db.selection import to_numpy

EPOCH = st.integers(-(2**60), 2**60)
few = settings(max_examples=25, deadline=None)


@st.composite
def hits(draw, detector, most=40):
    """Words of hits, and an epoch for all of them or for each."""
    n = draw(st.integers(0, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    words = random.integers(0, 2**64, n * detector.words_per_hit, np.uint64)
    edges = draw(arrays(np.uint64, len(words)))
    epoch = draw(EPOCH | arrays(np.int64, n, elements=EPOCH))
    return np.where(random.random(len(words)) < 0.7, words, edges), epoch


def lookup(index, *table):
    table = table[0] if isinstance(table[0], list) else table
    assert 0 <= index < len(table)
    return table[index]


def expected_hit(declared, words, epoch):
    """One hit, by the texts of the declaration."""
    tools = {"lookup": lookup, "min": min, "max": max, "abs": abs}
    tools |= declared.get("constants", {}) | declared.get("tables", {})
    hit = {}
    for name, place in declared["fields"].items():
        low, high = place["bits"]
        hit[name] = words[place.get("word", 0)] >> low & (1 << high - low + 1) - 1
    verdicts = {"hit": "True", "corrupt": "False"} | declared.get("words", {})
    verdicts = {"timed": verdicts["hit"]} | verdicts
    texts = declared.get("columns", {}) | verdicts

    def evaluate():
        for name, text in texts.items():
            with suppress(NameError):  # it needs t, which is still to come
                hit[name] = eval(text, tools, hit)

    evaluate()
    hit["t"] = eval(declared["clock"]["time"], tools, hit) + epoch
    evaluate()
    return hit


def exact(values):
    """The values' type and bits: all that must not differ."""
    return values.dtype.name, values.tobytes()


@few
@given(st.data())
def test_numpy_decodes_what_the_declaration_says(detector, data):
    words, epoch = data.draw(hits(detector))
    declared = tomllib.loads(detector.source)
    if "table" in declared:
        declared = lay_out(Keys(declared, detector.name))[0].values
    decoded = decode(detector, words, epoch, detector.nodes)
    rows = words.reshape(-1, detector.words_per_hit).tolist()
    for i, (row, its_epoch) in enumerate(zip(rows, np.broadcast_to(epoch, len(rows)), strict=True)):
        expected = expected_hit(declared, row, int(its_epoch))
        assert {name: values[i].item() for name, values in decoded.items()} == expected


@few
@given(st.data())
def test_polars_decodes_as_numpy_bit_for_bit(detector, data):
    words, epoch = data.draw(hits(detector, 3000))
    frame, decoded = decode_polars(detector, words, epoch), decode(detector, words, epoch)
    assert frame.columns == list(decoded)
    for name, values in decoded.items():
        assert exact(frame[name].to_numpy()) == exact(values), name


@few
@given(st.data())
def test_clickhouse_decodes_as_numpy_bit_for_bit(engine, detector, data):
    words, epoch = data.draw(hits(detector, 3000).filter(lambda drawn: len(drawn[0])))
    rows, table = words.reshape(-1, detector.words_per_hit), f"words_of_{detector.name}"
    raw = {f"w{k}": rows[:, k] for k in range(detector.words_per_hit)}
    raw["epoch"] = np.broadcast_to(np.asarray(epoch, np.int64), len(rows))
    engine.execute(f"DROP TABLE IF EXISTS {table}")
    kinds = ", ".join(f"{name} {'Int64' if name == 'epoch' else 'UInt64'}" for name in raw)
    engine.execute(f"CREATE TABLE {table} ({kinds}) ENGINE = Memory")
    engine.insert(table, pa.table(raw))

    columns = column_sql(detector)
    shown = ", ".join(f"{sql} AS column_{i}" for i, sql in enumerate(columns.values()))
    found = engine.fetch(f"SELECT {shown} FROM {table}").rename_columns(list(columns))
    decoded = decode(detector, words, epoch, detector.nodes)
    assert columns.keys() == decoded.keys()
    for name, values in decoded.items():
        assert exact(found[name].to_numpy()) == exact(values), name


@pytest.mark.parametrize("each_its_epoch", [False, True])
def test_long_arrays_decode_as_their_pieces_do(detector, each_its_epoch):
    n = 2 * BLOCK + 17
    random = np.random.default_rng(1)
    words = random.integers(0, 2**64, n * detector.words_per_hit, np.uint64)
    epoch = random.integers(0, 2**40, n) if each_its_epoch else np.full(n, 5)
    whole = decode(detector, words, epoch if each_its_epoch else 5)
    cut = np.arange(0, n, 1000)[1:]
    pieces = zip(np.split(words, cut * detector.words_per_hit), np.split(epoch, cut), strict=True)
    decoded = [decode(detector, *piece) for piece in pieces]
    for name, values in whole.items():
        assert exact(values) == exact(np.concatenate([piece[name] for piece in decoded])), name


@few
@given(st.data())
def test_asking_for_a_few_columns_gives_just_those(detector, data):
    words, epoch = data.draw(hits(detector))
    wanted = data.draw(st.lists(st.sampled_from(sorted(detector.nodes)), unique=True))
    decoded, all_ = (decode(detector, words, epoch, names) for names in (wanted, detector.nodes))
    assert list(decoded) == wanted
    for name in wanted:
        assert exact(decoded[name]) == exact(all_[name])


@few
@given(st.data())
def test_values_lie_in_the_ranges_that_selections_are_checked_against(detector, data):
    words, epoch = data.draw(hits(detector))
    decoded = decode(detector, words, epoch)
    assert ranges(detector).keys() == decoded.keys()
    for name, known in ranges(detector).items():
        if known.kind == "int" and len(decoded[name]):
            assert known.lo <= decoded[name].min() <= decoded[name].max() <= known.hi
        assert (known.kind == "float") == (decoded[name].dtype == np.float64)
        assert (known.kind == "bool") == (decoded[name].dtype == np.bool_)


@few
@given(st.data())
def test_trees_over_names_agree_with_the_columns_of_their_name(detector, data):
    words, _ = data.draw(hits(detector))
    decoded = decode(detector, words, 0, detector.nodes)
    for name in ("hit", "timed", "corrupt", "channel"):
        assert (to_numpy(getattr(detector, name), decoded) == decoded[name]).all()
    assert (to_numpy(detector.time, decoded) == decoded["t"]).all()


@few
@given(st.data())
def test_encoding_what_was_decoded_gives_the_bits_of_all_fields(detector, data):
    words, _ = data.draw(hits(detector))
    mask = np.zeros(detector.words_per_hit, np.uint64)
    for field in detector.fields:
        mask[field.word] |= np.uint64((2**field.width - 1) << field.low)
    fields = decode(detector, words, 0, [field.name for field in detector.fields])
    again = encode(detector, fields)
    assert (again.reshape(-1, detector.words_per_hit) == words.reshape(-1, len(mask)) & mask).all()


@few
@given(st.data())
def test_decoding_what_was_encoded_gives_the_fields(detector, data):
    n = data.draw(st.integers(0, 20))
    fields = {
        field.name: data.draw(arrays(np.uint64, n, elements=st.integers(0, 2**field.width - 1)))
        for field in detector.fields
    }
    decoded = decode(detector, encode(detector, fields))
    for name, values in fields.items():
        assert (decoded[name] == values).all()


def test_types_are_the_smallest_that_hold_what_a_column_can_be(pixels):
    kinds = {name: values.dtype.name for name, values in decode(pixels, np.zeros(3, "u8")).items()}
    assert kinds == {
        "charge": "uint8",
        "row": "uint16",
        "col": "uint16",
        "clock": "int64",
        "stamp": "uint64",
        "crate": "uint8",
        "trigger": "uint32",
        "hit_plane": "uint8",
        "quarter": "uint8",
        "u": "int16",
        "third": "int16",
        "broken": "bool",
        "charge_e": "float64",
        "x_mm": "float64",
        "steps": "float64",
        "t_corrected": "int64",
        "always": "uint8",
        "mixed": "uint8",
        "cold": "bool",
        "t": "int64",
    }


def test_a_column_that_is_not_there_is_answered_with_a_near_one():
    with pytest.raises(UsageError, match="no column chambre; did you mean chamber"):
        decode(load("drift_tubes_v2"), np.zeros(1, np.uint64), 0, ["chambre"])


def test_half_a_hit_is_refused():
    with pytest.raises(UsageError, match="3 words are no whole number of hits"):
        decode(load("km3net"), np.zeros(3, np.uint64))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"charge": [256]}, "charge can't be 256: pixels has 0..255"),
        ({"charge": [-1]}, "charge can't be -1"),
        ({"charge": [1, 2]}, "lengths differ"),
        ({"chrage": [1]}, "no field chrage; did you mean charge"),
    ],
)
def test_fields_that_do_not_fit_are_refused(pixels, change, problem):
    fields = {field.name: np.array([1]) for field in pixels.fields}
    with pytest.raises(UsageError, match=problem):
        encode(pixels, fields | {name: np.array(values) for name, values in change.items()})


def test_a_missing_field_is_named(pixels):
    with pytest.raises(UsageError, match="needs charge, row, clock, stamp, crate, trigger too"):
        encode(pixels, {"col": np.array([1])})

import os
import subprocess
import sys
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copy

import numpy as np
import onnx
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from db.catalogue.runs import close_run, open_run
from db.detector import decode, encode, load
from db.errors import TriggerError
from db.results.rows import read_committed
from db.words.hits_view import create_views
from readout.readout import Readout
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate
from readout.source.block import Block
from software_triggers.library.anomaly import BATCH, SHIPPED, anomaly, features, load_scorer
from software_triggers.library.train_anomaly import to_onnx, train
from software_triggers.registry import known_triggers
from software_triggers.running.threads import run_stages

TELESCOPE = load("drift_tubes_v2")
BIN = 12_000
SECOND = 1_200_000_000
WHERE = {"chamber": pl.UInt8, "layer": pl.UInt8, "wire": pl.UInt8}


def frame(t, chamber, layer, wire):
    columns = {"t": t, "chamber": chamber, "layer": layer, "wire": wire}
    return pl.DataFrame({name: np.asarray(values) for name, values in columns.items()}).cast(
        {"t": pl.Int64, **WHERE}
    )


def ordinary(muon_rate_hz, seconds, seed=1):
    """Hits of muons and their noise, as the demo has them."""
    stream = simulate(
        TELESCOPE, Conditions(muon_rate_hz=muon_rate_hz), seed, 0, int(seconds * SECOND)
    ).stream
    hits = pl.DataFrame(decode(TELESCOPE, stream.words.ravel(), 0, ["t", *WHERE, "hit"]))
    return hits.filter("hit").select("t", *WHERE)


def score(hits, **params):
    params = {"model": Path(anomaly.params["model"])} | params
    return anomaly.compute(hits=hits, detector=TELESCOPE, **params)


def slow_features(hits, bin_ticks, n_chambers):
    of_bin = defaultdict(list)
    for t, chamber, layer, wire in hits.rows():
        if wire and chamber < n_chambers:
            of_bin[t // bin_ticks].append((chamber, layer, wire, t % bin_ticks))
    told = {}
    for number, inside in of_bin.items():
        told[number] = []
        for chamber in range(n_chambers):
            own = [hit[1:] for hit in inside if hit[0] == chamber]
            cells = Counter((layer, wire) for layer, wire, _ in own)
            wires = [wire for _, wire, _ in own]
            moments = Counter(within * 16 // bin_ticks for *_, within in own)
            told[number] += [
                len(own),
                len(cells),
                len({layer for layer, *_ in own}),
                max(wires) - min(wires) + 1 if own else 0,
                max(cells.values(), default=0),
                max(moments.values(), default=0),
            ]
    return sorted(told.items())


@st.composite
def some_hits(draw, span=300_000):
    n, seed = draw(st.integers(0, 60)), draw(st.integers(0, 2**32))
    rng = np.random.default_rng(seed)
    width = draw(st.sampled_from([BIN, 4 * BIN, span]))
    return frame(
        rng.integers(-width, width, n),
        rng.choice([0, 1, 2, 3, 5, 255], n),
        rng.integers(1, 5, n),
        rng.integers(0, draw(st.sampled_from([2, 17])), n),
    )


@given(some_hits(), st.sampled_from([1, 7, 500, BIN]), st.integers(1, 6))
def test_features_are_those_of_a_slow_count(hits, bin_ticks, n_chambers):
    bins, x = features(hits, bin_ticks, n_chambers)
    expected = slow_features(hits, bin_ticks, n_chambers)
    assert bins.tolist() == [number for number, _ in expected]
    assert x.tolist() == [told for _, told in expected]
    assert x.shape == (len(bins), 6 * n_chambers)


@settings(max_examples=50)
@given(st.data())
def test_the_same_rows_come_out_however_time_is_cut(data):
    hits = data.draw(some_hits())
    whole = score(hits, threshold=0.0)
    cuts = sorted(data.draw(st.lists(st.integers(-310_000, 310_000), max_size=6)))
    reach = anomaly.reach_ticks({}, TELESCOPE.tick)
    found = []
    for a, b in zip([-400_000, *cuts], [*cuts, 400_000], strict=True):
        near = hits.filter(pl.col("t").is_between(a - reach, b + reach - 1))
        near = near.sample(fraction=1, shuffle=True, seed=1)
        found += score(near, threshold=0.0).filter(pl.col("t").is_between(a, b - 1)).rows()
    assert found == whole.rows()
    assert (whole["t"] % BIN == 0).all()


def test_many_bins_score_as_each_does_alone():
    hits = ordinary(30_000, 0.02)
    whole = score(hits, threshold=0.0)
    assert whole["t"].max() > 10 * BATCH * BIN
    for t, found in whole.sample(100, seed=1).rows():
        alone = score(hits.filter(pl.col("t").is_between(t, t + BIN - 1)), threshold=0.0)
        assert alone.rows() == [(t, found)]


def shipped_weights():
    tensors = onnx.load(SHIPPED).graph.initializer
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}


def test_scores_are_those_of_the_same_weights_in_numpy():
    hits = ordinary(20_000, 0.2)
    bins, x = features(hits, BIN, 4)
    weights = {name: values.astype(np.float64) for name, values in shipped_weights().items()}
    expected = np.linalg.norm((x - weights["mean"]) @ weights["whitening"], axis=1)
    found = score(hits, threshold=0.0)
    assert found["t"].to_list() == (bins * BIN).tolist()
    assert found["score"].to_numpy() == pytest.approx(expected, rel=1e-4)
    some = score(hits, threshold=2.5)
    assert 0 < len(some) == (expected > 2.5).sum()


def test_a_score_is_mahalanobis_distance_with_an_rms_of_one():
    x = features(ordinary(5000, 0.2), BIN, 4)[1].astype(np.float64)
    mean, whitening = train(x, shrinkage=1e-9)
    scores = np.linalg.norm((x - mean) @ whitening, axis=1)
    assert np.sqrt(np.mean(scores**2)) == pytest.approx(1)
    varies = x.std(axis=0) > 0
    inverse = np.linalg.pinv(np.cov(x[:, varies].T, bias=True), hermitian=True)
    off = (x - x.mean(axis=0))[:, varies]
    mahalanobis = np.sqrt(np.einsum("ni,ij,nj->n", off, inverse, off))
    assert scores == pytest.approx(mahalanobis / np.sqrt(np.mean(mahalanobis**2)), rel=1e-3)


def test_training_again_gives_the_same_file_and_the_order_of_bins_hardly_matters():
    x = features(ordinary(5000, 0.2), BIN, 4)[1]
    once, again = (to_onnx(*train(x)).SerializeToString() for _ in range(2))
    assert once == again
    for first, second in zip(train(x), train(x[::-1]), strict=True):
        assert second == pytest.approx(first, rel=1e-6, abs=1e-9)


def test_the_shipped_model_is_what_its_recipe_makes():
    told = [features(ordinary(rate, 2.0), BIN, 4)[1] for rate in (1000, 5000, 20_000)]
    mean, whitening = train(np.concatenate(told))
    shipped = shipped_weights()
    assert shipped["mean"] == pytest.approx(mean, rel=1e-3)
    assert shipped["whitening"] == pytest.approx(whitening, rel=1e-3, abs=1e-5)
    assert SHIPPED.stat().st_size < 4096


def cells_hit(rng, t, chamber, n):
    """n cells of a chamber, or of all four, within 400 ns of t: a shower, or a burst."""
    cells = rng.choice(64 if chamber is not None else 256, n, replace=False)
    of = np.full(n, chamber) if chamber is not None else cells // 64
    return frame(t + rng.integers(0, 480, n), of, cells % 64 // 16 + 1, cells % 16 + 1)


def test_ordinary_bins_are_rarely_found_and_showers_bursts_and_hot_wires_are():
    rng = np.random.default_rng(5)
    hits = ordinary(5000, 1.0, seed=9)
    assert len(score(hits)) == 0
    assert len(features(hits, BIN, 4)[0]) > 5000
    at = rng.permutation(100_000)[:300] * BIN
    hot = [
        frame(t + 480 * np.arange(12), [t % 4] * 12, [1 + t % 3] * 12, [1 + t % 16] * 12)
        for t in at[200:].tolist()
    ]
    showers = [cells_hit(rng, t + 5000, int(t) % 4, 24) for t in at[:100]]
    bursts = [cells_hit(rng, t + 5000, None, 100) for t in at[100:200]]
    found = set(score(pl.concat([hits, *showers, *bursts, *hot]))["t"].to_list())
    assert found == set(at.tolist())


def model(tmp_path, *, inputs=(("x", 24),), shape=("n",), name="other.onnx"):
    """A model that sums each row, or pretends to."""
    taken = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", w]) for n, w in inputs]
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
    node = helper.make_node("ReduceL1", ["x"], ["y"], axes=[len(shape)], keepdims=0)
    if len(shape) == 2:
        node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "g", taken, [out])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    onnx.save(made, tmp_path / name)
    return tmp_path / name


def test_a_model_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path):
    hits = pl.concat([frame([5, 6], [0, 1], [1, 1], [3, 3]), frame([BIN], [1], [2], [4])])
    path = model(tmp_path, inputs=[("x", 12)])
    found = score(hits, model=path, threshold=6.5)
    assert found.rows() == [(0, 12.0)]


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("this is no model")
    for path, problem in [
        (tmp_path / "none.onnx", "can't be read: No such file"),
        (tmp_path / "text.onnx", "no ONNX file"),
        (model(tmp_path, inputs=[("x", 25)]), r"takes x \('n', 25\) of tensor\(float\); it must"),
        (model(tmp_path, inputs=[("x", 24), ("z", 24)], name="two.onnx"), "takes x .* and z "),
        (model(tmp_path, inputs=[("x", 0)], name="empty.onnx"), "it must take"),
        (model(tmp_path, shape=("n", 24), name="many.onnx"), "gives y .* as many scores"),
    ]:
        with pytest.raises(TriggerError, match=problem):
            score(frame([], [], [], []), model=path)


def test_a_model_is_loaded_once_and_again_when_it_changes(tmp_path):
    path = tmp_path / "mine.onnx"
    copy(SHIPPED, path)
    with ThreadPoolExecutor(8) as threads:
        scorers = list(threads.map(lambda _: load_scorer(path), range(32)))
    assert len(set(map(id, scorers))) == 1
    os.utime(path, ns=(1, 1))
    assert load_scorer(path) is not scorers[0]


def test_threads_share_a_model():
    hits = ordinary(20_000, 0.05)
    expected = score(hits, threshold=0.0).rows()
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(lambda _: score(hits, threshold=0.0).rows(), range(12)):
            assert found == expected


WITHOUT = """
import sys
sys.modules["onnxruntime"] = None
import polars as pl
from pathlib import Path
from db.detector import load
from db.errors import TriggerError
from software_triggers.registry import known_triggers
anomaly = known_triggers()["anomaly"]
try:
    model = Path(anomaly.params["model"])
    anomaly.compute(hits=pl.DataFrame(), detector=load("drift_tubes_v2"), model=model)
except TriggerError as fault:
    print(fault)
"""


def test_without_onnxruntime_it_is_listed_and_says_what_to_install():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60
    )
    wanted = "trigger anomaly needs the extra: pip install 'everyhit[onnx]'\n"
    assert done.stdout == wanted, done.stderr


def test_a_shower_in_a_run_is_found_where_it_was(engine):
    stream = simulate(TELESCOPE, Conditions(muon_rate_hz=3000), 2, 0, SECOND // 5).stream
    t = 7777 * BIN + 3000 + np.arange(40) * 10
    fields = {field.name: np.zeros(40, np.int64) for field in TELESCOPE.fields}
    fields |= {"head": np.full(40, 2), "tdc_channel": np.arange(40), "tdc_meas": t % 30 + 1}
    fields |= {"bx": t // 30 % 3564, "orbit": t // 30 // 3564}
    run = open_run(engine, TELESCOPE, cell=35_000_000)
    create_views(engine, run.detector)
    with Readout(engine, run) as readout:
        for link, words in enumerate(
            [stream.of_link(0), stream.of_link(1), encode(TELESCOPE, fields)]
        ):
            readout.push(Block(link, words, 0))
    run = close_run(engine, run)
    (stage,) = run_stages(engine, run, known_triggers(), {"anomaly": {}})
    found = read_committed(engine, stage.lineage, run.cell, -SECOND, SECOND)
    assert found["t"].to_list() == [7777 * BIN]

"""Trains the model of the trigger ``anomaly`` on ordinary runs of a store.

The shipped one comes from simulated muons and noise at several rates::

    for rate in 1000 5000 20000; do everyhit demo --muons $rate --duration 2 --store S; done
    python -m software_triggers.library.train_anomaly --store S --run 1 --run 2 --run 3
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from db.catalogue.runs import find_run
from db.store import open_store
from db.time import duration_ticks
from software_triggers.library.anomaly import BIN, SHIPPED, features
from software_triggers.task.relations import read_frame
from software_triggers.window import Window

Floats = NDArray[np.float64]

OPSET, IR_VERSION = 17, 8  # what onnxruntime could read years ago


def train(x: NDArray[np.floating[Any]], shrinkage: float = 0.01) -> tuple[Floats, Floats]:
    """Return mean (f,) and whitening (f, f) of features (n, f), of which a row is a bin.

    A bin's score is the length of (x - mean) @ whitening: Mahalanobis' distance from the ordinary
    bins (Proc. Natl. Inst. Sci. India 2 (1936) 49), over the root mean square that it has for
    them. Correlations are shrunk a little towards none, so that what never varied in training
    counts much, but not without limit. Nothing is drawn: equal bins give equal weights.
    """
    x = x.astype(np.float64)
    mean, width = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-3)
    off = (x - mean) / width
    covariance = (1 - shrinkage) * off.T @ off / len(off) + shrinkage * np.eye(off.shape[1])
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T
    rms = np.sqrt(np.square(off @ whitening).sum(axis=1).mean())
    return mean, whitening / width[:, None] / rms


def to_onnx(mean: Floats, whitening: Floats) -> onnx.ModelProto:
    """Return the model as ONNX: features (bins, f) in, scores (bins,) out, both float32."""
    nodes = [
        helper.make_node("Sub", ["features", "mean"], ["off"]),
        helper.make_node("MatMul", ["off", "whitening"], ["white"]),
        helper.make_node("ReduceL2", ["white"], ["score"], axes=[1], keepdims=0),
    ]
    weights = {"mean": mean, "whitening": whitening}
    graph = helper.make_graph(
        nodes,
        "anomaly",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["bins", len(mean)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["bins"])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on runs of a store and write the model."""
    parser = argparse.ArgumentParser(prog="train_anomaly", description=__doc__)
    parser.add_argument("--store", required=True, help="address or folder of the store")
    parser.add_argument("--run", action="append", required=True, help="ordinary run; repeatable")
    parser.add_argument("--chambers", type=int, default=4, help="chambers that the model looks at")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="the file to write")
    chosen = parser.parse_args(arguments)
    told = []
    with open_store(chosen.store) as store:
        for which in chosen.run:
            run = find_run(store.engine, which)
            whole = Window(-(2**62), 2**62)
            hits = read_frame(store.engine, run, whole, ("t", "chamber", "layer", "wire"))
            ticks = duration_ticks(BIN, run.detector.tick)
            told.append(features(hits, ticks, chosen.chambers)[1])
    onnx.save(to_onnx(*train(np.concatenate(told))), chosen.out)


if __name__ == "__main__":
    main()

"""The segment finder of the FPGA beside the software's, against the simulator's truth."""

import numpy as np
import polars as pl

from db.detector import Detector, decode
from db.detector.words import Words
from fpga.segments.chamber import chamber_of
from fpga.segments.model import find
from ops.demo.score import Score
from readout.simulator.conditions import Conditions
from readout.simulator.simulate import simulate
from software_triggers.library.drift_tubes import segments as trigger

RELEASE_NS = 200.0
"""Mean delay of a word at the front-end, where the finder is: its stream is in rough order."""
WITHIN_NS = (10.0, 3.0)


def compare(
    detector: Detector, muons_per_s: float, muons: int, seed: int
) -> list[dict[str, object]]:
    """Two rows: what each finder made of the same simulated words.

    The FPGA's is its model, which the hardware follows to the bit. It looks for segments of four
    hits, the software for those of three as well. Raises DeclarationError if the detector is no
    telescope of drift tubes.
    """
    conditions = Conditions(muon_rate_hz=muons_per_s, hit_delay_ns=RELEASE_NS, segment_words=False)
    stop = round(muons / muons_per_s * 1e9 / float(detector.tick))
    made = simulate(detector, conditions, seed, 0, stop)
    words = made.stream.words.reshape(-1)
    return [
        _row(detector, name, muons_per_s, len(words), made.segments, found)
        for name, found in (
            ("fpga", _hardware(detector, words)),
            ("software", _software(detector, words)),
        )
    ]


def _hardware(detector: Detector, words: Words) -> pl.DataFrame:
    t = decode(detector, words, columns=("t",))["t"]
    numbers = np.unique(decode(detector, words, columns=("chamber",))["chamber"])
    found = []
    for number in numbers[numbers < 255].tolist():
        segments = find(chamber_of(detector, number), words)
        found.append(
            pl.DataFrame(
                {
                    "t": t[segments["at"]] + segments["t0"],
                    "t0_ns": np.zeros(len(segments)),
                    "chamber": np.full(len(segments), number, np.uint8),
                }
            )
        )
    return pl.concat(found)


def _software(detector: Detector, words: Words) -> pl.DataFrame:
    names = ("t", "chamber", "layer", "wire", "view", "x_mm", "z_mm")
    columns = decode(detector, words, columns=(*names, "hit", "corrupt"))
    kept = columns["hit"] & ~columns["corrupt"] & (columns["wire"] > 0)
    hits = pl.DataFrame({name: columns[name][kept] for name in names})
    assert trigger.compute is not None
    return trigger.compute(hits=hits, detector=detector).select("t", "t0_ns", "chamber")


def _row(
    detector: Detector,
    finder: str,
    muons_per_s: float,
    words: int,
    truth: pl.DataFrame,
    found: pl.DataFrame,
) -> dict[str, object]:
    wide, narrow = (Score(float(detector.tick), within_ns=within) for within in WITHIN_NS)
    for score in (wide, narrow):
        score.add(truth, found)
    return {
        "finder": finder,
        "muons_per_s": muons_per_s,
        "words": words,
        "true_with_4_hits": wide.true,
        "efficiency": wide.efficiency,
        "efficiency_3_ns": narrow.efficiency,
        "t0_rms_ns": wide.t0_rms_ns,
        "segments": wide.segments,
        "fakes": wide.fake_rate,
    }

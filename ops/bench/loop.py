"""The closed loop: from a channel's first noisy hit to the mask that removes it, in one process."""

import time
from typing import Any

import numpy as np

from db.detector import Detector, encode, load
from db.detector.words import Words
from db.store import Store
from ops.bench.fed_run import FedRun, fed_run
from ops.bench.telescope import DETECTOR
from readout.control.feedback import Limits, plain
from readout.link.unwrap import Ticks
from readout.source.block import Block

TRIGGERS: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "ringing_channels": ({}, ("fpga", "tdc_channel"), "fpga == 0 and tdc_channel == {}"),
    "noisy_channels": ({"period": "100 ms"}, ("channel",), "channel == {}"),
}
"""What may find them: its parameters, the columns that feedback goes by, and the mask."""
SLICE_S, QUIET_S, PATIENCE_S = 0.02, 0.4, 10.0
"""Seconds of data at a time; between two channels that ring; for which one rings at most."""
QUIET_HZ = 20_000
_LINK, _CHANNELS, _FIRST = 0, 64, 10


def loop(store: Store, rounds: int, ring_hz: float, trigger: str) -> dict[str, object]:
    """How long channels ring, one after the other, until they are masked: seconds of the run.

    Words come in real time. Each channel rings at ``ring_hz`` beside QUIET_HZ other hits, from a
    moment that the windows don't know, until an order of the feedback holds. What is measured is
    the tick from which the mask holds, less that of the first noisy hit. A channel that isn't
    masked in ten seconds is counted as missed.
    """
    detector = load(DETECTOR)
    params, columns, mask = TRIGGERS[trigger]
    limits = {trigger: Limits(columns, most=64, for_s=3600)}
    told = {"feedback": plain(limits)}
    second = round(1e9 / float(detector.tick))
    random, took, missed = np.random.default_rng(1), [], 0
    with fed_run(store, detector, {trigger: params}, name="loop", told=told) as going:
        beam = _Beam(detector, going, ring_hz, mask)
        beam.quiet(3.0)  # until all is compiled and at work
        for channel in range(_FIRST, _FIRST + rounds):
            beam.quiet(QUIET_S + random.random() * 0.1)
            rang = beam.ring(channel)
            if rang is None:
                missed += 1
            else:
                took.append(rang / second)
    some = np.array(took or [np.nan])
    return {
        "trigger": trigger,
        "rounds": rounds,
        "missed": missed,
        "ring_hz": ring_hz,
        "median_s": round(float(np.median(some)), 3),
        "p99_s": round(float(np.quantile(some, 0.99)), 3),
        "max_s": round(float(some.max()), 3),
    }


class _Beam:
    """Hands words over as time goes by."""

    def __init__(self, detector: Detector, going: FedRun, ring_hz: float, mask: str) -> None:
        self._detector, self._going = detector, going
        self._ring_hz, self._mask = ring_hz, mask
        self._second = round(1e9 / float(detector.tick))
        self._slice = round(SLICE_S * self._second)
        self._began, self._at = time.monotonic(), 0

    def quiet(self, seconds: float) -> None:
        """Let that much time go by."""
        for _ in range(round(seconds / SLICE_S)):
            self._send([])

    def ring(self, channel: int) -> int | None:
        """Ticks from a channel's first hit to the mask; None where none comes in time."""
        begun = self._at + int(np.random.default_rng(channel).integers(self._slice))
        text, step = self._mask.format(channel), round(self._second / self._ring_hz)
        until = begun + PATIENCE_S * self._second
        while self._at < until:
            first = begun + -(-max(0, self._at - begun) // step) * step
            times = np.arange(first, self._at + self._slice, step)
            self._send([self._words(times, np.full(len(times), channel))])
            for held in self._going.configurations:
                if text in held.configuration["masks"]:
                    return held.from_t - begun
        return None

    def _send(self, more: list[Words]) -> None:
        """The quiet hits of a slice, and more, when its end has come."""
        step = round(self._second / QUIET_HZ)
        times = np.arange(-(-self._at // step) * step, self._at + self._slice, step)
        channels = times // step % _CHANNELS + 128  # those that ring have others
        words = np.concatenate([self._words(times, channels), *more])
        self._at += self._slice
        time.sleep(max(0.0, self._began + self._at / self._second - time.monotonic()))
        self._going.push(Block(_LINK, words))

    def _words(self, times: Ticks, channels: Ticks) -> Words:
        """Hits at times after the run's start."""
        bx, fine = np.divmod(times, 30)
        orbit, bx = np.divmod(bx, 3564)
        fields = {"tdc_meas": fine + 1, "bx": bx, "orbit": orbit, "tdc_channel": channels}
        same = {"fpga": np.zeros_like(times), "head": np.full_like(times, 2)}
        return encode(self._detector, fields | same)

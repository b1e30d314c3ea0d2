"""Run control reaches a simulated board: it removes what it can, and its counters are booked."""

import socket
import time

import numpy as np
import polars as pl
import pytest
from up import Lab, until

pytest.importorskip("amaranth", reason="the extra fpga isn't installed")

from elsewhere import elsewhere

from db.detector import decode, encode, load
from everyhit import open_store
from fpga.board.attended import AttendedBoard
from fpga.board.board import Design
from fpga.board.network import Network
from fpga.board.simulated import SimulatedBoard, compile_board
from fpga.selection.constants import prefilter_of
from fpga.simulation.compiled import find_compiler
from ops.demo.board import send
from readout.simulator.conditions import Conditions
from readout.simulator.live import live

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="needs a C++ compiler")
TUBES = load("drift_tubes_v2")
MASK, THIN = "chamber == 1 and layer == 2", "wire == 3 and chamber == 2"
MORE = "tdc_meas == 7"
DESIGN = Design(TUBES, links=2, keep=prefilter_of(TUBES, "wire > 0"))


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_board(DESIGN, tmp_path_factory.mktemp("board"))


class Beam:
    """A telescope behind a board: all of its words, and the pieces in which they are sent."""

    def __init__(self, board, port):
        conditions = Conditions(muon_rate_hz=2000.0, segment_words=False)
        slices = live(TUBES, conditions, 1, duration_s=1.2, speed=float("inf"))
        self._slices, self.board = slices, board
        self._network = Network(port)
        self.words = []

    def move(self, port):
        """Send to another port from now on."""
        self._network.close()
        self._network = Network(port)

    def go(self, n):
        """Send the next n slices of 20 ms."""
        some = [next(self._slices) for _ in range(n)]
        self.words += [words for each in some for words in each.links.values()]
        return send(TUBES, some, self.board, self._network)


def behind(port):
    """Options of a process whose link 0 comes from the board with registers at a port."""
    board = f"127.0.0.1:{port}=0"
    return ("--detector", "drift_tubes_v2", "--udp", "127.0.0.1:0", "--board", board)


@pytest.fixture
def taking(tmp_path, library):
    lab = Lab(tmp_path)
    with (
        SimulatedBoard(DESIGN, library) as board,
        AttendedBoard(board) as attended,
        lab.up(*behind(attended.address[1])) as up,
    ):
        yield lab, up, board, Beam(attended, up.ports["udp"])


RINGING, SLICE = 200, TUBES.slice // 5


def ringing(number, others=20):
    """Hits of 20 ms: of some channels 50 each, of one 4,000."""
    first = number * SLICE
    quiet = np.tile(first + SLICE // 50 * np.arange(50), others)
    channels = np.repeat(np.arange(others), 50)
    t = np.concatenate([quiet + channels, first + SLICE // 4000 * np.arange(4000) + 7])
    bx, fine = np.divmod(t, 30)
    fields = {
        "tdc_meas": fine % 30 + 1,
        "bx": bx % 3564,
        "orbit": bx // 3564,
        "tdc_channel": np.concatenate([channels, np.full(4000, RINGING)]),
        "fpga": np.zeros_like(t),
        "head": np.full_like(t, 2),
    }
    return encode(TUBES, fields)[np.argsort(t, kind="stable")]


def test_feedback_masks_on_the_board_and_is_undone_at_the_run_s_end(taking):
    lab, up, board, beam = taking
    began = lab.said(
        *("run", "start", "beam", "--detector", "drift_tubes_v2", "--trigger", "noisy_channels"),
        *("--param", "noisy_channels.period=100ms", "--feedback", "noisy_channels=channel"),
        *("--feedback-most", "1"),
    )
    assert began["state"] == "acknowledged"
    network, sent = Network(up.ports["udp"]), 0

    def go(n):
        nonlocal sent
        for _ in range(n):
            words = ringing(sent)
            for packet in beam.board.through(words, np.zeros(len(words))):
                network.send(packet)
            sent += 1
            time.sleep(0.02)

    def masked():
        go(1)
        return board.kept(RINGING) == 0

    until(masked, 90)
    at = sent
    go(20)
    assert [board.kept(channel) for channel in range(20)] == [1] * 20
    counted = beam.board.counted()
    orders = lab.said("run", "orders", "beam")
    assert lab.said("run", "stop", "beam")["state"] == "acknowledged"
    assert board.kept(RINGING) == 1
    assert any("feedback of noisy_channels" in str(each) for each in orders)
    network.close()
    up.end()
    hits, gaps = elsewhere(
        answers,
        lab.store,
        "SELECT tdc_channel, count() AS n FROM hits GROUP BY tdc_channel",
        "SELECT cause, detail, dead, n_lost FROM gaps WHERE n_lost > 0",
    )
    kept = dict(hits.rows())
    assert all(kept[channel] == 50 * sent for channel in range(20))
    assert kept[RINGING] <= 4000 * at
    assert set(gaps["detail"]) == {f"channel == {RINGING}"}
    assert not gaps["dead"].any()
    assert kept[RINGING] + gaps["n_lost"].sum() == 4000 * sent
    assert 4000 * 18 < counted["link0_removed"] <= gaps["n_lost"].sum()


def test_a_run_does_not_begin_behind_a_board_that_is_silent(tmp_path):
    lab = Lab(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with lab.up(*behind(port)) as up:
            line = lab.said("run", "start", "beam", "--detector", "drift_tubes_v2", code=1)
            assert f"the board at 127.0.0.1:{port} does not answer: is it on" in line
            up.end()


def test_what_a_board_removes_is_booked_and_it_is_open_again_at_the_end(taking):
    lab, up, board, beam = taking
    run, keep = ("--detector", "drift_tubes_v2"), board.kept
    assert lab.said("run", "start", "beam", *run)["state"] == "acknowledged"
    beam.go(10)
    until(lambda: up.words(1) == sum(map(len, beam.words)))
    order = lab.said(
        *("run", "configure", "beam", "--mask", MASK, "--mask", MORE, "--prescale", f"5 of {THIN}")
    )
    assert order["state"] == "acknowledged"
    assert "the board masks 16 channels and thins 4" in order["said"]
    assert (keep(64 + 2 + 512 * 0), keep(512 + 8)) == (1, 5)
    before = sum(map(len, beam.words))
    beam.go(20)
    assert lab.said("run", "configure", "beam")["state"] == "acknowledged"
    assert {keep(channel) for channel in range(1024)} == {1}
    beam.go(20)
    order = lab.said("run", "configure", "beam", "--mask", MASK, "--prefilter", "wire > 5")
    assert order["said"].endswith("thins 0, and filters")
    counted = beam.go(10)
    assert lab.said("run", "stop", "beam")["state"] == "acknowledged"
    assert {keep(channel) for channel in range(1024)} == {1}
    assert before > 5000
    up.end()

    sent = np.concatenate(beam.words)
    check(lab.store, sent, counted)


def test_what_a_board_removes_while_its_readout_is_killed_is_booked(tmp_path, library):
    lab = Lab(tmp_path)
    with SimulatedBoard(DESIGN, library) as board, AttendedBoard(board) as attended:
        options = behind(attended.address[1])
        with lab.up(*options) as up:
            beam = Beam(attended, up.ports["udp"])
            lab.said("run", "start", "beam", "--detector", "drift_tubes_v2")
            lab.said("run", "configure", "beam", "--mask", MASK)
            beam.go(20)
            until(lambda: up.words(1) > 0)
            up.process.kill()
            up.process.wait()
        unseen = beam.go(20)
        with lab.up(*options) as up:
            beam.move(up.ports["udp"])
            before = up.words(1)
            beam.go(20)
            until(lambda: up.words(1) > before)
            counted = attended.counted()
            assert lab.said("run", "stop", "beam")["state"] == "acknowledged"
            assert {board.kept(channel) for channel in range(1024)} == {1}
            up.end()
    words, booked = elsewhere(
        answers,
        lab.store,
        "SELECT count() AS n FROM words",
        "SELECT cause, a, b, n_lost FROM gaps WHERE n_lost > 0",
    )
    removed = counted["link0_removed"] + counted["link1_removed"]
    masked = booked.filter(cause="mask")
    assert unseen["link0_removed"] + unseen["link1_removed"] > 200
    assert removed == masked["n_lost"].sum() > 500
    longest = masked.filter(n_lost=masked["n_lost"].max())
    assert (longest["b"] - longest["a"]).item() >= 15 * SLICE  # of the time without a readout
    assert words["n"].item() + booked["n_lost"].sum() == sum(map(len, beam.words))


def answers(store, *questions):
    """What the store's run says to each SELECT."""
    with open_store(str(store)) as here:
        return [here.query(sql, "1") for sql in questions]


def check(store, sent, counted):
    """What is stored and booked of what was sent, against the words themselves."""
    names = ("t", "chamber", "layer", "wire", "tdc_meas", "head")
    words, booked, orders, kept = elsewhere(
        answers,
        store,
        "SELECT count() AS n FROM words",
        "SELECT cause, detail, sum(n_lost) AS n FROM gaps WHERE cause != 'configured'"
        " GROUP BY cause, detail ORDER BY cause, detail",
        "SELECT a FROM gaps WHERE cause = 'configured' ORDER BY a",
        f"SELECT {', '.join(names)} FROM hits",
    )
    (stored,) = words["n"]
    of = {(cause, detail): n for cause, detail, n in booked.rows()}
    mask, more, scale = ("mask", MASK), ("mask", MORE), ("prescale", f"1 in 5 of {THIN}")
    keep, on_board = ("prefilter", "wire > 5"), counted["link0_removed"] + counted["link1_removed"]
    assert of.keys() == {mask, more, scale, keep}
    assert 100 < counted["filtered"] <= of[keep] < counted["filtered"] + 50
    assert stored + sum(of.values()) == len(sent)
    assert 0.9 * (of[mask] + of[scale]) < on_board <= of[mask] + of[scale]
    assert of[more] > 100

    # Each hit from the tick of an order on met what it ordered.
    held = orders["a"].to_list()
    assert len(held) == 4
    begun, *held = held
    assert begun == 0
    hits = pl.DataFrame(decode(TUBES, sent, columns=names)).filter(head=2)
    hits = hits.with_columns(pl.col("t") - hits["t"].min() + kept["t"].min())

    def both(a, b, where):
        """Hits of [a, b) that meet a selection: of all that came, and of those stored."""
        chosen = pl.col("t").is_between(a, b - 2 * TUBES.disorder, closed="left") & where
        return len(hits.filter(chosen)), len(kept.filter(chosen))

    masked = (pl.col("chamber") == 1) & (pl.col("layer") == 2)
    thinned = (pl.col("chamber") == 2) & (pl.col("wire") == 3)
    assert both(0, held[0], masked)[0] == both(0, held[0], masked)[1] > 200
    assert both(held[0], held[1], masked)[1] == 0
    assert both(held[0], held[1], pl.col("tdc_meas") == 7)[1] == 0
    came, left = both(held[0], held[1], thinned & (pl.col("tdc_meas") != 7))
    assert came > 100
    assert abs(left - came / 5) < 30
    assert both(held[1], held[2], masked)[0] == both(held[1], held[2], masked)[1] > 200
    assert both(held[2], 2**62, masked)[1] == 0
    low = (pl.col("wire") > 0) & (pl.col("wire") <= 5)
    assert both(held[2], 2**62, low)[0] > 100 > both(held[2], 2**62, low)[1] == 0

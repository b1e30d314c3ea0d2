"""A controlled board counts all that it removes, also when orders get lost on the way."""

import random as chance

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("amaranth", reason="the extra fpga isn't installed")

from boards import DESIGN
from tubes import TUBES, hit_of

from db.detector import encode
from fpga.board.attended import AttendedBoard
from fpga.board.simulated import SimulatedBoard, compile_board
from fpga.control.bus import BoardError, Bus
from fpga.control.registers import KEEP, Registers
from fpga.simulation.compiled import find_compiler
from readout.control.board import ControlledBoard, share_of
from readout.control.configuration import Configuration, Prescale
from readout.control.rules import Rule

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="needs a C++ compiler")
CONFIGURATIONS = [
    Configuration(),
    Configuration(("channel == 3",)),
    Configuration(("channel in (3, 515)", "tdc_meas == 7"), "layer < 3"),
    Configuration((), "layer < 2", (Prescale("channel == 4", 3), Prescale("fpga == 0", 2))),
    Configuration(("channel == 4",), "wire < 2", (Prescale("fpga == 1", 7),)),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return compile_board(DESIGN, tmp_path_factory.mktemp("board"))


class LossyBus(Bus):
    """Now and then a packet doesn't come, or its answer: after the board did what it said."""

    failing, luck = 0.0, chance.Random(1)

    def _answer(self, entries):
        if self.luck.random() < self.failing / 2:
            raise BoardError("lost on the way there")
        held = super()._answer(entries)
        if self.luck.random() < self.failing / 2:
            raise BoardError("lost on the way back")
        return held


def words_at(step, random, n=40):
    time = 10**6 + 4000 * step + np.sort(random.integers(0, 3000, n))
    fields = {
        "tdc_meas": random.integers(1, 31, n),
        "bx": time % 3564,
        "orbit": time // 3564,
        "tdc_channel": random.choice([3, 4, 9], n),
        "fpga": random.integers(0, 2, n),
        "head": np.full(n, 2),
    }
    return encode(TUBES, fields), fields["fpga"]


@settings(max_examples=30)
@given(
    st.integers(0, 2**32),
    st.lists(
        st.none() | st.just("kill") | st.sampled_from(CONFIGURATIONS), min_size=1, max_size=12
    ),
    st.sampled_from([0.0, 0.1, 0.3]),
)
def test_all_that_is_removed_is_booked_once(library, seed, steps, failing):
    random, gaps, bus_luck = np.random.default_rng(seed), [], chance.Random(seed)
    with SimulatedBoard(DESIGN, library) as simulated, AttendedBoard(simulated) as attended:
        bus = LossyBus(attended.address)
        bus.luck = bus_luck
        board = ControlledBoard(TUBES, 6, bus)
        board.begin(Configuration())
        in_force, kept, in_doubt = Configuration(), board.counted, False

        def place(time):
            return time, time

        for number, step in enumerate(steps):
            bus.failing = failing
            try:
                if step == "kill" and not in_doubt:
                    bus.failing, board = 0.0, ControlledBoard(TUBES, 6, bus)
                    board.begin(in_force, kept)
                elif step is None or step == "kill":
                    gaps += board.look(1, place)
                else:
                    in_doubt = True
                    gaps += board.obey(step, 1, place)
                    in_force = step
                kept, in_doubt = board.counted, False
            except BoardError:
                pass  # the next look knows
            attended.through(*words_at(number, random))
        bus.failing = 0.0
        gaps += board.end(1, place)
        assert {simulated.kept(channel) for channel in range(1024)} == {1}
        attended.through(*words_at(99, random))
        assert board.look(1, place) == []
        counted = simulated.counted()
        bus.close()
    removed = counted["link0_removed"] + counted["link1_removed"] + counted["filtered"]
    assert sum(gap.n_lost for gap in gaps) == removed
    assert {gap.link for gap in gaps} <= {6}
    assert all(0 <= gap.a < gap.b and gap.n_lost and gap.detail for gap in gaps)


def test_a_board_that_was_switched_on_anew_counts_from_nothing(library):
    def place(time):
        return time, time

    random = np.random.default_rng(5)
    with SimulatedBoard(DESIGN, library) as simulated, AttendedBoard(simulated) as attended:
        board = ControlledBoard(TUBES, 0, Bus(attended.address))
        board.begin(CONFIGURATIONS[1])
        attended.through(*words_at(0, random, 400))
        (gap,) = board.look(1, place)
        counted = board.counted
        board.bus.close()
    assert sum(counted.at.values()) == gap.n_lost > 20
    with SimulatedBoard(DESIGN, library) as simulated, AttendedBoard(simulated) as attended:
        board = ControlledBoard(TUBES, 0, Bus(attended.address))
        board.begin(CONFIGURATIONS[1], counted)
        attended.through(*words_at(1, random))
        (gap,) = board.look(1, place)
        assert gap.n_lost == simulated.counted()["link0_removed"] > 0
        board.bus.close()


def test_a_failed_order_is_undone_by_the_next_look(library):
    with SimulatedBoard(DESIGN, library) as simulated, AttendedBoard(simulated) as attended:
        bus = LossyBus(attended.address)
        board = ControlledBoard(TUBES, 0, bus)
        board.begin(Configuration(("channel == 9",)))
        asked, real = [], bus.write

        def write(values):
            real(values)
            asked.append(values)
            if len(asked) == 2:
                raise BoardError("lost on the way back")

        bus.write = write
        with pytest.raises(BoardError):
            board.obey(CONFIGURATIONS[1], 1, lambda time: (time, time))
        assert (simulated.kept(3), simulated.kept(9)) == (0, 1)
        board.look(1, lambda time: (time, time))
        assert (simulated.kept(3), simulated.kept(9)) == (1, 0)
        bus.close()


def test_a_board_does_what_the_channel_decides_and_a_prefilter_of_its_shape():
    board = Registers(2, 512, DESIGN.registers.filter_shape, 1)
    share = share_of(TUBES, board, CONFIGURATIONS[2])
    assert share.keep == {3: 0, 515: 0}
    assert share.rules == dict.fromkeys((3, 515), Rule("mask", "channel in (3, 515)"))
    assert (share.prefilter, share.constants) == ("layer < 3", (3,))
    assert share.left == CONFIGURATIONS[2]  # the readout looks, too
    share = share_of(TUBES, board, CONFIGURATIONS[3])
    assert share.keep == {4: 3}
    assert share.left.prescales == (Prescale("fpga == 0", 2),)  # it would thin 4 once more
    share = share_of(TUBES, board, CONFIGURATIONS[4])
    assert (share.prefilter, share.keep[4], share.keep[515]) == ("", 0, 7)
    assert share.left.prescales == ()
    assert share_of(TUBES, Registers(2, 512), CONFIGURATIONS[2]).prefilter == ""


def test_the_range_that_is_booked_has_the_hits_that_were_removed(library):
    random = np.random.default_rng(2)
    with SimulatedBoard(DESIGN, library) as simulated, AttendedBoard(simulated) as attended:
        board = ControlledBoard(TUBES, 0, Bus(attended.address))
        board.begin(CONFIGURATIONS[1])
        for step in range(4):
            words, link = words_at(10**5 * step, random)
            attended.through(words, link)
            (gap,) = board.look(1, lambda time: (time, time))
            t = [
                (h["orbit"] * 3564 + h["bx"]) * 30 + h["fine"] for h in map(hit_of, words.tolist())
            ]
            assert gap.a <= min(t) <= max(t) < gap.b
            assert gap.b - max(t) < 2 * TUBES.disorder + 2
            if step:
                assert gap.a > min(t) - 4 * 10**5 * 4000 * 30
        assert simulated.read(DESIGN.registers.gate(3, KEEP)) == 0
        board.bus.close()

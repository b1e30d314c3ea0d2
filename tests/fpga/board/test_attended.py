"""A board's registers over the network, while words go through it."""

import socket

import numpy as np
import pytest
from boards import DESIGN
from test_board import is_sound, words_on
from tubes import meets

from db.errors import UsageError
from fpga.board.attended import AttendedBoard
from fpga.board.simulated import SimulatedBoard
from fpga.control import bus as control
from fpga.control.bus import BoardError, Bus
from fpga.control.registers import FILTER, KEEP, SEEN


@pytest.fixture
def attended(library):
    with SimulatedBoard(DESIGN, library) as board, AttendedBoard(board) as attended:
        yield attended


def test_registers_are_written_and_read_by_packets(attended):
    bus = Bus(attended.address)
    board = bus.registers()
    assert board == DESIGN.registers
    keep = {board.gate(channel, KEEP): channel + 1 for channel in range(300)}  # three packets
    bus.write(keep)
    assert bus.read(list(keep)) == list(keep.values())
    assert attended.board.kept(299) == 300
    bus.close()


def test_the_newest_hit_of_each_link_is_told_and_what_came(attended):
    random, bus = np.random.default_rng(3), Bus(attended.address)
    words = [words_on(link, random, 500) for link in (0, 1)]
    told = [at for link in (0, 1) for at in DESIGN.registers.newest(link)]
    assert bus.read(told) == [0, 0, 0, 0]
    attended.through(np.concatenate(words), np.repeat([0, 1], 500))
    sound = [[w for w in mine.tolist() if w >> 61 == 2 and w & 31 not in (0, 31)] for mine in words]
    low, high, low_1, high_1 = bus.read(told)
    assert [low | high << 32, low_1 | high_1 << 32] == [sound[0][-1], sound[1][-1]]
    seen = bus.read([DESIGN.registers.gate(channel, SEEN) for channel in (3, 4, 300)])
    assert sum(seen) == len(sound[0])
    bus.close()


def test_the_filter_rests_or_keeps_by_other_constants(attended):
    bus, random = Bus(attended.address), np.random.default_rng(5)
    words, link = words_on(0, random, 400), np.zeros(400)
    wanted = {text: len(after_filter(text, words)) for text in ("True", "layer < 2", "layer < 9")}
    assert len(set(wanted.values())) == 2
    before = attended.counted()["sent"]
    for text, constant, rests in (("True", 1, 1), ("layer < 2", 2, 0), ("layer < 9", 5, 0)):
        bus.write({FILTER: 1, FILTER + 1: constant})
        bus.write({FILTER: rests})
        attended.through(words, link)
        sent = attended.counted()["sent"]
        assert sent - before == wanted[text]
        before = sent
    bus.close()


def after_filter(text, words):
    return [w for w in words.tolist() if not is_sound(w) or meets(text, w)]


def test_what_is_no_packet_is_not_answered_and_the_next_one_is(attended):
    bus = Bus(attended.address)
    bus._socket.sendto(b"what?", attended.address)
    assert bus.registers() == DESIGN.registers
    bus.close()


def test_a_board_that_is_not_there_is_told_of(monkeypatch):
    monkeypatch.setattr(control, "PATIENCE_S", 0.02)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        bus = Bus(silent.getsockname())
        with pytest.raises(BoardError, match=r"the board at 127.0.0.1:\d+ does not answer"):
            bus.registers()
        assert len(silent.recv(2048)) == 12 + 5 * 8
        bus.close()


def test_a_register_that_is_not_there_is_no_success(attended):
    bus = Bus(attended.address)
    with pytest.raises(BoardError, match="instead of 9"):
        bus.write({1: 9})  # a counter
    bus.close()


def test_an_address_that_is_taken_is_told_of(attended, library):
    with SimulatedBoard(DESIGN, library) as other, pytest.raises(UsageError, match="can't listen"):
        AttendedBoard(other, attended.address)

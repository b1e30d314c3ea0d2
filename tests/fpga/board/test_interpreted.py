"""Without a C++ compiler Amaranth's simulator is the board, to the clock."""

import numpy as np
from boards import DESIGN
from test_board import words_on

from fpga.board.simulated import SimulatedBoard, compile_board
from fpga.simulation import compiled


def written(library):
    """Frames, counters and clocks of a board that masks a channel, of words as they come on links."""
    random = np.random.default_rng(5)
    links = [words_on(link, random, 40) for link in (0, 1)]
    with SimulatedBoard(DESIGN, library, link=5, stream=77) as board:
        board.keep(3, 0)
        together = board.through(links)
        words, link = np.concatenate(links), np.repeat([0, 1], 40)
        in_turn = board.in_turn(words, link)
        return together.tolist(), in_turn.tolist(), board.counted(), board._simulation.clock


def test_it_is_what_the_compiled_board_is(library):
    told = written(library)
    assert written(None) == told
    assert told[2]["link0_removed"] > 0 and len(told[0]) > 40


def test_it_is_taken_where_there_is_no_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiled.find_compiler() is None
    assert compile_board(DESIGN, tmp_path) is None
    assert list(tmp_path.iterdir()) == []

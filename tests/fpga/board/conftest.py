import pytest
from boards import DESIGN

from fpga.board.board import Board
from fpga.simulation.compiled import build


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The small board, compiled; each simulation of it starts anew."""
    return build(Board(DESIGN), tmp_path_factory.mktemp("board"))

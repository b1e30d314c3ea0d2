import pytest
from boards import DESIGN

from fpga.board.simulated import compile_board
from fpga.simulation.compiled import find_compiler


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The small board, compiled; each simulation of it starts anew."""
    if find_compiler() is None:
        pytest.skip("needs a C++ compiler")
    return compile_board(DESIGN, tmp_path_factory.mktemp("board"))

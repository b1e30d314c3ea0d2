from collections.abc import Iterator

import pytest

from db.engine import Engine
from db.engine.chdb import ChdbEngine
from db.schema import migrate


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A real engine on a folder of its own; tests keep apart by using runs of their own."""
    engine = ChdbEngine(tmp_path_factory.mktemp("store"))
    migrate(engine)
    yield engine
    engine.close()

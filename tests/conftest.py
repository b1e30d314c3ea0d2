import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from db.engine import Engine
from db.engine.chdb import ChdbEngine
from db.schema import migrate

# The first call of many things compiles, opens or creates, and takes longer than hypothesis waits.
settings.register_profile("everyhit", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("everyhit")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A real engine on a folder of its own; tests keep apart by using runs of their own."""
    engine = ChdbEngine(tmp_path_factory.mktemp("store"))
    migrate(engine)
    yield engine
    engine.close()

import pytest
from retained import TOY_TRIGGERS


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with the triggers of the workbench."""
    where = tmp_path_factory.mktemp("triggers")
    (where / "toy.py").write_text(TOY_TRIGGERS)
    return where

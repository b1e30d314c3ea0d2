from pathlib import Path

import pytest
from pixels import PIXELS

from db.detector import Detector, available, load


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds one file: all that it takes to add a detector."""
    path = tmp_path_factory.mktemp("detectors")
    (path / "pixels.toml").write_text(PIXELS)
    return path


@pytest.fixture(scope="session")
def pixels(folder: Path) -> Detector:
    return load("pixels", [folder])


@pytest.fixture(scope="session", params=["pixels", *available()])
def detector(request: pytest.FixtureRequest, folder: Path) -> Detector:
    return load(request.param, [folder])

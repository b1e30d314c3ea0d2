import pytest

from db.detector import Detector, load


@pytest.fixture(scope="session")
def telescope() -> Detector:
    return load("drift_tubes_v2")


@pytest.fixture(scope="session", params=["drift_tubes_v1", "drift_tubes_v2"])
def any_telescope(request: pytest.FixtureRequest) -> Detector:
    return load(request.param)

import pytest
import structlog


@pytest.fixture(autouse=True)
def quiet():
    """What the spool logs is looked at through its reports."""
    with structlog.testing.capture_logs():
        yield

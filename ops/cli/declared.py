"""The declaration that a command names."""

from db.detector import Detector, load
from ops.settings import settings


def detector_named(name: str) -> Detector:
    """Return a declaration by name or path, also from the folders of the settings."""
    return load(name, folders=settings().detectors)

"""Where words may lie."""

from datetime import UTC, datetime, timedelta

import pytest

OTHERS = (
    pytest.param("mongodb", marks=pytest.mark.mongodb),
    pytest.param("s3", marks=pytest.mark.s3),
)
HOMES = ("inline", *OTHERS)
LATER = datetime.now(UTC) + timedelta(days=3)
"""By then all that is put in a test was put long ago."""

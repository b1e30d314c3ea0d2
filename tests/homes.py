"""Where words may lie."""

import pytest

OTHERS = (
    pytest.param("mongodb", marks=pytest.mark.mongodb),
    pytest.param("s3", marks=pytest.mark.s3),
)
HOMES = ("inline", *OTHERS)

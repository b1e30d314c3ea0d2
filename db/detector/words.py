"""The type of raw words."""

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""Raw words, bit for bit."""

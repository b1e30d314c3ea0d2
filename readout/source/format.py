"""What a source may be said to hold."""

from typing import Literal

Format = Literal["words", "text", "km3net", "table"]

"""Results with lists in their columns, as awkward arrays."""

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import awkward as ak

_OF_WORDS = "word_"


def to_awkward(frame: pl.DataFrame) -> "ak.Array":
    """Return a frame as an awkward array of records; needs awkward and pyarrow.

    The list columns ``word_<name>`` of events become one field ``words`` with ragged records, so
    that ``events.words.t`` are the times of each event's words.
    """
    import awkward as ak

    whole = ak.from_arrow(frame.to_arrow())
    of_words = [name for name in frame.columns if name.startswith(_OF_WORDS)]
    if not of_words:
        return whole
    fields = {name: whole[name] for name in frame.columns if name not in of_words}
    words = ak.zip({name.removeprefix(_OF_WORDS): whole[name] for name in of_words})
    return ak.zip({**fields, "words": words}, depth_limit=1)

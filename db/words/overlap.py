"""Which chunks may hold a time in [a, b): the conditions by which they are found."""


def overlap(a: str, b: str, slice_ticks: str) -> str:
    """Return the condition, over t_first and t_last, for [a, b) given as SQL of type Int64.

    A chunk lies in one slice, so what overlaps [a, b) starts less than a slice before a: the range
    on t_first is what the primary index prunes by.
    """
    return f"t_first < {b} AND t_first > {a} - {slice_ticks} AND t_last >= {a}"


OVERLAP = "run_id = {run:UInt32} AND " + overlap("{a:Int64}", "{b:Int64}", "{slice:Int64}")
"""The same for chunks of a run: parameters run, a, b, slice."""

BELIEVED = "n_hits > n_corrupt"
"""Which chunks have words whose times are believed; those of suspect words have not."""

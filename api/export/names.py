"""Names for what a file has beside the columns: counters, offsets, which values are there."""


def free_name(name: str, taken: set[str]) -> str:
    """Return the name with as many underscores behind it as make it free; it is taken then."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name

"""What is in an HDF5 file, links to other places and to other files included."""

from collections.abc import Iterator
from typing import Any

import h5py

from db.errors import SourceError


def everything(file: Any) -> Iterator[Any]:
    """Each group and dataset once, however many links lead to it, and no link to nothing."""
    seen, waiting = set(), [file]
    while waiting:
        group = waiting.pop()
        for each in group.values():
            if each is None:
                continue
            info = h5py.h5o.get_info(each.id)
            if (info.fileno, info.addr) in seen:
                continue
            seen.add((info.fileno, info.addr))
            yield each
            if isinstance(each, h5py.Group):
                waiting.append(each)


def members(group: Any, name: str) -> Iterator[Any]:
    """What is in a group, in order of name. Raises SourceError for a link to what isn't there."""
    for key in sorted(group):
        each = group.get(key)
        if each is None:
            link = group.get(key, getlink=True)
            where = getattr(link, "filename", link.path)
            raise SourceError(
                f"{name}: {group.name}/{key} lies in {where}, and isn't there: put that file beside"
                " this one"
            )
        yield each

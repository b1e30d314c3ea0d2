"""Names for groups of channels, for people who watch rates."""

from db.detector import Detector
from db.detector.elements import elements


def groups_of_channels(detector: Detector) -> dict[int, str]:
    """Return the name of the group that each channel of a detector's rates belongs to.

    The group is the first of the columns that name an element in the declaration's shape: the
    chamber of a wire. Channels that lie nowhere are not among them; none are where the declaration
    has no such column, or too many channels to go through.
    """
    rows = elements(detector)
    if detector.shape is None or rows.is_empty():
        return {}
    column = detector.shape.element[0]
    return {
        channel: f"{column} {group}" for channel, group in rows.select("channel", column).rows()
    }


def name_of_others(detector: Detector) -> str:
    """Return as what hits of channels without a group are told: ``no chamber``, say."""
    groups = groups_of_channels(detector)
    return f"no {detector.shape.element[0]}" if detector.shape and groups else "hits"

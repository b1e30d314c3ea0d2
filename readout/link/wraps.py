"""How long a link may be silent on a counter that wraps."""

import structlog

from db.detector import Detector

_log = structlog.get_logger()

# On a counter that wraps sooner, silences as long as a wrap are likely.
_SHORT_WRAP_S = 3600.0


def longest_silence(detector: Detector) -> int | None:
    """Return the ticks that a silence and the two words behind it may last; None without wraps."""
    return detector.wrap - detector.wrap // 8 if detector.wrap else None


def tell_of_wraps(detector: Detector) -> None:
    """Say how long a link may be silent, where a run is likely to see that."""
    longest = longest_silence(detector)
    if detector.wrap is None or longest is None:
        return
    wrap_s, longest_s = (float(each * detector.tick) / 1e9 for each in (detector.wrap, longest))
    if wrap_s < _SHORT_WRAP_S:
        _log.warning(
            "a counter that wraps can't tell a long silence from a short one: words behind a link's"
            " silence that lasts longer, to its third word, come out early by whole wraps",
            detector=detector.name,
            wraps_after_s=round(wrap_s, 6),
            longest_silence_s=round(longest_s, 6),
        )

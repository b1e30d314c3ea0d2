"""Counts in bins that the server made, for whoever plots or fits them (the protocol UHI)."""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import hist
    import xarray
    from matplotlib.axes import Axes

_BARS = 480, 120


@dataclass(frozen=True)
class _Traits:
    circular: bool = False
    discrete: bool = False


@dataclass(frozen=True)
class Axis:
    """Bins [edge, next edge), the last one with its end."""

    name: str
    edges: tuple[float, ...]

    @property
    def traits(self) -> _Traits:
        """What UHI wants to know: bins of numbers, not of categories, not around a circle."""
        return _Traits()

    @property
    def label(self) -> str:
        """What stands beside the axis."""
        return self.name

    @property
    def middles(self) -> NDArray[np.float64]:
        """The middle of each bin."""
        edges: NDArray[np.float64] = np.array(self.edges)
        middles: NDArray[np.float64] = (edges[:-1] + edges[1:]) / 2
        return middles

    def __len__(self) -> int:
        return len(self.edges) - 1

    def __getitem__(self, k: int) -> tuple[float, float]:
        return self.edges[range(len(self))[k]], self.edges[range(len(self))[k] + 1]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of one column's values, or of pairs of two columns' values.

    It can be handed to whatever takes histograms by UHI: ``mplhep.histplot``, ``hist.Hist``.
    """

    axes: tuple[Axis, ...]
    content: NDArray[np.float64]
    """Counts, one dimension for each axis: whole numbers, exact up to 2**53."""
    title: str
    """What was counted, and where."""
    below: int = 0
    """Values below the first bin; of one column only."""
    above: int = 0
    """Values above the last bin; of one column only."""
    outside: int = 0
    """Values, or pairs, beyond the bins."""
    partial: str = ""
    """For which part of the range the trigger was not run; empty if for none."""

    @property
    def kind(self) -> str:
        """UHI's word for counts."""
        return "COUNT"

    def values(self) -> NDArray[np.float64]:
        """Return the counts."""
        return self.content

    def counts(self) -> NDArray[np.float64]:
        """Return the counts."""
        return self.content

    def variances(self) -> NDArray[np.float64]:
        """Return the counts, too: they are Poisson's."""
        return self.content

    def to_hist(self) -> "hist.Hist[Any]":
        """Return it as ``hist.Hist``, with what lies below and above; needs the package hist."""
        import hist

        made = hist.Hist(
            *(
                hist.axis.Regular(len(axis), axis.edges[0], axis.edges[-1], name=axis.name)
                for axis in self.axes
            ),
            storage=hist.storage.Double(),
            label=self.title,
        )
        made[...] = self.content
        if len(self.axes) == 1:
            whole = made.view(flow=True)
            whole[0], whole[-1] = self.below, self.above
        return made

    def to_xarray(self) -> "xarray.DataArray":
        """Return it as an array with the bins' middles for coordinates; needs xarray."""
        import xarray

        return xarray.DataArray(
            self.content,
            coords={axis.name: axis.middles for axis in self.axes},
            dims=[axis.name for axis in self.axes],
            name="counts",
            attrs={"title": self.title, "outside": self.outside},
        )

    def plot(self, axes: "Axes | None" = None, *, log: bool = False) -> "Axes":
        """Draw it with Matplotlib, into a new figure unless ``axes`` are given; return the axes."""
        from everyhit.pictures import draw_histogram

        return draw_histogram(self, axes, log=log)

    def _repr_html_(self) -> str:
        n, lacks = f"{self.content.sum():,.0f} counts", escape(self.partial)
        outside = f", {self.outside:,} outside" if self.outside else ""
        bars = _bars(self.content) if self.content.ndim == 1 else ""
        bins = " x ".join(f"{len(axis)} bins of {escape(axis.name)}" for axis in self.axes)
        return f"<p>{escape(self.title)}: {n} in {bins}{outside} {lacks}</p>{bars}"


def _bars(counts: NDArray[np.float64]) -> str:
    """Return a small picture that needs no library."""
    width, height = _BARS
    tops = height * counts / max(counts.max(initial=0), 1)
    step = width / len(counts)
    path = "".join(f"V{height - top:.1f}h{step:.3f}" for top in tops.tolist())
    return (
        f"<svg width='{width}' height='{height}' viewBox='0 0 {width} {height}'>"
        f"<path d='M0 {height}{path}V{height}z' fill='currentColor' opacity='0.5'/></svg>"
    )

"""Fits of counts in bins by their Poisson likelihood: a peak on a slope, an exponential."""

from collections.abc import Callable
from dataclasses import dataclass
from math import erf, floor, inf, log10, sqrt

import numpy as np
from iminuit import Minuit
from iminuit.cost import ExtendedBinnedNLL
from numpy.typing import NDArray

from db.errors import UsageError
from db.relations.histogram import Histogram

Array = NDArray[np.float64]
FWHM = 2.3548200450309493
"""Full width at half maximum of a Gaussian with width 1."""
KINDS = ("peak", "exponential")
_LEAST_COUNTS = 10
_erf: Callable[[Array], Array] = np.vectorize(erf, otypes=[float])


@dataclass(frozen=True)
class Fit:
    """What was fitted to the bins from ``low`` to ``high``."""

    kind: str
    low: float
    high: float
    values: dict[str, float]
    errors: dict[str, float]
    chi2: float
    """Twice the log likelihood ratio to a perfect description (Baker, Cousins 1984)."""
    ndf: int
    edges: Array
    expected: Array
    """Counts expected in each bin between the edges."""

    @property
    def lines(self) -> list[str]:
        """What a legend says."""
        told = [
            f"{name} = {_to_error(value, self.errors[name])}" for name, value in self.values.items()
        ]
        return [*told, f"χ²/ndf = {self.chi2:.1f}/{self.ndf}"]


def _to_error(value: float, error: float) -> str:
    """Return a value with as many digits as its error has two of."""
    digits = max(0, 1 - floor(log10(error))) if 0 < error < inf else 6
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def fitted(of: Histogram, kind: str, low: float | None, high: float | None) -> Fit:
    """Return the fit of a histogram between two values; without, where the data suggest it.

    A peak is a Gaussian (mean, sigma, area) on a background that is straight and nowhere negative;
    an exponential has a rate per unit of the axis, and an area, on a flat background.
    Raises UsageError where there are too few counts, or no fit is found.
    """
    counts, edges = np.array(of.counts, float), np.linspace(of.low, of.high, len(of.counts) + 1)
    chosen = _around_peak if kind == "peak" and low is None and high is None else _between
    first, last = chosen(counts, edges, low, high)
    counts, edges = counts[first:last], edges[first : last + 1]
    model, start = (_peak if kind == "peak" else _exponential)(counts, edges)
    if counts.sum() < _LEAST_COUNTS or len(counts) <= len(start):
        raise UsageError(
            f"can't fit {kind}: {counts.sum():.0f} counts in {len(counts)} bins are too few;"
            " ask for more bins, or a wider --fit-range"
        )
    cost = ExtendedBinnedNLL(counts, edges, model)
    fit = Minuit(cost, **start)
    ends, bin_ = (float(edges[0]), float(edges[-1])), float(edges[1] - edges[0])
    for name in fit.parameters:
        fit.limits[name] = (0, None)
    if kind == "peak":  # one much narrower than a bin looks like one that is narrower still
        fit.limits["mean"], fit.limits["sigma"] = ends, (bin_ / 10, ends[1] - ends[0])
    fit.strategy = 2
    fit.migrad(ncall=20_000)
    if not fit.valid:
        fit.simplex(ncall=20_000).migrad(ncall=20_000)
    fit.hesse()
    if not fit.valid:
        raise UsageError(f"can't fit {kind}: nothing fits well there; try another --fit-range")
    values, errors = fit.values.to_dict(), fit.errors.to_dict()
    shown = [name for name in values if not name.startswith("background")]
    told, off = ({n: each[n] for n in shown} for each in (values, errors))
    if kind == "peak":
        told["FWHM"], off["FWHM"] = FWHM * told["sigma"], FWHM * off["sigma"]
    expected = np.diff(model(edges, *fit.values))
    ndf = len(counts) - len(start)
    return Fit(
        kind,
        float(edges[0]),
        float(edges[-1]),
        told,
        off,
        float(fit.fval or 0),
        ndf,
        edges,
        expected,
    )


Model = Callable[..., Array]


def _peak(counts: Array, edges: Array) -> tuple[Model, dict[str, float]]:
    """Return expected counts below each edge, and where to begin."""
    a, b = float(edges[0]), float(edges[-1])

    def model(
        x: Array, area: float, mean: float, sigma: float, background_a: float, background_b: float
    ) -> Array:
        u = (x - a) / (b - a)
        slope = background_a * u + (background_b - background_a) * u * u / 2
        return area * (1 + _erf((x - mean) / (sqrt(2) * sigma))) / 2 + slope

    middle, n = (edges[:-1] + edges[1:]) / 2, len(counts)
    floor = [max(float(counts[:1].mean()), 0.1) * n, max(float(counts[-1:].mean()), 0.1) * n]
    over = np.clip(counts - np.linspace(floor[0], floor[1], n) / n, 0, None)
    top = int(np.argmax(over))
    half = over > over[top] / 2
    width = max(half.sum(), 1) * (b - a) / n / FWHM
    start = {
        "area": max(float(over[half].sum()) * 1.3, 1.0),
        "mean": float(middle[top]),
        "sigma": float(width),
        "background_a": floor[0],
        "background_b": floor[1],
    }
    return model, start


def _exponential(counts: Array, edges: Array) -> tuple[Model, dict[str, float]]:
    a, b = float(edges[0]), float(edges[-1])

    def model(x: Array, area: float, rate: float, background: float) -> Array:
        return -area * np.expm1(-rate * (x - a)) + background * (x - a) / (b - a)

    middle, total = (edges[:-1] + edges[1:]) / 2 - a, max(float(counts.sum()), 1.0)
    mean = max(float((middle * counts).sum()) / total, (b - a) / len(counts) / 2)
    return model, {"area": total, "rate": 1 / mean, "background": max(0.01 * total, 0.1)}


def _between(counts: Array, edges: Array, low: float | None, high: float | None) -> tuple[int, int]:
    """Return the bins that lie between two values as a whole."""
    first = 0 if low is None else int(np.searchsorted(edges, low, "left"))
    last = len(counts) if high is None else int(np.searchsorted(edges, high, "right")) - 1
    if last <= first:
        raise UsageError("there are no bins in --fit-range: it is written low:high, as 400:600")
    return first, last


def _around_peak(
    counts: Array, edges: Array, low: float | None, high: float | None
) -> tuple[int, int]:
    """Return the bins within three times the width at half height of the highest one."""
    top = int(np.argmax(counts))
    below = np.flatnonzero(counts < counts[top] / 2)
    left = int(below[below < top][-1]) if (below < top).any() else 0
    right = int(below[below > top][0]) if (below > top).any() else len(counts) - 1
    reach = max(3 * max(right - top, top - left), 4)
    return max(0, top - reach), min(len(counts), top + reach + 1)

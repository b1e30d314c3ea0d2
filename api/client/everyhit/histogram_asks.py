"""The requests for counts of values."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from everyhit.histogram import Axis, Histogram
from everyhit.request import Ask, Moment, RunName, graphql, named, read_as


def histogram(
    column: str,
    run: RunName | None,
    of: str,
    start: Moment | None,
    stop: Moment | None,
    where: str,
    bins: int,
    low: float | None,
    high: float | None,
) -> Ask[Histogram]:
    """Ask for counts of a column's values."""
    ask = graphql(
        "query($r: String, $c: String!, $of: String!, $a: Moment, $b: Moment, $w: String!,"
        " $n: Int!, $l: Float, $h: Float) { run(which: $r) { number histogram(column: $c, of: $of,"
        " start: $a, stop: $b, where: $w, bins: $n, low: $l, high: $h, whole: true)"
        " { low high counts below above partial } } }",
        {"r": named(run), "c": column, "of": of, "w": where, "n": bins, "l": low, "h": high}
        | _range(start, stop),
    )

    def read(data: Mapping[str, Any]) -> Histogram:
        told = data["run"]["histogram"]
        below, above = int(told["below"]), int(told["above"])
        counts = np.array(told["counts"], float)
        return Histogram(
            axes=(_axis(column, told["low"], told["high"], len(counts)),),
            content=counts,
            title=_title(column, of, where, data["run"]["number"]),
            below=below,
            above=above,
            outside=below + above,
            partial=told["partial"],
        )

    return read_as(ask, read)


def histogram2d(
    x: str,
    y: str,
    run: RunName | None,
    of: str,
    start: Moment | None,
    stop: Moment | None,
    where: str,
    bins: tuple[int, int],
    low: tuple[float | None, float | None],
    high: tuple[float | None, float | None],
) -> Ask[Histogram]:
    """Ask for counts of pairs of two columns' values."""
    ask = graphql(
        "query($r: String, $x: String!, $y: String!, $of: String!, $a: Moment, $b: Moment,"
        " $w: String!, $xn: Int!, $yn: Int!, $xl: Float, $yl: Float, $xh: Float, $yh: Float)"
        " { run(which: $r) { number histogram2d(x: $x, y: $y, of: $of, start: $a, stop: $b,"
        " where: $w, xBins: $xn, yBins: $yn, xLow: $xl, yLow: $yl, xHigh: $xh, yHigh: $yh)"
        " { x { low high bins } y { low high bins } counts outside partial } } }",
        {"r": named(run), "x": x, "y": y, "of": of, "w": where}
        | {"xn": bins[0], "yn": bins[1], "xl": low[0], "yl": low[1], "xh": high[0], "yh": high[1]}
        | _range(start, stop),
    )

    def read(data: Mapping[str, Any]) -> Histogram:
        told = data["run"]["histogram2d"]
        axes = [
            _axis(name, told[key]["low"], told[key]["high"], told[key]["bins"])
            for name, key in ((x, "x"), (y, "y"))
        ]
        return Histogram(
            axes=tuple(axes),
            content=np.array(told["counts"], float).reshape(len(axes[1]), len(axes[0])).T,
            title=_title(f"{y} against {x}", of, where, data["run"]["number"]),
            outside=int(told["outside"]),
            partial=told["partial"],
        )

    return read_as(ask, read)


def _range(start: Moment | None, stop: Moment | None) -> dict[str, Moment | None]:
    return {"a": start, "b": stop}


def _axis(name: str, low: float, high: float, bins: int) -> Axis:
    return Axis(name, tuple(np.linspace(low, high, bins + 1).tolist()))


def _title(what: str, of: str, where: str, run: int) -> str:
    return f"{what} of {of}{' where ' + where if where else ''}, run {run}"

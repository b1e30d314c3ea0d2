"""What segments and tracks are worth, against the muons that were sent through the chambers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from real_chambers import CELL_MM, CHAMBER_VIEW, FIRST_WIRE_MM, MIDDLE_MM, TICK_NS, Muons

NEAR_NS, NEAR_MM = 15.0, 2.0


@dataclass(frozen=True)
class Matched:
    """Segments of one chamber beside the muons that passed it, each to the nearest one in time."""

    muon: NDArray[np.int64]
    """Of each segment."""
    off_ns: NDArray[np.float64]
    off_mm: NDArray[np.float64]
    off_slope: NDArray[np.float64]

    @property
    def good(self) -> NDArray[np.bool_]:
        return (abs(self.off_ns) < NEAR_NS) & (abs(self.off_mm) < NEAR_MM)


def passage_ns(rows: pl.DataFrame) -> NDArray[np.float64]:
    return rows["t"].to_numpy() * TICK_NS + rows["t0_ns"].to_numpy()


def matched(muons: Muons, chamber: int, rows: pl.DataFrame) -> Matched:
    """Each row's nearest muon, of the five around it in time: by time and place together."""
    return nearest(
        muons, chamber, passage_ns(rows), rows["x_mm"].to_numpy(), rows["slope"].to_numpy()
    )


def nearest(
    muons: Muons,
    chamber: int,
    when: NDArray[np.float64],
    x_mm: NDArray[np.float64],
    slope: NDArray[np.float64],
) -> Matched:
    at_ns, at_mm, steep = muons.passage(chamber)
    order = np.argsort(at_ns)
    place = np.searchsorted(at_ns[order], when)
    near = order[np.clip(place[:, None] + np.arange(-3, 3), 0, len(order) - 1)]
    far = ((when[:, None] - at_ns[near]) / NEAR_NS) ** 2
    far += ((x_mm[:, None] - at_mm[near]) / NEAR_MM) ** 2
    muon = near[np.arange(len(near)), far.argmin(axis=1)]
    return Matched(muon, when - at_ns[muon], x_mm - at_mm[muon], slope - steep[muon])


def core_width(pull: NDArray[np.float64]) -> float:
    """The standard deviation of a bell's core: half of what holds 68.27 %."""
    return float(np.diff(np.quantile(pull, [0.15865, 0.84135]))[0] / 2) if len(pull) else np.nan


def own_muon(muons: Muons, chamber: int, found: pl.DataFrame) -> NDArray[np.int64]:
    """The muon whose undisturbed hits a segment is made of, all of them; -1 for others."""
    if found.is_empty():
        return np.empty(0, np.int64)
    hits = muons.hits.filter(pl.col("own") | pl.col("twin"), chamber=chamber).unique(
        ["t", "layer", "wire"]
    )
    keys = {row[:3]: row[3] for row in hits.select("t", "layer", "wire", "muon").iter_rows()}
    answer = []
    for times, wires in found.select("hit_t", "wires").iter_rows():
        muon = {
            keys.get((t, k, w), -1)
            for k, (t, w) in enumerate(zip(times, wires, strict=True), 1)
            if w
        }
        answer.append(muon.pop() if len(muon) == 1 else -1)
    return np.array(answer)


def found_as_four(muons: Muons, chamber: int, own: pl.DataFrame) -> NDArray[np.bool_]:
    """Which muons have a segment of four hits there, all their own."""
    four = own.filter(n_hits=4)
    muon = own_muon(muons, chamber, four)
    found = np.zeros(len(muons.t_ns), bool)
    found[muon[muon >= 0]] = True
    return found


def shares_of_four(
    muons: Muons,
    found: pl.DataFrame,
    where: Callable[[Muons, int], NDArray[np.float64]],
    edges: Sequence[float],
    steepest_deg: float = 45.0,
) -> list[float]:
    """Share of the muons with four hits in a chamber that are found as such, by where they are."""
    n = np.zeros((2, len(edges) - 1))
    for chamber, view in enumerate(CHAMBER_VIEW):
        level = abs(muons.slope[view]) < np.tan(np.radians(steepest_deg))
        asked = (muons.true_hits(chamber) == 4) & level
        got = asked & found_as_four(muons, chamber, found.filter(chamber=chamber))
        place = where(muons, chamber)
        n += [np.histogram(place[which], edges)[0] for which in (got, asked)]
    return (n[0] / np.maximum(1, n[1])).tolist()


def from_wire_mm(muons: Muons, chamber: int) -> NDArray[np.float64]:
    """How far each muon passes from the nearest wire of the chamber's first layer."""
    _, at_mm, slope = muons.passage(chamber)
    place = (at_mm - slope * 1.5 * 13.0 - FIRST_WIRE_MM[0]) / CELL_MM
    return abs(place - np.rint(place)) * CELL_MM


def angle_deg(muons: Muons, chamber: int) -> NDArray[np.float64]:
    """The angle of each muon in the chamber's view, without its sign."""
    return np.degrees(np.arctan(abs(muons.slope[CHAMBER_VIEW[chamber]])))


def wrong_side(muons: Muons, chamber: int, found: pl.DataFrame, muon: NDArray[np.int64]):  # type: ignore[no-untyped-def]
    """Whether a segment believes the muon on the wrong side of a wire, by more than 1 mm."""
    _, at_mm, slope = muons.passage(chamber)
    z_mm = (np.arange(4) - 1.5) * 13.0
    x_mm = at_mm[muon, None] + slope[muon, None] * z_mm
    wires = np.array(found["wires"].to_list()).reshape(-1, 4)
    away = x_mm - (np.array(FIRST_WIRE_MM) + (wires - 1) * CELL_MM)
    sides = np.array(found["sides"].to_list()).reshape(-1, 4)
    return ((sides != 0) & (np.sign(away) != sides) & (abs(away) > 1)).any(axis=1)


def judge_segments(
    muons: Muons, found: pl.DataFrame, steepest_deg: float = 38.0
) -> dict[str, float]:
    """Figures of the table; shares are of chamber passages below the steepest angle."""
    n = dict.fromkeys(("four", "as_four", "three", "three_good", "three_kept"), 0)
    pulls: dict[str, list[NDArray[np.float64]]] = {"t0": [], "x": [], "slope": []}
    low = wrong = ghosts = flagged = 0
    for chamber, view in enumerate(CHAMBER_VIEW):
        own = found.filter(chamber=chamber)
        true = muons.true_hits(chamber)
        level = abs(muons.slope[view]) < np.tan(np.radians(steepest_deg))
        match = matched(muons, chamber, own)
        whole = own_muon(muons, chamber, own)
        n_hits = own["n_hits"].to_numpy()
        as_four = found_as_four(muons, chamber, own)
        good = np.zeros(len(true), bool)
        good[match.muon[match.good]] = True
        kept = good | _kept(muons, chamber, own)
        n["four"] += int((level & (true == 4)).sum())
        n["as_four"] += int((level & (true == 4) & as_four).sum())
        n["three"] += int((level & (true == 3)).sum())
        n["three_good"] += int((level & (true == 3) & good).sum())
        n["three_kept"] += int((level & (true == 3) & kept).sum())
        exact = (whole >= 0) & (n_hits == 4) & (abs(match.off_ns) < 100)
        names = {"t0": ("off_ns", "t0_err_ns"), "x": ("off_mm", "x_err_mm")}
        names["slope"] = ("off_slope", "slope_err")
        for name, (off, error) in names.items():
            pulls[name].append(getattr(match, off)[exact] / own[error].to_numpy()[exact])
        three = (n_hits == 3) & level[match.muon]
        low += int(three.sum())
        wrong += int(wrong_side(muons, chamber, own, match.muon)[three].sum())
        ghost = three & ~match.good
        ghosts += int(ghost.sum())
        if "quality" in own.columns:
            flagged += int((ghost & (own["quality"] == "LOWQGHOST").to_numpy()).sum())
    widths = {f"pull_{name}": core_width(np.concatenate(p)) for name, p in pulls.items()}
    return {
        "four_as_four": n["as_four"] / max(1, n["four"]),
        "three_good": n["three_good"] / max(1, n["three"]),
        "three_kept": n["three_kept"] / max(1, n["three"]),
        **widths,
        "three_wrong_side": wrong / max(1, low),
        "ghosts": ghosts / max(1, low),
        "ghosts_unflagged": (ghosts - flagged) / max(1, low),
    }


def _kept(muons: Muons, chamber: int, own: pl.DataFrame) -> NDArray[np.bool_]:
    # Which muons are among the alternatives of a segment.
    kept = np.zeros(len(muons.t_ns), bool)
    if "alt_x_mm" in own.columns:
        names = ["alt_t0_ns", "alt_x_mm", "alt_slope"]
        each = own.select("t", *names).explode(names).drop_nulls()
        when = each["t"].to_numpy() * TICK_NS + each["alt_t0_ns"].to_numpy()
        match = nearest(
            muons, chamber, when, each["alt_x_mm"].to_numpy(), each["alt_slope"].to_numpy()
        )
        kept[match.muon[match.good]] = True
    return kept


def judge_tracks(muons: Muons, found: pl.DataFrame, steepest_deg: float = 38.0) -> dict[str, float]:
    """Shares and spreads of tracks of view 0, against muons with four hits in two chambers."""
    own = found.filter(view=0)
    true = sum((muons.true_hits(c) == 4).astype(int) for c in (0, 1, 2))
    level = abs(muons.slope[0]) < np.tan(np.radians(steepest_deg))
    at_mm = (own["x0_mm"] + own["slope"] * MIDDLE_MM).to_numpy()
    match = nearest(muons, 1, passage_ns(own), at_mm, own["slope"].to_numpy())
    got = np.zeros(len(true), bool)
    right = match.good & (abs(match.off_slope) < 0.1)
    got[match.muon[right]] = True
    whole = right & (own["n_hits"] == 12).to_numpy() & (true[match.muon] == 3)
    pulls = {"slope": match.off_slope[whole] / own["slope_err"].to_numpy()[whole]}
    if "t0_err_ns" in own.columns:
        pulls["t0"] = match.off_ns[whole] / own["t0_err_ns"].to_numpy()[whole]
    ideal_ns = _ideal_ns(muons, match.muon[whole])
    return {
        "tracks_of_44": (got & level & (true >= 2)).sum() / max(1, (level & (true >= 2)).sum()),
        "track_fakes": 1 - match.good.mean() if len(own) else 0.0,
        "track_t0_ns": core_width(match.off_ns[whole]),
        "ideal_t0_ns": core_width(ideal_ns),
        **{f"track_pull_{name}": core_width(pull) for name, pull in pulls.items()},
    }


def _ideal_ns(muons: Muons, which: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far the fit of all true hits, sides known, one time for all, is off each muon's time."""
    hits = muons.hits.filter(pl.col("own"), view=0).sort("muon", "chamber", "layer")
    hits = hits.filter(pl.col("muon").is_in(np.unique(which).tolist()))
    muon = hits["muon"].to_numpy().reshape(-1, 12)
    order = np.searchsorted(muon[:, 0], which)
    flight = np.stack([muons.passage(c)[0] - muons.t_ns for c in (0, 1, 2)])
    chamber = hits["chamber"].to_numpy().reshape(-1, 12)
    z_mm = hits["z_mm"].to_numpy().reshape(-1, 12) - MIDDLE_MM
    wire_mm = hits["x_mm"].to_numpy().reshape(-1, 12)
    t_ns = hits["t"].to_numpy().reshape(-1, 12) * TICK_NS
    x_mm = muons.x_mm[0][muon] + muons.slope[0][muon] * z_mm
    side = np.sign(x_mm - wire_mm)
    late = t_ns - muons.t_ns[muon] - flight[chamber, muon]
    model = np.stack([np.ones_like(z_mm), z_mm, side * 0.0538], axis=2)
    measured = wire_mm + side * 0.0538 * late
    fits = np.linalg.pinv(model) @ measured[:, :, None]
    return fits[order, 2, 0]

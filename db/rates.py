"""Words of each channel in each slice of time, counted at insert."""

from db.engine import Engine
from db.hits_view import key
from db.runs import Run


def rates_sql(engine: Engine, run: Run, a: int, b: int) -> str:
    """Return the SELECT of t (a slice's begin, in [a, b)), link, channel, hit and n_hits.

    ``hit`` tells sound hits from corrupt and other words.

    The rollup is filled a moment after the chunks, and lacks a block whose insert was killed in
    between. Where it does not account for every word, the words themselves are counted: slower,
    and always right.
    """
    ticks = run.detector.slice
    first, stop = -(-a // ticks), -(-b // ticks)
    where = f"run_id = {run.run_id} AND slice >= {first} AND slice < {stop}"
    rollup = (
        f"SELECT slice * {ticks} AS t, link, channel, hit, sum(rates.n_hits) AS n_hits FROM"
        f" rates WHERE {where} GROUP BY slice, link, channel, hit"
    )
    counted = engine.fetch(
        f"SELECT (SELECT sum(n_hits) FROM rates WHERE {where}) AS rolled,"
        f" (SELECT sum(n_hits) FROM chunks WHERE run_id = {run.run_id}"
        f" AND t_first >= {first * ticks} AND t_first < {stop * ticks}) AS stored"
    ).to_pylist()[0]
    if counted["rolled"] == counted["stored"]:
        return rollup
    return (
        f"SELECT intDiv(t_first - positiveModulo(t_first, {ticks}), {ticks}) * {ticks} AS t, link,"
        f" channel, hit, count() AS n_hits FROM channels_{key(run.detector)}(run = {run.run_id},"
        f" a = {first * ticks}, b = {stop * ticks}) GROUP BY t, link, channel, hit"
    )

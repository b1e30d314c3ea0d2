"""Words of each channel in each slice of time, counted when they were stored."""

from db.catalogue.runs import Run
from db.engine import Engine
from db.words.headers import heads_sql


def rates_sql(engine: Engine, run: Run, a: int, b: int) -> str:
    """Return the SELECT of t (a slice's begin, in [a, b)), link, channel, hit and n_hits.

    ``hit`` tells sound hits from corrupt and other words.

    The rollup is filled a moment after the chunks, and lacks a block whose insert was killed in
    between. Where it does not account for every word, the tallies of the chunks are summed:
    slower, and always right.
    """
    ticks = run.detector.slice
    first, stop = -(-a // ticks), -(-b // ticks)
    where = f"run_id = {run.run_id} AND slice >= {first} AND slice < {stop}"
    rollup = (
        f"SELECT slice * {ticks} AS t, link, channel, hit, sum(rates.n_hits) AS n_hits FROM"
        f" rates WHERE {where} GROUP BY slice, link, channel, hit"
    )
    chunks = f"run_id = {run.run_id} AND t_first >= {first * ticks} AND t_first < {stop * ticks}"
    counted = engine.fetch(
        f"SELECT (SELECT sum(n_hits) FROM rates WHERE {where}) AS rolled,"
        f" (SELECT sum(n_hits) FROM ({heads_sql('link, seq, n_hits', chunks)})) AS stored"
    ).to_pylist()[0]
    if counted["rolled"] == counted["stored"]:
        return rollup
    tallies = heads_sql("link, seq, slice, tally_channel, tally_hit, tally_n", chunks)
    return (
        f"SELECT slice * {ticks} AS t, link, channel, hit, sum(n) AS n_hits FROM ({tallies})"
        " ARRAY JOIN tally_channel AS channel, tally_hit AS hit, tally_n AS n"
        " GROUP BY slice, link, channel, hit"
    )

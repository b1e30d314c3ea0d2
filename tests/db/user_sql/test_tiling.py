"""What SQL of a trigger must not do: hang on where its window begins and ends."""

import pytest

from db.errors import SqlError
from db.user_sql.confine import confined

REFUSED = """
SELECT t FROM hits LIMIT 1
SELECT t FROM (SELECT t FROM hits ORDER BY t LIMIT 10)
SELECT t FROM hits LIMIT 1 BY ch
SELECT t FROM hits ORDER BY t LIMIT 1 WITH TIES
SELECT t FROM hits ORDER BY t OFFSET 3
SELECT t FROM hits UNION ALL SELECT t FROM hits LIMIT 1
(SELECT t FROM hits) UNION ALL (SELECT t FROM hits LIMIT 1)
SELECT min(t) AS t FROM hits
SELECT t FROM (SELECT max(t) AS t, count() AS n FROM hits) WHERE n > 3
SELECT t, (SELECT count() FROM hits) AS n FROM hits
SELECT t FROM hits WHERE t > (SELECT avg(t) FROM hits)
WITH (SELECT max(t) FROM hits) AS last SELECT t FROM hits WHERE t < last
SELECT arrayJoin(groupArray(t)) AS t FROM hits
SELECT ch, max(t) AS t FROM hits GROUP BY ch
SELECT ch, max(t) AS t FROM hits GROUP BY 1
SELECT t, count() OVER () AS n FROM hits
SELECT t, sum(1) OVER (ORDER BY t) AS n FROM hits
SELECT t, sum(1) OVER (ORDER BY t ROWS UNBOUNDED PRECEDING) AS n FROM hits
SELECT t, sum(1) OVER (ORDER BY t RANGE BETWEEN 5 PRECEDING AND UNBOUNDED FOLLOWING) AS n FROM hits
SELECT t, count() OVER (PARTITION BY ch) AS n FROM hits
SELECT t, row_number() OVER (ORDER BY t) AS n FROM hits
SELECT t, rank() OVER (PARTITION BY ch ORDER BY t) AS n FROM hits
SELECT t, first_value(t) OVER (ORDER BY t) AS n FROM hits
SELECT t, ntile(4) OVER (ORDER BY t) AS n FROM hits
SELECT t, count() OVER w AS n FROM hits WINDOW w AS (ORDER BY t)
""".strip().splitlines()

TAKEN = """
SELECT t, count() OVER (PARTITION BY ch ORDER BY t RANGE BETWEEN CURRENT ROW AND 48 FOLLOWING) AS n FROM hits
SELECT t, count() OVER w AS n FROM hits WINDOW w AS (ORDER BY t RANGE BETWEEN 5 PRECEDING AND 5 FOLLOWING)
SELECT t, lagInFrame(t, 1, 0) OVER (ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n FROM hits
SELECT t, row_number() OVER (PARTITION BY intDiv(t, 100) ORDER BY t) AS n FROM hits
SELECT intDiv(t, 100) * 100 AS s, s AS t, count() AS n FROM hits GROUP BY s
SELECT t, max(ch) AS c FROM hits GROUP BY t
SELECT t, max(ch) AS c FROM hits GROUP BY 1
SELECT s AS t, n FROM (SELECT s, c, count() AS n FROM (SELECT intDiv(t, 9) AS s, ch AS c FROM hits) GROUP BY s, c)
SELECT DISTINCT t FROM hits
SELECT t FROM hits UNION ALL SELECT t + 1 AS t FROM hits
SELECT t, arrayMax([ch, 1]) AS x, greatest(ch, 2) AS y, arraySum(x -> x, [ch]) AS z FROM hits
""".strip().splitlines()


@pytest.mark.parametrize("sql", REFUSED)
def test_what_hangs_on_the_windows_is_refused_where_it_must_repeat(engine, sql):
    with pytest.raises(SqlError, match="a trigger must find the same however its windows are cut"):
        confined(engine, sql, ("hits",), repeatable=True)
    confined(engine, sql, ("hits",))


@pytest.mark.parametrize("sql", TAKEN)
def test_what_looks_at_times_around_a_row_is_taken(engine, sql):
    confined(engine, sql, ("hits",), repeatable=True)
